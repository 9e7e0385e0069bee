// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @long_conv_c1(%x: memref<2x5x8xf32>, %k: tensor<5x8xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'x' is 'memref<2x5x8xf32>', 'k' is 'tensor<5x8xf32>'}}
  ssm.long_conv ins(%x, %k : memref<2x5x8xf32>, tensor<5x8xf32>) outs(%x : memref<2x5x8xf32>)
  return
}

// -----

func.func @long_conv_c2(%x: memref<2x5x8xf32>, %k: memref<5x7xf32>) {
  // expected-error@+1 {{extent D is 8 in 'x' but 7 in 'k'}}
  ssm.long_conv ins(%x, %k : memref<2x5x8xf32>, memref<5x7xf32>) outs(%x : memref<2x5x8xf32>)
  return
}

// -----

func.func @long_conv_c2_rows(%x: memref<2x5x8xf32>, %k: memref<2x5x8xf32>, %a: memref<3x5x8xf32>) {
  // expected-error@+1 {{extent B is 2 in 'x' but 3 in 'ahead'}}
  ssm.long_conv ins(%x, %k : memref<2x5x8xf32>, memref<2x5x8xf32>) ahead(%a : memref<3x5x8xf32>) outs(%x : memref<2x5x8xf32>)
  return
}

// -----

func.func @long_conv_c2_rank(%x: memref<2x5x8xf32>, %k: memref<8xf32>, %s: memref<2x5x8xf32>) {
  // expected-error@+1 {{'k' must have the shape W x D, but is 'memref<8xf32>'}}
  ssm.long_conv ins(%x, %k : memref<2x5x8xf32>, memref<8xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x5x8xf32>)
  return
}

// -----

func.func @long_conv_c2_state_rank(%x: memref<2x5x8xf32>, %k: memref<5x8xf32>, %s: memref<f32>) {
  // expected-error@+1 {{'state' must have the shape B x S x D, but is 'memref<f32>'}}
  ssm.long_conv ins(%x, %k : memref<2x5x8xf32>, memref<5x8xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<f32>)
  return
}

// -----

func.func @long_conv_c3(%x: memref<2x5x8xf32>, %k: memref<5x8xf32>, %s: memref<2x4x8xf16>) {
  // expected-error@+1 {{'x', 'y' and 'state' must have one element type, a float, but have 'f32', 'f32' and 'f16'}}
  ssm.long_conv ins(%x, %k : memref<2x5x8xf32>, memref<5x8xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x4x8xf16>)
  return
}

// -----

func.func @long_conv_c3_integers(%x: memref<2x5x8xi32>, %k: memref<5x8xf32>) {
  // expected-error@+1 {{'x', 'y' and 'state' must have one element type, a float, but have 'i32', 'i32'}}
  ssm.long_conv ins(%x, %k : memref<2x5x8xi32>, memref<5x8xf32>) outs(%x : memref<2x5x8xi32>)
  return
}

// -----

func.func @long_conv_c3_kernel(%x: memref<2x5x8xf32>, %k: memref<5x8xf16>) {
  // expected-error@+1 {{'k' and 'ahead' must have one element type, that of 'x' or a wider float, but 'k' is 'memref<5x8xf16>'}}
  ssm.long_conv ins(%x, %k : memref<2x5x8xf32>, memref<5x8xf16>) outs(%x : memref<2x5x8xf32>)
  return
}

// -----

func.func @long_conv_c4(%x: memref<2x5x8xf32>, %k: memref<5x8xf32>, %s: memref<2x4x8xf32>) {
  // expected-error@+1 {{with 'state' must be causal, but has 'ahead'}}
  ssm.long_conv ins(%x, %k : memref<2x5x8xf32>, memref<5x8xf32>) ahead(%k : memref<5x8xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x4x8xf32>)
  return
}

// -----

func.func @long_conv_c4_circular(%x: memref<2x5x8xf32>, %k: memref<5x8xf32>, %s: memref<2x4x8xf32>) {
  // expected-error@+1 {{with 'state' must be causal, but is circular}}
  ssm.long_conv circular ins(%x, %k : memref<2x5x8xf32>, memref<5x8xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x4x8xf32>)
  return
}
