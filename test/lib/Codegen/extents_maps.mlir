// What a map reads is bounded over all iterations, not by the last one: maps
// may fall, or begin anew.
// RUN: %python %S/refuse.py %s %t

#one = affine_map<()[s0, s1] -> (s0)>
#two = affine_map<()[s0, s1] -> (s1)>
#id = affine_map<(d0) -> (d0)>

// GIVES again: dict(x=np.arange(4, dtype='f'), z=ones(5)) -> dict(y=np.array([0, 1, 2, 3, 0], 'f'))
// GIVES again: dict(x=np.arange(2, dtype='f'), z=ones(2)) -> dict(y=np.array([0, 1], 'f'))
// GIVES again: dict(x=ones(0), z=ones(0)) -> dict(y=ones(0))
// FAILS again: dict(x=np.arange(1, dtype='f'), z=ones(5)) -> "reads beyond an extent"
func.func @again(%x: tensor<?xf32>, %z: tensor<?xf32>) -> tensor<?xf32>
    attributes {ssm.signature = {symbols = ["N", "B"],
      inputs = [{name = "x", dtype = 1 : i64, dims = #one}, {name = "z", dtype = 1 : i64, dims = #two}],
      outputs = [{name = "y", dtype = 1 : i64, dims = #two}]}} {
  %B = onnx.symbol "B"
  %e = tensor.empty(%B) : tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0 mod 4)>, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// GIVES back: dict(x=np.arange(4, dtype='f'), z=ones(4)) -> dict(y=np.array([3, 2, 1, 0], 'f'))
// FAILS back: dict(x=np.arange(4, dtype='f'), z=ones(40)) -> "reads beyond an extent"
// FAILS back: dict(x=np.arange(3, dtype='f'), z=ones(1)) -> "reads beyond an extent"
func.func @back(%x: tensor<?xf32>, %z: tensor<?xf32>) -> tensor<?xf32>
    attributes {ssm.signature = {symbols = ["N", "B"],
      inputs = [{name = "x", dtype = 1 : i64, dims = #one}, {name = "z", dtype = 1 : i64, dims = #two}],
      outputs = [{name = "y", dtype = 1 : i64, dims = #two}]}} {
  %B = onnx.symbol "B"
  %e = tensor.empty(%B) : tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (-d0 + 3)>, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// GIVES window: dict(x=np.arange(6, dtype='f'), z=ones(3)) -> dict(y=np.array([1, 5, 9], 'f'))
// FAILS window: dict(x=np.arange(5, dtype='f'), z=ones(3)) -> "reads beyond an extent"
func.func @window(%x: tensor<?xf32>, %z: tensor<?xf32>) -> tensor<?xf32>
    attributes {ssm.signature = {symbols = ["N", "B"],
      inputs = [{name = "x", dtype = 1 : i64, dims = #one}, {name = "z", dtype = 1 : i64, dims = #two}],
      outputs = [{name = "y", dtype = 1 : i64, dims = #two}]}} {
  %B = onnx.symbol "B"
  %zero = arith.constant 0.0 : f32
  %w = tensor.empty() : tensor<2xf32>
  %e = tensor.empty(%B) : tensor<?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0 * 2 + d1)>, affine_map<(d0, d1) -> (d1)>,
                                        affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w : tensor<?xf32>, tensor<2xf32>) outs(%f : tensor<?xf32>) {
  ^bb0(%a: f32, %u: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}
