// A kernel as long as the sequence, in both directions, as a ring with kernels of
// each row, and one of nine elements that goes on from a past of eight.
// RUN: %python %S/execute.py %s B=1,3 L=1,7,20,300
// The same by transforms.
// RUN: sed 's/^\( *outs(.*)\) -> /\1 {ssm.strategy = #ssm.strategy<fft>} -> /' %s > %t.mlir
// RUN: %python %S/execute.py %t.mlir B=1,3 L=0,1,7,20,300,1100
// ORACLE: x, k, r, p = (a.astype(np.float64) for a in (x, k, r, p))
// ORACLE: y, z, c = np.zeros(x.shape), np.zeros(x.shape), np.zeros(x.shape)
// ORACLE: known = np.concatenate([p, x], axis=1)
// ORACLE: for t in range(L):
// ORACLE:   y[:, t] = (k[:t + 1][::-1] * x[:, :t + 1]).sum(1) + (k[:L - 1 - t] * x[:, t + 1:]).sum(1)
// ORACLE:   z[:, t] = (r[:, (t - np.arange(L)) % L] * x).sum(1)
// ORACLE: for j in range(min(L, 9)):
// ORACLE:   c += k[j] * known[:, 8 - j:8 - j + L]
// ORACLE: past = known[:, L:]
module {
  func.func @forward(%x: tensor<?x?x37xf32>, %k: tensor<?x37xf32>, %r: tensor<?x?x37xf32>, %p: tensor<?x8x37xf32>)
      -> (tensor<?x?x37xf32>, tensor<?x?x37xf32>, tensor<?x?x37xf32>, tensor<?x8x37xf32>)
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 37)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1, 37)>},
                  {name = "r", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 37)>},
                  {name = "p", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 8, 37)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 37)>},
                   {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 37)>},
                   {name = "c", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 37)>},
                   {name = "past", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 8, 37)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %e = tensor.empty(%B, %L) : tensor<?x?x37xf32>
    %y = ssm.long_conv ins(%x, %k : tensor<?x?x37xf32>, tensor<?x37xf32>) ahead(%k : tensor<?x37xf32>)
        outs(%e : tensor<?x?x37xf32>) -> tensor<?x?x37xf32>
    %z = ssm.long_conv circular ins(%x, %r : tensor<?x?x37xf32>, tensor<?x?x37xf32>)
        outs(%e : tensor<?x?x37xf32>) -> tensor<?x?x37xf32>
    %nine = arith.constant 9 : index
    %w = arith.minui %L, %nine : index
    %s = tensor.extract_slice %k[0, 0][%w, 37][1, 1] : tensor<?x37xf32> to tensor<?x37xf32>
    %c, %past = ssm.long_conv ins(%x, %s : tensor<?x?x37xf32>, tensor<?x37xf32>)
        outs(%e, %p : tensor<?x?x37xf32>, tensor<?x8x37xf32>) -> tensor<?x?x37xf32>, tensor<?x8x37xf32>
    return %y, %z, %c, %past : tensor<?x?x37xf32>, tensor<?x?x37xf32>, tensor<?x?x37xf32>, tensor<?x8x37xf32>
  }
}
