// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-lower-delta-rule{cpu=skylake-avx512}))' | FileCheck %s

// A walk over two rows of a panel of two vectors changes them and takes two
// readings: three multiply-adds for a vector. Where no segment of the decay
// begins, nothing is multiplied.
// CHECK-LABEL: func.func @beta
// CHECK: scf.parallel
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<32x32xf32>
// CHECK: scf.if
// CHECK: } else {
// CHECK: scf.for {{.*}} iter_args
// CHECK-NOT: arith.mulf
// CHECK-COUNT-12: vector.fma
// CHECK-NOT: vector.fma
// CHECK: scf.yield
// CHECK-NOT: ssm.delta_rule
func.func @beta(%q: memref<1x?x2x32xf32>, %v: memref<1x?x2x64xf32>, %g: memref<1x?x2xf32>, %s: memref<1x2x32x64xf32>) {
  ssm.delta_rule ins(%q, %q, %v : memref<1x?x2x32xf32>, memref<1x?x2x32xf32>, memref<1x?x2x64xf32>)
    beta(%g : memref<1x?x2xf32>) decay(%g : memref<1x?x2xf32>)
    outs(%v, %s : memref<1x?x2x64xf32>, memref<1x2x32x64xf32>)
  return
}

// Element types without a kernel, and several queries of a state, are left for
// the reference lowering.
// CHECK-LABEL: func.func @left
// CHECK: ssm.delta_rule
// CHECK: ssm.delta_rule
func.func @left(%q: memref<1x?x2x32xf64>, %v: memref<1x?x2x64xf64>, %s: memref<1x2x32x64xf32>, %g: memref<1x?x2xf32>, %sd: memref<1x2x32x64xf64>,
                %q4: memref<1x?x4x32xf32>, %k2: memref<1x?x2x32xf32>, %v2: memref<1x?x2x64xf32>, %y4: memref<1x?x4x64xf32>) {
  ssm.delta_rule ins(%q, %q, %v : memref<1x?x2x32xf64>, memref<1x?x2x32xf64>, memref<1x?x2x64xf64>)
    beta(%g : memref<1x?x2xf32>) outs(%v, %sd : memref<1x?x2x64xf64>, memref<1x2x32x64xf64>)
  ssm.delta_rule ins(%q4, %k2, %v2 : memref<1x?x4x32xf32>, memref<1x?x2x32xf32>, memref<1x?x2x64xf32>)
    beta(%g : memref<1x?x2xf32>) outs(%y4, %s : memref<1x?x4x64xf32>, memref<1x2x32x64xf32>)
  return
}
