// A Scan of the model has one entry in the report: of what it was replaced by,
// or of why it stands.
//
// RUN: ssm-opt --onnx-infer-shapes --onnx-fold --ssm-raise --split-input-file %s | FileCheck %s

// CHECK: ssmc.report = {{..[^{}]*}}, op = "ssm.scan", site = "raised"}]}
module {
  func.func @forward(%x: tensor<2x12x8xf32>) -> !onnx.unknown {
    %h0 = onnx.constant dense<0.0> : tensor<2x8xf32>
    %a = onnx.constant dense<0.5> : tensor<8xf32>
    %0:2 = onnx.node "Scan"(%h0, %x) version 21 attrs {body = 0 : i64, num_scan_inputs = 1 : i64, scan_input_axes = array<i64: 1>, scan_output_axes = array<i64: 1>} {
    ^bb0(%h: tensor<2x8xf32>, %xt: tensor<2x8xf32>):
      %d = onnx.node "Mul"(%h, %a) version 21 : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
      %n = onnx.node "Add"(%d, %xt) version 21 : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
      onnx.yield %n, %n : tensor<2x8xf32>, tensor<2x8xf32>
    } : (tensor<2x8xf32>, tensor<2x12x8xf32>) -> (!onnx.unknown, !onnx.unknown) loc("raised")
    return %0#1 : !onnx.unknown
  }
}

// -----

// CHECK: ssmc.report = {{..[^{}]*}}, op = "", reason = "a Scan of the model, a recurrence already", site = "kept"}]}
module {
  func.func @forward(%x: tensor<2x12x8xf32>) -> !onnx.unknown {
    %h0 = onnx.constant dense<0.0> : tensor<2x8xf32>
    %0:2 = onnx.node "Scan"(%h0, %x) version 21 attrs {body = 0 : i64, num_scan_inputs = 1 : i64, scan_input_axes = array<i64: 1>, scan_output_axes = array<i64: 1>} {
    ^bb0(%h: tensor<2x8xf32>, %xt: tensor<2x8xf32>):
      %s = onnx.node "Add"(%h, %xt) version 21 : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
      %n = onnx.node "Tanh"(%s) version 21 : (tensor<2x8xf32>) -> tensor<2x8xf32>
      onnx.yield %n, %n : tensor<2x8xf32>, tensor<2x8xf32>
    } : (tensor<2x8xf32>, tensor<2x12x8xf32>) -> (!onnx.unknown, !onnx.unknown) loc("kept")
    return %0#1 : !onnx.unknown
  }
}
