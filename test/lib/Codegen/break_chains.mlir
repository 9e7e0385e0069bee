// Of ten insertions with reads in between the ninth goes into a copy. A long
// chain that nothing reads before its end is written to memory, a short one is
// left alone.
// RUN: ssm-opt %s --ssm-break-chains | FileCheck %s

// CHECK-LABEL:   func.func @read(
// CHECK-COUNT-8: tensor.insert_slice
// CHECK:         %[[C:.*]] = bufferization.alloc_tensor() copy(%{{.*}}) : tensor<16xf32>
// CHECK:         tensor.insert_slice {{.*}} into %[[C]]
// CHECK-NOT:     alloc_tensor
// CHECK:         tensor.insert_slice
func.func @read(%x: tensor<16xf32>) -> tensor<16xf32> {
  %s0 = tensor.extract_slice %x[0] [1] [1] : tensor<16xf32> to tensor<1xf32>
  %x1 = tensor.insert_slice %s0 into %x[1] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %s1 = tensor.extract_slice %x1[0] [1] [1] : tensor<16xf32> to tensor<1xf32>
  %x2 = tensor.insert_slice %s1 into %x1[2] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %s2 = tensor.extract_slice %x2[0] [1] [1] : tensor<16xf32> to tensor<1xf32>
  %x3 = tensor.insert_slice %s2 into %x2[3] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %s3 = tensor.extract_slice %x3[0] [1] [1] : tensor<16xf32> to tensor<1xf32>
  %x4 = tensor.insert_slice %s3 into %x3[4] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %s4 = tensor.extract_slice %x4[0] [1] [1] : tensor<16xf32> to tensor<1xf32>
  %x5 = tensor.insert_slice %s4 into %x4[5] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %s5 = tensor.extract_slice %x5[0] [1] [1] : tensor<16xf32> to tensor<1xf32>
  %x6 = tensor.insert_slice %s5 into %x5[6] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %s6 = tensor.extract_slice %x6[0] [1] [1] : tensor<16xf32> to tensor<1xf32>
  %x7 = tensor.insert_slice %s6 into %x6[7] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %s7 = tensor.extract_slice %x7[0] [1] [1] : tensor<16xf32> to tensor<1xf32>
  %x8 = tensor.insert_slice %s7 into %x7[8] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %s8 = tensor.extract_slice %x8[0] [1] [1] : tensor<16xf32> to tensor<1xf32>
  %x9 = tensor.insert_slice %s8 into %x8[9] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %s9 = tensor.extract_slice %x9[0] [1] [1] : tensor<16xf32> to tensor<1xf32>
  %x10 = tensor.insert_slice %s9 into %x9[10] [1] [1] : tensor<1xf32> into tensor<16xf32>
  return %x10 : tensor<16xf32>
}

// CHECK-LABEL: func.func @short(
// CHECK-NOT:   alloc
// CHECK:       return
func.func @short(%s: tensor<?xf32>, %n: index) -> tensor<16x?xf32> {
  %x0 = tensor.empty(%n) : tensor<16x?xf32>
  %x1 = tensor.insert_slice %s into %x0[0, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x2 = tensor.insert_slice %s into %x1[1, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x3 = tensor.insert_slice %s into %x2[2, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x4 = tensor.insert_slice %s into %x3[3, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x5 = tensor.insert_slice %s into %x4[4, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x6 = tensor.insert_slice %s into %x5[5, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x7 = tensor.insert_slice %s into %x6[6, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x8 = tensor.insert_slice %s into %x7[7, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  return %x8 : tensor<16x?xf32>
}

// CHECK-LABEL:   func.func @written(
// CHECK:           %[[M:.*]] = memref.alloc(%{{.*}}) : memref<16x?xf32>
// CHECK-NEXT:      %[[P:.*]] = memref.subview %[[M]][0, 0] [1, %{{.*}}] [1, 1]
// CHECK-NEXT:      materialize_in_destination %{{.*}} in writable %[[P]]
// CHECK-COUNT-8:   memref.subview %[[M]]
// CHECK-NOT:       memref.subview %[[M]]
// CHECK:           %[[T:.*]] = bufferization.to_tensor %[[M]] restrict writable
// CHECK-NEXT:      return %[[T]]
func.func @written(%s: tensor<?xf32>, %n: index) -> tensor<16x?xf32> {
  %x0 = tensor.empty(%n) : tensor<16x?xf32>
  %x1 = tensor.insert_slice %s into %x0[0, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x2 = tensor.insert_slice %s into %x1[1, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x3 = tensor.insert_slice %s into %x2[2, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x4 = tensor.insert_slice %s into %x3[3, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x5 = tensor.insert_slice %s into %x4[4, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x6 = tensor.insert_slice %s into %x5[5, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x7 = tensor.insert_slice %s into %x6[6, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x8 = tensor.insert_slice %s into %x7[7, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x9 = tensor.insert_slice %s into %x8[8, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  return %x9 : tensor<16x?xf32>
}

// What the pieces are inserted into comes first.
// CHECK-LABEL:   func.func @onto(
// CHECK:           %[[M:.*]] = memref.alloc(%{{.*}}) : memref<16x?xf32>
// CHECK-NEXT:      materialize_in_destination %arg2 in writable %[[M]]
// CHECK-COUNT-9:   memref.subview %[[M]]
func.func @onto(%s: tensor<?xf32>, %n: index, %x0: tensor<16x?xf32>) -> tensor<16x?xf32> {
  %x1 = tensor.insert_slice %s into %x0[0, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x2 = tensor.insert_slice %s into %x1[1, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x3 = tensor.insert_slice %s into %x2[2, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x4 = tensor.insert_slice %s into %x3[3, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x5 = tensor.insert_slice %s into %x4[4, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x6 = tensor.insert_slice %s into %x5[5, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x7 = tensor.insert_slice %s into %x6[6, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x8 = tensor.insert_slice %s into %x7[7, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  %x9 = tensor.insert_slice %s into %x8[8, 0] [1, %n] [1, 1] : tensor<?xf32> into tensor<16x?xf32>
  return %x9 : tensor<16x?xf32>
}
