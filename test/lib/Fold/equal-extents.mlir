// RUN: ssm-opt %s --onnx-infer-shapes --split-input-file --verify-diagnostics | FileCheck %s

// Symbols that meet where extents must be equal are one symbol, that of the
// first input: binding the inputs then checks it.
// CHECK-DAG: #[[N:.*]] = affine_map<()[s0] -> (s0)>
// CHECK: func.func @add
// CHECK-SAME: tensor<?xf32, #onnx.dims<["N"], #[[N]]>>
// CHECK-SAME: tensor<?xf32, #onnx.dims<["N"], #[[N]]>>
module attributes {onnx.symbols = ["N", "M"]} {
  func.func @add(%a: tensor<?xf32, #onnx.dims<["N"], affine_map<()[s0] -> (s0)>>>, %b: tensor<?xf32, #onnx.dims<["M"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown {
    %y = onnx.node "Add"(%a, %b) version 18 : (tensor<?xf32, #onnx.dims<["N"], affine_map<()[s0] -> (s0)>>>, tensor<?xf32, #onnx.dims<["M"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown
    return %y : !onnx.unknown
  }
}

// -----

// The parts of a Split say how long its input is.
// CHECK: func.func @split
// CHECK-SAME: tensor<17xf32>
module attributes {onnx.symbols = ["N"]} {
  func.func @split(%a: tensor<?xf32, #onnx.dims<["N"], affine_map<()[s0] -> (s0)>>>) -> (!onnx.unknown, !onnx.unknown) {
    %parts = onnx.constant dense<[16, 1]> : tensor<2xi64>
    %x, %y = onnx.node "Split"(%a, %parts) version 18 : (tensor<?xf32, #onnx.dims<["N"], affine_map<()[s0] -> (s0)>>>, tensor<2xi64>) -> (!onnx.unknown, !onnx.unknown)
    return %x, %y : !onnx.unknown, !onnx.unknown
  }
}

// -----

// A length that is the sum of two others.
// CHECK-DAG: #[[SUM:.*]] = affine_map<()[s0, s1] -> (s0 + s1)>
// CHECK: func.func @total
// CHECK-SAME: %[[MASK:.*]]: tensor<?xf32, #onnx.dims<["past", "new"], #[[SUM]]>>)
module attributes {onnx.symbols = ["past", "new", "total"]} {
  func.func @total(%p: tensor<?xf32, #onnx.dims<["past"], affine_map<()[s0] -> (s0)>>>, %n: tensor<?xf32, #onnx.dims<["new"], affine_map<()[s0] -> (s0)>>>, %mask: tensor<?xf32, #onnx.dims<["total"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown {
    %all = onnx.node "Concat"(%p, %n) version 18 attrs {axis = 0 : i64} : (tensor<?xf32, #onnx.dims<["past"], affine_map<()[s0] -> (s0)>>>, tensor<?xf32, #onnx.dims<["new"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown
    %y = onnx.node "Mul"(%all, %mask) version 18 : (!onnx.unknown, tensor<?xf32, #onnx.dims<["total"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown
    return %y : !onnx.unknown
  }
}

// -----

// A constant decides.
// CHECK: func.func @product(%{{.*}}: tensor<2x3xf32>)
module attributes {onnx.symbols = ["K"]} {
  func.func @product(%a: tensor<2x?xf32, #onnx.dims<["K"], affine_map<()[s0] -> (2, s0)>>>) -> !onnx.unknown {
    %w = onnx.constant dense<1.0> : tensor<3x4xf32>
    %y = onnx.node "MatMul"(%a, %w) version 18 : (tensor<2x?xf32, #onnx.dims<["K"], affine_map<()[s0] -> (2, s0)>>>, tensor<3x4xf32>) -> !onnx.unknown
    return %y : !onnx.unknown
  }
}

// -----

// Of two sums the last symbol is what is missing.
// CHECK-DAG: #[[REST:.*]] = affine_map<()[s0, s1, s2] -> (s0 + s1 - s2)>
// CHECK: func.func @sums
// CHECK-SAME: tensor<?xf32, #onnx.dims<["N", "M", "K"], #[[REST]]>>)
module attributes {onnx.symbols = ["N", "M", "K", "P"]} {
  func.func @sums(%x: tensor<?xf32, #onnx.dims<["N"], affine_map<()[s0] -> (s0)>>>, %y: tensor<?xf32, #onnx.dims<["M"], affine_map<()[s0] -> (s0)>>>, %z: tensor<?xf32, #onnx.dims<["K"], affine_map<()[s0] -> (s0)>>>, %w: tensor<?xf32, #onnx.dims<["P"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown {
    %a = onnx.node "Concat"(%x, %y) version 18 attrs {axis = 0 : i64} : (tensor<?xf32, #onnx.dims<["N"], affine_map<()[s0] -> (s0)>>>, tensor<?xf32, #onnx.dims<["M"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown
    %b = onnx.node "Concat"(%z, %w) version 18 attrs {axis = 0 : i64} : (tensor<?xf32, #onnx.dims<["K"], affine_map<()[s0] -> (s0)>>>, tensor<?xf32, #onnx.dims<["P"], affine_map<()[s0] -> (s0)>>>) -> !onnx.unknown
    %o = onnx.node "Add"(%a, %b) version 18 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    return %o : !onnx.unknown
  }
}

// -----

// A multiple decides too.
// CHECK: func.func @rows(%{{.*}}: tensor<2x24xf32>)
module attributes {onnx.symbols = ["N"]} {
  func.func @rows(%x: tensor<?x24xf32, #onnx.dims<["N"], affine_map<()[s0] -> (s0, 24)>>>) -> !onnx.unknown {
    %shape = onnx.constant dense<[2, 24]> : tensor<2xi64>
    %o = onnx.node "Reshape"(%x, %shape) version 18 : (tensor<?x24xf32, #onnx.dims<["N"], affine_map<()[s0] -> (s0, 24)>>>, tensor<2xi64>) -> !onnx.unknown
    return %o : !onnx.unknown
  }
}
