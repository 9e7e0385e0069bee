// RUN: ssm-opt %s -split-input-file -transform-interpreter -canonicalize -cse | FileCheck %s

// Tiles of time are chained by the state.
// CHECK-DAG: #[[REST:.*]] = affine_map<(d0)[s0] -> (-d0 + s0, 16)>
// CHECK-LABEL: func @chain_time
// CHECK-SAME: (%[[A:.*]]: tensor<2x?x64xf32>, %[[B:.*]]: tensor<2x?x64xf32>, %[[H0:.*]]: tensor<2x?x64xf32>, %[[S0:.*]]: tensor<2x64xf32>)
func.func @chain_time(%a: tensor<2x?x64xf32>, %b: tensor<2x?x64xf32>, %h0: tensor<2x?x64xf32>, %s0: tensor<2x64xf32>) -> (tensor<2x?x64xf32>, tensor<2x64xf32>) {
  // CHECK: %[[R:.*]]:2 = scf.for %[[T:.*]] = {{.*}} iter_args(%[[H:.*]] = %[[H0]], %[[S:.*]] = %[[S0]])
  // CHECK: %[[SIZE:.*]] = affine.min #[[REST]](%[[T]])
  // CHECK: %[[AT:.*]] = tensor.extract_slice %[[A]][0, %[[T]], 0] [2, %[[SIZE]], 64]
  // CHECK: %[[HT:.*]] = tensor.extract_slice %[[H]][0, %[[T]], 0] [2, %[[SIZE]], 64]
  // CHECK: %[[N:.*]]:2 = ssm.scan dimension(1) ins(%[[AT]], %{{.*}} : {{.*}}) outs(%[[HT]], %[[S]] : {{.*}})
  // CHECK: tensor.insert_slice %[[N]]#0 into %[[H]][0, %[[T]], 0] [2, %[[SIZE]], 64]
  // CHECK: scf.yield %{{.*}}, %[[N]]#1
  %h, %s = ssm.scan dimension(1) ins(%a, %b : tensor<2x?x64xf32>, tensor<2x?x64xf32>)
    outs(%h0, %s0 : tensor<2x?x64xf32>, tensor<2x64xf32>) -> tensor<2x?x64xf32>, tensor<2x64xf32>
  return %h, %s : tensor<2x?x64xf32>, tensor<2x64xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["ssm.scan"]} in %root : (!transform.any_op) -> !transform.any_op
    %tile, %loop = transform.structured.tile_using_for %op tile_sizes [0, 16, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// The loop over the tiles runs forwards, time backwards.
// CHECK-DAG: #[[BACK:.*]] = affine_map<()[s0] -> (-s0 + 60)>
// CHECK-LABEL: func @chain_time_backwards
func.func @chain_time_backwards(%x: tensor<2x64x8xf32>, %w: tensor<8x4xf32>, %s0: tensor<2x3x8xf32>) -> (tensor<2x64x8xf32>, tensor<2x3x8xf32>) {
  // CHECK: scf.for %[[T:.*]] = {{.*}} iter_args(%[[Y:.*]] = %{{.*}}, %[[S:.*]] = %{{.*}})
  // CHECK: %[[AT:.*]] = affine.apply #[[BACK]]()[%[[T]]]
  // CHECK: tensor.extract_slice %{{.*}}[0, %[[AT]], 0] [2, 4, 8]
  // CHECK: ssm.short_conv reverse {{.*}} outs(%{{.*}}, %[[S]] : tensor<2x4x8xf32>, tensor<2x3x8xf32>)
  // CHECK: tensor.insert_slice %{{.*}} into %[[Y]][0, %[[AT]], 0]
  %y, %s = ssm.short_conv reverse ins(%x, %w : tensor<2x64x8xf32>, tensor<8x4xf32>)
    outs(%x, %s0 : tensor<2x64x8xf32>, tensor<2x3x8xf32>) -> tensor<2x64x8xf32>, tensor<2x3x8xf32>
  return %y, %s : tensor<2x64x8xf32>, tensor<2x3x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["ssm.short_conv"]} in %root : (!transform.any_op) -> !transform.any_op
    %tile, %loop = transform.structured.tile_using_for %op tile_sizes [0, 4, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Batch and channels in parallel, all of time in each.
// CHECK-LABEL: func @parallel_channels
func.func @parallel_channels(%u: tensor<2x?x96xf32>, %A: tensor<96x16xf32>, %B: tensor<2x?x16xf32>, %D: tensor<96xf32>, %y0: tensor<2x?x96xf32>, %s0: tensor<2x96x16xf32>) -> (tensor<2x?x96xf32>, tensor<2x96x16xf32>) {
  // CHECK: scf.forall (%[[I:.*]], %[[P:.*]]) in (2, 3) shared_outs(%[[Y:.*]] = %{{.*}}, %[[S:.*]] = %{{.*}})
  // CHECK: %[[J:.*]] = affine.apply {{.*}}(%[[P]])
  // CHECK-DAG: tensor.extract_slice %{{.*}}[%[[J]], 0] [32, 16]
  // CHECK-DAG: tensor.extract_slice %{{.*}}[%[[I]], 0, 0] [1, %{{.*}}, 16]
  // CHECK-DAG: tensor.extract_slice %{{.*}}[%[[J]]] [32]
  // CHECK-DAG: %[[TILE:.*]] = tensor.extract_slice %[[S]][%[[I]], %[[J]], 0] [1, 32, 16]
  // CHECK: ssm.selective_scan {{.*}} outs(%{{.*}}, %[[TILE]] : {{.*}})
  // CHECK: tensor.parallel_insert_slice %{{.*}} into %[[Y]][%[[I]], 0, %[[J]]] [1, %{{.*}}, 32]
  %y, %s = ssm.selective_scan ins(%u, %u, %A, %B, %B : tensor<2x?x96xf32>, tensor<2x?x96xf32>, tensor<96x16xf32>, tensor<2x?x16xf32>, tensor<2x?x16xf32>)
    skip(%D : tensor<96xf32>) gate(%u : tensor<2x?x96xf32>)
    outs(%y0, %s0 : tensor<2x?x96xf32>, tensor<2x96x16xf32>) -> tensor<2x?x96xf32>, tensor<2x96x16xf32>
  return %y, %s : tensor<2x?x96xf32>, tensor<2x96x16xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["ssm.selective_scan"]} in %root : (!transform.any_op) -> !transform.any_op
    %tile, %loop = transform.structured.tile_using_forall %op tile_sizes [1, 0, 32] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A consumer that is tiled over channels takes the scan into its loop.
// CHECK-LABEL: func @fuse_over_channels
func.func @fuse_over_channels(%a: tensor<2x?x64xf32>, %s0: tensor<2x64xf32>, %g: tensor<2x?x64xf32>) -> tensor<2x?x64xf32> {
  // CHECK-NOT: ssm.scan
  // CHECK: scf.for
  // CHECK: ssm.scan dimension(1) {{.*}} outs(%{{.*}}, %{{.*}} : tensor<2x?x8xf32>, tensor<2x8xf32>)
  // CHECK: linalg.mul
  %h, %s = ssm.scan dimension(1) ins(%a, %a : tensor<2x?x64xf32>, tensor<2x?x64xf32>)
    outs(%a, %s0 : tensor<2x?x64xf32>, tensor<2x64xf32>) -> tensor<2x?x64xf32>, tensor<2x64xf32>
  %y = linalg.mul ins(%h, %g : tensor<2x?x64xf32>, tensor<2x?x64xf32>) outs(%g : tensor<2x?x64xf32>) -> tensor<2x?x64xf32>
  return %y : tensor<2x?x64xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["linalg.mul"]} in %root : (!transform.any_op) -> !transform.any_op
    %tile, %loop = transform.structured.fuse %op tile_sizes [0, 0, 8] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// One that is tiled over time does not: a later tile needs all earlier steps.
// CHECK-LABEL: func @no_fusion_over_time
func.func @no_fusion_over_time(%a: tensor<2x?x64xf32>, %s0: tensor<2x64xf32>, %g: tensor<2x?x64xf32>) -> tensor<2x?x64xf32> {
  // CHECK: ssm.scan dimension(1) {{.*}} outs(%{{.*}}, %{{.*}} : tensor<2x?x64xf32>, tensor<2x64xf32>)
  // CHECK: scf.for
  // CHECK-NOT: ssm.scan
  %h, %s = ssm.scan dimension(1) ins(%a, %a : tensor<2x?x64xf32>, tensor<2x?x64xf32>)
    outs(%a, %s0 : tensor<2x?x64xf32>, tensor<2x64xf32>) -> tensor<2x?x64xf32>, tensor<2x64xf32>
  %y = linalg.mul ins(%h, %g : tensor<2x?x64xf32>, tensor<2x?x64xf32>) outs(%g : tensor<2x?x64xf32>) -> tensor<2x?x64xf32>
  return %y : tensor<2x?x64xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["linalg.mul"]} in %root : (!transform.any_op) -> !transform.any_op
    %tile, %loop = transform.structured.fuse %op tile_sizes [0, 4, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// CHECK-LABEL: func @linear
func.func @linear(%x: tensor<?x768xf32>, %w: tensor<4x768x16xf32>, %b: tensor<50xf32>, %out: tensor<?x50xf32>) -> tensor<?x50xf32> {
  // CHECK: scf.forall (%[[M:.*]]) in
  // CHECK: tensor.extract_slice %{{.*}}[%{{.*}}, 0] [%{{.*}}, 768]
  // CHECK: ssm.linear ins(%{{.*}}, %{{.*}} : tensor<?x768xf32>, tensor<4x768x16xf32>) extras(%{{.*}} : tensor<50xf32>)
  %y = ssm.linear ins(%x, %w : tensor<?x768xf32>, tensor<4x768x16xf32>) extras(%b : tensor<50xf32>) outs(%out : tensor<?x50xf32>) {
  ^bb0(%sum: f32, %bias: f32):
    %0 = arith.addf %sum, %bias : f32
    ssm.yield %0 : f32
  } -> tensor<?x50xf32>
  return %y : tensor<?x50xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["ssm.linear"]} in %root : (!transform.any_op) -> !transform.any_op
    %tile, %loop = transform.structured.tile_using_forall %op tile_sizes [8] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Time is a loop where the state has all of the past that the kernel sees.
// CHECK-LABEL: func @long_conv_in_pieces
func.func @long_conv_in_pieces(%x: tensor<2x64x8xf32>, %k: tensor<4x8xf32>, %s0: tensor<2x3x8xf32>) -> (tensor<2x64x8xf32>, tensor<2x3x8xf32>) {
  // CHECK: scf.for %[[T:.*]] = {{.*}} iter_args(%[[Y:.*]] = %{{.*}}, %[[S:.*]] = %{{.*}})
  // CHECK: ssm.long_conv {{.*}} outs(%{{.*}}, %[[S]] : tensor<2x16x8xf32>, tensor<2x3x8xf32>)
  // CHECK: tensor.insert_slice %{{.*}} into %[[Y]][0, %[[T]], 0]
  %y, %s = ssm.long_conv ins(%x, %k : tensor<2x64x8xf32>, tensor<4x8xf32>)
    outs(%x, %s0 : tensor<2x64x8xf32>, tensor<2x3x8xf32>) -> tensor<2x64x8xf32>, tensor<2x3x8xf32>
  return %y, %s : tensor<2x64x8xf32>, tensor<2x3x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["ssm.long_conv"]} in %root : (!transform.any_op) -> !transform.any_op
    %tile, %loop = transform.structured.tile_using_for %op tile_sizes [0, 0, 16] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Otherwise batch and channels are, of kernels too.
// CHECK-LABEL: func @long_conv_channels
func.func @long_conv_channels(%x: tensor<2x64x96xf32>, %k: tensor<2x64x96xf32>, %a: tensor<5x96xf32>) -> tensor<2x64x96xf32> {
  // CHECK: scf.for
  // CHECK: ssm.long_conv ins(%{{.*}}, %{{.*}} : tensor<2x64x16xf32>, tensor<2x64x16xf32>) ahead(%{{.*}} : tensor<5x16xf32>) outs(%{{.*}} : tensor<2x64x16xf32>)
  %y = ssm.long_conv ins(%x, %k : tensor<2x64x96xf32>, tensor<2x64x96xf32>) ahead(%a : tensor<5x96xf32>)
    outs(%x : tensor<2x64x96xf32>) -> tensor<2x64x96xf32>
  return %y : tensor<2x64x96xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["ssm.long_conv"]} in %root : (!transform.any_op) -> !transform.any_op
    %tile, %loop = transform.structured.tile_using_for %op tile_sizes [0, 16] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
