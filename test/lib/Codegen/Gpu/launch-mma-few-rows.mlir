// RUN: ssm-opt %s --ssm-launch-mma-few-rows --canonicalize --cse | FileCheck %s

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#t = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// Kernels for 16, 32 and 64 rows; one row and more than 64 are left, and memory
// that is aligned otherwise. Columns side by side become words of two terms.
// CHECK-LABEL: func.func private @columns
// CHECK: scf.if
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c256, {{.*}} workgroup(%{{.*}} : memref<4096xf32, #gpu.address_space<workgroup>>)
// CHECK: llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xi32>
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"
// CHECK: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK: gpu.barrier
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr<1>
// CHECK: gpu.launch
// CHECK: gpu.launch
// CHECK: } else {
// CHECK: linalg.fill
// CHECK: linalg.generic
func.func private @columns(%context: !llvm.ptr, %x: memref<?x768xbf16>, %w: memref<768x3072xbf16>, %y: memref<?x3072xf32>) attributes {ssm.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<?x3072xf32>)
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<?x768xbf16>, memref<768x3072xbf16>) outs(%y : memref<?x3072xf32>) {
  ^bb0(%p: bf16, %q: bf16, %sum: f32):
    %pw = arith.extf %p : bf16 to f32
    %qw = arith.extf %q : bf16 to f32
    %m = arith.mulf %pw, %qw : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}

// The elements of a column side by side, in a number of rows that is known: one
// kernel, whose words are as they lie.
// CHECK-LABEL: func.func private @transposed
// CHECK: gpu.launch
// CHECK-NOT: prmt
// CHECK: nvvm.mma.sync
// CHECK-NOT: prmt
// CHECK: llvm.load %{{.*}} : !llvm.ptr<1> -> f32
// CHECK-NOT: gpu.launch
// CHECK: } else {
func.func private @transposed(%context: !llvm.ptr, %x: memref<4x64xf16>, %w: memref<96x64xf16>, %y: memref<4x96xf32>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #t, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<4x64xf16>, memref<96x64xf16>) outs(%y : memref<4x96xf32>) {
  ^bb0(%p: f16, %q: f16, %sum: f32):
    %pw = arith.extf %p : f16 to f32
    %qw = arith.extf %q : f16 to f32
    %m = arith.mulf %pw, %qw : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}

// One row, rows that are no vectors, and f32 are left alone.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: gpu.launch
// CHECK: return
func.func private @others(%context: !llvm.ptr, %x: memref<1x64xf16>, %w: memref<96x64xf16>, %y: memref<1x96xf32>, %a: memref<4x30xf16>, %b: memref<30x96xf16>, %c: memref<4x96xf32>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #t, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<1x64xf16>, memref<96x64xf16>) outs(%y : memref<1x96xf32>) {
  ^bb0(%p: f16, %q: f16, %sum: f32):
    %pw = arith.extf %p : f16 to f32
    %qw = arith.extf %q : f16 to f32
    %m = arith.mulf %pw, %qw : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<4x30xf16>, memref<30x96xf16>) outs(%c : memref<4x96xf32>) {
  ^bb0(%p: f16, %q: f16, %sum: f32):
    %pw = arith.extf %p : f16 to f32
    %qw = arith.extf %q : f16 to f32
    %m = arith.mulf %pw, %qw : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}
