// A combiner written with arithmetic on tensors: h[t] = max(a[t] + h[t-1], b[t]).
// RUN: %python %S/execute.py %s B=1,2 L=1,9
// ORACLE: a, b = a.astype(np.float64), b.astype(np.float64)
// ORACLE: h, y = np.full((B, 5), -np.inf), np.zeros((B, L, 5))
// ORACLE: for t in range(L):
// ORACLE:   h = y[:, t] = np.maximum(a[:, t] + h, b[:, t])
module {
  func.func @forward(%a: tensor<?x?x5xf32>, %b: tensor<?x?x5xf32>) -> tensor<?x?x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "a", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 5)>},
                  {name = "b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 5)>}]}} {
    %zero = arith.constant 0.0 : f32
    %none = arith.constant 0xFF800000 : f32
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %e = tensor.empty(%B, %L) : tensor<?x?x5xf32>
    %es = tensor.empty(%B) : tensor<?x5xf32>
    %a0 = linalg.fill ins(%zero : f32) outs(%es : tensor<?x5xf32>) -> tensor<?x5xf32>
    %b0 = linalg.fill ins(%none : f32) outs(%es : tensor<?x5xf32>) -> tensor<?x5xf32>
    %s, %y, %sl, %yl = ssm.associative_scan axes[1, 1] ins(%a, %b : tensor<?x?x5xf32>, tensor<?x?x5xf32>)
        outs(%e, %e : tensor<?x?x5xf32>, tensor<?x?x5xf32>) states(%a0, %b0 : tensor<?x5xf32>, tensor<?x5xf32>) {
    ^bb0(%p: tensor<?x5xf32>, %h: tensor<?x5xf32>, %q: tensor<?x5xf32>, %x: tensor<?x5xf32>):
      %sum = arith.addf %p, %q : tensor<?x5xf32>
      %moved = arith.addf %h, %q : tensor<?x5xf32>
      %max = arith.maximumf %moved, %x : tensor<?x5xf32>
      ssm.yield %sum, %max : tensor<?x5xf32>, tensor<?x5xf32>
    } -> tensor<?x?x5xf32>, tensor<?x?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>
    return %y : tensor<?x?x5xf32>
  }
}
