// y[b, l, c] = x[b, l, c] * w[c] + mask[p + l], with P from past[b, p]: every kind of extent.
#x = affine_map<(b, l, c) -> (b, l, c)>
#w = affine_map<(b, l, c) -> (c)>
#m = affine_map<(b, l, c) -> (l)>
module {
  func.func @forward(%x: tensor<?x?x4xf32>, %mask: tensor<?xf32>, %past: tensor<?x?xi64>) -> tensor<?x?x4xf32>
      attributes {ssm.signature = {symbols = ["B", "L", "P"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (s0, s1, 4)>},
                  {name = "mask", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (s2 + s1)>},
                  {name = "past", dtype = 7 : i64, dims = affine_map<()[s0, s1, s2] -> (s0, s2)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (s0, s1, 4)>}]}} {
    %w = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %P = onnx.symbol "P"
    %m = tensor.extract_slice %mask[%P] [%L] [1] : tensor<?xf32> to tensor<?xf32>
    %e = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %y = linalg.generic {indexing_maps = [#x, #w, #m, #x], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x, %w, %m : tensor<?x?x4xf32>, tensor<4xf32>, tensor<?xf32>) outs(%e : tensor<?x?x4xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
        %p = arith.mulf %a, %b : f32
        %q = arith.addf %p, %c : f32
        linalg.yield %q : f32
    } -> tensor<?x?x4xf32>
    return %y : tensor<?x?x4xf32>
  }
}
