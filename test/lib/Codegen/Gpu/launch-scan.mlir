// RUN: ssm-opt %s --ssm-launch-scan --canonicalize --cse | FileCheck %s

// Time in segments by two launches, or one, or a row to a thread where what is
// found in memory is not aligned, or there is no time.
// CHECK-LABEL: func.func private @channels
// CHECK: %[[bits:.*]] = arith.remui %{{.*}}, %c16 : index
// CHECK: %[[aligned:.*]] = arith.cmpi eq, %[[bits]], %c0 : index
// CHECK: %[[some:.*]] = arith.cmpi {{.*}}, %{{.*}} : index
// CHECK: %[[fits:.*]] = arith.andi %[[aligned]], %[[some]] : i1
// CHECK: scf.if %[[fits]] {
// CHECK: scf.if
// CHECK: memref.alloc({{.*}}) : memref<?x2x?x64xf32>
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c64, {{.*}} workgroup(%{{.*}} : memref<24576xi8, #gpu.address_space<workgroup>>)
// CHECK: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg
// CHECK: nvvm.cp.async.wait.group 4
// CHECK: nvvm.bar.warp.sync
// CHECK: llvm.load %{{.*}} : !llvm.ptr<3> -> vector<2xbf16>
// CHECK: gpu.launch
// CHECK: llvm.store %{{.*}}, %{{.*}} : vector<2xbf16>, !llvm.ptr<1>
// CHECK: } else {
// CHECK: gpu.launch
// CHECK: } else {
// CHECK-NOT: gpu.launch
// CHECK: scf.parallel
func.func private @channels(%context: !llvm.ptr, %a: memref<?x?x64xbf16>, %b: memref<?x?x64xbf16>, %h: memref<?x?x64xbf16>, %state: memref<?x64xf32>) attributes {ssm.kernel} {
  ssm.scan dimension(1) ins(%a, %b : memref<?x?x64xbf16>, memref<?x?x64xbf16>) outs(%h, %state : memref<?x?x64xbf16>, memref<?x64xf32>)
  return
}

// CHECK-LABEL: func.func private @rows
// CHECK-NOT: gpu.launch
// CHECK: scf.parallel
// CHECK-NEXT: memref.load
// CHECK-NEXT: scf.for
func.func private @rows(%context: !llvm.ptr, %a: memref<?x64x?xf32>, %h: memref<?x64x?xf32>, %state: memref<?x64xf32>) attributes {ssm.kernel} {
  ssm.scan dimension(2) ins(%a, %a : memref<?x64x?xf32>, memref<?x64x?xf32>) outs(%h, %state : memref<?x64x?xf32>, memref<?x64xf32>)
  return
}

// CHECK-LABEL: func.func private @doubles
// CHECK: ssm.scan
func.func private @doubles(%context: !llvm.ptr, %a: memref<?x?x64xf64>, %h: memref<?x?x64xf64>, %state: memref<?x64xf64>) attributes {ssm.kernel} {
  ssm.scan dimension(1) ins(%a, %a : memref<?x?x64xf64>, memref<?x?x64xf64>) outs(%h, %state : memref<?x?x64xf64>, memref<?x64xf64>)
  return
}
