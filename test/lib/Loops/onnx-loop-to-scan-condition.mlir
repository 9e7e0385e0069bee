// A loop that its condition ends after as many iterations as there are tokens is a
// Scan of a free length: it reads the first token, so that there is one. Without
// that it runs once also where there is none, and stays a loop; so does one that may
// end after 40 iterations.
//
// RUN: ssm-opt --onnx-infer-shapes --onnx-loop-to-scan %s | FileCheck %s

// CHECK-LABEL: @forward
// CHECK: onnx.node "Scan"
// CHECK: onnx.node "Loop"
// CHECK: onnx.node "Loop"
// CHECK-NOT: "Scan"
#row = #onnx.dims<["L"], affine_map<()[s0] -> (s0, 4)>>
module {
  func.func @forward(%x: tensor<?x4xf32, #row> {onnx.name = "x"}) -> (!onnx.unknown, !onnx.unknown, !onnx.unknown) {
    %most = onnx.constant dense<9223372036854775807> : tensor<i64>
    %forty = onnx.constant dense<40> : tensor<i64>
    %true = onnx.constant dense<true> : tensor<i1>
    %zero = onnx.constant dense<0> : tensor<i64>
    %one = onnx.constant dense<1> : tensor<i64>
    %h = onnx.constant dense<1.0> : tensor<4xf32>
    %shape = onnx.node "Shape"(%x) version 21 : (tensor<?x4xf32, #row>) -> !onnx.unknown
    %l = onnx.node "Gather"(%shape, %zero) version 21 attrs {axis = 0 : i64} : (!onnx.unknown, tensor<i64>) -> !onnx.unknown
    %0 = onnx.node "Loop"(%most, %true, %h) version 21 attrs {body = 0 : i64} {
    ^bb0(%i: tensor<i64>, %go: tensor<i1>, %a: tensor<4xf32>):
      %t = onnx.node "Gather"(%x, %i) version 21 attrs {axis = 0 : i64} : (tensor<?x4xf32, #row>, tensor<i64>) -> tensor<4xf32>
      %b = onnx.node "Mul"(%a, %t) version 21 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      %n = onnx.node "Add"(%i, %one) version 21 : (tensor<i64>, tensor<i64>) -> tensor<i64>
      %c = onnx.node "Less"(%n, %l) version 21 : (tensor<i64>, !onnx.unknown) -> tensor<i1>
      onnx.yield %c, %b : tensor<i1>, tensor<4xf32>
    } : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> !onnx.unknown
    %1 = onnx.node "Loop"(%most, %true, %h) version 21 attrs {body = 0 : i64} {
    ^bb0(%i: tensor<i64>, %go: tensor<i1>, %a: tensor<4xf32>):
      %n = onnx.node "Add"(%i, %one) version 21 : (tensor<i64>, tensor<i64>) -> tensor<i64>
      %f = onnx.node "Cast"(%n) version 21 attrs {to = 1 : i64} : (tensor<i64>) -> tensor<f32>
      %b = onnx.node "Mul"(%a, %f) version 21 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
      %c = onnx.node "Less"(%n, %l) version 21 : (tensor<i64>, !onnx.unknown) -> tensor<i1>
      onnx.yield %c, %b : tensor<i1>, tensor<4xf32>
    } : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> !onnx.unknown
    %2 = onnx.node "Loop"(%forty, %true, %h) version 21 attrs {body = 0 : i64} {
    ^bb0(%i: tensor<i64>, %go: tensor<i1>, %a: tensor<4xf32>):
      %t = onnx.node "Gather"(%x, %i) version 21 attrs {axis = 0 : i64} : (tensor<?x4xf32, #row>, tensor<i64>) -> tensor<4xf32>
      %b = onnx.node "Mul"(%a, %t) version 21 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      %n = onnx.node "Add"(%i, %one) version 21 : (tensor<i64>, tensor<i64>) -> tensor<i64>
      %c = onnx.node "Less"(%n, %l) version 21 : (tensor<i64>, !onnx.unknown) -> tensor<i1>
      onnx.yield %c, %b : tensor<i1>, tensor<4xf32>
    } : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> !onnx.unknown
    return %0, %1, %2 : !onnx.unknown, !onnx.unknown, !onnx.unknown
  }
}
