// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @short_conv_c1(%x: memref<2x5x8xf32>, %w: tensor<8x4xf32>, %s: memref<2x3x8xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'x' is 'memref<2x5x8xf32>', 'w' is 'tensor<8x4xf32>'}}
  ssm.short_conv ins(%x, %w : memref<2x5x8xf32>, tensor<8x4xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_c2(%x: memref<2x5x8xf32>, %w: memref<7x4xf32>, %s: memref<2x3x8xf32>) {
  // expected-error@+1 {{extent C is 8 in 'x' but 7 in 'w'}}
  ssm.short_conv ins(%x, %w : memref<2x5x8xf32>, memref<7x4xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_c3(%x: memref<2x5x8xf32>, %w: memref<8x4xf32>, %s: memref<2x3x8xf16>) {
  // expected-error@+1 {{'x', 'y' and 'state' must have one element type, a float, but have 'f32', 'f32' and 'f16'}}
  ssm.short_conv ins(%x, %w : memref<2x5x8xf32>, memref<8x4xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf16>)
  return
}

// -----

func.func @short_conv_c3_weight(%x: memref<2x5x8xf32>, %w: memref<8x4xf16>, %s: memref<2x3x8xf32>) {
  // expected-error@+1 {{'w' and 'bias' must have one element type, that of 'x' or a wider float, but 'w' is 'memref<8x4xf16>'}}
  ssm.short_conv ins(%x, %w : memref<2x5x8xf32>, memref<8x4xf16>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_c4(%x: memref<2x5x8xf32>, %w: memref<8x4xf32>, %s: memref<2x0x8xf32>) {
  // expected-error@+1 {{dilation must be at least 1, but is 0}}
  ssm.short_conv dilation(0) ins(%x, %w : memref<2x5x8xf32>, memref<8x4xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x0x8xf32>)
  return
}

// -----

func.func @short_conv_c5(%x: memref<2x5x8xf32>, %w: memref<8x?xf32>, %s: memref<2x3x8xf32>) {
  // expected-error@+1 {{width W of 'w' must be static and at least 1, but 'w' is 'memref<8x?xf32>'}}
  ssm.short_conv ins(%x, %w : memref<2x5x8xf32>, memref<8x?xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_c6(%x: memref<2x5x8xf32>, %w: memref<8x4xf32>, %s: memref<2x3x8xf32>) {
  // expected-error@+1 {{extent S of 'state' must be (W - 1) * dilation = (4 - 1) * 2, but 'state' is 'memref<2x3x8xf32>'}}
  ssm.short_conv dilation(2) ins(%x, %w : memref<2x5x8xf32>, memref<8x4xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_c6_overflow(%x: memref<2x5x8xf32>, %w: memref<8x5xf32>, %s: memref<2x0x8xf32>) {
  // expected-error@+1 {{extent S of 'state' must be (W - 1) * dilation = (5 - 1) * 4611686018427387904, but}}
  ssm.short_conv dilation(4611686018427387904) ins(%x, %w : memref<2x5x8xf32>, memref<8x5xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x0x8xf32>)
  return
}

// -----

func.func @short_conv_c3_resets(%x: memref<1x5x6xf32>, %w: memref<6x4xf32>, %r: memref<1x5xi8>, %s: memref<1x3x6xf32>) {
  // expected-error@+1 {{element type of 'resets' must be i1, but is 'i8'}}
  ssm.short_conv ins(%x, %w : memref<1x5x6xf32>, memref<6x4xf32>) resets(%r : memref<1x5xi8>)
    outs(%x, %s : memref<1x5x6xf32>, memref<1x3x6xf32>)
  return
}
