// RUN: ssm-opt %s "--onnx-free-lengths=dims=x:1=L" | FileCheck %s

// Another input of the same traced extent is taken for the same sequence, and
// the report says so.
// CHECK: ssmc.lengths = [{assumption = "dimension 1 of this input changes with that of the same traced extent", site = "mask"}]
// CHECK-LABEL: func.func @masked
// CHECK-SAME: tensor<1x?xi64, #onnx.dims<["L"], #{{[a-z0-9]+}}>>
// CHECK-SAME: tensor<1x?xi64, #onnx.dims<["L"], #{{[a-z0-9]+}}>>
func.func @masked(%x: tensor<1x8xi64> {onnx.name = "x"}, %mask: tensor<1x8xi64> {onnx.name = "mask"}) -> tensor<1x8x2xf32> {
  %table = onnx.constant dense<1.0> : tensor<4x2xf32>
  %axes = onnx.constant dense<2> : tensor<1xi64>
  %0 = onnx.node "Gather"(%table, %x) version 20 : (tensor<4x2xf32>, tensor<1x8xi64>) -> tensor<1x8x2xf32>
  %1 = onnx.node "Cast"(%mask) version 20 attrs {to = 1 : i64} : (tensor<1x8xi64>) -> tensor<1x8xf32>
  %2 = onnx.node "Unsqueeze"(%1, %axes) version 20 : (tensor<1x8xf32>, tensor<1xi64>) -> tensor<1x8x1xf32>
  %3 = onnx.node "Mul"(%0, %2) version 20 : (tensor<1x8x2xf32>, tensor<1x8x1xf32>) -> tensor<1x8x2xf32>
  return %3 : tensor<1x8x2xf32>
}
