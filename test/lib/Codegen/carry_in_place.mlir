// What a loop carries is stored where it was, unless it is computed there.
// RUN: ssm-opt %s --ssm-carry-in-place | FileCheck %s

// CHECK-LABEL: func.func @carry
// CHECK:         scf.for {{.*}} iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}})
// CHECK:           %[[N:.*]] = linalg.exp ins(%[[A]]
// CHECK:           %[[M:.*]] = linalg.exp {{.*}} outs(%[[B]]
// CHECK:           %[[S:.*]] = bufferization.materialize_in_destination %[[N]] in %[[A]]
// CHECK:           scf.yield %[[S]], %[[M]]
func.func @carry(%x: tensor<4xf32>, %n: index) -> (tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %e = tensor.empty() : tensor<4xf32>
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x, %b = %x) -> (tensor<4xf32>, tensor<4xf32>) {
    %next = linalg.exp ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %other = linalg.exp ins(%a : tensor<4xf32>) outs(%b : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %next, %other : tensor<4xf32>, tensor<4xf32>
  }
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}
