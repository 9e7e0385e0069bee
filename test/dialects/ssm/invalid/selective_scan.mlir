// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @selective_scan_c1(%u: memref<2x5x8xf32>, %A: tensor<8x4xf32>, %B: memref<2x5x4xf32>, %s: memref<2x8x4xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'u' is 'memref<2x5x8xf32>', 'A' is 'tensor<8x4xf32>'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<2x5x8xf32>, memref<2x5x8xf32>, tensor<8x4xf32>, memref<2x5x4xf32>, memref<2x5x4xf32>)
    outs(%u, %s : memref<2x5x8xf32>, memref<2x8x4xf32>)
  return
}

// -----

func.func @selective_scan_c2(%u: memref<2x5x8xf32>, %A: memref<8x4xf32>, %B: memref<2x5x4xf32>, %D: memref<9xf32>, %s: memref<2x8x4xf32>) {
  // expected-error@+1 {{extent D is 8 in 'u' but 9 in 'D'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<2x5x8xf32>, memref<2x5x8xf32>, memref<8x4xf32>, memref<2x5x4xf32>, memref<2x5x4xf32>)
    skip(%D : memref<9xf32>) outs(%u, %s : memref<2x5x8xf32>, memref<2x8x4xf32>)
  return
}

// -----

func.func @selective_scan_c2_rank(%u: memref<2x5x8xf32>, %A: memref<8xf32>, %B: memref<2x5x4xf32>, %s: memref<2x8x4xf32>) {
  // expected-error@+1 {{'A' must have the shape D x N, but is 'memref<8xf32>'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<2x5x8xf32>, memref<2x5x8xf32>, memref<8xf32>, memref<2x5x4xf32>, memref<2x5x4xf32>)
    outs(%u, %s : memref<2x5x8xf32>, memref<2x8x4xf32>)
  return
}

// -----

func.func @selective_scan_c3(%u: memref<2x5x8xi32>, %A: memref<8x4xf32>, %B: memref<2x5x4xf32>, %s: memref<2x8x4xf32>) {
  // expected-error@+1 {{element type of 'u' must be a float of 16 to 64 bits, but is 'i32'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<2x5x8xi32>, memref<2x5x8xi32>, memref<8x4xf32>, memref<2x5x4xf32>, memref<2x5x4xf32>)
    outs(%u, %s : memref<2x5x8xi32>, memref<2x8x4xf32>)
  return
}

// -----

func.func @selective_scan_c3_wide(%u: memref<2x5x8xf32>, %A: memref<8x4xf64>, %B: memref<2x5x4xf32>, %s: memref<2x8x4xf32>) {
  // expected-error@+1 {{element type of 'A', 'f64', must not be wider than that of 'state', 'f32'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<2x5x8xf32>, memref<2x5x8xf32>, memref<8x4xf64>, memref<2x5x4xf32>, memref<2x5x4xf32>)
    outs(%u, %s : memref<2x5x8xf32>, memref<2x8x4xf32>)
  return
}

// -----

func.func @selective_scan_c3_resets(%u: memref<1x5x6xf32>, %A: memref<6x4xf32>, %B: memref<1x5x4xf32>, %r: memref<1x5xi8>, %s: memref<1x6x4xf32>) {
  // expected-error@+1 {{element type of 'resets' must be i1, but is 'i8'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<1x5x6xf32>, memref<1x5x6xf32>, memref<6x4xf32>, memref<1x5x4xf32>, memref<1x5x4xf32>)
    resets(%r : memref<1x5xi8>) outs(%u, %s : memref<1x5x6xf32>, memref<1x6x4xf32>)
  return
}
