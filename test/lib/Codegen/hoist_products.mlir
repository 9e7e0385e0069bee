// The product of the input, with what it is of and its destination, is computed
// for a block of time; the product of the state stays in the step.
// RUN: ssm-opt %s --ssm-hoist-products --canonicalize --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @step
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x4x8xf32>
// CHECK:         scf.for %[[T:.*]] = %c0 to %{{.*}} step %c8
// CHECK:           %[[N:.*]] = affine.min
// CHECK-DAG:       %[[BLOCK:.*]] = tensor.extract_slice %[[X]][%[[T]], 0, 0] [%[[N]], 4, 8]
// CHECK:           %[[EXP:.*]] = linalg.generic {{.*}} ins(%[[BLOCK]] : tensor<?x4x8xf32>)
// CHECK:             math.exp
// CHECK:           %[[P:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%[[EXP]], %{{.*}} : tensor<?x4x8xf32>, tensor<8x6xf32>)
// CHECK:           ssm.recurrence axes[0, 0] ins(%[[P]] : tensor<?x4x6xf32>)
// CHECK:           ^bb0(%[[PT:.*]]: tensor<4x6xf32>, %[[H:.*]]: tensor<4x6xf32>):
// CHECK-NOT:         math.exp
// CHECK:             linalg.matmul ins(%[[H]], %{{.*}} : tensor<4x6xf32>, tensor<6x6xf32>) outs(%[[PT]]
// CHECK-NOT:         linalg
// CHECK:             ssm.yield
func.func @step(%x: tensor<?x4x8xf32>, %y: tensor<?x4x6xf32>, %s: tensor<4x6xf32>) -> (tensor<?x4x6xf32>, tensor<4x6xf32>) {
  %W = arith.constant dense<2.0> : tensor<8x6xf32>
  %R = arith.constant dense<3.0> : tensor<6x6xf32>
  %b = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
  %ys, %last = ssm.recurrence axes[0, 0] ins(%x : tensor<?x4x8xf32>) outs(%y : tensor<?x4x6xf32>) states(%s : tensor<4x6xf32>) {
  ^bb0(%xt: tensor<4x8xf32>, %h: tensor<4x6xf32>):
    %e = tensor.empty() : tensor<4x6xf32>
    %ex = tensor.empty() : tensor<4x8xf32>
    %exp = linalg.exp ins(%xt : tensor<4x8xf32>) outs(%ex : tensor<4x8xf32>) -> tensor<4x8xf32>
    %bias = linalg.broadcast ins(%b : tensor<6xf32>) outs(%e : tensor<4x6xf32>) dimensions = [0]
    %p = linalg.matmul ins(%exp, %W : tensor<4x8xf32>, tensor<8x6xf32>) outs(%bias : tensor<4x6xf32>) -> tensor<4x6xf32>
    %r = linalg.matmul ins(%h, %R : tensor<4x6xf32>, tensor<6x6xf32>) outs(%p : tensor<4x6xf32>) -> tensor<4x6xf32>
    ssm.yield %r, %r : tensor<4x6xf32>, tensor<4x6xf32>
  } -> tensor<?x4x6xf32>, tensor<4x6xf32>
  return %ys, %last : tensor<?x4x6xf32>, tensor<4x6xf32>
}

// -----

// A run knows the rows: it counts the steps of a block.
// CHECK-DAG:     #[[ROWS:.*]] = affine_map<()[s0] -> (1, s0)>
// CHECK-DAG:     #[[STEPS:.*]] = affine_map<()[s0] -> (32 floordiv s0, 1)>
// CHECK-LABEL: func.func @rows
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x?x8xf32>
// CHECK:         tensor.dim %[[X]], %c1
// CHECK:         %[[ROWS_OF:.*]] = affine.max #[[ROWS]]()[%{{.*}}]
// CHECK:         %[[STEPS_OF:.*]] = affine.max #[[STEPS]]()[%[[ROWS_OF]]]
// CHECK:         scf.for %{{.*}} = %c0 to %{{.*}} step %[[STEPS_OF]]
func.func @rows(%x: tensor<?x?x8xf32>, %y: tensor<?x?x6xf32>, %s: tensor<?x6xf32>) -> tensor<?x?x6xf32> {
  %W = arith.constant dense<2.0> : tensor<8x6xf32>
  %ys, %last = ssm.recurrence axes[0, 0] ins(%x : tensor<?x?x8xf32>) outs(%y : tensor<?x?x6xf32>) states(%s : tensor<?x6xf32>) {
  ^bb0(%xt: tensor<?x8xf32>, %h: tensor<?x6xf32>):
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %rows = tensor.dim %xt, %c0 : tensor<?x8xf32>
    %e = tensor.empty(%rows) : tensor<?x6xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x6xf32>) -> tensor<?x6xf32>
    %p = linalg.matmul ins(%xt, %W : tensor<?x8xf32>, tensor<8x6xf32>) outs(%f : tensor<?x6xf32>) -> tensor<?x6xf32>
    %r = arith.addf %p, %h : tensor<?x6xf32>
    ssm.yield %r, %r : tensor<?x6xf32>, tensor<?x6xf32>
  } -> tensor<?x?x6xf32>, tensor<?x6xf32>
  return %ys : tensor<?x?x6xf32>
}

