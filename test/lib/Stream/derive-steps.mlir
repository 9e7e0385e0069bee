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
