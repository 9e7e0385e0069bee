// RUN: ssm-opt %s --ssm-separate-results | FileCheck %s

// What does not read its destination gets an empty one; the first result may
// stay where it is computed.
// CHECK-LABEL: func.func @elementwise
// CHECK:         %[[Y:.*]] = linalg.exp
// CHECK:         %[[E:.*]] = tensor.empty() : tensor<4xf32>
// CHECK-NEXT:    linalg.mul ins(%[[Y]], %arg0 : {{.*}}) outs(%[[E]] :
func.func @elementwise(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %y = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %z = linalg.mul ins(%y, %x : tensor<4xf32>, tensor<4xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %z, %y : tensor<4xf32>, tensor<4xf32>
}

// A state that is read is copied.
// CHECK-LABEL: func.func @states
// CHECK:         %[[H:.*]]:2 = ssm.scan
// CHECK:         %[[C:.*]] = linalg.copy ins(%[[H]]#1 :
// CHECK-NEXT:    ssm.scan {{.*}} outs(%{{.*}}, %[[C]] :
func.func @states(%x: tensor<5x4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x4xf32>
  %e0 = tensor.empty() : tensor<4xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<4xf32>) -> tensor<4xf32>
  %h, %s = ssm.scan dimension(0) ins(%x, %x : tensor<5x4xf32>, tensor<5x4xf32>)
      outs(%e, %s0 : tensor<5x4xf32>, tensor<4xf32>) -> tensor<5x4xf32>, tensor<4xf32>
  %g, %t = ssm.scan dimension(0) ins(%x, %x : tensor<5x4xf32>, tensor<5x4xf32>)
      outs(%e, %s : tensor<5x4xf32>, tensor<4xf32>) -> tensor<5x4xf32>, tensor<4xf32>
  return %t, %s : tensor<4xf32>, tensor<4xf32>
}

// Nothing else wants what is written over, or it is not the caller's.
// CHECK-LABEL: func.func @alone
// CHECK-NOT:     linalg.copy
// CHECK:         %[[Y:.*]] = linalg.exp
// CHECK:         linalg.mul {{.*}} outs(%[[Y]] :
// CHECK:         linalg.exp {{.*}} outs(%arg1 :
func.func @alone(%x: tensor<4xf32>, %s: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %y = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %z = linalg.mul ins(%y, %x : tensor<4xf32>, tensor<4xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  %r = linalg.exp ins(%x : tensor<4xf32>) outs(%s : tensor<4xf32>) -> tensor<4xf32>
  return %z, %r, %s : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// A part that is written over is copied first, as what follows reads it.
// CHECK-LABEL: func.func @part
// CHECK:         %[[Y:.*]] = linalg.exp
// CHECK:         %[[COPY:.*]] = linalg.copy ins(%[[Y]] :
// CHECK:         %[[A:.*]] = tensor.extract_slice %[[COPY]][0]
// CHECK:         %[[B:.*]] = tensor.extract_slice %[[Y]][4]
// CHECK:         %[[C:.*]] = linalg.exp {{.*}} outs(%[[B]] :
// CHECK:         linalg.mul ins(%[[A]], %[[C]] : {{.*}} outs(%[[A]] :
func.func @part(%x: tensor<8xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %y = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %a = tensor.extract_slice %y[0] [4] [1] : tensor<8xf32> to tensor<4xf32>
  %b = tensor.extract_slice %y[4] [4] [1] : tensor<8xf32> to tensor<4xf32>
  %c = linalg.exp ins(%b : tensor<4xf32>) outs(%b : tensor<4xf32>) -> tensor<4xf32>
  %z = linalg.mul ins(%a, %c : tensor<4xf32>, tensor<4xf32>) outs(%a : tensor<4xf32>) -> tensor<4xf32>
  return %z : tensor<4xf32>
}
