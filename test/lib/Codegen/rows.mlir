// A norm over static rows and a softmax over dynamic ones, each a kernel.
// RUN: %python %S/execute.py %s B=1,2,3 L=1,7,300
// ORACLE: m = x / np.sqrt((x * x).mean(2, keepdims=True) + 1e-5) * g
// ORACLE: y = m
// ORACLE: e = np.exp(s - s.max(1, keepdims=True))
// ORACLE: p = e / e.sum(1, keepdims=True)
#d3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#r3 = affine_map<(d0, d1, d2) -> (d0, d1)>
#c3 = affine_map<(d0, d1, d2) -> (d2)>
#d2 = affine_map<(d0, d1) -> (d0, d1)>
#r2 = affine_map<(d0, d1) -> (d0)>
module {
  func.func @forward(%x: tensor<?x?x48xf32>, %s: tensor<?x?xf32>) -> (tensor<?x?x48xf32>, tensor<?x?xf32>)
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 48)>},
                  {name = "s", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0 + 2, s1)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 48)>},
                   {name = "p", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0 + 2, s1)>}]}} {
    %g = arith.constant dense_resource<g> : tensor<48xf32>
    %zero = arith.constant 0.0 : f32
    %low = arith.constant 0xFF800000 : f32
    %eps = arith.constant 1.0e-5 : f32
    %n = arith.constant 48.0 : f32
    %c2 = arith.constant 2 : index
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %R = arith.addi %B, %c2 : index
    %er = tensor.empty(%B, %L) : tensor<?x?xf32>
    %ex = tensor.empty(%B, %L) : tensor<?x?x48xf32>
    %fr = linalg.fill ins(%zero : f32) outs(%er : tensor<?x?xf32>) -> tensor<?x?xf32>
    %sq = linalg.mul ins(%x, %x : tensor<?x?x48xf32>, tensor<?x?x48xf32>) outs(%ex : tensor<?x?x48xf32>) -> tensor<?x?x48xf32>
    %ss = linalg.reduce ins(%sq : tensor<?x?x48xf32>) outs(%fr : tensor<?x?xf32>) dimensions = [2]
        (%in: f32, %acc: f32) {
          %t = arith.addf %in, %acc : f32
          linalg.yield %t : f32
        }
    %rs = linalg.generic {indexing_maps = [#d2, #d2], iterator_types = ["parallel", "parallel"]}
        ins(%ss : tensor<?x?xf32>) outs(%er : tensor<?x?xf32>) {
      ^bb0(%a: f32, %o: f32):
        %m = arith.divf %a, %n : f32
        %p0 = arith.addf %m, %eps : f32
        %r = math.rsqrt %p0 : f32
        linalg.yield %r : f32
    } -> tensor<?x?xf32>
    %h = linalg.generic {indexing_maps = [#d3, #r3, #d3], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%x, %rs : tensor<?x?x48xf32>, tensor<?x?xf32>) outs(%ex : tensor<?x?x48xf32>) {
      ^bb0(%a: f32, %r: f32, %o: f32):
        %q = arith.mulf %a, %r : f32
        linalg.yield %q : f32
    } -> tensor<?x?x48xf32>
    %y = linalg.generic {indexing_maps = [#d3, #c3, #d3], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%h, %g : tensor<?x?x48xf32>, tensor<48xf32>) outs(%ex : tensor<?x?x48xf32>) {
      ^bb0(%a: f32, %r: f32, %o: f32):
        %q = arith.mulf %a, %r : f32
        linalg.yield %q : f32
    } -> tensor<?x?x48xf32>

    %e1 = tensor.empty(%R) : tensor<?xf32>
    %e2 = tensor.empty(%R, %L) : tensor<?x?xf32>
    %fm = linalg.fill ins(%low : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
    %max = linalg.reduce ins(%s : tensor<?x?xf32>) outs(%fm : tensor<?xf32>) dimensions = [1]
        (%in: f32, %acc: f32) {
          %t = arith.maximumf %in, %acc : f32
          linalg.yield %t : f32
        }
    %e = linalg.generic {indexing_maps = [#d2, #r2, #d2], iterator_types = ["parallel", "parallel"]}
        ins(%s, %max : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
      ^bb0(%a: f32, %r: f32, %o: f32):
        %q = arith.subf %a, %r : f32
        %w = math.exp %q : f32
        linalg.yield %w : f32
    } -> tensor<?x?xf32>
    %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
    %sum = linalg.reduce ins(%e : tensor<?x?xf32>) outs(%f1 : tensor<?xf32>) dimensions = [1]
        (%in: f32, %acc: f32) {
          %t = arith.addf %in, %acc : f32
          linalg.yield %t : f32
        }
    %p = linalg.generic {indexing_maps = [#d2, #r2, #d2], iterator_types = ["parallel", "parallel"]}
        ins(%e, %sum : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
      ^bb0(%a: f32, %r: f32, %o: f32):
        %q = arith.divf %a, %r : f32
        linalg.yield %q : f32
    } -> tensor<?x?xf32>
    return %y, %p : tensor<?x?x48xf32>, tensor<?x?xf32>
  }
}
{-#
  dialect_resources: { builtin: { g: "0x040000000000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF000000000000803F000040BF0000803E0000A03F000000BF0000003F0000A0BF000080BE0000403F000080BF" } }
#-}
