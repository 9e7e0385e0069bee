// RUN: ssm-opt %s --onnx-infer-shapes --split-input-file --verify-diagnostics | FileCheck %s

// Shape arithmetic of an exporter: [B, L, 64] seen as [B, L, 4, 16] and back.
// CHECK-DAG: #[[X:.*]] = affine_map<()[s0, s1] -> (s0, s1, 64)>
// CHECK-DAG: #[[HEADS:.*]] = affine_map<()[s0, s1] -> (s0, s1, 4, 16)>
// CHECK: func.func @heads
// CHECK-SAME: -> tensor<?x?x64xf32, #onnx.dims<["B", "L"], #[[X]]>>
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @heads(%x: tensor<?x?x64xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 64)>>>) -> !onnx.unknown {
    %zero = onnx.constant dense<0> : tensor<1xi64>
    %one = onnx.constant dense<1> : tensor<1xi64>
    %heads = onnx.constant dense<[4, -1]> : tensor<2xi64>
    %shape = onnx.node "Shape"(%x) version 20 : (tensor<?x?x64xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 64)>>>) -> !onnx.unknown
    %b = onnx.node "Gather"(%shape, %zero) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    %l = onnx.node "Gather"(%shape, %one) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    %target = onnx.node "Concat"(%b, %l, %heads) version 20 attrs {axis = 0 : i64} : (!onnx.unknown, !onnx.unknown, tensor<2xi64>) -> !onnx.unknown
    // CHECK: "Reshape"
    // CHECK-SAME: -> tensor<?x?x4x16xf32, #onnx.dims<["B", "L"], #[[HEADS]]>>
    %y = onnx.node "Reshape"(%x, %target) version 20 : (tensor<?x?x64xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 64)>>>, !onnx.unknown) -> !onnx.unknown
    %flat = onnx.constant dense<[0, 0, -1]> : tensor<3xi64>
    %z = onnx.node "Reshape"(%y, %flat) version 20 : (!onnx.unknown, tensor<3xi64>) -> !onnx.unknown
    return %z : !onnx.unknown
  }
}

// -----

// A merged axis splits again by cancelling its factors.
// CHECK-DAG: #[[X:.*]] = affine_map<()[s0, s1] -> (s0, s1, 64)>
// CHECK-DAG: #[[ROWS:.*]] = affine_map<()[s0, s1] -> (s0 * s1, 64)>
// CHECK: func.func @merged
module attributes {onnx.symbols = ["B", "L"]} {
  func.func @merged(%x: tensor<?x?x64xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 64)>>>) -> !onnx.unknown {
    %rows = onnx.constant dense<[-1, 64]> : tensor<2xi64>
    // CHECK: "Reshape"
    // CHECK-SAME: -> tensor<?x64xf32, #onnx.dims<["B", "L"], #[[ROWS]]>>
    %y = onnx.node "Reshape"(%x, %rows) version 20 : (tensor<?x?x64xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 64)>>>, tensor<2xi64>) -> !onnx.unknown
    %shape = onnx.node "Shape"(%x) version 20 attrs {start = 1 : i64, end = 2 : i64} : (tensor<?x?x64xf32, #onnx.dims<["B", "L"], affine_map<()[s0, s1] -> (s0, s1, 64)>>>) -> !onnx.unknown
    %open = onnx.constant dense<-1> : tensor<1xi64>
    %rest = onnx.constant dense<64> : tensor<1xi64>
    %target = onnx.node "Concat"(%open, %shape, %rest) version 20 attrs {axis = 0 : i64} : (tensor<1xi64>, !onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    // CHECK: "Reshape"
    // CHECK-SAME: -> tensor<?x?x64xf32, #onnx.dims<["B", "L"], #[[X]]>>
    %z = onnx.node "Reshape"(%y, %target) version 20 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    return %z : !onnx.unknown
  }
}

// -----

