// Hyena of order two between its projections: a short convolution, a filter that is a
// network of the position, two gates; the skip is in the filter's first element.
// RUN: %python %S/mixer.py %s
#bld = affine_map<(b, l, d) -> (b, l, d)>
#id = affine_map<(l, d) -> (l, d)>
module {
  func.func @forward(%xv: tensor<?x?x15xf32>,
                     %conv_w: tensor<15x3xf32>,
                     %conv_b: tensor<15xf32>,
                     %w1: tensor<3x4xf32>,
                     %b1: tensor<4xf32>,
                     %freq: tensor<4xf32>,
                     %w2: tensor<4x5xf32>,
                     %delta: tensor<5xf32>,
                     %skip: tensor<5xf32>)
      -> tensor<?x?x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "xv", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 15)>},
                  {name = "conv_w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (15, 3)>},
                  {name = "conv_b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (15)>},
                  {name = "w1", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (3, 4)>},
                  {name = "b1", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "freq", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "w2", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 5)>},
                  {name = "delta", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5)>},
                  {name = "skip", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %zero = arith.constant 0.0 : f32
    %last = arith.constant 63.0 : f32
    %turn = arith.constant 0.0981747704246810387 : f32
    %slow = arith.constant 1.0e-4 : f32
    // The hidden layer of (t, cos f w, -sin f w), with one slow frequency f.
    %eh = tensor.empty(%L) : tensor<?x4xf32>
    %hidden = linalg.generic {indexing_maps = [affine_map<(l, f) -> (f)>, affine_map<(l, f) -> (f)>, #id],
        iterator_types = ["parallel", "parallel"]} ins(%b1, %freq : tensor<4xf32>, tensor<4xf32>) outs(%eh : tensor<?x4xf32>) {
      ^bb0(%bias: f32, %by: f32, %o: f32):
        %l = linalg.index 0 : index
        %f = linalg.index 1 : index
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %c2 = arith.constant 2 : index
        %li = arith.index_cast %l : index to i64
        %at = arith.sitofp %li : i64 to f32
        %t = arith.divf %at, %last : f32
        %w = arith.mulf %at, %turn : f32
        %angle = arith.mulf %w, %slow : f32
        %cos = math.cos %angle : f32
        %sin = math.sin %angle : f32
        %wt = tensor.extract %w1[%c0, %f] : tensor<3x4xf32>
        %wc = tensor.extract %w1[%c1, %f] : tensor<3x4xf32>
        %ws = tensor.extract %w1[%c2, %f] : tensor<3x4xf32>
        %p = arith.mulf %t, %wt : f32
        %q = arith.mulf %cos, %wc : f32
        %r = arith.mulf %sin, %ws : f32
        %pq = arith.addf %p, %q : f32
        %pqr = arith.subf %pq, %r : f32
        %sum = arith.addf %pqr, %bias : f32
        %scaled = arith.mulf %sum, %by : f32
        %s = math.sin %scaled : f32
        linalg.yield %s : f32
    } -> tensor<?x4xf32>
    %ek = tensor.empty(%L) : tensor<?x5xf32>
    %k0 = linalg.fill ins(%zero : f32) outs(%ek : tensor<?x5xf32>) -> tensor<?x5xf32>
    %filter = linalg.matmul ins(%hidden, %w2 : tensor<?x4xf32>, tensor<4x5xf32>) outs(%k0 : tensor<?x5xf32>) -> tensor<?x5xf32>
    %k = linalg.generic {indexing_maps = [#id, affine_map<(l, d) -> (d)>, affine_map<(l, d) -> (d)>, #id],
        iterator_types = ["parallel", "parallel"]}
        ins(%filter, %delta, %skip : tensor<?x5xf32>, tensor<5xf32>, tensor<5xf32>) outs(%ek : tensor<?x5xf32>) {
      ^bb0(%h: f32, %rate: f32, %d: f32, %o: f32):
        %l = linalg.index 0 : index
        %c0 = arith.constant 0 : index
        %li = arith.index_cast %l : index to i64
        %at = arith.sitofp %li : i64 to f32
        %t = arith.divf %at, %last : f32
        %abs = math.absf %rate : f32
        %decay = arith.mulf %t, %abs : f32
        %minus = arith.negf %decay : f32
        %e = math.exp %minus : f32
        %m = arith.mulf %h, %e : f32
        %isFirst = arith.cmpi eq, %l, %c0 : index
        %add = arith.select %isFirst, %d, %zero : f32
        %r = arith.addf %m, %add : f32
        linalg.yield %r : f32
    } -> tensor<?x5xf32>
    %e15 = tensor.empty(%B, %L) : tensor<?x?x15xf32>
    %et = tensor.empty(%B) : tensor<?x2x15xf32>
    %t0 = linalg.fill ins(%zero : f32) outs(%et : tensor<?x2x15xf32>) -> tensor<?x2x15xf32>
    %c, %tail = ssm.short_conv ins(%xv, %conv_w : tensor<?x?x15xf32>, tensor<15x3xf32>) bias(%conv_b : tensor<15xf32>)
        outs(%e15, %t0 : tensor<?x?x15xf32>, tensor<?x2x15xf32>) -> tensor<?x?x15xf32>, tensor<?x2x15xf32>
    %x0 = tensor.extract_slice %c[0, 0, 0] [%B, %L, 5] [1, 1, 1] : tensor<?x?x15xf32> to tensor<?x?x5xf32>
    %x1 = tensor.extract_slice %c[0, 0, 5] [%B, %L, 5] [1, 1, 1] : tensor<?x?x15xf32> to tensor<?x?x5xf32>
    %v = tensor.extract_slice %c[0, 0, 10] [%B, %L, 5] [1, 1, 1] : tensor<?x?x15xf32> to tensor<?x?x5xf32>
    %gated = arith.mulf %x1, %v : tensor<?x?x5xf32>
    %e5 = tensor.empty(%B, %L) : tensor<?x?x5xf32>
    %mixed = ssm.long_conv ins(%gated, %k : tensor<?x?x5xf32>, tensor<?x5xf32>) outs(%e5 : tensor<?x?x5xf32>) -> tensor<?x?x5xf32>
    %y = arith.mulf %x0, %mixed : tensor<?x?x5xf32>
    return %y : tensor<?x?x5xf32>
  }
}
