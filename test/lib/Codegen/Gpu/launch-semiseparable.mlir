// RUN: ssm-opt %s --ssm-launch-semiseparable --canonicalize --cse | FileCheck %s

// Four warps have 16 columns each; a lane has 16 keys. Keys, values, queries and
// decays have two tiles in turn. Where there are few heads, a first launch finds
// the states at the ends of segments, without queries.
// CHECK-LABEL: func.func private @token
// CHECK: scf.if
// CHECK: scf.if
// CHECK: memref.alloc({{.*}}) : memref<?x?x24x128x64xf32>
// CHECK: memref.alloc({{.*}}) : memref<?x?x24x1xf32>
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c128, {{.*}} workgroup(%{{[^:]*}} : memref<2x8x128xf32, #gpu.address_space<workgroup>>, %{{[^:]*}} : memref<2x8x64xf32, #gpu.address_space<workgroup>>, %{{[^:]*}} : memref<2x8x1xf32, #gpu.address_space<workgroup>>)
// CHECK: gpu.barrier
// CHECK: gpu.launch {{.*}} workgroup(%{{[^:]*}} : memref<2x8x128xf32, #gpu.address_space<workgroup>>, %{{[^:]*}} : memref<2x8x64xf32, #gpu.address_space<workgroup>>, %{{[^:]*}} : memref<2x8x128xf32, #gpu.address_space<workgroup>>, %{{[^:]*}} : memref<2x8x1xf32, #gpu.address_space<workgroup>>)
// CHECK: nvvm.shfl.sync bfly
// CHECK: } else {
// CHECK: gpu.launch
// CHECK-NOT: ssm.semiseparable
func.func private @token(%context: !llvm.ptr, %q: memref<?x?x1x128xf32>, %v: memref<?x?x24x64xf32>, %g: memref<?x?x24xf32>, %y: memref<?x?x24x64xf32>, %s: memref<?x24x128x64xf32>) attributes {ssm.kernel} {
  ssm.semiseparable ins(%q, %q, %v : memref<?x?x1x128xf32>, memref<?x?x1x128xf32>, memref<?x?x24x64xf32>)
    decay(%g : memref<?x?x24xf32>) outs(%y, %s : memref<?x?x24x64xf32>, memref<?x24x128x64xf32>)
  return
}

// One token: one launch without a loop. Whole vectors of the state come from
// memory.
// CHECK-LABEL: func.func private @step
// CHECK-NOT: scf.if
// CHECK: gpu.launch
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK-NOT: scf.for
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
// CHECK-NOT: gpu.launch
func.func private @step(%context: !llvm.ptr, %k: memref<?x1x4x64xbf16>, %g: memref<?x1x4x64xf32>, %y: memref<?x1x4x64xbf16>, %s: memref<?x4x64x64xf32>) attributes {ssm.kernel} {
  ssm.semiseparable ins(%k, %k, %k : memref<?x1x4x64xbf16>, memref<?x1x4x64xbf16>, memref<?x1x4x64xbf16>)
    decay(%g : memref<?x1x4x64xf32>) outs(%y, %s : memref<?x1x4x64xbf16>, memref<?x4x64x64xf32>)
  return
}

// States of f64, and of more keys than registers hold.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: gpu.launch
// CHECK-COUNT-2: ssm.semiseparable
func.func private @others(%context: !llvm.ptr, %x: memref<?x?x4x64xf32>, %d: memref<?x4x64x64xf64>, %k: memref<?x?x4x1028xf32>, %s: memref<?x4x1028x64xf32>) attributes {ssm.kernel} {
  ssm.semiseparable ins(%x, %x, %x : memref<?x?x4x64xf32>, memref<?x?x4x64xf32>, memref<?x?x4x64xf32>) outs(%x, %d : memref<?x?x4x64xf32>, memref<?x4x64x64xf64>)
  ssm.semiseparable ins(%k, %k, %x : memref<?x?x4x1028xf32>, memref<?x?x4x1028xf32>, memref<?x?x4x64xf32>) outs(%x, %s : memref<?x?x4x64xf32>, memref<?x4x1028x64xf32>)
  return
}
