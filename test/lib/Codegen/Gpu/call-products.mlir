// A library is asked for products of more than 16 rows and columns that lie in
// memory as one matrix; where it is not there or refuses, the product is left.
// RUN: ssm-opt %s --ssm-call-products --canonicalize | FileCheck %s

#x = affine_map<(b, l, n, k) -> (b, l, k)>
#w = affine_map<(b, l, n, k) -> (k, n)>
#y = affine_map<(b, l, n, k) -> (b, l, n)>
module {

// CHECK: func.func private @ssmrt_multiply(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32

// CHECK-LABEL: func.func private @many
// The fill goes with the product: the library's result begins with zero.
// CHECK-NOT: linalg.fill
// CHECK: %[[MANY:.*]] = arith.cmpi sgt, %{{.*}}, %c16
// CHECK-NEXT: %[[FITS:.*]] = arith.andi %{{.*}}, %[[MANY]]
// CHECK-NEXT: %[[DONE:.*]] = scf.if %[[FITS]]
// CHECK: %[[STATUS:.*]] = func.call @ssmrt_multiply
// CHECK: arith.cmpi ne, %[[STATUS]]
// CHECK: scf.if %[[DONE]] {
// CHECK-NEXT: } else {
// CHECK: linalg.fill
// CHECK: linalg.generic
func.func private @many(%context: !llvm.ptr, %x: memref<?x?x768xf32>, %w: memref<768x1536xf32>, %y: memref<?x?x1536xf32>) attributes {ssm.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<?x?x1536xf32>)
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : memref<?x?x768xf32>, memref<768x1536xf32>) outs(%y : memref<?x?x1536xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}

// Few columns are known to be few.
// CHECK-LABEL: func.func private @few
// CHECK-NOT: call @ssmrt_multiply
// CHECK: return
func.func private @few(%context: !llvm.ptr, %x: memref<?x?x768xf32>, %w: memref<768x16xf32>, %y: memref<?x?x16xf32>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : memref<?x?x768xf32>, memref<768x16xf32>) outs(%y : memref<?x?x16xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}
}
