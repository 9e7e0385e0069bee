// What the module says is chosen: three segments, blocks with two warps of columns,
// and a product of few rows in small tiles.
// RUN: ssm-opt %s --ssm-launch-scan --ssm-mma-matrix-state --ssm-launch-few-rows --ssm-launch-tiles --canonicalize --cse | FileCheck %s
// RUN: sed 's/ssm.choices = {.*, tile/ssm.choices = {tile/; s/tile = 64/tile = 128/' %s | ssm-opt --ssm-launch-scan --ssm-mma-matrix-state --ssm-launch-few-rows --ssm-launch-tiles --canonicalize --cse | FileCheck %s --check-prefix=OTHER

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>
module attributes {ssm.choices = {chunks = 1 : i64, few_rows = 0 : i64, segments = 3 : i64, warps = 2 : i64, tile = 64 : i64}} {

// CHECK-LABEL: func.func private @segments
// CHECK: arith.minsi %{{.*}}, %c3 : index
// OTHER-LABEL: func.func private @segments
// OTHER-NOT: %c3 : index
// OTHER: gpu.launch
func.func private @segments(%context: !llvm.ptr, %a: memref<?x?x64xbf16>, %b: memref<?x?x64xbf16>, %h: memref<?x?x64xbf16>, %state: memref<?x64xf32>) attributes {ssm.kernel} {
  ssm.scan dimension(1) ins(%a, %b : memref<?x?x64xbf16>, memref<?x?x64xbf16>) outs(%h, %state : memref<?x?x64xbf16>, memref<?x64xf32>)
  return
}

// CHECK-LABEL: func.func private @warps
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c128,
// OTHER-LABEL: func.func private @warps
// OTHER: gpu.launch {{.*}} threads({{.*}} = %c192,
func.func private @warps(%context: !llvm.ptr, %k: memref<?x?x4x128xbf16>, %g: memref<?x?x4xf32>, %y: memref<?x?x4x128xbf16>, %s: memref<?x4x128x128xf32>) attributes {ssm.kernel} {
  ssm.delta_rule ins(%k, %k, %k : memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>, memref<?x?x4x128xbf16>) beta(%g : memref<?x?x4xf32>) outs(%y, %s : memref<?x?x4x128xbf16>, memref<?x4x128x128xf32>)
  return
}

// CHECK-LABEL: func.func private @tile
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c64
// CHECK-NOT: gpu.launch
// OTHER-LABEL: func.func private @tile
// OTHER: gpu.launch {{.*}} threads({{.*}} = %c256
func.func private @tile(%context: !llvm.ptr, %x: memref<5x768xf32>, %w: memref<768x1536xf32>, %y: memref<5x1536xf32>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<5x768xf32>, memref<768x1536xf32>) outs(%y : memref<5x1536xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}
}
