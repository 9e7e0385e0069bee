// The outermost parallel loop is divided among threads, unless it is short; its
// last dimension stays a loop.
// RUN: ssm-opt %s --ssm-parallel-to-runtime | FileCheck %s

// CHECK-LABEL: func.func private @kernel
// CHECK:         %[[MANY:.*]] = arith.cmpi sgt, %[[PIECES:.*]], %{{.*}} : index
// CHECK:         scf.if %[[MANY]] {
// CHECK:           call @ssmrt_parallel_for(%arg0, %{{.*}}, %{{.*}}, %{{.*}})
// CHECK:         } else {
// CHECK:           call @kernel_0_chunk(
// CHECK-NOT:     scf.parallel

// CHECK:       func.func private @kernel_0_chunk(%{{.*}}: i64, %{{.*}}: f32, %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
// CHECK:         %[[FROM:.*]] = arith.index_cast %[[BEGIN]]
// CHECK:         %[[TO:.*]] = arith.index_cast %[[END]]
// CHECK:         scf.for %{{.*}} = %[[FROM]] to %[[TO]]
// CHECK:           scf.for
// CHECK:             memref.store
// CHECK-LABEL: func.func private @kernel_0_body(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
// CHECK:         arith.minsi
// CHECK:         call @kernel_0_chunk
func.func private @kernel(%context: !llvm.ptr, %p: !llvm.ptr {llvm.noalias}, %n: i64, %v: f32) attributes {ssm.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %d0 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %d1 = llvm.insertvalue %p, %d0[1] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %d2 = llvm.insertvalue %n, %d1[3, 0] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %m = builtin.unrealized_conversion_cast %d2 : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)> to memref<?x8xf32>
  %r = arith.index_cast %n : i64 to index
  scf.parallel (%i, %j) = (%c0, %c0) to (%r, %c8) step (%c1, %c1) {
    memref.store %v, %m[%i, %j] : memref<?x8xf32>
    scf.reduce
  }
  return
}
