// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @expand_c1(%z: memref<1x3x4xf32>, %m: memref<1x5xi1>, %x: memref<1x5x4xf32>, %l: tensor<1x4xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'z' is 'memref<1x3x4xf32>', 'last' is 'tensor<1x4xf32>'}}
  %0 = ssm.expand ins(%z, %m : memref<1x3x4xf32>, memref<1x5xi1>) outs(%x, %l : memref<1x5x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  return
}

// -----

func.func @expand_c2(%z: memref<1x3x4xf32>, %m: memref<1x5xi1>, %x: memref<1x5x4xf32>, %l: memref<1x3xf32>) {
  // expected-error@+1 {{extent D is 4 in 'z' but 3 in 'last'}}
  ssm.expand ins(%z, %m : memref<1x3x4xf32>, memref<1x5xi1>) outs(%x, %l : memref<1x5x4xf32>, memref<1x3xf32>)
  return
}

// -----

func.func @expand_c2_rank(%z: memref<1x3x4xf32>, %m: memref<5xi1>, %x: memref<1x5x4xf32>, %l: memref<1x4xf32>) {
  // expected-error@+1 {{'mask' must have the shape B x L, but is 'memref<5xi1>'}}
  ssm.expand ins(%z, %m : memref<1x3x4xf32>, memref<5xi1>) outs(%x, %l : memref<1x5x4xf32>, memref<1x4xf32>)
  return
}

// -----

func.func @expand_c3(%z: memref<1x3x4xf16>, %m: memref<1x5xi1>, %x: memref<1x5x4xf32>, %l: memref<1x4xf32>) {
  // expected-error@+1 {{'z' and 'last' must have one element type, but have 'f16' and 'f32'}}
  ssm.expand ins(%z, %m : memref<1x3x4xf16>, memref<1x5xi1>) outs(%x, %l : memref<1x5x4xf32>, memref<1x4xf32>)
  return
}

// -----

func.func @expand_c3_mask(%z: memref<1x3x4xf32>, %m: memref<1x5xf32>, %x: memref<1x5x4xf32>, %l: memref<1x4xf32>) {
  // expected-error@+1 {{element type of 'mask' must be i1, but is 'f32'}}
  ssm.expand ins(%z, %m : memref<1x3x4xf32>, memref<1x5xf32>) outs(%x, %l : memref<1x5x4xf32>, memref<1x4xf32>)
  return
}
