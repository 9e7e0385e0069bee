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

// A buffer whose extent is that of a collapsed one, twice here.
// CHECK-LABEL: func.func @ssm_prefill_run
// CHECK:         arith.index_cast
// CHECK:         %[[M:.*]] = arith.index_cast
// CHECK:         %[[FOUR:.*]] = arith.muli %[[M]], %c4
// CHECK:         %[[EIGHT:.*]] = arith.muli %[[FOUR]], %c2
// CHECK:         memref.alloc(%[[EIGHT]]) : memref<?xf32>
// CHECK:         scf.for
// CHECK-NOT:       memref.alloc
// CHECK:         return
func.func @ssm_prefill_run(%symbols: !llvm.ptr, %arg1: !llvm.ptr, %arg2: !llvm.ptr, %arg3: !llvm.ptr, %arg4: !llvm.ptr, %arg5: !llvm.ptr) attributes {ssm.entry = "prefill"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %v = arith.constant 0.0 : f32
  %l = llvm.load %symbols invariant : !llvm.ptr -> i64
  %n = arith.index_cast %l : i64 to index
  %buffer = memref.alloc(%n) : memref<?x4x2xf32>
  %rows = memref.collapse_shape %buffer [[0, 1], [2]] : memref<?x4x2xf32> into memref<?x2xf32>
  %all = memref.collapse_shape %rows [[0, 1]] : memref<?x2xf32> into memref<?xf32>
  scf.for %i = %c0 to %n step %c1 {
    %size = memref.dim %all, %c0 : memref<?xf32>
    %a = memref.alloc(%size) : memref<?xf32>
    memref.store %v, %a[%i] : memref<?xf32>
    memref.store %v, %all[%i] : memref<?xf32>
  }
  return
}
