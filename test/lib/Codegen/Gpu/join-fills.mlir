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
