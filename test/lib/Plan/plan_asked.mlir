// RUN: ssm-opt %s -ssm-plan="cpu=znver4 choose=false strategies=scan:dense" -split-input-file -verify-diagnostics | FileCheck %s

// What is asked for is written over what is there, and nothing else is chosen.
// CHECK-LABEL: func @asked
//       CHECK: ssm.scan
//  CHECK-SAME: #ssm.strategy<dense>
//       CHECK: ssm.semiseparable
//   CHECK-NOT: ssm.strategy
func.func @asked(%a: tensor<512x64xf32>, %s: tensor<64xf32>, %q: tensor<1x8x2x4xf32>, %m: tensor<1x2x4x4xf32>)
    -> (tensor<512x64xf32>, tensor<1x8x2x4xf32>) {
  %0:2 = ssm.scan dimension(0) ins(%a, %a : tensor<512x64xf32>, tensor<512x64xf32>) outs(%a, %s : tensor<512x64xf32>, tensor<64xf32>)
      {ssm.strategy = #ssm.strategy<associative_scan, chunk = 32>} -> tensor<512x64xf32>, tensor<64xf32>
  %1:2 = ssm.semiseparable ins(%q, %q, %q : tensor<1x8x2x4xf32>, tensor<1x8x2x4xf32>, tensor<1x8x2x4xf32>)
      outs(%q, %m : tensor<1x8x2x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x8x2x4xf32>, tensor<1x2x4x4xf32>
  return %0#0, %1#0 : tensor<512x64xf32>, tensor<1x8x2x4xf32>
}

// -----

func.func @not_applicable(%a: tensor<512x64xi32>, %s: tensor<64xi32>) -> tensor<512x64xi32> {
  // expected-error @below {{ssm.scan cannot be computed by strategy dense: its elements are no real floats; it has: recurrent, associative_scan}}
  %0:2 = ssm.scan dimension(0) ins(%a, %a : tensor<512x64xi32>, tensor<512x64xi32>) outs(%a, %s : tensor<512x64xi32>, tensor<64xi32>)
      -> tensor<512x64xi32>, tensor<64xi32>
  return %0#0 : tensor<512x64xi32>
}
