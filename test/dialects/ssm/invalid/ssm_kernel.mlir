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

func.func @ssm_kernel_c3(%a: memref<8x4xcomplex<f32>>, %c: memref<8x4xf32>, %k: memref<9x8xf32>) {
  // expected-error@+1 {{'a' and 'c' must have one element type, f32, f64 or a complex number of these, but have 'complex<f32>' and 'f32'}}
  ssm.ssm_kernel ins(%a, %c : memref<8x4xcomplex<f32>>, memref<8x4xf32>) outs(%k : memref<9x8xf32>)
  return
}

// -----

func.func @ssm_kernel_c3_narrow(%a: memref<8x4xf16>, %k: memref<9x8xf16>) {
  // expected-error@+1 {{'a' and 'c' must have one element type, f32, f64 or a complex number of these, but have 'f16' and 'f16'}}
  ssm.ssm_kernel ins(%a, %a : memref<8x4xf16>, memref<8x4xf16>) outs(%k : memref<9x8xf16>)
  return
}

// -----

func.func @ssm_kernel_c3_wide(%a: memref<8x4xcomplex<f32>>, %k: memref<9x8xf64>) {
  // expected-error@+1 {{element type of 'k' must be 'f32' or a narrower float, but is 'f64'}}
  ssm.ssm_kernel ins(%a, %a : memref<8x4xcomplex<f32>>, memref<8x4xcomplex<f32>>) outs(%k : memref<9x8xf64>)
  return
}

// -----

func.func @ssm_kernel_c3_complex(%a: memref<8x4xcomplex<f32>>, %k: memref<9x8xcomplex<f32>>) {
  // expected-error@+1 {{element type of 'k' must be 'f32' or a narrower float, but is 'complex<f32>'}}
  ssm.ssm_kernel ins(%a, %a : memref<8x4xcomplex<f32>>, memref<8x4xcomplex<f32>>) outs(%k : memref<9x8xcomplex<f32>>)
  return
}
