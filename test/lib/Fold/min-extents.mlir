// The smaller of two extents that are equal for some lengths.
// RUN: ssm-opt %s --onnx-infer-shapes | FileCheck %s

!x = tensor<?x8xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 8)>>>
!l = tensor<1xi64>
module attributes {onnx.symbols = ["L"]} {
// CHECK-DAG: #[[FEW:.*]] = affine_map<()[s0] -> (s0)>
// CHECK-DAG: #[[MANY:.*]] = affine_map<()[s0] -> ((s0 ceildiv 64) * 64)>
// CHECK: return %{{.*}}, %{{.*}} : tensor<?xf32, #onnx.dims<["L"], #[[FEW]]>>, tensor<?xf32, #onnx.dims<["L"], #[[MANY]]>>
func.func @f(%x: !x) -> (!onnx.unknown, !onnx.unknown) {
  %size = onnx.constant dense<64> : !l
  %rest = onnx.constant dense<63> : !l
  %zero = onnx.constant dense<0.0> : tensor<1xf32>
  %length = onnx.node "Shape"(%x) version 20 attrs {start = 0 : i64, end = 1 : i64} : (!x) -> !l
  %more = onnx.node "Add"(%length, %rest) version 20 : (!l, !l) -> !l
  %count = onnx.node "Div"(%more, %size) version 20 : (!l, !l) -> !l
  %whole = onnx.node "Mul"(%count, %size) version 20 : (!l, !l) -> !l
  %few = onnx.node "Min"(%whole, %length) version 20 : (!l, !l) -> !l
  %many = onnx.node "Max"(%length, %whole) version 20 : (!l, !l) -> !l
  %0 = onnx.node "Expand"(%zero, %few) version 20 : (tensor<1xf32>, !l) -> !onnx.unknown
  %1 = onnx.node "Expand"(%zero, %many) version 20 : (tensor<1xf32>, !l) -> !onnx.unknown
  return %0, %1 : !onnx.unknown, !onnx.unknown
}
}
