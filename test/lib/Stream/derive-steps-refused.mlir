// What cannot be continued, and the node that is at fault.
// RUN: ssm-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(ssm-derive-steps{entries=prefill,step})'

!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!s = tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !x, %h0: !x, %e: !s) -> !x {
    %zero = arith.constant 0.0 : f32
    %s0 = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
    // expected-error @below {{ssm.scan runs from the last token to the first, so prefill and step cannot be derived}}
    %h, %last = ssm.scan dimension(1) reverse ins(%x, %x : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    return %h : !x
  }
}

// -----

!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!s = tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !x, %h0: !x, %s0: !s) -> !x {
    // expected-error @below {{ssm.scan has a state that is given or computed before the first token}}
    %h, %last = ssm.scan dimension(1) ins(%x, %x : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    return %h : !x
  }
}

// -----

!x = tensor<?x?x2x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 2, 8)>>>
!l = tensor<?x?x2xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 2)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !x, %y0: !x, %l0: !l) -> !x {
    // expected-error @below {{ssm.attention sees tokens that come later}}
    %y, %l = ssm.attention ins(%x, %x, %x : !x, !x, !x) outs(%y0, %l0 : !x, !l) -> !x, !l
    return %y : !x
  }
}

// -----

!x = tensor<?x?x2x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 2, 8)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !x, %y0: !x) -> !x {
    // expected-error @below {{ssm.quasiseparable needs all tokens at once, so it cannot go on from a state}}
    %y = ssm.quasiseparable ins(%x, %x, %x, %x, %x : !x, !x, !x, !x, !x) outs(%y0 : !x) -> !x
    return %y : !x
  }
}

// -----

!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!m = tensor<?x1x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 1, 8)>>>
!s = tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !x, %h0: !x, %e: !s) -> !x {
    %zero = arith.constant 0.0 : f32
    %s0 = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
    %h, %last = ssm.scan dimension(1) ins(%x, %x : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    %axis = onnx.constant dense<1> : tensor<1xi64>
    // expected-error @below {{mixes the tokens of the sequence, and is none of the mixers that have a state}}
    %m = onnx.node "ReduceMax"(%h, %axis) version 20 attrs {keepdims = 1 : i64} : (!x, tensor<1xi64>) -> !m
    %y = onnx.node "Sub"(%h, %m) version 20 : (!x, !m) -> !x
    return %y : !x
  }
}

// -----

!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!s = tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !x, %h0: !x, %e: !s) -> !x {
    %zero = arith.constant 0.0 : f32
    %s0 = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
    %h, %last = ssm.scan dimension(1) ins(%x, %x : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    %l = onnx.node "Shape"(%x) version 20 attrs {start = 1 : i64, end = 2 : i64} : (!x) -> tensor<1xi64>
    // expected-error @below {{computes with the length of the sequence}}
    %f = onnx.node "Cast"(%l) version 20 attrs {to = 1 : i64} : (tensor<1xi64>) -> tensor<1xf32>
    %y = onnx.node "Div"(%h, %f) version 20 : (!x, tensor<1xf32>) -> !x
    return %y : !x
  }
}
