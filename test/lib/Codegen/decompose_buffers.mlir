// An op on buffers that no kernel took is decomposed on tensors that stand for
// them, and computed in place after bufferization.
// RUN: ssm-opt %s --ssm-decompose-buffers --canonicalize --one-shot-bufferize --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @scan
// CHECK-NOT:     memref.alloc
// CHECK:         scf.for
// CHECK:           arith.mulf
// CHECK:           arith.addf
// CHECK-NOT:     ssm.scan
func.func @scan(%a: memref<2x5x4xf32>, %b: memref<2x5x4xf32>, %h: memref<2x5x4xf32>, %s: memref<2x4xf32>) {
  ssm.scan dimension(1) ins(%a, %b : memref<2x5x4xf32>, memref<2x5x4xf32>) outs(%h, %s : memref<2x5x4xf32>, memref<2x4xf32>)
  return
}
