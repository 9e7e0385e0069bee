// RUN: not ssm-opt %s "--onnx-free-lengths=dims=x:1=L" --split-input-file 2>&1 | FileCheck %s

// Numbers that read as the traced length, wherever they stand: what is kept is
// listed with its node, and warned about.

// A mean whose number stands before the sum.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is not one over the traced length of 24", site = "prescale"}]
// CHECK-DAG: warning: loc("prescale"): {{.*}}number 0.0416667 is not one over the traced length of 24
func.func @prescale(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<0.0416666679> : tensor<f32>
  %0 = onnx.node "Mul"(%x, %c) version 20 : (tensor<2x24x6xf32>, tensor<f32>) -> tensor<2x24x6xf32> loc("prescale")
  %1 = onnx.node "ReduceSum"(%0, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  return %1 : tensor<2x6xf32>
}

// -----

// Before a running sum.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 24 is not the traced length of 24", site = "predivcum"}]
// CHECK-DAG: warning: loc("predivcum"): {{.*}}number 24 is not the traced length of 24
func.func @predivcum(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x24x6xf32> {
  %a = onnx.constant dense<1> : tensor<i64>
  %c = onnx.constant dense<24.0> : tensor<f32>
  %0 = onnx.node "Div"(%x, %c) version 20 : (tensor<2x24x6xf32>, tensor<f32>) -> tensor<2x24x6xf32> loc("predivcum")
  %1 = onnx.node "CumSum"(%0, %a) version 20 : (tensor<2x24x6xf32>, tensor<i64>) -> tensor<2x24x6xf32>
  return %1 : tensor<2x24x6xf32>
}

// -----

// A table of equal numbers.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is not one over the traced length of 24", site = "mulconstvec"}]
// CHECK-DAG: warning: loc("mulconstvec"): {{.*}}number 0.0416667 is not one over the traced length of 24
func.func @mulconstvec(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<0.0416666679> : tensor<1x24x1xf32>
  %0 = onnx.node "Mul"(%x, %c) version 20 : (tensor<2x24x6xf32>, tensor<1x24x1xf32>) -> tensor<2x24x6xf32> loc("mulconstvec")
  %1 = onnx.node "ReduceSum"(%0, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  return %1 : tensor<2x6xf32>
}

// -----

// Views between sum and number.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is not one over the traced length of 24", site = "slice"}]
// CHECK-DAG: warning: loc("slice"): {{.*}}number 0.0416667 is not one over the traced length of 24
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

// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is not one over the traced length of 24", site = "split"}]
// CHECK-DAG: warning: loc("split"): {{.*}}number 0.0416667 is not one over the traced length of 24
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

// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is not one over the traced length of 24", site = "concat"}]
// CHECK-DAG: warning: loc("concat"): {{.*}}number 0.0416667 is not one over the traced length of 24
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
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is not one over the traced length of 24", site = "matmul_after"}]
// CHECK-DAG: warning: loc("matmul_after"): {{.*}}number 0.0416667 is not one over the traced length of 24
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
// CHECK-DAG: error: loc("batchsquare"): {{.*}}scales a sum over the traced extent by 576, which may be the square of the count of what is summed
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
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 24 is not the traced length of 24", site = "clip"}]
// CHECK-DAG: warning: loc("clip"): {{.*}}number 24 is not the traced length of 24
func.func @clip(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x1x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<24.0> : tensor<f32>
  %0 = onnx.node "ReduceSum"(%x, %axis) version 20 : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x1x6xf32>
  %1 = onnx.node "Clip"(%0, %c) version 20 : (tensor<2x1x6xf32>, tensor<f32>) -> tensor<2x1x6xf32> loc("clip")
  return %1 : tensor<2x1x6xf32>
}

// -----

// The mean of exponentials.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 3.17805 is not the logarithm of the traced length of 24", site = "logsum"}]
// CHECK-DAG: warning: loc("logsum"): {{.*}}number 3.17805 is not the logarithm of the traced length of 24
func.func @logsum(%x: tensor<2x24x6xf32> {onnx.name = "x"}) -> tensor<2x6xf32> {
  %axis = onnx.constant dense<1> : tensor<1xi64>
  %c = onnx.constant dense<3.17805386> : tensor<f32>
  %0 = onnx.node "ReduceLogSumExp"(%x, %axis) version 20 attrs {keepdims = 0 : i64} : (tensor<2x24x6xf32>, tensor<1xi64>) -> tensor<2x6xf32>
  %2 = onnx.node "Sub"(%0, %c) version 20 : (tensor<2x6xf32>, tensor<f32>) -> tensor<2x6xf32> loc("logsum")
  return %2 : tensor<2x6xf32>
}

// -----

// An attribute.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 0.0416667 is not one over the traced length of 24", site = "gemmalpha"}]
// CHECK-DAG: warning: loc("gemmalpha"): {{.*}}number 0.0416667 is not one over the traced length of 24
func.func @gemmalpha(%x: tensor<6x24xf32> {onnx.name = "x"}) -> tensor<6x6xf32> {
  %1 = onnx.node "Gemm"(%x, %x) version 20 attrs {transB = 1 : i64, alpha = 0.0416666679 : f32} : (tensor<6x24xf32>, tensor<6x24xf32>) -> tensor<6x6xf32> loc("gemmalpha")
  return %1 : tensor<6x6xf32>
}

// -----

// A padding by its axes.
// CHECK-DAG: ssmc.lengths = [{assumption = "the number 24 is not the traced length of 24", site = "padaxes"}]
// CHECK-DAG: warning: loc("padaxes"): {{.*}}number 24 is not the traced length of 24
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
