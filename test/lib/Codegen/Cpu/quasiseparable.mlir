// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-lower-quasiseparable{cpu=skylake-avx512}))' | FileCheck %s

// One loop over heads, in it a walk for each direction; the second adds to what
// the first has written. The state is a scratch that both clear.
// CHECK-LABEL: func.func @hydra
// CHECK: %[[STATE:.*]] = memref.alloca() {{.*}} : memref<32x64xf32>
// CHECK-COUNT-2: vector.store {{.*}} %[[STATE]]
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-32: vector.fma
// CHECK: vector.store {{.*}} : memref<1x?x2x64xf32>
// CHECK-NOT: vector.load {{.*}} : memref<1x?x2x64xf32>
// CHECK: vector.store {{.*}} %[[STATE]]
// CHECK-COUNT-32: vector.fma
// CHECK: vector.load {{.*}} : memref<1x?x2x64xf32>
// CHECK: vector.store {{.*}} : memref<1x?x2x64xf32>
// CHECK-NOT: scf.parallel
// CHECK-NOT: ssm.quasiseparable
func.func @hydra(%q: memref<1x?x1x32xf32>, %v: memref<1x?x2x64xf32>, %g: memref<1x?x2xf32>, %y: memref<1x?x2x64xf32>) {
  ssm.quasiseparable ins(%q, %q, %q, %q, %v : memref<1x?x1x32xf32>, memref<1x?x1x32xf32>, memref<1x?x1x32xf32>, memref<1x?x1x32xf32>, memref<1x?x2x64xf32>)
    decay(%g, %g : memref<1x?x2xf32>, memref<1x?x2xf32>) outs(%y : memref<1x?x2x64xf32>)
  return
}

// A state that may be of any size has no scratch.
// CHECK-LABEL: func.func @any_width
// CHECK: ssm.quasiseparable
func.func @any_width(%q: memref<1x?x1x32xf32>, %v: memref<1x?x2x?xf32>, %y: memref<1x?x2x?xf32>) {
  ssm.quasiseparable ins(%q, %q, %q, %q, %v : memref<1x?x1x32xf32>, memref<1x?x1x32xf32>, memref<1x?x1x32xf32>, memref<1x?x1x32xf32>, memref<1x?x2x?xf32>)
    outs(%y : memref<1x?x2x?xf32>)
  return
}

// CHECK-LABEL: func.func @double
// CHECK: ssm.quasiseparable
func.func @double(%q: memref<1x?x1x32xf64>, %v: memref<1x?x2x64xf64>, %y: memref<1x?x2x64xf64>) {
  ssm.quasiseparable ins(%q, %q, %q, %q, %v : memref<1x?x1x32xf64>, memref<1x?x1x32xf64>, memref<1x?x1x32xf64>, memref<1x?x1x32xf64>, memref<1x?x2x64xf64>)
    outs(%y : memref<1x?x2x64xf64>)
  return
}
