// A graph that leaves its length free is compared at several lengths; of one
// whose length is fixed the report says what is assumed.
//
// RUN: ssm-opt --onnx-infer-shapes --ssm-raise --split-input-file %s | FileCheck %s

// CHECK: assumptions = ["no tap reaches further back than the traced length"]
// CHECK-SAME: lengths = [16, 21, 32]
// CHECK-SAME: op = "ssm.short_conv"
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>) -> !onnx.unknown {
    %w = onnx.constant dense<0.5> : tensor<8x1x4xf32>
    %t = onnx.node "Transpose"(%x) version 17 attrs {perm = array<i64: 0, 2, 1>} : (tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>) -> !onnx.unknown
    %c = onnx.node "Conv"(%t, %w) version 17 attrs {group = 8 : i64, pads = array<i64: 3, 0>} : (!onnx.unknown, tensor<8x1x4xf32>) -> !onnx.unknown
    %y = onnx.node "Transpose"(%c) version 17 attrs {perm = array<i64: 0, 2, 1>} : (!onnx.unknown) -> !onnx.unknown
    return %y : !onnx.unknown
  }
}

// -----

// So is one where time is the first axis: what comes first is no batch for that.
// CHECK: lengths = [16, 21, 32]
// CHECK-SAME: op = "ssm.short_conv"
module attributes {onnx.symbols = ["L", "B"]} {
  func.func @forward(%x: tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>) -> !onnx.unknown {
    %w = onnx.constant dense<0.5> : tensor<8x1x4xf32>
    %t = onnx.node "Transpose"(%x) version 17 attrs {perm = array<i64: 1, 2, 0>} : (tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>) -> !onnx.unknown
    %c = onnx.node "Conv"(%t, %w) version 17 attrs {group = 8 : i64, pads = array<i64: 3, 0>} : (!onnx.unknown, tensor<8x1x4xf32>) -> !onnx.unknown
    %y = onnx.node "Transpose"(%c) version 17 attrs {perm = array<i64: 2, 0, 1>} : (!onnx.unknown) -> !onnx.unknown
    return %y : !onnx.unknown
  }
}

// -----

// CHECK: assumptions = ["no tap reaches further back than the traced length", "what holds at the traced length of 9 holds at every length"]
// CHECK-SAME: lengths = [9]
module {
  func.func @forward(%x: tensor<2x9x8xf32>) -> !onnx.unknown {
    %w = onnx.constant dense<0.5> : tensor<8x1x4xf32>
    %t = onnx.node "Transpose"(%x) version 17 attrs {perm = array<i64: 0, 2, 1>} : (tensor<2x9x8xf32>) -> !onnx.unknown
    %c = onnx.node "Conv"(%t, %w) version 17 attrs {group = 8 : i64, pads = array<i64: 3, 0>} : (!onnx.unknown, tensor<8x1x4xf32>) -> !onnx.unknown
    %y = onnx.node "Transpose"(%c) version 17 attrs {perm = array<i64: 0, 2, 1>} : (!onnx.unknown) -> !onnx.unknown
    return %y : !onnx.unknown
  }
}
