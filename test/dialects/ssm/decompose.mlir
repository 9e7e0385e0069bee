// RUN: ssm-opt %s -split-input-file -verify-diagnostics -ssm-decompose -canonicalize -cse | FileCheck %s

// CHECK-LABEL: func @scan
// CHECK-SAME: (%[[A:.*]]: tensor<2x?x64xf32>, %[[B:.*]]: tensor<2x?x64xf32>, %[[H0:.*]]: tensor<2x?x64xf32>, %[[S0:.*]]: tensor<2x64xf32>)
func.func @scan(%a: tensor<2x?x64xf32>, %b: tensor<2x?x64xf32>, %h0: tensor<2x?x64xf32>, %s0: tensor<2x64xf32>) -> (tensor<2x?x64xf32>, tensor<2x64xf32>) {
  // CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
  // CHECK-DAG: %[[L:.*]] = tensor.dim %[[H0]], %[[C1]]
  // CHECK: %[[R:.*]]:2 = scf.for %[[T:.*]] = %{{.*}} to %[[L]] {{.*}} iter_args(%[[H:.*]] = %[[H0]], %[[S:.*]] = %[[S0]])
  // CHECK-DAG: %[[AT:.*]] = tensor.extract_slice %[[A]][0, %[[T]], 0] [2, 1, 64] [1, 1, 1] : tensor<2x?x64xf32> to tensor<2x64xf32>
  // CHECK-DAG: %[[BT:.*]] = tensor.extract_slice %[[B]][0, %[[T]], 0] [2, 1, 64] [1, 1, 1]
  // CHECK-DAG: %[[HT:.*]] = tensor.extract_slice %[[H]][0, %[[T]], 0] [2, 1, 64] [1, 1, 1]
  // CHECK: %[[N:.*]]:2 = linalg.generic {{.*}} ins(%[[AT]], %[[BT]] : {{.*}}) outs(%[[HT]], %[[S]] : {{.*}})
  // CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[Y:.*]]: f32, %{{.*}}: f32, %[[Z:.*]]: f32):
  // CHECK-NEXT: %[[P:.*]] = arith.mulf %[[X]], %[[Z]]
  // CHECK-NEXT: %[[Q:.*]] = arith.addf %[[P]], %[[Y]]
  // CHECK-NEXT: linalg.yield %[[Q]], %[[Q]]
  // CHECK: tensor.insert_slice %[[N]]#0 into %[[H]][0, %[[T]], 0] [2, 1, 64] [1, 1, 1]
  // CHECK: scf.yield %{{.*}}, %[[N]]#1
  // CHECK: return %[[R]]#0, %[[R]]#1
  %h, %s = ssm.scan dimension(1) ins(%a, %b : tensor<2x?x64xf32>, tensor<2x?x64xf32>)
    outs(%h0, %s0 : tensor<2x?x64xf32>, tensor<2x64xf32>) -> tensor<2x?x64xf32>, tensor<2x64xf32>
  return %h, %s : tensor<2x?x64xf32>, tensor<2x64xf32>
}

// -----

// Storage in half precision, arithmetic in the type of the state.
// CHECK-LABEL: func @scan_mixed
func.func @scan_mixed(%a: tensor<5xf16>, %s0: tensor<f32>) -> tensor<5xf16> {
  // CHECK: arith.extf
  // CHECK: arith.extf
  // CHECK: arith.mulf {{.*}} : f32
  // CHECK: arith.addf {{.*}} : f32
  // CHECK: arith.truncf {{.*}} : f32 to f16
  %h, %s = ssm.scan dimension(0) ins(%a, %a : tensor<5xf16>, tensor<5xf16>)
    outs(%a, %s0 : tensor<5xf16>, tensor<f32>) -> tensor<5xf16>, tensor<f32>
  return %h : tensor<5xf16>
}

// -----

