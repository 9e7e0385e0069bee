// Where chunks begin, their first rows, and each row of a chunk: from tensors to
// numbers.
// RUN: %python %S/execute.py %s L=0,1,7,24
// ORACLE: unit = lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True))
// ORACLE: p = np.ones((2, L))
// ORACLE: p[:, 1:] = (1 - (unit(q[:, :-1]) * unit(k[:, 1:])).sum(-1)) / 2
// ORACLE: n = np.cumsum(p > 0.5, 1)
// ORACLE: count = (p > 0.5).sum(1)
// ORACLE: z = np.zeros((2, L, 3))
// ORACLE: y = np.zeros((2, L, 3))
// ORACLE: for b in range(2): z[b, :count[b]] = q[b][p[b] > 0.5]; y[b] = z[b][n[b] - 1]
module {
  func.func @forward(%q: tensor<2x?x3xf32> {onnx.name = "q"}, %k: tensor<2x?x3xf32> {onnx.name = "k"})
      -> (tensor<2x?xf32> {onnx.name = "p"}, tensor<2x?x3xf32> {onnx.name = "z"},
          tensor<2xi64> {onnx.name = "count"}, tensor<2x?x3xf32> {onnx.name = "y"})
      attributes {ssm.signature = {symbols = ["L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 3)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 3)>}],
        outputs = [{name = "p", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0)>},
                   {name = "z", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 3)>},
                   {name = "count", dtype = 7 : i64, dims = affine_map<()[s0] -> (2)>},
                   {name = "y", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 3)>}]}} {
    %L = onnx.symbol "L"
    %zero = arith.constant 0.0 : f32
    %half = arith.constant 0.5 : f32
    %no = arith.constant false
    %p0 = tensor.empty(%L) : tensor<2x?xf32>
    %m0 = tensor.empty(%L) : tensor<2x?xi1>
    %x0 = tensor.empty(%L) : tensor<2x?x3xf32>
    %l = tensor.empty() : tensor<2x3xf32>
    %l0 = linalg.fill ins(%zero : f32) outs(%l : tensor<2x3xf32>) -> tensor<2x3xf32>
    %s = tensor.empty() : tensor<2xi1>
    %s0 = linalg.fill ins(%no : i1) outs(%s : tensor<2xi1>) -> tensor<2xi1>
    %n0 = tensor.empty() : tensor<2xi64>
    %p, %last, %seen = ssm.route ins(%q, %k : tensor<2x?x3xf32>, tensor<2x?x3xf32>)
        outs(%p0, %l0, %s0 : tensor<2x?xf32>, tensor<2x3xf32>, tensor<2xi1>)
        -> tensor<2x?xf32>, tensor<2x3xf32>, tensor<2xi1>
    %mask = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
        ins(%p : tensor<2x?xf32>) outs(%m0 : tensor<2x?xi1>) {
      ^bb0(%x: f32, %o: i1):
        %r = arith.cmpf ogt, %x, %half : f32
        linalg.yield %r : i1
    } -> tensor<2x?xi1>
    %z, %count = ssm.compact ins(%q, %mask : tensor<2x?x3xf32>, tensor<2x?xi1>)
        outs(%x0, %n0 : tensor<2x?x3xf32>, tensor<2xi64>) -> tensor<2x?x3xf32>, tensor<2xi64>
    %y, %row = ssm.expand ins(%z, %mask : tensor<2x?x3xf32>, tensor<2x?xi1>)
        outs(%x0, %l0 : tensor<2x?x3xf32>, tensor<2x3xf32>) -> tensor<2x?x3xf32>, tensor<2x3xf32>
    return %p, %z, %count, %y : tensor<2x?xf32>, tensor<2x?x3xf32>, tensor<2xi64>, tensor<2x?x3xf32>
  }
}
