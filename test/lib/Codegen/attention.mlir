// Attention of three new tokens over a cache of L, two query heads on one key
// head: from tensors to numbers.
// RUN: %python %S/execute.py %s L=0,1,7,24
// ORACLE: s = np.tanh(np.einsum("bihn,bjn->bhij", q, k[:, :, 0]) / 2 / 5) * 5
// ORACLE: seen = (of[:, None] >= 0) & (of[:, None] <= at[:, :, None]) & (at[:, :, None] - of[:, None] <= 3)
// ORACLE: e = np.where(seen[:, None], np.exp(s), 0)
// ORACLE: total = e.sum(3)
// ORACLE: y = np.einsum("bhij,bjp->bihp", e / np.where(total, total, 1)[..., None], v[:, :, 0])
// ORACLE: weight = total.transpose(0, 2, 1)
module {
  func.func @forward(%q: tensor<2x3x2x4xf32> {onnx.name = "q"}, %k: tensor<2x?x1x4xf32> {onnx.name = "k"},
                     %v: tensor<2x?x1x6xf32> {onnx.name = "v"}, %at: tensor<2x3xi64> {onnx.name = "at"},
                     %of: tensor<2x?xi64> {onnx.name = "of"})
      -> (tensor<2x3x2x6xf32> {onnx.name = "y"}, tensor<2x3x2xf32> {onnx.name = "weight"})
      attributes {ssm.signature = {symbols = ["L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, 3, 2, 4)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 1, 4)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 1, 6)>},
                  {name = "at", dtype = 7 : i64, dims = affine_map<()[s0] -> (2, 3)>},
                  {name = "of", dtype = 7 : i64, dims = affine_map<()[s0] -> (2, s0)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, 3, 2, 6)>},
                   {name = "weight", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, 3, 2)>}]}} {
    %y0 = tensor.empty() : tensor<2x3x2x6xf32>
    %l0 = tensor.empty() : tensor<2x3x2xf32>
    %y, %lse = ssm.attention softcap(5.0) left(3) right(0)
        ins(%q, %k, %v : tensor<2x3x2x4xf32>, tensor<2x?x1x4xf32>, tensor<2x?x1x6xf32>)
        positions(%at, %of : tensor<2x3xi64>, tensor<2x?xi64>)
        outs(%y0, %l0 : tensor<2x3x2x6xf32>, tensor<2x3x2xf32>) -> tensor<2x3x2x6xf32>, tensor<2x3x2xf32>
    %w = linalg.exp ins(%lse : tensor<2x3x2xf32>) outs(%l0 : tensor<2x3x2xf32>) -> tensor<2x3x2xf32>
    return %y, %w : tensor<2x3x2x6xf32>, tensor<2x3x2xf32>
  }
}
