// Retention between its projections: rotated queries and keys, a constant decay
// for each head, and a norm without weights, gated by SiLU.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%q: tensor<?x?x4x6xf32>,
                     %k: tensor<?x?x4x6xf32>,
                     %v: tensor<?x?x4x5xf32>,
                     %z: tensor<?x?x4x5xf32>,
                     %theta: tensor<3xf32>,
                     %gamma: tensor<4xf32>)
      -> tensor<?x?x4x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "theta", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (3)>},
                  {name = "gamma", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %c = arith.constant 1.0 : f32
    %e = tensor.empty(%B, %L) : tensor<?x?x3xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x3xf32>) -> tensor<?x?x3xf32>
    %1 = linalg.broadcast ins(%theta : tensor<3xf32>) outs(%e : tensor<?x?x3xf32>) dimensions = [0, 1]
    %c2 = arith.constant 0.0 : f32
    %e2 = tensor.empty(%B) : tensor<?x3xf32>
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e2 : tensor<?x3xf32>) -> tensor<?x3xf32>
    %angle, %last = ssm.scan dimension(1)
        ins(%fill, %1 : tensor<?x?x3xf32>, tensor<?x?x3xf32>)
        outs(%e, %fill2 : tensor<?x?x3xf32>, tensor<?x3xf32>) -> tensor<?x?x3xf32>, tensor<?x3xf32>
    %e3 = tensor.empty(%B, %L) : tensor<?x?x4x3xf32>
    %2 = linalg.broadcast ins(%angle : tensor<?x?x3xf32>) outs(%e3 : tensor<?x?x4x3xf32>) dimensions = [2]
    %3 = math.cos %2 : tensor<?x?x4x3xf32>
    %4 = math.sin %2 : tensor<?x?x4x3xf32>
    %5 = tensor.extract_slice %q[0, 0, 0, 0] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x6xf32> to tensor<?x?x4x3xf32>
    %6 = tensor.extract_slice %q[0, 0, 0, 1] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x6xf32> to tensor<?x?x4x3xf32>
    %7 = arith.mulf %5, %3 : tensor<?x?x4x3xf32>
    %8 = arith.mulf %6, %4 : tensor<?x?x4x3xf32>
    %9 = arith.subf %7, %8 : tensor<?x?x4x3xf32>
    %10 = arith.mulf %5, %4 : tensor<?x?x4x3xf32>
    %11 = arith.mulf %6, %3 : tensor<?x?x4x3xf32>
    %12 = arith.addf %10, %11 : tensor<?x?x4x3xf32>
    %e4 = tensor.empty(%B, %L) : tensor<?x?x4x6xf32>
    %13 = tensor.insert_slice %9 into %e4[0, 0, 0, 0] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x3xf32> into tensor<?x?x4x6xf32>
    %14 = tensor.insert_slice %12 into %13[0, 0, 0, 1] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x3xf32> into tensor<?x?x4x6xf32>
    %15 = tensor.extract_slice %k[0, 0, 0, 0] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x6xf32> to tensor<?x?x4x3xf32>
    %16 = tensor.extract_slice %k[0, 0, 0, 1] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x6xf32> to tensor<?x?x4x3xf32>
    %17 = arith.mulf %15, %3 : tensor<?x?x4x3xf32>
    %18 = arith.mulf %16, %4 : tensor<?x?x4x3xf32>
    %19 = arith.subf %17, %18 : tensor<?x?x4x3xf32>
    %20 = arith.mulf %15, %4 : tensor<?x?x4x3xf32>
    %21 = arith.mulf %16, %3 : tensor<?x?x4x3xf32>
    %22 = arith.addf %20, %21 : tensor<?x?x4x3xf32>
    %23 = tensor.insert_slice %19 into %e4[0, 0, 0, 0] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x3xf32> into tensor<?x?x4x6xf32>
    %24 = tensor.insert_slice %22 into %23[0, 0, 0, 1] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x3xf32> into tensor<?x?x4x6xf32>
    %c3 = arith.constant 0.408248290463863 : f32
    %fill3 = linalg.fill ins(%c3 : f32) outs(%e4 : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %25 = arith.mulf %24, %fill3 : tensor<?x?x4x6xf32>
    %26 = math.log %gamma : tensor<4xf32>
    %e5 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %e6 = tensor.empty(%B) : tensor<?x4x6x5xf32>
    %fill4 = linalg.fill ins(%c2 : f32) outs(%e6 : tensor<?x4x6x5xf32>) -> tensor<?x4x6x5xf32>
    %y, %state = ssm.semiseparable
        ins(%14, %25, %v : tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x4x5xf32>)
        decay(%26 : tensor<4xf32>)
        outs(%e5, %fill4 : tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>
    %27 = arith.mulf %y, %y : tensor<?x?x4x5xf32>
    %e7 = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %fill5 = linalg.fill ins(%c2 : f32) outs(%e7 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %28 = linalg.reduce { arith.addf } ins(%27 : tensor<?x?x4x5xf32>) outs(%fill5 : tensor<?x?x4xf32>) dimensions = [3]
    %c4 = arith.constant 5.0 : f32
    %fill6 = linalg.fill ins(%c4 : f32) outs(%e7 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %29 = arith.divf %28, %fill6 : tensor<?x?x4xf32>
    %c5 = arith.constant 1.0e-06 : f32
    %fill7 = linalg.fill ins(%c5 : f32) outs(%e7 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %30 = arith.addf %29, %fill7 : tensor<?x?x4xf32>
    %31 = math.rsqrt %30 : tensor<?x?x4xf32>
    %32 = linalg.broadcast ins(%31 : tensor<?x?x4xf32>) outs(%e5 : tensor<?x?x4x5xf32>) dimensions = [3]
    %33 = arith.mulf %y, %32 : tensor<?x?x4x5xf32>
    %34 = arith.negf %z : tensor<?x?x4x5xf32>
    %35 = math.exp %34 : tensor<?x?x4x5xf32>
    %fill8 = linalg.fill ins(%c : f32) outs(%e5 : tensor<?x?x4x5xf32>) -> tensor<?x?x4x5xf32>
    %36 = arith.addf %35, %fill8 : tensor<?x?x4x5xf32>
    %37 = arith.divf %fill8, %36 : tensor<?x?x4x5xf32>
    %38 = arith.mulf %z, %37 : tensor<?x?x4x5xf32>
    %39 = arith.mulf %33, %38 : tensor<?x?x4x5xf32>
    return %39 : tensor<?x?x4x5xf32>
  }
}
