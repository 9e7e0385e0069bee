// RUN: ssm-opt %s "--onnx-free-lengths=dims=x:1=L" --split-input-file --verify-diagnostics | FileCheck %s

// A mean written as a sum times 1/24: the number follows, and the report says
// so.
// CHECK: ssmc.lengths = [{assumption = "the number 0.0416667 is one over the count of what is summed, and follows it", site = "mean"}]
// CHECK-LABEL: func.func @mean
// CHECK: %[[SUM:.*]] = onnx.node "ReduceSum"
// CHECK: %[[L:.*]] = onnx.node "Shape"
// CHECK: %[[F:.*]] = onnx.node "Cast"(%[[L]])
// CHECK: %[[R:.*]] = onnx.node "Reciprocal"(%[[F]])
// CHECK: onnx.node "Mul"(%[[SUM]], %[[R]])
func.func @mean(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %part = onnx.constant dense<0.0416666679> : tensor<f32>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  %1 = onnx.node "Mul"(%0, %part) version 20 : (tensor<2x6xf32>, tensor<f32>) -> tensor<2x6xf32> loc("mean")
  return %1 : tensor<2x6xf32>
}

// -----

// An unbiased variance: one less. The half that follows is no count.
// CHECK: ssmc.lengths = [{assumption = "the number 23 is one less than the count of what is summed, and follows it"
// CHECK-LABEL: func.func @variance
// CHECK: onnx.node "ReduceMean"
// CHECK: %[[SUM:.*]] = onnx.node "ReduceSumSquare"
// CHECK: %[[F:.*]] = onnx.node "Cast"
// CHECK: onnx.node "Div"(%[[SUM]], %[[F]])
// CHECK: onnx.node "Mul"(%{{.*}}, %[[KEPT:.*]])
func.func @variance(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x24x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %count = onnx.constant dense<23.0> : tensor<1xf32>
  %scale = onnx.constant dense<24.0> : tensor<1xf32>
  %0 = onnx.node "ReduceMean"(%x, %axis) version 20 : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x1x6xf32>
  %1 = onnx.node "Sub"(%x, %0) version 20 : (tensor<2x24x6xf32>, tensor<2x1x6xf32>) -> tensor<2x24x6xf32>
  %2 = onnx.node "ReduceSumSquare"(%1, %axis) version 20 : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x1x6xf32>
  %3 = onnx.node "Div"(%2, %count) version 20 : (tensor<2x1x6xf32>, tensor<1xf32>) -> tensor<2x1x6xf32>
  %4 = onnx.node "Add"(%1, %3) version 20 : (tensor<2x24x6xf32>, tensor<2x1x6xf32>) -> tensor<2x24x6xf32>
  // expected-warning @below {{assumes that the number 24 is not the traced length of 24}}
  %5 = onnx.node "Mul"(%4, %scale) version 20 : (tensor<2x24x6xf32>, tensor<1xf32>) -> tensor<2x24x6xf32>
  return %5 : tensor<2x24x6xf32>
}

// -----

// Over time and channels: the count is of both.
// CHECK: assumption = "the number 144 is the count of what is summed, and follows it"
// CHECK-LABEL: func.func @both
func.func @both(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2xf32> {
  %axis = onnx.constant dense<[1, 2]> : tensor<2xi64>
  %count = onnx.constant dense<144.0> : tensor<f32>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<2xi64>) -> tensor<2xf32>
  %1 = onnx.node "Div"(%0, %count) version 20 : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// -----

// A sum over channels, as many as the length, is no sum over time. That they
// are not the same is for the user to know.
// CHECK: ssmc.lengths = [{assumption = "the number 0.0416667 is not one over the traced length of 24", site = ""}]
// CHECK-LABEL: func.func @channels
// CHECK: onnx.constant dense<0.0416666679>
// CHECK-NOT: "Shape"
// CHECK: return
func.func @channels(%x: tensor<2x24x24xf32> {onnx.name = "x"}) -> tensor<2x24xf32> {
  %axis = onnx.constant dense<2> : tensor<1xi64>
  %part = onnx.constant dense<0.0416666679> : tensor<f32>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x24xf32>, tensor<1xi64>) -> tensor<2x24xf32>
  // expected-warning @below {{--dim x:1=L assumes that the number 0.0416667 is not one over the traced length of 24}}
  %1 = onnx.node "Mul"(%0, %part) version 20 : (tensor<2x24xf32>, tensor<f32>) -> tensor<2x24xf32>
  return %1 : tensor<2x24xf32>
}

// -----

