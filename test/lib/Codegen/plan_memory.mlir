// Buffers become views of one arena: %a and %c are never alive together and
// share a slot, as large as the larger of the two; %n's size is data.
// RUN: ssm-opt %s --ssm-lower-entries --ssm-plan-memory --ssm-allocate-late --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @ssm_forward_workspace(%arg0: !llvm.ptr) -> i64
// CHECK:         %[[LOAD:.*]] = llvm.load %arg0 invariant
// CHECK:         %[[L:.*]] = arith.index_cast %[[LOAD]]
// CHECK:         %[[A:.*]] = arith.muli %[[L]], %{{.*}} : index
// CHECK:         %[[LARGE:.*]] = arith.cmpf ogt, %{{.*}}, %{{.*}} : f64
// CHECK:         %[[COUNTED:.*]] = arith.select %[[LARGE]], %c-1{{.*}}, %[[A]]
// CHECK:         %[[NEGATIVE:.*]] = arith.cmpi slt
// CHECK:         %[[SLOT:.*]] = arith.select %[[NEGATIVE]], %c-2{{.*}}, %[[COUNTED]]
// CHECK:         arith.maxsi %[[SLOT]],
// CHECK:         %[[REFUSED:.*]] = arith.cmpi slt
// CHECK:         arith.select %[[REFUSED]]

// CHECK-LABEL: func.func @ssm_forward_run
// CHECK:         %[[A:.*]] = memref.view %{{.*}}[%[[SLOT0:.*]]][%{{.*}}] : memref<?xi8> to memref<?x4xf32>
// CHECK:         %[[B:.*]] = memref.view %{{.*}}[%[[SLOT1:.*]]][%{{.*}}] : memref<?xi8> to memref<?x4xf32>
// CHECK:         linalg.exp ins(%[[A]] : {{.*}}) outs(%[[B]]
// CHECK:         %[[C:.*]] = memref.view %{{.*}}[%[[SLOT0]]][%{{.*}}] : memref<?xi8> to memref<?x5xf32>
// CHECK:         func.call @ssmrt_alloc(%arg5, %{{.*}}) : (!llvm.ptr, i64) -> !llvm.ptr
// CHECK-NOT:     memref.alloc
module {
  func.func @forward() attributes {ssm.signature = {symbols = ["L"], inputs = [], outputs = []}} {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %L = onnx.symbol "L"
    %a = memref.alloc(%L) : memref<?x4xf32>
    linalg.fill ins(%zero : f32) outs(%a : memref<?x4xf32>)
    %b = memref.alloc(%L) : memref<?x4xf32>
    linalg.exp ins(%a : memref<?x4xf32>) outs(%b : memref<?x4xf32>)
    %c = memref.alloc(%L) : memref<?x5xf32>
    linalg.fill ins(%zero : f32) outs(%c : memref<?x5xf32>)
    linalg.exp ins(%b : memref<?x4xf32>) outs(%b : memref<?x4xf32>)
    %v = memref.load %b[%c0, %c0] : memref<?x4xf32>
    %i = arith.fptosi %v : f32 to i64
    %n = arith.index_cast %i : i64 to index
    scf.for %k = %c0 to %n step %n {
      %d = memref.alloc(%n) : memref<?xf32>
      linalg.fill ins(%zero : f32) outs(%d : memref<?xf32>)
    }
    return
  }
}
