// RUN: ssm-opt %s --ssm-hopper-quasiseparable | FileCheck %s

// A launch for each direction, the second in reverse and added to the first.
// CHECK-LABEL: func.func private @hydra
// CHECK: gpu.launch_func @ssm_semiseparable::@ssm_semiseparable blocks
// CHECK: gpu.launch_func @[[second:ssm_semiseparable_[0-9]+]]::@ssm_semiseparable blocks
// CHECK-NOT: ssm.quasiseparable
func.func private @hydra(%context: !llvm.ptr, %q: memref<?x?x1x128xbf16>, %k: memref<?x?x1x128xbf16>, %v: memref<?x?x24x64xbf16>, %d: memref<?x?x24xbf16>, %g: memref<?x?x24xf32>, %y: memref<?x?x24x64xbf16>) attributes {ssm.kernel} {
  ssm.quasiseparable ins(%q, %k, %q, %k, %v : memref<?x?x1x128xbf16>, memref<?x?x1x128xbf16>, memref<?x?x1x128xbf16>, memref<?x?x1x128xbf16>, memref<?x?x24x64xbf16>)
    diagonal(%d : memref<?x?x24xbf16>) decay(%g, %g : memref<?x?x24xf32>, memref<?x?x24xf32>) outs(%y : memref<?x?x24x64xbf16>)
  return
}

// Sequences of a packed batch.
// CHECK-LABEL: func.func private @packed
// CHECK-NOT: gpu.launch_func
// CHECK: ssm.quasiseparable
func.func private @packed(%context: !llvm.ptr, %k: memref<?x?x4x64xbf16>, %r: memref<?x?xi1>) attributes {ssm.kernel} {
  ssm.quasiseparable ins(%k, %k, %k, %k, %k : memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>)
    resets(%r : memref<?x?xi1>) outs(%k : memref<?x?x4x64xbf16>)
  return
}

// CHECK-LABEL: gpu.module @ssm_semiseparable {
// CHECK-NOT: cp.async.bulk.tensor.reduce
// CHECK: gpu.module @[[second]] {
// CHECK: nvvm.cp.async.bulk.tensor.reduce
