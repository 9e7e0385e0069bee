// A loop that neither reads nor writes a sequence stays one: as a Scan it would need
// a sequence of positions. So does one whose end data decides.
//
// RUN: ssm-opt --onnx-infer-shapes --onnx-loop-to-scan %s | FileCheck %s

// CHECK-LABEL: @forward
// CHECK: onnx.node "Loop"
// CHECK: onnx.node "Scan"
// CHECK-SAME: scan_input_directions = array<i64: 1>
// CHECK: onnx.node "Loop"
// CHECK-NOT: "Scan"
module {
  func.func @forward(%x: tensor<9x4xf32>, %n: tensor<i64>) -> (!onnx.unknown, !onnx.unknown, !onnx.unknown) {
    %trips = onnx.constant dense<9> : tensor<i64>
    %last = onnx.constant dense<8> : tensor<i64>
    %none = onnx.none
    %h = onnx.constant dense<1.0> : tensor<4xf32>
    %0 = onnx.node "Loop"(%trips, %none, %h) version 21 attrs {body = 0 : i64} {
    ^bb0(%i: tensor<i64>, %go: tensor<i1>, %a: tensor<4xf32>):
      %b = onnx.node "Tanh"(%a) version 21 : (tensor<4xf32>) -> tensor<4xf32>
      onnx.yield %go, %b : tensor<i1>, tensor<4xf32>
    } : (tensor<i64>, none, tensor<4xf32>) -> !onnx.unknown
    %1 = onnx.node "Loop"(%trips, %none, %h) version 21 attrs {body = 0 : i64} {
    ^bb0(%i: tensor<i64>, %go: tensor<i1>, %a: tensor<4xf32>):
      %k = onnx.node "Sub"(%last, %i) version 21 : (tensor<i64>, tensor<i64>) -> tensor<i64>
      %t = onnx.node "Gather"(%x, %k) version 21 attrs {axis = 0 : i64} : (tensor<9x4xf32>, tensor<i64>) -> tensor<4xf32>
      %b = onnx.node "Mul"(%a, %t) version 21 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      onnx.yield %go, %b : tensor<i1>, tensor<4xf32>
    } : (tensor<i64>, none, tensor<4xf32>) -> !onnx.unknown
    %2 = onnx.node "Loop"(%n, %none, %h) version 21 attrs {body = 0 : i64} {
    ^bb0(%i: tensor<i64>, %go: tensor<i1>, %a: tensor<4xf32>):
      %t = onnx.node "Gather"(%x, %i) version 21 attrs {axis = 0 : i64} : (tensor<9x4xf32>, tensor<i64>) -> tensor<4xf32>
      %b = onnx.node "Mul"(%a, %t) version 21 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      onnx.yield %go, %b : tensor<i1>, tensor<4xf32>
    } : (tensor<i64>, none, tensor<4xf32>) -> !onnx.unknown
    return %0, %1, %2 : !onnx.unknown, !onnx.unknown, !onnx.unknown
  }
}
