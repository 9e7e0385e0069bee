// Mamba-2 between its projections: convolution, state space duality with shared
// B and C, packed sequences, skip, and the gated norm of all channels.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%xBC: tensor<?x?x44xf32>,
                     %z: tensor<?x?x20xf32>,
                     %dt: tensor<?x?x4xf32>,
                     %resets: tensor<?x?xi1>,
                     %conv_w: tensor<44x4xf32>,
                     %conv_b: tensor<44xf32>,
                     %A_log: tensor<4xf32>,
                     %dt_bias: tensor<4xf32>,
                     %skip: tensor<4xf32>,
                     %norm_w: tensor<20xf32>)
      -> tensor<?x?x20xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "xBC", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 44)>},
                  {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 20)>},
                  {name = "dt", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "resets", dtype = 9 : i64, dims = affine_map<()[s0, s1] -> (s0, s1)>},
                  {name = "conv_w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (44, 4)>},
                  {name = "conv_b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (44)>},
                  {name = "A_log", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "dt_bias", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "skip", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "norm_w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (20)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 20)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %e = tensor.empty(%B, %L) : tensor<?x?x44xf32>
    %c = arith.constant 0.0 : f32
    %e2 = tensor.empty(%B) : tensor<?x3x44xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x3x44xf32>) -> tensor<?x3x44xf32>
    %conv, %tail = ssm.short_conv activation(silu)
        ins(%xBC, %conv_w : tensor<?x?x44xf32>, tensor<44x4xf32>)
        bias(%conv_b : tensor<44xf32>)
        resets(%resets : tensor<?x?xi1>)
        outs(%e, %fill : tensor<?x?x44xf32>, tensor<?x3x44xf32>) -> tensor<?x?x44xf32>, tensor<?x3x44xf32>
    %1 = tensor.extract_slice %conv[0, 0, 0] [%B, %L, 20] [1, 1, 1] : tensor<?x?x44xf32> to tensor<?x?x20xf32>
    %2 = tensor.expand_shape %1 [[0], [1], [2, 3]] output_shape [%B, %L, 4, 5] : tensor<?x?x20xf32> into tensor<?x?x4x5xf32>
    %3 = tensor.extract_slice %conv[0, 0, 20] [%B, %L, 12] [1, 1, 1] : tensor<?x?x44xf32> to tensor<?x?x12xf32>
    %4 = tensor.expand_shape %3 [[0], [1], [2, 3]] output_shape [%B, %L, 2, 6] : tensor<?x?x12xf32> into tensor<?x?x2x6xf32>
    %5 = tensor.extract_slice %conv[0, 0, 32] [%B, %L, 12] [1, 1, 1] : tensor<?x?x44xf32> to tensor<?x?x12xf32>
    %6 = tensor.expand_shape %5 [[0], [1], [2, 3]] output_shape [%B, %L, 2, 6] : tensor<?x?x12xf32> into tensor<?x?x2x6xf32>
    %e3 = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %7 = linalg.broadcast ins(%dt_bias : tensor<4xf32>) outs(%e3 : tensor<?x?x4xf32>) dimensions = [0, 1]
    %8 = arith.addf %dt, %7 : tensor<?x?x4xf32>
    %fill2 = linalg.fill ins(%c : f32) outs(%e3 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %9 = arith.maximumf %8, %fill2 : tensor<?x?x4xf32>
    %10 = math.absf %8 : tensor<?x?x4xf32>
    %11 = arith.negf %10 : tensor<?x?x4xf32>
    %12 = math.exp %11 : tensor<?x?x4xf32>
    %13 = math.log1p %12 : tensor<?x?x4xf32>
    %14 = arith.addf %9, %13 : tensor<?x?x4xf32>
    %15 = math.exp %A_log : tensor<4xf32>
    %16 = arith.negf %15 : tensor<4xf32>
    %17 = linalg.broadcast ins(%16 : tensor<4xf32>) outs(%e3 : tensor<?x?x4xf32>) dimensions = [0, 1]
    %g = arith.mulf %14, %17 : tensor<?x?x4xf32>
    %e4 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %18 = linalg.broadcast ins(%14 : tensor<?x?x4xf32>) outs(%e4 : tensor<?x?x4x5xf32>) dimensions = [3]
    %v = arith.mulf %2, %18 : tensor<?x?x4x5xf32>
    %e5 = tensor.empty(%B) : tensor<?x4x6x5xf32>
    %fill3 = linalg.fill ins(%c : f32) outs(%e5 : tensor<?x4x6x5xf32>) -> tensor<?x4x6x5xf32>
    %y, %state = ssm.semiseparable
        ins(%6, %4, %v : tensor<?x?x2x6xf32>, tensor<?x?x2x6xf32>, tensor<?x?x4x5xf32>)
        decay(%g : tensor<?x?x4xf32>)
        resets(%resets : tensor<?x?xi1>)
        outs(%e4, %fill3 : tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>
    %19 = linalg.broadcast ins(%skip : tensor<4xf32>) outs(%e4 : tensor<?x?x4x5xf32>) dimensions = [0, 1, 3]
    %20 = arith.mulf %2, %19 : tensor<?x?x4x5xf32>
    %21 = arith.addf %y, %20 : tensor<?x?x4x5xf32>
    %22 = tensor.collapse_shape %21 [[0], [1], [2, 3]] : tensor<?x?x4x5xf32> into tensor<?x?x20xf32>
    %23 = arith.negf %z : tensor<?x?x20xf32>
    %24 = math.exp %23 : tensor<?x?x20xf32>
    %c2 = arith.constant 1.0 : f32
    %e6 = tensor.empty(%B, %L) : tensor<?x?x20xf32>
    %fill4 = linalg.fill ins(%c2 : f32) outs(%e6 : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
    %25 = arith.addf %24, %fill4 : tensor<?x?x20xf32>
    %26 = arith.divf %fill4, %25 : tensor<?x?x20xf32>
    %27 = arith.mulf %z, %26 : tensor<?x?x20xf32>
    %28 = arith.mulf %22, %27 : tensor<?x?x20xf32>
    %29 = arith.mulf %28, %28 : tensor<?x?x20xf32>
    %e7 = tensor.empty(%B, %L) : tensor<?x?xf32>
    %fill5 = linalg.fill ins(%c : f32) outs(%e7 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %30 = linalg.reduce { arith.addf } ins(%29 : tensor<?x?x20xf32>) outs(%fill5 : tensor<?x?xf32>) dimensions = [2]
    %c3 = arith.constant 20.0 : f32
    %fill6 = linalg.fill ins(%c3 : f32) outs(%e7 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %31 = arith.divf %30, %fill6 : tensor<?x?xf32>
    %c4 = arith.constant 1.0e-05 : f32
    %fill7 = linalg.fill ins(%c4 : f32) outs(%e7 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %32 = arith.addf %31, %fill7 : tensor<?x?xf32>
    %33 = math.rsqrt %32 : tensor<?x?xf32>
    %34 = linalg.broadcast ins(%33 : tensor<?x?xf32>) outs(%e6 : tensor<?x?x20xf32>) dimensions = [2]
    %35 = arith.mulf %28, %34 : tensor<?x?x20xf32>
    %36 = linalg.broadcast ins(%norm_w : tensor<20xf32>) outs(%e6 : tensor<?x?x20xf32>) dimensions = [0, 1]
    %37 = arith.mulf %35, %36 : tensor<?x?x20xf32>
    return %37 : tensor<?x?x20xf32>
  }
}
