// Reductions along rows: of free and known lengths, to rows and to nothing, with
// what is there before and with what they begin with.
// REQUIRES: emulator
// RUN: %python %S/emulate.py %s B=1,1,2,3,1,0 L=1,3,70,700,9,5
// ORACLE: s = (x * x).sum(axis=2) + 2
// ORACLE: m = np.exp(-x).max(axis=(1, 2), initial=0)
// ORACLE: a = np.array((x < 3).all(), np.bool_)
// ORACLE: r = np.minimum(y.min(axis=1, initial=np.inf), 1)
// ORACLE: t = r + (z * y[:, :40]).sum(axis=1)
#x = affine_map<(b, c, l) -> (b, c, l)>
#s = affine_map<(b, c, l) -> (b, c)>
#m = affine_map<(b, c, l) -> (b)>
#a = affine_map<(b, c, l) -> ()>
#y = affine_map<(l, k) -> (l, k)>
#r = affine_map<(l, k) -> (l)>
module {
  func.func @forward(%x: tensor<?x8x?xf32> {onnx.name = "x"}, %y: tensor<?x700xf32> {onnx.name = "y"},
                     %z: tensor<?x40xf32> {onnx.name = "z"})
      -> (tensor<?x8xf32> {onnx.name = "s"}, tensor<?xf32> {onnx.name = "m"}, tensor<i1> {onnx.name = "a"},
          tensor<?xf32> {onnx.name = "r"}, tensor<?xf32> {onnx.name = "t"})
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 8, s1)>},
                  {name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1, 700)>},
                  {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1, 40)>}],
        outputs = [{name = "s", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 8)>},
                   {name = "m", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0)>},
                   {name = "a", dtype = 9 : i64, dims = affine_map<()[s0, s1] -> ()>},
                   {name = "r", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1)>},
                   {name = "t", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1)>}]}} {
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %three = arith.constant 3.0 : f32
    %true = arith.constant true
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %e1 = tensor.empty(%B) : tensor<?x8xf32>
    %f1 = linalg.fill ins(%two : f32) outs(%e1 : tensor<?x8xf32>) -> tensor<?x8xf32>
    %s = linalg.generic {indexing_maps = [#x, #s], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x : tensor<?x8x?xf32>) outs(%f1 : tensor<?x8xf32>) {
      ^bb0(%p: f32, %sum: f32):
        %q = arith.mulf %p, %p : f32
        %n = arith.addf %q, %sum : f32
        linalg.yield %n : f32
    } -> tensor<?x8xf32>
    %e2 = tensor.empty(%B) : tensor<?xf32>
    %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?xf32>) -> tensor<?xf32>
    %m = linalg.generic {indexing_maps = [#x, #m], iterator_types = ["parallel", "reduction", "reduction"]}
        ins(%x : tensor<?x8x?xf32>) outs(%f2 : tensor<?xf32>) {
      ^bb0(%p: f32, %most: f32):
        %q = arith.negf %p : f32
        %e = math.exp %q : f32
        %n = arith.maximumf %most, %e : f32
        linalg.yield %n : f32
    } -> tensor<?xf32>
    %e3 = tensor.empty() : tensor<i1>
    %f3 = linalg.fill ins(%true : i1) outs(%e3 : tensor<i1>) -> tensor<i1>
    %a = linalg.generic {indexing_maps = [#x, #a], iterator_types = ["reduction", "reduction", "reduction"]}
        ins(%x : tensor<?x8x?xf32>) outs(%f3 : tensor<i1>) {
      ^bb0(%p: f32, %all: i1):
        %q = arith.cmpf olt, %p, %three : f32
        %n = arith.andi %all, %q : i1
        linalg.yield %n : i1
    } -> tensor<i1>
    %e4 = tensor.empty(%L) : tensor<?xf32>
    %f4 = linalg.fill ins(%one : f32) outs(%e4 : tensor<?xf32>) -> tensor<?xf32>
    %r = linalg.generic {indexing_maps = [#y, #r], iterator_types = ["parallel", "reduction"]}
        ins(%y : tensor<?x700xf32>) outs(%f4 : tensor<?xf32>) {
      ^bb0(%p: f32, %least: f32):
        %n = arith.minimumf %least, %p : f32
        linalg.yield %n : f32
    } -> tensor<?xf32>
    %part = tensor.extract_slice %y[0, 0] [%L, 40] [1, 1] : tensor<?x700xf32> to tensor<?x40xf32>
    %t = linalg.generic {indexing_maps = [#y, #y, #r], iterator_types = ["parallel", "reduction"]}
        ins(%z, %part : tensor<?x40xf32>, tensor<?x40xf32>) outs(%r : tensor<?xf32>) {
      ^bb0(%p: f32, %q: f32, %sum: f32):
        %w = arith.mulf %p, %q : f32
        %n = arith.addf %sum, %w : f32
        linalg.yield %n : f32
    } -> tensor<?xf32>
    return %s, %m, %a, %r, %t : tensor<?x8xf32>, tensor<?xf32>, tensor<i1>, tensor<?xf32>, tensor<?xf32>
  }
}
