// Turned queries and keys, and three parts of the keys put together in two
// orders: from tensors to numbers.
// RUN: %python %S/execute.py %s L=0,1,7
// ORACLE: def turn(x, a): return np.concatenate([(z := (x[..., :2] + 1j * x[..., 2:4]) * np.exp(1j * a)[..., None, :]).real, z.imag, x[..., 4:]], -1)
// ORACLE: whole = turn(np.concatenate([q, k, k + 1], 1), np.concatenate([a, a, a], 0))
// ORACLE: s = np.einsum("bihn,bjhn->bhij", turn(q, a), whole) * 5 ** -0.5
// ORACLE: e = np.exp(s) / np.exp(s).sum(3, keepdims=True)
// ORACLE: left = right = np.einsum("bhij,bjhp->bihp", e, np.concatenate([q, k, k + 1], 1))
#t = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
!x = tensor<2x?x3x5xf32>
!l = tensor<2x?x3xf32>
module {
  func.func @forward(%q: !x {onnx.name = "q"}, %k: !x {onnx.name = "k"}, %a: tensor<?x2xf32> {onnx.name = "a"})
      -> (!x {onnx.name = "left"}, !x {onnx.name = "right"})
      attributes {ssm.signature = {symbols = ["L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 3, 5)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 3, 5)>},
                  {name = "a", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0, 2)>}],
        outputs = [{name = "left", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 3, 5)>},
                   {name = "right", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 3, 5)>}]}} {
    %L = onnx.symbol "L"
    %one = arith.constant 1.0 : f32
    %x0 = tensor.empty(%L) : !x
    %l0 = tensor.empty(%L) : !l
    %a0 = tensor.empty(%L) : tensor<?x2xf32>
    %c = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
        ins(%a : tensor<?x2xf32>) outs(%a0 : tensor<?x2xf32>) {
      ^bb0(%x: f32, %o: f32):
        %r = math.cos %x : f32
        linalg.yield %r : f32
    } -> tensor<?x2xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
        ins(%a : tensor<?x2xf32>) outs(%a0 : tensor<?x2xf32>) {
      ^bb0(%x: f32, %o: f32):
        %r = math.sin %x : f32
        linalg.yield %r : f32
    } -> tensor<?x2xf32>
    %k2 = linalg.generic {indexing_maps = [#t, #t], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%k : !x) outs(%x0 : !x) {
      ^bb0(%x: f32, %o: f32):
        %r = arith.addf %x, %one : f32
        linalg.yield %r : f32
    } -> !x
    %tq = ssm.rope layout(half) ins(%q, %c, %s : !x, tensor<?x2xf32>, tensor<?x2xf32>) outs(%x0 : !x) -> !x
    %t1 = ssm.rope layout(half) ins(%k, %c, %s : !x, tensor<?x2xf32>, tensor<?x2xf32>) outs(%x0 : !x) -> !x
    %t2 = ssm.rope layout(half) ins(%k2, %c, %s : !x, tensor<?x2xf32>, tensor<?x2xf32>) outs(%x0 : !x) -> !x
    %y0, %e0 = ssm.attention ins(%tq, %tq, %q : !x, !x, !x) outs(%x0, %l0 : !x, !l) -> !x, !l
    %y1, %e1 = ssm.attention ins(%tq, %t1, %k : !x, !x, !x) outs(%x0, %l0 : !x, !l) -> !x, !l
    %y2, %e2 = ssm.attention ins(%tq, %t2, %k2 : !x, !x, !x) outs(%x0, %l0 : !x, !l) -> !x, !l
    %y01, %e01 = ssm.lse_merge ins(%y0, %e0, %y1, %e1 : !x, !l, !x, !l) outs(%x0, %l0 : !x, !l) -> !x, !l
    %left, %e = ssm.lse_merge ins(%y01, %e01, %y2, %e2 : !x, !l, !x, !l) outs(%x0, %l0 : !x, !l) -> !x, !l
    %y21, %e21 = ssm.lse_merge ins(%y2, %e2, %y1, %e1 : !x, !l, !x, !l) outs(%x0, %l0 : !x, !l) -> !x, !l
    %right, %f = ssm.lse_merge ins(%y21, %e21, %y0, %e0 : !x, !l, !x, !l) outs(%x0, %l0 : !x, !l) -> !x, !l
    return %left, %right : !x, !x
  }
}