// A product sums without a word about how many.
func.func @product(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6x6xf32> {
  %root = onnx.constant dense<0.204124147> : tensor<f32>
  %0 = onnx.node "Transpose"(%x) version 20 attrs {perm = array<i64: 0, 2, 1>} : (tensor<2x24x6xf32>) -> tensor<2x6x24xf32>
  %1 = onnx.node "MatMul"(%0, %x) version 20 : (tensor<2x6x24xf32>, tensor<2x24x6xf32>) -> tensor<2x6x6xf32>
  // expected-error @below {{scales a sum over the traced extent by 0.204124, which may be one over the root of the count of what is summed}}
  %2 = onnx.node "Mul"(%1, %root) version 20 : (tensor<2x6x6xf32>, tensor<f32>) -> tensor<2x6x6xf32>
  return %2 : tensor<2x6x6xf32>
}

// -----

// Half of a sum of two, or their mean.
func.func @half(%x: tensor<3x2x6xf32> {onnx.name = "x"}) -> tensor<3x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<3x2x6xf32>, tensor<1xi64>) -> tensor<3x6xf32>
  // expected-error @below {{scales a sum over the traced extent by 0.5, which may be one over the count of what is summed}}
  %1 = onnx.node "Mul"(%0, %half) version 20 : (tensor<3x6xf32>, tensor<f32>) -> tensor<3x6xf32>
  return %1 : tensor<3x6xf32>
}

// -----

// A running sum up to the traced length.
func.func @bound(%x: tensor<2x24xf32> {onnx.name = "x"}) -> tensor<2x24xi1> {
  %axis = onnx.constant dense<1> : tensor<i64>
  %limit = onnx.constant dense<24.0> : tensor<f32>
  %0 = onnx.node "CumSum"(%x, %axis) version 20 : (tensor<2x24xf32>, tensor<i64>) -> tensor<2x24xf32>
  // expected-error @below {{meets a sum over the traced extent with the number 24, which may be that extent}}
  %1 = onnx.node "Less"(%0, %limit) version 20 : (tensor<2x24xf32>, tensor<f32>) -> tensor<2x24xi1>
  return %1 : tensor<2x24xi1>
}

// -----

// Scores are scaled by the width, which happens to be the length.
// CHECK: ssmc.lengths = [{assumption = "the number 0.25 is not one over the root of the traced length of 16", site = ""}, {assumption = "the number 0.25 is not one over the root of the traced length of 16", site = ""}]
// CHECK-LABEL: func.func @scores
func.func @scores(%x: tensor<2x16x16xf32> {onnx.name = "x"}) -> tensor<2x16x16xf32> {
  %root = onnx.constant dense<0.25> : tensor<f32>
  %0 = onnx.node "Exp"(%x) version 20 : (tensor<2x16x16xf32>) -> tensor<2x16x16xf32>
  %1 = onnx.node "Transpose"(%0) version 20 attrs {perm = array<i64: 0, 2, 1>} : (tensor<2x16x16xf32>) -> tensor<2x16x16xf32>
  %2 = onnx.node "MatMul"(%0, %1) version 20 : (tensor<2x16x16xf32>, tensor<2x16x16xf32>) -> tensor<2x16x16xf32>
  // expected-warning @below {{is not one over the root of the traced length of 16, here and at 1 others}}
  %3 = onnx.node "Mul"(%2, %root) version 20 : (tensor<2x16x16xf32>, tensor<f32>) -> tensor<2x16x16xf32>
  %4 = onnx.node "Softmax"(%3) version 20 attrs {axis = -1 : i64} : (tensor<2x16x16xf32>) -> tensor<2x16x16xf32>
  %5 = onnx.node "MatMul"(%4, %0) version 20 : (tensor<2x16x16xf32>, tensor<2x16x16xf32>) -> tensor<2x16x16xf32>
  %6 = onnx.node "Mul"(%5, %root) version 20 : (tensor<2x16x16xf32>, tensor<f32>) -> tensor<2x16x16xf32>
  return %6 : tensor<2x16x16xf32>
}

// -----

