// States that are the last tokens: of delays in both their spellings, and of
// attention to a window. Positions count from where a row is.
// RUN: ssm-opt %s --pass-pipeline='builtin.module(ssm-derive-steps{entries=step},onnx-fold)' | FileCheck %s

// CHECK: func.func @step(%[[X:[^:]*]]: tensor<?x1x2x8xf32, {{[^>]*>>}} {onnx.name = "x"}, %[[P:[^:]*]]: tensor<?xi64, {{[^>]*>>}} {onnx.name = "position"},
// CHECK-SAME: %[[D0:[^:]*]]: tensor<?x2x2x8xf32, {{[^>]*>>}} {onnx.name = "delay_0"}, %[[D1:[^:]*]]: tensor<?x1x2x8xf32, {{[^>]*>>}} {onnx.name = "delay_1"},
// CHECK-SAME: %[[K:[^:]*]]: tensor<?x4x2x8xf32, {{[^>]*>>}} {onnx.name = "attention_0_keys"}, %[[V:[^:]*]]: tensor<?x4x2x8xf32, {{[^>]*>>}} {onnx.name = "attention_0_values"})
// CHECK-SAME: {initial = 2.500000e-01 : f64, input = 3 : i64, name = "delay_1", output = 3 : i64}
// CHECK: %[[ALL:.*]] = onnx.node "Concat"(%[[D0]], %[[X]])
// CHECK: onnx.node "Slice"(%[[ALL]]
// CHECK: onnx.node "Concat"(%[[D1]],
// The rows are split off the positions where they meet the rest.
// CHECK: %[[SIN:.*]] = onnx.node "Sin"
// CHECK-SAME: -> tensor<?x1x1xf32,
// CHECK: %[[ROWS:.*]] = onnx.node "{{Reshape|Unsqueeze}}"(%[[SIN]]
// CHECK: %[[KEYS:.*]] = onnx.node "Concat"(%[[K]],
// CHECK: ssm.attention left(4) right(0) ins(%{{.*}}, %[[KEYS]], %{{.*}}positions(
!x = tensor<?x?x2x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 2, 8)>>>
!p = tensor<?x?x2x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1 + 2, 2, 8)>>>
!c = tensor<?x?x2x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1 - 1, 2, 8)>>>
!q = tensor<?x1x2x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 1, 2, 8)>>>
!l = tensor<?x?x2xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 2)>>>
!r = tensor<?xi64, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>
!f = tensor<?x1x1xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 1, 1)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !x {onnx.name = "x"}) -> (!x {onnx.name = "y"}) {
    %zero = onnx.constant dense<0> : tensor<1xi64>
    %one = onnx.constant dense<1> : tensor<1xi64>
    %length = onnx.node "Shape"(%x) version 20 attrs {start = 1 : i64, end = 2 : i64} : (!x) -> tensor<1xi64>
    // Two tokens before.
    %pads = onnx.constant dense<[0, 2, 0, 0, 0, 0, 0, 0]> : tensor<8xi64>
    %padded = onnx.node "Pad"(%x, %pads) version 20 : (!x, tensor<8xi64>) -> !p
    %delayed = onnx.node "Slice"(%padded, %zero, %length, %one) version 20 : (!p, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !x
    // One token before, a quarter in front of the first.
    %b = onnx.node "Shape"(%x) version 20 attrs {start = 0 : i64, end = 1 : i64} : (!x) -> tensor<1xi64>
    %rest = onnx.constant dense<[1, 2, 8]> : tensor<3xi64>
    %shape = onnx.node "Concat"(%b, %rest) version 20 attrs {axis = 0 : i64} : (tensor<1xi64>, tensor<3xi64>) -> tensor<4xi64>
    %quarter = onnx.constant dense<0.25> : tensor<1xf32>
    %first = onnx.node "Expand"(%quarter, %shape) version 20 : (tensor<1xf32>, tensor<4xi64>) -> !q
    %minus = onnx.constant dense<-1> : tensor<1xi64>
    %cut = onnx.node "Slice"(%delayed, %zero, %minus, %one) version 20 : (!x, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !c
    %v = onnx.node "Concat"(%first, %cut) version 20 attrs {axis = 1 : i64} : (!q, !c) -> !x
    // sin(position) for every head and channel.
    %limit = onnx.node "Squeeze"(%length, %zero) version 20 : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
    %start = onnx.constant dense<0> : tensor<i64>
    %step = onnx.constant dense<1> : tensor<i64>
    %range = onnx.node "Range"(%start, %limit, %step) version 20 : (tensor<i64>, tensor<i64>, tensor<i64>) -> !r
    %axes = onnx.constant dense<[1, 2]> : tensor<2xi64>
    %columns = onnx.node "Unsqueeze"(%range, %axes) version 20 : (!r, tensor<2xi64>) -> tensor<?x1x1xi64, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 1, 1)>>>
    %float = onnx.node "Cast"(%columns) version 20 attrs {to = 1 : i64} : (tensor<?x1x1xi64, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 1, 1)>>>) -> !f
    %sin = onnx.node "Sin"(%float) version 20 : (!f) -> !f
    %k = onnx.node "Add"(%x, %sin) version 20 : (!x, !f) -> !x
    %bs = onnx.symbol "B"
    %ls = onnx.symbol "L"
    %y0 = tensor.empty(%bs, %ls) : !x
    %l0 = tensor.empty(%bs, %ls) : !l
    %y, %l = ssm.attention left(4) right(0) ins(%k, %k, %v : !x, !x, !x) outs(%y0, %l0 : !x, !l) -> !x, !l
    return %y : !x
  }
}
