// RUN: ssm-opt %s | ssm-opt | FileCheck %s

func.func @g(%x: tensor<2x?x64xf32, #onnx.dims<["L"], affine_map<()[s0] -> (2, s0, 64)>>>) -> !onnx.unknown attributes {onnx.symbols = ["L"]} {
  // CHECK: onnx.constant dense
  %c = onnx.constant dense<1.0> : tensor<64xf32>
  %n = onnx.none
  // CHECK: onnx.node "Clip"(%{{.*}}, %{{.*}}, %{{.*}}) version 20 attrs {axis = 1 : i64}
  %y = onnx.node "Clip"(%x, %c, %n) version 20 attrs {axis = 1 : i64} : (tensor<2x?x64xf32, #onnx.dims<["L"], affine_map<()[s0] -> (2, s0, 64)>>>, tensor<64xf32>, none) -> !onnx.unknown
  return %y : !onnx.unknown
}
