// Rows of different lengths: a scan is held still by a decay of 1 and an input
// of 0 behind the end of a row. What stands there in the input is not read.
// RUN: ssm-opt %s --pass-pipeline='builtin.module(ssm-derive-steps{entries=prefill_lengths},onnx-fold)' | FileCheck %s

// CHECK: func.func @prefill_lengths(%[[X:[^:]*]]: tensor<?x?x8xf32, {{[^>]*>>}} {onnx.name = "x"}, %[[N:[^:]*]]: tensor<?xi64, {{[^>]*>>}} {onnx.name = "lengths"}, %[[S:[^:]*]]:
// CHECK: %[[ZERO:.*]] = onnx.constant dense<0.000000e+00> : tensor<f32>
// CHECK: %[[U:.*]] = onnx.node "Where"(%[[HAS:.*]], %[[X]], %[[ZERO]])
// CHECK: cf.assert %{{.*}}, "a number of 'lengths' is negative"
// CHECK: cf.assert %{{.*}}, "a number of 'lengths' is larger than the number of tokens that are given"
// CHECK: %[[ONE:.*]] = onnx.constant dense<1.000000e+00> : tensor<f32>
// CHECK: %[[A:.*]] = onnx.node "Where"(%[[HAS]], %[[U]], %[[ONE]])
// CHECK: %[[B:.*]] = onnx.node "Where"(%[[HAS]], %[[U]], %[[ZERO]])
// CHECK: ssm.scan dimension(1) ins(%[[A]], %[[B]] :
!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!s = tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !x {onnx.name = "x"}) -> (!x {onnx.name = "h"}) {
    %b = onnx.symbol "B"
    %l = onnx.symbol "L"
    %h0 = tensor.empty(%b, %l) : !x
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty(%b) : !s
    %s0 = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
    %h, %last = ssm.scan dimension(1) ins(%x, %x : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    return %h : !x
  }
}
