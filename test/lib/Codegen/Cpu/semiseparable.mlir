// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-lower-semiseparable{cpu=skylake-avx512}))' | FileCheck %s

// Eight rows of two vectors of the state stay in registers over a segment; the
// decay of a head scales the values, so keys are laid down as they are.
// CHECK-LABEL: func.func @of_head
// CHECK: scf.parallel
// CHECK-COUNT-16: vector.load %{{.*}} : memref<1x2x32x64xf32>, vector<16xf32>
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-32: vector.fma
// CHECK-NOT: vector.fma
// CHECK-NOT: math.exp
// CHECK-NOT: ssm.semiseparable
func.func @of_head(%q: memref<1x?x1x32xf32>, %v: memref<1x?x2x64xf32>, %g: memref<1x?x2xf32>, %s: memref<1x2x32x64xf32>) {
  ssm.semiseparable ins(%q, %q, %v : memref<1x?x1x32xf32>, memref<1x?x1x32xf32>, memref<1x?x2x64xf32>)
    decay(%g : memref<1x?x2xf32>) outs(%v, %s : memref<1x?x2x64xf32>, memref<1x2x32x64xf32>)
  return
}

// Without a decay there are no segments and no exponentials.
// CHECK-LABEL: func.func @no_decay
// CHECK-NOT: scalef
// CHECK-NOT: index>
// CHECK: return
func.func @no_decay(%q: memref<1x?x1x32xf32>, %v: memref<1x?x2x64xf32>, %s: memref<1x2x32x64xf32>) {
  ssm.semiseparable ins(%q, %q, %v : memref<1x?x1x32xf32>, memref<1x?x1x32xf32>, memref<1x?x2x64xf32>)
    outs(%v, %s : memref<1x?x2x64xf32>, memref<1x2x32x64xf32>)
  return
}

// Columns that fill no panel are masked, where the state is read and written.
// CHECK-LABEL: func.func @ragged
// CHECK: vector.maskedload {{.*}} memref<1x2x32x50xf32>
// CHECK: vector.maskedstore {{.*}} memref<1x2x32x50xf32>
func.func @ragged(%q: memref<1x?x1x32xf32>, %v: memref<1x?x2x50xf32>, %s: memref<1x2x32x50xf32>) {
  ssm.semiseparable ins(%q, %q, %v : memref<1x?x1x32xf32>, memref<1x?x1x32xf32>, memref<1x?x2x50xf32>)
    outs(%v, %s : memref<1x?x2x50xf32>, memref<1x2x32x50xf32>)
  return
}

// Element types without a kernel are left for the reference lowering.
// CHECK-LABEL: func.func @double
// CHECK: ssm.semiseparable
func.func @double(%q: memref<1x?x1x32xf64>, %v: memref<1x?x2x64xf64>, %s: memref<1x2x32x64xf64>) {
  ssm.semiseparable ins(%q, %q, %v : memref<1x?x1x32xf64>, memref<1x?x1x32xf64>, memref<1x?x2x64xf64>)
    outs(%v, %s : memref<1x?x2x64xf64>, memref<1x2x32x64xf64>)
  return
}