// The end of a slice lies inside of the padded extent, whatever L is.
// CHECK-DAG: #[[Y:.*]] = affine_map<()[s0] -> (s0, 8)>
// CHECK-DAG: #[[Z:.*]] = affine_map<()[s0, s1] -> (s1)>
// CHECK: func.func @slice
module attributes {onnx.symbols = ["L"]} {
  func.func @slice(%x: tensor<?x8xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0 + (s0 * 7) mod 8, 8)>>>, %l: tensor<?xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>) -> (!onnx.unknown, !onnx.unknown) {
    %zero = onnx.constant dense<0> : tensor<1xi64>
    %end = onnx.node "Shape"(%l) version 20 : (tensor<?xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown
    // CHECK: "Slice"
    // CHECK-SAME: -> tensor<?x8xf32, #onnx.dims<["L"], #[[Y]]>>
    %y = onnx.node "Slice"(%x, %zero, %end) version 20 : (tensor<?x8xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0 + (s0 * 7) mod 8, 8)>>>, tensor<1xi64>, !onnx.unknown) -> !onnx.unknown
    // It is not known here: the length is a symbol of its own.
    %three = onnx.constant dense<3> : tensor<1xi64>
    // CHECK: "Slice"
    // CHECK-SAME: -> tensor<?xf32, #onnx.dims<["L", "slice"], #[[Z]]>>
    %z = onnx.node "Slice"(%l, %zero, %three) version 20 : (tensor<?xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
    return %y, %z : !onnx.unknown, !onnx.unknown
  }
}

// -----

// Padded to whole chunks, cut into them, joined and trimmed: L again.
// CHECK-DAG: #[[CHUNKS:.*]] = affine_map<()[s0] -> (s0 ceildiv 8, 8, 4)>
// CHECK-DAG: #[[L:.*]] = affine_map<()[s0] -> (s0, 4)>
// CHECK: func.func @chunks
// CHECK-SAME: -> tensor<?x4xf32, #onnx.dims<["L"], #[[L]]>>
// CHECK: "Reshape"
// CHECK-SAME: -> tensor<?x8x4xf32, #onnx.dims<["L"], #[[CHUNKS]]>>
module attributes {onnx.symbols = ["L"]} {
  func.func @chunks(%x: tensor<?x4xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 4)>>>) -> !onnx.unknown {
    %zero = onnx.constant dense<0> : tensor<1xi64>
    %eight = onnx.constant dense<8> : tensor<1xi64>
    %l = onnx.node "Shape"(%x) version 20 attrs {end = 1 : i64} : (tensor<?x4xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 4)>>>) -> !onnx.unknown
    %rest = onnx.node "Mod"(%l, %eight) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    %more = onnx.node "Sub"(%eight, %rest) version 20 : (tensor<1xi64>, !onnx.unknown) -> !onnx.unknown
    %pad = onnx.node "Mod"(%more, %eight) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    %pads = onnx.node "Concat"(%zero, %zero, %pad, %zero) version 20 attrs {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>, !onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    %padded = onnx.node "Pad"(%x, %pads) version 20 : (tensor<?x4xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 4)>>>, !onnx.unknown) -> !onnx.unknown
    %split = onnx.constant dense<[-1, 8, 4]> : tensor<3xi64>
    %chunks = onnx.node "Reshape"(%padded, %split) version 20 : (!onnx.unknown, tensor<3xi64>) -> !onnx.unknown
    %join = onnx.constant dense<[-1, 4]> : tensor<2xi64>
    %joined = onnx.node "Reshape"(%chunks, %join) version 20 : (!onnx.unknown, tensor<2xi64>) -> !onnx.unknown
    %trimmed = onnx.node "Slice"(%joined, %zero, %l) version 20 : (!onnx.unknown, tensor<1xi64>, !onnx.unknown) -> !onnx.unknown
    return %trimmed : !onnx.unknown
  }
}

// -----

