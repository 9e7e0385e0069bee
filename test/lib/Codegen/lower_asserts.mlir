// The condition is tested where it was asserted, and the run ends there; equal
// texts are kept once. What is neither an entry nor a kernel has no run to end.
// RUN: ssm-opt %s --ssm-lower-asserts | FileCheck %s

// CHECK-DAG:   llvm.mlir.global internal constant @[[TEXT:ssm_message_[0-9]+]]("wrong\00")
// CHECK-DAG:   llvm.mlir.global internal constant @[[OTHER:ssm_message_[0-9]+]]("other\00")
// CHECK-DAG:   func.func private @ssmrt_report(!llvm.ptr, !llvm.ptr, i64, i64)
// CHECK-DAG:   func.func private @ssmrt_end(!llvm.ptr)
// CHECK-LABEL: func.func @ssm_forward_run(
// CHECK-SAME:    %[[CONTEXT:[a-z0-9]+]]: !llvm.ptr, %[[HOLDS:[a-z0-9]+]]: i1, %[[M:[a-z0-9]+]]: index, %[[N:[a-z0-9]+]]: index)
// CHECK:         %[[FAILS:.*]] = arith.xori %[[HOLDS]], %true
// CHECK:         scf.if %[[FAILS]] {
// CHECK-NEXT:      %[[A:.*]] = llvm.mlir.addressof @[[TEXT]]
// CHECK-NEXT:      %[[NONE:.*]] = arith.constant -1 : i64
// CHECK-NEXT:      call @ssmrt_report(%[[CONTEXT]], %[[A]], %[[NONE]], %[[NONE]])
// CHECK-NEXT:      call @ssmrt_end(%[[CONTEXT]])
// CHECK:         scf.if
// CHECK-NEXT:      llvm.mlir.addressof @[[OTHER]]
// CHECK-NEXT:      %[[FOUND:.*]] = arith.index_cast %[[M]]
// CHECK-NEXT:      %[[EXPECTED:.*]] = arith.index_cast %[[N]]
// CHECK-NEXT:      call @ssmrt_report(%[[CONTEXT]], %{{.*}}, %[[FOUND]], %[[EXPECTED]])
// CHECK-NOT:     cf.assert
func.func @ssm_forward_run(%symbols: !llvm.ptr, %in: !llvm.ptr, %out: !llvm.ptr, %work: !llvm.ptr, %weights: !llvm.ptr, %context: !llvm.ptr, %holds: i1, %m: index, %n: index) attributes {ssm.entry = "forward"} {
  %same = arith.cmpi eq, %m, %n : index
  cf.assert %holds, "wrong"
  cf.assert %same, "other"
  return
}

// A parallel loop is not left, but the rest of the block is not done, and what
// is behind the loop is not reached.
// CHECK-LABEL: func.func private @ssm_kernel(
// CHECK-SAME:    %[[K:[a-z0-9]+]]: !llvm.ptr
// CHECK:         scf.parallel
// CHECK:           scf.for
// CHECK:             scf.if
// CHECK-NEXT:          %[[B:.*]] = llvm.mlir.addressof @[[TEXT]]
// CHECK:               call @ssmrt_report(%[[K]], %[[B]]
// CHECK:             } else {
// CHECK:               scf.if
// CHECK:               } else {
// CHECK-NEXT:            memref.store
// CHECK-NEXT:          }
// CHECK-NEXT:        }
// CHECK-NOT:         call @ssmrt_end
// CHECK:           scf.reduce
// CHECK-NEXT:    }
// CHECK-NEXT:    call @ssmrt_end(%[[K]])
// CHECK-NEXT:    return
func.func private @ssm_kernel(%context: !llvm.ptr, %n: index, %holds: i1, %to: memref<?xindex>) attributes {ssm.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    scf.for %j = %c0 to %n step %c1 {
      cf.assert %holds, "wrong"
      cf.assert %holds, "wrong"
      memref.store %j, %to[%i] : memref<?xindex>
    }
  }
  return
}

// CHECK-LABEL: func.func @elsewhere(
// CHECK:         cf.assert
func.func @elsewhere(%holds: i1) {
  cf.assert %holds, "wrong"
  return
}

// What the rest yields is 0, or what was carried, where the rest is not done.
// CHECK-LABEL: func.func private @ssm_carries(
// CHECK:         scf.for {{.*}} iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}})
// CHECK:           %[[ZERO:.*]] = arith.constant 0 : index
// CHECK:           %[[R:.*]]:2 = scf.if
// CHECK:             scf.yield %[[ZERO]], %[[B]]
// CHECK:           } else {
// CHECK:             %[[SUM:.*]] = arith.addi %[[A]]
// CHECK:             %[[VIEW:.*]] = memref.subview
// CHECK:             scf.yield %[[SUM]], %[[VIEW]]
// CHECK:           }
// CHECK-NEXT:      scf.yield %[[R]]#0, %[[R]]#1
func.func private @ssm_carries(%context: !llvm.ptr, %n: index, %holds: i1, %to: memref<?xindex, strided<[1], offset: ?>>) attributes {ssm.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %sum, %buffer = scf.for %j = %c0 to %n step %c1 iter_args(%a = %c0, %b = %to) -> (index, memref<?xindex, strided<[1], offset: ?>>) {
      cf.assert %holds, "wrong"
      %s = arith.addi %a, %j : index
      %view = memref.subview %b[1] [%j] [1] : memref<?xindex, strided<[1], offset: ?>> to memref<?xindex, strided<[1], offset: ?>>
      scf.yield %s, %view : index, memref<?xindex, strided<[1], offset: ?>>
    }
    memref.store %sum, %buffer[%c0] : memref<?xindex, strided<[1], offset: ?>>
  }
  return
}
