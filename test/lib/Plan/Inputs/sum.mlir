func.func @forward(%a: tensor<4x600xf32>, %b: tensor<4x600xf32>) -> tensor<4x600xf32> {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %s = linalg.fill ins(%c : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %o = tensor.empty() : tensor<4x600xf32>
  %y, %l = ssm.scan dimension(1) ins(%a, %b : tensor<4x600xf32>, tensor<4x600xf32>) outs(%o, %s : tensor<4x600xf32>, tensor<4xf32>) -> tensor<4x600xf32>, tensor<4xf32>
  return %y : tensor<4x600xf32>
}
