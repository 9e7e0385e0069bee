// RUN: ssm-opt %s --ssm-clone-destinations | FileCheck %s

// CHECK-LABEL: func.func @two
// CHECK:         %[[F0:.*]] = linalg.fill
// CHECK:         linalg.matmul {{.*}} outs(%[[F0]]
// CHECK:         %[[F1:.*]] = linalg.fill
// CHECK:         linalg.matmul {{.*}} outs(%[[F1]]
func.func @two(%x: tensor<4x4xf32>, %v: f32) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %e = tensor.empty() : tensor<4x4xf32>
  %f = linalg.fill ins(%v : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %a = linalg.matmul ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  %b = linalg.matmul ins(%a, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %a, %b : tensor<4x4xf32>, tensor<4x4xf32>
}

// CHECK-LABEL: func.func @empties
// CHECK:         %[[E0:.*]] = tensor.empty
// CHECK:         linalg.exp {{.*}} outs(%[[E0]]
// CHECK:         %[[E1:.*]] = tensor.empty
// CHECK:         linalg.exp {{.*}} outs(%[[E1]]
func.func @empties(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %a = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %b = linalg.exp ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %b : tensor<4xf32>
}
