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

// -----

// Queries that are as many as they are, to the keys of the sequence.
!q = tensor<?x3x2x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 3, 2, 8)>>>
!l = tensor<?x3x2xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 3, 2)>>>
!x = tensor<?x?x2x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 2, 8)>>>
!s = tensor<?x2x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 2, 8)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%q: !q, %x: !x, %h0: !x, %e: !s, %y0: !q, %l0: !l) -> (!x, !q) {
    %zero = arith.constant 0.0 : f32
    %s0 = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
    %h, %last = ssm.scan dimension(1) ins(%x, %x : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    // expected-error @below {{ssm.attention has queries that are not those of the tokens, so prefill and step cannot be derived}}
    %y, %l = ssm.attention ins(%q, %h, %h : !q, !x, !x) outs(%y0, %l0 : !q, !l) -> !q, !l
    return %h, %y : !x, !q
  }
}

// -----

// As many ones as there are tokens, summed.
!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!n = tensor<?xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>
!s = tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @forward(%x: !x, %h0: !x, %e: !s) -> !x {
    %zero = arith.constant 0.0 : f32
    %s0 = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
    %h, %last = ssm.scan dimension(1) ins(%x, %x : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    %l = onnx.node "Shape"(%x) version 20 attrs {start = 1 : i64, end = 2 : i64} : (!x) -> tensor<1xi64>
    %one = onnx.constant dense<1.0> : tensor<1xf32>
    %ones = onnx.node "Expand"(%one, %l) version 20 : (tensor<1xf32>, tensor<1xi64>) -> !n
    %axis = onnx.constant dense<0> : tensor<1xi64>
    // expected-error @below {{computes with the length of the sequence}}
    %count = onnx.node "ReduceSum"(%ones, %axis) version 20 : (!n, tensor<1xi64>) -> tensor<1xf32>
    %y = onnx.node "Div"(%h, %count) version 20 : (!x, tensor<1xf32>) -> !x
    return %y : !x
  }
}

// -----

