// The op that docs/add-a-mixer.md adds, by each of its strategies.

// CHECK-LABEL: func @recurrent
//       CHECK: scf.for
//   CHECK-NOT: ssm.
func.func @recurrent(%x: tensor<1x?x8xf32>, %rate: tensor<8xf32>, %s: tensor<1x8xf32>) -> tensor<1x?x8xf32> {
  %y, %last = ssm.ema ins(%x, %rate : tensor<1x?x8xf32>, tensor<8xf32>) outs(%x, %s : tensor<1x?x8xf32>, tensor<1x8xf32>)
      {ssm.strategy = #ssm.strategy<recurrent>} -> tensor<1x?x8xf32>, tensor<1x8xf32>
  return %y : tensor<1x?x8xf32>
}

// CHECK-LABEL: func @associative_scan
//   CHECK-NOT: ssm.ema
// CHECK-COUNT-4: ssm.scan
func.func @associative_scan(%x: tensor<1x?x8xf32>, %rate: tensor<8xf32>, %s: tensor<1x8xf32>) -> tensor<1x?x8xf32> {
  %y, %last = ssm.ema ins(%x, %rate : tensor<1x?x8xf32>, tensor<8xf32>) outs(%x, %s : tensor<1x?x8xf32>, tensor<1x8xf32>)
      {ssm.strategy = #ssm.strategy<associative_scan, chunk = 16>} -> tensor<1x?x8xf32>, tensor<1x8xf32>
  return %y : tensor<1x?x8xf32>
}
