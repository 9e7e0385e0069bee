// Both directions of a Hydra mixer, packed sequences and a free diagonal.
// RUN: %python %S/execute.py %s B=1,2 L=1,9
// ORACLE: k, v, g = (x.astype(np.float64) for x in (k, v, g))
// ORACLE: g = -np.abs(g)
// ORACLE: M = np.zeros((B, 2, L, L))
// ORACLE: for t in range(L):
// ORACLE:   for s in range(L):
// ORACLE:     i, j = min(s, t), max(s, t)
// ORACLE:     seen = ~r[:, i + 1:j + 1].any(1)[:, None] * np.exp(g[:, i + 1:j].sum(1))
// ORACLE:     M[:, :, t, s] = seen * (k[:, t] * k[:, s]).sum(-1) if s != t else g[:, t]
// ORACLE: y = np.einsum("bhts,bshp->bthp", M, v)
module {
  func.func @forward(%k: tensor<?x?x2x3xf32>, %v: tensor<?x?x2x5xf32>, %g: tensor<?x?x2xf32>, %r: tensor<?x?xi1>)
      -> tensor<?x?x2x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 3)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 5)>},
                  {name = "g", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2)>},
                  {name = "r", dtype = 9 : i64, dims = affine_map<()[s0, s1] -> (s0, s1)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %a = math.absf %g : tensor<?x?x2xf32>
    %n = arith.negf %a : tensor<?x?x2xf32>
    %e = tensor.empty(%B, %L) : tensor<?x?x2x5xf32>
    %y = ssm.quasiseparable
        ins(%k, %k, %k, %k, %v : tensor<?x?x2x3xf32>, tensor<?x?x2x3xf32>, tensor<?x?x2x3xf32>, tensor<?x?x2x3xf32>, tensor<?x?x2x5xf32>)
        diagonal(%n : tensor<?x?x2xf32>) decay(%n, %n : tensor<?x?x2xf32>, tensor<?x?x2xf32>) resets(%r : tensor<?x?xi1>)
        outs(%e : tensor<?x?x2x5xf32>) -> tensor<?x?x2x5xf32>
    return %y : tensor<?x?x2x5xf32>
  }
}