func.func @kernel(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6x24xf32> {
  %w = onnx.constant dense<0.5> : tensor<6x1x24xf32>
  %0 = onnx.node "Transpose"(%x) version 20 attrs {perm = array<i64: 0, 2, 1>} : (tensor<2x24x6xf32>) -> tensor<2x6x24xf32>
  // expected-error @below {{has a window of 24 along the sequence (dimension 2), which may be its traced length of 24}}
  %1 = onnx.node "Conv"(%0, %w) version 20 attrs {group = 6 : i64, pads = array<i64: 23, 0>} : (tensor<2x6x24xf32>, tensor<6x1x24xf32>) -> tensor<2x6x24xf32>
  return %1 : tensor<2x6x24xf32>
}

// -----

func.func @pad(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x48x6xf32> {
  %pads = onnx.constant dense<[0, 24, 0, 0, 0, 0]> : tensor<6xi64>
  // expected-error @below {{pads the sequence by 24, which may be its traced length}}
  %0 = onnx.node "Pad"(%x, %pads) version 20 : (tensor<2x24x6xf32>, tensor<6xi64>) -> tensor<2x48x6xf32>
  return %0 : tensor<2x48x6xf32>
}

// -----

// Positions from 0 to 1.
func.func @parts(%x: tensor<1x5x2xf32> {onnx.name = "x"}) -> tensor<1x5x2xf32> {
  %positions = onnx.constant dense<[[0.0], [0.25], [0.5], [0.75], [1.0]]> : tensor<5x1xf32>
  // expected-error @below {{reads positions divided by the traced length of 5}}
  %0 = onnx.node "Add"(%x, %positions) version 20 : (tensor<1x5x2xf32>, tensor<5x1xf32>) -> tensor<1x5x2xf32>
  return %0 : tensor<1x5x2xf32>
}

// -----

// Positions behind as many others.
func.func @behind(%x: tensor<1x6x2xf32> {onnx.name = "x"}) -> tensor<1x6x2xf32> {
  %positions = onnx.constant dense<[[6.0], [7.0], [8.0], [9.0], [10.0], [11.0]]> : tensor<6x1xf32>
  // expected-error @below {{reads positions that begin at 6, which may be the traced length of 6}}
  %0 = onnx.node "Add"(%x, %positions) version 20 : (tensor<1x6x2xf32>, tensor<6x1xf32>) -> tensor<1x6x2xf32>
  return %0 : tensor<1x6x2xf32>
}

// -----

// The windows of pools.
func.func @pool(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6x1xf32> {
  %0 = onnx.node "Transpose"(%x) version 20 attrs {perm = array<i64: 0, 2, 1>} : (tensor<2x24x6xf32>) -> tensor<2x6x24xf32>
  // expected-error @below {{has a window of 24 along the sequence (dimension 2)}}
  %1 = onnx.node "MaxPool"(%0) version 20 attrs {kernel_shape = array<i64: 24>} : (tensor<2x6x24xf32>) -> tensor<2x6x1xf32>
  return %1 : tensor<2x6x1xf32>
}

// -----

// One window only, though it leaves a token out.
func.func @alone(%x: tensor<2x25x6xf32> {onnx.name = "x"}) -> tensor<2x6x1xf32> {
  %0 = onnx.node "Transpose"(%x) version 20 attrs {perm = array<i64: 0, 2, 1>} : (tensor<2x25x6xf32>) -> tensor<2x6x25xf32>
  // expected-error @below {{has a window of 24 along the sequence (dimension 2)}}
  %1 = onnx.node "AveragePool"(%0) version 20 attrs {kernel_shape = array<i64: 24>, strides = array<i64: 3>} : (tensor<2x6x25xf32>) -> tensor<2x6x1xf32>
  return %1 : tensor<2x6x1xf32>
}

// -----

// How many tokens rows have.
func.func @partly(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x24x6xf32> {
  %lengths = onnx.constant dense<[24, 20]> : tensor<2xi64>
  // expected-error @below {{is told that row 1 has 20 of the traced 24 tokens (dimension 1 of input 0)}}
  %0 = onnx.node "ReverseSequence"(%x, %lengths) version 20 attrs {time_axis = 1 : i64, batch_axis = 0 : i64} : (tensor<2x24x6xf32>, tensor<2xi64>) -> tensor<2x24x6xf32>
  return %0 : tensor<2x24x6xf32>
}

// -----

func.func @short(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x1x24x4xf32> {
  %w = onnx.constant dense<0.1> : tensor<1x4x6xf32>
  %r = onnx.constant dense<0.1> : tensor<1x4x4xf32>
  %none = onnx.none
  %lengths = onnx.constant dense<20> : tensor<2xi32>
  // expected-error @below {{is told that row 0 has 20 of the traced 24 tokens (dimension 1 of input 0)}}
  %0 = onnx.node "RNN"(%x, %w, %r, %none, %lengths) version 20 attrs {hidden_size = 4 : i64, layout = 1 : i64} : (tensor<2x24x6xf32>, tensor<1x4x6xf32>, tensor<1x4x4xf32>, none, tensor<2xi32>) -> tensor<2x24x1x4xf32>
  %1 = onnx.node "Transpose"(%0) version 20 attrs {perm = array<i64: 0, 2, 1, 3>} : (tensor<2x24x1x4xf32>) -> tensor<2x1x24x4xf32>
  return %1 : tensor<2x1x24x4xf32>
}

// -----

// Masks and positions of the traced length.
func.func @mask(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x24x6xf32> {
  %mask = onnx.constant dense<0.0> : tensor<24x24xf32>
  // expected-error @below {{of the extents that must be equal for it, dimension 0 of input 3 is fixed to 24}}
  %0 = onnx.node "Attention"(%x, %x, %x, %mask) version 24 attrs {q_num_heads = 2 : i64, kv_num_heads = 2 : i64} : (tensor<2x24x6xf32>, tensor<2x24x6xf32>, tensor<2x24x6xf32>, tensor<24x24xf32>) -> tensor<2x24x6xf32>
  return %0 : tensor<2x24x6xf32>
}

// -----

func.func @ids(%x: tensor<2x24x6xf32> {onnx.name = "x"}, %c: tensor<99x1xf32>) -> tensor<2x24x6xf32> {
  %ids = onnx.constant dense<1> : tensor<2x24xi64>
  // expected-error @below {{of the extents that must be equal for it, dimension 1 of input 3 is fixed to 24}}
  %0 = onnx.node "RotaryEmbedding"(%x, %c, %c, %ids) version 23 attrs {num_heads = 3 : i64} : (tensor<2x24x6xf32>, tensor<99x1xf32>, tensor<99x1xf32>, tensor<2x24xi64>) -> tensor<2x24x6xf32>
  return %0 : tensor<2x24x6xf32>
}
