// RUN: ssm-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: func @fill_of_output
func.func @fill_of_output(%a: tensor<2x?x64xf32>, %h: tensor<2x?x64xf32>, %s: tensor<2x64xf32>) -> (tensor<2x?x64xf32>, tensor<2x64xf32>) {
  // CHECK: %[[ZERO:.*]] = linalg.fill {{.*}} -> tensor<2x64xf32>
  // CHECK-NOT: linalg.fill
  // CHECK: ssm.scan {{.*}} outs(%arg1, %[[ZERO]] :
  %zero = arith.constant 0.0 : f32
  %h0 = linalg.fill ins(%zero : f32) outs(%h : tensor<2x?x64xf32>) -> tensor<2x?x64xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%s : tensor<2x64xf32>) -> tensor<2x64xf32>
  %0, %1 = ssm.scan dimension(1) ins(%a, %a : tensor<2x?x64xf32>, tensor<2x?x64xf32>)
    outs(%h0, %s0 : tensor<2x?x64xf32>, tensor<2x64xf32>) -> tensor<2x?x64xf32>, tensor<2x64xf32>
  return %0, %1 : tensor<2x?x64xf32>, tensor<2x64xf32>
}

// CHECK-LABEL: func @no_steps
// CHECK-SAME: (%[[X:.*]]: tensor<2x0x8xf32>, %{{.*}}, %[[S:.*]]: tensor<2x3x8xf32>)
func.func @no_steps(%x: tensor<2x0x8xf32>, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32>) -> (tensor<2x0x8xf32>, tensor<2x3x8xf32>) {
  // CHECK-NEXT: return %[[X]], %[[S]]
  %0, %1 = ssm.short_conv ins(%x, %w : tensor<2x0x8xf32>, tensor<8x4xf32>)
    outs(%x, %s : tensor<2x0x8xf32>, tensor<2x3x8xf32>) -> tensor<2x0x8xf32>, tensor<2x3x8xf32>
  return %0, %1 : tensor<2x0x8xf32>, tensor<2x3x8xf32>
}

// CHECK-LABEL: func @dead
func.func @dead(%x: tensor<2x9x8xf32>, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32>) {
  // CHECK-NEXT: return
  %0, %1 = ssm.short_conv ins(%x, %w : tensor<2x9x8xf32>, tensor<8x4xf32>)
    outs(%x, %s : tensor<2x9x8xf32>, tensor<2x3x8xf32>) -> tensor<2x9x8xf32>, tensor<2x3x8xf32>
  return
}

// CHECK-LABEL: func @tensor_cast
// CHECK-SAME: (%[[A:.*]]: tensor<2x9x64xf32>, %[[S:.*]]: tensor<2x64xf32>)
func.func @tensor_cast(%a: tensor<2x9x64xf32>, %s: tensor<2x64xf32>) -> (tensor<2x?x64xf32>, index) {
  // CHECK: %[[N:.*]]:2 = ssm.scan dimension(1) ins(%[[A]], %[[A]] : tensor<2x9x64xf32>, tensor<2x9x64xf32>) outs(%[[A]], %[[S]] : tensor<2x9x64xf32>, tensor<2x64xf32>) -> tensor<2x9x64xf32>, tensor<2x64xf32>
  // CHECK: %[[R:.*]] = tensor.cast %[[N]]#0
  // CHECK: return %[[R]], %c9
  %0 = tensor.cast %a : tensor<2x9x64xf32> to tensor<2x?x64xf32>
  %h, %last = ssm.scan dimension(1) ins(%0, %0 : tensor<2x?x64xf32>, tensor<2x?x64xf32>)
    outs(%0, %s : tensor<2x?x64xf32>, tensor<2x64xf32>) -> tensor<2x?x64xf32>, tensor<2x64xf32>
  %c1 = arith.constant 1 : index
  %length = tensor.dim %h, %c1 : tensor<2x?x64xf32>
  return %h, %length : tensor<2x?x64xf32>, index
}

// CHECK-LABEL: func @memref_cast
// CHECK-SAME: (%[[A:.*]]: memref<2x9x64xf32>, %[[S:.*]]: memref<2x64xf32>)
func.func @memref_cast(%a: memref<2x9x64xf32>, %s: memref<2x64xf32>) {
  // CHECK-NEXT: ssm.scan dimension(1) ins(%[[A]], %[[A]] : {{.*}}) outs(%[[A]], %[[S]] : memref<2x9x64xf32>, memref<2x64xf32>)
  %0 = memref.cast %a : memref<2x9x64xf32> to memref<?x?x64xf32, strided<[?, ?, 1], offset: ?>>
  ssm.scan dimension(1) ins(%0, %0 : memref<?x?x64xf32, strided<[?, ?, 1], offset: ?>>, memref<?x?x64xf32, strided<[?, ?, 1], offset: ?>>)
    outs(%0, %s : memref<?x?x64xf32, strided<[?, ?, 1], offset: ?>>, memref<2x64xf32>)
  return
}

