// Each top-level loop becomes a kernel; equal ones are made once. A pointer is
// noalias where no other argument reaches what is written.
// RUN: ssm-opt %s --ssm-outline-kernels | FileCheck %s

// CHECK-LABEL: func.func @ssm_forward_run
// CHECK:         %[[A:.*]] = memref.view
// CHECK:         %[[B:.*]] = memref.view
// CHECK:         %[[A0:.*]] = builtin.unrealized_conversion_cast %[[A]]
// CHECK:         %[[PA:.*]] = llvm.extractvalue %[[A0]][1]
// CHECK:         %[[NA:.*]] = llvm.extractvalue %[[A0]][3, 0]
// CHECK:         call @[[EXP:ssm_kernel_linalg_exp_0]](%arg5, %[[PA]], %[[NA]],
// CHECK:         call @[[EXP]](
// CHECK:         call @[[FOR:ssm_kernel_scf_for_0]](%arg5,
// CHECK-NOT:     linalg.exp
// CHECK:         return

// CHECK:       func.func private @[[EXP]](%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64, %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64) attributes {llvm.linkage = #llvm.linkage<internal>, passthrough = ["noinline"], ssm.kernel}
// CHECK:         linalg.exp ins(%{{.*}} : memref<?x4xf32>) outs(%{{.*}} : memref<?x4xf32>)
// Slices of one buffer, one of which is written.
// CHECK:       func.func private @[[FOR]](%{{.*}}: !llvm.ptr, %{{[^:]*}}: i64, %{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: !llvm.ptr)
// CHECK:         arith.constant 2 : index
// CHECK:         scf.for
// A view within begins where the buffer does that is passed.
// CHECK:         memref.subview %{{.*}}[2] [2] [1] : memref<4xf32, strided<[1]>> to memref<2xf32, strided<[1], offset: 2>>
func.func @ssm_forward_run(%arg0: !llvm.ptr, %arg1: !llvm.ptr, %arg2: !llvm.ptr, %bytes: memref<?xi8>, %n: index, %arg5: !llvm.ptr) attributes {ssm.entry = "forward"} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %a = memref.view %bytes[%c0][%n] : memref<?xi8> to memref<?x4xf32>
  %b = memref.view %bytes[%c2][%n] : memref<?xi8> to memref<?x4xf32>
  linalg.exp ins(%a : memref<?x4xf32>) outs(%b : memref<?x4xf32>)
  linalg.exp ins(%b : memref<?x4xf32>) outs(%a : memref<?x4xf32>)
  %s = memref.subview %a[1, 0][1, 4][1, 1] : memref<?x4xf32> to memref<4xf32, strided<[1], offset: 4>>
  %t = memref.subview %a[2, 0][1, 4][1, 1] : memref<?x4xf32> to memref<4xf32, strided<[1], offset: 8>>
  scf.for %i = %c0 to %n step %c2 {
    linalg.exp ins(%s : memref<4xf32, strided<[1], offset: 4>>) outs(%t : memref<4xf32, strided<[1], offset: 8>>)
    %v = memref.subview %s[2][2][1] : memref<4xf32, strided<[1], offset: 4>> to memref<2xf32, strided<[1], offset: 6>>
    linalg.exp ins(%v : memref<2xf32, strided<[1], offset: 6>>) outs(%v : memref<2xf32, strided<[1], offset: 6>>)
  }
  return
}
