// A scatter along axis 0 of a transposed tensor, transposed back, is an
// insertion into the tensor itself. Other transpositions stay.
// RUN: ssm-opt %s --ssm-merge-insertions --cse | FileCheck %s

// CHECK-LABEL: func.func @column(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32>, %[[S:.*]]: tensor<?x3xf32>
// CHECK-NOT:     linalg.transpose
// CHECK:         %[[R:.*]] = tensor.insert_slice %[[S]] into %[[X]][0, 2] [%{{.*}}, 3] [1, 1]
// CHECK:         return %[[R]]
func.func @column(%x: tensor<?x8xf32>, %s: tensor<?x3xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e0 = tensor.empty(%n) : tensor<8x?xf32>
  %e1 = tensor.empty(%n) : tensor<3x?xf32>
  %e2 = tensor.empty(%n) : tensor<?x8xf32>
  %tx = linalg.transpose ins(%x : tensor<?x8xf32>) outs(%e0 : tensor<8x?xf32>) permutation = [1, 0]
  %ts = linalg.transpose ins(%s : tensor<?x3xf32>) outs(%e1 : tensor<3x?xf32>) permutation = [1, 0]
  %i = tensor.insert_slice %ts into %tx[2, 0] [3, %n] [1, 1] : tensor<3x?xf32> into tensor<8x?xf32>
  %r = linalg.transpose ins(%i : tensor<8x?xf32>) outs(%e2 : tensor<?x8xf32>) permutation = [1, 0]
  return %r : tensor<?x8xf32>
}

// A rotation of the axes is undone by the opposite rotation only.
// CHECK-LABEL: func.func @rotations(
// CHECK-SAME:    %[[X:.*]]: tensor<2x3x4xf32>, %[[S:.*]]: tensor<1x1x1xf32>
// CHECK:         %[[T:.*]] = linalg.transpose ins(%[[S]]
// CHECK-SAME:      permutation = [2, 0, 1]
// CHECK:         tensor.insert_slice %[[T]] into %[[X]][1, 2, 3] [1, 1, 1]
// CHECK-COUNT-2: linalg.transpose {{.*}} permutation = [1, 2, 0]
func.func @rotations(%x: tensor<2x3x4xf32>, %s: tensor<1x1x1xf32>) -> (tensor<2x3x4xf32>, tensor<4x2x3xf32>) {
  %e0 = tensor.empty() : tensor<3x4x2xf32>
  %e1 = tensor.empty() : tensor<2x3x4xf32>
  %e2 = tensor.empty() : tensor<4x2x3xf32>
  %t = linalg.transpose ins(%x : tensor<2x3x4xf32>) outs(%e0 : tensor<3x4x2xf32>) permutation = [1, 2, 0]
  %i = tensor.insert_slice %s into %t[2, 3, 1] [1, 1, 1] [1, 1, 1] : tensor<1x1x1xf32> into tensor<3x4x2xf32>
  %r = linalg.transpose ins(%i : tensor<3x4x2xf32>) outs(%e1 : tensor<2x3x4xf32>) permutation = [2, 0, 1]
  %u = linalg.transpose ins(%x : tensor<2x3x4xf32>) outs(%e0 : tensor<3x4x2xf32>) permutation = [1, 2, 0]
  %j = tensor.insert_slice %s into %u[2, 3, 1] [1, 1, 1] [1, 1, 1] : tensor<1x1x1xf32> into tensor<3x4x2xf32>
  %q = linalg.transpose ins(%j : tensor<3x4x2xf32>) outs(%e2 : tensor<4x2x3xf32>) permutation = [1, 2, 0]
  return %r, %q : tensor<2x3x4xf32>, tensor<4x2x3xf32>
}

// Part of a row is stored in the tensor, not in a copy of the row.
// CHECK-LABEL: func.func @row(
// CHECK-SAME:    %[[X:.*]]: tensor<2x8x8xf32>, %[[S:.*]]: tensor<2x3xf32>
// CHECK-NEXT:    %[[R:.*]] = tensor.insert_slice %[[S]] into %[[X]][0, 3, 1] [2, 1, 3] [1, 1, 1] : tensor<2x3xf32> into tensor<2x8x8xf32>
// CHECK-NEXT:    return %[[R]]
func.func @row(%x: tensor<2x8x8xf32>, %s: tensor<2x3xf32>) -> tensor<2x8x8xf32> {
  %slice = tensor.extract_slice %x[0, 3, 0] [2, 1, 8] [1, 1, 1] : tensor<2x8x8xf32> to tensor<2x1x8xf32>
  %row = tensor.collapse_shape %slice [[0], [1, 2]] : tensor<2x1x8xf32> into tensor<2x8xf32>
  %new = tensor.insert_slice %s into %row[0, 1] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<2x8xf32>
  %back = tensor.expand_shape %new [[0], [1, 2]] output_shape [2, 1, 8] : tensor<2x8xf32> into tensor<2x1x8xf32>
  %r = tensor.insert_slice %back into %x[0, 3, 0] [2, 1, 8] [1, 1, 1] : tensor<2x1x8xf32> into tensor<2x8x8xf32>
  return %r : tensor<2x8x8xf32>
}

// Row 3 does not go where it came from.
// CHECK-LABEL:   func.func @other_row(
// CHECK-COUNT-2: tensor.insert_slice
func.func @other_row(%x: tensor<8x8xf32>, %s: tensor<1x3xf32>) -> tensor<8x8xf32> {
  %row = tensor.extract_slice %x[3, 0] [1, 8] [1, 1] : tensor<8x8xf32> to tensor<1x8xf32>
  %new = tensor.insert_slice %s into %row[0, 1] [1, 3] [1, 1] : tensor<1x3xf32> into tensor<1x8xf32>
  %r = tensor.insert_slice %new into %x[4, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<8x8xf32>
  return %r : tensor<8x8xf32>
}
