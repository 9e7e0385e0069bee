// Of ten insertions with reads in between the ninth goes into a copy. A chain
// that nothing reads before its end is left alone.
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

// CHECK-LABEL: func.func @written(
// CHECK-NOT:   alloc_tensor
// CHECK:       return
func.func @written(%s: tensor<1xf32>) -> tensor<16xf32> {
  %x0 = tensor.empty() : tensor<16xf32>
  %x1 = tensor.insert_slice %s into %x0[0] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %x2 = tensor.insert_slice %s into %x1[1] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %x3 = tensor.insert_slice %s into %x2[2] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %x4 = tensor.insert_slice %s into %x3[3] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %x5 = tensor.insert_slice %s into %x4[4] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %x6 = tensor.insert_slice %s into %x5[5] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %x7 = tensor.insert_slice %s into %x6[6] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %x8 = tensor.insert_slice %s into %x7[7] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %x9 = tensor.insert_slice %s into %x8[8] [1] [1] : tensor<1xf32> into tensor<16xf32>
  %x10 = tensor.insert_slice %s into %x9[9] [1] [1] : tensor<1xf32> into tensor<16xf32>
  return %x10 : tensor<16xf32>
}
