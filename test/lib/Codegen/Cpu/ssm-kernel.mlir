// What the kernel does not compute stays an op: parameters of f64, and channels that are
// not contiguous.
// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-lower-ssm-kernel{cpu=znver3}))' | FileCheck %s

// CHECK-LABEL: func.func @single
// CHECK-NOT: ssm.ssm_kernel
func.func @single(%a: memref<3x4xf32>, %c: memref<3x4xf32>, %k: memref<?x3xf32>) {
  ssm.ssm_kernel ins(%a, %c : memref<3x4xf32>, memref<3x4xf32>) outs(%k : memref<?x3xf32>)
  return
}

// CHECK-LABEL: func.func @double
// CHECK: ssm.ssm_kernel
func.func @double(%a: memref<2x3x4xf64>, %c: memref<2x3x4xf64>, %k: memref<?x3xf32>) {
  ssm.ssm_kernel ins(%a, %c : memref<2x3x4xf64>, memref<2x3x4xf64>) outs(%k : memref<?x3xf32>)
  return
}

// CHECK-LABEL: func.func @transposed
// CHECK: ssm.ssm_kernel
func.func @transposed(%a: memref<3x4xf32>, %c: memref<3x4xf32>, %k: memref<?x3xf32, strided<[1, ?]>>) {
  ssm.ssm_kernel ins(%a, %c : memref<3x4xf32>, memref<3x4xf32>) outs(%k : memref<?x3xf32, strided<[1, ?]>>)
  return
}
