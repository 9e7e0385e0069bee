// RUN: ssm-opt %s --ssm-launch-short-conv --canonicalize --cse | FileCheck %s

// Who reads the state writes it, when his warp has read.
// CHECK-LABEL: func.func private @streams
// CHECK: scf.if
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c64, {{.*}} workgroup(%{{.*}} : memref<24576xi8, #gpu.address_space<workgroup>>)
// CHECK: memref.load %{{.*}} : memref<?x3x64xbf16>
// CHECK: nvvm.bar.warp.sync
// CHECK: memref.store %{{.*}}, %{{.*}} : memref<?x3x64xbf16>
// CHECK: llvm.load %{{.*}} : !llvm.ptr<3> -> vector<4xbf16>
// CHECK: llvm.store %{{.*}}, %{{.*}} : vector<4xbf16>, !llvm.ptr<1>
// CHECK: gpu.terminator
// CHECK: } else {
// CHECK: scf.parallel
func.func private @streams(%context: !llvm.ptr, %x: memref<?x?x64xbf16>, %w: memref<64x4xf32>, %y: memref<?x?x64xbf16>, %state: memref<?x3x64xbf16>) attributes {ssm.kernel} {
  ssm.short_conv activation(silu) ins(%x, %w : memref<?x?x64xbf16>, memref<64x4xf32>) outs(%y, %state : memref<?x?x64xbf16>, memref<?x3x64xbf16>)
  return
}

// CHECK-LABEL: func.func private @long
// CHECK: ssm.short_conv
func.func private @long(%context: !llvm.ptr, %x: memref<?x?x64xf32>, %w: memref<64x64xf32>, %y: memref<?x?x64xf32>, %state: memref<?x63x64xf32>) attributes {ssm.kernel} {
  ssm.short_conv ins(%x, %w : memref<?x?x64xf32>, memref<64x64xf32>) outs(%y, %state : memref<?x?x64xf32>, memref<?x63x64xf32>)
  return
}
