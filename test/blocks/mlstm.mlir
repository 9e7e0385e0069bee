// The cell of mLSTM: the stabiliser is a scan of maxima, the normaliser is one
// more column of the values.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%q: tensor<?x?x4x6xf32>,
                     %k: tensor<?x?x4x6xf32>,
                     %v: tensor<?x?x4x5xf32>,
                     %i: tensor<?x?x4xf32>,
                     %f: tensor<?x?x4xf32>)
      -> tensor<?x?x4x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "i", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "f", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %one = arith.constant 1 : index
    %Lm = arith.subi %L, %one : index
    %1 = arith.negf %f : tensor<?x?x4xf32>
    %c = arith.constant 0.0 : f32
    %e = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %2 = arith.maximumf %1, %fill : tensor<?x?x4xf32>
    %3 = math.absf %1 : tensor<?x?x4xf32>
    %4 = arith.negf %3 : tensor<?x?x4xf32>
    %5 = math.exp %4 : tensor<?x?x4xf32>
    %6 = math.log1p %5 : tensor<?x?x4xf32>
    %7 = arith.addf %2, %6 : tensor<?x?x4xf32>
    %lf = arith.negf %7 : tensor<?x?x4xf32>
    %e2 = tensor.empty(%B) : tensor<?x4xf32>
    %fill2 = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x4xf32>) -> tensor<?x4xf32>
    %sum, %max, %sum_last, %max_last = ssm.associative_scan axes[1, 1] ins(%lf, %i : tensor<?x?x4xf32>, tensor<?x?x4xf32>)
        outs(%e, %e : tensor<?x?x4xf32>, tensor<?x?x4xf32>) states(%fill2, %fill2 : tensor<?x4xf32>, tensor<?x4xf32>) {
    ^bb0(%f0: tensor<?x4xf32>, %m0: tensor<?x4xf32>, %f1: tensor<?x4xf32>, %m1: tensor<?x4xf32>):
      %fs = arith.addf %f0, %f1 : tensor<?x4xf32>
      %moved = arith.addf %m0, %f1 : tensor<?x4xf32>
      %top = arith.maximumf %moved, %m1 : tensor<?x4xf32>
      ssm.yield %fs, %top : tensor<?x4xf32>, tensor<?x4xf32>
    } -> tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
    %8 = tensor.extract_slice %max[0, 0, 0] [%B, %Lm, 4] [1, 1, 1] : tensor<?x?x4xf32> to tensor<?x?x4xf32>
    %9 = tensor.insert_slice %8 into %fill[0, 1, 0] [%B, %Lm, 4] [1, 1, 1] : tensor<?x?x4xf32> into tensor<?x?x4xf32>
    %10 = arith.addf %lf, %9 : tensor<?x?x4xf32>
    %g = arith.subf %10, %max : tensor<?x?x4xf32>
    %11 = arith.subf %i, %max : tensor<?x?x4xf32>
    %input = math.exp %11 : tensor<?x?x4xf32>
    %c2 = arith.constant 1.0 : f32
    %e3 = tensor.empty(%B, %L) : tensor<?x?x4x6xf32>
    %fill3 = linalg.fill ins(%c2 : f32) outs(%e3 : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %v1 = tensor.insert_slice %v into %fill3[0, 0, 0, 0] [%B, %L, 4, 5] [1, 1, 1, 1] : tensor<?x?x4x5xf32> into tensor<?x?x4x6xf32>
    %c3 = arith.constant 0.408248290463863 : f32
    %fill4 = linalg.fill ins(%c3 : f32) outs(%e3 : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %12 = arith.mulf %q, %fill4 : tensor<?x?x4x6xf32>
    %13 = linalg.broadcast ins(%input : tensor<?x?x4xf32>) outs(%e3 : tensor<?x?x4x6xf32>) dimensions = [3]
    %14 = arith.mulf %k, %13 : tensor<?x?x4x6xf32>
    %e4 = tensor.empty(%B) : tensor<?x4x6x6xf32>
    %fill5 = linalg.fill ins(%c : f32) outs(%e4 : tensor<?x4x6x6xf32>) -> tensor<?x4x6x6xf32>
    %y, %state = ssm.semiseparable
        ins(%12, %14, %v1 : tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>)
        decay(%g : tensor<?x?x4xf32>)
        outs(%e3, %fill5 : tensor<?x?x4x6xf32>, tensor<?x4x6x6xf32>) -> tensor<?x?x4x6xf32>, tensor<?x4x6x6xf32>
    %15 = tensor.extract_slice %y[0, 0, 0, 0] [%B, %L, 4, 5] [1, 1, 1, 1] : tensor<?x?x4x6xf32> to tensor<?x?x4x5xf32>
    %16 = tensor.extract_slice %y[0, 0, 0, 5] [%B, %L, 4, 1] [1, 1, 1, 1] : tensor<?x?x4x6xf32> to tensor<?x?x4x1xf32>
    %17 = tensor.collapse_shape %16 [[0], [1], [2, 3]] : tensor<?x?x4x1xf32> into tensor<?x?x4xf32>
    %18 = math.absf %17 : tensor<?x?x4xf32>
    %19 = arith.negf %max : tensor<?x?x4xf32>
    %20 = math.exp %19 : tensor<?x?x4xf32>
    %21 = arith.maximumf %18, %20 : tensor<?x?x4xf32>
    %c4 = arith.constant 1.0e-06 : f32
    %fill6 = linalg.fill ins(%c4 : f32) outs(%e : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %22 = arith.addf %21, %fill6 : tensor<?x?x4xf32>
    %e5 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %23 = linalg.broadcast ins(%22 : tensor<?x?x4xf32>) outs(%e5 : tensor<?x?x4x5xf32>) dimensions = [3]
    %24 = arith.divf %15, %23 : tensor<?x?x4x5xf32>
    return %24 : tensor<?x?x4x5xf32>
  }
}
