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

// -----

// All rows from the last one to the first one, by their numbers or as sequences
// of full length, are a flip; of other lengths they are not.
// CHECK-LABEL: func.func @flips
// CHECK: onnx.node "Slice"
// CHECK: onnx.node "Slice"
// CHECK: onnx.node "ReverseSequence"
func.func @flips(%x: tensor<2x4x3xf32>) -> (tensor<2x4x3xf32>, tensor<2x4x3xf32>, tensor<2x4x3xf32>) {
  %order = onnx.constant dense<[3, 2, 1, 0]> : tensor<4xi64>
  %all = onnx.constant dense<4> : tensor<2xi64>
  %some = onnx.constant dense<[4, 3]> : tensor<2xi64>
  %0 = onnx.node "Gather"(%x, %order) version 20 attrs {axis = 1 : i64} : (tensor<2x4x3xf32>, tensor<4xi64>) -> tensor<2x4x3xf32>
  %1 = onnx.node "ReverseSequence"(%x, %all) version 10 attrs {batch_axis = 0 : i64, time_axis = 1 : i64} : (tensor<2x4x3xf32>, tensor<2xi64>) -> tensor<2x4x3xf32>
  %2 = onnx.node "ReverseSequence"(%x, %some) version 10 attrs {batch_axis = 0 : i64, time_axis = 1 : i64} : (tensor<2x4x3xf32>, tensor<2xi64>) -> tensor<2x4x3xf32>
  return %0, %1, %2 : tensor<2x4x3xf32>, tensor<2x4x3xf32>, tensor<2x4x3xf32>
}

// -----

// Zeros around a value are a padding; other numbers are not.
// CHECK-LABEL: func.func @padded
// CHECK-SAME: (%[[X:.*]]: tensor<2x4x3xf32>)
// CHECK-DAG: %[[PADS:.*]] = onnx.constant dense<[0, 1, 0, 0, 2, 0]> : tensor<6xi64>
// CHECK-DAG: onnx.node "Pad"(%[[X]], %[[PADS]])
// CHECK-DAG: onnx.node "Concat"(%{{.*}}, %[[X]])
func.func @padded(%x: tensor<2x4x3xf32>) -> (tensor<2x7x3xf32>, tensor<2x5x3xf32>) {
  %one = onnx.constant dense<0.0> : tensor<2x1x3xf32>
  %two = onnx.constant dense<0.0> : tensor<2x2x3xf32>
  %ones = onnx.constant dense<1.0> : tensor<2x1x3xf32>
  %0 = onnx.node "Concat"(%one, %x, %two) version 20 attrs {axis = 1 : i64} : (tensor<2x1x3xf32>, tensor<2x4x3xf32>, tensor<2x2x3xf32>) -> tensor<2x7x3xf32>
  %1 = onnx.node "Concat"(%ones, %x) version 20 attrs {axis = -2 : i64} : (tensor<2x1x3xf32>, tensor<2x4x3xf32>) -> tensor<2x5x3xf32>
  return %0, %1 : tensor<2x7x3xf32>, tensor<2x5x3xf32>
}

// -----

// Windows of a sequence are its pieces side by side; rows in no steps are not.
// CHECK-LABEL: func.func @windows
// CHECK-SAME: (%[[X:.*]]: tensor<2x5x3xf32>)
// CHECK: %[[A:.*]] = onnx.node "Slice"(%[[X]]{{.*}} -> tensor<2x4x3xf32>
// CHECK: %[[B:.*]] = onnx.node "Unsqueeze"(%[[A]]{{.*}} -> tensor<2x4x1x3xf32>
// CHECK: %[[C:.*]] = onnx.node "Slice"(%[[X]]{{.*}} -> tensor<2x4x3xf32>
// CHECK: %[[D:.*]] = onnx.node "Unsqueeze"(%[[C]]{{.*}} -> tensor<2x4x1x3xf32>
// CHECK: onnx.node "Concat"(%[[B]], %[[D]]) {{.*}}axis = 2
// CHECK: onnx.node "Gather"
func.func @windows(%x: tensor<2x5x3xf32>) -> (tensor<2x4x2x3xf32>, tensor<2x2x2x3xf32>) {
  %rows = onnx.constant dense<[[0, 1], [1, 2], [2, 3], [3, 4]]> : tensor<4x2xi64>
  %others = onnx.constant dense<[[0, 1], [1, 3]]> : tensor<2x2xi64>
  %0 = onnx.node "Gather"(%x, %rows) version 20 attrs {axis = 1 : i64} : (tensor<2x5x3xf32>, tensor<4x2xi64>) -> tensor<2x4x2x3xf32>
  %1 = onnx.node "Gather"(%x, %others) version 20 attrs {axis = 1 : i64} : (tensor<2x5x3xf32>, tensor<2x2xi64>) -> tensor<2x2x2x3xf32>
  return %0, %1 : tensor<2x4x2x3xf32>, tensor<2x2x2x3xf32>
}

// -----

