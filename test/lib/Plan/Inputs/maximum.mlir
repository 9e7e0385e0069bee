func.func @forward(%x: tensor<10x8xf32>, %s: tensor<8xf32>) -> tensor<10x8xf32> {
  %y0 = tensor.empty() : tensor<10x8xf32>
  %y, %last = ssm.associative_scan axes[0] ins(%x : tensor<10x8xf32>) outs(%y0 : tensor<10x8xf32>) states(%s : tensor<8xf32>) {
  ^bb0(%earlier: tensor<8xf32>, %later: tensor<8xf32>):
    %m = arith.maximumf %earlier, %later : tensor<8xf32>
    ssm.yield %m : tensor<8xf32>
  } {ssm.strategy = #ssm.strategy<associative_scan, chunk = 4>} -> tensor<10x8xf32>, tensor<8xf32>
  return %y : tensor<10x8xf32>
}
