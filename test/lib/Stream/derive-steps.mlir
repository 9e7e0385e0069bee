// Each function below is taken alone: a graph that can be continued, and the
// reasons why others cannot.
// RUN: ssm-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(ssm-derive-steps{entries=prefill,step})' | FileCheck %s

// Time comes first.
// CHECK-NOT: @forward
// CHECK: func.func @prefill(%[[X:[^:]*]]: tensor<?x?x8xf32, {{[^>]*>>}} {onnx.name = "x"}, %[[S:[^:]*]]: tensor<?x8xf32, {{[^>]*>>}} {onnx.name = "scan_0"})
// CHECK-SAME: ssm.states = [{initial = 2.500000e-01 : f64, input = 1 : i64, name = "scan_0", output = 1 : i64}]
// CHECK: %[[H:.*]]:2 = ssm.scan dimension(0) ins(%[[X]], %[[X]] : {{.*}} outs(%{{.*}}, %[[S]] :
// CHECK: return %[[H]]#0, %[[H]]#1
// CHECK: func.func @step(%{{[^:]*}}: tensor<1x?x8xf32, {{[^>]*>>}} {onnx.name = "x"}
module attributes {onnx.symbols = ["L", "B"]} {
  func.func @forward(%x: tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>> {onnx.name = "x"}) -> (tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>> {onnx.name = "h"}) {
    %l = onnx.symbol "L"
    %b = onnx.symbol "B"
    %h0 = tensor.empty(%l, %b) : tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
    %quarter = arith.constant 0.25 : f32
    %e = tensor.empty(%b) : tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
    %s0 = linalg.fill ins(%quarter : f32) outs(%e : tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>) -> tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
    %h, %last = ssm.scan dimension(0) ins(%x, %x : tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>, tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>) outs(%h0, %s0 : tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>, tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>) -> tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>, tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
    return %h : tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
  }
}

// -----

// A fixed batch is as large as another axis of what depends on the positions.
// CHECK: func.func @step(%{{[^:]*}}: tensor<2x1x2xf32> {onnx.name = "x"}, %{{[^:]*}}: tensor<2xi64> {onnx.name = "position"}
// CHECK: %[[SIN:.*]] = onnx.node "Sin"(%{{.*}} -> tensor<2x2xf32>
// CHECK: onnx.node "Reshape"(%[[SIN]], %{{.*}} -> tensor<2x1x2xf32>
!x = tensor<2x?x2xf32, #onnx.dims<["L"], affine_map<()[s0] -> (2, s0, 2)>>>
!i = tensor<?xi64, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>
!c = tensor<?x1xi64, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 1)>>>
!f = tensor<?x1xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 1)>>>
!a = tensor<?x2xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 2)>>>
module attributes {onnx.symbols = ["L"]} {
  func.func @forward(%x: !x {onnx.name = "x"}) -> (!x {onnx.name = "y"}) {
    %zeros = onnx.constant dense<0> : tensor<1xi64>
    %length = onnx.node "Shape"(%x) version 20 attrs {start = 1 : i64, end = 2 : i64} : (!x) -> tensor<1xi64>
    %limit = onnx.node "Squeeze"(%length, %zeros) version 20 : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
    %start = onnx.constant dense<0> : tensor<i64>
    %step = onnx.constant dense<1> : tensor<i64>
    %range = onnx.node "Range"(%start, %limit, %step) version 20 : (tensor<i64>, tensor<i64>, tensor<i64>) -> !i
    %axes = onnx.constant dense<1> : tensor<1xi64>
    %column = onnx.node "Unsqueeze"(%range, %axes) version 20 : (!i, tensor<1xi64>) -> !c
    %float = onnx.node "Cast"(%column) version 20 attrs {to = 1 : i64} : (!c) -> !f
    %rates = onnx.constant dense<[1.0, 0.1]> : tensor<2xf32>
    %angles = onnx.node "Mul"(%float, %rates) version 20 : (!f, tensor<2xf32>) -> !a
    %sin = onnx.node "Sin"(%angles) version 20 : (!a) -> !a
    %u = onnx.node "Add"(%x, %sin) version 20 : (!x, !a) -> !x
    %l = onnx.symbol "L"
    %h0 = tensor.empty(%l) : !x
    %s0 = onnx.constant dense<[[0.0, -0.0], [-0.0, -0.0]]> : tensor<2x2xf32>
    %h, %last = ssm.scan dimension(1) ins(%u, %u : !x, !x) outs(%h0, %s0 : !x, tensor<2x2xf32>) -> !x, tensor<2x2xf32>
    return %h : !x
  }
}

// -----

// Rows of a state may begin with numbers of their own, the same for all rows.
// CHECK: func.func @prefill(%{{[^:]*}}: tensor<?x?x2xf32, {{[^>]*>>}} {onnx.name = "x"}, %{{[^:]*}}: tensor<?x2xf32, {{[^>]*>>}} {onnx.name = "scan_0"})
// CHECK-SAME: ssm.states = [{initial = 0.000000e+00 : f64, initial_row = dense<[2.500000e-01, -1.000000e+00]> : tensor<2xf32>, input = 1 : i64, name = "scan_0", output = 1 : i64}]
!y = tensor<?x?x2xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 2)>>>
!s = tensor<?x2xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 2)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !y {onnx.name = "x"}) -> (!y {onnx.name = "h"}) {
    %b = onnx.symbol "B"
    %l = onnx.symbol "L"
    %h0 = tensor.empty(%b, %l) : !y
    %row = onnx.constant dense<[[0.25, -1.0]]> : tensor<1x2xf32>
    %rows = onnx.node "Shape"(%x) version 20 attrs {start = 0 : i64, end = 1 : i64} : (!y) -> tensor<1xi64>
    %two = onnx.constant dense<2> : tensor<1xi64>
    %extents = onnx.node "Concat"(%rows, %two) version 20 attrs {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
    %s0 = onnx.node "Expand"(%row, %extents) version 20 : (tensor<1x2xf32>, tensor<2xi64>) -> !s
    %h, %last = ssm.scan dimension(1) ins(%x, %x : !y, !y) outs(%h0, %s0 : !y, !s) -> !y, !s
    return %h : !y
  }
}

