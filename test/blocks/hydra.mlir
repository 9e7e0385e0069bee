// Hydra between its projections: a quasiseparable mixer whose queries are
// shifted by a token, with steps of both directions and a diagonal of the token.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%x: tensor<?x?x4x5xf32>,
                     %Bf: tensor<?x?x6xf32>,
                     %Cf: tensor<?x?x6xf32>,
                     %Bb: tensor<?x?x6xf32>,
                     %Cb: tensor<?x?x6xf32>,
                     %dt: tensor<?x?x8xf32>,
                     %delta: tensor<?x?x4xf32>,
                     %z: tensor<?x?x20xf32>,
                     %A_log: tensor<4xf32>,
                     %dt_bias: tensor<4xf32>,
                     %skip: tensor<4xf32>,
                     %norm_w: tensor<20xf32>)
      -> tensor<?x?x20xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "Bf", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
                  {name = "Cf", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
                  {name = "Bb", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
                  {name = "Cb", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
                  {name = "dt", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 8)>},
                  {name = "delta", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 20)>},
                  {name = "A_log", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "dt_bias", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "skip", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "norm_w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (20)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 20)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %one = arith.constant 1 : index
    %Lm = arith.subi %L, %one : index
    %1 = tensor.extract_slice %dt[0, 0, 0] [%B, %L, 4] [1, 1, 1] : tensor<?x?x8xf32> to tensor<?x?x4xf32>
    %e = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %2 = linalg.broadcast ins(%dt_bias : tensor<4xf32>) outs(%e : tensor<?x?x4xf32>) dimensions = [0, 1]
    %3 = arith.addf %1, %2 : tensor<?x?x4xf32>
    %c = arith.constant 0.0 : f32
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %4 = arith.maximumf %3, %fill : tensor<?x?x4xf32>
    %5 = math.absf %3 : tensor<?x?x4xf32>
    %6 = arith.negf %5 : tensor<?x?x4xf32>
    %7 = math.exp %6 : tensor<?x?x4xf32>
    %8 = math.log1p %7 : tensor<?x?x4xf32>
    %9 = arith.addf %4, %8 : tensor<?x?x4xf32>
    %10 = math.exp %A_log : tensor<4xf32>
    %11 = arith.negf %10 : tensor<4xf32>
    %12 = linalg.broadcast ins(%11 : tensor<4xf32>) outs(%e : tensor<?x?x4xf32>) dimensions = [0, 1]
    %13 = arith.mulf %9, %12 : tensor<?x?x4xf32>
    %14 = tensor.extract_slice %dt[0, 0, 4] [%B, %L, 4] [1, 1, 1] : tensor<?x?x8xf32> to tensor<?x?x4xf32>
    %15 = linalg.broadcast ins(%dt_bias : tensor<4xf32>) outs(%e : tensor<?x?x4xf32>) dimensions = [0, 1]
    %16 = arith.addf %14, %15 : tensor<?x?x4xf32>
    %17 = arith.maximumf %16, %fill : tensor<?x?x4xf32>
    %18 = math.absf %16 : tensor<?x?x4xf32>
    %19 = arith.negf %18 : tensor<?x?x4xf32>
    %20 = math.exp %19 : tensor<?x?x4xf32>
    %21 = math.log1p %20 : tensor<?x?x4xf32>
    %22 = arith.addf %17, %21 : tensor<?x?x4xf32>
    %23 = math.exp %A_log : tensor<4xf32>
    %24 = arith.negf %23 : tensor<4xf32>
    %25 = linalg.broadcast ins(%24 : tensor<4xf32>) outs(%e : tensor<?x?x4xf32>) dimensions = [0, 1]
    %26 = arith.mulf %22, %25 : tensor<?x?x4xf32>
    %27 = tensor.extract_slice %Cf[0, 0, 0] [%B, %Lm, 6] [1, 1, 1] : tensor<?x?x6xf32> to tensor<?x?x6xf32>
    %e2 = tensor.empty(%B, %L) : tensor<?x?x6xf32>
    %fill2 = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x?x6xf32>) -> tensor<?x?x6xf32>
    %28 = tensor.insert_slice %27 into %fill2[0, 1, 0] [%B, %Lm, 6] [1, 1, 1] : tensor<?x?x6xf32> into tensor<?x?x6xf32>
    %29 = tensor.extract_slice %Cb[0, 1, 0] [%B, %Lm, 6] [1, 1, 1] : tensor<?x?x6xf32> to tensor<?x?x6xf32>
    %Cb_next = tensor.insert_slice %29 into %fill2[0, 0, 0] [%B, %Lm, 6] [1, 1, 1] : tensor<?x?x6xf32> into tensor<?x?x6xf32>
    %30 = linalg.broadcast ins(%skip : tensor<4xf32>) outs(%e : tensor<?x?x4xf32>) dimensions = [0, 1]
    %31 = arith.addf %delta, %30 : tensor<?x?x4xf32>
    %32 = tensor.expand_shape %28 [[0], [1], [2, 3]] output_shape [%B, %L, 1, 6] : tensor<?x?x6xf32> into tensor<?x?x1x6xf32>
    %e3 = tensor.empty(%B, %L) : tensor<?x?x4x6xf32>
    %33 = linalg.broadcast ins(%Bf : tensor<?x?x6xf32>) outs(%e3 : tensor<?x?x4x6xf32>) dimensions = [2]
    %34 = linalg.broadcast ins(%9 : tensor<?x?x4xf32>) outs(%e3 : tensor<?x?x4x6xf32>) dimensions = [3]
    %35 = arith.mulf %33, %34 : tensor<?x?x4x6xf32>
    %36 = tensor.expand_shape %Cb_next [[0], [1], [2, 3]] output_shape [%B, %L, 1, 6] : tensor<?x?x6xf32> into tensor<?x?x1x6xf32>
    %37 = linalg.broadcast ins(%Bb : tensor<?x?x6xf32>) outs(%e3 : tensor<?x?x4x6xf32>) dimensions = [2]
    %38 = linalg.broadcast ins(%22 : tensor<?x?x4xf32>) outs(%e3 : tensor<?x?x4x6xf32>) dimensions = [3]
    %39 = arith.mulf %37, %38 : tensor<?x?x4x6xf32>
    %e4 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %y = ssm.quasiseparable
        ins(%32, %35, %36, %39, %x : tensor<?x?x1x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x1x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x4x5xf32>)
        diagonal(%31 : tensor<?x?x4xf32>)
        decay(%13, %26 : tensor<?x?x4xf32>, tensor<?x?x4xf32>)
        outs(%e4 : tensor<?x?x4x5xf32>) -> tensor<?x?x4x5xf32>
    %40 = tensor.collapse_shape %y [[0], [1], [2, 3]] : tensor<?x?x4x5xf32> into tensor<?x?x20xf32>
    %41 = arith.mulf %40, %40 : tensor<?x?x20xf32>
    %e5 = tensor.empty(%B, %L) : tensor<?x?xf32>
    %fill3 = linalg.fill ins(%c : f32) outs(%e5 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %42 = linalg.reduce { arith.addf } ins(%41 : tensor<?x?x20xf32>) outs(%fill3 : tensor<?x?xf32>) dimensions = [2]
    %c2 = arith.constant 20.0 : f32
    %fill4 = linalg.fill ins(%c2 : f32) outs(%e5 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %43 = arith.divf %42, %fill4 : tensor<?x?xf32>
    %c3 = arith.constant 1.0e-05 : f32
    %fill5 = linalg.fill ins(%c3 : f32) outs(%e5 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %44 = arith.addf %43, %fill5 : tensor<?x?xf32>
    %45 = math.rsqrt %44 : tensor<?x?xf32>
    %e6 = tensor.empty(%B, %L) : tensor<?x?x20xf32>
    %46 = linalg.broadcast ins(%45 : tensor<?x?xf32>) outs(%e6 : tensor<?x?x20xf32>) dimensions = [2]
    %47 = arith.mulf %40, %46 : tensor<?x?x20xf32>
    %48 = linalg.broadcast ins(%norm_w : tensor<20xf32>) outs(%e6 : tensor<?x?x20xf32>) dimensions = [0, 1]
    %49 = arith.mulf %47, %48 : tensor<?x?x20xf32>
    %50 = arith.negf %z : tensor<?x?x20xf32>
    %51 = math.exp %50 : tensor<?x?x20xf32>
    %c4 = arith.constant 1.0 : f32
    %fill6 = linalg.fill ins(%c4 : f32) outs(%e6 : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
    %52 = arith.addf %51, %fill6 : tensor<?x?x20xf32>
    %53 = arith.divf %fill6, %52 : tensor<?x?x20xf32>
    %54 = arith.mulf %z, %53 : tensor<?x?x20xf32>
    %55 = arith.mulf %49, %54 : tensor<?x?x20xf32>
    return %55 : tensor<?x?x20xf32>
  }
}
