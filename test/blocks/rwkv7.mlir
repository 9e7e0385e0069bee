// RWKV-7 time mixing between its projections: what is erased is read from the
// state that has not decayed, a bonus of the current token, a norm of every
// head.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%r: tensor<?x?x4x6xf32>,
                     %w: tensor<?x?x4x6xf32>,
                     %k: tensor<?x?x4x6xf32>,
                     %v: tensor<?x?x4x5xf32>,
                     %a: tensor<?x?x4x6xf32>,
                     %g: tensor<?x?x20xf32>,
                     %k_k: tensor<4x6xf32>,
                     %k_a: tensor<4x6xf32>,
                     %r_k: tensor<4x6xf32>,
                     %norm_w: tensor<4x5xf32>,
                     %norm_b: tensor<4x5xf32>)
      -> tensor<?x?x20xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "r", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "a", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "g", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 20)>},
                  {name = "k_k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 6)>},
                  {name = "k_a", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 6)>},
                  {name = "r_k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 6)>},
                  {name = "norm_w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 5)>},
                  {name = "norm_b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 20)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %1 = arith.negf %w : tensor<?x?x4x6xf32>
    %2 = math.exp %1 : tensor<?x?x4x6xf32>
    %c = arith.constant 1.0 : f32
    %e = tensor.empty(%B, %L) : tensor<?x?x4x6xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %3 = arith.addf %2, %fill : tensor<?x?x4x6xf32>
    %4 = arith.divf %fill, %3 : tensor<?x?x4x6xf32>
    %c2 = arith.constant -0.6065306597126334 : f32
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %decay = arith.mulf %4, %fill2 : tensor<?x?x4x6xf32>
    %5 = arith.negf %a : tensor<?x?x4x6xf32>
    %6 = math.exp %5 : tensor<?x?x4x6xf32>
    %7 = arith.addf %6, %fill : tensor<?x?x4x6xf32>
    %8 = arith.divf %fill, %7 : tensor<?x?x4x6xf32>
    %9 = linalg.broadcast ins(%k_k : tensor<4x6xf32>) outs(%e : tensor<?x?x4x6xf32>) dimensions = [0, 1]
    %10 = arith.mulf %k, %9 : tensor<?x?x4x6xf32>
    %11 = arith.mulf %10, %10 : tensor<?x?x4x6xf32>
    %c3 = arith.constant 0.0 : f32
    %e2 = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %fill3 = linalg.fill ins(%c3 : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %12 = linalg.reduce { arith.addf } ins(%11 : tensor<?x?x4x6xf32>) outs(%fill3 : tensor<?x?x4xf32>) dimensions = [3]
    %fill4 = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %13 = math.sqrt %12 : tensor<?x?x4xf32>
    %c4 = arith.constant 1.0e-12 : f32
    %fill5 = linalg.fill ins(%c4 : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %14 = arith.maximumf %13, %fill5 : tensor<?x?x4xf32>
    %15 = arith.divf %fill4, %14 : tensor<?x?x4xf32>
    %16 = linalg.broadcast ins(%15 : tensor<?x?x4xf32>) outs(%e : tensor<?x?x4x6xf32>) dimensions = [3]
    %17 = arith.mulf %10, %16 : tensor<?x?x4x6xf32>
    %18 = arith.subf %8, %fill : tensor<?x?x4x6xf32>
    %19 = linalg.broadcast ins(%k_a : tensor<4x6xf32>) outs(%e : tensor<?x?x4x6xf32>) dimensions = [0, 1]
    %20 = arith.mulf %18, %19 : tensor<?x?x4x6xf32>
    %21 = arith.addf %20, %fill : tensor<?x?x4x6xf32>
    %22 = arith.mulf %k, %21 : tensor<?x?x4x6xf32>
    %23 = arith.negf %17 : tensor<?x?x4x6xf32>
    %24 = arith.mulf %17, %8 : tensor<?x?x4x6xf32>
    %e3 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %e4 = tensor.empty(%B) : tensor<?x4x6x5xf32>
    %fill6 = linalg.fill ins(%c3 : f32) outs(%e4 : tensor<?x4x6x5xf32>) -> tensor<?x4x6x5xf32>
    %y, %state = ssm.delta_rule
        ins(%r, %22, %v : tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x4x5xf32>)
        erase(%23, %24 : tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>)
        decay(%decay : tensor<?x?x4x6xf32>)
        outs(%e3, %fill6 : tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>
    %25 = linalg.reduce { arith.addf } ins(%y : tensor<?x?x4x5xf32>) outs(%fill3 : tensor<?x?x4xf32>) dimensions = [3]
    %c5 = arith.constant 5.0 : f32
    %fill7 = linalg.fill ins(%c5 : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %26 = arith.divf %25, %fill7 : tensor<?x?x4xf32>
    %27 = linalg.broadcast ins(%26 : tensor<?x?x4xf32>) outs(%e3 : tensor<?x?x4x5xf32>) dimensions = [3]
    %28 = arith.subf %y, %27 : tensor<?x?x4x5xf32>
    %29 = arith.mulf %28, %28 : tensor<?x?x4x5xf32>
    %30 = linalg.reduce { arith.addf } ins(%29 : tensor<?x?x4x5xf32>) outs(%fill3 : tensor<?x?x4xf32>) dimensions = [3]
    %31 = arith.divf %30, %fill7 : tensor<?x?x4xf32>
    %c6 = arith.constant 0.00064 : f32
    %fill8 = linalg.fill ins(%c6 : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %32 = arith.addf %31, %fill8 : tensor<?x?x4xf32>
    %33 = math.rsqrt %32 : tensor<?x?x4xf32>
    %34 = linalg.broadcast ins(%33 : tensor<?x?x4xf32>) outs(%e3 : tensor<?x?x4x5xf32>) dimensions = [3]
    %35 = arith.mulf %28, %34 : tensor<?x?x4x5xf32>
    %36 = linalg.broadcast ins(%norm_w : tensor<4x5xf32>) outs(%e3 : tensor<?x?x4x5xf32>) dimensions = [0, 1]
    %37 = arith.mulf %35, %36 : tensor<?x?x4x5xf32>
    %38 = linalg.broadcast ins(%norm_b : tensor<4x5xf32>) outs(%e3 : tensor<?x?x4x5xf32>) dimensions = [0, 1]
    %39 = arith.addf %37, %38 : tensor<?x?x4x5xf32>
    %40 = arith.mulf %r, %22 : tensor<?x?x4x6xf32>
    %41 = linalg.broadcast ins(%r_k : tensor<4x6xf32>) outs(%e : tensor<?x?x4x6xf32>) dimensions = [0, 1]
    %42 = arith.mulf %40, %41 : tensor<?x?x4x6xf32>
    %43 = linalg.reduce { arith.addf } ins(%42 : tensor<?x?x4x6xf32>) outs(%fill3 : tensor<?x?x4xf32>) dimensions = [3]
    %44 = linalg.broadcast ins(%43 : tensor<?x?x4xf32>) outs(%e3 : tensor<?x?x4x5xf32>) dimensions = [3]
    %45 = arith.mulf %44, %v : tensor<?x?x4x5xf32>
    %46 = arith.addf %39, %45 : tensor<?x?x4x5xf32>
    %47 = tensor.collapse_shape %46 [[0], [1], [2, 3]] : tensor<?x?x4x5xf32> into tensor<?x?x20xf32>
    %48 = arith.mulf %47, %g : tensor<?x?x20xf32>
    return %48 : tensor<?x?x20xf32>
  }
}
