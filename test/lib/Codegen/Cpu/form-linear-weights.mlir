// A packed weight is rounded to the type it is stored in; not one that is beyond
// the range of f16, nor a splat, which takes no room.
// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-form-linear{cpu=znver3 weights=f16},cse))' | FileCheck %s
// RUN: not ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-form-linear{cpu=znver3 weights=f8}))' 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: weights=f8 is none of f32, bf16, f16

// CHECK-LABEL: func.func @rounded
// CHECK: %[[T:.*]] = arith.truncf %{{.*}} : tensor<2x8xf32> to tensor<2x8xf16>
// CHECK: %[[P:.*]] = linalg.pack %[[T]] {{.*}} : tensor<2x8xf16> -> tensor<1x2x8xf16>
// CHECK: ssm.linear ins(%{{.*}}, %[[P]] : tensor<4x2xf32>, tensor<1x2x8xf16>)
// CHECK: ^bb0(%{{.*}}: f32):
func.func @rounded(%x: tensor<4x2xf32>) -> tensor<4x8xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [0.0, -1.0, 65519.0, 0x7F800000, 2.0, 2.0, 2.0, 2.0]]> : tensor<2x8xf32>
  %zero = arith.constant dense<0.0> : tensor<4x8xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x8xf32>) outs(%zero : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @kept
// CHECK-NOT: arith.truncf
// CHECK: ssm.linear ins(%{{.*}}, %{{.*}} : tensor<4x2xf32>, tensor<1x2x8xf32>)
// CHECK: ssm.linear ins(%{{.*}}, %{{.*}} : tensor<4x2xf32>, tensor<1x2x8xf32>)
func.func @kept(%x: tensor<4x2xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [0.0, -1.0, -65520.0, 1.0, 2.0, 2.0, 2.0, 2.0]]> : tensor<2x8xf32>
  %s = arith.constant dense<1.0> : tensor<2x8xf32>
  %zero = arith.constant dense<0.0> : tensor<4x8xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x8xf32>) outs(%zero : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.matmul ins(%x, %s : tensor<4x2xf32>, tensor<2x8xf32>) outs(%zero : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0, %1 : tensor<4x8xf32>, tensor<4x8xf32>
}
