// RUN: ssm-opt --ssm-print-axes %s | FileCheck %s

// Length, heads and width are all 4: labels follow the values.
// CHECK-LABEL: @merged
func.func @merged(%ids: tensor<3x4xi64> {onnx.name = "ids"}) -> tensor<3x4x8xf32> {
  %table = onnx.constant dense<1.0> : tensor<16x16xf32>
  %weight = onnx.constant dense<1.0> : tensor<4x4x4xf32>
  %s0 = onnx.constant dense<[12, 4, 4]> : tensor<3xi64>
  %s1 = onnx.constant dense<[3, 4, 16]> : tensor<3xi64>
  %mask = onnx.constant dense<1.0> : tensor<1x4x1xf32>
  // CHECK: "Gather"{{.*}} {ssm.axes = ["token [b:3, t:4, 16]"]}
  %x = onnx.node "Gather"(%table, %ids) version 17 : (tensor<16x16xf32>, tensor<3x4xi64>) -> tensor<3x4x16xf32>
  // CHECK: "Reshape"{{.*}} {ssm.axes = ["token [b:3*t:4, 4, 4]"]}
  %r = onnx.node "Reshape"(%x, %s0) version 17 : (tensor<3x4x16xf32>, tensor<3xi64>) -> tensor<12x4x4xf32>
  // CHECK: "Transpose"{{.*}} {ssm.axes = ["token [4, b:3*t:4, 4]"]}
  %p = onnx.node "Transpose"(%r) version 17 attrs {perm = array<i64: 1, 0, 2>} : (tensor<12x4x4xf32>) -> tensor<4x12x4xf32>
  // CHECK: "MatMul"{{.*}} {ssm.axes = ["token [4, b:3*t:4, 4]"]}
  %m = onnx.node "MatMul"(%p, %weight) version 17 : (tensor<4x12x4xf32>, tensor<4x4x4xf32>) -> tensor<4x12x4xf32>
  %q = onnx.node "Transpose"(%m) version 17 attrs {perm = array<i64: 1, 0, 2>} : (tensor<4x12x4xf32>) -> tensor<12x4x4xf32>
  // CHECK: "Reshape"{{.*}} {ssm.axes = ["token [b:3, t:4, 16]"]}
  %b = onnx.node "Reshape"(%q, %s1) version 17 : (tensor<12x4x4xf32>, tensor<3xi64>) -> tensor<3x4x16xf32>
  // CHECK: "Mul"{{.*}} {ssm.axes = ["token [b:3, t:4, 16]"]}
  %k = onnx.node "Mul"(%b, %mask) version 17 : (tensor<3x4x16xf32>, tensor<1x4x1xf32>) -> tensor<3x4x16xf32>
  // CHECK: "Split"{{.*}} {ssm.axes = ["token [b:3, t:4, 8]", "token [b:3, t:4, 8]"]}
  %y:2 = onnx.node "Split"(%k) version 17 attrs {axis = 2 : i64} : (tensor<3x4x16xf32>) -> (tensor<3x4x8xf32>, tensor<3x4x8xf32>)
  // CHECK: "Transpose"{{.*}} {ssm.axes = ["token [b:3, 8, t:4]"]}
  %t = onnx.node "Transpose"(%y#0) version 17 attrs {perm = array<i64: 0, 2, 1>} : (tensor<3x4x8xf32>) -> tensor<3x8x4xf32>
  // CHECK: "MatMul"{{.*}} {ssm.axes = ["mixed [b:3, t:4, t:4]"]}
  %scores = onnx.node "MatMul"(%y#1, %t) version 17 : (tensor<3x4x8xf32>, tensor<3x8x4xf32>) -> tensor<3x4x4xf32>
  // CHECK: "Softmax"{{.*}} {ssm.axes = ["mixed [b:3, t:4, t:4]"], ssm.mixes}
  %w = onnx.node "Softmax"(%scores) version 17 attrs {axis = -1 : i64} : (tensor<3x4x4xf32>) -> tensor<3x4x4xf32>
  // CHECK: "MatMul"{{.*}} {ssm.axes = ["token [b:3, t:4, 8]"], ssm.mixes}
  %o = onnx.node "MatMul"(%w, %y#0) version 17 : (tensor<3x4x4xf32>, tensor<3x4x8xf32>) -> tensor<3x4x8xf32>
  return %o : tensor<3x4x8xf32>
}

// An unrolled loop gathers its outputs: the axis is time again. A mask that the
// tokens meet is of the sequence, whatever it is called; another input of the
// same extents is not.
// CHECK-LABEL: @gathered
func.func @gathered(%ids: tensor<1x2xi64> {onnx.name = "ids"}, %state: tensor<1x2xi64> {onnx.name = "conv_state"}, %other: tensor<1x2xi64> {onnx.name = "mask"}) -> (tensor<1x2x4xf32>, tensor<1x2x4xf32>, tensor<1x2xf32>) {
  %table = onnx.constant dense<1.0> : tensor<16x4xf32>
  %c0 = onnx.constant dense<0> : tensor<i64>
  %c1 = onnx.constant dense<1> : tensor<i64>
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %i0 = onnx.constant dense<0> : tensor<1x1x4xi64>
  %i1 = onnx.constant dense<1> : tensor<1x1x4xi64>
  %buffer = onnx.constant dense<0.0> : tensor<1x2x4xf32>
  %e = onnx.node "Gather"(%table, %ids) version 17 : (tensor<16x4xf32>, tensor<1x2xi64>) -> tensor<1x2x4xf32>
  // CHECK: "Cast"{{.*}} {ssm.axes = ["token [b:1, t:2]"]}
  %m = onnx.node "Cast"(%state) version 17 attrs {to = 1 : i64} : (tensor<1x2xi64>) -> tensor<1x2xf32>
  // CHECK: "Cast"{{.*}} {ssm.axes = ["mixed [1, 2]"]}
  %n = onnx.node "Cast"(%other) version 17 attrs {to = 1 : i64} : (tensor<1x2xi64>) -> tensor<1x2xf32>
  %last = onnx.constant dense<2> : tensor<1xi64>
  %mu = onnx.node "Unsqueeze"(%m, %last) version 17 : (tensor<1x2xf32>, tensor<1xi64>) -> tensor<1x2x1xf32>
  %x = onnx.node "Mul"(%e, %mu) version 17 : (tensor<1x2x4xf32>, tensor<1x2x1xf32>) -> tensor<1x2x4xf32>
  // CHECK: "Gather"{{.*}} {ssm.axes = ["mixed [b:1, 4] steps 0..0"], ssm.mixes}
  %h0 = onnx.node "Gather"(%x, %c0) version 17 attrs {axis = 1 : i64} : (tensor<1x2x4xf32>, tensor<i64>) -> tensor<1x4xf32>
  %x1 = onnx.node "Gather"(%x, %c1) version 17 attrs {axis = 1 : i64} : (tensor<1x2x4xf32>, tensor<i64>) -> tensor<1x4xf32>
  // CHECK: "Add"{{.*}} {ssm.axes = ["mixed [b:1, 4] steps 0..1"]}
  %h1 = onnx.node "Add"(%h0, %x1) version 17 : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %u0 = onnx.node "Unsqueeze"(%h0, %axis) version 17 : (tensor<1x4xf32>, tensor<1xi64>) -> tensor<1x1x4xf32>
  %u1 = onnx.node "Unsqueeze"(%h1, %axis) version 17 : (tensor<1x4xf32>, tensor<1xi64>) -> tensor<1x1x4xf32>
  // CHECK: "Concat"{{.*}} {ssm.axes = ["token [b:1, t:2, 4]"]}
  %y = onnx.node "Concat"(%u0, %u1) version 17 attrs {axis = 1 : i64} : (tensor<1x1x4xf32>, tensor<1x1x4xf32>) -> tensor<1x2x4xf32>
  // CHECK: "ScatterElements"{{.*}} {ssm.axes = ["mixed [b:1, 2, 4] steps 0..0"], ssm.mixes}
  %s0 = onnx.node "ScatterElements"(%buffer, %i0, %u0) version 17 attrs {axis = 1 : i64} : (tensor<1x2x4xf32>, tensor<1x1x4xi64>, tensor<1x1x4xf32>) -> tensor<1x2x4xf32>
  %same = onnx.node "Identity"(%s0) version 17 : (tensor<1x2x4xf32>) -> tensor<1x2x4xf32>
  // CHECK: "ScatterElements"{{.*}} {ssm.axes = ["token [b:1, t:2, 4]"], ssm.mixes}
  %s1 = onnx.node "ScatterElements"(%same, %i1, %u1) version 17 attrs {axis = 1 : i64} : (tensor<1x2x4xf32>, tensor<1x1x4xi64>, tensor<1x1x4xf32>) -> tensor<1x2x4xf32>
  return %y, %s1, %n : tensor<1x2x4xf32>, tensor<1x2x4xf32>, tensor<1x2xf32>
}

// Zeros behind the end keep the tokens apart, zeros in front do not; cutting
// time into chunks and joining it again gives it back.
// CHECK-LABEL: @chunks
func.func @chunks(%x: tensor<2x6x3xf32> {onnx.name = "embeddings"}) -> tensor<2x9x3xf32> {
  %back = onnx.constant dense<[0, 0, 0, 0, 2, 0]> : tensor<6xi64>
  %front = onnx.constant dense<[0, 3, 0, 0, 0, 0]> : tensor<6xi64>
  %s0 = onnx.constant dense<[2, 2, 4, 3]> : tensor<4xi64>
  %s1 = onnx.constant dense<[2, 8, 3]> : tensor<3xi64>
  %b = onnx.constant dense<0> : tensor<1xi64>
  %e = onnx.constant dense<6> : tensor<1xi64>
  %axis = onnx.constant dense<1> : tensor<1xi64>
  // CHECK: "Pad"{{.*}} {ssm.axes = ["token [b:2, t:8, 3]"]}
  %p = onnx.node "Pad"(%x, %back) version 17 : (tensor<2x6x3xf32>, tensor<6xi64>) -> tensor<2x8x3xf32>
  // CHECK: "Reshape"{{.*}} {ssm.axes = ["token [b:2, t:2/4, t:4, 3]"]}
  %c = onnx.node "Reshape"(%p, %s0) version 17 : (tensor<2x8x3xf32>, tensor<4xi64>) -> tensor<2x2x4x3xf32>
  // CHECK: "CumSum"{{.*}} {ssm.axes = ["token [b:2, t:2/4, t:4, 3]"], ssm.mixes}
  %axis2 = onnx.constant dense<2> : tensor<i64>
  %s = onnx.node "CumSum"(%c, %axis2) version 17 : (tensor<2x2x4x3xf32>, tensor<i64>) -> tensor<2x2x4x3xf32>
  // CHECK: "Reshape"{{.*}} {ssm.axes = ["token [b:2, t:8, 3]"]}
  %j = onnx.node "Reshape"(%s, %s1) version 17 : (tensor<2x2x4x3xf32>, tensor<3xi64>) -> tensor<2x8x3xf32>
  // CHECK: "Slice"{{.*}} {ssm.axes = ["token [b:2, t:6, 3]"]}
  %t = onnx.node "Slice"(%j, %b, %e, %axis) version 17 : (tensor<2x8x3xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x6x3xf32>
  // CHECK: "Pad"{{.*}} {ssm.axes = ["token [b:2, t:9, 3]"], ssm.mixes}
  %f = onnx.node "Pad"(%t, %front) version 17 : (tensor<2x6x3xf32>, tensor<6xi64>) -> tensor<2x9x3xf32>
  return %f : tensor<2x9x3xf32>
}

// What is written into nothing makes no sequence.
// CHECK-LABEL: @nothing
func.func @nothing(%x: tensor<2x6x3xf32> {onnx.name = "x"}) -> (tensor<2x0x3xf32>, tensor<2x6x3xf32>) {
  %axis = onnx.constant dense<1> : tensor<i64>
  %c0 = onnx.constant dense<0> : tensor<1xi64>
  %i0 = onnx.constant dense<0> : tensor<2x1x3xi64>
  %buffer = onnx.constant dense<0.0> : tensor<2x0x3xf32>
  %s = onnx.node "CumSum"(%x, %axis) version 17 : (tensor<2x6x3xf32>, tensor<i64>) -> tensor<2x6x3xf32>
  %u = onnx.node "Gather"(%x, %c0) version 17 attrs {axis = 1 : i64} : (tensor<2x6x3xf32>, tensor<1xi64>) -> tensor<2x1x3xf32>
  // CHECK: "ScatterElements"{{.*}} {ssm.axes = ["mixed [b:2, 0, 3] steps 0..0"], ssm.mixes}
  %w = onnx.node "ScatterElements"(%buffer, %i0, %u) version 17 attrs {axis = 1 : i64} : (tensor<2x0x3xf32>, tensor<2x1x3xi64>, tensor<2x1x3xf32>) -> tensor<2x0x3xf32>
  return %w, %s : tensor<2x0x3xf32>, tensor<2x6x3xf32>
}

// A spectrum is of the sequence, and so is what it is the spectrum of.
// CHECK-LABEL: @transforms
func.func @transforms(%x: tensor<2x8x3x1xf32> {onnx.name = "x"}) -> tensor<2x8x3x1xf32> {
  %n = onnx.constant dense<16> : tensor<i64>
  %axis = onnx.constant dense<1> : tensor<i64>
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %eight = onnx.constant dense<8> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  // CHECK: "DFT"{{.*}} {ssm.axes = ["token [b:2, t:9, 3, 2]"], ssm.mixes}
  %f = onnx.node "DFT"(%x, %n, %axis) version 20 attrs {onesided = 1 : i64} : (tensor<2x8x3x1xf32>, tensor<i64>, tensor<i64>) -> tensor<2x9x3x2xf32>
  // CHECK: "DFT"{{.*}} {ssm.axes = ["token [b:2, t:16, 3, 1]"], ssm.mixes}
  %y = onnx.node "DFT"(%f, %n, %axis) version 20 attrs {inverse = 1 : i64, onesided = 1 : i64} : (tensor<2x9x3x2xf32>, tensor<i64>, tensor<i64>) -> tensor<2x16x3x1xf32>
  // CHECK: "Slice"{{.*}} {ssm.axes = ["token [b:2, t:8, 3, 1]"]}
  %z = onnx.node "Slice"(%y, %zero, %eight, %one) version 20 : (tensor<2x16x3x1xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x8x3x1xf32>
  return %z : tensor<2x8x3x1xf32>
}
