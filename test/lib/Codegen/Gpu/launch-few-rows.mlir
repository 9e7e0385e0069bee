// RUN: ssm-opt %s --ssm-launch-few-rows --canonicalize --cse | FileCheck %s

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#t = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// The fill is a number of the kernel. Memory may be aligned otherwise: then, and
// for many rows, both ops stay.
// CHECK-LABEL: func.func private @columns
// CHECK-NOT: linalg
// CHECK: arith.andi
// CHECK: scf.if
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c512, {{.*}} workgroup(%{{.*}} : memref<256xf32, #gpu.address_space<workgroup>>)
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK: nvvm.shfl.sync bfly
// CHECK: gpu.barrier
// CHECK-NOT: llvm.load
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr<1>
// CHECK: gpu.launch
// CHECK: gpu.launch
// CHECK: } else {
// CHECK: linalg.fill
// CHECK: linalg.generic
func.func private @columns(%context: !llvm.ptr, %x: memref<?x768xf32>, %w: memref<768x1536xf32>, %y: memref<?x1536xf32>) attributes {ssm.kernel} {
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

// The elements of a column side by side, in an odd number: no vector. What is
// there is added to.
// CHECK-LABEL: func.func private @transposed
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c128,
// CHECK: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> vector<1xf32>
// CHECK: gpu.barrier
// CHECK: llvm.load %{{.*}} : !llvm.ptr<1> -> f32
// CHECK: llvm.store
func.func private @transposed(%context: !llvm.ptr, %x: memref<2x33xf32>, %w: memref<64x33xf32>, %y: memref<2x64xf32>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #t, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<2x33xf32>, memref<64x33xf32>) outs(%y : memref<2x64xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %q, %p : f32
    %s = arith.addf %m, %sum : f32
    linalg.yield %s : f32
  }
  return
}

// Many rows, short sums, and what is no sum of products are left alone.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: gpu.launch
// CHECK: return
func.func private @others(%context: !llvm.ptr, %x: memref<64x32xf32>, %w: memref<32x32xf32>, %y: memref<64x32xf32>, %a: memref<1x8xf32>, %b: memref<8x32xf32>, %c: memref<1x32xf32>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<64x32xf32>, memref<32x32xf32>) outs(%y : memref<64x32xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<1x8xf32>, memref<8x32xf32>) outs(%c : memref<1x32xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%c, %w : memref<1x32xf32>, memref<32x32xf32>) outs(%c : memref<1x32xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.maximumf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}
