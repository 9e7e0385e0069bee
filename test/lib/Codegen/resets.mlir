// Convolution and selective scan of a packed batch.
// RUN: %python %S/execute.py %s B=1,2 L=1,11
// ORACLE: x, d = x.astype(np.float64), np.abs(d.astype(np.float64))
// ORACLE: c, y = np.zeros((B, L, 6)), np.zeros((B, L, 6))
// ORACLE: h, w = np.zeros((B, 6, 1)), [0.5, -1.0, 2.0]
// ORACLE: for i in range(B):
// ORACLE:   for t in range(L):
// ORACLE:     for j in range(3):
// ORACLE:       if t >= j and not r[i, t - j + 1:t + 1].any():
// ORACLE:         c[i, t] += w[2 - j] * x[i, t - j]
// ORACLE: for t in range(L):
// ORACLE:   h = np.exp(-d[:, t, :, None]) * h * ~r[:, t, None, None] + (d[:, t] * c[:, t])[..., None]
// ORACLE:   y[:, t] = h[..., 0]
module {
  func.func @forward(%x: tensor<?x?x6xf32>, %d: tensor<?x?x6xf32>, %r: tensor<?x?xi1>) -> tensor<?x?x6xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
                  {name = "d", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
                  {name = "r", dtype = 9 : i64, dims = affine_map<()[s0, s1] -> (s0, s1)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>}]}} {
    %w = arith.constant dense<[[0.5, -1.0, 2.0], [0.5, -1.0, 2.0], [0.5, -1.0, 2.0], [0.5, -1.0, 2.0], [0.5, -1.0, 2.0], [0.5, -1.0, 2.0]]> : tensor<6x3xf32>
    %A = arith.constant dense<-1.0> : tensor<6x1xf32>
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %e = tensor.empty(%B, %L) : tensor<?x?x6xf32>
    %et = tensor.empty(%B) : tensor<?x2x6xf32>
    %tail = linalg.fill ins(%zero : f32) outs(%et : tensor<?x2x6xf32>) -> tensor<?x2x6xf32>
    %c, %ct = ssm.short_conv ins(%x, %w : tensor<?x?x6xf32>, tensor<6x3xf32>) resets(%r : tensor<?x?xi1>)
        outs(%e, %tail : tensor<?x?x6xf32>, tensor<?x2x6xf32>) -> tensor<?x?x6xf32>, tensor<?x2x6xf32>
    %delta = math.absf %d : tensor<?x?x6xf32>
    %ei = tensor.empty(%B, %L) : tensor<?x?x1xf32>
    %ones = linalg.fill ins(%one : f32) outs(%ei : tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
    %eh = tensor.empty(%B) : tensor<?x6x1xf32>
    %h0 = linalg.fill ins(%zero : f32) outs(%eh : tensor<?x6x1xf32>) -> tensor<?x6x1xf32>
    %y, %h = ssm.selective_scan ins(%c, %delta, %A, %ones, %ones : tensor<?x?x6xf32>, tensor<?x?x6xf32>, tensor<6x1xf32>, tensor<?x?x1xf32>, tensor<?x?x1xf32>)
        resets(%r : tensor<?x?xi1>) outs(%e, %h0 : tensor<?x?x6xf32>, tensor<?x6x1xf32>) -> tensor<?x?x6xf32>, tensor<?x6x1xf32>
    return %y : tensor<?x?x6xf32>
  }
}