// Pieces that hold nothing are left out.
// CHECK-LABEL: func.func @empty_pieces
// CHECK-SAME: (%[[X:.*]]: tensor<2x4xf32>, %[[E:.*]]: tensor<2x0xf32>)
// CHECK: %[[C:.*]] = onnx.node "Concat"(%[[X]], %[[X]])
// CHECK-NEXT: return %[[X]], %[[C]]
func.func @empty_pieces(%x: tensor<2x4xf32>, %e: tensor<2x0xf32>) -> (tensor<2x4xf32>, tensor<2x8xf32>) {
  %0 = onnx.node "Concat"(%e, %x) version 20 attrs {axis = 1 : i64} : (tensor<2x0xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = onnx.node "Concat"(%x, %e, %x) version 20 attrs {axis = 1 : i64} : (tensor<2x4xf32>, tensor<2x0xf32>, tensor<2x4xf32>) -> tensor<2x8xf32>
  return %0, %1 : tensor<2x4xf32>, tensor<2x8xf32>
}

// -----

// An Einsum that sums nothing is a chain of products, the smallest first; one
// that sums stays.
// CHECK-LABEL: func.func @outer
// CHECK-SAME: (%[[DT:[^:]*]]: tensor<2x5x3xf32>, %[[B:[^:]*]]: tensor<4x5x2xf32>, %[[X:[^:]*]]: tensor<2x5x3xf32>)
// CHECK: %[[DX:.*]] = onnx.node "Mul"(%[[DT]], %[[X]]) {{.*}} -> tensor<2x5x3xf32>
// CHECK-DAG: %[[WIDE:.*]] = onnx.node "Unsqueeze"(%[[DX]], %{{.*}} -> tensor<2x5x3x1xf32>
// CHECK-DAG: %[[T:.*]] = onnx.node "Transpose"(%[[B]]) version 20 attrs {perm = array<i64: 2, 1, 0>}
// CHECK-DAG: %[[TALL:.*]] = onnx.node "Unsqueeze"(%[[T]], %{{.*}} -> tensor<2x5x1x4xf32>
// CHECK: %[[P:.*]] = onnx.node "Mul"(%[[WIDE]], %[[TALL]]) {{.*}} -> tensor<2x5x3x4xf32>
// CHECK: %[[S:.*]] = onnx.node "Einsum"
// CHECK: return %[[P]], %[[S]]
func.func @outer(%dt: tensor<2x5x3xf32>, %b: tensor<4x5x2xf32>, %x: tensor<2x5x3xf32>) -> (tensor<2x5x3x4xf32>, tensor<2x3xf32>) {
  %0 = onnx.node "Einsum"(%dt, %b, %x) version 20 attrs {equation = "bld, nlb, bld -> bldn"} : (tensor<2x5x3xf32>, tensor<4x5x2xf32>, tensor<2x5x3xf32>) -> tensor<2x5x3x4xf32>
  %1 = onnx.node "Einsum"(%dt, %x) version 20 attrs {equation = "bld,bld->bd"} : (tensor<2x5x3xf32>, tensor<2x5x3xf32>) -> tensor<2x3xf32>
  return %0, %1 : tensor<2x5x3x4xf32>, tensor<2x3xf32>
}

// -----

// Of several operands those with the smallest product come first; an ellipsis
// becomes letters.
// CHECK-LABEL: func.func @several
// CHECK-SAME: (%[[S:[^:]*]]: tensor<2x5x4x3xf32>, %[[Q:[^:]*]]: tensor<2x5x4xf32>, %[[N:[^:]*]]: tensor<2x5xf32>)
// CHECK: %[[Y:.*]] = onnx.node "Einsum"(%[[S]], %[[Q]]) version 20 attrs {equation = "yznp,yzn->yzp"}
// CHECK: %[[W:.*]] = onnx.node "Unsqueeze"(%[[N]], %{{.*}} -> tensor<2x5x1xf32>
// CHECK: %[[P:.*]] = onnx.node "Mul"(%[[Y]], %[[W]])
// CHECK: return %[[P]]
func.func @several(%s: tensor<2x5x4x3xf32>, %q: tensor<2x5x4xf32>, %n: tensor<2x5xf32>) -> tensor<2x5x3xf32> {
  %0 = onnx.node "Einsum"(%s, %q, %n) version 20 attrs {equation = "...np,...n,...->...p"} : (tensor<2x5x4x3xf32>, tensor<2x5x4xf32>, tensor<2x5xf32>) -> tensor<2x5x3xf32>
  return %0 : tensor<2x5x3xf32>
}

// -----

// The rows that a rotary embedding reads, which are those of every row of the
// batch; positions beyond the cache are an error where it runs.
// CHECK-LABEL: func.func @rotary
// CHECK-SAME: (%[[X:.*]]: tensor<2x2x2xf32>)
// CHECK-DAG: %[[ROWS:.*]] = onnx.constant dense<{{\[\[}}[2.000000e+00], [1.000000e+00]]]> : tensor<1x2x1xf32>
// CHECK-DAG: %[[FIRST:.*]] = onnx.node "RotaryEmbedding"(%[[X]], %[[ROWS]], %{{[a-z0-9_]+}})
// CHECK: %[[SECOND:.*]] = onnx.node "RotaryEmbedding"(%[[FIRST]], %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: return %[[SECOND]]
func.func @rotary(%x: tensor<2x2x2xf32>) -> tensor<2x2x2xf32> {
  %c = onnx.constant dense<[[0.0], [1.0], [2.0]]> : tensor<3x1xf32>
  %back = onnx.constant dense<[[2, 1], [2, 1]]> : tensor<2x2xi64>
  %beyond = onnx.constant dense<[[2, 3], [2, 3]]> : tensor<2x2xi64>
  %0 = onnx.node "RotaryEmbedding"(%x, %c, %c, %back) version 23 attrs {num_heads = 1 : i64} : (tensor<2x2x2xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<2x2xi64>) -> tensor<2x2x2xf32>
  %1 = onnx.node "RotaryEmbedding"(%0, %c, %c, %beyond) version 23 attrs {num_heads = 1 : i64} : (tensor<2x2x2xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<2x2xi64>) -> tensor<2x2x2xf32>
  return %1 : tensor<2x2x2xf32>
}
