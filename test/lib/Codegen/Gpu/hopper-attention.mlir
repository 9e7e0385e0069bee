// RUN: ssm-opt %s --ssm-hopper-attention | FileCheck %s

// Maps of q, k, v and y on the stack, one block for 128 queries of a head, the
// kernel in a module of its own with tensor maps by value.
// CHECK-LABEL: func.func private @causal
// CHECK-SAME: (%[[context:[^:]*]]: !llvm.ptr
// CHECK-COUNT-4: call @ssmrt_tensor_map(%[[context]]
// CHECK: arith.constant 163912 : i32
// CHECK: gpu.launch_func @ssm_attention::@ssm_attention blocks in (%{{.*}}, %c1{{.*}}) threads in (%c384{{.*}}) {{ *}}dynamic_shared_memory_size %{{.*}} args(%{{.*}} : !llvm.ptr
// CHECK-NOT: ssm.attention
func.func private @causal(%context: !llvm.ptr, %q: memref<?x?x8x128xbf16>, %k: memref<?x?x2x128xbf16>, %v: memref<?x?x2x128xbf16>, %y: memref<?x?x8x128xbf16>, %lse: memref<?x?x8xf32>) attributes {ssm.kernel} {
  ssm.attention right(0) ins(%q, %k, %v : memref<?x?x8x128xbf16>, memref<?x?x2x128xbf16>, memref<?x?x2x128xbf16>)
    outs(%y, %lse : memref<?x?x8x128xbf16>, memref<?x?x8xf32>)
  return
}

// A view may lie badly: the op stays for that.
// CHECK-LABEL: func.func private @view
// CHECK: %[[aligned:.*]] = arith.cmpi eq
// CHECK: scf.if %[[aligned]]
// CHECK: gpu.launch_func
// CHECK: } else {
// CHECK-NEXT: ssm.attention
func.func private @view(%context: !llvm.ptr, %q: memref<?x?x4x64xf16, strided<[?, 768, 64, 1]>>, %k: memref<?x?x4x64xf16>, %v: memref<?x?x4x64xf16>, %y: memref<?x?x4x64xf16>, %lse: memref<?x?x4xf32>) attributes {ssm.kernel} {
  ssm.attention ins(%q, %k, %v : memref<?x?x4x64xf16, strided<[?, 768, 64, 1]>>, memref<?x?x4x64xf16>, memref<?x?x4x64xf16>)
    outs(%y, %lse : memref<?x?x4x64xf16>, memref<?x?x4xf32>)
  return
}

// Rows that are no multiple of 16 bytes, other types, one query, segments.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: gpu.launch_func
// CHECK-COUNT-4: ssm.attention
func.func private @others(%context: !llvm.ptr, %q: memref<?x?x4x20xbf16>, %y: memref<?x?x4x20xbf16>, %lse: memref<?x?x4xf32>, %q32: memref<?x?x4x64xf32>, %q1: memref<?x1x4x64xbf16>, %k1: memref<?x?x4x64xbf16>, %lse1: memref<?x1x4xf32>, %s: memref<?x?xi32>) attributes {ssm.kernel} {
  ssm.attention ins(%q, %q, %q : memref<?x?x4x20xbf16>, memref<?x?x4x20xbf16>, memref<?x?x4x20xbf16>) outs(%y, %lse : memref<?x?x4x20xbf16>, memref<?x?x4xf32>)
  ssm.attention ins(%q32, %q32, %q32 : memref<?x?x4x64xf32>, memref<?x?x4x64xf32>, memref<?x?x4x64xf32>) outs(%q32, %lse : memref<?x?x4x64xf32>, memref<?x?x4xf32>)
  ssm.attention ins(%q1, %k1, %k1 : memref<?x1x4x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>) outs(%q1, %lse1 : memref<?x1x4x64xbf16>, memref<?x1x4xf32>)
  ssm.attention ins(%k1, %k1, %k1 : memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>) segments(%s, %s : memref<?x?xi32>, memref<?x?xi32>) outs(%k1, %lse : memref<?x?x4x64xbf16>, memref<?x?x4xf32>)
  return
}

// Two products for a tile: scores by descriptors, then values by registers,
// which are counted down by waits.
// CHECK-LABEL: gpu.module @ssm_attention {
// CHECK: llvm.mlir.global external @ssm_shared_memory() {addr_space = 3 : i32, alignment = 1024 : i64}
// CHECK: llvm.func @ssm_attention(%{{.*}}: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}
// CHECK-SAME: gpu.kernel
// CHECK-SAME: nvvm.reqntid = array<i32: 384, 1, 1>
// CHECK: nvvm.setmaxregister decrease 24
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK: nvvm.setmaxregister increase 240
// CHECK: scf.for
// CHECK: nvvm.mbarrier.try_wait.parity
// CHECK: llvm.inline_asm {{.*}}wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {{.*}}, da, db, clear
// CHECK: llvm.inline_asm {{.*}}wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {{.*}}, db, keep, 1, 1, 1;
// CHECK: wgmma.wait_group.sync.aligned 1;
// CHECK: llvm.nvvm.ex2.approx.ftz.f32
// CHECK: wgmma.wait_group.sync.aligned 0;
// CHECK: nvvm.stmatrix
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
