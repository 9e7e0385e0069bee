// Gated DeltaProduct with two steps for a token: they are tokens of their own,
// of which the first decays and the last is read.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%q: tensor<?x?x4x6xf32>,
                     %k: tensor<?x?x2x4x6xf32>,
                     %v: tensor<?x?x2x4x5xf32>,
                     %b: tensor<?x?x2x4xf32>,
                     %g: tensor<?x?x4xf32>)
      -> tensor<?x?x4x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 4, 6)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 4, 5)>},
                  {name = "b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 4)>},
                  {name = "g", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %two = arith.constant 2 : index
    %L2 = arith.muli %L, %two : index
    %1 = arith.mulf %k, %k : tensor<?x?x2x4x6xf32>
    %c = arith.constant 0.0 : f32
    %e = tensor.empty(%B, %L) : tensor<?x?x2x4xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x2x4xf32>) -> tensor<?x?x2x4xf32>
    %2 = linalg.reduce { arith.addf } ins(%1 : tensor<?x?x2x4x6xf32>) outs(%fill : tensor<?x?x2x4xf32>) dimensions = [4]
    %c2 = arith.constant 1.0e-06 : f32
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e : tensor<?x?x2x4xf32>) -> tensor<?x?x2x4xf32>
    %3 = arith.addf %2, %fill2 : tensor<?x?x2x4xf32>
    %4 = math.rsqrt %3 : tensor<?x?x2x4xf32>
    %e2 = tensor.empty(%B, %L) : tensor<?x?x2x4x6xf32>
    %5 = linalg.broadcast ins(%4 : tensor<?x?x2x4xf32>) outs(%e2 : tensor<?x?x2x4x6xf32>) dimensions = [4]
    %6 = arith.mulf %k, %5 : tensor<?x?x2x4x6xf32>
    %7 = tensor.collapse_shape %6 [[0], [1, 2], [3], [4]] : tensor<?x?x2x4x6xf32> into tensor<?x?x4x6xf32>
    %8 = tensor.collapse_shape %v [[0], [1, 2], [3], [4]] : tensor<?x?x2x4x5xf32> into tensor<?x?x4x5xf32>
    %9 = arith.negf %b : tensor<?x?x2x4xf32>
    %10 = math.exp %9 : tensor<?x?x2x4xf32>
    %c3 = arith.constant 1.0 : f32
    %fill3 = linalg.fill ins(%c3 : f32) outs(%e : tensor<?x?x2x4xf32>) -> tensor<?x?x2x4xf32>
    %11 = arith.addf %10, %fill3 : tensor<?x?x2x4xf32>
    %12 = arith.divf %fill3, %11 : tensor<?x?x2x4xf32>
    %c4 = arith.constant 2.0 : f32
    %fill4 = linalg.fill ins(%c4 : f32) outs(%e : tensor<?x?x2x4xf32>) -> tensor<?x?x2x4xf32>
    %13 = arith.mulf %12, %fill4 : tensor<?x?x2x4xf32>
    %14 = tensor.collapse_shape %13 [[0], [1, 2], [3]] : tensor<?x?x2x4xf32> into tensor<?x?x4xf32>
    %e3 = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %fill5 = linalg.fill ins(%c : f32) outs(%e3 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %15 = arith.maximumf %g, %fill5 : tensor<?x?x4xf32>
    %16 = math.absf %g : tensor<?x?x4xf32>
    %17 = arith.negf %16 : tensor<?x?x4xf32>
    %18 = math.exp %17 : tensor<?x?x4xf32>
    %19 = math.log1p %18 : tensor<?x?x4xf32>
    %20 = arith.addf %15, %19 : tensor<?x?x4xf32>
    %21 = arith.negf %20 : tensor<?x?x4xf32>
    %22 = tensor.expand_shape %21 [[0], [1, 2], [3]] output_shape [%B, %L, 1, 4] : tensor<?x?x4xf32> into tensor<?x?x1x4xf32>
    %23 = tensor.insert_slice %22 into %fill[0, 0, 0, 0] [%B, %L, 1, 4] [1, 1, 1, 1] : tensor<?x?x1x4xf32> into tensor<?x?x2x4xf32>
    %24 = tensor.collapse_shape %23 [[0], [1, 2], [3]] : tensor<?x?x2x4xf32> into tensor<?x?x4xf32>
    %25 = arith.mulf %q, %q : tensor<?x?x4x6xf32>
    %26 = linalg.reduce { arith.addf } ins(%25 : tensor<?x?x4x6xf32>) outs(%fill5 : tensor<?x?x4xf32>) dimensions = [3]
    %fill6 = linalg.fill ins(%c2 : f32) outs(%e3 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %27 = arith.addf %26, %fill6 : tensor<?x?x4xf32>
    %28 = math.rsqrt %27 : tensor<?x?x4xf32>
    %e4 = tensor.empty(%B, %L) : tensor<?x?x4x6xf32>
    %29 = linalg.broadcast ins(%28 : tensor<?x?x4xf32>) outs(%e4 : tensor<?x?x4x6xf32>) dimensions = [3]
    %30 = arith.mulf %q, %29 : tensor<?x?x4x6xf32>
    %c5 = arith.constant 0.408248290463863 : f32
    %fill7 = linalg.fill ins(%c5 : f32) outs(%e4 : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %31 = arith.mulf %30, %fill7 : tensor<?x?x4x6xf32>
    %32 = tensor.expand_shape %31 [[0], [1, 2], [3], [4]] output_shape [%B, %L, 1, 4, 6] : tensor<?x?x4x6xf32> into tensor<?x?x1x4x6xf32>
    %fill8 = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x?x2x4x6xf32>) -> tensor<?x?x2x4x6xf32>
    %33 = tensor.insert_slice %32 into %fill8[0, 0, 1, 0, 0] [%B, %L, 1, 4, 6] [1, 1, 1, 1, 1] : tensor<?x?x1x4x6xf32> into tensor<?x?x2x4x6xf32>
    %34 = tensor.collapse_shape %33 [[0], [1, 2], [3], [4]] : tensor<?x?x2x4x6xf32> into tensor<?x?x4x6xf32>
    %e5 = tensor.empty(%B, %L2) : tensor<?x?x4x5xf32>
    %e6 = tensor.empty(%B) : tensor<?x4x6x5xf32>
    %fill9 = linalg.fill ins(%c : f32) outs(%e6 : tensor<?x4x6x5xf32>) -> tensor<?x4x6x5xf32>
    %y, %state = ssm.delta_rule
        ins(%34, %7, %8 : tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x4x5xf32>)
        beta(%14 : tensor<?x?x4xf32>)
        decay(%24 : tensor<?x?x4xf32>)
        outs(%e5, %fill9 : tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>
    %35 = tensor.expand_shape %y [[0], [1, 2], [3], [4]] output_shape [%B, %L, 2, 4, 5] : tensor<?x?x4x5xf32> into tensor<?x?x2x4x5xf32>
    %36 = tensor.extract_slice %35[0, 0, 1, 0, 0] [%B, %L, 1, 4, 5] [1, 1, 1, 1, 1] : tensor<?x?x2x4x5xf32> to tensor<?x?x1x4x5xf32>
    %37 = tensor.collapse_shape %36 [[0], [1, 2], [3], [4]] : tensor<?x?x1x4x5xf32> into tensor<?x?x4x5xf32>
    return %37 : tensor<?x?x4x5xf32>
  }
}
