// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @ssm_kernel_c1(%a: memref<8x4xf32>, %c: tensor<8x4xf32>, %k: memref<9x8xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'a' is 'memref<8x4xf32>', 'c' is 'tensor<8x4xf32>'}}
  ssm.ssm_kernel ins(%a, %c : memref<8x4xf32>, tensor<8x4xf32>) outs(%k : memref<9x8xf32>)
  return
}

// -----

func.func @ssm_kernel_c2(%a: memref<8x4xf32>, %k: memref<9x7xf32>) {
  // expected-error@+1 {{extent D is 8 in 'a' but 7 in 'k'}}
  ssm.ssm_kernel ins(%a, %a : memref<8x4xf32>, memref<8x4xf32>) outs(%k : memref<9x7xf32>)
  return
}

// -----

func.func @ssm_kernel_c3(%a: memref<8x4xf64>, %c: memref<8x4xf32>, %k: memref<9x8xf32>) {
  // expected-error@+1 {{'a' and 'c' must have one element type, f32 or f64, but have 'f64' and 'f32'}}
  ssm.ssm_kernel ins(%a, %c : memref<8x4xf64>, memref<8x4xf32>) outs(%k : memref<9x8xf32>)
  return
}

// -----

func.func @ssm_kernel_c3_narrow(%a: memref<8x4xf16>, %k: memref<9x8xf16>) {
  // expected-error@+1 {{'a' and 'c' must have one element type, f32 or f64, but have 'f16' and 'f16'}}
  ssm.ssm_kernel ins(%a, %a : memref<8x4xf16>, memref<8x4xf16>) outs(%k : memref<9x8xf16>)
  return
}

// -----

func.func @ssm_kernel_c3_wide(%a: memref<2x8x4xf32>, %k: memref<9x8xf64>) {
  // expected-error@+1 {{element type of 'k' must be 'f32' or a narrower float, but is 'f64'}}
  ssm.ssm_kernel ins(%a, %a : memref<2x8x4xf32>, memref<2x8x4xf32>) outs(%k : memref<9x8xf64>)
  return
}

// -----

func.func @ssm_kernel_c3_integer(%a: memref<2x8x4xf32>, %k: memref<9x8xi32>) {
  // expected-error@+1 {{element type of 'k' must be 'f32' or a narrower float, but is 'i32'}}
  ssm.ssm_kernel ins(%a, %a : memref<2x8x4xf32>, memref<2x8x4xf32>) outs(%k : memref<9x8xi32>)
  return
}

// -----

func.func @ssm_kernel_c2_real(%a: memref<2x8x4xf32>, %c: memref<8x4xf32>, %k: memref<9x8xf32>) {
  // expected-error@+1 {{'c' must have the shape P x D x N, but is 'memref<8x4xf32>'}}
  ssm.ssm_kernel ins(%a, %c : memref<2x8x4xf32>, memref<8x4xf32>) outs(%k : memref<9x8xf32>)
  return
}

// -----

func.func @ssm_kernel_c4(%a: memref<3x8x4xf32>, %k: memref<9x8xf32>) {
  // expected-error@+1 {{complex 'a' and 'c' must have two parts, 2 x D x N, but 'a' is 'memref<3x8x4xf32>'}}
  ssm.ssm_kernel ins(%a, %a : memref<3x8x4xf32>, memref<3x8x4xf32>) outs(%k : memref<9x8xf32>)
  return
}

// -----

func.func @ssm_kernel_c4_unknown(%a: memref<?x8x4xf32>, %k: memref<9x8xf32>) {
  // expected-error@+1 {{complex 'a' and 'c' must have two parts, 2 x D x N, but 'a' is 'memref<?x8x4xf32>'}}
  ssm.ssm_kernel ins(%a, %a : memref<?x8x4xf32>, memref<?x8x4xf32>) outs(%k : memref<9x8xf32>)
  return
}
