// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @rope_c1(%x: memref<1x5x2x8xf16>, %c: memref<5x4xf32>, %s: memref<5x4xf32>, %y: tensor<1x5x2x8xf16>) {
  // expected-error@+1 {{mixes tensors and buffers: 'x' is 'memref<1x5x2x8xf16>', 'y' is 'tensor<1x5x2x8xf16>'}}
  %0 = ssm.rope layout(half) ins(%x, %c, %s : memref<1x5x2x8xf16>, memref<5x4xf32>, memref<5x4xf32>) outs(%y : tensor<1x5x2x8xf16>) -> tensor<1x5x2x8xf16>
  return
}

// -----

func.func @rope_c2(%x: memref<1x5x2x8xf16>, %c: memref<6x4xf32>, %s: memref<5x4xf32>, %y: memref<1x5x2x8xf16>) {
  // expected-error@+1 {{extent L is 5 in 'x' but 6 in 'cos'}}
  ssm.rope layout(half) ins(%x, %c, %s : memref<1x5x2x8xf16>, memref<6x4xf32>, memref<5x4xf32>) outs(%y : memref<1x5x2x8xf16>)
  return
}

// -----

func.func @rope_c2_rank(%x: memref<1x5x2x8xf16>, %c: memref<4xf32>, %s: memref<5x4xf32>, %y: memref<1x5x2x8xf16>) {
  // expected-error@+1 {{'cos' must have the shape B x L x H x F, but is 'memref<4xf32>'}}
  ssm.rope layout(half) ins(%x, %c, %s : memref<1x5x2x8xf16>, memref<4xf32>, memref<5x4xf32>) outs(%y : memref<1x5x2x8xf16>)
  return
}

// -----

func.func @rope_c2_angles(%x: memref<1x5x2x8xf16>, %c: memref<5x4xf32>, %s: memref<1x5x4xf32>, %y: memref<1x5x2x8xf16>) {
  // expected-error@+1 {{'cos' and 'sin' must have one shape, but are 'memref<5x4xf32>' and 'memref<1x5x4xf32>'}}
  ssm.rope layout(half) ins(%x, %c, %s : memref<1x5x2x8xf16>, memref<5x4xf32>, memref<1x5x4xf32>) outs(%y : memref<1x5x2x8xf16>)
  return
}

// -----

func.func @rope_c3(%x: memref<1x5x2x8xf16>, %c: memref<5x4xf32>, %s: memref<5x4xf32>, %y: memref<1x5x2x8xf32>) {
  // expected-error@+1 {{'x' and 'y' must have one element type, a float, but have 'f16' and 'f32'}}
  ssm.rope layout(half) ins(%x, %c, %s : memref<1x5x2x8xf16>, memref<5x4xf32>, memref<5x4xf32>) outs(%y : memref<1x5x2x8xf32>)
  return
}

// -----

func.func @rope_c3_angles(%x: memref<1x5x2x8xf16>, %c: memref<5x4xbf16>, %s: memref<5x4xbf16>, %y: memref<1x5x2x8xf16>) {
  // expected-error@+1 {{'cos' and 'sin' must have one element type, that of 'x' or a wider float, but have 'bf16' and 'bf16'}}
  ssm.rope layout(half) ins(%x, %c, %s : memref<1x5x2x8xf16>, memref<5x4xbf16>, memref<5x4xbf16>) outs(%y : memref<1x5x2x8xf16>)
  return
}

// -----

func.func @rope_c4(%x: memref<1x5x2x8xf16>, %c: memref<5x5xf32>, %s: memref<5x5xf32>, %y: memref<1x5x2x8xf16>) {
  // expected-error@+1 {{rotates 2 * 5 elements, but 'x' has 8}}
  ssm.rope layout(half) ins(%x, %c, %s : memref<1x5x2x8xf16>, memref<5x5xf32>, memref<5x5xf32>) outs(%y : memref<1x5x2x8xf16>)
  return
}
