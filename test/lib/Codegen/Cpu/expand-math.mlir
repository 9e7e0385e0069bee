// RUN: ssm-opt %s -pass-pipeline='builtin.module(ssm-expand-math{cpu=znver3})' | FileCheck %s

// CHECK-LABEL: func.func @single
// CHECK-NOT: math.exp
// CHECK-NOT: math.sin
// CHECK: math.sqrt
func.func @single(%x: vector<8xf32>, %y: f32) -> (vector<8xf32>, f32, f32, f32) {
  %0 = math.exp2 %x : vector<8xf32>
  %1 = math.exp %y : f32
  %2 = math.sin %y : f32
  %3 = math.rsqrt %y : f32
  return %0, %1, %2, %3 : vector<8xf32>, f32, f32, f32
}

// Doubles are computed by libm.
// CHECK-LABEL: func.func @double
// CHECK: math.exp2 %{{.*}} : f64
// CHECK: math.tanh %{{.*}} : f64
func.func @double(%x: f64) -> f64 {
  %0 = math.exp2 %x : f64
  %1 = math.tanh %0 : f64
  return %1 : f64
}
