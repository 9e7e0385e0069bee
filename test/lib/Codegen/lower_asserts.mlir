// The condition is tested where it was asserted; equal texts are kept once. What
// is neither an entry nor a kernel has no run to report to.
// RUN: ssm-opt %s --ssm-lower-asserts | FileCheck %s

// CHECK-DAG:   llvm.mlir.global internal constant @[[TEXT:ssm_message_[0-9]+]]("wrong\00")
// CHECK-DAG:   llvm.mlir.global internal constant @[[OTHER:ssm_message_[0-9]+]]("other\00")
// CHECK-DAG:   func.func private @ssmrt_report(!llvm.ptr, !llvm.ptr)
// CHECK-LABEL: func.func @ssm_forward_run(
// CHECK-SAME:    %[[CONTEXT:[a-z0-9]+]]: !llvm.ptr, %[[HOLDS:[a-z0-9]+]]: i1)
// CHECK:         %[[FAILS:.*]] = arith.xori %[[HOLDS]], %true
// CHECK:         scf.if %[[FAILS]] {
// CHECK-NEXT:      %[[A:.*]] = llvm.mlir.addressof @[[TEXT]]
// CHECK-NEXT:      call @ssmrt_report(%[[CONTEXT]], %[[A]])
// CHECK:         llvm.mlir.addressof @[[OTHER]]
// CHECK-NOT:     cf.assert
func.func @ssm_forward_run(%symbols: !llvm.ptr, %in: !llvm.ptr, %out: !llvm.ptr, %work: !llvm.ptr, %weights: !llvm.ptr, %context: !llvm.ptr, %holds: i1) attributes {ssm.entry = "forward"} {
  cf.assert %holds, "wrong"
  cf.assert %holds, "other"
  return
}

// CHECK-LABEL: func.func private @ssm_kernel(
// CHECK-SAME:    %[[K:[a-z0-9]+]]: !llvm.ptr
// CHECK:         scf.for
// CHECK:           scf.if
// CHECK-NEXT:        %[[B:.*]] = llvm.mlir.addressof @[[TEXT]]
// CHECK-NEXT:        call @ssmrt_report(%[[K]], %[[B]])
func.func private @ssm_kernel(%context: !llvm.ptr, %n: index, %holds: i1) attributes {ssm.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    cf.assert %holds, "wrong"
  }
  return
}

// CHECK-LABEL: func.func @elsewhere(
// CHECK:         cf.assert
func.func @elsewhere(%holds: i1) {
  cf.assert %holds, "wrong"
  return
}
