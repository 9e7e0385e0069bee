// RUN: ssm-opt %s --ssm-sink-into-launches --gpu-kernel-outlining --ssm-launch-to-runtime | FileCheck %s

// A kernel takes pointers and numbers; equal kernels are there once; a pointer
// is marked as its function's is.
// CHECK: ssm.device_kernels = ["first_kernel", "together_kernel"]
// CHECK-LABEL: func.func private @first
// CHECK: %[[args:.*]] = llvm.alloca %{{.*}} x !llvm.array<2 x ptr>
// CHECK: llvm.store %arg1, %[[slot:.*]] : !llvm.ptr, !llvm.ptr
// CHECK: llvm.store %[[slot]]
// CHECK: call @ssmrt_launch(%arg0, %c0_i32
// CHECK-LABEL: func.func private @second
// CHECK: call @ssmrt_launch(%arg0, %c0_i32
// Blocks that wait for each other.
// CHECK-LABEL: func.func private @together
// CHECK: call @ssmrt_launch_together(
// CHECK: gpu.module @ssm_device
// CHECK: gpu.func @first_kernel(%{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64) kernel
// CHECK: arith.constant 2.000000e+00
// CHECK: gpu.func @together_kernel
// CHECK-NOT: gpu.func
func.func private @first(%context: !llvm.ptr, %p: !llvm.ptr {llvm.noalias}, %n: i64) attributes {ssm.kernel} {
  %c1 = arith.constant 1 : index
  %two = arith.constant 2.0 : f32
  %d0 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %d1 = llvm.insertvalue %p, %d0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %d2 = llvm.insertvalue %n, %d1[3, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %a = builtin.unrealized_conversion_cast %d2 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<?xf32>
  gpu.launch blocks(%x, %y, %z) in (%gx = %c1, %gy = %c1, %gz = %c1) threads(%i, %j, %k) in (%bx = %c1, %by = %c1, %bz = %c1) {
    memref.store %two, %a[%i] : memref<?xf32>
    gpu.terminator
  }
  return
}
func.func private @second(%context: !llvm.ptr, %p: !llvm.ptr {llvm.noalias}, %n: i64) attributes {ssm.kernel} {
  %c1 = arith.constant 1 : index
  %two = arith.constant 2.0 : f32
  %d0 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %d1 = llvm.insertvalue %p, %d0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %d2 = llvm.insertvalue %n, %d1[3, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %a = builtin.unrealized_conversion_cast %d2 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<?xf32>
  gpu.launch blocks(%x, %y, %z) in (%gx = %c1, %gy = %c1, %gz = %c1) threads(%i, %j, %k) in (%bx = %c1, %by = %c1, %bz = %c1) {
    memref.store %two, %a[%i] : memref<?xf32>
    gpu.terminator
  }
  return
}

func.func private @together(%context: !llvm.ptr) attributes {ssm.kernel} {
  %c1 = arith.constant 1 : index
  gpu.launch blocks(%x, %y, %z) in (%gx = %c1, %gy = %c1, %gz = %c1) threads(%i, %j, %k) in (%bx = %c1, %by = %c1, %bz = %c1) {
    %time = arith.constant 20 : i32
    nvvm.nanosleep %time
    gpu.terminator
  }
  return
}
