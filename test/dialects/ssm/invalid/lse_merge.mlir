// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @lse_merge_c1(%ya: memref<1x5x2x4xf32>, %la: memref<1x5x2xf32>, %yb: memref<1x5x2x4xf32>, %lb: memref<1x5x2xf32>, %y: memref<1x5x2x4xf32>, %l: tensor<1x5x2xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'ya' is 'memref<1x5x2x4xf32>', 'lse' is 'tensor<1x5x2xf32>'}}
  %0 = ssm.lse_merge ins(%ya, %la, %yb, %lb : memref<1x5x2x4xf32>, memref<1x5x2xf32>, memref<1x5x2x4xf32>, memref<1x5x2xf32>) outs(%y, %l : memref<1x5x2x4xf32>, tensor<1x5x2xf32>) -> tensor<1x5x2xf32>
  return
}

// -----

func.func @lse_merge_c2(%ya: memref<1x5x2x4xf32>, %la: memref<1x5x2xf32>, %yb: memref<1x5x2x4xf32>, %lb: memref<1x5x3xf32>, %y: memref<1x5x2x4xf32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{extent J is 2 in 'ya' but 3 in 'lb'}}
  ssm.lse_merge ins(%ya, %la, %yb, %lb : memref<1x5x2x4xf32>, memref<1x5x2xf32>, memref<1x5x2x4xf32>, memref<1x5x3xf32>) outs(%y, %l : memref<1x5x2x4xf32>, memref<1x5x2xf32>)
  return
}

// -----

func.func @lse_merge_c2_rank(%ya: memref<1x5x2x4xf32>, %la: memref<1x5x2x4xf32>, %yb: memref<1x5x2x4xf32>, %lb: memref<1x5x2xf32>, %y: memref<1x5x2x4xf32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{'la' must have the shape B x L x J, but is 'memref<1x5x2x4xf32>'}}
  ssm.lse_merge ins(%ya, %la, %yb, %lb : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2xf32>) outs(%y, %l : memref<1x5x2x4xf32>, memref<1x5x2xf32>)
  return
}

// -----

func.func @lse_merge_c3(%ya: memref<1x5x2x4xf32>, %la: memref<1x5x2xf32>, %yb: memref<1x5x2x4xf64>, %lb: memref<1x5x2xf32>, %y: memref<1x5x2x4xf32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{element type of 'yb', 'f64', must not be wider than that of 'lse', 'f32'}}
  ssm.lse_merge ins(%ya, %la, %yb, %lb : memref<1x5x2x4xf32>, memref<1x5x2xf32>, memref<1x5x2x4xf64>, memref<1x5x2xf32>) outs(%y, %l : memref<1x5x2x4xf32>, memref<1x5x2xf32>)
  return
}
