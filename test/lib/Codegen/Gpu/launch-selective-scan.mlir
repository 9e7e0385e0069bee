// RUN: ssm-opt %s --ssm-launch-selective-scan --canonicalize --cse | FileCheck %s

// The ring is of u and delta; B and C have two buffers in turn.
// CHECK-LABEL: func.func private @streams
// CHECK: scf.if
// CHECK: scf.if
// CHECK: memref.alloc({{.*}}) : memref<?x17x?x64xf32>
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c128, {{.*}} workgroup(%{{.*}} : memref<16384xi8, #gpu.address_space<workgroup>>, %{{.*}} : memref<2x32x2x16xf32, #gpu.address_space<workgroup>>)
// CHECK: nvvm.cp.async.shared.global
// CHECK: gpu.barrier
// CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"
// CHECK: gpu.launch
// CHECK: } else {
// CHECK: gpu.launch
// CHECK: } else {
// CHECK: scf.parallel
func.func private @streams(%context: !llvm.ptr, %u: memref<?x?x64xbf16>, %A: memref<64x16xf32>, %B: memref<?x?x16xbf16>, %y: memref<?x?x64xbf16>, %state: memref<?x64x16xf32>) attributes {ssm.kernel} {
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<?x?x64xbf16>, memref<?x?x64xbf16>, memref<64x16xf32>, memref<?x?x16xbf16>, memref<?x?x16xbf16>) outs(%y, %state : memref<?x?x64xbf16>, memref<?x64x16xf32>)
  return
}

// CHECK-LABEL: func.func private @resets
// CHECK-NOT: gpu.launch
// CHECK: scf.parallel
// CHECK: memref.alloca() : memref<16xf32>
func.func private @resets(%context: !llvm.ptr, %u: memref<?x?x64xf32>, %A: memref<64x16xf32>, %B: memref<?x?x16xf32>, %r: memref<?x?xi1>, %y: memref<?x?x64xf32>, %state: memref<?x64x16xf32>) attributes {ssm.kernel} {
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<?x?x64xf32>, memref<?x?x64xf32>, memref<64x16xf32>, memref<?x?x16xf32>, memref<?x?x16xf32>) resets(%r : memref<?x?xi1>) outs(%y, %state : memref<?x?x64xf32>, memref<?x64x16xf32>)
  return
}
