// RUN: ssm-opt %s --onnx-simplify --split-input-file | FileCheck %s

// A transposed gate: both parts meet again and the last Transpose undoes the
// first.
// CHECK-LABEL: func.func @gate
// CHECK-SAME: (%[[X:.*]]: tensor<2x24x8xf32>)
// CHECK-NOT: "Transpose"
// CHECK: %[[S:.*]]:2 = onnx.node "Split"(%[[X]]) version 20 attrs {axis = 2 : i64, num_outputs = 2 : i64}
// CHECK: %[[G:.*]] = onnx.node "Sigmoid"(%[[S]]#1)
// CHECK: %[[M:.*]] = onnx.node "Mul"(%[[S]]#0, %[[G]])
// CHECK: %[[B:.*]] = onnx.constant dense<{{\[\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]]]> : tensor<1x1x4xf32>
// CHECK: onnx.node "Add"(%[[M]], %[[B]])
// CHECK-NOT: "Transpose"
// CHECK: return
func.func @gate(%x: tensor<2x24x8xf32>) -> tensor<2x24x4xf32> {
  %0 = onnx.node "Transpose"(%x) version 20 attrs {perm = array<i64: 0, 2, 1>} : (tensor<2x24x8xf32>) -> tensor<2x8x24xf32>
  %1:2 = onnx.node "Split"(%0) version 20 attrs {axis = 1 : i64, num_outputs = 2 : i64} : (tensor<2x8x24xf32>) -> (tensor<2x4x24xf32>, tensor<2x4x24xf32>)
  %2 = onnx.node "Sigmoid"(%1#1) version 20 : (tensor<2x4x24xf32>) -> tensor<2x4x24xf32>
  %3 = onnx.node "Mul"(%1#0, %2) version 20 : (tensor<2x4x24xf32>, tensor<2x4x24xf32>) -> tensor<2x4x24xf32>
  %bias = onnx.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %4 = onnx.node "Add"(%3, %bias) version 20 : (tensor<2x4x24xf32>, tensor<4x1xf32>) -> tensor<2x4x24xf32>
  %5 = onnx.node "Transpose"(%4) version 20 attrs {perm = array<i64: 0, 2, 1>} : (tensor<2x4x24xf32>) -> tensor<2x24x4xf32>
  return %5 : tensor<2x24x4xf32>
}

// -----

// CHECK-LABEL: func.func @spellings
// CHECK: %[[Q:.*]] = onnx.node "Mul"(%[[X:.*]], %[[X]])
// CHECK: onnx.node "Reciprocal"(%[[Q]])
func.func @spellings(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = onnx.constant dense<1.0> : tensor<f32>
  %two = onnx.constant dense<2.0> : tensor<f32>
  %0 = onnx.node "Pow"(%x, %two) version 20 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = onnx.node "Div"(%one, %0) version 20 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
