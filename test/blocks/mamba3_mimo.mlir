// Mamba-3 with two inputs and outputs for each head, between its projections:
// every output reads what all inputs wrote, as heads that share keys.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%x: tensor<?x?x4x5xf32>,
                     %z: tensor<?x?x4x5xf32>,
                     %Bm: tensor<?x?x2x6xf32>,
                     %Cm: tensor<?x?x2x6xf32>,
                     %dd_dt: tensor<?x?x4xf32>,
                     %dd_A: tensor<?x?x4xf32>,
                     %trap: tensor<?x?x4xf32>,
                     %angle: tensor<?x?x3xf32>,
                     %dt_bias: tensor<4xf32>,
                     %B_bias: tensor<4x2x6xf32>,
                     %C_bias: tensor<4x2x6xf32>,
                     %B_norm: tensor<6xf32>,
                     %C_norm: tensor<6xf32>,
                     %skip: tensor<4xf32>,
                     %mimo_x: tensor<4x2x5xf32>,
                     %mimo_z: tensor<4x2x5xf32>,
                     %mimo_o: tensor<4x2x5xf32>)
      -> tensor<?x?x4x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "Bm", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 6)>},
                  {name = "Cm", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 2, 6)>},
                  {name = "dd_dt", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "dd_A", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "trap", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "angle", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 3)>},
                  {name = "dt_bias", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "B_bias", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 2, 6)>},
                  {name = "C_bias", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 2, 6)>},
                  {name = "B_norm", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6)>},
                  {name = "C_norm", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6)>},
                  {name = "skip", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "mimo_x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 2, 5)>},
                  {name = "mimo_z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 2, 5)>},
                  {name = "mimo_o", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 2, 5)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %one = arith.constant 1 : index
    %Lm = arith.subi %L, %one : index
    %e = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %1 = linalg.broadcast ins(%dt_bias : tensor<4xf32>) outs(%e : tensor<?x?x4xf32>) dimensions = [0, 1]
    %2 = arith.addf %dd_dt, %1 : tensor<?x?x4xf32>
    %c = arith.constant 0.0 : f32
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %3 = arith.maximumf %2, %fill : tensor<?x?x4xf32>
    %4 = math.absf %2 : tensor<?x?x4xf32>
    %5 = arith.negf %4 : tensor<?x?x4xf32>
    %6 = math.exp %5 : tensor<?x?x4xf32>
    %7 = math.log1p %6 : tensor<?x?x4xf32>
    %delta = arith.addf %3, %7 : tensor<?x?x4xf32>
    %8 = arith.maximumf %dd_A, %fill : tensor<?x?x4xf32>
    %c2 = arith.constant 1.0 : f32
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %9 = arith.addf %8, %fill2 : tensor<?x?x4xf32>
    %10 = arith.negf %dd_A : tensor<?x?x4xf32>
    %11 = arith.maximumf %10, %fill : tensor<?x?x4xf32>
    %12 = arith.addf %11, %fill2 : tensor<?x?x4xf32>
    %13 = arith.divf %9, %12 : tensor<?x?x4xf32>
    %14 = arith.negf %13 : tensor<?x?x4xf32>
    %c3 = arith.constant -0.0001 : f32
    %fill3 = linalg.fill ins(%c3 : f32) outs(%e : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %15 = arith.minimumf %14, %fill3 : tensor<?x?x4xf32>
    %g = arith.mulf %delta, %15 : tensor<?x?x4xf32>
    %16 = arith.negf %trap : tensor<?x?x4xf32>
    %17 = math.exp %16 : tensor<?x?x4xf32>
    %18 = arith.addf %17, %fill2 : tensor<?x?x4xf32>
    %19 = arith.divf %fill2, %18 : tensor<?x?x4xf32>
    %gamma = arith.mulf %19, %delta : tensor<?x?x4xf32>
    %20 = arith.subf %fill2, %19 : tensor<?x?x4xf32>
    %21 = arith.mulf %20, %delta : tensor<?x?x4xf32>
    %22 = math.exp %g : tensor<?x?x4xf32>
    %beta = arith.mulf %21, %22 : tensor<?x?x4xf32>
    %e2 = tensor.empty(%B, %L) : tensor<?x?x4x3xf32>
    %23 = linalg.broadcast ins(%delta : tensor<?x?x4xf32>) outs(%e2 : tensor<?x?x4x3xf32>) dimensions = [3]
    %24 = math.tanh %angle : tensor<?x?x3xf32>
    %c4 = arith.constant 3.141592653589793 : f32
    %e3 = tensor.empty(%B, %L) : tensor<?x?x3xf32>
    %fill4 = linalg.fill ins(%c4 : f32) outs(%e3 : tensor<?x?x3xf32>) -> tensor<?x?x3xf32>
    %25 = arith.mulf %24, %fill4 : tensor<?x?x3xf32>
    %26 = linalg.broadcast ins(%25 : tensor<?x?x3xf32>) outs(%e2 : tensor<?x?x4x3xf32>) dimensions = [2]
    %27 = arith.mulf %23, %26 : tensor<?x?x4x3xf32>
    %fill5 = linalg.fill ins(%c2 : f32) outs(%e2 : tensor<?x?x4x3xf32>) -> tensor<?x?x4x3xf32>
    %e4 = tensor.empty(%B) : tensor<?x4x3xf32>
    %fill6 = linalg.fill ins(%c : f32) outs(%e4 : tensor<?x4x3xf32>) -> tensor<?x4x3xf32>
    %phi, %phi_last = ssm.scan dimension(1)
        ins(%fill5, %27 : tensor<?x?x4x3xf32>, tensor<?x?x4x3xf32>)
        outs(%e2, %fill6 : tensor<?x?x4x3xf32>, tensor<?x4x3xf32>) -> tensor<?x?x4x3xf32>, tensor<?x4x3xf32>
    %28 = math.cos %phi : tensor<?x?x4x3xf32>
    %29 = math.sin %phi : tensor<?x?x4x3xf32>
    %e5 = tensor.empty(%B, %L) : tensor<?x?x4x2x3xf32>
    %30 = linalg.broadcast ins(%28 : tensor<?x?x4x3xf32>) outs(%e5 : tensor<?x?x4x2x3xf32>) dimensions = [3]
    %31 = linalg.broadcast ins(%29 : tensor<?x?x4x3xf32>) outs(%e5 : tensor<?x?x4x2x3xf32>) dimensions = [3]
    %32 = arith.mulf %Bm, %Bm : tensor<?x?x2x6xf32>
    %e6 = tensor.empty(%B, %L) : tensor<?x?x2xf32>
    %fill7 = linalg.fill ins(%c : f32) outs(%e6 : tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %33 = linalg.reduce { arith.addf } ins(%32 : tensor<?x?x2x6xf32>) outs(%fill7 : tensor<?x?x2xf32>) dimensions = [3]
    %c5 = arith.constant 6.0 : f32
    %fill8 = linalg.fill ins(%c5 : f32) outs(%e6 : tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %34 = arith.divf %33, %fill8 : tensor<?x?x2xf32>
    %c6 = arith.constant 1.0e-05 : f32
    %fill9 = linalg.fill ins(%c6 : f32) outs(%e6 : tensor<?x?x2xf32>) -> tensor<?x?x2xf32>
    %35 = arith.addf %34, %fill9 : tensor<?x?x2xf32>
    %36 = math.rsqrt %35 : tensor<?x?x2xf32>
    %e7 = tensor.empty(%B, %L) : tensor<?x?x2x6xf32>
    %37 = linalg.broadcast ins(%36 : tensor<?x?x2xf32>) outs(%e7 : tensor<?x?x2x6xf32>) dimensions = [3]
    %38 = arith.mulf %Bm, %37 : tensor<?x?x2x6xf32>
    %39 = linalg.broadcast ins(%B_norm : tensor<6xf32>) outs(%e7 : tensor<?x?x2x6xf32>) dimensions = [0, 1, 2]
    %40 = arith.mulf %38, %39 : tensor<?x?x2x6xf32>
    %e8 = tensor.empty(%B, %L) : tensor<?x?x4x2x6xf32>
    %41 = linalg.broadcast ins(%40 : tensor<?x?x2x6xf32>) outs(%e8 : tensor<?x?x4x2x6xf32>) dimensions = [2]
    %42 = linalg.broadcast ins(%B_bias : tensor<4x2x6xf32>) outs(%e8 : tensor<?x?x4x2x6xf32>) dimensions = [0, 1]
    %43 = arith.addf %41, %42 : tensor<?x?x4x2x6xf32>
    %44 = tensor.extract_slice %43[0, 0, 0, 0, 0] [%B, %L, 4, 2, 3] [1, 1, 1, 1, 1] : tensor<?x?x4x2x6xf32> to tensor<?x?x4x2x3xf32>
    %45 = tensor.extract_slice %43[0, 0, 0, 0, 3] [%B, %L, 4, 2, 3] [1, 1, 1, 1, 1] : tensor<?x?x4x2x6xf32> to tensor<?x?x4x2x3xf32>
    %46 = arith.mulf %44, %30 : tensor<?x?x4x2x3xf32>
    %47 = arith.mulf %45, %31 : tensor<?x?x4x2x3xf32>
    %48 = arith.subf %46, %47 : tensor<?x?x4x2x3xf32>
    %49 = tensor.insert_slice %48 into %e8[0, 0, 0, 0, 0] [%B, %L, 4, 2, 3] [1, 1, 1, 1, 1] : tensor<?x?x4x2x3xf32> into tensor<?x?x4x2x6xf32>
    %50 = arith.mulf %44, %31 : tensor<?x?x4x2x3xf32>
    %51 = arith.mulf %45, %30 : tensor<?x?x4x2x3xf32>
    %52 = arith.addf %50, %51 : tensor<?x?x4x2x3xf32>
    %53 = tensor.insert_slice %52 into %49[0, 0, 0, 0, 3] [%B, %L, 4, 2, 3] [1, 1, 1, 1, 1] : tensor<?x?x4x2x3xf32> into tensor<?x?x4x2x6xf32>
    %54 = arith.mulf %Cm, %Cm : tensor<?x?x2x6xf32>
    %55 = linalg.reduce { arith.addf } ins(%54 : tensor<?x?x2x6xf32>) outs(%fill7 : tensor<?x?x2xf32>) dimensions = [3]
    %56 = arith.divf %55, %fill8 : tensor<?x?x2xf32>
    %57 = arith.addf %56, %fill9 : tensor<?x?x2xf32>
    %58 = math.rsqrt %57 : tensor<?x?x2xf32>
    %59 = linalg.broadcast ins(%58 : tensor<?x?x2xf32>) outs(%e7 : tensor<?x?x2x6xf32>) dimensions = [3]
    %60 = arith.mulf %Cm, %59 : tensor<?x?x2x6xf32>
    %61 = linalg.broadcast ins(%C_norm : tensor<6xf32>) outs(%e7 : tensor<?x?x2x6xf32>) dimensions = [0, 1, 2]
    %62 = arith.mulf %60, %61 : tensor<?x?x2x6xf32>
    %63 = linalg.broadcast ins(%62 : tensor<?x?x2x6xf32>) outs(%e8 : tensor<?x?x4x2x6xf32>) dimensions = [2]
    %64 = linalg.broadcast ins(%C_bias : tensor<4x2x6xf32>) outs(%e8 : tensor<?x?x4x2x6xf32>) dimensions = [0, 1]
    %65 = arith.addf %63, %64 : tensor<?x?x4x2x6xf32>
    %66 = tensor.extract_slice %65[0, 0, 0, 0, 0] [%B, %L, 4, 2, 3] [1, 1, 1, 1, 1] : tensor<?x?x4x2x6xf32> to tensor<?x?x4x2x3xf32>
    %67 = tensor.extract_slice %65[0, 0, 0, 0, 3] [%B, %L, 4, 2, 3] [1, 1, 1, 1, 1] : tensor<?x?x4x2x6xf32> to tensor<?x?x4x2x3xf32>
    %68 = arith.mulf %66, %30 : tensor<?x?x4x2x3xf32>
    %69 = arith.mulf %67, %31 : tensor<?x?x4x2x3xf32>
    %70 = arith.subf %68, %69 : tensor<?x?x4x2x3xf32>
    %71 = tensor.insert_slice %70 into %e8[0, 0, 0, 0, 0] [%B, %L, 4, 2, 3] [1, 1, 1, 1, 1] : tensor<?x?x4x2x3xf32> into tensor<?x?x4x2x6xf32>
    %72 = arith.mulf %66, %31 : tensor<?x?x4x2x3xf32>
    %73 = arith.mulf %67, %30 : tensor<?x?x4x2x3xf32>
    %74 = arith.addf %72, %73 : tensor<?x?x4x2x3xf32>
    %75 = tensor.insert_slice %74 into %71[0, 0, 0, 0, 3] [%B, %L, 4, 2, 3] [1, 1, 1, 1, 1] : tensor<?x?x4x2x3xf32> into tensor<?x?x4x2x6xf32>
    %e9 = tensor.empty(%B, %L) : tensor<?x?x4x2x5xf32>
    %76 = linalg.broadcast ins(%x : tensor<?x?x4x5xf32>) outs(%e9 : tensor<?x?x4x2x5xf32>) dimensions = [3]
    %77 = linalg.broadcast ins(%mimo_x : tensor<4x2x5xf32>) outs(%e9 : tensor<?x?x4x2x5xf32>) dimensions = [0, 1]
    %v = arith.mulf %76, %77 : tensor<?x?x4x2x5xf32>
    %e10 = tensor.empty(%B, %L) : tensor<?x?x4x2x2x6xf32>
    %78 = linalg.broadcast ins(%75 : tensor<?x?x4x2x6xf32>) outs(%e10 : tensor<?x?x4x2x2x6xf32>) dimensions = [3]
    %79 = tensor.collapse_shape %78 [[0], [1], [2, 3, 4], [5]] : tensor<?x?x4x2x2x6xf32> into tensor<?x?x16x6xf32>
    %e11 = tensor.empty(%B, %L) : tensor<?x?x4x2x2x5xf32>
    %80 = linalg.broadcast ins(%v : tensor<?x?x4x2x5xf32>) outs(%e11 : tensor<?x?x4x2x2x5xf32>) dimensions = [4]
    %81 = tensor.collapse_shape %80 [[0], [1], [2, 3, 4], [5]] : tensor<?x?x4x2x2x5xf32> into tensor<?x?x16x5xf32>
    %e12 = tensor.empty(%B, %L) : tensor<?x?x4x2x2xf32>
    %82 = linalg.broadcast ins(%g : tensor<?x?x4xf32>) outs(%e12 : tensor<?x?x4x2x2xf32>) dimensions = [3, 4]
    %83 = tensor.collapse_shape %82 [[0], [1], [2], [3, 4]] : tensor<?x?x4x2x2xf32> into tensor<?x?x4x4xf32>
    %84 = tensor.collapse_shape %83 [[0], [1], [2, 3]] : tensor<?x?x4x4xf32> into tensor<?x?x16xf32>
    %85 = linalg.broadcast ins(%gamma : tensor<?x?x4xf32>) outs(%e8 : tensor<?x?x4x2x6xf32>) dimensions = [3, 4]
    %86 = arith.mulf %53, %85 : tensor<?x?x4x2x6xf32>
    %87 = tensor.collapse_shape %86 [[0], [1], [2, 3], [4]] : tensor<?x?x4x2x6xf32> into tensor<?x?x8x6xf32>
    %e13 = tensor.empty(%B, %L) : tensor<?x?x16x5xf32>
    %e14 = tensor.empty(%B) : tensor<?x16x6x5xf32>
    %fill10 = linalg.fill ins(%c : f32) outs(%e14 : tensor<?x16x6x5xf32>) -> tensor<?x16x6x5xf32>
    %now, %state = ssm.semiseparable
        ins(%79, %87, %81 : tensor<?x?x16x6xf32>, tensor<?x?x8x6xf32>, tensor<?x?x16x5xf32>)
        decay(%84 : tensor<?x?x16xf32>)
        outs(%e13, %fill10 : tensor<?x?x16x5xf32>, tensor<?x16x6x5xf32>) -> tensor<?x?x16x5xf32>, tensor<?x16x6x5xf32>
    %88 = tensor.extract_slice %53[0, 0, 0, 0, 0] [%B, %Lm, 4, 2, 6] [1, 1, 1, 1, 1] : tensor<?x?x4x2x6xf32> to tensor<?x?x4x2x6xf32>
    %fill11 = linalg.fill ins(%c : f32) outs(%e8 : tensor<?x?x4x2x6xf32>) -> tensor<?x?x4x2x6xf32>
    %89 = tensor.insert_slice %88 into %fill11[0, 1, 0, 0, 0] [%B, %Lm, 4, 2, 6] [1, 1, 1, 1, 1] : tensor<?x?x4x2x6xf32> into tensor<?x?x4x2x6xf32>
    %90 = tensor.extract_slice %81[0, 0, 0, 0] [%B, %Lm, 16, 5] [1, 1, 1, 1] : tensor<?x?x16x5xf32> to tensor<?x?x16x5xf32>
    %fill12 = linalg.fill ins(%c : f32) outs(%e13 : tensor<?x?x16x5xf32>) -> tensor<?x?x16x5xf32>
    %91 = tensor.insert_slice %90 into %fill12[0, 1, 0, 0] [%B, %Lm, 16, 5] [1, 1, 1, 1] : tensor<?x?x16x5xf32> into tensor<?x?x16x5xf32>
    %92 = linalg.broadcast ins(%beta : tensor<?x?x4xf32>) outs(%e8 : tensor<?x?x4x2x6xf32>) dimensions = [3, 4]
    %93 = arith.mulf %89, %92 : tensor<?x?x4x2x6xf32>
    %94 = tensor.collapse_shape %93 [[0], [1], [2, 3], [4]] : tensor<?x?x4x2x6xf32> into tensor<?x?x8x6xf32>
    %before, %state2 = ssm.semiseparable
        ins(%79, %94, %91 : tensor<?x?x16x6xf32>, tensor<?x?x8x6xf32>, tensor<?x?x16x5xf32>)
        decay(%84 : tensor<?x?x16xf32>)
        outs(%e13, %fill10 : tensor<?x?x16x5xf32>, tensor<?x16x6x5xf32>) -> tensor<?x?x16x5xf32>, tensor<?x16x6x5xf32>
    %95 = arith.addf %now, %before : tensor<?x?x16x5xf32>
    %96 = tensor.expand_shape %95 [[0], [1], [2, 3], [4]] output_shape [%B, %L, 4, 4, 5] : tensor<?x?x16x5xf32> into tensor<?x?x4x4x5xf32>
    %97 = tensor.expand_shape %96 [[0], [1], [2], [3, 4], [5]] output_shape [%B, %L, 4, 2, 2, 5] : tensor<?x?x4x4x5xf32> into tensor<?x?x4x2x2x5xf32>
    %fill13 = linalg.fill ins(%c : f32) outs(%e9 : tensor<?x?x4x2x5xf32>) -> tensor<?x?x4x2x5xf32>
    %98 = linalg.reduce { arith.addf } ins(%97 : tensor<?x?x4x2x2x5xf32>) outs(%fill13 : tensor<?x?x4x2x5xf32>) dimensions = [3]
    %99 = linalg.broadcast ins(%skip : tensor<4xf32>) outs(%e9 : tensor<?x?x4x2x5xf32>) dimensions = [0, 1, 3, 4]
    %100 = arith.mulf %v, %99 : tensor<?x?x4x2x5xf32>
    %101 = arith.addf %98, %100 : tensor<?x?x4x2x5xf32>
    %102 = linalg.broadcast ins(%z : tensor<?x?x4x5xf32>) outs(%e9 : tensor<?x?x4x2x5xf32>) dimensions = [3]
    %103 = linalg.broadcast ins(%mimo_z : tensor<4x2x5xf32>) outs(%e9 : tensor<?x?x4x2x5xf32>) dimensions = [0, 1]
    %104 = arith.mulf %102, %103 : tensor<?x?x4x2x5xf32>
    %105 = arith.negf %104 : tensor<?x?x4x2x5xf32>
    %106 = math.exp %105 : tensor<?x?x4x2x5xf32>
    %fill14 = linalg.fill ins(%c2 : f32) outs(%e9 : tensor<?x?x4x2x5xf32>) -> tensor<?x?x4x2x5xf32>
    %107 = arith.addf %106, %fill14 : tensor<?x?x4x2x5xf32>
    %108 = arith.divf %fill14, %107 : tensor<?x?x4x2x5xf32>
    %109 = arith.mulf %104, %108 : tensor<?x?x4x2x5xf32>
    %110 = arith.mulf %101, %109 : tensor<?x?x4x2x5xf32>
    %111 = linalg.broadcast ins(%mimo_o : tensor<4x2x5xf32>) outs(%e9 : tensor<?x?x4x2x5xf32>) dimensions = [0, 1]
    %112 = arith.mulf %110, %111 : tensor<?x?x4x2x5xf32>
    %e15 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %fill15 = linalg.fill ins(%c : f32) outs(%e15 : tensor<?x?x4x5xf32>) -> tensor<?x?x4x5xf32>
    %113 = linalg.reduce { arith.addf } ins(%112 : tensor<?x?x4x2x5xf32>) outs(%fill15 : tensor<?x?x4x5xf32>) dimensions = [3]
    return %113 : tensor<?x?x4x5xf32>
  }
}
