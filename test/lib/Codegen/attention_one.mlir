// One query over a cache of L, of four heads on two key heads with sinks: from
// tensors to numbers, in several parts of the keys.
// RUN: %python %S/execute.py %s L=0,1,65,1300 --rtol=1e-4
// ORACLE: s = np.einsum("bhn,bjhn->bhj", q[:, 0], np.repeat(k, 2, 2)) / 2
// ORACLE: seen = np.arange(L) >= L - 801
// ORACLE: e, sink = np.where(seen, np.exp(s), 0), np.exp(sinks)
// ORACLE: total = e.sum(2) + sink
// ORACLE: y = np.einsum("bhj,bjhp->bhp", e / total[..., None], np.repeat(v, 2, 2))[:, None]
// ORACLE: weight = total[:, None]
module {
  func.func @forward(%q: tensor<2x1x4x4xf32> {onnx.name = "q"}, %k: tensor<2x?x2x4xf32> {onnx.name = "k"},
                     %v: tensor<2x?x2x6xf32> {onnx.name = "v"}, %sinks: tensor<4xf32> {onnx.name = "sinks"})
      -> (tensor<2x1x4x6xf32> {onnx.name = "y"}, tensor<2x1x4xf32> {onnx.name = "weight"})
      attributes {ssm.signature = {symbols = ["L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, 1, 4, 4)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 2, 4)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 2, 6)>},
                  {name = "sinks", dtype = 1 : i64, dims = affine_map<()[s0] -> (4)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, 1, 4, 6)>},
                   {name = "weight", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, 1, 4)>}]}} {
    %y0 = tensor.empty() : tensor<2x1x4x6xf32>
    %l0 = tensor.empty() : tensor<2x1x4xf32>
    %y, %lse = ssm.attention left(800) right(0)
        ins(%q, %k, %v : tensor<2x1x4x4xf32>, tensor<2x?x2x4xf32>, tensor<2x?x2x6xf32>)
        sinks(%sinks : tensor<4xf32>)
        outs(%y0, %l0 : tensor<2x1x4x6xf32>, tensor<2x1x4xf32>) -> tensor<2x1x4x6xf32>, tensor<2x1x4xf32>
    %w = linalg.exp ins(%lse : tensor<2x1x4xf32>) outs(%l0 : tensor<2x1x4xf32>) -> tensor<2x1x4xf32>
    return %y, %w : tensor<2x1x4x6xf32>, tensor<2x1x4xf32>
  }
}
