// RUN: ssm-opt %s --ssm-launch-loops --canonicalize --cse | FileCheck %s

// Threads are numbered along the extents that fill a block, 40 of the last one
// and those before it; blocks along the rest and the pieces of the former.
// CHECK-LABEL: func.func private @loop
// CHECK-SAME: %[[context:.*]]: !llvm.ptr, %[[a:.*]]: memref<?x?x40xf32>, {{.*}}, %[[B:.*]]: index, %[[L:.*]]: index)
// CHECK: %[[inner:.*]] = arith.muli %[[L]], %c40 : index
// CHECK: %[[pieces:.*]] = arith.ceildivsi %[[inner]], %c128
// CHECK: %[[blocks:.*]] = arith.muli %[[pieces]], %[[B]]
// CHECK: scf.if
// CHECK: call @ssmrt_report(%[[context]]
// CHECK: call @ssmrt_end
// CHECK: gpu.launch blocks(%[[block:.*]], %{{.*}}, %{{.*}}) in (%{{.*}} = %[[blocks]], {{.*}} threads(%[[thread:[^,]*]],{{.*}} = %c128
// CHECK: arith.remui %{{.*}} : i32
// CHECK: arith.divui %{{.*}} : i32
// CHECK: arith.cmpi ult
// CHECK: scf.if
// CHECK: arith.remui %{{.*}}, %c40_i32
// CHECK: memref.load %[[a]]
// CHECK: memref.store
func.func private @loop(%context: !llvm.ptr, %a: memref<?x?x40xf32>, %b: memref<?x?x40xf32>, %B: index, %L: index) attributes {ssm.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c40 = arith.constant 40 : index
  scf.parallel (%i, %j, %k) = (%c0, %c0, %c0) to (%B, %L, %c40) step (%c1, %c1, %c1) {
    %v = memref.load %a[%i, %j, %k] : memref<?x?x40xf32>
    memref.store %v, %b[%i, %j, %k] : memref<?x?x40xf32>
  }
  return
}

// A loop over time stays on the host where its steps are parallel, and becomes
// one thread's where they are not.
// CHECK-LABEL: func.func private @steps
// CHECK: scf.for
// CHECK: gpu.launch
// CHECK: gpu.launch
// CHECK-NEXT: scf.for
func.func private @steps(%context: !llvm.ptr, %a: memref<64xf32>, %n: index) attributes {ssm.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.for %t = %c0 to %n step %c1 {
    scf.parallel (%i) = (%c0) to (%c64) step (%c1) {
      %v = memref.load %a[%i] : memref<64xf32>
      %w = arith.addf %v, %v : f32
      memref.store %w, %a[%i] : memref<64xf32>
    }
  }
  scf.for %t = %c1 to %c64 step %c1 {
    %before = arith.subi %t, %c1 : index
    %v = memref.load %a[%before] : memref<64xf32>
    memref.store %v, %a[%t] : memref<64xf32>
  }
  return
}

// What only a store needs is loaded by the thread that stores; what the host
// needs, it waits for.
// CHECK-LABEL: func.func private @elements
// CHECK: %[[slot:.*]] = llvm.alloca {{.*}} x i64
// CHECK: gpu.launch
// CHECK: memref.load
// CHECK: arith.addi
// CHECK: memref.store
// CHECK: call @ssmrt_read(%{{.*}}, %[[slot]]
// CHECK: %[[n:.*]] = llvm.load %[[slot]]
// CHECK: %[[end:.*]] = arith.index_cast %[[n]]
// CHECK: arith.ceildivsi %[[end]]
func.func private @elements(%context: !llvm.ptr, %s: memref<2xi64>, %a: memref<?xf32>) attributes {ssm.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i64
  %zero = arith.constant 0.0 : f32
  %v = memref.load %s[%c0] : memref<2xi64>
  %w = arith.addi %v, %one : i64
  memref.store %w, %s[%c1] : memref<2xi64>
  %n = memref.load %s[%c1] : memref<2xi64>
  %end = arith.index_cast %n : i64 to index
  scf.parallel (%i) = (%c0) to (%end) step (%c1) {
    memref.store %zero, %a[%i] : memref<?xf32>
  }
  return
}

// A report goes to the block that the host reads later.
// CHECK-LABEL: func.func private @reports
// CHECK-DAG: %[[block:.*]] = call @ssmrt_reports
// CHECK-DAG: %[[text:.*]] = llvm.ptrtoint
// CHECK: gpu.launch
// CHECK: llvm.cmpxchg %[[block]], %{{.*}}, %[[text]]
// CHECK-NOT: call @ssmrt_report(
// CHECK: return
llvm.mlir.global internal constant @message("wrong\00")
func.func private @ssmrt_report(!llvm.ptr, !llvm.ptr, i64, i64)
func.func private @reports(%context: !llvm.ptr, %a: memref<64xi1>) attributes {ssm.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %none = arith.constant -1 : i64
  scf.parallel (%i) = (%c0) to (%c64) step (%c1) {
    %v = memref.load %a[%i] : memref<64xi1>
    scf.if %v {
      %text = llvm.mlir.addressof @message : !llvm.ptr
      func.call @ssmrt_report(%context, %text, %none, %none) : (!llvm.ptr, !llvm.ptr, i64, i64) -> ()
    }
  }
  return
}

// Where data say what is read, nothing is once something has been reported; a
// check that would end the run is made on the device.
// CHECK-LABEL: func.func private @checked
// CHECK-NOT: call @ssmrt_read
// CHECK: %[[block:.*]] = call @ssmrt_reports
// CHECK: gpu.launch
// CHECK: memref.load
// CHECK: arith.xori
// CHECK: scf.if
// CHECK: llvm.cmpxchg %[[block]]
// CHECK-NOT: call @ssmrt_end
// CHECK: %[[again:.*]] = call @ssmrt_reports
// CHECK: %[[seen:.*]] = llvm.load %[[again]]
// CHECK: %[[none:.*]] = arith.cmpi eq, %[[seen]]
// CHECK: scf.if %[[none]]
// CHECK: %[[at:.*]] = memref.load
// CHECK: memref.load %{{.*}}[%[[at]]]
func.func private @ssmrt_end(!llvm.ptr)
func.func private @checked(%context: !llvm.ptr, %fine: memref<i1>, %at: memref<64xindex>, %a: memref<?xf32>, %b: memref<64xf32>) attributes {ssm.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %none = arith.constant -1 : i64
  %true = arith.constant true
  %text = llvm.mlir.addressof @message : !llvm.ptr
  %right = memref.load %fine[] : memref<i1>
  %wrong = arith.xori %right, %true : i1
  scf.if %wrong {
    func.call @ssmrt_report(%context, %text, %none, %none) : (!llvm.ptr, !llvm.ptr, i64, i64) -> ()
    func.call @ssmrt_end(%context) : (!llvm.ptr) -> ()
  }
  scf.parallel (%i) = (%c0) to (%c64) step (%c1) {
    %place = memref.load %at[%i] : memref<64xindex>
    %v = memref.load %a[%place] : memref<?xf32>
    memref.store %v, %b[%i] : memref<64xf32>
  }
  return
}