// CHECK-LABEL: func @selective_scan
func.func @selective_scan(%u: tensor<?x?x96xf32>, %A: tensor<96x16xf32>, %B: tensor<?x?x16xf32>, %D: tensor<96xf32>, %y0: tensor<?x?x96xf32>, %s0: tensor<?x96x16xf32>) -> tensor<?x?x96xf32> {
  // CHECK: scf.for
  // CHECK: math.exp
  // CHECK: linalg.fill
  // CHECK: linalg.generic {{.*}}"reduction"
  // CHECK: arith.divf
  // CHECK: tensor.insert_slice
  // CHECK: scf.yield
  %y, %s = ssm.selective_scan ins(%u, %u, %A, %B, %B : tensor<?x?x96xf32>, tensor<?x?x96xf32>, tensor<96x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>)
    skip(%D : tensor<96xf32>) gate(%u : tensor<?x?x96xf32>)
    outs(%y0, %s0 : tensor<?x?x96xf32>, tensor<?x96x16xf32>) -> tensor<?x?x96xf32>, tensor<?x96x16xf32>
  return %y : tensor<?x?x96xf32>
}

// -----

// CHECK: affine_map<(d0, d1, d2, d3) -> (d0, d1 + d3 * 2, d2)>
// CHECK-LABEL: func @short_conv
// CHECK-SAME: (%[[X:.*]]: tensor<2x7x96xf32>, %[[W:.*]]: tensor<96x4xf32>, %[[S0:.*]]: tensor<2x6x96xf32>)
func.func @short_conv(%x: tensor<2x7x96xf32>, %w: tensor<96x4xf32>, %s0: tensor<2x6x96xf32>) -> (tensor<2x7x96xf32>, tensor<2x6x96xf32>) {
  // CHECK: %[[E:.*]] = tensor.empty() : tensor<2x13x96xf32>
  // CHECK: %[[P0:.*]] = tensor.insert_slice %[[S0]] into %[[E]][0, 0, 0]
  // CHECK: %[[P:.*]] = tensor.insert_slice %[[X]] into %[[P0]][0, 6, 0]
  // CHECK: %[[S:.*]] = tensor.extract_slice %[[P]][0, 7, 0] [2, 6, 96]
  // CHECK: linalg.generic {{.*}} ins(%[[P]], %[[W]] :
  // CHECK: return %{{.*}}, %[[S]]
  %y, %s = ssm.short_conv dilation(2) ins(%x, %w : tensor<2x7x96xf32>, tensor<96x4xf32>)
    outs(%x, %s0 : tensor<2x7x96xf32>, tensor<2x6x96xf32>) -> tensor<2x7x96xf32>, tensor<2x6x96xf32>
  return %y, %s : tensor<2x7x96xf32>, tensor<2x6x96xf32>
}

// -----

// CHECK: affine_map<(d0, d1, d2) -> (d1 floordiv 16, d2, d1 mod 16)>
// CHECK-LABEL: func @linear
func.func @linear(%x: tensor<?x768xf32>, %w: tensor<4x768x16xf32>, %b: tensor<50xf32>, %out: tensor<?x50xf32>) -> tensor<?x50xf32> {
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
  // CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<50xf32>) outs(%[[SUM]] : tensor<?x50xf32>)
  %y = ssm.linear ins(%x, %w : tensor<?x768xf32>, tensor<4x768x16xf32>) extras(%b : tensor<50xf32>)
    outs(%out : tensor<?x50xf32>) {
  ^bb0(%sum: f32, %bias: f32):
    %0 = arith.addf %sum, %bias : f32
    ssm.yield %0 : f32
  } -> tensor<?x50xf32>
  return %y : tensor<?x50xf32>
}

// -----

