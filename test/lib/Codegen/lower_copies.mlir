// RUN: ssm-opt %s --ssm-lower-copies | FileCheck %s

// CHECK-LABEL: func.func @copy
// CHECK:         linalg.generic {indexing_maps = [#[[ID:.*]], #[[ID]]], iterator_types = ["parallel", "parallel"]}
// CHECK-SAME:      ins(%arg0 : memref<2x?xf32, strided<[?, 1], offset: ?>>) outs(%arg1 : memref<2x?xf32>)
// CHECK-NOT:     memref.copy
func.func @copy(%a: memref<2x?xf32, strided<[?, 1], offset: ?>>, %b: memref<2x?xf32>) {
  memref.copy %a, %b : memref<2x?xf32, strided<[?, 1], offset: ?>> to memref<2x?xf32>
  return
}
