// Rows are rounded to bf16 where the weight is: they stay bf16 for a processor
// that multiplies pairs of them, and are extended again for others. What is not
// of bf16 is multiplied as it is.
// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-form-linear{cpu=znver4 weights=bf16 products=bf16}))' | FileCheck %s --check-prefixes=CHECK,DOT
// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-form-linear{cpu=znver3 weights=bf16 products=bf16}))' | FileCheck %s --check-prefixes=CHECK,EXTEND
// RUN: not ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-form-linear{cpu=znver4 products=f16}))' 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: products=f16 is none of f32, bf16

// CHECK-LABEL: func.func @rounded
// DOT: ^bb0(%[[X:.*]]: f32, %{{.*}}: bf16):
// DOT-NEXT: %[[R:.*]] = arith.truncf %[[X]] : f32 to bf16
// DOT-NEXT: linalg.yield %[[R]] : bf16
// DOT: ssm.linear ins(%{{.*}}, %{{.*}} : tensor<?x2xbf16>, tensor<1x2x16xbf16>) outs(%{{.*}} : tensor<?x8xf32>)
// EXTEND: ^bb0(%[[X:.*]]: f32, %{{.*}}: f32):
// EXTEND-NEXT: %[[R:.*]] = arith.truncf %[[X]] : f32 to bf16
// EXTEND-NEXT: %[[E:.*]] = arith.extf %[[R]] : bf16 to f32
// EXTEND-NEXT: linalg.yield %[[E]] : f32
// EXTEND: ssm.linear ins(%{{.*}}, %{{.*}} : tensor<?x2xf32>, tensor<1x2x8xbf16>) outs(%{{.*}} : tensor<?x8xf32>)
func.func @rounded(%x: tensor<3x?x2xf32>, %y: tensor<3x?x8xf32>) -> tensor<3x?x8xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [0.0, -1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]]> : tensor<2x8xf32>
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%y : tensor<3x?x8xf32>) -> tensor<3x?x8xf32>
  %0 = linalg.generic {
      indexing_maps = [affine_map<(a, b, n, k) -> (a, b, k)>, affine_map<(a, b, n, k) -> (k, n)>, affine_map<(a, b, n, k) -> (a, b, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<3x?x2xf32>, tensor<2x8xf32>) outs(%init : tensor<3x?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<3x?x8xf32>
  return %0 : tensor<3x?x8xf32>
}

// CHECK-LABEL: func.func @too_large
// CHECK-NOT: arith.truncf
// CHECK: ssm.linear ins(%{{.*}}, %{{.*}} : tensor<4x1xf32>, tensor<1x1x{{[0-9]+}}xf32>)
func.func @too_large(%x: tensor<4x1xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 0x7F7FFFFF]]> : tensor<1x2xf32>
  %zero = arith.constant dense<0.0> : tensor<4x2xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x1xf32>, tensor<1x2xf32>) outs(%zero : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}

// What a model has in bf16 by itself.
// CHECK-LABEL: func.func @half
// CHECK-NOT: arith.truncf
// DOT: ssm.linear ins(%{{.*}}, %{{.*}} : tensor<4x1xbf16>, tensor<1x1x16xbf16>)
// EXTEND: arith.extf
// EXTEND: ssm.linear ins(%{{.*}}, %{{.*}} : tensor<4x1xf32>, tensor<1x1x8xbf16>)
func.func @half(%x: tensor<4x1xbf16>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xbf16>
  %zero = arith.constant dense<0.0> : tensor<4x2xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x1xbf16>, tensor<1x2xbf16>) outs(%zero : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}

// Of two types.
// CHECK-LABEL: func.func @mixed
// CHECK: arith.extf
// CHECK: ssm.linear ins(%{{.*}}, %{{.*}} : tensor<4x1xf32>, tensor<1x1x{{[0-9]+}}xbf16>)
func.func @mixed(%x: tensor<4x1xf16>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xbf16>
  %zero = arith.constant dense<0.0> : tensor<4x2xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x1xf16>, tensor<1x2xbf16>) outs(%zero : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}
