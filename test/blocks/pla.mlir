// Prefix linear attention between its projections: features of the exponential's
// second Taylor polynomial, a state that begins with the prefix, and a
// normaliser as a column of the values.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%q: tensor<?x?x4x3xf32>,
                     %k: tensor<?x?x4x3xf32>,
                     %v: tensor<?x?x4x5xf32>,
                     %ke: tensor<?x5x4x3xf32>,
                     %ve: tensor<?x5x4x5xf32>)
      -> tensor<?x?x4x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 3)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 3)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "ke", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 5, 4, 3)>},
                  {name = "ve", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, 5, 4, 5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %c = arith.constant 0.7598356856515925 : f32
    %e = tensor.empty(%B) : tensor<?x5x4x3xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x5x4x3xf32>) -> tensor<?x5x4x3xf32>
    %1 = arith.mulf %ke, %fill : tensor<?x5x4x3xf32>
    %c2 = arith.constant 1.0 : f32
    %e2 = tensor.empty(%B) : tensor<?x5x4x13xf32>
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e2 : tensor<?x5x4x13xf32>) -> tensor<?x5x4x13xf32>
    %2 = tensor.insert_slice %1 into %fill2[0, 0, 0, 1] [%B, 5, 4, 3] [1, 1, 1, 1] : tensor<?x5x4x3xf32> into tensor<?x5x4x13xf32>
    %e3 = tensor.empty(%B) : tensor<?x5x4x3x3xf32>
    %3 = linalg.broadcast ins(%ke : tensor<?x5x4x3xf32>) outs(%e3 : tensor<?x5x4x3x3xf32>) dimensions = [4]
    %4 = linalg.broadcast ins(%ke : tensor<?x5x4x3xf32>) outs(%e3 : tensor<?x5x4x3x3xf32>) dimensions = [3]
    %5 = arith.mulf %3, %4 : tensor<?x5x4x3x3xf32>
    %c3 = arith.constant 0.408248290463863 : f32
    %fill3 = linalg.fill ins(%c3 : f32) outs(%e3 : tensor<?x5x4x3x3xf32>) -> tensor<?x5x4x3x3xf32>
    %6 = arith.mulf %5, %fill3 : tensor<?x5x4x3x3xf32>
    %7 = tensor.collapse_shape %6 [[0], [1], [2], [3, 4]] : tensor<?x5x4x3x3xf32> into tensor<?x5x4x9xf32>
    %8 = tensor.insert_slice %7 into %2[0, 0, 0, 4] [%B, 5, 4, 9] [1, 1, 1, 1] : tensor<?x5x4x9xf32> into tensor<?x5x4x13xf32>
    %e4 = tensor.empty(%B) : tensor<?x5x4x6xf32>
    %fill4 = linalg.fill ins(%c2 : f32) outs(%e4 : tensor<?x5x4x6xf32>) -> tensor<?x5x4x6xf32>
    %9 = tensor.insert_slice %ve into %fill4[0, 0, 0, 0] [%B, 5, 4, 5] [1, 1, 1, 1] : tensor<?x5x4x5xf32> into tensor<?x5x4x6xf32>
    %e5 = tensor.empty(%B) : tensor<?x5x4x13x6xf32>
    %10 = linalg.broadcast ins(%8 : tensor<?x5x4x13xf32>) outs(%e5 : tensor<?x5x4x13x6xf32>) dimensions = [4]
    %11 = linalg.broadcast ins(%9 : tensor<?x5x4x6xf32>) outs(%e5 : tensor<?x5x4x13x6xf32>) dimensions = [3]
    %12 = arith.mulf %10, %11 : tensor<?x5x4x13x6xf32>
    %c4 = arith.constant 0.0 : f32
    %e6 = tensor.empty(%B) : tensor<?x4x13x6xf32>
    %fill5 = linalg.fill ins(%c4 : f32) outs(%e6 : tensor<?x4x13x6xf32>) -> tensor<?x4x13x6xf32>
    %13 = linalg.reduce { arith.addf } ins(%12 : tensor<?x5x4x13x6xf32>) outs(%fill5 : tensor<?x4x13x6xf32>) dimensions = [1]
    %e7 = tensor.empty(%B, %L) : tensor<?x?x4x3xf32>
    %fill6 = linalg.fill ins(%c : f32) outs(%e7 : tensor<?x?x4x3xf32>) -> tensor<?x?x4x3xf32>
    %14 = arith.mulf %q, %fill6 : tensor<?x?x4x3xf32>
    %e8 = tensor.empty(%B, %L) : tensor<?x?x4x13xf32>
    %fill7 = linalg.fill ins(%c2 : f32) outs(%e8 : tensor<?x?x4x13xf32>) -> tensor<?x?x4x13xf32>
    %15 = tensor.insert_slice %14 into %fill7[0, 0, 0, 1] [%B, %L, 4, 3] [1, 1, 1, 1] : tensor<?x?x4x3xf32> into tensor<?x?x4x13xf32>
    %e9 = tensor.empty(%B, %L) : tensor<?x?x4x3x3xf32>
    %16 = linalg.broadcast ins(%q : tensor<?x?x4x3xf32>) outs(%e9 : tensor<?x?x4x3x3xf32>) dimensions = [4]
    %17 = linalg.broadcast ins(%q : tensor<?x?x4x3xf32>) outs(%e9 : tensor<?x?x4x3x3xf32>) dimensions = [3]
    %18 = arith.mulf %16, %17 : tensor<?x?x4x3x3xf32>
    %fill8 = linalg.fill ins(%c3 : f32) outs(%e9 : tensor<?x?x4x3x3xf32>) -> tensor<?x?x4x3x3xf32>
    %19 = arith.mulf %18, %fill8 : tensor<?x?x4x3x3xf32>
    %20 = tensor.collapse_shape %19 [[0], [1], [2], [3, 4]] : tensor<?x?x4x3x3xf32> into tensor<?x?x4x9xf32>
    %21 = tensor.insert_slice %20 into %15[0, 0, 0, 4] [%B, %L, 4, 9] [1, 1, 1, 1] : tensor<?x?x4x9xf32> into tensor<?x?x4x13xf32>
    %22 = arith.mulf %k, %fill6 : tensor<?x?x4x3xf32>
    %23 = tensor.insert_slice %22 into %fill7[0, 0, 0, 1] [%B, %L, 4, 3] [1, 1, 1, 1] : tensor<?x?x4x3xf32> into tensor<?x?x4x13xf32>
    %24 = linalg.broadcast ins(%k : tensor<?x?x4x3xf32>) outs(%e9 : tensor<?x?x4x3x3xf32>) dimensions = [4]
    %25 = linalg.broadcast ins(%k : tensor<?x?x4x3xf32>) outs(%e9 : tensor<?x?x4x3x3xf32>) dimensions = [3]
    %26 = arith.mulf %24, %25 : tensor<?x?x4x3x3xf32>
    %27 = arith.mulf %26, %fill8 : tensor<?x?x4x3x3xf32>
    %28 = tensor.collapse_shape %27 [[0], [1], [2], [3, 4]] : tensor<?x?x4x3x3xf32> into tensor<?x?x4x9xf32>
    %29 = tensor.insert_slice %28 into %23[0, 0, 0, 4] [%B, %L, 4, 9] [1, 1, 1, 1] : tensor<?x?x4x9xf32> into tensor<?x?x4x13xf32>
    %e10 = tensor.empty(%B, %L) : tensor<?x?x4x6xf32>
    %fill9 = linalg.fill ins(%c2 : f32) outs(%e10 : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %30 = tensor.insert_slice %v into %fill9[0, 0, 0, 0] [%B, %L, 4, 5] [1, 1, 1, 1] : tensor<?x?x4x5xf32> into tensor<?x?x4x6xf32>
    %y, %state = ssm.semiseparable
        ins(%21, %29, %30 : tensor<?x?x4x13xf32>, tensor<?x?x4x13xf32>, tensor<?x?x4x6xf32>)
        outs(%e10, %13 : tensor<?x?x4x6xf32>, tensor<?x4x13x6xf32>) -> tensor<?x?x4x6xf32>, tensor<?x4x13x6xf32>
    %31 = tensor.extract_slice %y[0, 0, 0, 5] [%B, %L, 4, 1] [1, 1, 1, 1] : tensor<?x?x4x6xf32> to tensor<?x?x4x1xf32>
    %32 = tensor.collapse_shape %31 [[0], [1], [2, 3]] : tensor<?x?x4x1xf32> into tensor<?x?x4xf32>
    %c5 = arith.constant 1.0e-12 : f32
    %e11 = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %fill10 = linalg.fill ins(%c5 : f32) outs(%e11 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %33 = arith.addf %32, %fill10 : tensor<?x?x4xf32>
    %34 = tensor.extract_slice %y[0, 0, 0, 0] [%B, %L, 4, 5] [1, 1, 1, 1] : tensor<?x?x4x6xf32> to tensor<?x?x4x5xf32>
    %e12 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %35 = linalg.broadcast ins(%33 : tensor<?x?x4xf32>) outs(%e12 : tensor<?x?x4x5xf32>) dimensions = [3]
    %36 = arith.divf %34, %35 : tensor<?x?x4x5xf32>
    return %36 : tensor<?x?x4x5xf32>
  }
}
