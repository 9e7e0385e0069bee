// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @linear_c1(%x: memref<3x6xf32>, %w: tensor<2x6x4xf32>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'x' is 'memref<3x6xf32>', 'w' is 'tensor<2x6x4xf32>'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, tensor<2x6x4xf32>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c2(%x: memref<3x6xf32>, %w: memref<2x5x4xf32>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{extent K is 6 in 'x' but 5 in 'w'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x5x4xf32>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c2_extra(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %e: memref<1x3x8xf32>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{'extras[0]' must have the shape M x N, but is 'memref<1x3x8xf32>'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) extras(%e : memref<1x3x8xf32>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32, %0: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c3(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %out: memref<3x9xf32>) {
  // expected-error@+1 {{'w' has 2 panels of 4 columns, but N = 9 columns need 3}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) outs(%out : memref<3x9xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c3_width(%x: memref<3x6xf32>, %w: memref<2x6x?xf32>, %out: memref<3x9xf32>) {
  // expected-error@+1 {{panel width R of 'w' must be static and at least 1, but 'w' is 'memref<2x6x?xf32>'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x?xf32>) outs(%out : memref<3x9xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c4(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{region must have an argument for the sum and for each of the 0 extra operands, but has 2}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32, %0: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c4_sum(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %out: memref<3x8xi32>) {
  // expected-error@+1 {{region argument 0, the sum, must be a float, but is 'i32'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) outs(%out : memref<3x8xi32>) {
  ^bb0(%sum: i32):
    ssm.yield %sum : i32
  }
  return
}

// -----

func.func @linear_c4_extra(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %e: memref<8xf16>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{region argument 1 must be 'f16', the element type of 'extras[0]', but is 'f32'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) extras(%e : memref<8xf16>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32, %0: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c4_yield(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %out: memref<3x8xf16>) {
  // expected-error@+1 {{region must end in an ssm.yield of one 'f16', the element type of 'out'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) outs(%out : memref<3x8xf16>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c5(%x: memref<3x6xf32>, %w: memref<2x6x4xf64>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{element type of 'w' must be a float no wider than the sum, 'f32', but is 'f64'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf64>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}
