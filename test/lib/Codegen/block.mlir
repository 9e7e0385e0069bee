// A normalised row times a weight, a concatenation, an elementwise tail: from
// tensors to numbers.
// RUN: %python %S/execute.py %s L=1,7,24
// ORACLE: g = np.arange(1, 9) / 8
// ORACLE: h = x / np.sqrt((x * x).sum(1, keepdims=True) / 8 + 1e-5) * g
// ORACLE: y = h @ w + np.exp(np.repeat(h, 2, axis=1))
#d2 = affine_map<(d0, d1) -> (d0, d1)>
#r2 = affine_map<(d0, d1) -> (d0)>
#c2 = affine_map<(d0, d1) -> (d1)>
module {
  func.func @forward(%x: tensor<?x8xf32> {onnx.name = "x"}) -> (tensor<?x16xf32> {onnx.name = "y"})
      attributes {ssm.signature = {symbols = ["L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0, 8)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0, 16)>}]}} {
    %w = arith.constant dense_resource<w> : tensor<8x16xf32>
    %g = arith.constant dense<[0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0]> : tensor<8xf32>
    %zero = arith.constant 0.0 : f32
    %eps = arith.constant 1.0e-5 : f32
    %n = arith.constant 8.0 : f32
    %L = onnx.symbol "L"
    %e1 = tensor.empty(%L) : tensor<?xf32>
    %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
    %ss = linalg.generic {indexing_maps = [#d2, #r2], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<?x8xf32>) outs(%f1 : tensor<?xf32>) {
      ^bb0(%a: f32, %acc: f32):
        %s = arith.mulf %a, %a : f32
        %t = arith.addf %acc, %s : f32
        linalg.yield %t : f32
    } -> tensor<?xf32>
    %e2 = tensor.empty(%L) : tensor<?x8xf32>
    %h = linalg.generic {indexing_maps = [#d2, #r2, #c2, #d2], iterator_types = ["parallel", "parallel"]}
        ins(%x, %ss, %g : tensor<?x8xf32>, tensor<?xf32>, tensor<8xf32>) outs(%e2 : tensor<?x8xf32>) {
      ^bb0(%a: f32, %s: f32, %w0: f32, %o: f32):
        %m = arith.divf %s, %n : f32
        %p = arith.addf %m, %eps : f32
        %r = math.rsqrt %p : f32
        %q = arith.mulf %a, %r : f32
        %z = arith.mulf %q, %w0 : f32
        linalg.yield %z : f32
    } -> tensor<?x8xf32>
    %e3 = tensor.empty(%L) : tensor<?x16xf32>
    %f3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %y = linalg.matmul ins(%h, %w : tensor<?x8xf32>, tensor<8x16xf32>) outs(%f3 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %c = tensor.concat dim(0) %h, %h : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    %e4 = tensor.empty(%L) : tensor<?x16xf32>
    %c0 = arith.constant 0 : index
    %s0 = tensor.extract_slice %c[%L, 0][%L, 8][1, 1] : tensor<?x8xf32> to tensor<?x8xf32>
    %z = linalg.generic {indexing_maps = [#d2, affine_map<(d0, d1) -> (d0, d1 floordiv 2)>, #d2], iterator_types = ["parallel", "parallel"]}
        ins(%y, %s0 : tensor<?x16xf32>, tensor<?x8xf32>) outs(%e4 : tensor<?x16xf32>) {
      ^bb0(%a: f32, %b: f32, %o: f32):
        %e = math.exp %b : f32
        %q = arith.addf %a, %e : f32
        linalg.yield %q : f32
    } -> tensor<?x16xf32>
    return %z : tensor<?x16xf32>
  }
}
{-#
  dialect_resources: { builtin: { w: "0x040000000000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF" } }
#-}
