// What a file lacks is its fault, not the compiler's.
// RUN: not ssmc %s -o %t.so 2>&1 | FileCheck %s
// CHECK: no-body.mlir:{{[0-9:]+}} function 'outside' has no body
// CHECK-NOT: internal error
func.func private @outside(tensor<4xf32>) -> tensor<4xf32>
func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = call @outside(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
