// An entry on tensors becomes functions of raw pointers.
// RUN: ssm-opt %s --ssm-lower-entries | FileCheck %s

// CHECK: module attributes {ssm.entries = {forward = {inputs = [{dims = [[MAP:#map[0-9]*]]
// CHECK-LABEL: func.func @ssm_forward_dims(%arg0: !llvm.ptr, %arg1: !llvm.ptr)
// CHECK:         %[[L:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> i64
// CHECK:         llvm.store %{{.*}}, %{{.*}} : i64, !llvm.ptr
// CHECK:         %[[AT:.*]] = llvm.getelementptr %arg1[1] : (!llvm.ptr) -> !llvm.ptr, i64
// CHECK:         llvm.store %{{.*}}, %[[AT]] : i64, !llvm.ptr

// CHECK-LABEL: func.func @ssm_forward_run(
// CHECK-SAME:    %arg0: !llvm.ptr, %arg1: !llvm.ptr, %arg2: !llvm.ptr, %arg3: !llvm.ptr, %arg4: !llvm.ptr, %arg5: !llvm.ptr) -> i32 attributes {ssm.entry = "forward"}
// CHECK:         %[[L:.*]] = arith.index_cast
// CHECK:         %[[IN:.*]] = memref.view %{{.*}}[%{{.*}}][%{{.*}}] : memref<?xi8> to memref<?x4xf32>
// CHECK:         %[[X:.*]] = bufferization.to_tensor %[[IN]] restrict
// CHECK:         %[[OUT:.*]] = memref.view %{{.*}} : memref<?xi8> to memref<?x4xf32>
// CHECK:         %[[E:.*]] = tensor.empty(%[[L]])
// CHECK:         %[[Y:.*]] = linalg.exp ins(%[[X]]
// CHECK:         bufferization.materialize_in_destination %[[Y]] in restrict writable %[[OUT]]
// CHECK:         return %{{.*}} : i32
func.func @forward(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
    attributes {ssm.signature = {symbols = ["L"],
      inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0 + 1, 4)>}],
      outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0 + 1, 4)>}]}} {
  %L = onnx.symbol "L"
  %e = tensor.empty(%L) : tensor<?x4xf32>
  %y = linalg.exp ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// A state in place is read where it is written.
// CHECK-LABEL: func.func @ssm_step_run(
// CHECK:         %[[X:.*]] = bufferization.to_tensor %{{.*}} restrict : memref<4xf32>
// CHECK:         %[[STATE:.*]] = memref.view
// CHECK:         %[[BEFORE:.*]] = bufferization.to_tensor %[[STATE]] restrict writable : memref<9x4xf32>
// CHECK:         %[[AFTER:.*]] = tensor.insert_slice %[[X]] into %[[BEFORE]]
// CHECK:         bufferization.materialize_in_destination %[[AFTER]] in restrict writable %[[STATE]]
func.func @step(%before: tensor<9x4xf32>, %x: tensor<4xf32>) -> tensor<9x4xf32>
    attributes {ssm.signature = {symbols = [],
      inputs = [{name = "s", dtype = 1 : i64, dims = affine_map<() -> (9, 4)>}, {name = "x", dtype = 1 : i64, dims = affine_map<() -> (4)>}],
      outputs = [{name = "s", dtype = 1 : i64, dims = affine_map<() -> (9, 4)>}],
      states = [{name = "s", input = 0, output = 0, initial = 0.0 : f64, in_place}]}} {
  %after = tensor.insert_slice %x into %before[3, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<9x4xf32>
  return %after : tensor<9x4xf32>
}
