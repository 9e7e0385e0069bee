// A buffer of a loop moves to the entry's block; one of a parallel loop to the
// stack; one that is handed to the next iteration stays.
// RUN: ssm-opt %s --ssm-hoist-buffers | FileCheck %s

// CHECK-LABEL: func.func @ssm_forward_run
// CHECK:         arith.index_cast
// CHECK:         %[[N:.*]] = arith.index_cast
// CHECK:         memref.alloc(%[[N]]) : memref<?xf32>
// CHECK:         scf.for
// CHECK-NOT:       memref.alloc
// CHECK:         scf.parallel
// CHECK:           memref.alloca() {alignment = 64 : i64} : memref<4xf32>
// CHECK:         scf.for
// CHECK:           memref.alloc() : memref<4xf32>
func.func @ssm_forward_run(%symbols: !llvm.ptr, %arg1: !llvm.ptr, %arg2: !llvm.ptr, %arg3: !llvm.ptr, %arg4: !llvm.ptr, %arg5: !llvm.ptr) attributes {ssm.entry = "forward"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %v = arith.constant 0.0 : f32
  %l = llvm.load %symbols invariant : !llvm.ptr -> i64
  %n = arith.index_cast %l : i64 to index
  scf.for %i = %c0 to %n step %c1 {
    %m = arith.addi %n, %c1 : index
    %a = memref.alloc(%n) : memref<?xf32>
    memref.store %v, %a[%i] : memref<?xf32>
  }
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %a = memref.alloc() : memref<4xf32>
    memref.store %v, %a[%c0] : memref<4xf32>
    scf.reduce
  }
  %first = memref.alloc() : memref<4xf32>
  %last = scf.for %i = %c0 to %n step %c1 iter_args(%b = %first) -> memref<4xf32> {
    %a = memref.alloc() : memref<4xf32>
    memref.store %v, %a[%c0] : memref<4xf32>
    scf.yield %a : memref<4xf32>
  }
  return
}
