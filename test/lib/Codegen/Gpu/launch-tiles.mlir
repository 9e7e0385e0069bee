// RUN: ssm-opt %s --ssm-launch-tiles --canonicalize --cse | FileCheck %s

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#t = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// Small tiles where large ones are few; vectors of 16 bytes where memory is
// aligned, else the ops stay.
// CHECK-LABEL: func.func private @rows
// CHECK: scf.if
// CHECK: scf.if
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c64, {{.*}} workgroup(%{{.*}} : memref<2176xf32, #gpu.address_space<workgroup>>, %{{.*}} : memref<2176xf32, #gpu.address_space<workgroup>>)
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK: llvm.load %{{.*}} : !llvm.ptr<1> -> vector<4xf32>
// CHECK: llvm.load %{{.*}} : !llvm.ptr<3> -> vector<4xf32>
// CHECK: gpu.barrier
// CHECK: scf.yield
// CHECK: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
// CHECK: } else {
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c256,
// CHECK: } else {
// CHECK: linalg.fill
// CHECK: linalg.generic
func.func private @rows(%context: !llvm.ptr, %x: memref<?x768xf32>, %w: memref<768x1536xf32>, %y: memref<?x1536xf32>) attributes {ssm.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<?x1536xf32>)
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<?x768xf32>, memref<768x1536xf32>) outs(%y : memref<?x1536xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}

// Odd extents: elements by themselves, and no branch.
// CHECK-LABEL: func.func private @odd
// CHECK-NOT: scf.if
// CHECK: gpu.launch
// CHECK: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> vector<1xf32>
// CHECK-NOT: linalg
// CHECK: return
func.func private @odd(%context: !llvm.ptr, %x: memref<33x17xf32>, %w: memref<65x17xf32>, %y: memref<33x65xf32>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #t, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<33x17xf32>, memref<65x17xf32>) outs(%y : memref<33x65xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}

// CHECK-LABEL: func.func private @f64
// CHECK-NOT: gpu.launch
// CHECK: return
func.func private @f64(%context: !llvm.ptr, %x: memref<33x17xf64>, %w: memref<65x17xf64>, %y: memref<33x65xf64>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #t, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<33x17xf64>, memref<65x17xf64>) outs(%y : memref<33x65xf64>) {
  ^bb0(%p: f64, %q: f64, %sum: f64):
    %m = arith.mulf %p, %q : f64
    %s = arith.addf %sum, %m : f64
    linalg.yield %s : f64
  }
  return
}
