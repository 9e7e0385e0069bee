// RUN: mlir-opt %s --load-dialect-plugin=%build/lib/SsmDialects.so --load-pass-plugin=%build/lib/SsmDialects.so --pass-pipeline="builtin.module(ssm-decompose)" | FileCheck %s
// The stock mlir-opt is not built with a sanitizer, whose runtime must be loaded
// before all else: it cannot load a plug-in that is.
// UNSUPPORTED: sanitizer

// The dialects need nothing of the compiler: the stock mlir-opt loads them.
// CHECK-LABEL: func @scan
func.func @scan(%a: tensor<5x64xf32>, %s0: tensor<64xf32>) -> tensor<5x64xf32> {
  // CHECK: scf.for
  // CHECK: linalg.generic
  // CHECK-NOT: ssm.scan
  %h, %s = ssm.scan dimension(0) ins(%a, %a : tensor<5x64xf32>, tensor<5x64xf32>)
    outs(%a, %s0 : tensor<5x64xf32>, tensor<64xf32>) -> tensor<5x64xf32>, tensor<64xf32>
  return %h : tensor<5x64xf32>
}

// CHECK-LABEL: func @node
func.func @node(%x: tensor<2xf32>) -> !onnx.unknown {
  // CHECK: onnx.node "Tanh"
  %y = onnx.node "Tanh"(%x) version 13 : (tensor<2xf32>) -> !onnx.unknown
  return %y : !onnx.unknown
}
