// RWKV-6 time mixing between its projections: the state before the token is
// read, which is the mixer of keys, values and decays a token late, and a bonus
// for the token.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%r: tensor<?x?x4x6xf32>,
                     %k: tensor<?x?x4x6xf32>,
                     %v: tensor<?x?x4x5xf32>,
                     %w: tensor<?x?x4x6xf32>,
                     %z: tensor<?x?x20xf32>,
                     %u: tensor<4x6xf32>,
                     %norm_w: tensor<4x5xf32>,
                     %norm_b: tensor<4x5xf32>)
      -> tensor<?x?x20xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "r", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>},
                  {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 20)>},
                  {name = "u", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 6)>},
                  {name = "norm_w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 5)>},
                  {name = "norm_b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 20)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %one = arith.constant 1 : index
    %Lm = arith.subi %L, %one : index
    %1 = math.exp %w : tensor<?x?x4x6xf32>
    %g = arith.negf %1 : tensor<?x?x4x6xf32>
    %2 = tensor.extract_slice %k[0, 0, 0, 0] [%B, %Lm, 4, 6] [1, 1, 1, 1] : tensor<?x?x4x6xf32> to tensor<?x?x4x6xf32>
    %c = arith.constant 0.0 : f32
    %e = tensor.empty(%B, %L) : tensor<?x?x4x6xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %3 = tensor.insert_slice %2 into %fill[0, 1, 0, 0] [%B, %Lm, 4, 6] [1, 1, 1, 1] : tensor<?x?x4x6xf32> into tensor<?x?x4x6xf32>
    %4 = tensor.extract_slice %v[0, 0, 0, 0] [%B, %Lm, 4, 5] [1, 1, 1, 1] : tensor<?x?x4x5xf32> to tensor<?x?x4x5xf32>
    %e2 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %fill2 = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x?x4x5xf32>) -> tensor<?x?x4x5xf32>
    %5 = tensor.insert_slice %4 into %fill2[0, 1, 0, 0] [%B, %Lm, 4, 5] [1, 1, 1, 1] : tensor<?x?x4x5xf32> into tensor<?x?x4x5xf32>
    %6 = tensor.extract_slice %g[0, 0, 0, 0] [%B, %Lm, 4, 6] [1, 1, 1, 1] : tensor<?x?x4x6xf32> to tensor<?x?x4x6xf32>
    %7 = tensor.insert_slice %6 into %fill[0, 1, 0, 0] [%B, %Lm, 4, 6] [1, 1, 1, 1] : tensor<?x?x4x6xf32> into tensor<?x?x4x6xf32>
    %e3 = tensor.empty(%B) : tensor<?x4x6x5xf32>
    %fill3 = linalg.fill ins(%c : f32) outs(%e3 : tensor<?x4x6x5xf32>) -> tensor<?x4x6x5xf32>
    %y, %state = ssm.semiseparable
        ins(%r, %3, %5 : tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x4x5xf32>)
        decay(%7 : tensor<?x?x4x6xf32>)
        outs(%e2, %fill3 : tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>
    %8 = arith.mulf %r, %k : tensor<?x?x4x6xf32>
    %9 = linalg.broadcast ins(%u : tensor<4x6xf32>) outs(%e : tensor<?x?x4x6xf32>) dimensions = [0, 1]
    %10 = arith.mulf %8, %9 : tensor<?x?x4x6xf32>
    %e4 = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %fill4 = linalg.fill ins(%c : f32) outs(%e4 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %11 = linalg.reduce { arith.addf } ins(%10 : tensor<?x?x4x6xf32>) outs(%fill4 : tensor<?x?x4xf32>) dimensions = [3]
    %12 = linalg.broadcast ins(%11 : tensor<?x?x4xf32>) outs(%e2 : tensor<?x?x4x5xf32>) dimensions = [3]
    %13 = arith.mulf %12, %v : tensor<?x?x4x5xf32>
    %14 = arith.addf %y, %13 : tensor<?x?x4x5xf32>
    %15 = linalg.reduce { arith.addf } ins(%14 : tensor<?x?x4x5xf32>) outs(%fill4 : tensor<?x?x4xf32>) dimensions = [3]
    %c2 = arith.constant 5.0 : f32
    %fill5 = linalg.fill ins(%c2 : f32) outs(%e4 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %16 = arith.divf %15, %fill5 : tensor<?x?x4xf32>
    %17 = linalg.broadcast ins(%16 : tensor<?x?x4xf32>) outs(%e2 : tensor<?x?x4x5xf32>) dimensions = [3]
    %18 = arith.subf %14, %17 : tensor<?x?x4x5xf32>
    %19 = arith.mulf %18, %18 : tensor<?x?x4x5xf32>
    %20 = linalg.reduce { arith.addf } ins(%19 : tensor<?x?x4x5xf32>) outs(%fill4 : tensor<?x?x4xf32>) dimensions = [3]
    %21 = arith.divf %20, %fill5 : tensor<?x?x4xf32>
    %c3 = arith.constant 0.00064 : f32
    %fill6 = linalg.fill ins(%c3 : f32) outs(%e4 : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %22 = arith.addf %21, %fill6 : tensor<?x?x4xf32>
    %23 = math.rsqrt %22 : tensor<?x?x4xf32>
    %24 = linalg.broadcast ins(%23 : tensor<?x?x4xf32>) outs(%e2 : tensor<?x?x4x5xf32>) dimensions = [3]
    %25 = arith.mulf %18, %24 : tensor<?x?x4x5xf32>
    %26 = linalg.broadcast ins(%norm_w : tensor<4x5xf32>) outs(%e2 : tensor<?x?x4x5xf32>) dimensions = [0, 1]
    %27 = arith.mulf %25, %26 : tensor<?x?x4x5xf32>
    %28 = linalg.broadcast ins(%norm_b : tensor<4x5xf32>) outs(%e2 : tensor<?x?x4x5xf32>) dimensions = [0, 1]
    %29 = arith.addf %27, %28 : tensor<?x?x4x5xf32>
    %30 = tensor.collapse_shape %29 [[0], [1], [2, 3]] : tensor<?x?x4x5xf32> into tensor<?x?x20xf32>
    %31 = arith.negf %z : tensor<?x?x20xf32>
    %32 = math.exp %31 : tensor<?x?x20xf32>
    %c4 = arith.constant 1.0 : f32
    %e5 = tensor.empty(%B, %L) : tensor<?x?x20xf32>
    %fill7 = linalg.fill ins(%c4 : f32) outs(%e5 : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
    %33 = arith.addf %32, %fill7 : tensor<?x?x20xf32>
    %34 = arith.divf %fill7, %33 : tensor<?x?x20xf32>
    %35 = arith.mulf %z, %34 : tensor<?x?x20xf32>
    %36 = arith.mulf %30, %35 : tensor<?x?x20xf32>
    return %36 : tensor<?x?x20xf32>
  }
}