// -----

// Time backwards and inside: the blocks begin at the end.
// CHECK-LABEL: func.func @reversed
// CHECK-SAME:    %[[X:[^:]*]]: tensor<4x?x8xf32>
// CHECK:         scf.for
// CHECK:           %[[AT:.*]] = affine.apply
// CHECK:           tensor.extract_slice %[[X]][0, %[[AT]], 0]
// CHECK:           %[[ZERO:.*]] = linalg.fill
// CHECK:           %[[P:.*]] = linalg.generic {{.*}} outs(%[[ZERO]]
// CHECK:           ssm.recurrence axes[1, 1] reverse[true, true] ins(%[[P]] :
func.func @reversed(%x: tensor<4x?x8xf32>, %y: tensor<4x?x6xf32>, %s: tensor<4x6xf32>) -> tensor<4x?x6xf32> {
  %W = arith.constant dense<2.0> : tensor<8x6xf32>
  %ys, %last = ssm.recurrence axes[1, 1] reverse[true, true] ins(%x : tensor<4x?x8xf32>) outs(%y : tensor<4x?x6xf32>) states(%s : tensor<4x6xf32>) {
  ^bb0(%xt: tensor<4x8xf32>, %h: tensor<4x6xf32>):
    %zero = arith.constant dense<0.0> : tensor<4x6xf32>
    %p = linalg.matmul ins(%xt, %W : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zero : tensor<4x6xf32>) -> tensor<4x6xf32>
    %r = arith.addf %p, %h : tensor<4x6xf32>
    ssm.yield %r, %r : tensor<4x6xf32>, tensor<4x6xf32>
  } -> tensor<4x?x6xf32>, tensor<4x6xf32>
  return %ys : tensor<4x?x6xf32>
}

// -----

// Nothing is hoisted: the product is of the state, or without a weight.
// CHECK-LABEL: func.func @stays
// CHECK-NOT:     scf.for
// CHECK:         ssm.recurrence axes[0, 0]
// CHECK:           linalg.matmul
// CHECK:           linalg.matmul
func.func @stays(%x: tensor<?x4x4xf32>, %y: tensor<?x4x4xf32>, %s: tensor<4x4xf32>) -> tensor<?x4x4xf32> {
  %W = arith.constant dense<2.0> : tensor<4x4xf32>
  %ys, %last = ssm.recurrence axes[0, 0] ins(%x : tensor<?x4x4xf32>) outs(%y : tensor<?x4x4xf32>) states(%s : tensor<4x4xf32>) {
  ^bb0(%xt: tensor<4x4xf32>, %h: tensor<4x4xf32>):
    %e = tensor.empty() : tensor<4x4xf32>
    %p = linalg.matmul ins(%h, %W : tensor<4x4xf32>, tensor<4x4xf32>) outs(%xt : tensor<4x4xf32>) -> tensor<4x4xf32>
    %q = linalg.matmul ins(%xt, %xt : tensor<4x4xf32>, tensor<4x4xf32>) outs(%p : tensor<4x4xf32>) -> tensor<4x4xf32>
    ssm.yield %q, %q : tensor<4x4xf32>, tensor<4x4xf32>
  } -> tensor<?x4x4xf32>, tensor<4x4xf32>
  return %ys : tensor<?x4x4xf32>
}
