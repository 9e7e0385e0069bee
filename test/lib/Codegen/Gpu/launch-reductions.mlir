// RUN: ssm-opt %s --ssm-launch-reductions --canonicalize --cse | FileCheck %s

#x = affine_map<(b, k) -> (b, k)>
#c = affine_map<(b, k) -> (k, b)>
#s = affine_map<(b, k) -> (b)>

// Four rows to a block, a warp to each; what the sum begins with is a number.
// CHECK-LABEL: func.func private @warps
// CHECK-NOT: linalg
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c128,
// CHECK-NOT: workgroup
// CHECK: scf.for
// CHECK-COUNT-4: memref.load
// CHECK: scf.for
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK-NOT: gpu.barrier
// CHECK: scf.if
// CHECK-NOT: memref.load
// CHECK: memref.store
func.func private @warps(%context: !llvm.ptr, %x: memref<?x300xf32>, %s: memref<?xf32>) attributes {ssm.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%s : memref<?xf32>)
  linalg.generic {indexing_maps = [#x, #s], iterator_types = ["parallel", "reduction"]} ins(%x : memref<?x300xf32>) outs(%s : memref<?xf32>) {
  ^bb0(%p: f32, %sum: f32):
    %n = arith.addf %sum, %p : f32
    linalg.yield %n : f32
  }
  return
}

// A block to a row, whose warps meet in shared memory.
// CHECK-LABEL: func.func private @blocks
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c256, {{.*}} workgroup(%{{.*}} : memref<8xf32, #gpu.address_space<workgroup>>)
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: memref.load
// CHECK: arith.maximumf
// CHECK: memref.store
func.func private @blocks(%context: !llvm.ptr, %x: memref<?x3000xf32>, %s: memref<?xf32>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #s], iterator_types = ["parallel", "reduction"]} ins(%x : memref<?x3000xf32>) outs(%s : memref<?xf32>) {
  ^bb0(%p: f32, %most: f32):
    %n = arith.maximumf %most, %p : f32
    linalg.yield %n : f32
  }
  return
}

// Left alone: down columns, short rows, f64, and what is no op with a neutral
// element.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: gpu.launch
// CHECK: return
func.func private @others(%context: !llvm.ptr, %x: memref<?x300xf32>, %y: memref<300x8xf32>, %z: memref<?x300xf64>, %s: memref<?xf32>, %d: memref<300xf32>, %t: memref<?xf64>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#c, #s], iterator_types = ["parallel", "reduction"]} ins(%x : memref<?x300xf32>) outs(%d : memref<300xf32>) {
  ^bb0(%p: f32, %sum: f32):
    %n = arith.addf %sum, %p : f32
    linalg.yield %n : f32
  }
  linalg.generic {indexing_maps = [#x, #s], iterator_types = ["parallel", "reduction"]} ins(%y : memref<300x8xf32>) outs(%d : memref<300xf32>) {
  ^bb0(%p: f32, %sum: f32):
    %n = arith.addf %sum, %p : f32
    linalg.yield %n : f32
  }
  linalg.generic {indexing_maps = [#x, #s], iterator_types = ["parallel", "reduction"]} ins(%z : memref<?x300xf64>) outs(%t : memref<?xf64>) {
  ^bb0(%p: f64, %sum: f64):
    %n = arith.addf %sum, %p : f64
    linalg.yield %n : f64
  }
  linalg.generic {indexing_maps = [#x, #s], iterator_types = ["parallel", "reduction"]} ins(%x : memref<?x300xf32>) outs(%s : memref<?xf32>) {
  ^bb0(%p: f32, %sum: f32):
    %n = arith.subf %p, %sum : f32
    linalg.yield %n : f32
  }
  return
}
