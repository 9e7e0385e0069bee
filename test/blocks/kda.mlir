// Kimi delta attention between its projections: a decay of every key, and a norm
// gated by a sigmoid.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%q: tensor<?x?x4x6xf32>,
                     %k: tensor<?x?x4x6xf32>,
                     %v: tensor<?x?x4x5xf32>,
                     %f: tensor<?x?x4x6xf32>,
                     %b: tensor<?x?x4xf32>,
                     %z: tensor<?x?x4x5xf32>,
                     %A_log: tensor<4xf32>,
                     %dt_bias: tensor<4x6xf32>,
                     %norm_w: tensor<5xf32>)
      -> tensor<?x?x4x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "f", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "A_log", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "dt_bias", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 6)>},
                  {name = "norm_w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %1 = arith.negf %q : tensor<?x?x4x6xf32>
    %2 = math.exp %1 : tensor<?x?x4x6xf32>
    %c = arith.constant 1.0 : f32
    %e = tensor.empty(%B, %L) : tensor<?x?x4x6xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %3 = arith.addf %2, %fill : tensor<?x?x4x6xf32>
    %4 = arith.divf %fill, %3 : tensor<?x?x4x6xf32>
    %5 = arith.mulf %q, %4 : tensor<?x?x4x6xf32>
    %6 = arith.mulf %5, %5 : tensor<?x?x4x6xf32>
    %c2 = arith.constant 0.0 : f32
    %e2 = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %7 = linalg.reduce { arith.addf } ins(%6 : tensor<?x?x4x6xf32>) outs(%fill2 : tensor<?x?x4xf32>) dimensions = [3]
    %c3 = arith.constant 1.0e-06 : f32
    %fill3 = linalg.fill ins(%c3 : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %8 = arith.addf %7, %fill3 : tensor<?x?x4xf32>
    %9 = math.rsqrt %8 : tensor<?x?x4xf32>
    %10 = linalg.broadcast ins(%9 : tensor<?x?x4xf32>) outs(%e : tensor<?x?x4x6xf32>) dimensions = [3]
    %11 = arith.mulf %5, %10 : tensor<?x?x4x6xf32>
    %c4 = arith.constant 0.408248290463863 : f32
    %fill4 = linalg.fill ins(%c4 : f32) outs(%e : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %12 = arith.mulf %11, %fill4 : tensor<?x?x4x6xf32>
    %13 = arith.negf %k : tensor<?x?x4x6xf32>
    %14 = math.exp %13 : tensor<?x?x4x6xf32>
    %15 = arith.addf %14, %fill : tensor<?x?x4x6xf32>
    %16 = arith.divf %fill, %15 : tensor<?x?x4x6xf32>
    %17 = arith.mulf %k, %16 : tensor<?x?x4x6xf32>
    %18 = arith.mulf %17, %17 : tensor<?x?x4x6xf32>
    %19 = linalg.reduce { arith.addf } ins(%18 : tensor<?x?x4x6xf32>) outs(%fill2 : tensor<?x?x4xf32>) dimensions = [3]
    %20 = arith.addf %19, %fill3 : tensor<?x?x4xf32>
    %21 = math.rsqrt %20 : tensor<?x?x4xf32>
    %22 = linalg.broadcast ins(%21 : tensor<?x?x4xf32>) outs(%e : tensor<?x?x4x6xf32>) dimensions = [3]
    %23 = arith.mulf %17, %22 : tensor<?x?x4x6xf32>
    %24 = arith.negf %b : tensor<?x?x4xf32>
    %25 = math.exp %24 : tensor<?x?x4xf32>
    %fill5 = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %26 = arith.addf %25, %fill5 : tensor<?x?x4xf32>
    %beta = arith.divf %fill5, %26 : tensor<?x?x4xf32>
    %27 = linalg.broadcast ins(%dt_bias : tensor<4x6xf32>) outs(%e : tensor<?x?x4x6xf32>) dimensions = [0, 1]
    %28 = arith.addf %f, %27 : tensor<?x?x4x6xf32>
    %fill6 = linalg.fill ins(%c2 : f32) outs(%e : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %29 = arith.maximumf %28, %fill6 : tensor<?x?x4x6xf32>
    %30 = math.absf %28 : tensor<?x?x4x6xf32>
    %31 = arith.negf %30 : tensor<?x?x4x6xf32>
    %32 = math.exp %31 : tensor<?x?x4x6xf32>
    %33 = math.log1p %32 : tensor<?x?x4x6xf32>
    %34 = arith.addf %29, %33 : tensor<?x?x4x6xf32>
    %35 = math.exp %A_log : tensor<4xf32>
    %36 = arith.negf %35 : tensor<4xf32>
    %37 = linalg.broadcast ins(%36 : tensor<4xf32>) outs(%e : tensor<?x?x4x6xf32>) dimensions = [0, 1, 3]
    %g = arith.mulf %34, %37 : tensor<?x?x4x6xf32>
    %e3 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %e4 = tensor.empty(%B) : tensor<?x4x6x5xf32>
    %fill7 = linalg.fill ins(%c2 : f32) outs(%e4 : tensor<?x4x6x5xf32>) -> tensor<?x4x6x5xf32>
    %y, %state = ssm.delta_rule
        ins(%12, %23, %v : tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x4x5xf32>)
        beta(%beta : tensor<?x?x4xf32>)
        decay(%g : tensor<?x?x4x6xf32>)
        outs(%e3, %fill7 : tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>
    %38 = arith.mulf %y, %y : tensor<?x?x4x5xf32>
    %39 = linalg.reduce { arith.addf } ins(%38 : tensor<?x?x4x5xf32>) outs(%fill2 : tensor<?x?x4xf32>) dimensions = [3]
    %c5 = arith.constant 5.0 : f32
    %fill8 = linalg.fill ins(%c5 : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %40 = arith.divf %39, %fill8 : tensor<?x?x4xf32>
    %c6 = arith.constant 1.0e-05 : f32
    %fill9 = linalg.fill ins(%c6 : f32) outs(%e2 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %41 = arith.addf %40, %fill9 : tensor<?x?x4xf32>
    %42 = math.rsqrt %41 : tensor<?x?x4xf32>
    %43 = linalg.broadcast ins(%42 : tensor<?x?x4xf32>) outs(%e3 : tensor<?x?x4x5xf32>) dimensions = [3]
    %44 = arith.mulf %y, %43 : tensor<?x?x4x5xf32>
    %45 = linalg.broadcast ins(%norm_w : tensor<5xf32>) outs(%e3 : tensor<?x?x4x5xf32>) dimensions = [0, 1, 2]
    %46 = arith.mulf %44, %45 : tensor<?x?x4x5xf32>
    %47 = arith.negf %z : tensor<?x?x4x5xf32>
    %48 = math.exp %47 : tensor<?x?x4x5xf32>
    %fill10 = linalg.fill ins(%c : f32) outs(%e3 : tensor<?x?x4x5xf32>) -> tensor<?x?x4x5xf32>
    %49 = arith.addf %48, %fill10 : tensor<?x?x4x5xf32>
    %50 = arith.divf %fill10, %49 : tensor<?x?x4x5xf32>
    %51 = arith.mulf %46, %50 : tensor<?x?x4x5xf32>
    return %51 : tensor<?x?x4x5xf32>
  }
}
