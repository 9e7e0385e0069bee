// Constant caches of rotary embeddings: the rows that are read are those of the
// tokens, held once for the batch, and go on beyond the traced length.
// RUN: ssm-opt %s --onnx-simplify "--onnx-free-lengths=dims=x:0=B,x:1=L" --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @of_every_row
// CHECK: %[[C:.*]] = onnx.node "Cos"
// CHECK: %[[S:.*]] = onnx.node "Sin"
// CHECK: onnx.node "RotaryEmbedding"(%{{.*}}, %[[C]], %[[S]]) {{.*}}"L"
func.func @of_every_row(%x: tensor<2x6x2xf32> {onnx.name = "x"}) -> (tensor<2x6x2xf32> {onnx.name = "y"}) {
  %c = onnx.constant dense<[[[1.0], [0.87758256], [0.54030231], [0.07073720], [-0.41614684], [-0.80114362]], [[1.0], [0.87758256], [0.54030231], [0.07073720], [-0.41614684], [-0.80114362]]]> : tensor<2x6x1xf32>
  %s = onnx.constant dense<[[[0.0], [0.47942554], [0.84147098], [0.99749499], [0.90929743], [0.59847214]], [[0.0], [0.47942554], [0.84147098], [0.99749499], [0.90929743], [0.59847214]]]> : tensor<2x6x1xf32>
  %0 = onnx.node "RotaryEmbedding"(%x, %c, %s) version 23 attrs {num_heads = 1 : i64} : (tensor<2x6x2xf32>, tensor<2x6x1xf32>, tensor<2x6x1xf32>) -> tensor<2x6x2xf32>
  return %0 : tensor<2x6x2xf32>
}

// -----

// A cache of more positions than are read, from the second on.
// CHECK-LABEL: func.func @positions
// CHECK-COUNT-2: onnx.node "Cos"
// CHECK: onnx.node "RotaryEmbedding"(%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}) {{.*}}"L"
func.func @positions(%x: tensor<2x5x2xf32> {onnx.name = "x"}) -> (tensor<2x5x2xf32> {onnx.name = "y"}) {
  %c = onnx.constant dense<[[1.0], [0.87758256], [0.54030231], [0.07073720], [-0.41614684], [-0.80114362]]> : tensor<6x1xf32>
  %s = onnx.constant dense<[[0.0], [0.47942554], [0.84147098], [0.99749499], [0.90929743], [0.59847214]]> : tensor<6x1xf32>
  %at = onnx.constant dense<[[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]> : tensor<2x5xi64>
  %0 = onnx.node "RotaryEmbedding"(%x, %c, %s, %at) version 23 attrs {num_heads = 1 : i64} : (tensor<2x5x2xf32>, tensor<6x1xf32>, tensor<6x1xf32>, tensor<2x5xi64>) -> tensor<2x5x2xf32>
  return %0 : tensor<2x5x2xf32>
}

// -----

// One row that is another angle, in the sines alone.
func.func @other_row(%x: tensor<2x6x2xf32> {onnx.name = "x"}) -> (tensor<2x6x2xf32> {onnx.name = "y"}) {
  %c = onnx.constant dense<[[[1.0], [0.87758256], [0.54030231], [0.07073720], [-0.41614684], [-0.80114362]]]> : tensor<1x6x1xf32>
  %s = onnx.constant dense<[[[0.0], [0.47942554], [0.84147098], [0.99849499], [0.90929743], [0.59847214]]]> : tensor<1x6x1xf32>
  // expected-error @below {{that follows no rule}}
  %0 = onnx.node "RotaryEmbedding"(%x, %c, %s) version 23 attrs {num_heads = 1 : i64} : (tensor<2x6x2xf32>, tensor<1x6x1xf32>, tensor<1x6x1xf32>) -> tensor<2x6x2xf32>
  return %0 : tensor<2x6x2xf32>
}

// -----

// Rows of the batch that differ in one number.
func.func @other_batch(%x: tensor<2x4x2xf32> {onnx.name = "x"}) -> (tensor<2x4x2xf32> {onnx.name = "y"}) {
  %c = onnx.constant dense<[[1.0], [0.87758256], [0.54030231], [0.07073720], [-0.41614684], [-0.80114362]]> : tensor<6x1xf32>
  %s = onnx.constant dense<[[0.0], [0.47942554], [0.84147098], [0.99749499], [0.90929743], [0.59847214]]> : tensor<6x1xf32>
  %at = onnx.constant dense<[[0, 1, 2, 3], [1, 2, 3, 4]]> : tensor<2x4xi64>
  // expected-error @below {{that follows no rule}}
  %0 = onnx.node "RotaryEmbedding"(%x, %c, %s, %at) version 23 attrs {num_heads = 1 : i64} : (tensor<2x4x2xf32>, tensor<6x1xf32>, tensor<6x1xf32>, tensor<2x4xi64>) -> tensor<2x4x2xf32>
  return %0 : tensor<2x4x2xf32>
}
