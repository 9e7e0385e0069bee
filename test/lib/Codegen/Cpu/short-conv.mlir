// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-lower-short-conv{cpu=znver4}))' | FileCheck %s

// Three earlier inputs are carried through the loop over time; they are the state.
// CHECK-LABEL: func.func @window
// CHECK: scf.parallel
// CHECK: %[[LAST:.*]]:3 = scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-4: vector.fma
// CHECK: arith.divf
// CHECK: vector.store %[[LAST]]#0
// CHECK-NOT: ssm.short_conv
func.func @window(%x: memref<2x?x64xf32>, %w: memref<64x4xf32>, %s: memref<2x3x64xf32>,
                  %y: memref<2x?x64xf32>) {
  ssm.short_conv activation(silu) ins(%x, %w : memref<2x?x64xf32>, memref<64x4xf32>)
    outs(%y, %s : memref<2x?x64xf32>, memref<2x3x64xf32>)
  return
}

// A window of 96 inputs is a ring in a scratch.
// CHECK-LABEL: func.func @ring
// CHECK: memref.alloca() {{.*}} : memref<96x16xf32>
// CHECK: arith.remui
// CHECK-NOT: ssm.short_conv
func.func @ring(%x: memref<2x?x64xf32>, %w: memref<64x4xf32>, %s: memref<2x96x64xf32>,
                %y: memref<2x?x64xf32>) {
  ssm.short_conv dilation(32) ins(%x, %w : memref<2x?x64xf32>, memref<64x4xf32>)
    outs(%y, %s : memref<2x?x64xf32>, memref<2x96x64xf32>)
  return
}

// Channels that are not contiguous have no kernel.
// CHECK-LABEL: func.func @strided
// CHECK: ssm.short_conv
func.func @strided(%x: memref<2x?x64xf32, strided<[?, ?, 2]>>, %w: memref<64x4xf32>,
                   %s: memref<2x3x64xf32>, %y: memref<2x?x64xf32>) {
  ssm.short_conv ins(%x, %w : memref<2x?x64xf32, strided<[?, ?, 2]>>, memref<64x4xf32>)
    outs(%y, %s : memref<2x?x64xf32>, memref<2x3x64xf32>)
  return
}