// Rows that a Reshape makes of what was given to every token: they differ along
// the sequence.
!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!r = tensor<?x16xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 16)>>>
!t = tensor<2x?x8xf32, #onnx.dims<["L"], affine_map<()[s0] -> (2, s0, 8)>>>
!y = tensor<2x?x8xf32, #onnx.dims<["L"], affine_map<()[s0] -> (2, s0, 8)>>>
module attributes {onnx.symbols = ["L"]} {
  func.func @forward(%x: !y, %h0: !y) -> !y {
    %s0 = onnx.constant dense<0.0> : tensor<2x8xf32>
    %h, %last = ssm.scan dimension(1) ins(%x, %x : !y, !y) outs(%h0, %s0 : !y, tensor<2x8xf32>) -> !y, tensor<2x8xf32>
    %l = onnx.node "Shape"(%x) version 20 attrs {start = 1 : i64, end = 2 : i64} : (!y) -> tensor<1xi64>
    %width = onnx.constant dense<16> : tensor<1xi64>
    %rows = onnx.constant dense<2> : tensor<1xi64>
    %channels = onnx.constant dense<8> : tensor<1xi64>
    %wide = onnx.node "Concat"(%l, %width) version 20 attrs {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
    %bias = onnx.constant dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0]> : tensor<16xf32>
    %all = onnx.node "Expand"(%bias, %wide) version 20 : (tensor<16xf32>, tensor<2xi64>) -> !r
    %target = onnx.node "Concat"(%rows, %l, %channels) version 20 attrs {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xi64>
    // expected-error @below {{depends on the positions of the tokens}}
    %part = onnx.node "Reshape"(%all, %target) version 20 : (!r, tensor<3xi64>) -> !t
    %y = onnx.node "Add"(%h, %part) version 20 : (!y, !t) -> !y
    return %y : !y
  }
}

// -----

// A sequence behind two zeros, cut at an axis that only the data knows.
!x = tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!z = tensor<2x?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (2, s0, 8)>>>
!c = tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0 - 2, s1, 8)>>>
!s = tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
module attributes {onnx.symbols = ["L", "B"]} {
  func.func @forward(%x: !x, %axis: tensor<1xi64>, %h0: !x, %e: !s, %f: !z) -> !x {
    %zero = arith.constant 0.0 : f32
    %s0 = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
    %h, %last = ssm.scan dimension(0) ins(%x, %x : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    %none = linalg.fill ins(%zero : f32) outs(%f : !z) -> !z
    %begin = onnx.constant dense<0> : tensor<1xi64>
    %end = onnx.constant dense<-2> : tensor<1xi64>
    // expected-error @below {{mixes the tokens of the sequence}}
    %cut = onnx.node "Slice"(%h, %begin, %end, %axis) version 20 : (!x, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !c
    %y = onnx.node "Concat"(%none, %cut) version 20 attrs {axis = 0 : i64} : (!z, !c) -> !x
    return %y : !x
  }
}

// -----

!x = tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!y = tensor<?x1x?x4xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, 1, s1, 4)>>>
!n = tensor<?xi32, #onnx.dims<["B"], affine_map<()[s0] -> (s0)>>>
module attributes {onnx.symbols = ["L", "B"]} {
  func.func @forward(%x: !x, %n: !n) -> !y {
    %w = onnx.constant dense<0.5> : tensor<1x12x8xf32>
    %r = onnx.constant dense<0.5> : tensor<1x12x4xf32>
    %none = onnx.none
    // expected-error @below {{runs from the last token to the first}}
    %y = onnx.node "GRU"(%x, %w, %r) version 22 attrs {hidden_size = 4 : i64, direction = "reverse"} : (!x, tensor<1x12x8xf32>, tensor<1x12x4xf32>) -> !y
    return %y : !y
  }
}

// -----

!x = tensor<?x?x8xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!y = tensor<?x1x?x4xf32, #onnx.dims<["L", "B"], affine_map<()[s0, s1] -> (s0, 1, s1, 4)>>>
!n = tensor<?xi32, #onnx.dims<["B"], affine_map<()[s0] -> (s0)>>>
module attributes {onnx.symbols = ["L", "B"]} {
  func.func @forward(%x: !x, %n: !n) -> !y {
    %w = onnx.constant dense<0.5> : tensor<1x12x8xf32>
    %r = onnx.constant dense<0.5> : tensor<1x12x4xf32>
    %none = onnx.none
    // expected-error @below {{has lengths of its own}}
    %y = onnx.node "GRU"(%x, %w, %r, %none, %n) version 22 attrs {hidden_size = 4 : i64} : (!x, tensor<1x12x8xf32>, tensor<1x12x4xf32>, none, !n) -> !y
    return %y : !y
  }
}

// -----

// The last rows of a table, as many as there are tokens.
!x = tensor<?x?x8xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 8)>>>
!t = tensor<?x8xf32, #onnx.dims<["B", "L", "slice"], affine_map<()[s0, s1, s2] -> (s2, 8)>>>
!s = tensor<?x8xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 8)>>>
module attributes {onnx.symbols = ["B", "L", "slice"]} {
  func.func @forward(%x: !x, %h0: !x, %e: !s) -> !x {
    %zero = arith.constant 0.0 : f32
    %s0 = linalg.fill ins(%zero : f32) outs(%e : !s) -> !s
    %h, %last = ssm.scan dimension(1) ins(%x, %x : !x, !x) outs(%h0, %s0 : !x, !s) -> !x, !s
    %table = onnx.constant dense<0.5> : tensor<64x8xf32>
    %length = onnx.node "Shape"(%x) version 20 attrs {start = 1 : i64, end = 2 : i64} : (!x) -> tensor<1xi64>
    %from = onnx.node "Neg"(%length) version 20 : (tensor<1xi64>) -> tensor<1xi64>
    %end = onnx.constant dense<64> : tensor<1xi64>
    // expected-error @below {{has as many elements as the number of tokens says, in a way that is not known}}
    %rows = onnx.node "Slice"(%table, %from, %end) version 20 : (tensor<64x8xf32>, tensor<1xi64>, tensor<1xi64>) -> !t
    %y = onnx.node "Add"(%h, %rows) version 20 : (!x, !t) -> !x
    return %y : !x
  }
}
