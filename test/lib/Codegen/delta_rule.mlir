// A Gated DeltaNet mixer behind its projections, on shared keys, and an RWKV-7
// one; an op without a kernel of its own is decomposed.
// RUN: %python %S/execute.py %s B=1,2 L=1,9
// ORACLE: q, k, v, r = (x.astype(np.float64) for x in (q, k, v, r))
// ORACLE: y, z = np.zeros((B, L, 4, 5)), np.zeros((B, L, 4, 5))
// ORACLE: S, T = np.zeros((B, 4, 3, 5)), np.zeros((B, 4, 3, 5))
// ORACLE: for t in range(L):
// ORACLE:   kt, vt, bt = np.repeat(k[:, t], 2, 1), v[:, t], r[:, t]
// ORACLE:   S = np.exp(bt)[..., None, None] * S
// ORACLE:   S = S + kt[..., None] * (bt[..., None] * (vt - np.einsum("bhnp,bhn->bhp", S, kt)))[:, :, None]
// ORACLE:   y[:, t] = np.einsum("bhnp,bhn->bhp", S, np.repeat(q[:, t], 2, 1))
// ORACLE:   T = np.exp(bt)[..., None, None] * T + kt[..., None] * (np.einsum("bhnp,bhn->bhp", T, kt) + vt)[:, :, None]
// ORACLE:   z[:, t] = np.einsum("bhnp,bhn->bhp", T, np.repeat(q[:, t], 2, 1))
module {
  func.func @forward(%q: tensor<?x?x2x3xf32>, %k: tensor<?x?x2x3xf32>, %v: tensor<?x?x4x5xf32>, %r: tensor<?x?x4xf32>)
      -> (tensor<?x?x4x5xf32>, tensor<?x?x4x5xf32>)
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 3)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 3)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "r", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                   {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}]}} {
    %zero = arith.constant 0.0 : f32
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %e = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %es = tensor.empty(%B) : tensor<?x4x3x5xf32>
    %s0 = linalg.fill ins(%zero : f32) outs(%es : tensor<?x4x3x5xf32>) -> tensor<?x4x3x5xf32>
    %y, %s = ssm.delta_rule ins(%q, %k, %v : tensor<?x?x2x3xf32>, tensor<?x?x2x3xf32>, tensor<?x?x4x5xf32>)
        beta(%r : tensor<?x?x4xf32>) decay(%r : tensor<?x?x4xf32>)
        outs(%e, %s0 : tensor<?x?x4x5xf32>, tensor<?x4x3x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x3x5xf32>
    %z, %t = ssm.delta_rule ins(%q, %k, %v : tensor<?x?x2x3xf32>, tensor<?x?x2x3xf32>, tensor<?x?x4x5xf32>)
        erase(%k, %k : tensor<?x?x2x3xf32>, tensor<?x?x2x3xf32>) decay(%r : tensor<?x?x4xf32>)
        outs(%e, %s0 : tensor<?x?x4x5xf32>, tensor<?x4x3x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x3x5xf32>
    return %y, %z : tensor<?x?x4x5xf32>, tensor<?x?x4x5xf32>
  }
}
