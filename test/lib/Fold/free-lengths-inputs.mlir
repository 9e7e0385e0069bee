// RUN: ssm-opt %s --split-input-file "--onnx-free-lengths=dims=x:1=L" | FileCheck %s

// Another input that the tokens meet has as many positions. One of the same
// extent that they do not meet stays as it is.
// CHECK-NOT: ssmc.lengths
// CHECK-LABEL: func.func @masked
// CHECK-SAME: tensor<1x?xi64, #onnx.dims<["L"], #{{[a-z0-9]+}}>>
// CHECK-SAME: tensor<1x8xi64> {onnx.name = "labels"}
// CHECK-SAME: tensor<1x?xi64, #onnx.dims<["L"], #{{[a-z0-9]+}}>>
func.func @masked(%x: tensor<1x8xi64> {onnx.name = "x"}, %labels: tensor<1x8xi64> {onnx.name = "labels"}, %mask: tensor<1x8xi64> {onnx.name = "mask"}) -> (tensor<1x8x2xf32>, tensor<1x8xi64>) {
  %table = onnx.constant dense<1.0> : tensor<4x2xf32>
  %axes = onnx.constant dense<2> : tensor<1xi64>
  %0 = onnx.node "Gather"(%table, %x) version 20 : (tensor<4x2xf32>, tensor<1x8xi64>) -> tensor<1x8x2xf32>
  %1 = onnx.node "Cast"(%mask) version 20 attrs {to = 1 : i64} : (tensor<1x8xi64>) -> tensor<1x8xf32>
  %2 = onnx.node "Unsqueeze"(%1, %axes) version 20 : (tensor<1x8xf32>, tensor<1xi64>) -> tensor<1x8x1xf32>
  %3 = onnx.node "Mul"(%0, %2) version 20 : (tensor<1x8x2xf32>, tensor<1x8x1xf32>) -> tensor<1x8x2xf32>
  return %3, %labels : tensor<1x8x2xf32>, tensor<1x8xi64>
}

// -----

// What has one position may also be broadcast: the report says what is assumed.
// CHECK: ssmc.lengths = [{assumption = "dimension 0 of this input, 1 as traced, changes with that of others and is not broadcast", site = "y"}]
// CHECK-LABEL: func.func @one
// CHECK-SAME: tensor<?x8xf32, {{.*}} {onnx.name = "y"}
func.func @one(%x: tensor<3x1x8xf32> {onnx.name = "x"}, %y: tensor<1x8xf32> {onnx.name = "y"}) -> tensor<3x1x8xf32> {
  %0 = onnx.node "Add"(%x, %y) version 20 : (tensor<3x1x8xf32>, tensor<1x8xf32>) -> tensor<3x1x8xf32>
  return %0 : tensor<3x1x8xf32>
}