// The destinations of a mixer follow its inputs.
// CHECK: func.func @mixer
module attributes {onnx.symbols = ["L"]} {
  func.func @mixer(%a: tensor<2x?x64xf32, #onnx.dims<["L"], affine_map<()[s0] -> (2, s0, 64)>>>) -> tensor<2x24x64xf32> {
    %h = tensor.empty() : tensor<2x24x64xf32>
    %s = onnx.constant dense<0.0> : tensor<2x64xf32>
    // CHECK: %[[L:.*]] = onnx.symbol "L"
    // CHECK: %[[H:.*]] = tensor.empty(%[[L]]) : tensor<2x?x64xf32, #onnx.dims
    // CHECK: ssm.scan
    // CHECK-SAME: outs(%[[H]]
    %r:2 = "ssm.scan"(%a, %a, %h, %s) {dimension = 1 : i64} : (tensor<2x?x64xf32, #onnx.dims<["L"], affine_map<()[s0] -> (2, s0, 64)>>>, tensor<2x?x64xf32, #onnx.dims<["L"], affine_map<()[s0] -> (2, s0, 64)>>>, tensor<2x24x64xf32>, tensor<2x64xf32>) -> (tensor<2x24x64xf32>, tensor<2x64xf32>)
    return %r#0 : tensor<2x24x64xf32>
  }
}

// -----

// So does a state that is stored for every row of the traced batch, if the rows are
// alike.
// CHECK: func.func @rows
module attributes {onnx.symbols = ["B"]} {
  func.func @rows(%a: tensor<?x24x3xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 24, 3)>>>) -> tensor<2x24x3xf32> {
    %h = tensor.empty() : tensor<2x24x3xf32>
    // CHECK: %[[ROW:.*]] = onnx.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]>
    // CHECK: linalg.broadcast ins(%[[ROW]] : tensor<3xf32>) outs(%{{.*}} : tensor<?x3xf32, #onnx.dims<["B"], {{.*}}>>) dimensions = [0]
    %s = onnx.constant dense<[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]> : tensor<2x3xf32>
    %r:2 = "ssm.scan"(%a, %a, %h, %s) {dimension = 1 : i64} : (tensor<?x24x3xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 24, 3)>>>, tensor<?x24x3xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 24, 3)>>>, tensor<2x24x3xf32>, tensor<2x3xf32>) -> (tensor<2x24x3xf32>, tensor<2x3xf32>)
    return %r#0 : tensor<2x24x3xf32>
  }
}

// -----

module attributes {onnx.symbols = ["B"]} {
  func.func @unlike(%a: tensor<?x24x3xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 24, 3)>>>) -> tensor<2x24x3xf32> {
    %h = tensor.empty() : tensor<2x24x3xf32>
    %s = onnx.constant dense<[[1.0, 2.0, 3.0], [1.0, 2.0, 4.0]]> : tensor<2x3xf32>
    // expected-error @below {{begins with a state of the traced size (2x3) whose rows are not alike, so that one of another size is not known}}
    %r:2 = "ssm.scan"(%a, %a, %h, %s) {dimension = 1 : i64} : (tensor<?x24x3xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 24, 3)>>>, tensor<?x24x3xf32, #onnx.dims<["B"], affine_map<()[s0] -> (s0, 24, 3)>>>, tensor<2x24x3xf32>, tensor<2x3xf32>) -> (tensor<2x24x3xf32>, tensor<2x3xf32>)
    return %r#0 : tensor<2x24x3xf32>
  }
}

// -----

func.func @uneven(%x: tensor<2x5xf32>) -> !onnx.unknown {
  %shape = onnx.constant dense<[3, -1]> : tensor<2xi64>
  // expected-error @below {{Reshape: cannot split its input evenly}}
  %y = onnx.node "Reshape"(%x, %shape) version 20 : (tensor<2x5xf32>, tensor<2xi64>) -> !onnx.unknown
  return %y : !onnx.unknown
}

