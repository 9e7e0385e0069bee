// RUN: ssm-opt %s --ssm-launch-mma --canonicalize --cse | FileCheck %s

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>

// A ring of three stages; what lies along k is loaded as it is, what lies along
// columns transposed.
// CHECK-LABEL: func.func private @rows
// CHECK: scf.if
// CHECK: scf.if
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c128, {{.*}} workgroup(%{{.*}} : memref<12288xi8, #gpu.address_space<workgroup>>, %{{.*}} : memref<12288xi8, #gpu.address_space<workgroup>>)
// CHECK: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache = cg, %{{.*}} : !llvm.ptr<3>, !llvm.ptr<1>, i32
// CHECK: nvvm.cp.async.commit.group
// CHECK: scf.for
// CHECK: nvvm.cp.async.wait.group 1
// CHECK-NEXT: gpu.barrier
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// CHECK: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<col>
// CHECK: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<row>
// CHECK: nvvm.mma.sync {{.*}}bf16
// CHECK: scf.yield
// CHECK: llvm.store %{{.*}} {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
// CHECK: } else {
// CHECK: gpu.launch {{.*}} threads({{.*}} = %c256,
// CHECK: } else {
// CHECK: linalg.generic
func.func private @rows(%context: !llvm.ptr, %x: memref<?x768xbf16>, %w: memref<768x1536xbf16>, %y: memref<?x1536xf32>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<?x768xbf16>, memref<768x1536xbf16>) outs(%y : memref<?x1536xf32>) {
  ^bb0(%p: bf16, %q: bf16, %sum: f32):
    %a = arith.extf %p : bf16 to f32
    %b = arith.extf %q : bf16 to f32
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}

// f32, different types and what is not aligned are left alone.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: gpu.launch
// CHECK: return
func.func private @others(%context: !llvm.ptr, %x: memref<64x32xf32>, %w: memref<32x32xf32>, %y: memref<64x32xf32>, %a: memref<64x32xbf16>, %b: memref<32x32xf16>, %c: memref<64x30xbf16>, %d: memref<30x36xbf16>, %e: memref<64x36xf32>) attributes {ssm.kernel} {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<64x32xf32>, memref<32x32xf32>) outs(%y : memref<64x32xf32>) {
  ^bb0(%p: f32, %q: f32, %sum: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<64x32xbf16>, memref<32x32xf16>) outs(%y : memref<64x32xf32>) {
  ^bb0(%p: bf16, %q: f16, %sum: f32):
    %f = arith.extf %p : bf16 to f32
    %g = arith.extf %q : f16 to f32
    %m = arith.mulf %f, %g : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]} ins(%c, %d : memref<64x30xbf16>, memref<30x36xbf16>) outs(%e : memref<64x36xf32>) {
  ^bb0(%p: bf16, %q: bf16, %sum: f32):
    %f = arith.extf %p : bf16 to f32
    %g = arith.extf %q : bf16 to f32
    %m = arith.mulf %f, %g : f32
    %s = arith.addf %sum, %m : f32
    linalg.yield %s : f32
  }
  return
}
