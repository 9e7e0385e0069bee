// RUN: ssm-opt %s --ssm-decompose-concat | FileCheck %s

// CHECK-LABEL: func.func @concat
// CHECK:         %[[E:.*]] = tensor.empty() : tensor<5x4xf32>
// CHECK:         %[[I:.*]] = tensor.insert_slice %arg0 into %[[E]][0, 0] [2, 4] [1, 1]
// CHECK:         tensor.insert_slice %arg1 into %[[I]][2, 0] [3, 4] [1, 1]
func.func @concat(%a: tensor<2x4xf32>, %b: tensor<3x4xf32>) -> tensor<5x4xf32> {
  %c = tensor.concat dim(0) %a, %b : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<5x4xf32>
  return %c : tensor<5x4xf32>
}
