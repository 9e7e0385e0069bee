// RUN: ssm-opt %s --ssm-hopper-semiseparable | FileCheck %s

// Two heads to a block, which share tiles of q and k. Where these blocks are few,
// time is cut, and a kernel finds the states at the ends of segments.
// CHECK-LABEL: func.func private @shared
// CHECK-SAME: (%[[context:[^:]*]]: !llvm.ptr
// CHECK-COUNT-4: call @ssmrt_tensor_map(%[[context]]
// CHECK: %[[many:.*]] = arith.cmpi ult, %c1{{.*}}, %[[segments:.*]] : index
// CHECK: scf.if %[[many]] {
// CHECK: memref.alloc
// CHECK: %[[butLast:.*]] = arith.subi %[[segments]], %c1
// CHECK: arith.muli %[[butLast]]
// CHECK: gpu.launch_func @ssm_semiseparable_ends::@ssm_semiseparable_ends blocks in (%{{.*}}) threads in (%c512{{.*}}) {{ *}}dynamic_shared_memory_size %c166{{[0-9]*}}_i32
// CHECK: arith.muli %[[segments]]
// CHECK: gpu.launch_func @ssm_semiseparable::@ssm_semiseparable blocks in (%{{.*}}) threads in (%c512{{.*}}) {{ *}}dynamic_shared_memory_size %c231{{[0-9]*}}_i32
// CHECK: } else {
// CHECK: gpu.launch_func @ssm_semiseparable::@ssm_semiseparable
// CHECK-NOT: ssm.semiseparable
func.func private @shared(%context: !llvm.ptr, %q: memref<?x?x1x128xbf16>, %k: memref<?x?x1x128xbf16>, %v: memref<?x?x24x64xbf16>, %g: memref<?x?x24xf32>, %y: memref<?x?x24x64xbf16>, %s: memref<?x24x128x64xf32>) attributes {ssm.kernel} {
  ssm.semiseparable ins(%q, %k, %v : memref<?x?x1x128xbf16>, memref<?x?x1x128xbf16>, memref<?x?x24x64xbf16>)
    decay(%g : memref<?x?x24xf32>) outs(%y, %s : memref<?x?x24x64xbf16>, memref<?x24x128x64xf32>)
  return
}

// Decays of each key, f32, more heads of q than states.
// CHECK-LABEL: func.func private @others
// CHECK-NOT: gpu.launch_func
// CHECK-COUNT-3: ssm.semiseparable
func.func private @others(%context: !llvm.ptr, %k: memref<?x?x4x64xbf16>, %q: memref<?x?x8x64xbf16>, %y: memref<?x?x8x64xbf16>, %g: memref<?x?x4x64xf32>, %x: memref<?x?x4x64xf32>, %s: memref<?x4x64x64xf32>) attributes {ssm.kernel} {
  ssm.semiseparable ins(%k, %k, %k : memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>) decay(%g : memref<?x?x4x64xf32>) outs(%k, %s : memref<?x?x4x64xbf16>, memref<?x4x64x64xf32>)
  ssm.semiseparable ins(%x, %x, %x : memref<?x?x4x64xf32>, memref<?x?x4x64xf32>, memref<?x?x4x64xf32>) outs(%x, %s : memref<?x?x4x64xf32>, memref<?x4x64x64xf32>)
  ssm.semiseparable ins(%q, %k, %k : memref<?x?x8x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>) outs(%y, %s : memref<?x?x8x64xbf16>, memref<?x4x64x64xf32>)
  return
}

// Resets are read with the decays; in reverse, sums are of the lanes behind.
// CHECK-LABEL: func.func private @packed_reverse
// CHECK: gpu.launch_func @[[packed:.*]]::
func.func private @packed_reverse(%context: !llvm.ptr, %k: memref<?x?x4x64xbf16>, %r: memref<?x?xi1>, %s: memref<?x4x64x64xf32>) attributes {ssm.kernel} {
  ssm.semiseparable reverse ins(%k, %k, %k : memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>, memref<?x?x4x64xbf16>) resets(%r : memref<?x?xi1>) outs(%k, %s : memref<?x?x4x64xbf16>, memref<?x4x64x64xf32>)
  return
}

// The state's product takes its left operand from registers; tiles of v and k
// are read along their rows.
// CHECK-LABEL: gpu.module @ssm_semiseparable_ends {
// CHECK-NOT: m64n64k16
// CHECK: m64n128k16.f32.bf16.bf16 {{.*}}}, db, keep, 1, 1, 1;
// CHECK-LABEL: gpu.module @ssm_semiseparable {
// CHECK: llvm.func @ssm_semiseparable(
// CHECK: nvvm.setmaxregister decrease 24
// CHECK: nvvm.setmaxregister decrease 104
// CHECK: m64n64k16.f32.bf16.bf16 {{.*}}, da, db, clear, 1, 1, 0, 0;
// CHECK: nvvm.setmaxregister increase 192
// CHECK: m64n64k16.f32.bf16.bf16 {{.*}}}, db, clear, 1, 1, 0;
// CHECK: nvvm.ldmatrix
// CHECK: m64n64k16.f32.bf16.bf16 {{.*}}}, db, keep, 1, 1, 0;
// CHECK: m64n128k16.f32.bf16.bf16 {{.*}}}, db, keep, 1, 1, 1;
// CHECK: wgmma.wait_group.sync.aligned 1;
// CHECK: gpu.module @[[packed]] {
// CHECK: llvm.load {{.*}} -> i8
// CHECK: nvvm.shfl.sync down
