// RUN: ssm-opt %s --ssm-mma-matrix-state=only-keys --canonicalize --cse | FileCheck %s

// A block has 64 columns of a head in four warps, and two more that make what they
// need. Fewer tokens than a chunk, and rows that are not aligned, are left.
// CHECK-LABEL: func.func private @gated
// CHECK: %[[BYTES:.*]] = arith.constant 44288 : i32
// CHECK: scf.if
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c192, {{.*}} dynamic_shared_memory_size %[[BYTES]]
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.wait.group 1
// CHECK: gpu.barrier
// Makers.
// CHECK: nvvm.shfl.sync idx
// CHECK: nvvm.mma.sync
// CHECK: gpu.barrier
// CHECK: scf.for
// CHECK-NOT: nvvm.cp.async
// CHECK: nvvm.mma.sync
// CHECK: gpu.barrier
// The others.
// CHECK: scf.for
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.ldmatrix
// CHECK: nvvm.mma.sync
// CHECK: nvvm.cp.async.wait.group 1
// CHECK: gpu.barrier
// CHECK: } else {
// CHECK: ssm.delta_rule
func.func private @gated(%context: !llvm.ptr, %k: memref<?x?x4x128xbf16>, %g: memref<?x?x4xf32>, %y: memref<?x?x4x128xbf16>, %s: memref<?x4x128x128xf32>) attributes {ssm.kernel} {
  ssm.delta_rule ins(%k, %k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>)
    beta(%g : memref<?x?x4xf32>) decay(%g : memref<?x?x4xf32>) outs(%y, %s : memref<?x?x4x128xbf16>, memref<?x4x128x128xf32>)
  return
}

// With decays of each key all 128 columns, and four warps that scale keys and
// queries before two of them multiply.
// CHECK-LABEL: func.func private @of_keys
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c384
// CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %c128
// CHECK: nvvm.mma.sync
// CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %c128
// CHECK: } else {
// CHECK: ssm.semiseparable
func.func private @of_keys(%context: !llvm.ptr, %k: memref<?x?x4x128xbf16>, %g: memref<?x?x4x128xf32>, %y: memref<?x?x4x128xbf16>, %s: memref<?x4x128x128xf32>) attributes {ssm.kernel} {
  ssm.semiseparable ins(%k, %k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>)
    decay(%g : memref<?x?x4x128xf32>) outs(%y, %s : memref<?x?x4x128xbf16>, memref<?x4x128x128xf32>)
  return
}

// Vectors that erase, a few tokens, f32, 48 keys.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: gpu.launch
// CHECK-COUNT-4: ssm.delta_rule
func.func private @others(%context: !llvm.ptr, %k: memref<?x?x4x128xbf16>, %h: memref<?x?x4xf32>, %l: memref<?x8x4x128xbf16>, %lh: memref<?x8x4xf32>, %f: memref<?x?x4x128xf32>, %n: memref<?x?x4x48xbf16>, %s: memref<?x4x128x128xf32>, %sn: memref<?x4x48x128xf32>) attributes {ssm.kernel} {
  ssm.delta_rule ins(%k, %k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>) erase(%k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>) outs(%k, %s : memref<?x?x4x128xbf16>, memref<?x4x128x128xf32>)
  ssm.delta_rule ins(%l, %l, %l : memref<?x8x4x128xbf16>, memref<?x8x4x128xbf16>, memref<?x8x4x128xbf16>) beta(%lh : memref<?x8x4xf32>) outs(%l, %s : memref<?x8x4x128xbf16>, memref<?x4x128x128xf32>)
  ssm.delta_rule ins(%f, %f, %f : memref<?x?x4x128xf32>, memref<?x?x4x128xf32>, memref<?x?x4x128xf32>) beta(%h : memref<?x?x4xf32>) outs(%f, %s : memref<?x?x4x128xf32>, memref<?x4x128x128xf32>)
  ssm.delta_rule ins(%n, %n, %k : memref<?x?x4x48xbf16>, memref<?x?x4x48xbf16>, memref<?x?x4x128xbf16>) beta(%h : memref<?x?x4xf32>) outs(%k, %sn : memref<?x?x4x128xbf16>, memref<?x4x48x128xf32>)
  return
}

// One decay for a token, without and with resets; resets beside decays of each key.
// CHECK-LABEL: func.func private @of_tokens
// CHECK-NOT: gpu.launch
// CHECK-COUNT-3: ssm.semiseparable
func.func private @of_tokens(%context: !llvm.ptr, %k: memref<?x?x4x128xbf16>, %g: memref<?x?x4x128xf32>, %h: memref<?x?x4xf32>, %r: memref<?x?xi1>, %s: memref<?x4x128x128xf32>) attributes {ssm.kernel} {
  ssm.semiseparable ins(%k, %k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>) decay(%h : memref<?x?x4xf32>) outs(%k, %s : memref<?x?x4x128xbf16>, memref<?x4x128x128xf32>)
  ssm.semiseparable ins(%k, %k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>) decay(%h : memref<?x?x4xf32>) resets(%r : memref<?x?xi1>) outs(%k, %s : memref<?x?x4x128xbf16>, memref<?x4x128x128xf32>)
  ssm.semiseparable ins(%k, %k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>) decay(%g : memref<?x?x4x128xf32>) resets(%r : memref<?x?xi1>) outs(%k, %s : memref<?x?x4x128xbf16>, memref<?x4x128x128xf32>)
  return
}
