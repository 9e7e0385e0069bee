// RUN: ssm-opt %s --ssm-join-fills | FileCheck %s

// A fill moves along with the sum that it begins, not with what follows it.
// CHECK-LABEL: func.func @sum
// CHECK: linalg.fill
// CHECK: scf.execute_region
// CHECK-NEXT: linalg.fill
// CHECK-NEXT: linalg.generic
// CHECK: scf.yield
#x = affine_map<(m, k) -> (m, k)>
#y = affine_map<(m, k) -> (m)>
func.func @sum(%x: memref<4x8xf32>, %y: memref<4xf32>, %z: memref<4xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%z : memref<4xf32>)
  linalg.fill ins(%zero : f32) outs(%y : memref<4xf32>)
  linalg.generic {indexing_maps = [#x, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x8xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%p: f32, %sum: f32):
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  }
  return
}

// CHECK-LABEL: func.func @other
// CHECK-NOT: scf.execute_region
func.func @other(%x: memref<4x8xf32>, %y: memref<4xf32>, %z: memref<4xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<4xf32>)
  linalg.fill ins(%zero : f32) outs(%z : memref<4xf32>)
  linalg.generic {indexing_maps = [#x, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x8xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%p: f32, %sum: f32):
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  }
  return
}

// What a state begins with moves along with the mixer, which continues it where it
// is copied to.
// CHECK-LABEL: func.func @state
// CHECK-SAME: %[[begin:.*]]: memref<?xi8>, %[[end:.*]]: memref<?xi8>, %{{.*}}: memref<?xi8>, %
// CHECK-DAG: %[[source:.*]] = memref.view %[[begin]]
// CHECK-DAG: %[[target:.*]] = memref.view %[[end]]
// CHECK: scf.execute_region
// CHECK-NEXT: linalg.generic {{.*}} ins(%[[source]] : {{.*}}) outs(%[[target]] : {{.*}}) attrs = {ssm.start}
// CHECK: ssm.semiseparable {{.*}} outs(%{{.*}}, %[[target]] :
// CHECK: scf.yield
// CHECK-NOT: linalg.generic
#id = affine_map<(a, b, c, d) -> (a, b, c, d)>
func.func @state(%in: memref<?xi8>, %out: memref<?xi8>, %arena: memref<?xi8>, %x: memref<1x4x2x8xf32>, %y: memref<1x4x2x8xf32>) {
  %c0 = arith.constant 0 : index
  %begin = memref.view %in[%c0][] : memref<?xi8> to memref<1x2x8x8xf32>
  %end = memref.view %out[%c0][] : memref<?xi8> to memref<1x2x8x8xf32>
  %s = memref.view %arena[%c0][] : memref<?xi8> to memref<1x2x8x8xf32>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%begin : memref<1x2x8x8xf32>) outs(%s : memref<1x2x8x8xf32>) {
  ^bb0(%p: f32, %q: f32):
    linalg.yield %p : f32
  }
  ssm.semiseparable ins(%x, %x, %x : memref<1x4x2x8xf32>, memref<1x4x2x8xf32>, memref<1x4x2x8xf32>) outs(%y, %s : memref<1x4x2x8xf32>, memref<1x2x8x8xf32>)
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%s : memref<1x2x8x8xf32>) outs(%end : memref<1x2x8x8xf32>) {
  ^bb0(%p: f32, %q: f32):
    linalg.yield %p : f32
  }
  return
}

// Not where the memory that is copied may be that of the outputs, and not to a
// buffer that the mixer reads.
// CHECK-LABEL: func.func @state_in_use
// CHECK-NOT: scf.execute_region
// CHECK: ssm.semiseparable
// CHECK: linalg.generic
// CHECK: return
func.func @state_in_use(%arena: memref<?xi8>, %out: memref<?xi8>, %other: memref<?xi8>) {
  %c0 = arith.constant 0 : index
  %c512 = arith.constant 512 : index
  %x = memref.view %out[%c0][] : memref<?xi8> to memref<1x4x2x8xf32>
  %y = memref.view %arena[%c0][] : memref<?xi8> to memref<1x4x2x8xf32>
  %begin = memref.view %arena[%c512][] : memref<?xi8> to memref<1x2x8x8xf32>
  %end = memref.view %out[%c512][] : memref<?xi8> to memref<1x2x8x8xf32>
  %s = memref.view %other[%c0][] : memref<?xi8> to memref<1x2x8x8xf32>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%begin : memref<1x2x8x8xf32>) outs(%s : memref<1x2x8x8xf32>) {
  ^bb0(%p: f32, %q: f32):
    linalg.yield %p : f32
  }
  ssm.semiseparable ins(%x, %x, %x : memref<1x4x2x8xf32>, memref<1x4x2x8xf32>, memref<1x4x2x8xf32>) outs(%y, %s : memref<1x4x2x8xf32>, memref<1x2x8x8xf32>)
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%s : memref<1x2x8x8xf32>) outs(%end : memref<1x2x8x8xf32>) {
  ^bb0(%p: f32, %q: f32):
    linalg.yield %p : f32
  }
  return
}
