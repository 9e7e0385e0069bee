// RUN: ssm-opt %s --onnx-cancel-pads --split-input-file | FileCheck %s

!x = tensor<2x24x8xf32>
!p = tensor<2x32x8xf32>

// A skip on the padded sequence: what is left of it is on the sequence itself,
// and the mixer's result is cut alone.
// CHECK-LABEL: func.func @skip
// CHECK-SAME: (%[[X:.*]]: tensor<2x24x8xf32>
// CHECK: %[[P:.*]] = onnx.node "Pad"(%[[X]]
// CHECK: %[[M:.*]] = onnx.node "CumSum"(%[[P]]
// CHECK: %[[C:.*]] = onnx.node "Slice"(%[[M]]
// CHECK: %[[D:.*]] = onnx.node "Mul"(%{{.*}}, %[[X]]) {{.*}} -> tensor<2x24x8xf32>
// CHECK: onnx.node "Add"(%[[C]], %[[D]]) {{.*}} -> tensor<2x24x8xf32>
// CHECK-NOT: onnx.node
// CHECK: return
func.func @skip(%x: !x) -> !x {
  %amounts = onnx.constant dense<[0, 0, 0, 0, 8, 0]> : tensor<6xi64>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %end = onnx.constant dense<24> : tensor<1xi64>
  %axis = onnx.constant dense<1> : tensor<i64>
  %d = onnx.constant dense<[1., 2., 3., 4., 5., 6., 7., 8.]> : tensor<8xf32>
  %0 = onnx.node "Pad"(%x, %amounts) version 20 attrs {mode = "constant"} : (!x, tensor<6xi64>) -> !p
  %1 = onnx.node "CumSum"(%0, %axis) version 20 : (!p, tensor<i64>) -> !p
  %2 = onnx.node "Pad"(%x, %amounts) version 20 attrs {mode = "constant"} : (!x, tensor<6xi64>) -> !p
  %3 = onnx.node "Mul"(%d, %2) version 20 : (tensor<8xf32>, !p) -> !p
  %4 = onnx.node "Add"(%1, %3) version 20 : (!p, !p) -> !p
  %5 = onnx.node "Slice"(%4, %zero, %end, %one, %one) version 20 : (!p, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !x
  return %5 : !x
}

// -----

// The same with extents that are not known.
!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
module attributes {onnx.symbols = ["B", "L"]} {
// CHECK-LABEL: func.func @dynamic
// CHECK-SAME: (%[[X:[a-z0-9]*]]:
// CHECK: onnx.node "Neg"(%[[X]])
// CHECK: onnx.node "Exp"
// CHECK-NOT: "Slice"
// CHECK: return
func.func @dynamic(%x: !x) -> !onnx.unknown {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %eight = onnx.constant dense<8> : tensor<1xi64>
  %shape = onnx.node "Shape"(%x) version 20 attrs {start = 1 : i64, end = 2 : i64} : (!x) -> !onnx.unknown
  %left = onnx.node "Mod"(%shape, %eight) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %more = onnx.node "Sub"(%eight, %left) version 20 : (tensor<1xi64>, !onnx.unknown) -> !onnx.unknown
  %amounts = onnx.node "Concat"(%zero, %zero, %zero, %zero, %more, %zero) version 20 attrs {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, !onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %0 = onnx.node "Pad"(%x, %amounts) version 20 attrs {mode = "constant"} : (!x, !onnx.unknown) -> !onnx.unknown
  %1 = onnx.node "Neg"(%0) version 20 : (!onnx.unknown) -> !onnx.unknown
  %2 = onnx.node "Exp"(%1) version 20 : (!onnx.unknown) -> !onnx.unknown
  %3 = onnx.node "Slice"(%2, %zero, %shape, %one, %one) version 20 : (!onnx.unknown, tensor<1xi64>, !onnx.unknown, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
  return %3 : !onnx.unknown
}
}

// -----

// What is padded in front moves the sequence; what others read, too, is
// computed once; another end keeps part of the padding.
!x = tensor<2x24x8xf32>
!p = tensor<2x32x8xf32>
!q = tensor<2x25x8xf32>
// CHECK-LABEL: func.func @kept
// CHECK: "Pad"
// CHECK-NEXT: "Neg"
// CHECK-NEXT: "Slice"
// CHECK: "Pad"
// CHECK-NEXT: %[[E:.*]] = onnx.node "Exp"
// CHECK-NEXT: "Slice"(%[[E]]
// CHECK: "Abs"
// CHECK-NEXT: "Slice"
// CHECK: return
func.func @kept(%x: !x) -> (!x, !x, !p, !q) {
  %front = onnx.constant dense<[0, 8, 0, 0, 0, 0]> : tensor<6xi64>
  %amounts = onnx.constant dense<[0, 0, 0, 0, 8, 0]> : tensor<6xi64>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %end = onnx.constant dense<24> : tensor<1xi64>
  %more = onnx.constant dense<25> : tensor<1xi64>
  %0 = onnx.node "Pad"(%x, %front) version 20 attrs {mode = "constant"} : (!x, tensor<6xi64>) -> !p
  %1 = onnx.node "Neg"(%0) version 20 : (!p) -> !p
  %2 = onnx.node "Slice"(%1, %zero, %end, %one, %one) version 20 : (!p, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !x
  %3 = onnx.node "Pad"(%x, %amounts) version 20 attrs {mode = "constant"} : (!x, tensor<6xi64>) -> !p
  %4 = onnx.node "Exp"(%3) version 20 : (!p) -> !p
  %5 = onnx.node "Slice"(%4, %zero, %end, %one, %one) version 20 : (!p, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !x
  %6 = onnx.node "Pad"(%x, %amounts) version 20 attrs {mode = "constant"} : (!x, tensor<6xi64>) -> !p
  %7 = onnx.node "Abs"(%6) version 20 : (!p) -> !p
  %8 = onnx.node "Slice"(%7, %zero, %more, %one, %one) version 20 : (!p, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !q
  return %2, %5, %4, %8 : !x, !x, !p, !q
}
