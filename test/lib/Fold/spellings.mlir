// RUN: ssm-opt %s --onnx-simplify --split-input-file | FileCheck %s

// Softplus and SiLU written out, with a guard against overflow.
// CHECK-LABEL: func.func @guarded
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>)
// CHECK: %[[P:.*]] = onnx.node "Softplus"(%[[X]])
// CHECK-NEXT: %[[S:.*]] = onnx.node "Sigmoid"(%[[P]])
// CHECK-NEXT: %[[M:.*]] = onnx.node "Mul"(%[[P]], %[[S]])
// CHECK-NEXT: return %[[M]]
func.func @guarded(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = onnx.constant dense<1.0> : tensor<f32>
  %limit = onnx.constant dense<20.0> : tensor<f32>
  %0 = onnx.node "Min"(%x, %limit) version 20 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = onnx.node "Exp"(%0) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = onnx.node "Add"(%one, %1) version 20 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = onnx.node "Log"(%2) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %4 = onnx.node "Greater"(%x, %limit) version 20 : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  %5 = onnx.node "Where"(%4, %x, %3) version 20 : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %6 = onnx.node "Neg"(%5) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %7 = onnx.node "Exp"(%6) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %8 = onnx.node "Add"(%7, %one) version 20 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %9 = onnx.node "Div"(%5, %8) version 20 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %9 : tensor<4xf32>
}

// -----

// The guard may be turned around and hold an operator of its own.
// CHECK-LABEL: func.func @less
// CHECK: %[[P:.*]] = onnx.node "Softplus"(%{{.*}})
// CHECK-NEXT: return %[[P]]
func.func @less(%x: tensor<4xf32>) -> tensor<4xf32> {
  %limit = onnx.constant dense<20.0> : tensor<f32>
  %0 = onnx.node "Softplus"(%x) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %1 = onnx.node "LessOrEqual"(%x, %limit) version 20 : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  %2 = onnx.node "Where"(%1, %0, %x) version 20 : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

// A limit that is seen, or another value beyond it, is another function; so is a
// bound below the limit.
// CHECK-LABEL: func.func @others
// CHECK-COUNT-3: onnx.node "Where"
func.func @others(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %two = onnx.constant dense<2.0> : tensor<f32>
  %limit = onnx.constant dense<20.0> : tensor<f32>
  %0 = onnx.node "Softplus"(%x) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %1 = onnx.node "Greater"(%x, %two) version 20 : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  %2 = onnx.node "Where"(%1, %x, %0) version 20 : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = onnx.node "Greater"(%x, %limit) version 20 : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  %4 = onnx.node "Where"(%3, %y, %0) version 20 : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %5 = onnx.node "Min"(%x, %two) version 20 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = onnx.node "Softplus"(%5) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %7 = onnx.node "Where"(%3, %x, %6) version 20 : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2, %4, %7 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// The logistic function, with its sign as a product; a one that is broadcast
// makes another shape and stays.
// CHECK-LABEL: func.func @logistic
// CHECK: %[[S:.*]] = onnx.node "Sigmoid"(%arg0)
// CHECK: %[[R:.*]] = onnx.node "Reciprocal"
// CHECK: return %[[S]], %[[R]]
func.func @logistic(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<1x4xf32>) {
  %one = onnx.constant dense<1.0> : tensor<f32>
  %wide = onnx.constant dense<1.0> : tensor<1x1xf32>
  %minus = onnx.constant dense<-1.0> : tensor<1xf32>
  %0 = onnx.node "Mul"(%minus, %x) version 20 : (tensor<1xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = onnx.node "Exp"(%0) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = onnx.node "Add"(%1, %one) version 20 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = onnx.node "Reciprocal"(%2) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %4 = onnx.node "Add"(%1, %wide) version 20 : (tensor<4xf32>, tensor<1x1xf32>) -> tensor<1x4xf32>
  %5 = onnx.node "Reciprocal"(%4) version 20 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  return %3, %5 : tensor<4xf32>, tensor<1x4xf32>
}

// -----

// Rows in order are a piece; in another order they are not.
// CHECK-LABEL: func.func @rows
// CHECK: onnx.node "Slice"(%arg0
// CHECK: onnx.node "Gather"
func.func @rows(%x: tensor<8x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %order = onnx.constant dense<[2, 3, 4]> : tensor<3xi64>
  %other = onnx.constant dense<[2, 4, 3]> : tensor<3xi64>
  %0 = onnx.node "Gather"(%x, %order) version 20 attrs {axis = 0 : i64} : (tensor<8x2xf32>, tensor<3xi64>) -> tensor<3x2xf32>
  %1 = onnx.node "Gather"(%x, %other) version 20 attrs {axis = 0 : i64} : (tensor<8x2xf32>, tensor<3xi64>) -> tensor<3x2xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<3x2xf32>
}

// -----

// A gate is a quotient with the logistic function.
// CHECK-LABEL: func.func @gate
// CHECK: %[[S:.*]] = onnx.node "Sigmoid"(%arg0)
// CHECK-NEXT: %[[G:.*]] = onnx.node "Mul"(%arg1, %[[S]])
// CHECK-NEXT: return %[[G]]
func.func @gate(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %one = onnx.constant dense<1.0> : tensor<f32>
  %0 = onnx.node "Neg"(%x) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %1 = onnx.node "Exp"(%0) version 20 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = onnx.node "Add"(%one, %1) version 20 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = onnx.node "Div"(%y, %2) version 20 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

// -----

// A power of what e is rounded to; of another base it stays.
// CHECK-LABEL: func.func @power_of_e
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>)
// CHECK: onnx.node "Exp"(%[[X]])
// CHECK: onnx.node "Pow"
func.func @power_of_e(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = onnx.constant dense<2.71828175> : tensor<f32>
  %other = onnx.constant dense<2.718> : tensor<f32>
  %0 = onnx.node "Pow"(%e, %x) version 20 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = onnx.node "Pow"(%other, %x) version 20 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// log(sigmoid(x)) of a large negative x is x, not the logarithm of zero. What
// cuts an axis moves behind it.
// CHECK-LABEL: func.func @log_sigmoid
// CHECK-SAME: (%[[X:.*]]: tensor<2x24xf32>)
// CHECK: %[[N:.*]] = onnx.node "Neg"(%[[X]]){{.*}} -> tensor<2x24xf32>
// CHECK-NEXT: %[[S:.*]] = onnx.node "Softplus"(%[[N]]){{.*}} -> tensor<2x24xf32>
// CHECK-NEXT: %[[M:.*]] = onnx.node "Neg"(%[[S]]){{.*}} -> tensor<2x24xf32>
// CHECK-NEXT: %[[R:.*]] = onnx.node "Reshape"(%[[M]],
// CHECK-NEXT: return %[[R]]
func.func @log_sigmoid(%x: tensor<2x24xf32>) -> tensor<2x3x8xf32> {
  %shape = onnx.constant dense<[2, 3, 8]> : tensor<3xi64>
  %0 = onnx.node "Reshape"(%x, %shape) version 20 : (tensor<2x24xf32>, tensor<3xi64>) -> tensor<2x3x8xf32>
  %1 = onnx.node "Sigmoid"(%0) version 20 : (tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %2 = onnx.node "Log"(%1) version 20 : (tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  return %2 : tensor<2x3x8xf32>
}
