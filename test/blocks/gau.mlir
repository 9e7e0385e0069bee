// A gated attention unit: weights relu(s)^2 without a normaliser, one head whose
// queries and keys are two scalings of one projection, a gate on the values.
// RUN: %python %S/gau.py %s
#t = affine_map<(b, l, d) -> (b, l, d)>
#x = affine_map<(b, l, o, i) -> (b, l, i)>
#w = affine_map<(b, l, o, i) -> (i, o)>
#y = affine_map<(b, l, o, i) -> (b, l, o)>
#heads = affine_map<(b, l, h, d) -> (b, l, d)>
#d = affine_map<(b, l, h, d) -> (d)>
#all = affine_map<(b, l, h, d) -> (b, l, h, d)>
func.func @forward(%x: tensor<?x?x6xf32>,
      %wu: tensor<6x8xf32>,
      %wv: tensor<6x8xf32>,
      %wz: tensor<6x4xf32>,
      %wo: tensor<8x6xf32>,
      %gq: tensor<4xf32>,
      %bq: tensor<4xf32>,
      %gk: tensor<4xf32>,
      %bk: tensor<4xf32>,
      %cos: tensor<?x2xf32>,
      %sin: tensor<?x2xf32>) -> tensor<?x?x6xf32>
    attributes {ssm.signature = {symbols = ["B", "L"],
      inputs = [
        {name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
        {name = "wu", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 8)>},
        {name = "wv", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 8)>},
        {name = "wz", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 4)>},
        {name = "wo", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (8, 6)>},
        {name = "gq", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
        {name = "bq", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
        {name = "gk", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
        {name = "bk", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
        {name = "cos", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1, 2)>},
        {name = "sin", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1, 2)>}],
      outputs = [
        {name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>}]}} {
  %B = onnx.symbol "B"
  %L = onnx.symbol "L"
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %u0_e = tensor.empty(%B, %L) : tensor<?x?x8xf32>
  %u0_f = linalg.fill ins(%zero : f32) outs(%u0_e : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %u0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %wu : tensor<?x?x6xf32>, tensor<6x8xf32>) outs(%u0_f : tensor<?x?x8xf32>) {
    ^bb0(%in: f32, %b: f32, %sum: f32):
      %p = arith.mulf %in, %b : f32
      %r = arith.addf %sum, %p : f32
      linalg.yield %r : f32
  } -> tensor<?x?x8xf32>
  %u = linalg.generic {indexing_maps = [#t, #t], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%u0 : tensor<?x?x8xf32>) outs(%u0_e : tensor<?x?x8xf32>) {
    ^bb0(%in: f32, %o: f32):
      %n = arith.negf %in : f32
      %e = math.exp %n : f32
      %d = arith.addf %one, %e : f32
      %r = arith.divf %in, %d : f32
      linalg.yield %r : f32
  } -> tensor<?x?x8xf32>
  %v0_e = tensor.empty(%B, %L) : tensor<?x?x8xf32>
  %v0_f = linalg.fill ins(%zero : f32) outs(%v0_e : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %v0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %wv : tensor<?x?x6xf32>, tensor<6x8xf32>) outs(%v0_f : tensor<?x?x8xf32>) {
    ^bb0(%in: f32, %b: f32, %sum: f32):
      %p = arith.mulf %in, %b : f32
      %r = arith.addf %sum, %p : f32
      linalg.yield %r : f32
  } -> tensor<?x?x8xf32>
  %v = linalg.generic {indexing_maps = [#t, #t], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%v0 : tensor<?x?x8xf32>) outs(%v0_e : tensor<?x?x8xf32>) {
    ^bb0(%in: f32, %o: f32):
      %n = arith.negf %in : f32
      %e = math.exp %n : f32
      %d = arith.addf %one, %e : f32
      %r = arith.divf %in, %d : f32
      linalg.yield %r : f32
  } -> tensor<?x?x8xf32>
  %z0_e = tensor.empty(%B, %L) : tensor<?x?x4xf32>
  %z0_f = linalg.fill ins(%zero : f32) outs(%z0_e : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %z0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %wz : tensor<?x?x6xf32>, tensor<6x4xf32>) outs(%z0_f : tensor<?x?x4xf32>) {
    ^bb0(%in: f32, %b: f32, %sum: f32):
      %p = arith.mulf %in, %b : f32
      %r = arith.addf %sum, %p : f32
      linalg.yield %r : f32
  } -> tensor<?x?x4xf32>
  %z = linalg.generic {indexing_maps = [#t, #t], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%z0 : tensor<?x?x4xf32>) outs(%z0_e : tensor<?x?x4xf32>) {
    ^bb0(%in: f32, %o: f32):
      %n = arith.negf %in : f32
      %e = math.exp %n : f32
      %d = arith.addf %one, %e : f32
      %r = arith.divf %in, %d : f32
      linalg.yield %r : f32
  } -> tensor<?x?x4xf32>
  %z_e4 = tensor.empty(%B, %L) : tensor<?x?x1x4xf32>
  %q0 = linalg.generic {indexing_maps = [#heads, #d, #d, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%z, %gq, %bq : tensor<?x?x4xf32>, tensor<4xf32>, tensor<4xf32>) outs(%z_e4 : tensor<?x?x1x4xf32>) {
    ^bb0(%in: f32, %gamma: f32, %b: f32, %o: f32):
      %p = arith.mulf %in, %gamma : f32
      %r = arith.addf %p, %b : f32
      linalg.yield %r : f32
  } -> tensor<?x?x1x4xf32>
  %k0 = linalg.generic {indexing_maps = [#heads, #d, #d, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%z, %gk, %bk : tensor<?x?x4xf32>, tensor<4xf32>, tensor<4xf32>) outs(%z_e4 : tensor<?x?x1x4xf32>) {
    ^bb0(%in: f32, %gamma: f32, %b: f32, %o: f32):
      %p = arith.mulf %in, %gamma : f32
      %r = arith.addf %p, %b : f32
      linalg.yield %r : f32
  } -> tensor<?x?x1x4xf32>
  %q = ssm.rope layout(interleaved) ins(%q0, %cos, %sin : tensor<?x?x1x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>)
      outs(%z_e4 : tensor<?x?x1x4xf32>) -> tensor<?x?x1x4xf32>
  %k = ssm.rope layout(interleaved) ins(%k0, %cos, %sin : tensor<?x?x1x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>)
      outs(%z_e4 : tensor<?x?x1x4xf32>) -> tensor<?x?x1x4xf32>
  // Scores, and of them relu(s / L)^2 where the key is not behind the query.
  %s_e = tensor.empty(%B, %L, %L) : tensor<?x?x?xf32>
  %s_f = linalg.fill ins(%zero : f32) outs(%s_e : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, i, j, n) -> (b, i, 0, n)>, affine_map<(b, i, j, n) -> (b, j, 0, n)>, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<?x?x1x4xf32>, tensor<?x?x1x4xf32>) outs(%s_f : tensor<?x?x?xf32>) {
    ^bb0(%in: f32, %b: f32, %sum: f32):
      %p = arith.mulf %in, %b : f32
      %r = arith.addf %sum, %p : f32
      linalg.yield %r : f32
  } -> tensor<?x?x?xf32>
  %L64 = arith.index_cast %L : index to i64
  %length = arith.sitofp %L64 : i64 to f32
  %a = linalg.generic {indexing_maps = [#t, #t], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<?x?x?xf32>) outs(%s_e : tensor<?x?x?xf32>) {
    ^bb0(%in: f32, %o: f32):
      %i = linalg.index 1 : index
      %j = linalg.index 2 : index
      %seen = arith.cmpi sle, %j, %i : index
      %p = arith.divf %in, %length : f32
      %r = arith.maximumf %p, %zero : f32
      %square = arith.mulf %r, %r : f32
      %w = arith.select %seen, %square, %zero : f32
      linalg.yield %w : f32
  } -> tensor<?x?x?xf32>
  %m_e = tensor.empty(%B, %L) : tensor<?x?x8xf32>
  %m_f = linalg.fill ins(%zero : f32) outs(%m_e : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(b, i, d, j) -> (b, i, j)>, affine_map<(b, i, d, j) -> (b, j, d)>, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%a, %v : tensor<?x?x?xf32>, tensor<?x?x8xf32>) outs(%m_f : tensor<?x?x8xf32>) {
    ^bb0(%in: f32, %b: f32, %sum: f32):
      %p = arith.mulf %in, %b : f32
      %r = arith.addf %sum, %p : f32
      linalg.yield %r : f32
  } -> tensor<?x?x8xf32>
  %g = linalg.mul ins(%u, %m : tensor<?x?x8xf32>, tensor<?x?x8xf32>) outs(%m_e : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %y_e = tensor.empty(%B, %L) : tensor<?x?x6xf32>
  %y_f = linalg.fill ins(%zero : f32) outs(%y_e : tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
  %y = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%g, %wo : tensor<?x?x8xf32>, tensor<8x6xf32>) outs(%y_f : tensor<?x?x6xf32>) {
    ^bb0(%in: f32, %b: f32, %sum: f32):
      %p = arith.mulf %in, %b : f32
      %r = arith.addf %sum, %p : f32
      linalg.yield %r : f32
  } -> tensor<?x?x6xf32>
  return %y : tensor<?x?x6xf32>
}
