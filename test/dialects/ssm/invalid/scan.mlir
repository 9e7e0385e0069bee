// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @scan_c1(%a: tensor<2x5xf32>, %h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'a' is 'tensor<2x5xf32>', 'h' is 'memref<2x5xf32>'}}
  ssm.scan dimension(1) ins(%a, %a : tensor<2x5xf32>, tensor<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

func.func @scan_c1_state(%h: memref<2x5xf32>, %s: tensor<2xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'a' is 'memref<2x5xf32>', 'state' is 'tensor<2xf32>'}}
  %0 = ssm.scan dimension(1) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @scan_c2(%h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{dimension 2 is out of range for 'h' of rank 2}}
  ssm.scan dimension(2) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

func.func @scan_c2_negative(%h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{dimension -1 is out of range for 'h' of rank 2}}
  ssm.scan dimension(-1) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

func.func @scan_c3(%a: memref<2x6xf32>, %h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{extent L is 6 in 'a' but 5 in 'b'}}
  ssm.scan dimension(1) ins(%a, %h : memref<2x6xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

func.func @scan_c3_state(%h: memref<2x5x7xf32>, %s: memref<2x5xf32>) {
  // expected-error@+1 {{extent D2 is 7 in 'a' but 5 in 'state'}}
  ssm.scan dimension(1) ins(%h, %h : memref<2x5x7xf32>, memref<2x5x7xf32>) outs(%h, %s : memref<2x5x7xf32>, memref<2x5xf32>)
  return
}

// -----

func.func @scan_c3_rank(%h: memref<2x5xf32>, %s: memref<2x5xf32>) {
  // expected-error@+1 {{'state' must have the shape D0, but is 'memref<2x5xf32>'}}
  ssm.scan dimension(1) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2x5xf32>)
  return
}

// -----

func.func @scan_c4(%h: memref<2x5xindex>, %s: memref<2xindex>) {
  // expected-error@+1 {{element type of 'h' must be float, complex or a signless integer, but is 'index'}}
  ssm.scan dimension(1) ins(%h, %h : memref<2x5xindex>, memref<2x5xindex>) outs(%h, %s : memref<2x5xindex>, memref<2xindex>)
  return
}

// -----

func.func @scan_c4_equal(%a: memref<2x5xf16>, %h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{'a', 'b' and 'h' must have one element type, but have 'f16', 'f32' and 'f32'}}
  ssm.scan dimension(1) ins(%a, %h : memref<2x5xf16>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

func.func @scan_c5(%h: memref<2x5xf32>, %s: memref<2xbf16>) {
  // expected-error@+1 {{element type of 'state' must be that of 'h' or a wider float, but is 'bf16' beside 'f32'}}
  ssm.scan dimension(1) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xbf16>)
  return
}
