// RUN: ssm-opt %s --pass-pipeline='builtin.module(gpu.module(ssm-lower-device-math))' --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: gpu.func @instructions
// CHECK: llvm.call_intrinsic "llvm.sqrt.f32"
// CHECK: llvm.call_intrinsic "llvm.fma.v4f16"
// CHECK-NOT: math.
gpu.module @m {
  gpu.func @instructions(%x: f32, %v: vector<4xf16>, %p: !llvm.ptr) kernel {
    %a = math.sqrt %x : f32
    llvm.store %a, %p : f32, !llvm.ptr
    %b = math.fma %v, %v, %v : vector<4xf16>
    llvm.store %b, %p : vector<4xf16>, !llvm.ptr
    %c = arith.remf %x, %x : f32
    llvm.store %c, %p : f32, !llvm.ptr
    %d = math.atan %x : f32
    llvm.store %d, %p : f32, !llvm.ptr
    gpu.return
  }
}

// -----

gpu.module @m {
  gpu.func @refused(%x: f64, %p: !llvm.ptr) kernel {
    // expected-error@+1 {{math.exp of 'f64' is not available on a GPU: compile the model for the CPU}}
    %a = math.exp %x : f64
    llvm.store %a, %p : f64, !llvm.ptr
    gpu.return
  }
}
