// S4D in both directions, as bidirectional S4 is: a kernel of conjugate pairs for each,
// zero-order hold; what comes later begins one step on. The skip is in the first lag.
// RUN: %python %S/mixer.py %s
#mode = {indexing_maps = [affine_map<(d, n) -> (d)>, affine_map<(d, n) -> (d, n)>, affine_map<(d, n) -> (d, n)>,
                          affine_map<(d, n) -> (d, n)>, affine_map<(d, n) -> (d, n)>, affine_map<(d, n) -> (d, n)>,
                          affine_map<(d, n) -> (d, n)>, affine_map<(d, n) -> (d, n)>, affine_map<(d, n) -> (d, n)>],
         iterator_types = ["parallel", "parallel"]}
module {
  // 2 Re sum_n C (exp(dt A) - 1) / A exp(l dt A), A = -exp(log_re) + i im.
  func.func private @kernel(%L: index, %log_dt: tensor<5xf32>, %log_re: tensor<5x3xf32>, %im: tensor<5x3xf32>,
                            %C_re: tensor<5x3xf32>, %C_im: tensor<5x3xf32>) -> tensor<?x5xf32> {
    %zero = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %e = tensor.empty() : tensor<5x3xf32>
    %z:4 = linalg.generic #mode
        ins(%log_dt, %log_re, %im, %C_re, %C_im : tensor<5xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>)
        outs(%e, %e, %e, %e : tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>) {
      ^bb0(%ldt: f32, %lre: f32, %ai: f32, %cr: f32, %ci: f32, %o0: f32, %o1: f32, %o2: f32, %o3: f32):
        %dt = math.exp %ldt : f32
        %ea = math.exp %lre : f32
        %ar = arith.negf %ea : f32
        %A = complex.create %ar, %ai : complex<f32>
        %C2r = arith.mulf %two, %cr : f32
        %C2i = arith.mulf %two, %ci : f32
        %C2 = complex.create %C2r, %C2i : complex<f32>
        %zr = arith.mulf %dt, %ar : f32
        %zi = arith.mulf %dt, %ai : f32
        %zc = complex.create %zr, %zi : complex<f32>
        %x = complex.exp %zc : complex<f32>
        %i = complex.create %one, %zero : complex<f32>
        %xm = complex.sub %x, %i : complex<f32>
        %bar = complex.div %xm, %A : complex<f32>
        %cb = complex.mul %C2, %bar : complex<f32>
        %br = complex.re %cb : complex<f32>
        %bi = complex.im %cb : complex<f32>
        linalg.yield %zr, %zi, %br, %bi : f32, f32, f32, f32
    } -> (tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>)
    %parts = tensor.empty() : tensor<2x5x3xf32>
    %a0 = tensor.insert_slice %z#0 into %parts[0, 0, 0] [1, 5, 3] [1, 1, 1] : tensor<5x3xf32> into tensor<2x5x3xf32>
    %a = tensor.insert_slice %z#1 into %a0[1, 0, 0] [1, 5, 3] [1, 1, 1] : tensor<5x3xf32> into tensor<2x5x3xf32>
    %c0 = tensor.insert_slice %z#2 into %parts[0, 0, 0] [1, 5, 3] [1, 1, 1] : tensor<5x3xf32> into tensor<2x5x3xf32>
    %c = tensor.insert_slice %z#3 into %c0[1, 0, 0] [1, 5, 3] [1, 1, 1] : tensor<5x3xf32> into tensor<2x5x3xf32>
    %ek = tensor.empty(%L) : tensor<?x5xf32>
    %k = ssm.ssm_kernel ins(%a, %c : tensor<2x5x3xf32>, tensor<2x5x3xf32>) outs(%ek : tensor<?x5xf32>) -> tensor<?x5xf32>
    return %k : tensor<?x5xf32>
  }
  func.func @forward(%u: tensor<?x?x5xf32>,
                     %log_dt: tensor<5xf32>,
                     %log_re: tensor<5x3xf32>,
                     %im: tensor<5x3xf32>,
                     %C_re: tensor<5x3xf32>,
                     %C_im: tensor<5x3xf32>,
                     %D_re: tensor<5x3xf32>,
                     %D_im: tensor<5x3xf32>,
                     %skip: tensor<5xf32>)
      -> tensor<?x?x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "u", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 5)>},
                  {name = "log_dt", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5)>},
                  {name = "log_re", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5, 3)>},
                  {name = "im", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5, 3)>},
                  {name = "C_re", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5, 3)>},
                  {name = "C_im", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5, 3)>},
                  {name = "D_re", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5, 3)>},
                  {name = "D_im", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5, 3)>},
                  {name = "skip", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %zero = arith.constant 0.0 : f32
    %k = func.call @kernel(%L, %log_dt, %log_re, %im, %C_re, %C_im)
        : (index, tensor<5xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<?x5xf32>
    %a = func.call @kernel(%L, %log_dt, %log_re, %im, %D_re, %D_im)
        : (index, tensor<5xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>, tensor<5x3xf32>) -> tensor<?x5xf32>
    %e = tensor.empty(%L) : tensor<?x5xf32>
    %ks = linalg.generic {indexing_maps = [affine_map<(l, d) -> (l, d)>, affine_map<(l, d) -> (d)>, affine_map<(l, d) -> (l, d)>],
        iterator_types = ["parallel", "parallel"]} ins(%k, %skip : tensor<?x5xf32>, tensor<5xf32>) outs(%e : tensor<?x5xf32>) {
      ^bb0(%v: f32, %d: f32, %o: f32):
        %l = linalg.index 0 : index
        %c0 = arith.constant 0 : index
        %isFirst = arith.cmpi eq, %l, %c0 : index
        %add = arith.select %isFirst, %d, %zero : f32
        %r = arith.addf %v, %add : f32
        linalg.yield %r : f32
    } -> tensor<?x5xf32>
    %ey = tensor.empty(%B, %L) : tensor<?x?x5xf32>
    %y = ssm.long_conv ins(%u, %ks : tensor<?x?x5xf32>, tensor<?x5xf32>) ahead(%a : tensor<?x5xf32>)
        outs(%ey : tensor<?x?x5xf32>) -> tensor<?x?x5xf32>
    return %y : tensor<?x?x5xf32>
  }
}
