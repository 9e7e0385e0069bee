// RUN: ssm-opt %s "--onnx-free-lengths=dims=x:0=B,x:1=L" --onnx-fold --split-input-file --verify-diagnostics | FileCheck %s

// What an Expand and a Tile bring in is the sequence's where it meets the
// sequence, however late.
// CHECK-LABEL: func.func @meets
// CHECK-NOT: {{[^x]}}24
// CHECK: return
func.func @meets(%x: tensor<3x24x6xf32> {onnx.name = "x"}) -> tensor<3x24x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %mean = onnx.node "ReduceMax"(%x, %axis) version 20 : (tensor<3x24x6xf32>, tensor<1xi64>) -> tensor<3x1x6xf32>
  %target = onnx.constant dense<[3, 24, 6]> : tensor<3xi64>
  %0 = onnx.node "Expand"(%mean, %target) version 20 : (tensor<3x1x6xf32>, tensor<3xi64>) -> tensor<3x24x6xf32>
  %times = onnx.constant dense<[1, 24, 1]> : tensor<3xi64>
  %1 = onnx.node "Tile"(%mean, %times) version 20 : (tensor<3x1x6xf32>, tensor<3xi64>) -> tensor<3x24x6xf32>
  %2 = onnx.node "Mul"(%0, %1) version 20 : (tensor<3x24x6xf32>, tensor<3x24x6xf32>) -> tensor<3x24x6xf32>
  %3 = onnx.node "Tanh"(%2) version 20 : (tensor<3x24x6xf32>) -> tensor<3x24x6xf32>
  %4 = onnx.node "Sub"(%x, %3) version 20 : (tensor<3x24x6xf32>, tensor<3x24x6xf32>) -> tensor<3x24x6xf32>
  return %4 : tensor<3x24x6xf32>
}

// -----

// What nothing meets may be another number: it stays, and each place is named.
// CHECK: ssmc.lengths = [
// CHECK-SAME: dimension 1 of its result, 24, is not the traced length: it meets nothing that says so, and stays
// CHECK-LABEL: func.func @alone
// CHECK-SAME: -> (tensor<?x24x6xf32
func.func @alone(%x: tensor<3x24x6xf32> {onnx.name = "x"}) -> (tensor<3x24x6xf32>, tensor<3x6xf32>, tensor<3x24x6xf32>, tensor<24xi64>, tensor<3x24x6xf32>) {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %max = onnx.node "ReduceMax"(%x, %axis) version 20 : (tensor<3x24x6xf32>, tensor<1xi64>) -> tensor<3x1x6xf32>
  %target = onnx.constant dense<[3, 24, 6]> : tensor<3xi64>
  // expected-warning @below {{--dim x:0=B, --dim x:1=L assumes that dimension 1 of its result, 24, is not the traced length: it meets nothing that says so, and stays}}
  %0 = onnx.node "Expand"(%max, %target) version 20 : (tensor<3x1x6xf32>, tensor<3xi64>) -> tensor<3x24x6xf32>
  // What follows from it is not named again.
  %1 = onnx.node "Tanh"(%0) version 20 : (tensor<3x24x6xf32>) -> tensor<3x24x6xf32>
  %keep = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.node "ReduceSum"(%1, %keep) version 20 attrs {keepdims = 0 : i64} : (tensor<3x24x6xf32>, tensor<1xi64>) -> tensor<3x6xf32>
  %times = onnx.constant dense<[1, 24, 1]> : tensor<3xi64>
  // expected-warning @below {{dimension 1 of its result, 24, is not the traced length}}
  %2 = onnx.node "Tile"(%max, %times) version 20 : (tensor<3x1x6xf32>, tensor<3xi64>) -> tensor<3x24x6xf32>
  // expected-warning @below {{dimension 0 of output 3, 24, is not the traced length}}
  %positions = onnx.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]> : tensor<24xi64>
  %column = onnx.constant dense<[[0.5], [1.5], [2.5], [3.5], [0.5], [1.5], [2.5], [3.5], [0.5], [1.5], [2.5], [3.5], [0.5], [1.5], [2.5], [3.5], [0.5], [1.5], [2.5], [3.5], [0.5], [1.5], [2.5], [3.5]]> : tensor<24x1xf32>
  // expected-warning @below {{dimension 1 of its result, 24, is not the traced length}}
  %3 = onnx.node "Mul"(%max, %column) version 20 : (tensor<3x1x6xf32>, tensor<24x1xf32>) -> tensor<3x24x6xf32>
  return %1, %sum, %2, %positions, %3 : tensor<3x24x6xf32>, tensor<3x6xf32>, tensor<3x24x6xf32>, tensor<24xi64>, tensor<3x24x6xf32>
}
