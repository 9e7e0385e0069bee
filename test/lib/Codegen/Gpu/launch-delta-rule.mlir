// RUN: ssm-opt %s --ssm-launch-delta-rule --canonicalize --cse | FileCheck %s

// Eight warps have 16 columns each, and tiles have four steps. What the state
// holds for a key is summed over the lanes of a column, and shared among them.
// CHECK-LABEL: func.func private @gated
// CHECK: scf.if
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c256, {{.*}} memref<2x4x128xf32, #gpu.address_space<workgroup>>
// CHECK: scf.for
// CHECK: nvvm.shfl.sync bfly
// CHECK-NOT: gpu.launch
// CHECK-NOT: ssm.delta_rule
func.func private @gated(%context: !llvm.ptr, %q: memref<?x?x4x128xf32>, %v: memref<?x?x4x128xf32>, %b: memref<?x?x4xf32>, %y: memref<?x?x4x128xf32>, %s: memref<?x4x128x128xf32>) attributes {ssm.kernel} {
  ssm.delta_rule ins(%q, %q, %v : memref<?x?x4x128xf32>, memref<?x?x4x128xf32>, memref<?x?x4x128xf32>)
    beta(%b : memref<?x?x4xf32>) decay(%b : memref<?x?x4xf32>) outs(%y, %s : memref<?x?x4x128xf32>, memref<?x4x128x128xf32>)
  return
}

// One token: no loop.
// CHECK-LABEL: func.func private @step
// CHECK: gpu.launch
// CHECK-NOT: scf.for
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
// CHECK-NOT: gpu.launch
func.func private @step(%context: !llvm.ptr, %k: memref<?x1x2x64xbf16>, %y: memref<?x1x2x64xbf16>, %s: memref<?x2x64x64xf32>) attributes {ssm.kernel} {
  ssm.delta_rule ins(%k, %k, %k : memref<?x1x2x64xbf16>, memref<?x1x2x64xbf16>, memref<?x1x2x64xbf16>)
    erase(%k, %k : memref<?x1x2x64xbf16>, memref<?x1x2x64xbf16>) outs(%y, %s : memref<?x1x2x64xbf16>, memref<?x2x64x64xf32>)
  return
}

// A state of f64, and one whose extents only a run knows.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: gpu.launch
// CHECK: ssm.delta_rule
// CHECK: ssm.delta_rule
func.func private @others(%context: !llvm.ptr, %k: memref<?x?x2x64xf64>, %b: memref<?x?x2xf64>, %s: memref<?x2x64x64xf64>, %l: memref<?x?x2x?xf32>, %c: memref<?x?x2xf32>, %t: memref<?x2x?x?xf32>) attributes {ssm.kernel} {
  ssm.delta_rule ins(%k, %k, %k : memref<?x?x2x64xf64>, memref<?x?x2x64xf64>, memref<?x?x2x64xf64>)
    beta(%b : memref<?x?x2xf64>) outs(%k, %s : memref<?x?x2x64xf64>, memref<?x2x64x64xf64>)
  ssm.delta_rule ins(%l, %l, %l : memref<?x?x2x?xf32>, memref<?x?x2x?xf32>, memref<?x?x2x?xf32>)
    beta(%c : memref<?x?x2xf32>) outs(%l, %t : memref<?x?x2x?xf32>, memref<?x2x?x?xf32>)
  return
}
