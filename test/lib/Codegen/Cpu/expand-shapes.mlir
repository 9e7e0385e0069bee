// RUN: ssm-opt %s -ssm-expand-shapes -expand-strided-metadata -canonicalize | FileCheck %s

// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[X:.*]]: memref<?x20xf32>, %[[B:.*]]: index, %[[L:.*]]: index
// CHECK: %[[S:.*]] = arith.muli %[[L]], %{{.*}}
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [%[[B]], %[[L]], 20], strides: [%{{.*}}, 20, 1]
func.func @rows(%x: memref<?x20xf32>, %b: index, %l: index) -> memref<?x?x20xf32> {
  %0 = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %l, 20]
      : memref<?x20xf32> into memref<?x?x20xf32>
  return %0 : memref<?x?x20xf32>
}
