// What the tensor cores' kernels leave alone is right in another way: a bias, and
// decays of each key, of f16 on a chip that has such kernels.
// REQUIRES: emulator
// RUN: %python %S/emulate.py %s B=1,2 L=5,9 --rtol=5e-3 --target=sm_90a
// ORACLE: q, k, v, b, g = (a.astype(np.float64) for a in (q, k, v, b, g))
// ORACLE: y, z, s = np.zeros((B, L, 2, 8)), np.zeros((B, L, 2, 8)), np.zeros((B, 2, 8, 8))
// ORACLE: for t in range(L):
// ORACLE:   a = np.einsum("bhn,bshn->bhs", q[:, t], k) / np.sqrt(8) + b[:, :, t]
// ORACLE:   p = np.exp(a - a.max(2, keepdims=True))
// ORACLE:   y[:, t] = np.einsum("bhs,bshp->bhp", p / p.sum(2, keepdims=True), v)
// ORACLE:   s = s * np.exp(-np.abs(g[:, t]))[..., None] + k[:, t, ..., None] * v[:, t, :, None]
// ORACLE:   z[:, t] = np.einsum("bhn,bhnp->bhp", q[:, t], s)
module {
  func.func @forward(%q: tensor<?x?x2x8xf16>, %k: tensor<?x?x2x8xf16>, %v: tensor<?x?x2x8xf16>, %b: tensor<?x2x?x?xf16>, %g: tensor<?x?x2x8xf16>) -> (tensor<?x?x2x8xf16>, tensor<?x?x2x8xf16>)
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "q", dtype = 10 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 8)>},
                  {name = "k", dtype = 10 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 8)>},
                  {name = "v", dtype = 10 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 8)>},
                  {name = "b", dtype = 10 : i64, dims = affine_map<()[s0, s1] -> (s0, 2, s1, s1)>},
                  {name = "g", dtype = 10 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 8)>}],
        outputs = [{name = "y", dtype = 10 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 8)>},
                   {name = "z", dtype = 10 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 8)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty(%B, %L) : tensor<?x?x2x8xf16>
    %el = tensor.empty(%B, %L) : tensor<?x?x2xf32>
    %es = tensor.empty(%B) : tensor<?x2x8x8xf32>
    %s0 = linalg.fill ins(%zero : f32) outs(%es : tensor<?x2x8x8xf32>) -> tensor<?x2x8x8xf32>
    %abs = math.absf %g : tensor<?x?x2x8xf16>
    %decay = arith.negf %abs : tensor<?x?x2x8xf16>
    %y, %lse = ssm.attention ins(%q, %k, %v : tensor<?x?x2x8xf16>, tensor<?x?x2x8xf16>, tensor<?x?x2x8xf16>) bias(%b : tensor<?x2x?x?xf16>)
        outs(%e, %el : tensor<?x?x2x8xf16>, tensor<?x?x2xf32>) -> tensor<?x?x2x8xf16>, tensor<?x?x2xf32>
    %z, %s = ssm.semiseparable ins(%q, %k, %v : tensor<?x?x2x8xf16>, tensor<?x?x2x8xf16>, tensor<?x?x2x8xf16>) decay(%decay : tensor<?x?x2x8xf16>)
        outs(%e, %s0 : tensor<?x?x2x8xf16>, tensor<?x2x8x8xf32>) -> tensor<?x?x2x8xf16>, tensor<?x2x8x8xf32>
    return %y, %z : tensor<?x?x2x8xf16>, tensor<?x?x2x8xf16>
  }
}
