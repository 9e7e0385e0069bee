// RUN: ssm-opt %s --ssm-launch-attention --canonicalize --cse | FileCheck %s

// Sixteen lanes have eight columns each of a key, so that a warp has two keys side
// by side and looks at eight at once, for two heads. Where the keys are cut, a
// second launch puts the segments together.
// CHECK-LABEL: func.func private @step
// CHECK: scf.if
// CHECK:   memref.alloc(%{{.*}}, %{{.*}}) : memref<?x?x2x130xf32>
// CHECK:   gpu.launch {{.*}} threads({{.*}} = %c128
// CHECK:     scf.for %{{.*}} step %c32 iter_args(
// CHECK-COUNT-4: llvm.load %{{.*}} : !llvm.ptr<1> -> vector<8xbf16>
// CHECK: nvvm.shfl.sync {{ *}}bfly %{{.*}}, %{{.*}}, %c16_i32
// CHECK:     gpu.barrier
// CHECK:   gpu.launch
// CHECK:     memref.store %{{.*}} : memref<?x1x4x128xbf16>
// CHECK: } else {
// CHECK:   gpu.launch
// CHECK:     memref.store %{{.*}} : memref<?x1x4x128xbf16>
func.func private @step(%context: !llvm.ptr, %q: memref<?x1x4x128xbf16>, %k: memref<?x?x2x128xbf16>, %y: memref<?x1x4x128xbf16>, %lse: memref<?x1x4xf32>) attributes {ssm.kernel} {
  ssm.attention right(0) ins(%q, %k, %k : memref<?x1x4x128xbf16>, memref<?x?x2x128xbf16>, memref<?x?x2x128xbf16>) outs(%y, %lse : memref<?x1x4x128xbf16>, memref<?x1x4xf32>)
  return
}

// A window is not cut into more segments than it has keys for.
// CHECK-LABEL: func.func private @window
// CHECK-DAG: %[[WINDOW:.*]] = arith.constant 100 : index
// CHECK: arith.minsi %{{.*}}, %[[WINDOW]]
// CHECK: gpu.launch
func.func private @window(%context: !llvm.ptr, %q: memref<?x3x4x128xf32>, %k: memref<?x?x2x128xf32>, %lse: memref<?x3x4xf32>) attributes {ssm.kernel} {
  ssm.attention left(99) right(0) ins(%q, %k, %k : memref<?x3x4x128xf32>, memref<?x?x2x128xf32>, memref<?x?x2x128xf32>) outs(%q, %lse : memref<?x3x4x128xf32>, memref<?x3x4xf32>)
  return
}

// Rows whose places no type tells are read an element to a lane.
// CHECK-LABEL: func.func private @strided
// CHECK-NOT: vector<
// CHECK: memref.load %{{.*}} : memref<?x?x2x128xbf16, strided<[?, ?, 128, 1], offset: ?>>
func.func private @strided(%context: !llvm.ptr, %q: memref<?x1x2x128xbf16>, %k: memref<?x?x2x128xbf16, strided<[?, ?, 128, 1], offset: ?>>, %lse: memref<?x1x2xf32>) attributes {ssm.kernel} {
  ssm.attention ins(%q, %k, %k : memref<?x1x2x128xbf16>, memref<?x?x2x128xbf16, strided<[?, ?, 128, 1], offset: ?>>, memref<?x?x2x128xbf16, strided<[?, ?, 128, 1], offset: ?>>) outs(%q, %lse : memref<?x1x2x128xbf16>, memref<?x1x2xf32>)
  return
}

// CHECK-LABEL: func.func private @more
// CHECK: ssm.attention
func.func private @more(%context: !llvm.ptr, %q: memref<?x17x2x64xf32>, %lse: memref<?x17x2xf32>) attributes {ssm.kernel} {
  ssm.attention ins(%q, %q, %q : memref<?x17x2x64xf32>, memref<?x17x2x64xf32>, memref<?x17x2x64xf32>) outs(%q, %lse : memref<?x17x2x64xf32>, memref<?x17x2xf32>)
  return
}

// CHECK-LABEL: func.func private @double
// CHECK: ssm.attention
func.func private @double(%context: !llvm.ptr, %q: memref<?x1x2x64xf64>, %lse: memref<?x1x2xf64>) attributes {ssm.kernel} {
  ssm.attention ins(%q, %q, %q : memref<?x1x2x64xf64>, memref<?x1x2x64xf64>, memref<?x1x2x64xf64>) outs(%q, %lse : memref<?x1x2x64xf64>, memref<?x1x2xf64>)
  return
}
