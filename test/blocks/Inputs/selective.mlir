// The parts of Mamba-1 that depend on the token, of x: the step softplus(x wd +
// bd), B = x wb and C = x wc; then the scan in both directions.
func.func private @project(%x: tensor<?x?x?xf32>, %w: tensor<?x?xf32>) -> tensor<?x?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x?xf32>
  %L = tensor.dim %x, %c1 : tensor<?x?x?xf32>
  %N = tensor.dim %w, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%B, %L, %N) : tensor<?x?x?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, l, o, i) -> (b, l, i)>, affine_map<(b, l, o, i) -> (i, o)>, affine_map<(b, l, o, i) -> (b, l, o)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : tensor<?x?x?xf32>, tensor<?x?xf32>) outs(%f : tensor<?x?x?xf32>) {
    ^bb0(%a: f32, %b: f32, %s: f32):
      %p = arith.mulf %a, %b : f32
      %q = arith.addf %s, %p : f32
      linalg.yield %q : f32
  } -> tensor<?x?x?xf32>
  return %y : tensor<?x?x?xf32>
}

func.func private @step(%x: tensor<?x?x?xf32>, %wd: tensor<?x?xf32>, %bd: tensor<?xf32>) -> tensor<?x?x?xf32> {
  %one = arith.constant 1.0 : f32
  %p = func.call @project(%x, %wd) : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, l, d) -> (d)>, affine_map<(b, l, d) -> (b, l, d)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%bd : tensor<?xf32>) outs(%p : tensor<?x?x?xf32>) {
    ^bb0(%b: f32, %a: f32):
      %s = arith.addf %a, %b : f32
      %e = math.exp %s : f32
      %o = arith.addf %one, %e : f32
      %r = math.log %o : f32
      linalg.yield %r : f32
  } -> tensor<?x?x?xf32>
  return %y : tensor<?x?x?xf32>
}

func.func private @no_state(%x: tensor<?x?x?xf32>, %A: tensor<?x?xf32>) -> tensor<?x?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x?xf32>
  %D = tensor.dim %A, %c0 : tensor<?x?xf32>
  %N = tensor.dim %A, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%B, %D, %N) : tensor<?x?x?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  return %f : tensor<?x?x?xf32>
}

func.func private @like(%x: tensor<?x?x?xf32>) -> tensor<?x?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %B = tensor.dim %x, %c0 : tensor<?x?x?xf32>
  %L = tensor.dim %x, %c1 : tensor<?x?x?xf32>
  %D = tensor.dim %x, %c2 : tensor<?x?x?xf32>
  %e = tensor.empty(%B, %L, %D) : tensor<?x?x?xf32>
  return %e : tensor<?x?x?xf32>
}

func.func private @add(%x: tensor<?x?x?xf32>, %y: tensor<?x?x?xf32>) -> tensor<?x?x?xf32> {
  %e = func.call @like(%x) : (tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %z = linalg.add ins(%x, %y : tensor<?x?x?xf32>, tensor<?x?x?xf32>) outs(%e : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  return %z : tensor<?x?x?xf32>
}

func.func private @forwards(%x: tensor<?x?x?xf32>, %wd: tensor<?x?xf32>, %bd: tensor<?xf32>, %wb: tensor<?x?xf32>, %wc: tensor<?x?xf32>, %A: tensor<?x?xf32>) -> tensor<?x?x?xf32> {
  %d = func.call @step(%x, %wd, %bd) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?x?xf32>
  %B = func.call @project(%x, %wb) : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %C = func.call @project(%x, %wc) : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %s = func.call @no_state(%x, %A) : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %e = func.call @like(%x) : (tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %y, %last = ssm.selective_scan ins(%x, %d, %A, %B, %C : tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>)
      outs(%e, %s : tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>, tensor<?x?x?xf32>
  return %y : tensor<?x?x?xf32>
}

func.func private @backwards(%x: tensor<?x?x?xf32>, %wd: tensor<?x?xf32>, %bd: tensor<?xf32>, %wb: tensor<?x?xf32>, %wc: tensor<?x?xf32>, %A: tensor<?x?xf32>) -> tensor<?x?x?xf32> {
  %d = func.call @step(%x, %wd, %bd) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>) -> tensor<?x?x?xf32>
  %B = func.call @project(%x, %wb) : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %C = func.call @project(%x, %wc) : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %s = func.call @no_state(%x, %A) : (tensor<?x?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %e = func.call @like(%x) : (tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %y, %last = ssm.selective_scan reverse ins(%x, %d, %A, %B, %C : tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>)
      outs(%e, %s : tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>, tensor<?x?x?xf32>
  return %y : tensor<?x?x?xf32>
}
