// Where a raise has dropped the tables that a graph ends with, the inputs are
// bounded: when the model runs, or now where their extents are known.
// RUN: ssm-opt %s --split-input-file --verify-diagnostics --convert-onnx-to-linalg | FileCheck %s

// CHECK: func.func @forward
// CHECK-NOT: ssmc.bounds
// CHECK: %[[L:.*]] = onnx.symbol "L"
// CHECK: %[[P:.*]] = onnx.symbol "past"
// CHECK: %[[KEYS:.*]] = affine.apply #{{.*}}()[%[[P]], %[[L]]]
// CHECK: %[[LESS:.*]] = arith.minsi %[[KEYS]], %c40
// CHECK: %[[HOLDS:.*]] = arith.cmpi eq, %[[KEYS]], %[[LESS]]
// CHECK: cf.assert %[[HOLDS]], "dimension 0 of input 'x' and dimension 0 of input 'input1' together may have at most 40 tokens
!x = tensor<?x2xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 2)>>>
!p = tensor<?x2xf32, #onnx.dims<["past"], affine_map<()[s0] -> (s0, 2)>>>
module attributes {onnx.symbols = ["past", "L"]} {
  func.func @forward(%x: !x {onnx.name = "x"}, %p: !p) -> (!x, !p)
      attributes {ssmc.bounds = [{axes = array<i64: 0, 0, 1, 0>, most = 40 : i64}]} {
    return %x, %p : !x, !p
  }
}

// -----

module {
  // expected-error @below {{dimension 0 of input 'x' may have at most 40 tokens, as tables of the model end there, not 41: ask for fewer with --dim, or export the model with more}}
  func.func @forward(%x: tensor<41x2xf32> {onnx.name = "x"}) -> tensor<41x2xf32>
      attributes {ssmc.bounds = [{axes = array<i64: 0, 0>, most = 40 : i64}]} {
    return %x : tensor<41x2xf32>
  }
}

// -----

module {
  // expected-error @below {{ssmc.bounds must be a list of {axes = array<i64: argument, axis, ...>, most = N : i64} with axes of the arguments, not {axes = array<i64: 0, 2>, most = 40 : i64}}}
  func.func @forward(%x: tensor<41x2xf32>) -> tensor<41x2xf32>
      attributes {ssmc.bounds = [{axes = array<i64: 0, 2>, most = 40 : i64}]} {
    return %x : tensor<41x2xf32>
  }
}

// -----

module {
  // expected-error @below {{ssmc.bounds must be a list, not 40 : i64}}
  func.func @forward(%x: tensor<41x2xf32>) -> tensor<41x2xf32>
      attributes {ssmc.bounds = 40 : i64} {
    return %x : tensor<41x2xf32>
  }
}
