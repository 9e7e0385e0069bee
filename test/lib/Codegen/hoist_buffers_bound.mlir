// A buffer of a last, smaller tile is part of one of the largest tile, which a
// short loop does not reach; what shrinks with the loop is as large as at its
// begin. One whose size has no bound stays.
// RUN: ssm-opt %s --ssm-hoist-buffers | FileCheck %s
#tile = affine_map<(d0)[s0] -> (-d0 + s0, 8)>
#rows = affine_map<()[s0] -> (s0 * 3)>
#rest = affine_map<(d0)[s0] -> (-d0 + s0)>
#past = affine_map<(d0) -> (d0 + 1)>

// CHECK: #[[REST:.*]] = affine_map<(d0)[s0] -> (-d0 + s0)>
// CHECK: #[[ROWS:.*]] = affine_map<()[s0] -> (s0 * 3)>
// CHECK-LABEL: func.func @ssm_forward_run
// CHECK:         %[[ALL:.*]] = affine.apply #[[REST]](%{{.*}})[%{{.*}}]
// CHECK:         %[[TILE:.*]] = arith.minsi %[[ALL]], %c8
// CHECK:         %[[B:.*]] = affine.apply #[[ROWS]]()[%[[TILE]]]
// CHECK:         %[[A:.*]] = memref.alloc(%[[B]]) : memref<?x5xf32>
// CHECK:         %[[T:.*]] = arith.minsi %{{.*}}, %c8
// CHECK:         %[[A2:.*]] = memref.alloc(%[[T]], %{{.*}}) : memref<?x?x5xf32>
// CHECK:         %[[U:.*]] = affine.apply #[[REST]]
// CHECK:         memref.alloc(%[[U]]) : memref<?xf32>
// CHECK:         scf.for
// CHECK:           %[[M:.*]] = affine.min
// CHECK:           %[[N:.*]] = affine.apply
// CHECK:           memref.reinterpret_cast %[[A]] to offset: [0], sizes: [%[[N]], 5], strides: [5, 1] : memref<?x5xf32> to memref<?x5xf32>
// CHECK:           %[[STRIDE:.*]] = arith.muli %[[N:.*]], %c5
// CHECK:           memref.reinterpret_cast %[[A2]] to offset: [0], sizes: [%[[M]], %[[N]], 5], strides: [%[[STRIDE]], 5, 1] : memref<?x?x5xf32> to memref<?x?x5xf32>
// CHECK:           memref.alloc(%{{.*}}) : memref<?xf64>
func.func @ssm_forward_run(%symbols: !llvm.ptr, %arg1: !llvm.ptr, %arg2: !llvm.ptr, %arg3: !llvm.ptr, %arg4: !llvm.ptr, %arg5: !llvm.ptr) attributes {ssm.entry = "forward"} {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %v = arith.constant 0.0 : f32
  %w = arith.constant 0.0 : f64
  %l = llvm.load %symbols invariant : !llvm.ptr -> i64
  %n = arith.index_cast %l : i64 to index
  scf.for %i = %c0 to %n step %c8 {
    %m = affine.min #tile(%i)[%n]
    %r = affine.apply #rows()[%m]
    %a = memref.alloc(%r) : memref<?x5xf32>
    memref.store %v, %a[%c0, %c0] : memref<?x5xf32>
    %c = memref.alloc(%m, %n) : memref<?x?x5xf32>
    memref.store %v, %c[%c0, %c0, %c0] : memref<?x?x5xf32>
    %u = affine.apply #rest(%i)[%n]
    %b = memref.alloc(%u) : memref<?xf32>
    memref.store %v, %b[%c0] : memref<?xf32>
    %p = affine.apply #past(%i)
    %d = memref.alloc(%p) : memref<?xf64>
    memref.store %w, %d[%c0] : memref<?xf64>
  }
  return
}
