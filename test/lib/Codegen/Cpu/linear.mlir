// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-lower-linear{cpu=znver3}))' | FileCheck %s

// Any number of rows: code for 1, 2 and 3 rows, and for tiles of 3 to 6.
// CHECK-LABEL: func.func @dynamic
// CHECK: scf.parallel
// CHECK: scf.index_switch
// CHECK-NEXT: case 1 {
// CHECK: case 2 {
// CHECK: case 3 {
// CHECK: default {
// CHECK: scf.index_switch
// CHECK-NEXT: case 3 {
// CHECK: case 4 {
// CHECK: case 5 {
// CHECK: default {
// Tiles fetch the next panel between them.
// CHECK: memref.prefetch {{.*}} read, locality<2>, data : memref<2048xf32>
// The epilogue is emitted once.
// CHECK: arith.negf {{.*}} : vector<8xf32>
// CHECK-NOT: ssm.linear
func.func @dynamic(%x: memref<?x64xf32>, %w: memref<2x64x16xf32>, %y: memref<?x32xf32>) {
  ssm.linear ins(%x, %w : memref<?x64xf32>, memref<2x64x16xf32>) outs(%y : memref<?x32xf32>) {
  ^bb0(%sum: f32):
    %0 = arith.negf %sum : f32
    ssm.yield %0 : f32
  }
  return
}

// Twelve rows: two tiles of six, nothing else.
// CHECK-LABEL: func.func @static
// CHECK-NOT: scf.index_switch
// CHECK: scf.for {{.*}} iter_args
// CHECK-NOT: scf.for {{.*}} iter_args
// CHECK: return
func.func @static(%x: memref<12x64xf32>, %w: memref<2x64x16xf32>, %y: memref<12x32xf32>) {
  ssm.linear ins(%x, %w : memref<12x64xf32>, memref<2x64x16xf32>) outs(%y : memref<12x32xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// An epilogue that is not elementwise has no kernel.
// CHECK-LABEL: func.func @call
// CHECK: ssm.linear
func.func private @f(f32) -> f32
func.func @call(%x: memref<12x64xf32>, %w: memref<2x64x16xf32>, %y: memref<12x32xf32>) {
  ssm.linear ins(%x, %w : memref<12x64xf32>, memref<2x64x16xf32>) outs(%y : memref<12x32xf32>) {
  ^bb0(%sum: f32):
    %0 = func.call @f(%sum) : (f32) -> f32
    ssm.yield %0 : f32
  }
  return
}