// CHECK-LABEL: func @recurrence
// CHECK-SAME: (%[[X:.*]]: tensor<2x?x8xf32>, %[[H0:.*]]: tensor<?x2x8xf32>, %[[S0:.*]]: tensor<2x8xf32>)
func.func @recurrence(%x: tensor<2x?x8xf32>, %h0: tensor<?x2x8xf32>, %s0: tensor<2x8xf32>) -> tensor<?x2x8xf32> {
  // CHECK: scf.for %[[T:.*]] = {{.*}} iter_args(%[[H:.*]] = %[[H0]], %[[S:.*]] = %[[S0]])
  // CHECK: %[[XT:.*]] = tensor.extract_slice %[[X]][0, %[[T]], 0]
  // CHECK: %[[L1:.*]] = arith.subi %{{.*}}, %{{.*}}
  // CHECK: %[[BACK:.*]] = arith.subi %[[L1]], %[[T]]
  // CHECK: %[[Y:.*]] = tensor.insert_slice %[[ADD:.*]] into %[[H]][%[[BACK]], 0, 0]
  // CHECK: scf.yield %[[Y]], %[[ADD]]
  %h, %s = ssm.recurrence axes[1, 0] reverse[false, true] ins(%x : tensor<2x?x8xf32>) outs(%h0 : tensor<?x2x8xf32>) states(%s0 : tensor<2x8xf32>) {
  ^bb0(%xt: tensor<2x8xf32>, %s: tensor<2x8xf32>):
    %0 = arith.addf %xt, %s : tensor<2x8xf32>
    ssm.yield %0, %0 : tensor<2x8xf32>, tensor<2x8xf32>
  } -> tensor<?x2x8xf32>, tensor<2x8xf32>
  return %h : tensor<?x2x8xf32>
}

// -----

// An op in the step of another.
// CHECK-LABEL: func @nested
func.func @nested(%x: tensor<9x2x8xf32>, %s0: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK-NOT: ssm.
  %s = ssm.recurrence axes[0] ins(%x : tensor<9x2x8xf32>) outs() states(%s0 : tensor<8xf32>) {
  ^bb0(%xt: tensor<2x8xf32>, %s: tensor<8xf32>):
    %h, %last = ssm.scan dimension(0) ins(%xt, %xt : tensor<2x8xf32>, tensor<2x8xf32>) outs(%xt, %s : tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>, tensor<8xf32>
    ssm.yield %last : tensor<8xf32>
  } -> tensor<8xf32>
  return %s : tensor<8xf32>
}

// -----

// One element has nothing to be turned with.
// CHECK-LABEL: func @rope_of_one
func.func @rope_of_one(%x: tensor<2x?x3x1xf32>, %a: tensor<?x?xf32>, %y0: tensor<2x?x3x1xf32>) -> tensor<2x?x3x1xf32> {
  // CHECK-NEXT: %[[Y:.*]] = linalg.copy
  // CHECK-NEXT: return %[[Y]]
  %y = ssm.rope layout(interleaved) ins(%x, %a, %a : tensor<2x?x3x1xf32>, tensor<?x?xf32>, tensor<?x?xf32>) outs(%y0 : tensor<2x?x3x1xf32>) -> tensor<2x?x3x1xf32>
  return %y : tensor<2x?x3x1xf32>
}

// -----

func.func @buffers(%h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{on buffers has no decomposition: run ssm-decompose before bufferization}}
  ssm.scan dimension(1) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

// CHECK-LABEL: func @long_conv
func.func @long_conv(%x: tensor<2x7x96xf32>, %k: tensor<7x96xf32>, %a: tensor<3x96xf32>) -> tensor<2x7x96xf32> {
  // CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]{{.*}} ins(%{{.*}} : tensor<7x96xf32>)
  // CHECK: tensor.extract %{{.*}} : tensor<2x7x96xf32>
  // CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<3x96xf32>)
  // CHECK: return
  %y = ssm.long_conv ins(%x, %k : tensor<2x7x96xf32>, tensor<7x96xf32>) ahead(%a : tensor<3x96xf32>)
    outs(%x : tensor<2x7x96xf32>) -> tensor<2x7x96xf32>
  return %y : tensor<2x7x96xf32>
}
