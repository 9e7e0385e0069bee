// RUN: ssm-opt %s --convert-onnx-to-linalg --split-input-file --verify-diagnostics | FileCheck %s

// Encodings go; extents stay in the signature and as symbols at the entry.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32> {onnx.name = "x"}) -> (tensor<?x4x16xf32> {onnx.name = "y"})
// CHECK-SAME: ssm.signature = {inputs = [{dims = #{{.*}}, dtype = 1 : i64, name = "x"}], outputs = [{dims = #{{.*}}, dtype = 1 : i64, name = "y"}], symbols = ["L"]}
// CHECK: %[[L:.*]] = onnx.symbol "L"
// CHECK-NOT: onnx.node
// CHECK: tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2]] output_shape [%[[L]], 4, 16]
module attributes {onnx.symbols = ["L"]} {
  func.func @forward(%x: tensor<?x64xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 64)>>> {onnx.name = "x"}) -> (!onnx.unknown {onnx.name = "y"}) {
    %shape = onnx.constant dense<[0, 4, 16]> : tensor<3xi64>
    %y = onnx.node "Reshape"(%x, %shape) version 20 : (tensor<?x64xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 64)>>>, tensor<3xi64>) -> !onnx.unknown
    return %y : !onnx.unknown
  }
}

// -----

// A constant row of indices that fills a row of the data is inserted as one
// slice; other indices are written one by one, moved inside of the data.
// CHECK-LABEL: func.func @scatter
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 3] [2, 1] [1, 1] : tensor<2x1xf32> into tensor<2x8xf32>
// CHECK: scf.for
// CHECK: arith.minsi
// CHECK: arith.maxsi
// CHECK: tensor.insert
func.func @scatter(%data: tensor<2x8xf32>, %indices: tensor<2x1xi64>, %updates: tensor<2x1xf32>) -> (tensor<2x8xf32>) {
  %three = onnx.constant dense<3> : tensor<2x1xi64>
  %0 = onnx.node "ScatterElements"(%data, %three, %updates) version 20 attrs {axis = 1 : i64} : (tensor<2x8xf32>, tensor<2x1xi64>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %1 = onnx.node "ScatterElements"(%0, %indices, %updates) version 20 attrs {axis = 1 : i64} : (tensor<2x8xf32>, tensor<2x1xi64>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return %1 : tensor<2x8xf32>
}

// -----

// A Scan is a recurrence, whatever its length.
// CHECK-LABEL: func.func @scan
// CHECK: ssm.recurrence axes[1, 1] ins(%{{.*}} : tensor<2x?x8xf32>)
// CHECK-SAME: states(%{{.*}} : tensor<2x8xf32>)
// CHECK: ^bb0(%[[XT:.*]]: tensor<2x8xf32>, %[[H:.*]]: tensor<2x8xf32>):
// CHECK: %[[N:.*]] = linalg.generic
// CHECK: %[[S:.*]] = linalg.copy ins(%[[N]] : tensor<2x8xf32>) outs(%[[H]] : tensor<2x8xf32>)
// CHECK: ssm.yield %[[S]], %[[N]] : tensor<2x8xf32>, tensor<2x8xf32>
module attributes {onnx.symbols = ["L"]} {
  func.func @scan(%h0: tensor<2x8xf32>, %x: tensor<2x?x8xf32, #onnx.dims<["L"], affine_map<()[s0] -> (2, s0, 8)>>>) -> (!onnx.unknown, !onnx.unknown) {
    %0:2 = onnx.node "Scan"(%h0, %x) version 21 attrs {body = 0 : i64, num_scan_inputs = 1 : i64, scan_input_axes = array<i64: 1>, scan_output_axes = array<i64: 1>} {
    ^bb0(%h: !onnx.unknown, %xt: !onnx.unknown):
      %n = onnx.node "Add"(%h, %xt) version 21 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
      onnx.yield %n, %n : !onnx.unknown, !onnx.unknown
    } : (tensor<2x8xf32>, tensor<2x?x8xf32, #onnx.dims<["L"], affine_map<()[s0] -> (2, s0, 8)>>>) -> (!onnx.unknown, !onnx.unknown)
    return %0#0, %0#1 : !onnx.unknown, !onnx.unknown
  }
}

// -----

// A Loop that only its trip count ends is an scf.for; one with a condition an
// scf.while, whose rows are cut to those that were written.
// CHECK-LABEL: func.func @loops
// CHECK: scf.for
// CHECK: scf.while
// CHECK: tensor.extract_slice %{{.*}}[0, 0] [%{{.*}}, 4] [1, 1]
func.func @loops(%x: tensor<4xf32>, %go: tensor<i1>) -> (!onnx.unknown, !onnx.unknown) {
  %trips = onnx.constant dense<5> : tensor<i64>
  %none = onnx.none
  %0 = onnx.node "Loop"(%trips, %none, %x) version 21 attrs {body = 0 : i64} {
  ^bb0(%i: !onnx.unknown, %c: !onnx.unknown, %v: !onnx.unknown):
    %n = onnx.node "Add"(%v, %v) version 21 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    onnx.yield %c, %n : !onnx.unknown, !onnx.unknown
  } : (tensor<i64>, none, tensor<4xf32>) -> !onnx.unknown
  %1:2 = onnx.node "Loop"(%trips, %go, %x) version 21 attrs {body = 0 : i64} {
  ^bb0(%i: !onnx.unknown, %c: !onnx.unknown, %v: !onnx.unknown):
    %n = onnx.node "Add"(%v, %v) version 21 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    %sum = onnx.node "ReduceSum"(%n) version 21 attrs {keepdims = 0 : i64} : (!onnx.unknown) -> !onnx.unknown
    %limit = onnx.constant dense<1.0> : tensor<f32>
    %more = onnx.node "Less"(%sum, %limit) version 21 : (!onnx.unknown, tensor<f32>) -> !onnx.unknown
    onnx.yield %more, %n, %n : !onnx.unknown, !onnx.unknown, !onnx.unknown
  } : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> (!onnx.unknown, !onnx.unknown)
  return %0, %1#0 : !onnx.unknown, !onnx.unknown
}

// -----

func.func @uncompiled(%x: tensor<4xf32>, %shape: tensor<2xi64>) -> !onnx.unknown {
  // expected-error @below {{dimension 0 of output '0' does not follow from the shapes of the inputs, and the model declares none that does}}
  %0 = onnx.node "Reshape"(%x, %shape) version 20 : (tensor<4xf32>, tensor<2xi64>) -> !onnx.unknown
  return %0 : !onnx.unknown
}
