// Gated DeltaNet between its projections: convolved and normalised queries and
// keys, grouped values, decay and writing strength of the token, gated norm.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%q: tensor<?x?x2x6xf32>,
                     %k: tensor<?x?x2x6xf32>,
                     %v: tensor<?x?x4x5xf32>,
                     %a: tensor<?x?x4xf32>,
                     %b: tensor<?x?x4xf32>,
                     %z: tensor<?x?x4x5xf32>,
                     %A_log: tensor<4xf32>,
                     %dt_bias: tensor<4xf32>,
                     %norm_w: tensor<5xf32>,
                     %conv_w: tensor<12x4xf32>)
      -> tensor<?x?x4x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 6)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 6)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "a", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "A_log", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "dt_bias", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "norm_w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5)>},
                  {name = "conv_w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (12, 4)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %1 = tensor.collapse_shape %q [[0], [1], [2, 3]] : tensor<?x?x2x6xf32> into tensor<?x?x12xf32>
    %e = tensor.empty(%B, %L) : tensor<?x?x12xf32>
    %c = arith.constant 0.0 : f32
    %e2 = tensor.empty(%B) : tensor<?x3x12xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x3x12xf32>) -> tensor<?x3x12xf32>
    %conv, %tail = ssm.short_conv activation(silu)
        ins(%1, %conv_w : tensor<?x?x12xf32>, tensor<12x4xf32>)
        outs(%e, %fill : tensor<?x?x12xf32>, tensor<?x3x12xf32>) -> tensor<?x?x12xf32>, tensor<?x3x12xf32>
    %2 = tensor.expand_shape %conv [[0], [1], [2, 3]] output_shape [%B, %L, 2, 6] : tensor<?x?x12xf32> into tensor<?x?x2x6xf32>
    %3 = arith.mulf %2, %2 : tensor<?x?x2x6xf32>
    %e3 = tensor.empty(%B, %L) : tensor<?x?x2xf32>
    %fill2 = linalg.fill ins(%c : f32) outs(%e3 : tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %4 = linalg.reduce { arith.addf } ins(%3 : tensor<?x?x2x6xf32>) outs(%fill2 : tensor<?x?x2xf32>) dimensions = [3]
    %c2 = arith.constant 1.0e-06 : f32
    %fill3 = linalg.fill ins(%c2 : f32) outs(%e3 : tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %5 = arith.addf %4, %fill3 : tensor<?x?x2xf32>
    %6 = math.rsqrt %5 : tensor<?x?x2xf32>
    %e4 = tensor.empty(%B, %L) : tensor<?x?x2x6xf32>
    %7 = linalg.broadcast ins(%6 : tensor<?x?x2xf32>) outs(%e4 : tensor<?x?x2x6xf32>) dimensions = [3]
    %8 = arith.mulf %2, %7 : tensor<?x?x2x6xf32>
    %c3 = arith.constant 0.408248290463863 : f32
    %fill4 = linalg.fill ins(%c3 : f32) outs(%e4 : tensor<?x?x2x6xf32>) -> tensor<?x?x2x6xf32>
    %9 = arith.mulf %8, %fill4 : tensor<?x?x2x6xf32>
    %10 = tensor.collapse_shape %k [[0], [1], [2, 3]] : tensor<?x?x2x6xf32> into tensor<?x?x12xf32>
    %conv2, %tail2 = ssm.short_conv activation(silu)
        ins(%10, %conv_w : tensor<?x?x12xf32>, tensor<12x4xf32>)
        outs(%e, %fill : tensor<?x?x12xf32>, tensor<?x3x12xf32>) -> tensor<?x?x12xf32>, tensor<?x3x12xf32>
    %11 = tensor.expand_shape %conv2 [[0], [1], [2, 3]] output_shape [%B, %L, 2, 6] : tensor<?x?x12xf32> into tensor<?x?x2x6xf32>
    %12 = arith.mulf %11, %11 : tensor<?x?x2x6xf32>
    %13 = linalg.reduce { arith.addf } ins(%12 : tensor<?x?x2x6xf32>) outs(%fill2 : tensor<?x?x2xf32>) dimensions = [3]
    %14 = arith.addf %13, %fill3 : tensor<?x?x2xf32>
    %15 = math.rsqrt %14 : tensor<?x?x2xf32>
    %16 = linalg.broadcast ins(%15 : tensor<?x?x2xf32>) outs(%e4 : tensor<?x?x2x6xf32>) dimensions = [3]
    %17 = arith.mulf %11, %16 : tensor<?x?x2x6xf32>
    %18 = arith.negf %b : tensor<?x?x4xf32>
    %19 = math.exp %18 : tensor<?x?x4xf32>
    %c4 = arith.constant 1.0 : f32
    %e5 = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %fill5 = linalg.fill ins(%c4 : f32) outs(%e5 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %20 = arith.addf %19, %fill5 : tensor<?x?x4xf32>
    %beta = arith.divf %fill5, %20 : tensor<?x?x4xf32>
    %21 = linalg.broadcast ins(%dt_bias : tensor<4xf32>) outs(%e5 : tensor<?x?x4xf32>) dimensions = [0, 1]
    %22 = arith.addf %a, %21 : tensor<?x?x4xf32>
    %fill6 = linalg.fill ins(%c : f32) outs(%e5 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %23 = arith.maximumf %22, %fill6 : tensor<?x?x4xf32>
    %24 = math.absf %22 : tensor<?x?x4xf32>
    %25 = arith.negf %24 : tensor<?x?x4xf32>
    %26 = math.exp %25 : tensor<?x?x4xf32>
    %27 = math.log1p %26 : tensor<?x?x4xf32>
    %28 = arith.addf %23, %27 : tensor<?x?x4xf32>
    %29 = math.exp %A_log : tensor<4xf32>
    %30 = arith.negf %29 : tensor<4xf32>
    %31 = linalg.broadcast ins(%30 : tensor<4xf32>) outs(%e5 : tensor<?x?x4xf32>) dimensions = [0, 1]
    %g = arith.mulf %28, %31 : tensor<?x?x4xf32>
    %e6 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %e7 = tensor.empty(%B) : tensor<?x4x6x5xf32>
    %fill7 = linalg.fill ins(%c : f32) outs(%e7 : tensor<?x4x6x5xf32>) -> tensor<?x4x6x5xf32>
    %y, %state = ssm.delta_rule
        ins(%9, %17, %v : tensor<?x?x2x6xf32>, tensor<?x?x2x6xf32>, tensor<?x?x4x5xf32>)
        beta(%beta : tensor<?x?x4xf32>)
        decay(%g : tensor<?x?x4xf32>)
        outs(%e6, %fill7 : tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>
    %32 = arith.mulf %y, %y : tensor<?x?x4x5xf32>
    %33 = linalg.reduce { arith.addf } ins(%32 : tensor<?x?x4x5xf32>) outs(%fill6 : tensor<?x?x4xf32>) dimensions = [3]
    %c5 = arith.constant 5.0 : f32
    %fill8 = linalg.fill ins(%c5 : f32) outs(%e5 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %34 = arith.divf %33, %fill8 : tensor<?x?x4xf32>
    %fill9 = linalg.fill ins(%c2 : f32) outs(%e5 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %35 = arith.addf %34, %fill9 : tensor<?x?x4xf32>
    %36 = math.rsqrt %35 : tensor<?x?x4xf32>
    %37 = linalg.broadcast ins(%36 : tensor<?x?x4xf32>) outs(%e6 : tensor<?x?x4x5xf32>) dimensions = [3]
    %38 = arith.mulf %y, %37 : tensor<?x?x4x5xf32>
    %39 = linalg.broadcast ins(%norm_w : tensor<5xf32>) outs(%e6 : tensor<?x?x4x5xf32>) dimensions = [0, 1, 2]
    %40 = arith.mulf %38, %39 : tensor<?x?x4x5xf32>
    %41 = arith.negf %z : tensor<?x?x4x5xf32>
    %42 = math.exp %41 : tensor<?x?x4x5xf32>
    %fill10 = linalg.fill ins(%c4 : f32) outs(%e6 : tensor<?x?x4x5xf32>) -> tensor<?x?x4x5xf32>
    %43 = arith.addf %42, %fill10 : tensor<?x?x4x5xf32>
    %44 = arith.divf %fill10, %43 : tensor<?x?x4x5xf32>
    %45 = arith.mulf %z, %44 : tensor<?x?x4x5xf32>
    %46 = arith.mulf %40, %45 : tensor<?x?x4x5xf32>
    return %46 : tensor<?x?x4x5xf32>
  }
}
