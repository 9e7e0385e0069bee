// Gated linear attention between its projections: a decay of every key, and a
// norm gated by SiLU.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%q: tensor<?x?x4x6xf32>,
                     %k: tensor<?x?x4x6xf32>,
                     %v: tensor<?x?x4x5xf32>,
                     %f: tensor<?x?x4x6xf32>,
                     %z: tensor<?x?x4x5xf32>,
                     %norm_w: tensor<5xf32>)
      -> tensor<?x?x4x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "f", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "norm_w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %1 = arith.negf %f : tensor<?x?x4x6xf32>
    %c = arith.constant 0.0 : f32
    %e = tensor.empty(%B, %L) : tensor<?x?x4x6xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %2 = arith.maximumf %1, %fill : tensor<?x?x4x6xf32>
    %3 = math.absf %1 : tensor<?x?x4x6xf32>
    %4 = arith.negf %3 : tensor<?x?x4x6xf32>
    %5 = math.exp %4 : tensor<?x?x4x6xf32>
    %6 = math.log1p %5 : tensor<?x?x4x6xf32>
    %7 = arith.addf %2, %6 : tensor<?x?x4x6xf32>
    %8 = arith.negf %7 : tensor<?x?x4x6xf32>
    %c2 = arith.constant 0.0625 : f32
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %g = arith.mulf %8, %fill2 : tensor<?x?x4x6xf32>
    %c3 = arith.constant 0.408248290463863 : f32
    %fill3 = linalg.fill ins(%c3 : f32) outs(%e : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %9 = arith.mulf %q, %fill3 : tensor<?x?x4x6xf32>
    %e2 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %e3 = tensor.empty(%B) : tensor<?x4x6x5xf32>
    %fill4 = linalg.fill ins(%c : f32) outs(%e3 : tensor<?x4x6x5xf32>) -> tensor<?x4x6x5xf32>
    %y, %state = ssm.semiseparable
        ins(%9, %k, %v : tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x4x5xf32>)
        decay(%g : tensor<?x?x4x6xf32>)
        outs(%e2, %fill4 : tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>
    %10 = arith.mulf %y, %y : tensor<?x?x4x5xf32>
    %e4 = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %fill5 = linalg.fill ins(%c : f32) outs(%e4 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %11 = linalg.reduce { arith.addf } ins(%10 : tensor<?x?x4x5xf32>) outs(%fill5 : tensor<?x?x4xf32>) dimensions = [3]
    %c4 = arith.constant 5.0 : f32
    %fill6 = linalg.fill ins(%c4 : f32) outs(%e4 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %12 = arith.divf %11, %fill6 : tensor<?x?x4xf32>
    %c5 = arith.constant 1.0e-05 : f32
    %fill7 = linalg.fill ins(%c5 : f32) outs(%e4 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %13 = arith.addf %12, %fill7 : tensor<?x?x4xf32>
    %14 = math.rsqrt %13 : tensor<?x?x4xf32>
    %15 = linalg.broadcast ins(%14 : tensor<?x?x4xf32>) outs(%e2 : tensor<?x?x4x5xf32>) dimensions = [3]
    %16 = arith.mulf %y, %15 : tensor<?x?x4x5xf32>
    %17 = linalg.broadcast ins(%norm_w : tensor<5xf32>) outs(%e2 : tensor<?x?x4x5xf32>) dimensions = [0, 1, 2]
    %18 = arith.mulf %16, %17 : tensor<?x?x4x5xf32>
    %19 = arith.negf %z : tensor<?x?x4x5xf32>
    %20 = math.exp %19 : tensor<?x?x4x5xf32>
    %c6 = arith.constant 1.0 : f32
    %fill8 = linalg.fill ins(%c6 : f32) outs(%e2 : tensor<?x?x4x5xf32>) -> tensor<?x?x4x5xf32>
    %21 = arith.addf %20, %fill8 : tensor<?x?x4x5xf32>
    %22 = arith.divf %fill8, %21 : tensor<?x?x4x5xf32>
    %23 = arith.mulf %z, %22 : tensor<?x?x4x5xf32>
    %24 = arith.mulf %18, %23 : tensor<?x?x4x5xf32>
    return %24 : tensor<?x?x4x5xf32>
  }
}