// -----

func.func @unknown_operator(%x: tensor<2x5xf32>) -> !onnx.unknown {
  // expected-error @below {{com.example.Mystery: this operator is not supported}}
  %y = onnx.node "Mystery"(%x) domain "com.example" : (tensor<2x5xf32>) -> !onnx.unknown
  return %y : !onnx.unknown
}

// -----

// Division as an exporter of Python's writes it, rounded down by the sign, of a
// length in whole chunks: by the size of a chunk, and by the number of chunks.
// CHECK-DAG: #[[CHUNKS:.*]] = affine_map<()[s0] -> (s0 ceildiv 8, 8)>
// CHECK: func.func @chunks
// CHECK: onnx.node "Expand"{{.*}} -> tensor<?x8xf32, #onnx.dims<["L"], #[[CHUNKS]]>>
module attributes {onnx.symbols = ["L"]} {
  func.func @chunks(%x: tensor<?xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown {
    %eight = onnx.constant dense<8> : tensor<1xi64>
    %one = onnx.constant dense<1> : tensor<1xi64>
    %length = onnx.node "Shape"(%x) version 20 : (tensor<?xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown
    %rest = onnx.node "Mod"(%length, %eight) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    %lack = onnx.node "Sub"(%eight, %rest) version 20 : (tensor<1xi64>, !onnx.unknown) -> !onnx.unknown
    %pad = onnx.node "Mod"(%lack, %eight) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    %whole = onnx.node "Add"(%length, %pad) version 20 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    %sign = onnx.node "Sign"(%whole) version 20 : (!onnx.unknown) -> !onnx.unknown
    %positive = onnx.node "Equal"(%sign, %one) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    %negative = onnx.node "Not"(%positive) version 20 : (!onnx.unknown) -> !onnx.unknown
    %q0 = onnx.node "Div"(%whole, %eight) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    %r0 = onnx.node "Mod"(%whole, %eight) version 20 : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
    %b0 = onnx.node "Cast"(%r0) version 20 attrs {to = 9 : i64} : (!onnx.unknown) -> !onnx.unknown
    %a0 = onnx.node "And"(%negative, %b0) version 20 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    %c0 = onnx.node "Cast"(%a0) version 20 attrs {to = 7 : i64} : (!onnx.unknown) -> !onnx.unknown
    %chunks = onnx.node "Sub"(%q0, %c0) version 20 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    %q1 = onnx.node "Div"(%whole, %chunks) version 20 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    %r1 = onnx.node "Mod"(%whole, %chunks) version 20 attrs {fmod = 0 : i64} : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    %b1 = onnx.node "Cast"(%r1) version 20 attrs {to = 9 : i64} : (!onnx.unknown) -> !onnx.unknown
    %a1 = onnx.node "And"(%b1, %negative) version 20 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    %c1 = onnx.node "Cast"(%a1) version 20 attrs {to = 7 : i64} : (!onnx.unknown) -> !onnx.unknown
    %size = onnx.node "Sub"(%q1, %c1) version 20 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    %target = onnx.node "Concat"(%chunks, %size) version 20 attrs {axis = 0 : i64} : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    %value = onnx.constant dense<1.0> : tensor<f32>
    %y = onnx.node "Expand"(%value, %target) version 20 : (tensor<f32>, !onnx.unknown) -> !onnx.unknown
    return %y : !onnx.unknown
  }
}

// -----

// What outputs declare of extents need not be so; of elements it must.
// expected-error @below {{output 'y' is declared to have elements of type 'i64', and has 'f32': correct the type that the model declares, or cast the value}}
func.func @declared(%x: tensor<2x3xf32>) -> (!onnx.unknown {onnx.declared = tensor<2x3xi64>, onnx.name = "y"}) {
  %y = onnx.node "Neg"(%x) version 20 : (tensor<2x3xf32>) -> !onnx.unknown
  return %y : !onnx.unknown
}
