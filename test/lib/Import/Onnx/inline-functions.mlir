// RUN: ssm-opt %s -onnx-inline-functions -mlir-print-debuginfo 2>&1 | FileCheck %s

// CHECK-DAG: warning: the model defines this operator as a function, which does not compute the same; the function is used
// CHECK-DAG: warning: the model defines this operator as a function, which cannot be compared with it; the function is used

module attributes {onnx.symbols = []} {
  // The call's attribute, the default, and neither; a left-out input; the
  // type of a constant that is returned; a call within a subgraph.
  // CHECK-LABEL: func.func @forward
  // CHECK-SAME: -> (!onnx.unknown {{.*}}, tensor<f32> {{.*}}, !onnx.unknown
  func.func @forward(%x: tensor<4xf32>, %p: tensor<i1>) -> (!onnx.unknown {onnx.name = "y"}, !onnx.unknown {onnx.name = "c"}, !onnx.unknown {onnx.name = "i"}) {
    // CHECK: %[[N:.*]] = onnx.none
    // CHECK: %[[LEAKY:.*]] = onnx.node "LeakyRelu"(%arg0) version 21 attrs {alpha = 3.000000e+00 : f32}{{.*}} loc(#[[LEAKYLOC:.*]])
    // CHECK: %[[C:.*]] = onnx.constant dense<5.000000e-01> : tensor<f32>
    // CHECK: %[[SOFT:.*]] = onnx.node "Softmax"(%[[LEAKY]]) version 21 : (
    // CHECK: %[[CLIP:.*]] = onnx.node "Clip"(%[[SOFT]], %[[N]])
    %y:2 = onnx.node "outer"(%x) domain "local" attrs {alpha = 3.0 : f32} attributes {onnx.function = @"local::outer"} : (tensor<4xf32>) -> (!onnx.unknown, !onnx.unknown) loc("call"("m.onnx":0:0))
    // CHECK: onnx.node "If"
    // CHECK: %[[IN:.*]] = onnx.node "LeakyRelu"(%[[CLIP]]) version 21 attrs {alpha = 2.000000e+00 : f32}
    // CHECK: onnx.yield %[[IN]]
    %i = onnx.node "If"(%p) version 21 attrs {else_branch = 0 : i64, then_branch = 0 : i64} {
      %z = onnx.node "inner"(%y#0) domain "local" attributes {onnx.function = @"local::inner"} : (!onnx.unknown) -> !onnx.unknown loc("deep"("m.onnx":0:0))
      onnx.yield %z : !onnx.unknown
    } : (tensor<i1>) -> !onnx.unknown
    return %y#0, %y#1, %i : !onnx.unknown, !onnx.unknown, !onnx.unknown
  }
  // An operator of the table stays where its definition agrees; else that is
  // used.
  // CHECK-LABEL: func.func @known
  // CHECK: %[[SUM:.*]] = onnx.node "Add"(%arg0, %arg0) version 21 :
  // CHECK-NOT: "Relu"
  // CHECK: %[[NEG:.*]] = onnx.node "Neg"(%[[SUM]])
  // CHECK: onnx.node "Odd"(%[[NEG]])
  func.func @known(%x: tensor<4xf32>) -> !onnx.unknown {
    %y = onnx.node "Add"(%x, %x) version 21 attributes {onnx.function = @"::Add"} : (tensor<4xf32>, tensor<4xf32>) -> !onnx.unknown
    %z = onnx.node "Relu"(%y) version 21 attributes {onnx.function = @"::Relu"} : (!onnx.unknown) -> !onnx.unknown
    %w = onnx.node "Exp"(%z) version 21 attributes {onnx.function = @"::Exp"} : (!onnx.unknown) -> !onnx.unknown
    return %w : !onnx.unknown
  }
  // What differs far from zero, or on integers that are no truth values, is not
  // what the operator computes.
  // CHECK-LABEL: func.func @elsewhere
  // CHECK-NOT: "Neg"
  // CHECK: onnx.node "Clip"
  // CHECK: onnx.node "Mul"
  // CHECK-NOT: "BitwiseAnd"
  // CHECK: return
  func.func @elsewhere(%x: tensor<4xf32>, %i: tensor<4xi64>) -> (!onnx.unknown, !onnx.unknown) {
    %y = onnx.node "Neg"(%x) version 21 attributes {onnx.function = @"::Neg"} : (tensor<4xf32>) -> !onnx.unknown
    %j = onnx.node "BitwiseAnd"(%i, %i) version 21 attributes {onnx.function = @"::BitwiseAnd"} : (tensor<4xi64>, tensor<4xi64>) -> !onnx.unknown
    return %y, %j : !onnx.unknown, !onnx.unknown
  }
  // CHECK-NOT: func.func
  func.func private @"::Neg"(%a: !onnx.unknown) -> !onnx.unknown attributes {onnx.parameters = {}} {
    %low = onnx.constant dense<-50.0> : tensor<f32>
    %high = onnx.constant dense<50.0> : tensor<f32>
    %zero = onnx.constant dense<0.0> : tensor<f32>
    %c = onnx.node "Clip"(%a, %low, %high) version 21 : (!onnx.unknown, tensor<f32>, tensor<f32>) -> !onnx.unknown
    %n = onnx.node "Sub"(%zero, %c) version 21 : (tensor<f32>, !onnx.unknown) -> !onnx.unknown
    return %n : !onnx.unknown
  }
  func.func private @"::BitwiseAnd"(%a: !onnx.unknown, %b: !onnx.unknown) -> !onnx.unknown attributes {onnx.parameters = {}} {
    %n = onnx.node "Mul"(%a, %b) version 21 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    return %n : !onnx.unknown
  }
  func.func private @"::Add"(%a: !onnx.unknown, %b: !onnx.unknown) -> !onnx.unknown attributes {onnx.parameters = {}} {
    %n = onnx.node "Neg"(%b) version 21 : (!onnx.unknown) -> !onnx.unknown
    %s = onnx.node "Sub"(%a, %n) version 21 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    return %s : !onnx.unknown
  }
  func.func private @"::Relu"(%a: !onnx.unknown) -> !onnx.unknown attributes {onnx.parameters = {}} {
    %n = onnx.node "Neg"(%a) version 21 : (!onnx.unknown) -> !onnx.unknown
    return %n : !onnx.unknown
  }
  func.func private @"::Exp"(%a: !onnx.unknown) -> !onnx.unknown attributes {onnx.parameters = {}} {
    %n = onnx.node "Odd"(%a) domain "somewhere" version 1 : (!onnx.unknown) -> !onnx.unknown
    return %n : !onnx.unknown
  }
  func.func private @"local::inner"(%a: !onnx.unknown) -> !onnx.unknown attributes {onnx.parameters = {alpha = 2.0 : f32}} {
    %r = onnx.node "LeakyRelu"(%a) version 21 attrs {alpha = #onnx.attr_ref<"alpha">} : (!onnx.unknown) -> !onnx.unknown loc("leaky"("m.onnx":0:0))
    return %r : !onnx.unknown
  }
  func.func private @"local::outer"(%a: !onnx.unknown, %b: !onnx.unknown) -> (!onnx.unknown, !onnx.unknown) attributes {onnx.parameters = {alpha, axis, half = 0.5 : f32}} {
    %r = onnx.node "inner"(%a) domain "local" attrs {alpha = #onnx.attr_ref<"alpha">} attributes {onnx.function = @"local::inner"} : (!onnx.unknown) -> !onnx.unknown loc("in"("m.onnx":0:0))
    %c = onnx.node "Constant"() version 21 attrs {value_float = #onnx.attr_ref<"half">} : () -> !onnx.unknown
    %s = onnx.node "Softmax"(%r) version 21 attrs {axis = #onnx.attr_ref<"axis">} : (!onnx.unknown) -> !onnx.unknown
    %t = onnx.node "Clip"(%s, %b) version 21 : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
    return %t, %c : !onnx.unknown, !onnx.unknown
  }
}
// CHECK: #[[LEAKYLOC]] = loc("call/in/leaky"(
