// RUN: ssm-opt %s -ssm-decompose | FileCheck %s

// Upstream has no slice of an empty extent: nothing is taken from one.
// CHECK-LABEL: func.func @no_batch
// CHECK-NOT: tensor.extract_slice
// CHECK-NOT: ssm.
func.func @no_batch(%q: tensor<0x?x2x4xf32>, %v: tensor<0x?x2x3xf32>, %s: tensor<0x2x4x3xf32>) -> (tensor<0x?x2x3xf32>, tensor<0x2x4x3xf32>) {
  %y, %t = ssm.semiseparable ins(%q, %q, %v : tensor<0x?x2x4xf32>, tensor<0x?x2x4xf32>, tensor<0x?x2x3xf32>)
    outs(%v, %s : tensor<0x?x2x3xf32>, tensor<0x2x4x3xf32>) -> tensor<0x?x2x3xf32>, tensor<0x2x4x3xf32>
  return %y, %t : tensor<0x?x2x3xf32>, tensor<0x2x4x3xf32>
}

// Without keys the output is zero.
// CHECK-LABEL: func.func @no_keys
// CHECK: linalg.fill
// CHECK-NOT: ssm.
func.func @no_keys(%q: tensor<1x?x2x0xf32>, %v: tensor<1x?x2x3xf32>, %s: tensor<1x2x0x3xf32>) -> tensor<1x?x2x3xf32> {
  %y, %t = ssm.semiseparable ins(%q, %q, %v : tensor<1x?x2x0xf32>, tensor<1x?x2x0xf32>, tensor<1x?x2x3xf32>)
    outs(%v, %s : tensor<1x?x2x3xf32>, tensor<1x2x0x3xf32>) -> tensor<1x?x2x3xf32>, tensor<1x2x0x3xf32>
  return %y : tensor<1x?x2x3xf32>
}
