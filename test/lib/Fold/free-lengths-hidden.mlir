// RUN: not ssm-opt %s "--onnx-free-lengths=dims=x:1=L" --split-input-file 2>&1 | FileCheck %s

// Numbers that read as the traced length, wherever they stand: each follows it,
// or is refused, or is listed with its node and warned about.

// A mean whose number stands before the sum.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is one over the count of what is summed, and follows it", site = "prescale"}]
func.func @prescale(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<0.0416666679> : tensor<f32>
  %0 = onnx.node "Mul"(%x, %c) version 20 : (tensor<2x24x6xf32>, tensor<f32>) -> tensor<2x24x6xf32> loc("prescale")
  %1 = onnx.node "ReduceSum"(%0, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  return %1 : tensor<2x6xf32>
}

// -----

// Before a running sum.
// CHECK-DAG: error: loc("predivcum"): scales what is summed over the traced extent by 24, which may be the count of what is summed
func.func @predivcum(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x24x6xf32> {
  %a = onnx.constant dense<1> : tensor<i64>
  %c = onnx.constant dense<24.0> : tensor<f32>
  %0 = onnx.node "Div"(%x, %c) version 20 : (tensor<2x24x6xf32>, tensor<f32>) -> tensor<2x24x6xf32> loc("predivcum")
  %1 = onnx.node "CumSum"(%0, %a) version 20 : (tensor<2x24x6xf32>, tensor<i64>) -> tensor<2x24x6xf32>
  return %1 : tensor<2x24x6xf32>
}

// -----

// A table of equal numbers.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is one over the count of what is summed, and follows it", site = "mulconstvec"}]
func.func @mulconstvec(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<0.0416666679> : tensor<1x24x1xf32>
  %0 = onnx.node "Mul"(%x, %c) version 20 : (tensor<2x24x6xf32>, tensor<1x24x1xf32>) -> tensor<2x24x6xf32> loc("mulconstvec")
  %1 = onnx.node "ReduceSum"(%0, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  return %1 : tensor<2x6xf32>
}

// -----

// Views between sum and number.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is one over the count of what is summed, and follows it", site = "slice"}]
func.func @slice(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x3xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<0.0416666679> : tensor<f32>
  %s = onnx.constant dense<0> : tensor<1xi64>
  %e = onnx.constant dense<3> : tensor<1xi64>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  %1 = onnx.node "Slice"(%0, %s, %e, %axis) version 20 : (tensor<2x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x3xf32>
  %2 = onnx.node "Mul"(%1, %c) version 20 : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32> loc("slice")
  return %2 : tensor<2x3xf32>
}

// -----

// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is one over the count of what is summed, and follows it", site = "split"}]
func.func @split(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x3xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<0.0416666679> : tensor<f32>
  %s = onnx.constant dense<3> : tensor<2xi64>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  %1:2 = onnx.node "Split"(%0, %s) version 20 attrs {axis = 1 : i64} : (tensor<2x6xf32>, tensor<2xi64>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %2 = onnx.node "Mul"(%1#0, %c) version 20 : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32> loc("split")
  return %2 : tensor<2x3xf32>
}

// -----

// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is one over the count of what is summed, and follows it", site = "concat"}]
func.func @concat(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x12xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<0.0416666679> : tensor<f32>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  %1 = onnx.node "Concat"(%0, %0) version 20 attrs {axis = 1 : i64} : (tensor<2x6xf32>, tensor<2x6xf32>) -> tensor<2x12xf32>
  %2 = onnx.node "Mul"(%1, %c) version 20 : (tensor<2x12xf32>, tensor<f32>) -> tensor<2x12xf32> loc("concat")
  return %2 : tensor<2x12xf32>
}

// -----

// Weights between sum and number.
// CHECK-DAG: error: loc("matmul_after"): scales a sum over the traced extent by 0.0416667, which may be one over the count of what is summed
func.func @matmul_after(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<0.0416666679> : tensor<f32>
  %w = onnx.constant dense<0.5> : tensor<6x6xf32>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  %1 = onnx.node "MatMul"(%0, %w) version 20 : (tensor<2x6xf32>, tensor<6x6xf32>) -> tensor<2x6xf32>
  %2 = onnx.node "Mul"(%1, %c) version 20 : (tensor<2x6xf32>, tensor<f32>) -> tensor<2x6xf32> loc("matmul_after")
  return %2 : tensor<2x6xf32>
}

// -----

// The square of a sum.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 576 is the count of what is summed, and follows it", site = "batchsquare"}]
func.func @batchsquare(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x24x6xf32> {
  %a = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<576.0> : tensor<f32>
  %0 = onnx.node "ReduceSum"(%x, %a) version 20 : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x1x6xf32>
  %1 = onnx.node "Mul"(%0, %0) version 20 : (tensor<2x1x6xf32>, tensor<2x1x6xf32>) -> tensor<2x1x6xf32>
  %2 = onnx.node "Div"(%1, %c) version 20 : (tensor<2x1x6xf32>, tensor<f32>) -> tensor<2x1x6xf32> loc("batchsquare")
  %3 = onnx.node "Add"(%x, %2) version 20 : (tensor<2x24x6xf32>, tensor<2x1x6xf32>) -> tensor<2x24x6xf32>
  return %3 : tensor<2x24x6xf32>
}

// -----

// More numbers than one reads.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is one over the count of what is summed, and follows it", site = "big"}]
func.func @big(%x: tensor<2x24x5000xf32> {onnx.name = "x"}) -> tensor<2x5000xf32> {
  %c = onnx.constant dense<0.0416666679> : tensor<1x5000xf32>
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x5000xf32>, tensor<1xi64>) -> tensor<2x5000xf32>
  %1 = onnx.node "Mul"(%0, %c) version 20 : (tensor<2x5000xf32>, tensor<1x5000xf32>) -> tensor<2x5000xf32> loc("big")
  return %1 : tensor<2x5000xf32>
}

// -----

// A bound.
// CHECK-DAG: error: loc("clip"): meets a sum over the traced extent with the number 24, which may be that extent
func.func @clip(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x1x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<24.0> : tensor<f32>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x1x6xf32>
  %1 = onnx.node "Clip"(%0, %c) version 20 : (tensor<2x1x6xf32>, tensor<f32>) -> tensor<2x1x6xf32> loc("clip")
  return %1 : tensor<2x1x6xf32>
}

// -----

// The mean of exponentials.
// CHECK-DAG: error: loc("logsum"): meets a sum over the traced extent with the number 3.17805, which may be the logarithm of that extent
func.func @logsum(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<3.17805386> : tensor<f32>
  %0 = onnx.node "ReduceLogSumExp"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  %2 = onnx.node "Sub"(%0, %c) version 20 : (tensor<2x6xf32>, tensor<f32>) -> tensor<2x6xf32> loc("logsum")
  return %2 : tensor<2x6xf32>
}

// -----

// An attribute.
// CHECK-DAG: error: loc("gemmalpha"): scales a sum over the traced extent by its alpha of 0.0416667, which may be one over the count of what is summed
func.func @gemmalpha(%x: tensor<6x24xf32> {onnx.name = "x"}) -> tensor<6x6xf32> {
  %1 = onnx.node "Gemm"(%x, %x) version 20 attrs {transB = 1 : i64, alpha = 0.0416666679 : f32} : (tensor<6x24xf32>, tensor<6x24xf32>) -> tensor<6x6xf32> loc("gemmalpha")
  return %1 : tensor<6x6xf32>
}

// -----

// A padding by its axes.
// CHECK-DAG: error: loc("padaxes"): pads the sequence by 24, which may be its traced length
func.func @padaxes(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x1x6xf32> {
  %p = onnx.constant dense<[24, 0]> : tensor<2xi64>
  %a = onnx.constant dense<1> : tensor<1xi64>
  %z = onnx.constant dense<0.0> : tensor<f32>
  %1 = onnx.node "Pad"(%x, %p, %z, %a) version 20 : (tensor<2x24x6xf32>, tensor<2xi64>, tensor<f32>, tensor<1xi64>) -> tensor<2x48x6xf32> loc("padaxes")
  %s = onnx.constant dense<24> : tensor<1xi64>
  %e = onnx.constant dense<9223372036854775807> : tensor<1xi64>
  %2 = onnx.node "Slice"(%1, %s, %e, %a) version 20 : (tensor<2x48x6xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<2x24x6xf32>
  %k = onnx.node "ReduceSum"(%1, %a) version 20 : (tensor<2x48x6xf32>, tensor<1xi64>) -> tensor<2x1x6xf32>
  return %k : tensor<2x1x6xf32>
}

// -----

// What else the number scales is none of a mean.
// CHECK-DAG: error: loc("shared"): scales what is summed over the traced extent by 0.0416667
func.func @shared(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x24x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<0.0416666679> : tensor<f32>
  %0 = onnx.node "Mul"(%x, %c) version 20 : (tensor<2x24x6xf32>, tensor<f32>) -> tensor<2x24x6xf32> loc("shared")
  %1 = onnx.node "ReduceSum"(%0, %axis) version 20 attrs {keepdims = 1 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x1x6xf32>
  %2 = onnx.node "Add"(%0, %1) version 20 : (tensor<2x24x6xf32>, tensor<2x1x6xf32>) -> tensor<2x24x6xf32>
  return %2 : tensor<2x24x6xf32>
}

// -----

// Not what is summed: kept, and said.
// CHECK-DAG: warning: loc("before_exp"): {{.*}}the number 0.0416667 is not one over the traced length of 24
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is not one over the traced length of 24", site = "before_exp"}]
func.func @before_exp(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<0.0416666679> : tensor<f32>
  %0 = onnx.node "Mul"(%x, %c) version 20 : (tensor<2x24x6xf32>, tensor<f32>) -> tensor<2x24x6xf32> loc("before_exp")
  %1 = onnx.node "Exp"(%0) version 20 : (tensor<2x24x6xf32>) -> tensor<2x24x6xf32>
  %2 = onnx.node "ReduceSum"(%1, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  return %2 : tensor<2x6xf32>
}

// -----

// Over time, then over channels: the count is of both.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 144 is the count of what is summed, and follows it", site = "stepwise"}]
func.func @stepwise(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<144.0> : tensor<f32>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  %1 = onnx.node "ReduceSum"(%0, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x6xf32>, tensor<1xi64>) -> tensor<2xf32>
  %2 = onnx.node "Div"(%1, %c) version 20 : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32> loc("stepwise")
  return %2 : tensor<2xf32>
}

// -----

// The other way round, and one of both.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 144 is the count of what is summed, and follows it", site = "channels_first"}, {assumption = "the number 0.0416667 is one over the count of what is summed, and follows it", site = "tokens_only"}]
func.func @channels_first(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> (tensor<2xf32>, tensor<2xf32>) {
  %time = onnx.constant dense<1> : tensor<1xi64>
  %channels = onnx.constant dense<2> : tensor<1xi64>
  %all = onnx.constant dense<144.0> : tensor<f32>
  %part = onnx.constant dense<0.0416666679> : tensor<f32>
  %0 = onnx.node "ReduceSum"(%x, %channels) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x24xf32>
  %1 = onnx.node "ReduceSum"(%0, %time) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24xf32>, tensor<1xi64>) -> tensor<2xf32>
  %2 = onnx.node "Div"(%1, %all) version 20 : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32> loc("channels_first")
  %3 = onnx.node "Mul"(%1, %part) version 20 : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32> loc("tokens_only")
  return %2, %3 : tensor<2xf32>, tensor<2xf32>
}

// -----

// In an attribute.
// CHECK-DAG: warning: loc("value"): {{.*}}the number 24 is not the traced length of 24
func.func @value(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x24x6xf32> {
  %shape = onnx.constant dense<1> : tensor<1xi64>
  %0 = onnx.node "ConstantOfShape"(%shape) version 20 attrs {value = dense<24.0> : tensor<1xf32>} : (tensor<1xi64>) -> tensor<1xf32> loc("value")
  %1 = onnx.node "Mul"(%x, %0) version 20 : (tensor<2x24x6xf32>, tensor<1xf32>) -> tensor<2x24x6xf32>
  return %1 : tensor<2x24x6xf32>
}
