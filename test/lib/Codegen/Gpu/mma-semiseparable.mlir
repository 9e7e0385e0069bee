// RUN: ssm-opt %s --ssm-mma-semiseparable --canonicalize --cse | FileCheck %s

// A block has a head of 128 columns, a warp 16 of them: products of queries with
// the state, of values with M, and of values with keys.
// CHECK-LABEL: func.func private @gated
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c256, {{.*}} workgroup(%{{[^:]*}} : memref<37888xi8, #gpu.address_space<workgroup>>)
// CHECK: scf.for
// CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"
// CHECK: gpu.barrier
// CHECK: nvvm.shfl.sync bfly
// CHECK: gpu.barrier
// CHECK: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<row>
// CHECK: nvvm.mma.sync
// CHECK: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<col>
// CHECK: gpu.barrier
// CHECK-NOT: ssm.semiseparable
func.func private @gated(%context: !llvm.ptr, %k: memref<?x?x4x128xbf16>, %g: memref<?x?x4x128xf32>, %y: memref<?x?x4x128xbf16>, %s: memref<?x4x128x128xf32>) attributes {ssm.kernel} {
  ssm.semiseparable ins(%k, %k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>)
    decay(%g : memref<?x?x4x128xf32>) outs(%y, %s : memref<?x?x4x128xbf16>, memref<?x4x128x128xf32>)
  return
}

// Decays of the token, resets, a few tokens, f32.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: gpu.launch
// CHECK-COUNT-4: ssm.semiseparable
func.func private @others(%context: !llvm.ptr, %k: memref<?x?x4x128xbf16>, %g: memref<?x?x4x128xf32>, %h: memref<?x?x4xf32>, %r: memref<?x?xi1>, %f: memref<?x8x4x128xbf16>, %fg: memref<?x8x4x128xf32>, %y: memref<?x?x4x128xbf16>, %s: memref<?x4x128x128xf32>) attributes {ssm.kernel} {
  ssm.semiseparable ins(%k, %k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>) decay(%h : memref<?x?x4xf32>) outs(%y, %s : memref<?x?x4x128xbf16>, memref<?x4x128x128xf32>)
  ssm.semiseparable ins(%k, %k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>) decay(%g : memref<?x?x4x128xf32>) resets(%r : memref<?x?xi1>) outs(%y, %s : memref<?x?x4x128xbf16>, memref<?x4x128x128xf32>)
  ssm.semiseparable ins(%f, %f, %f : memref<?x8x4x128xbf16>, memref<?x8x4x128xbf16>, memref<?x8x4x128xbf16>) decay(%fg : memref<?x8x4x128xf32>) outs(%f, %s : memref<?x8x4x128xbf16>, memref<?x4x128x128xf32>)
  ssm.semiseparable ins(%g, %g, %g : memref<?x?x4x128xf32>, memref<?x?x4x128xf32>, memref<?x?x4x128xf32>) decay(%g : memref<?x?x4x128xf32>) outs(%g, %s : memref<?x?x4x128xf32>, memref<?x4x128x128xf32>)
  return
}
