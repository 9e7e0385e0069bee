// Aaren, attention as a recurrence: the softmax over all tokens so far, of a
// query that is a parameter, as a scan of maxima, sums and weighted sums.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%q: tensor<4x5xf32>,
                     %k: tensor<?x?x4x5xf32>,
                     %v: tensor<?x?x4x5xf32>)
      -> tensor<?x?x4x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 5)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %e = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %1 = linalg.broadcast ins(%q : tensor<4x5xf32>) outs(%e : tensor<?x?x4x5xf32>) dimensions = [0, 1]
    %2 = arith.mulf %k, %1 : tensor<?x?x4x5xf32>
    %c = arith.constant 0.0 : f32
    %e2 = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %3 = linalg.reduce { arith.addf } ins(%2 : tensor<?x?x4x5xf32>) outs(%fill : tensor<?x?x4xf32>) dimensions = [3]
    %c2 = arith.constant 0.4472135954999579 : f32
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %s = arith.mulf %3, %fill2 : tensor<?x?x4xf32>
    %c3 = arith.constant 1.0 : f32
    %fill3 = linalg.fill ins(%c3 : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %c4 = arith.constant 0xFF800000 : f32
    %e3 = tensor.empty(%B) : tensor<?x4xf32>
    %fill4 = linalg.fill ins(%c4 : f32) outs(%e3 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %fill5 = linalg.fill ins(%c : f32) outs(%e3 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %e4 = tensor.empty(%B) : tensor<?x4x5xf32>
    %fill6 = linalg.fill ins(%c : f32) outs(%e4 : tensor<?x4x5xf32>) -> tensor<?x4x5xf32>
    %ms, %u, %w, %ml, %ul, %wl = ssm.associative_scan axes[1, 1, 1] ins(%s, %fill3, %v : tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4x5xf32>)
        outs(%e2, %e2, %e : tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4x5xf32>) states(%fill4, %fill5, %fill6 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x5xf32>) {
    ^bb0(%m0: tensor<?x4xf32>, %u0: tensor<?x4xf32>, %w0: tensor<?x4x5xf32>, %m1: tensor<?x4xf32>, %u1: tensor<?x4xf32>, %w1: tensor<?x4x5xf32>):
      %top = arith.maximumf %m0, %m1 : tensor<?x4xf32>
      %x0 = arith.subf %m0, %top : tensor<?x4xf32>
      %x1 = arith.subf %m1, %top : tensor<?x4xf32>
      %f0 = math.exp %x0 : tensor<?x4xf32>
      %f1 = math.exp %x1 : tensor<?x4xf32>
      %p0 = arith.mulf %u0, %f0 : tensor<?x4xf32>
      %p1 = arith.mulf %u1, %f1 : tensor<?x4xf32>
      %un = arith.addf %p0, %p1 : tensor<?x4xf32>
      %b0 = linalg.broadcast ins(%f0 : tensor<?x4xf32>) outs(%w0 : tensor<?x4x5xf32>) dimensions = [2]
      %b1 = linalg.broadcast ins(%f1 : tensor<?x4xf32>) outs(%w0 : tensor<?x4x5xf32>) dimensions = [2]
      %r0 = arith.mulf %w0, %b0 : tensor<?x4x5xf32>
      %r1 = arith.mulf %w1, %b1 : tensor<?x4x5xf32>
      %wn = arith.addf %r0, %r1 : tensor<?x4x5xf32>
      ssm.yield %top, %un, %wn : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x5xf32>
    } -> tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4x5xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x5xf32>
    %4 = linalg.broadcast ins(%u : tensor<?x?x4xf32>) outs(%e : tensor<?x?x4x5xf32>) dimensions = [3]
    %5 = arith.divf %w, %4 : tensor<?x?x4x5xf32>
    return %5 : tensor<?x?x4x5xf32>
  }
}
