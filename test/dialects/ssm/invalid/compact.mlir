// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @compact_c1(%x: memref<1x5x4xf32>, %m: memref<1x5xi1>, %z: memref<1x3x4xf32>, %n: tensor<1xi64>) {
  // expected-error@+1 {{mixes tensors and buffers: 'x' is 'memref<1x5x4xf32>', 'count' is 'tensor<1xi64>'}}
  %0 = ssm.compact ins(%x, %m : memref<1x5x4xf32>, memref<1x5xi1>) outs(%z, %n : memref<1x3x4xf32>, tensor<1xi64>) -> tensor<1xi64>
  return
}

// -----

func.func @compact_c2(%x: memref<1x5x4xf32>, %m: memref<1x6xi1>, %z: memref<1x3x4xf32>, %n: memref<1xi64>) {
  // expected-error@+1 {{extent L is 5 in 'x' but 6 in 'mask'}}
  ssm.compact ins(%x, %m : memref<1x5x4xf32>, memref<1x6xi1>) outs(%z, %n : memref<1x3x4xf32>, memref<1xi64>)
  return
}

// -----

func.func @compact_c2_rank(%x: memref<1x5x4xf32>, %m: memref<1x5xi1>, %z: memref<1x3x4xf32>, %n: memref<1x1xi64>) {
  // expected-error@+1 {{'count' must have the shape B, but is 'memref<1x1xi64>'}}
  ssm.compact ins(%x, %m : memref<1x5x4xf32>, memref<1x5xi1>) outs(%z, %n : memref<1x3x4xf32>, memref<1x1xi64>)
  return
}

// -----

func.func @compact_c3(%x: memref<1x5x4xf16>, %m: memref<1x5xi1>, %z: memref<1x3x4xf32>, %n: memref<1xi64>) {
  // expected-error@+1 {{'x' and 'z' must have one element type, but have 'f16' and 'f32'}}
  ssm.compact ins(%x, %m : memref<1x5x4xf16>, memref<1x5xi1>) outs(%z, %n : memref<1x3x4xf32>, memref<1xi64>)
  return
}

// -----

func.func @compact_c3_count(%x: memref<1x5x4xf32>, %m: memref<1x5xi1>, %z: memref<1x3x4xf32>, %n: memref<1xi1>) {
  // expected-error@+1 {{element type of 'count' must be i32 or i64, but is 'i1'}}
  ssm.compact ins(%x, %m : memref<1x5x4xf32>, memref<1x5xi1>) outs(%z, %n : memref<1x3x4xf32>, memref<1xi1>)
  return
}
