// RUN: ssm-opt %s --onnx-fold --split-input-file | FileCheck %s

// Arithmetic on constants, in double precision and rounded once.
// CHECK-LABEL: func.func @values
// CHECK-NEXT: %[[C:.*]] = onnx.constant dense<[3.000000e-01, 1.000000e+00]> : tensor<2xf32>
// CHECK-NEXT: return %[[C]]
func.func @values() -> tensor<2xf32> {
  %a = onnx.constant dense<[0.1, 0.5]> : tensor<2xf32>
  %b = onnx.constant dense<[0.2, 0.5]> : tensor<2xf32>
  %c = onnx.node "Add"(%a, %b) version 20 : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %c : tensor<2xf32>
}

// -----

// A table of two positions is not cut: how it goes on may be asked. One of
// which one row is read is no such table.
// CHECK-LABEL: func.func @cut
// CHECK: %[[CUT:.*]] = onnx.node "Slice"
// CHECK-NOT: onnx.node
// CHECK: return %[[CUT]]
func.func @cut() -> (tensor<2x3xf32>, tensor<1x3xf32>) {
  %a = onnx.constant dense<[[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]> : tensor<3x3xf32>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %b = onnx.node "Slice"(%a, %zero, %two, %zero) version 20 : (tensor<3x3xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x3xf32>
  %c = onnx.node "Slice"(%a, %zero, %one, %zero) version 20 : (tensor<3x3xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<1x3xf32>
  return %b, %c : tensor<2x3xf32>, tensor<1x3xf32>
}

// -----

// Nodes that hand on their input disappear; a reversed Slice is none of them.
// CHECK-LABEL: func.func @hand_on
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf32>)
// CHECK: %[[R:.*]] = onnx.node "Slice"(%[[X]],
// CHECK-NEXT: return %[[X]], %[[R]]
func.func @hand_on(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %shape = onnx.constant dense<[2, 3]> : tensor<2xi64>
  %0 = onnx.node "Identity"(%x) version 20 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = onnx.node "Expand"(%0, %shape) version 20 : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2x3xf32>
  %2 = onnx.node "Cast"(%1) version 20 attrs {to = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = onnx.node "Transpose"(%2) version 20 : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %4 = onnx.node "Transpose"(%3) version 20 : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %last = onnx.constant dense<-1> : tensor<1xi64>
  %end = onnx.constant dense<-9> : tensor<1xi64>
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %5 = onnx.node "Slice"(%4, %last, %end, %axis, %last) version 20 : (tensor<2x3xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x3xf32>
  return %4, %5 : tensor<2x3xf32>, tensor<2x3xf32>
}

// -----

// A Reshape of a Reshape copies no extent of the one that is gone.
// CHECK-LABEL: func.func @reshapes
// CHECK: %[[S:.*]] = onnx.constant dense<[2, 12]>
// CHECK-NEXT: %[[Y:.*]] = onnx.node "Reshape"(%{{.*}}, %[[S]])
// CHECK-NEXT: return %[[Y]]
func.func @reshapes(%x: tensor<4x6xf32>) -> tensor<2x12xf32> {
  %first = onnx.constant dense<[2, 3, 4]> : tensor<3xi64>
  %second = onnx.constant dense<[0, -1]> : tensor<2xi64>
  %0 = onnx.node "Reshape"(%x, %first) version 20 : (tensor<4x6xf32>, tensor<3xi64>) -> tensor<2x3x4xf32>
  %1 = onnx.node "Reshape"(%0, %second) version 20 : (tensor<2x3x4xf32>, tensor<2xi64>) -> tensor<2x12xf32>
  return %1 : tensor<2x12xf32>
}

// -----

// Equal nodes merge; the branch of a constant condition is taken.
// CHECK-LABEL: func.func @merge
// CHECK: %[[E:.*]] = onnx.node "Exp"
// CHECK-NEXT: %[[M:.*]] = onnx.node "Mul"(%[[E]], %[[E]])
// CHECK-NEXT: return %[[M]]
func.func @merge(%x: tensor<4xf32>) -> tensor<4xf32> {
  %true = onnx.constant dense<true> : tensor<i1>
  %0 = onnx.node "Exp"(%x) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %1 = onnx.node "If"(%true) version 20 attrs {then_branch = 0 : i64, else_branch = 1 : i64} {
    %a = onnx.node "Exp"(%x) version 20 : (tensor<4xf32>) -> tensor<4xf32>
    onnx.yield %a : tensor<4xf32>
  }, {
    onnx.yield %x : tensor<4xf32>
  } : (tensor<i1>) -> tensor<4xf32>
  %2 = onnx.node "Mul"(%0, %1) version 20 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

// A Concat of Concats along the same axis is one, unless others read the part.
// CHECK-LABEL: func.func @joined
// CHECK: %[[P:.*]] = onnx.node "Concat"(%arg0, %arg0)
// CHECK: %[[Q:.*]] = onnx.node "Concat"(%arg0, %arg0, %[[P]])
// CHECK: return %[[Q]], %[[P]]
func.func @joined(%x: tensor<2x3xf32>) -> (tensor<2x12xf32>, tensor<2x6xf32>) {
  %0 = onnx.node "Concat"(%x, %x) version 20 attrs {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x6xf32>
  %1 = onnx.node "Concat"(%x, %x) version 20 attrs {axis = -1 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x6xf32>
  %2 = onnx.node "Concat"(%0, %1) version 20 attrs {axis = 1 : i64} : (tensor<2x6xf32>, tensor<2x6xf32>) -> tensor<2x12xf32>
  return %2, %1 : tensor<2x12xf32>, tensor<2x6xf32>
}

// -----

// Extents follow from what is folded: the numbers of a padding, turned.
// CHECK-LABEL: func.func @turned_pads
// CHECK-NEXT: %[[SHAPE:.*]] = onnx.constant dense<[3, 5]> : tensor<2xi64>
// CHECK-NEXT: return %[[SHAPE]]
func.func @turned_pads(%x: tensor<2x3xf32>) -> !onnx.unknown {
  %pairs = onnx.constant dense<[[0, 1], [0, 2]]> : tensor<2x2xi64>
  %all = onnx.constant dense<-1> : tensor<1xi64>
  %0 = onnx.node "Transpose"(%pairs) version 20 attrs {perm = array<i64: 1, 0>} : (tensor<2x2xi64>) -> !onnx.unknown
  %1 = onnx.node "Reshape"(%0, %all) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %2 = onnx.node "Pad"(%x, %1) version 20 : (tensor<2x3xf32>, !onnx.unknown) -> !onnx.unknown
  %3 = onnx.node "Shape"(%2) version 20 : (!onnx.unknown) -> !onnx.unknown
  return %3 : !onnx.unknown
}
