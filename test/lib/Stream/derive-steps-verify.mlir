// A draft: `verify` gives what its tokens bring to the states, and `accept` goes
// on from that. What stands in front of the scan and behind it is not in it.
// RUN: ssm-opt %s --pass-pipeline='builtin.module(ssm-derive-steps{entries=verify},onnx-fold)' | FileCheck %s

// CHECK: func.func @accept(%[[A:[^:]*]]: tensor<?x?x8xf32, {{[^>]*>>}} {onnx.name = "brought_0"}, %[[N:[^:]*]]: tensor<?xi64, {{[^>]*>>}} {onnx.name = "lengths"}, %[[S:[^:]*]]: {{.*}} {onnx.name = "scan_0"}) -> (tensor<?x8xf32, {{[^>]*>>}} {onnx.name = "scan_0"})
// CHECK-SAME: ssm.states = [{initial = 0.000000e+00 : f64, input = 2 : i64, name = "scan_0", output = 0 : i64}]
// CHECK-NOT: "MatMul"
// CHECK: ssm.scan dimension(1) ins(
// CHECK-NOT: "MatMul"
// CHECK: func.func @verify(%[[X:[^:]*]]: {{.*}} {onnx.name = "x"}, %{{.*}} {onnx.name = "y"}, {{.*}} {onnx.name = "scan_0"}, {{.*}} {onnx.name = "brought_0"})
// CHECK: %[[U:.*]] = onnx.node "MatMul"(%[[X]],
// CHECK: %[[H:.*]]:2 = ssm.scan dimension(1) ins(%[[U]], %[[U]] :
// CHECK: %[[Y:.*]] = onnx.node "MatMul"(%[[H]]#0,
// CHECK: return %[[Y]], %[[H]]#1, %[[U]]
!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!s = tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !x {onnx.name = "x"}) -> (!x {onnx.name = "y"}) {
    %w = onnx.constant dense<0.5> : tensor<8x8xf32>
    %u = onnx.node "MatMul"(%x, %w) version 20 : (!x, tensor<8x8xf32>) -> !x
    %b = onnx.symbol "B"
    %l = onnx.symbol "L"
    %h0 = tensor.empty(%b, %l) : !x
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty(%b) : !s
    %s0 = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
    %h, %last = ssm.scan dimension(1) ins(%u, %u : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    %y = onnx.node "MatMul"(%h, %w) version 20 : (!x, tensor<8x8xf32>) -> !x
    return %y : !x
  }
}
