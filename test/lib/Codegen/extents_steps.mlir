// Arithmetic on tensors and what the steps of recurrences and scans yield meet
// other extents only when the model runs, at every level of optimisation.
// RUN: %python %S/refuse.py %s %t

#two = affine_map<()[s0, s1, s2] -> (s1)>
#three = affine_map<()[s0, s1, s2] -> (s2)>
#steps = affine_map<()[s0, s1, s2] -> (s0, s1)>

// GIVES add: dict(a=ones(3), b=ones(3)) -> dict(y=2 * ones(3))
// FAILS add: dict(a=ones(100000), b=ones(3)) -> "extents that must be equal differ: found 3, expected 100000"
// FAILS add: dict(a=ones(3), b=ones(100000)) -> "extents that must be equal differ: found 100000, expected 3"
func.func @add(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32>
    attributes {ssm.signature = {symbols = ["M", "N"],
      inputs = [{name = "a", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0)>}, {name = "b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1)>}],
      outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0)>}]}} {
  %y = arith.addf %a, %b : tensor<?xf32>
  return %y : tensor<?xf32>
}

// The sum has the extent of the step, the state that of the initial one.
// GIVES sum: dict(x=ones(3, 4), s0=ones(4)) -> dict(s=4 * ones(4))
// GIVES sum: dict(x=ones(0, 4), s0=ones(4)) -> dict(s=ones(4))
// FAILS sum: dict(x=ones(3, 2), s0=ones(1000)) -> "extents that must be equal differ"
// FAILS sum: dict(x=ones(3, 10000), s0=ones(2)) -> "extents that must be equal differ"
func.func @sum(%x: tensor<?x?xf32>, %s0: tensor<?xf32>) -> tensor<?xf32>
    attributes {ssm.signature = {symbols = ["L", "N", "M"],
      inputs = [{name = "x", dtype = 1 : i64, dims = #steps}, {name = "s0", dtype = 1 : i64, dims = #three}],
      outputs = [{name = "s", dtype = 1 : i64, dims = #three}]}} {
  %s = ssm.recurrence axes[0] ins(%x : tensor<?x?xf32>) outs() states(%s0 : tensor<?xf32>) {
  ^bb0(%xt: tensor<?xf32>, %st: tensor<?xf32>):
    %0 = arith.addf %xt, %st : tensor<?xf32>
    ssm.yield %0 : tensor<?xf32>
  } -> tensor<?xf32>
  return %s : tensor<?xf32>
}

// The step knows an extent that the op does not.
// GIVES four: dict(x=ones(3, 4), s0=ones(4)) -> dict(s=ones(4))
// FAILS four: dict(x=ones(3, 4), s0=ones(2)) -> "extents that must be equal differ: found 2, expected 4"
// FAILS four: dict(x=ones(3, 2), s0=ones(4)) -> "extents that must be equal differ: found 2, expected 4"
func.func @four(%x: tensor<?x?xf32>, %s0: tensor<?xf32>) -> tensor<?xf32>
    attributes {ssm.signature = {symbols = ["L", "N", "M"],
      inputs = [{name = "x", dtype = 1 : i64, dims = #steps}, {name = "s0", dtype = 1 : i64, dims = #three}],
      outputs = [{name = "s", dtype = 1 : i64, dims = #three}]}} {
  %s = ssm.recurrence axes[0] ins(%x : tensor<?x?xf32>) outs() states(%s0 : tensor<?xf32>) {
  ^bb0(%xt: tensor<4xf32>, %st: tensor<?xf32>):
    ssm.yield %xt : tensor<4xf32>
  } -> tensor<?xf32>
  return %s : tensor<?xf32>
}

// GIVES scan: dict(x=ones(3, 4), s0=ones(4), z=ones(4)) -> dict(y=ones(3, 4), s=ones(4))
// FAILS scan: dict(x=ones(3, 4), s0=ones(4), z=ones(1)) -> "extents that must be equal differ: found 1, expected 4"
// FAILS scan: dict(x=ones(3, 4), s0=ones(4), z=ones(100000)) -> "extents that must be equal differ: found 100000, expected 4"
func.func @scan(%x: tensor<?x?xf32>, %s0: tensor<?xf32>, %z: tensor<?xf32>) -> (tensor<?x?xf32>, tensor<?xf32>)
    attributes {ssm.signature = {symbols = ["L", "N", "Q"],
      inputs = [{name = "x", dtype = 1 : i64, dims = #steps}, {name = "s0", dtype = 1 : i64, dims = #two},
                {name = "z", dtype = 1 : i64, dims = #three}],
      outputs = [{name = "y", dtype = 1 : i64, dims = #steps}, {name = "s", dtype = 1 : i64, dims = #two}]}} {
  %L = onnx.symbol "L"
  %N = onnx.symbol "N"
  %e = tensor.empty(%L, %N) : tensor<?x?xf32>
  %y, %s = ssm.associative_scan axes[0] ins(%x : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>)
      states(%s0 : tensor<?xf32>) {
  ^bb0(%a: tensor<?xf32>, %b: tensor<?xf32>):
    ssm.yield %z : tensor<?xf32>
  } -> tensor<?x?xf32>, tensor<?xf32>
  return %y, %s : tensor<?x?xf32>, tensor<?xf32>
}
