// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-lower-selective-scan{cpu=skylake-avx512}))' | FileCheck %s

// The states are carried in registers through the loop over time.
// CHECK-LABEL: func.func @registers
// CHECK: scf.parallel
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<16x16xf32>
// CHECK: vector.shuffle
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>, vector<16xf32>
// CHECK: llvm.x86.avx512.mask.scalef.ps.512
// CHECK-NOT: math.exp
// CHECK-NOT: ssm.selective_scan
func.func @registers(%x: memref<2x?x64xf32>, %A: memref<64x16xf32>,
                     %B: memref<2x?x16xf32>, %h: memref<2x64x16xf32>) {
  ssm.selective_scan ins(%x, %x, %A, %B, %B : memref<2x?x64xf32>, memref<2x?x64xf32>,
      memref<64x16xf32>, memref<2x?x16xf32>, memref<2x?x16xf32>)
    outs(%x, %h : memref<2x?x64xf32>, memref<2x64x16xf32>)
  return
}

// 64 states do not fit: they stay in the scratch, and a loop runs over them.
// CHECK-LABEL: func.func @memory
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<64x16xf32>
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>) {
// CHECK-NOT: ssm.selective_scan
func.func @memory(%x: memref<2x?x64xf32>, %A: memref<64x64xf32>,
                  %B: memref<2x?x64xf32>, %h: memref<2x64x64xf32>) {
  ssm.selective_scan ins(%x, %x, %A, %B, %B : memref<2x?x64xf32>, memref<2x?x64xf32>,
      memref<64x64xf32>, memref<2x?x64xf32>, memref<2x?x64xf32>)
    outs(%x, %h : memref<2x?x64xf32>, memref<2x64x64xf32>)
  return
}

// A ragged block of channels is masked.
// CHECK-LABEL: func.func @ragged
// CHECK: vector.maskedload
// CHECK: vector.maskedstore
func.func @ragged(%x: memref<2x?x50xf32>, %A: memref<50x16xf32>,
                  %B: memref<2x?x16xf32>, %h: memref<2x50x16xf32>) {
  ssm.selective_scan ins(%x, %x, %A, %B, %B : memref<2x?x50xf32>, memref<2x?x50xf32>,
      memref<50x16xf32>, memref<2x?x16xf32>, memref<2x?x16xf32>)
    outs(%x, %h : memref<2x?x50xf32>, memref<2x50x16xf32>)
  return
}

// Element types without a kernel are left for the reference lowering.
// CHECK-LABEL: func.func @double
// CHECK: ssm.selective_scan
func.func @double(%x: memref<2x?x64xf64>, %A: memref<64x16xf64>,
                  %B: memref<2x?x16xf64>, %h: memref<2x64x16xf64>) {
  ssm.selective_scan ins(%x, %x, %A, %B, %B : memref<2x?x64xf64>, memref<2x?x64xf64>,
      memref<64x16xf64>, memref<2x?x16xf64>, memref<2x?x16xf64>)
    outs(%x, %h : memref<2x?x64xf64>, memref<2x64x16xf64>)
  return
}
