// RUN: ssm-opt %s "--onnx-free-lengths=dims=x:1=L" --split-input-file | FileCheck %s
// RUN: ssm-opt %s "--onnx-free-lengths=dims=x:1=16" --split-input-file | FileCheck %s --check-prefix=FIXED

// Rows that settle are gathered, up to the last one that differs.
// CHECK: ssmc.lengths = [{assumption = "the constant that it reads, of 8 positions, goes on in the same way after them", site = "mark"}]
// CHECK-LABEL: func.func @settled
// CHECK: %[[AT:.*]] = onnx.node "Range"
// CHECK: %[[ROWS:.*]] = onnx.constant dense<{{\[\[}}1.000000e+00], [0.000000e+00]]>
// CHECK: %[[MIN:.*]] = onnx.node "Min"(%[[AT]],
// CHECK: %[[TABLE:.*]] = onnx.node "Gather"(%[[ROWS]], %[[MIN]])
// CHECK: onnx.node "Mul"(%{{.*}}, %[[TABLE]]) {{.*}}"L"
// FIXED-LABEL: func.func @settled
// FIXED-SAME: tensor<1x16x2xf32> {onnx.name = "x"}) -> (tensor<1x16x2xf32>
// FIXED: onnx.node "Gather"{{.*}} -> tensor<16x1xf32>
func.func @settled(%x: tensor<1x8x2xf32> {onnx.name = "x"}) -> (tensor<1x8x2xf32> {onnx.name = "y"}) {
  %mark = onnx.constant dense<[[1.0], [0.0], [0.0], [0.0], [0.0], [0.0], [0.0], [0.0]]> : tensor<8x1xf32>
  %0 = onnx.node "Mul"(%x, %mark) version 20 : (tensor<1x8x2xf32>, tensor<8x1xf32>) -> tensor<1x8x2xf32> loc("mark")
  return %0 : tensor<1x8x2xf32>
}

// -----

// CHECK-LABEL: func.func @linear
// CHECK: %[[FIRST:.*]] = onnx.constant dense<3.000000e+00> : tensor<1x1xf32>
// CHECK: %[[AT:.*]] = onnx.node "Cast"
// CHECK: %[[STEP:.*]] = onnx.constant dense<2.000000e+00> : tensor<1x1xf32>
// CHECK: %[[MUL:.*]] = onnx.node "Mul"(%[[AT]], %[[STEP]])
// CHECK: onnx.node "Add"(%[[FIRST]], %[[MUL]])
func.func @linear(%x: tensor<1x4x2xf32> {onnx.name = "x"}) -> (tensor<1x4x2xf32> {onnx.name = "y"}) {
  %positions = onnx.constant dense<[[3.0], [5.0], [7.0], [9.0]]> : tensor<4x1xf32>
  %0 = onnx.node "Add"(%x, %positions) version 20 : (tensor<1x4x2xf32>, tensor<4x1xf32>) -> tensor<1x4x2xf32>
  return %0 : tensor<1x4x2xf32>
}

// -----

// A rotary embedding: the sine of half the position.
// CHECK-LABEL: func.func @wave
// CHECK: %[[FREQUENCY:.*]] = onnx.constant dense<5.000000e-01> : tensor<1x1xf32>
// CHECK: %[[ANGLE:.*]] = onnx.node "Mul"(%{{.*}}, %[[FREQUENCY]])
// CHECK: onnx.node "Sin"(%[[ANGLE]])
func.func @wave(%x: tensor<1x6x1xf32> {onnx.name = "x"}) -> (tensor<1x6x1xf32> {onnx.name = "y"}) {
  %sine = onnx.constant dense<[[0.0], [0.47942555], [0.84147098], [0.99749499], [0.90929743], [0.59847214]]> : tensor<6x1xf32>
  %0 = onnx.node "Mul"(%x, %sine) version 20 : (tensor<1x6x1xf32>, tensor<6x1xf32>) -> tensor<1x6x1xf32>
  return %0 : tensor<1x6x1xf32>
}

// -----

// The last three tokens, whatever the length.
// CHECK-LABEL: func.func @cut
// CHECK: %[[SHAPE:.*]] = onnx.node "Shape"
// CHECK: %[[MINUS:.*]] = onnx.node "Mul"(%[[SHAPE]],
// CHECK: %[[AMOUNT:.*]] = onnx.node "Add"(%[[MINUS]], %{{.*}})
// CHECK: onnx.node "Concat"(%{{.*}}, %[[AMOUNT]], %{{.*}})
// CHECK: onnx.node "Pad"{{.*}} -> tensor<1x3x2xf32>
func.func @cut(%x: tensor<1x8x2xf32> {onnx.name = "x"}) -> (tensor<1x3x2xf32> {onnx.name = "y"}) {
  %pads = onnx.constant dense<[0, -5, 0, 0, 0, 0]> : tensor<6xi64>
  %0 = onnx.node "Pad"(%x, %pads) version 20 : (tensor<1x8x2xf32>, tensor<6xi64>) -> tensor<1x3x2xf32>
  return %0 : tensor<1x3x2xf32>
}
