// RUN: ssm-opt %s -split-input-file -verify-diagnostics -transform-interpreter -ssm-verify-parallel-time

// Upstream only warns that such a tile is not thread safe.
func.func @forall(%u: tensor<2x?x96xf32>, %A: tensor<96x16xf32>, %B: tensor<2x?x16xf32>, %s0: tensor<2x96x16xf32>) -> tensor<2x?x96xf32> {
  // expected-warning@+6 {{tiling is not thread safe at axis #1}}
  // expected-error@+5 {{faild to tile operation}}
  // expected-error@+4 {{failed to generate tiling loops}}
  // expected-note@+3 {{when applied to this op}}
  // expected-error@+2 {{cannot have its time split over a parallel loop: every step needs the one before it}}
  // expected-note@+1 {{the loop is here}}
  %y, %s = ssm.selective_scan ins(%u, %u, %A, %B, %B : tensor<2x?x96xf32>, tensor<2x?x96xf32>, tensor<96x16xf32>, tensor<2x?x16xf32>, tensor<2x?x16xf32>)
    outs(%u, %s0 : tensor<2x?x96xf32>, tensor<2x96x16xf32>) -> tensor<2x?x96xf32>, tensor<2x96x16xf32>
  return %y : tensor<2x?x96xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["ssm.selective_scan"]} in %root : (!transform.any_op) -> !transform.any_op
    // expected-error@+1 {{transform.structured.tile_using_forall failed to apply}}
    %tile, %loop = transform.structured.tile_using_forall %op tile_sizes [0, 8, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

func.func @empty(%x: tensor<2x?x8xf32>, %w: tensor<8x1xf32>, %s0: tensor<2x0x8xf32>) -> tensor<2x?x8xf32> {
  // expected-error@+3 {{cannot be tiled: 'state' is empty}}
  // expected-error@+2 {{faild to tile operation}}
  // expected-error@+1 {{failed to generate tiling loops}}
  %y, %s = ssm.short_conv ins(%x, %w : tensor<2x?x8xf32>, tensor<8x1xf32>)
    outs(%x, %s0 : tensor<2x?x8xf32>, tensor<2x0x8xf32>) -> tensor<2x?x8xf32>, tensor<2x0x8xf32>
  return %y : tensor<2x?x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["ssm.short_conv"]} in %root : (!transform.any_op) -> !transform.any_op
    %tile, %loop = transform.structured.tile_using_for %op tile_sizes [1, 0, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
