// RUN: ssm-opt %s --ssm-join-states=ops=ssm.semiseparable | FileCheck %s

// What a state begins with moves along with the mixer.
// CHECK-LABEL: func.func @copied
// CHECK-SAME: %[[source:.*]]: memref<1x2x8x8xf32>, %[[state:.*]]: memref<1x2x8x8xf32>
// CHECK: scf.execute_region
// CHECK-NEXT: linalg.copy {ssm.start} ins(%[[source]] : {{.*}}) outs(%[[state]] : {{.*}})
// CHECK-NEXT: ssm.semiseparable {{.*}} outs(%{{.*}}, %[[state]] :
// CHECK-NEXT: scf.yield
func.func @copied(%source: memref<1x2x8x8xf32>, %state: memref<1x2x8x8xf32>, %x: memref<1x4x2x8xf32>, %y: memref<1x4x2x8xf32>) {
  linalg.copy ins(%source : memref<1x2x8x8xf32>) outs(%state : memref<1x2x8x8xf32>)
  ssm.semiseparable ins(%x, %x, %x : memref<1x4x2x8xf32>, memref<1x4x2x8xf32>, memref<1x4x2x8xf32>) outs(%y, %state : memref<1x4x2x8xf32>, memref<1x2x8x8xf32>)
  return
}

// CHECK-LABEL: func.func @zeros
// CHECK: scf.execute_region
// CHECK-NEXT: linalg.fill {ssm.start}
// CHECK-NEXT: ssm.semiseparable
func.func @zeros(%state: memref<1x2x8x8xf32>, %x: memref<1x4x2x8xf32>, %y: memref<1x4x2x8xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%state : memref<1x2x8x8xf32>)
  ssm.semiseparable ins(%x, %x, %x : memref<1x4x2x8xf32>, memref<1x4x2x8xf32>, memref<1x4x2x8xf32>) outs(%y, %state : memref<1x4x2x8xf32>, memref<1x2x8x8xf32>)
  return
}

// Not of an op that is not named.
// CHECK-LABEL: func.func @other
// CHECK-NOT: scf.execute_region
func.func @other(%state: memref<1x8xf32>, %x: memref<1x4x8xf32>, %y: memref<1x4x8xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%state : memref<1x8xf32>)
  ssm.scan dimension(1) ins(%x, %x : memref<1x4x8xf32>, memref<1x4x8xf32>) outs(%y, %state : memref<1x4x8xf32>, memref<1x8xf32>)
  return
}

// Not where the memory that is copied may be that of the outputs.
// CHECK-LABEL: func.func @state_in_use
// CHECK-NOT: scf.execute_region
func.func @state_in_use(%arena: memref<?xi8>, %state: memref<1x2x8x8xf32>, %x: memref<1x4x2x8xf32>) {
  %c0 = arith.constant 0 : index
  %c512 = arith.constant 512 : index
  %y = memref.view %arena[%c0][] : memref<?xi8> to memref<1x4x2x8xf32>
  %source = memref.view %arena[%c512][] : memref<?xi8> to memref<1x2x8x8xf32>
  linalg.copy ins(%source : memref<1x2x8x8xf32>) outs(%state : memref<1x2x8x8xf32>)
  ssm.semiseparable ins(%x, %x, %x : memref<1x4x2x8xf32>, memref<1x4x2x8xf32>, memref<1x4x2x8xf32>) outs(%y, %state : memref<1x4x2x8xf32>, memref<1x2x8x8xf32>)
  return
}
