// The first rows of a table, as many as there are tokens, are those of their
// positions. What counts these rows counts the tokens.
// RUN: ssm-opt %s --pass-pipeline='builtin.module(ssm-derive-steps{entries=step},onnx-fold)' | FileCheck %s

// CHECK: func.func @step(%{{[^:]*}}: tensor<?x1x8xf32, {{[^>]*>>}} {onnx.name = "x"}, %[[P:[^:]*]]: tensor<?xi64, {{[^>]*>>}} {onnx.name = "position"},
// CHECK-DAG: %[[TABLE:.*]] = onnx.constant {{.*}} : tensor<64x8xf32>
// CHECK-DAG: onnx.node "Gather"(%[[TABLE]],
// CHECK-DAG: onnx.node "Cast"
// CHECK-NOT: onnx.node "Slice"
!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!t = tensor<?x8xf32, #onnx.dims<["B", "L", "slice"], affine_map<()[s0, s1, s2] -> (s2, 8)>>>
!r = tensor<?xi64, #onnx.dims<["B", "L", "slice"], affine_map<()[s0, s1, s2] -> (s2)>>>
!f = tensor<?xf32, #onnx.dims<["B", "L", "slice"], affine_map<()[s0, s1, s2] -> (s2)>>>
!c = tensor<?x1xf32, #onnx.dims<["B", "L", "slice"], affine_map<()[s0, s1, s2] -> (s2, 1)>>>
!s = tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
module attributes {onnx.symbols = ["B", "L", "slice"]} {
  func.func @forward(%x: !x {onnx.name = "x"}) -> (!x {onnx.name = "y"}) {
    %b = onnx.symbol "B"
    %l = onnx.symbol "L"
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty(%b) : !s
    %s0 = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
    %h0 = tensor.empty(%b, %l) : !x
    %h, %last = ssm.scan dimension(1) ins(%x, %x : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    %table = onnx.constant dense_resource<table> : tensor<64x8xf32>
    %from = onnx.constant dense<0> : tensor<1xi64>
    %length = onnx.node "Shape"(%x) version 20 attrs {start = 1 : i64, end = 2 : i64} : (!x) -> tensor<1xi64>
    %rows = onnx.node "Slice"(%table, %from, %length) version 20 : (tensor<64x8xf32>, tensor<1xi64>, tensor<1xi64>) -> !t
    %y = onnx.node "Add"(%h, %rows) version 20 : (!x, !t) -> !x
    %first = onnx.constant dense<0> : tensor<i64>
    %one = onnx.constant dense<1> : tensor<i64>
    %shape = onnx.node "Shape"(%rows) version 20 attrs {start = 0 : i64, end = 1 : i64} : (!t) -> tensor<1xi64>
    %count = onnx.node "Squeeze"(%shape, %from) version 20 : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
    %range = onnx.node "Range"(%first, %count, %one) version 20 : (tensor<i64>, tensor<i64>, tensor<i64>) -> !r
    %float = onnx.node "Cast"(%range) version 20 attrs {to = 1 : i64} : (!r) -> !f
    %axis = onnx.constant dense<1> : tensor<1xi64>
    %column = onnx.node "Unsqueeze"(%float, %axis) version 20 : (!f, tensor<1xi64>) -> !c
    %z = onnx.node "Mul"(%y, %column) version 20 : (!x, !c) -> !x
    return %z : !x
  }
}
