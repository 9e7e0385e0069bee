// RUN: ssm-opt %s --ssm-copy-states | FileCheck %s

// An input that must not be written is copied, in sight of what finds the output.
// CHECK-LABEL: func.func @only_read
// CHECK: %[[state:.*]] = bufferization.to_tensor
// CHECK: %[[extent:.*]] = tensor.dim %[[state]]
// CHECK: %[[empty:.*]] = tensor.empty(%[[extent]])
// CHECK: %[[copy:.*]] = linalg.copy ins(%[[state]] : tensor<?x8xf32>) outs(%[[empty]] : tensor<?x8xf32>)
// CHECK: ssm.scan {{.*}} outs(%{{.*}}, %[[copy]] :
func.func @only_read(%m: memref<?x8xf32>, %x: tensor<?x4x8xf32>, %y: tensor<?x4x8xf32>) -> tensor<?x8xf32> {
  %state = bufferization.to_tensor %m restrict : memref<?x8xf32> to tensor<?x8xf32>
  %h:2 = ssm.scan dimension(1) ins(%x, %x : tensor<?x4x8xf32>, tensor<?x4x8xf32>) outs(%y, %state : tensor<?x4x8xf32>, tensor<?x8xf32>) -> tensor<?x4x8xf32>, tensor<?x8xf32>
  return %h#1 : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @in_place
// CHECK-NOT: linalg.copy
func.func @in_place(%m: memref<?x8xf32>, %x: tensor<?x4x8xf32>, %y: tensor<?x4x8xf32>) -> tensor<?x8xf32> {
  %state = bufferization.to_tensor %m restrict writable : memref<?x8xf32> to tensor<?x8xf32>
  %h:2 = ssm.scan dimension(1) ins(%x, %x : tensor<?x4x8xf32>, tensor<?x4x8xf32>) outs(%y, %state : tensor<?x4x8xf32>, tensor<?x8xf32>) -> tensor<?x4x8xf32>, tensor<?x8xf32>
  return %h#1 : tensor<?x8xf32>
}