// The second sequence, the first output and the last two states go.
// CHECK-LABEL: func @recurrence
// CHECK-SAME: (%[[X:.*]]: tensor<5x2xf32>, %[[Z:.*]]: tensor<2x5xf32>, %[[S:.*]]: tensor<2xf32>, %[[C:.*]]: tensor<2xf32>)
func.func @recurrence(%x: tensor<5x2xf32>, %z: tensor<2x5xf32>, %s: tensor<2xf32>, %c: tensor<2xf32>) -> (tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>) {
  // CHECK: %[[R:.*]]:2 = ssm.recurrence axes[0, 0] reverse[false, true] ins(%[[X]] : tensor<5x2xf32>) outs(%[[X]] : tensor<5x2xf32>) states(%[[S]] : tensor<2xf32>) {
  // CHECK-NEXT: ^bb0(%[[XT:.*]]: tensor<2xf32>, %[[ST:.*]]: tensor<2xf32>):
  // CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[XT]], %[[ST]]
  // CHECK-NEXT: %[[PRODUCT:.*]] = arith.mulf %[[SUM]], %[[C]]
  // CHECK-NEXT: ssm.yield %[[SUM]], %[[PRODUCT]] : tensor<2xf32>, tensor<2xf32>
  // CHECK: return %[[R]]#0, %[[R]]#1, %[[C]]
  %0:5 = ssm.recurrence axes[0, 1, 1, 0] reverse[false, false, false, true] ins(%x, %z : tensor<5x2xf32>, tensor<2x5xf32>)
    outs(%z, %x : tensor<2x5xf32>, tensor<5x2xf32>) states(%s, %c, %s : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  ^bb0(%xt: tensor<2xf32>, %zt: tensor<2xf32>, %st: tensor<2xf32>, %ct: tensor<2xf32>, %unused: tensor<2xf32>):
    %1 = arith.addf %xt, %st : tensor<2xf32>
    %2 = arith.mulf %1, %ct : tensor<2xf32>
    ssm.yield %1, %ct, %1, %1, %2 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  } -> tensor<2x5xf32>, tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  return %0#1, %0#2, %0#3 : tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>
}

// A sequence that is not used still says how many steps there are.
// CHECK-LABEL: func @counted
func.func @counted(%x: tensor<?x2xf32>, %s: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK: ssm.recurrence axes[0] ins(%{{.*}} : tensor<?x2xf32>)
  %0 = ssm.recurrence axes[0] ins(%x : tensor<?x2xf32>) outs() states(%s : tensor<2xf32>) {
  ^bb0(%xt: tensor<2xf32>, %st: tensor<2xf32>):
    %1 = arith.addf %st, %st : tensor<2xf32>
    ssm.yield %1 : tensor<2xf32>
  } -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// A constant index leaves the sizes as they are: it is the third extent that is
// dropped, not the first, which is 1 too.
// CHECK-LABEL: func @place_of_slice
func.func @place_of_slice(%x: tensor<1x5x5x3xf32>) -> (tensor<1x5x3xf32>, tensor<?x3xf32>) {
  // CHECK: tensor.extract_slice %{{.*}}[0, 0, 2, 0] [1, 5, 1, 3] [1, 1, 1, 1] : tensor<1x5x5x3xf32> to tensor<1x5x3xf32>
  %two = arith.constant 2 : index
  %0 = tensor.extract_slice %x[0, 0, %two, 0] [1, 5, 1, 3] [1, 1, 1, 1] : tensor<1x5x5x3xf32> to tensor<1x5x3xf32>
  // CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [1, 2, 1, 3] [1, 2, 1, 1] : tensor<1x5x5x3xf32> to tensor<2x3xf32>
  // CHECK: tensor.cast %{{.*}} : tensor<2x3xf32> to tensor<?x3xf32>
  %1 = tensor.extract_slice %x[0, 0, 0, 0] [1, %two, 1, 3] [1, %two, 1, 1] : tensor<1x5x5x3xf32> to tensor<?x3xf32>
  return %0, %1 : tensor<1x5x3xf32>, tensor<?x3xf32>
}
