// S5 with resets: a complex diagonal state of zero-order hold, dense inputs and
// outputs, conjugate pairs.
// RUN: %python %S/mixer.py %s
#n = affine_map<(i) -> (i)>
#u = affine_map<(b, l, n, d) -> (b, l, d)>
#w = affine_map<(b, l, n, d) -> (n, d)>
#f = affine_map<(b, l, n, d) -> (n)>
#h = affine_map<(b, l, n, d) -> (b, l, n)>
#r = affine_map<(b, l, n) -> (b, l)>
#k = affine_map<(b, l, n) -> (n)>
#i = affine_map<(b, l, n) -> (b, l, n)>
#uh = affine_map<(b, l, d, n) -> (b, l, n)>
#c = affine_map<(b, l, d, n) -> (d, n)>
#y = affine_map<(b, l, d, n) -> (b, l, d)>
module {
  func.func @forward(%u: tensor<?x?x5xf32>,
                     %resets: tensor<?x?xi1>,
                     %log_re: tensor<6xf32>,
                     %im: tensor<6xf32>,
                     %log_step: tensor<6xf32>,
                     %B_re: tensor<6x5xf32>,
                     %B_im: tensor<6x5xf32>,
                     %C_re: tensor<5x6xf32>,
                     %C_im: tensor<5x6xf32>,
                     %skip: tensor<5xf32>)
      -> tensor<?x?x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "u", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 5)>},
                  {name = "resets", dtype = 9 : i64, dims = affine_map<()[s0, s1] -> (s0, s1)>},
                  {name = "log_re", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6)>},
                  {name = "im", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6)>},
                  {name = "log_step", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6)>},
                  {name = "B_re", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 5)>},
                  {name = "B_im", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 5)>},
                  {name = "C_re", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5, 6)>},
                  {name = "C_im", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5, 6)>},
                  {name = "skip", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %e = tensor.empty() : tensor<6xcomplex<f32>>
    %e2 = tensor.empty() : tensor<6x5xcomplex<f32>>
    %e3 = tensor.empty(%B, %L) : tensor<?x?x6xcomplex<f32>>
    %c = arith.constant 0.0 : f32
    %e4 = tensor.empty(%B, %L) : tensor<?x?x6xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e4 : tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %e5 = tensor.empty(%B, %L) : tensor<?x?x5xf32>
    %fill2 = linalg.fill ins(%c : f32) outs(%e5 : tensor<?x?x5xf32>) -> tensor<?x?x5xf32>
    %bar, %factor = linalg.generic {indexing_maps = [#n, #n, #n, #n, #n], iterator_types = ["parallel"]}
        ins(%log_re, %im, %log_step : tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) outs(%e, %e : tensor<6xcomplex<f32>>, tensor<6xcomplex<f32>>) {
    ^bb0(%la: f32, %b: f32, %ls: f32, %o0: complex<f32>, %o1: complex<f32>):
      %ea = math.exp %la : f32
      %re = arith.negf %ea : f32
      %lam = complex.create %re, %b : complex<f32>
      %step = math.exp %ls : f32
      %x = arith.mulf %re, %step : f32
      %y = arith.mulf %b, %step : f32
      %size = math.exp %x : f32
      %cos = math.cos %y : f32
      %sin = math.sin %y : f32
      %p = arith.mulf %size, %cos : f32
      %q = arith.mulf %size, %sin : f32
      %turn = complex.create %p, %q : complex<f32>
      %unit = complex.constant [1.0 : f32, 0.0 : f32] : complex<f32>
      %less = complex.sub %turn, %unit : complex<f32>
      %f = complex.div %less, %lam : complex<f32>
      linalg.yield %turn, %f : complex<f32>, complex<f32>
    } -> (tensor<6xcomplex<f32>>, tensor<6xcomplex<f32>>)
    %cz = complex.constant [0.0 : f32, 0.0 : f32] : complex<f32>
    %inputs0 = linalg.fill ins(%cz : complex<f32>) outs(%e3 : tensor<?x?x6xcomplex<f32>>) -> tensor<?x?x6xcomplex<f32>>
    %input = linalg.generic {indexing_maps = [#u, #w, #w, #f, #h], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%u, %B_re, %B_im, %factor : tensor<?x?x5xf32>, tensor<6x5xf32>, tensor<6x5xf32>, tensor<6xcomplex<f32>>) outs(%inputs0 : tensor<?x?x6xcomplex<f32>>) {
    ^bb0(%a: f32, %b0: f32, %b1: f32, %f: complex<f32>, %o: complex<f32>):
      %p = arith.mulf %a, %b0 : f32
      %q = arith.mulf %a, %b1 : f32
      %v = complex.create %p, %q : complex<f32>
      %x = complex.mul %v, %f : complex<f32>
      %s = complex.add %o, %x : complex<f32>
      linalg.yield %s : complex<f32>
    } -> tensor<?x?x6xcomplex<f32>>
    %decay = linalg.generic {indexing_maps = [#r, #k, #i], iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%resets, %bar : tensor<?x?xi1>, tensor<6xcomplex<f32>>) outs(%e3 : tensor<?x?x6xcomplex<f32>>) {
    ^bb0(%a: i1, %b: complex<f32>, %o: complex<f32>):
      %v = arith.select %a, %cz, %b : complex<f32>
      linalg.yield %v : complex<f32>
    } -> tensor<?x?x6xcomplex<f32>>
    %e6 = tensor.empty(%B) : tensor<?x6xcomplex<f32>>
    %none = linalg.fill ins(%cz : complex<f32>) outs(%e6 : tensor<?x6xcomplex<f32>>) -> tensor<?x6xcomplex<f32>>
    %hs, %last = ssm.scan dimension(1) ins(%decay, %input : tensor<?x?x6xcomplex<f32>>, tensor<?x?x6xcomplex<f32>>)
        outs(%e3, %none : tensor<?x?x6xcomplex<f32>>, tensor<?x6xcomplex<f32>>) -> tensor<?x?x6xcomplex<f32>>, tensor<?x6xcomplex<f32>>
    %sum = linalg.generic {indexing_maps = [#uh, #c, #c, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%hs, %C_re, %C_im : tensor<?x?x6xcomplex<f32>>, tensor<5x6xf32>, tensor<5x6xf32>) outs(%fill2 : tensor<?x?x5xf32>) {
    ^bb0(%a: complex<f32>, %c0: f32, %c1: f32, %o: f32):
      %w = complex.create %c0, %c1 : complex<f32>
      %p = complex.mul %a, %w : complex<f32>
      %x = complex.re %p : complex<f32>
      %two = arith.constant 2.0 : f32
      %d = arith.mulf %two, %x : f32
      %s = arith.addf %o, %d : f32
      linalg.yield %s : f32
    } -> tensor<?x?x5xf32>
    %1 = linalg.broadcast ins(%skip : tensor<5xf32>) outs(%e5 : tensor<?x?x5xf32>) dimensions = [0, 1]
    %2 = arith.mulf %u, %1 : tensor<?x?x5xf32>
    %3 = arith.addf %sum, %2 : tensor<?x?x5xf32>
    return %3 : tensor<?x?x5xf32>
  }
}
