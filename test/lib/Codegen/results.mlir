// Results that are computed one from the other, where each is written where
// another could have been computed: %z from %y, and a state from a state.
// RUN: %python %S/execute.py %s L=0,5
// ORACLE: y = np.exp(x)
// ORACLE: z = y * p[:, None]
// ORACLE: s = x.sum(0)
// ORACLE: t = s + y.sum(0)
#id = affine_map<(d0, d1) -> (d0, d1)>
module {
  func.func @forward(%x: tensor<?x3xf32>, %p: tensor<?xf32>)
      -> (tensor<?x3xf32>, tensor<?x3xf32>, tensor<3xf32>, tensor<3xf32>)
      attributes {ssm.signature = {symbols = ["L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0, 3)>},
                  {name = "p", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0)>}],
        outputs = [{name = "z", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0, 3)>},
                   {name = "y", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0, 3)>},
                   {name = "t", dtype = 1 : i64, dims = affine_map<()[s0] -> (3)>},
                   {name = "s", dtype = 1 : i64, dims = affine_map<()[s0] -> (3)>}]}} {
    %L = onnx.symbol "L"
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %e = tensor.empty(%L) : tensor<?x3xf32>
    %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x3xf32>) outs(%e : tensor<?x3xf32>) {
      ^bb0(%v: f32, %o: f32):
        %w = math.exp %v : f32
        linalg.yield %w : f32
    } -> tensor<?x3xf32>
    %b = linalg.broadcast ins(%p : tensor<?xf32>) outs(%e : tensor<?x3xf32>) dimensions = [1]
    %z = arith.mulf %y, %b : tensor<?x3xf32>
    %ones = linalg.fill ins(%one : f32) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
    %e0 = tensor.empty() : tensor<3xf32>
    %s0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<3xf32>) -> tensor<3xf32>
    %h, %s = ssm.scan dimension(0) ins(%ones, %x : tensor<?x3xf32>, tensor<?x3xf32>)
        outs(%e, %s0 : tensor<?x3xf32>, tensor<3xf32>) -> tensor<?x3xf32>, tensor<3xf32>
    %g, %t = ssm.scan dimension(0) ins(%ones, %y : tensor<?x3xf32>, tensor<?x3xf32>)
        outs(%e, %s : tensor<?x3xf32>, tensor<3xf32>) -> tensor<?x3xf32>, tensor<3xf32>
    return %z, %y, %t, %s : tensor<?x3xf32>, tensor<?x3xf32>, tensor<3xf32>, tensor<3xf32>
  }
}
