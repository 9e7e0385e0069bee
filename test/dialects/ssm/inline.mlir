// RUN: ssm-opt %s -inline | FileCheck %s

// A function of mixers is inlined: buffers of one that is called would have no
// owner.
// CHECK-LABEL: func @caller
// CHECK-NOT: call
// CHECK-COUNT-2: ssm.scan
func.func @caller(%a: tensor<5x3xf32>, %s: tensor<3xf32>) -> tensor<5x3xf32> {
  %0 = func.call @callee(%a, %s) : (tensor<5x3xf32>, tensor<3xf32>) -> tensor<5x3xf32>
  %1 = func.call @callee(%0, %s) : (tensor<5x3xf32>, tensor<3xf32>) -> tensor<5x3xf32>
  return %1 : tensor<5x3xf32>
}
func.func private @callee(%a: tensor<5x3xf32>, %s: tensor<3xf32>) -> tensor<5x3xf32> {
  %h, %t = ssm.scan dimension(0) ins(%a, %a : tensor<5x3xf32>, tensor<5x3xf32>)
    outs(%a, %s : tensor<5x3xf32>, tensor<3xf32>) -> tensor<5x3xf32>, tensor<3xf32>
  return %h : tensor<5x3xf32>
}
