// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-lower-scan{cpu=znver3}))' | FileCheck %s

// A row of states lies in scratch; four steps of four vectors take each of
// these once.
// CHECK-LABEL: func.func @columns
// CHECK: scf.parallel
// CHECK: memref.alloca() {{.*}} : memref<2048xf32>
// CHECK: vector.load {{.*}} : memref<2048xf32>
// CHECK-COUNT-4: vector.fma
// CHECK: vector.store {{.*}} : memref<2048xf32>
// CHECK-COUNT-12: vector.fma
// CHECK-NOT: ssm.scan
func.func @columns(%a: memref<2x?x64xf32>, %s: memref<2x64xf32>) {
  ssm.scan dimension(1) ins(%a, %a : memref<2x?x64xf32>, memref<2x?x64xf32>)
    outs(%a, %s : memref<2x?x64xf32>, memref<2x64xf32>)
  return
}

// Time innermost: a vector of neighbouring rows through transposed tiles, then
// what is left of them step by step.
// CHECK-LABEL: func.func @rows
// CHECK: scf.parallel
// CHECK: scf.for {{.*}} -> (vector<8xf32>)
// CHECK: vector.shuffle
// CHECK-COUNT-8: vector.fma
// CHECK: scf.for {{.*}} -> (f32)
// CHECK-NOT: ssm.scan
func.func @rows(%a: memref<2x64x?xf32>, %s: memref<2x64xf32>) {
  ssm.scan dimension(2) ins(%a, %a : memref<2x64x?xf32>, memref<2x64x?xf32>)
    outs(%a, %s : memref<2x64x?xf32>, memref<2x64xf32>)
  return
}
