// Extents that are quotients of extents are told by data. Those that must be a
// number are left to running, as they were before the length was fixed.
// RUN: ssm-opt %s "--onnx-free-lengths=dims=x:0=24" --onnx-fold | FileCheck %s

// CHECK-LABEL: func.func @quotients
// CHECK-SAME: tensor<24xf32>
// CHECK: onnx.node "Reshape"(%{{.*}}) {{.*}} -> tensor<3x8xf32>
func.func @quotients(%x: tensor<?xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>> {onnx.name = "x"}) -> (tensor<?x?xf32, #onnx.dims<["a", "b"], affine_map<()[s0, s1] -> (s0, s1)>>> {onnx.name = "y"}) {
  %eight = onnx.constant dense<8> : tensor<1xi64>
  %weight = onnx.constant dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]> : tensor<8xf32>
  %length = onnx.node "Shape"(%x) version 20 : (tensor<?xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>) -> tensor<1xi64>
  %chunks = onnx.node "Div"(%length, %eight) version 20 : (tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %tokens = onnx.node "Div"(%length, %chunks) version 20 : (tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %target = onnx.node "Concat"(%chunks, %tokens) version 20 attrs {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %0 = onnx.node "Reshape"(%x, %target) version 20 : (tensor<?xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>, tensor<2xi64>) -> tensor<?x?xf32, #onnx.dims<["a", "b"], affine_map<()[s0, s1] -> (s0, s1)>>>
  %1 = onnx.node "Mul"(%0, %weight) version 20 : (tensor<?x?xf32, #onnx.dims<["a", "b"], affine_map<()[s0, s1] -> (s0, s1)>>>, tensor<8xf32>) -> tensor<?x?xf32, #onnx.dims<["a", "b"], affine_map<()[s0, s1] -> (s0, s1)>>>
  return %1 : tensor<?x?xf32, #onnx.dims<["a", "b"], affine_map<()[s0, s1] -> (s0, s1)>>>
}
