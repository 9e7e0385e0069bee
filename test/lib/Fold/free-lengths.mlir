// RUN: ssm-opt %s "--onnx-free-lengths=dims=x:0=B,x:1=L" --onnx-fold --split-input-file --verify-diagnostics | FileCheck %s

// Targets of Reshape and the trim of a padded convolution follow the length;
// a constant that repeats one value along it shrinks.
// CHECK-DAG: #[[OUT:.*]] = affine_map<()[s0, s1] -> (s0, s1, 6)>
// CHECK: func.func @forward
// CHECK-SAME: -> (tensor<?x?x6xf32, #onnx.dims<["B", "L"], #[[OUT]]>>
// CHECK-NOT: 24
// CHECK: return
func.func @forward(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> (tensor<2x24x6xf32> {onnx.name = "y"}) {
  %heads = onnx.constant dense<[2, 24, 2, 3]> : tensor<4xi64>
  %0 = onnx.node "Reshape"(%x, %heads) version 20 : (tensor<2x24x6xf32>, tensor<4xi64>) -> tensor<2x24x2x3xf32>
  %ones = onnx.constant dense<1.0> : tensor<2x24x1x3xf32>
  %1 = onnx.node "Add"(%0, %ones) version 20 : (tensor<2x24x2x3xf32>, tensor<2x24x1x3xf32>) -> tensor<2x24x2x3xf32>
  %whole = onnx.constant dense<[2, 24, 6]> : tensor<3xi64>
  %2 = onnx.node "Reshape"(%1, %whole) version 20 : (tensor<2x24x2x3xf32>, tensor<3xi64>) -> tensor<2x24x6xf32>
  %pads = onnx.constant dense<[0, 3, 0, 0, 0, 0]> : tensor<6xi64>
  %3 = onnx.node "Pad"(%2, %pads) version 20 : (tensor<2x24x6xf32>, tensor<6xi64>) -> tensor<2x27x6xf32>
  %from = onnx.constant dense<0> : tensor<1xi64>
  %to = onnx.constant dense<24> : tensor<1xi64>
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %4 = onnx.node "Slice"(%3, %from, %to, %axis) version 20 : (tensor<2x27x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x24x6xf32>
  return %4 : tensor<2x24x6xf32>
}

// -----

// A constant that follows no rule, of which four positions tell none, fixes the
// length, and the node that reads it is named.
func.func @mask(%x: tensor<1x4x4xf32> {onnx.name = "x"}) -> tensor<1x4x4xf32> {
  %causal = onnx.constant dense<[[0.0, -1.0, -1.0, -1.0], [0.0, 0.0, -1.0, -1.0], [0.0, 0.0, 0.0, -1.0], [0.0, 0.0, 0.0, 0.0]]> : tensor<4x4xf32>
  // expected-error @below {{its input 1 is a constant of the traced size (4x4), such as a mask or a table of positions, that follows no rule by which another size of it can be computed, so --dim x:0=B, --dim x:1=L cannot be met}}
  %0 = onnx.node "Add"(%x, %causal) version 20 : (tensor<1x4x4xf32>, tensor<4x4xf32>) -> tensor<1x4x4xf32>
  return %0 : tensor<1x4x4xf32>
}

// -----

// One distance that has two values makes a mask a constant like any other.
func.func @hole(%x: tensor<1x8x8xf32> {onnx.name = "x"}) -> tensor<1x8x8xf32> {
  %causal = onnx.constant dense<[[0.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0], [0.0, 0.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0], [0.0, 0.0, 0.0, -1.0, -1.0, -1.0, -1.0, -1.0], [0.0, 0.0, 0.0, 0.0, -1.0, -1.0, -1.0, -1.0], [0.0, 0.0, 0.0, 0.0, 0.0, -1.0, -1.0, -1.0], [0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0, -1.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<8x8xf32>
  %other = onnx.node "Transpose"(%x) version 20 attrs {perm = array<i64: 0, 2, 1>} : (tensor<1x8x8xf32>) -> tensor<1x8x8xf32>
  %scores = onnx.node "MatMul"(%x, %other) version 20 : (tensor<1x8x8xf32>, tensor<1x8x8xf32>) -> tensor<1x8x8xf32>
  // expected-error @below {{its input 1 is a constant of the traced size (8x8), such as a mask or a table of positions, that follows no rule}}
  %0 = onnx.node "Add"(%scores, %causal) version 20 : (tensor<1x8x8xf32>, tensor<8x8xf32>) -> tensor<1x8x8xf32>
  return %0 : tensor<1x8x8xf32>
}

// -----

// Initial states are those of the new batch, also where the states after are
// no result.
// CHECK-LABEL: func.func @initial
// CHECK: %[[H:.*]] = onnx.node "Expand"({{.*}} -> tensor<2x?x3xf32
// CHECK: onnx.node "GRU"(%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[H]])
func.func @initial(%x: tensor<7x2x4xf32> {onnx.name = "x"}, %w: tensor<2x9x4xf32> {onnx.name = "w"}, %r: tensor<2x9x3xf32> {onnx.name = "r"}) -> tensor<7x2x2x3xf32> {
  %none = onnx.none
  %h = onnx.constant dense<0.5> : tensor<2x2x3xf32>
  %y = onnx.node "GRU"(%x, %w, %r, %none, %none, %h) version 20 attrs {hidden_size = 3 : i64, direction = "bidirectional"} : (tensor<7x2x4xf32>, tensor<2x9x4xf32>, tensor<2x9x3xf32>, none, none, tensor<2x2x3xf32>) -> tensor<7x2x2x3xf32>
  return %y : tensor<7x2x2x3xf32>
}

// -----

// A batch that differs is no table of positions.
func.func @batch(%x: tensor<4x5x2xf32> {onnx.name = "x"}) -> tensor<4x5x2xf32> {
  %rows = onnx.constant dense<[[[0.0]], [[1.0]], [[2.0]], [[3.0]]]> : tensor<4x1x1xf32>
  // expected-error @below {{its input 1 is a constant of the traced size (4x1x1)}}
  %0 = onnx.node "Add"(%x, %rows) version 20 : (tensor<4x5x2xf32>, tensor<4x1x1xf32>) -> tensor<4x5x2xf32>
  return %0 : tensor<4x5x2xf32>
}

// -----

// A token by its number from the front; the last one is written -1.
func.func @token(%x: tensor<1x3x2xf32> {onnx.name = "x"}) -> tensor<1x2xf32> {
  %last = onnx.constant dense<2> : tensor<i64>
  // expected-error @below {{reads position 2 of the traced sequence or batch}}
  %0 = onnx.node "Gather"(%x, %last) version 20 attrs {axis = 1 : i64} : (tensor<1x3x2xf32>, tensor<i64>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// -----

// The same as a row of indices, of which the second one is the token's.
func.func @row(%x: tensor<1x3x2xf32> {onnx.name = "x"}) -> tensor<1x2xf32> {
  %last = onnx.constant dense<[[0, 2]]> : tensor<1x2xi64>
  // expected-error @below {{reads position 2 of the traced sequence or batch}}
  %0 = onnx.node "GatherND"(%x, %last) version 20 : (tensor<1x3x2xf32>, tensor<1x2xi64>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// -----

// The first token, counted from the end.
func.func @first(%x: tensor<1x3x2xf32> {onnx.name = "x"}) -> tensor<1x2xf32> {
  %first = onnx.constant dense<-3> : tensor<i64>
  // expected-error @below {{reads position -3 of the traced sequence or batch}}
  %0 = onnx.node "Gather"(%x, %first) version 20 attrs {axis = 1 : i64} : (tensor<1x3x2xf32>, tensor<i64>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// -----

// Tokens of a sequence with zeros in front of it.
func.func @padded(%x: tensor<1x6x2xf32> {onnx.name = "x"}) -> tensor<1x6x2xf32> {
  %pads = onnx.constant dense<[0, 1, 0, 0, 0, 0]> : tensor<6xi64>
  %rows = onnx.constant dense<[3, 2, 4, 5, 6, 1]> : tensor<6xi64>
  %0 = onnx.node "Pad"(%x, %pads) version 20 : (tensor<1x6x2xf32>, tensor<6xi64>) -> tensor<1x7x2xf32>
  // expected-error @below {{reads position 3 of the traced sequence or batch}}
  %1 = onnx.node "Gather"(%0, %rows) version 20 attrs {axis = 1 : i64} : (tensor<1x7x2xf32>, tensor<6xi64>) -> tensor<1x6x2xf32>
  return %1 : tensor<1x6x2xf32>
}

// -----

// A loop over the traced tokens.
func.func @loop(%x: tensor<1x3x2xf32> {onnx.name = "x"}, %h: tensor<1x2xf32> {onnx.name = "h"}) -> tensor<1x2xf32> {
  %trips = onnx.constant dense<3> : tensor<i64>
  %yes = onnx.constant dense<true> : tensor<i1>
  // expected-error @below {{runs 3 times, the traced sequence or batch}}
  %0 = onnx.node "Loop"(%trips, %yes, %h) version 20 attrs {body = 0 : i64} {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %s: tensor<1x2xf32>):
    %row = onnx.node "Gather"(%x, %i) version 20 attrs {axis = 1 : i64} : (tensor<1x3x2xf32>, tensor<i64>) -> tensor<1x2xf32>
    %n = onnx.node "Add"(%s, %row) version 20 : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
    onnx.yield %c, %n : tensor<i1>, tensor<1x2xf32>
  } : (tensor<i64>, tensor<i1>, tensor<1x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// -----

// expected-error @below {{--dim x:0=B: the model has no input 'x'}}
func.func @nameless(%y: tensor<1x3x2xf32> {onnx.name = "y"}) -> tensor<1x3x2xf32> {
  return %y : tensor<1x3x2xf32>
}

// -----

// A flip goes from the last token to the first one at any length, whatever
// numbers it names them by.
// CHECK: func.func @flip
// CHECK-DAG: %[[LAST:.*]] = onnx.constant dense<-1> : tensor<1xi64>
// CHECK-DAG: %[[FRONT:.*]] = onnx.constant dense<-9223372036854775808> : tensor<1xi64>
// CHECK: onnx.node "Slice"(%{{.*}}, %[[LAST]], %[[FRONT]],
func.func @flip(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x24x6xf32> {
  %from = onnx.constant dense<23> : tensor<1xi64>
  %to = onnx.constant dense<-25> : tensor<1xi64>
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %step = onnx.constant dense<-1> : tensor<1xi64>
  %0 = onnx.node "Slice"(%x, %from, %to, %axis, %step) version 20 : (tensor<2x24x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x24x6xf32>
  return %0 : tensor<2x24x6xf32>
}

// -----

// One that leaves the first token out is none.
func.func @partial(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x23x6xf32> {
  %from = onnx.constant dense<-1> : tensor<1xi64>
  %to = onnx.constant dense<0> : tensor<1xi64>
  %axis = onnx.constant dense<1> : tensor<1xi64>
  // expected-error @below {{takes tokens with a step}}
  %0 = onnx.node "Slice"(%x, %from, %to, %axis, %from) version 20 : (tensor<2x24x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x23x6xf32>
  return %0 : tensor<2x23x6xf32>
}

// -----

// A state of the traced batch, as which input it is one.
func.func @state(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x24x1x4xf32> {
  %w = onnx.constant dense<0.1> : tensor<1x4x6xf32>
  %r = onnx.constant dense<0.1> : tensor<1x4x4xf32>
  %h = onnx.constant dense<[[[0.1, 0.2, 0.3, 0.4]], [[0.5, 0.6, 0.7, 0.8]]]> : tensor<2x1x4xf32>
  %none = onnx.none
  // expected-error @below {{of the extents that must be equal for it, dimension 0 of input 5 is fixed to 2}}
  %0 = onnx.node "RNN"(%x, %w, %r, %none, %none, %h) version 20 attrs {hidden_size = 4 : i64, layout = 1 : i64} : (tensor<2x24x6xf32>, tensor<1x4x6xf32>, tensor<1x4x4xf32>, none, none, tensor<2x1x4xf32>) -> tensor<2x24x1x4xf32>
  return %0 : tensor<2x24x1x4xf32>
}
