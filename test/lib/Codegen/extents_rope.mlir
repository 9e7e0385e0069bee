// As many elements are rotated as there are angles for: where the extents are
// dynamic, that x has so many is found when the model runs.
// RUN: %python %S/refuse.py %s %t

#x = affine_map<()[s0, s1, s2] -> (1, s0, 1, s1)>
#angles = affine_map<()[s0, s1, s2] -> (s0, s2)>

// GIVES forward: dict(x=ones(1, 3, 1, 4), c=ones(3, 1)) -> dict(y=np.array([[[[0, 2, 1, 1]]] * 3], 'f'))
// GIVES forward: dict(x=ones(1, 3, 1, 4), c=ones(3, 2)) -> dict(y=np.array([[[[0, 0, 2, 2]]] * 3], 'f'))
// GIVES forward: dict(x=ones(1, 0, 1, 4), c=ones(0, 1)) -> dict(y=ones(1, 0, 1, 4))
// GIVES forward: dict(x=ones(1, 3, 1, 0), c=ones(3, 0)) -> dict(y=ones(1, 3, 1, 0))
// FAILS forward: dict(x=ones(1, 3, 1, 4), c=ones(3, 64)) -> "2 * F is more than P of its operands"
// FAILS forward: dict(x=ones(1, 3, 1, 5), c=ones(3, 3)) -> "2 * F is more than P of its operands"
func.func @forward(%x: tensor<1x?x1x?xf32>, %c: tensor<?x?xf32>) -> tensor<1x?x1x?xf32>
    attributes {ssm.signature = {symbols = ["L", "P", "F"],
      inputs = [{name = "x", dtype = 1 : i64, dims = #x}, {name = "c", dtype = 1 : i64, dims = #angles}],
      outputs = [{name = "y", dtype = 1 : i64, dims = #x}]}} {
  %L = onnx.symbol "L"
  %P = onnx.symbol "P"
  %e = tensor.empty(%L, %P) : tensor<1x?x1x?xf32>
  %y = ssm.rope layout(half) ins(%x, %c, %c : tensor<1x?x1x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>)
      outs(%e : tensor<1x?x1x?xf32>) -> tensor<1x?x1x?xf32>
  return %y : tensor<1x?x1x?xf32>
}
