// Mamba-3 with one input, between its projections: rotation by a sum of steps,
// and a state fed by this token and the one before, which two mixers of one
// decay add up to.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%x: tensor<?x?x4x5xf32>,
                     %z: tensor<?x?x4x5xf32>,
                     %Bm: tensor<?x?x6xf32>,
                     %Cm: tensor<?x?x6xf32>,
                     %dd_dt: tensor<?x?x4xf32>,
                     %dd_A: tensor<?x?x4xf32>,
                     %trap: tensor<?x?x4xf32>,
                     %angle: tensor<?x?x3xf32>,
                     %dt_bias: tensor<4xf32>,
                     %B_bias: tensor<4x6xf32>,
                     %C_bias: tensor<4x6xf32>,
                     %B_norm: tensor<6xf32>,
                     %C_norm: tensor<6xf32>,
                     %skip: tensor<4xf32>)
      -> tensor<?x?x4x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4, 5)>},
                  {name = "Bm", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
                  {name = "Cm", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 6)>},
                  {name = "dd_dt", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "dd_A", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "trap", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
                  {name = "angle", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 3)>},
                  {name = "dt_bias", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                  {name = "B_bias", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 6)>},
                  {name = "C_bias", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4, 6)>},
                  {name = "B_norm", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6)>},
                  {name = "C_norm", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6)>},
                  {name = "skip", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>}],
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
    %30 = arith.mulf %Bm, %Bm : tensor<?x?x6xf32>
    %e5 = tensor.empty(%B, %L) : tensor<?x?xf32>
    %fill7 = linalg.fill ins(%c : f32) outs(%e5 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %31 = linalg.reduce { arith.addf } ins(%30 : tensor<?x?x6xf32>) outs(%fill7 : tensor<?x?xf32>) dimensions = [2]
    %c5 = arith.constant 6.0 : f32
    %fill8 = linalg.fill ins(%c5 : f32) outs(%e5 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %32 = arith.divf %31, %fill8 : tensor<?x?xf32>
    %c6 = arith.constant 1.0e-05 : f32
    %fill9 = linalg.fill ins(%c6 : f32) outs(%e5 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %33 = arith.addf %32, %fill9 : tensor<?x?xf32>
    %34 = math.rsqrt %33 : tensor<?x?xf32>
    %e6 = tensor.empty(%B, %L) : tensor<?x?x6xf32>
    %35 = linalg.broadcast ins(%34 : tensor<?x?xf32>) outs(%e6 : tensor<?x?x6xf32>) dimensions = [2]
    %36 = arith.mulf %Bm, %35 : tensor<?x?x6xf32>
    %37 = linalg.broadcast ins(%B_norm : tensor<6xf32>) outs(%e6 : tensor<?x?x6xf32>) dimensions = [0, 1]
    %38 = arith.mulf %36, %37 : tensor<?x?x6xf32>
    %e7 = tensor.empty(%B, %L) : tensor<?x?x4x6xf32>
    %39 = linalg.broadcast ins(%38 : tensor<?x?x6xf32>) outs(%e7 : tensor<?x?x4x6xf32>) dimensions = [2]
    %40 = linalg.broadcast ins(%B_bias : tensor<4x6xf32>) outs(%e7 : tensor<?x?x4x6xf32>) dimensions = [0, 1]
    %41 = arith.addf %39, %40 : tensor<?x?x4x6xf32>
    %42 = tensor.extract_slice %41[0, 0, 0, 0] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x6xf32> to tensor<?x?x4x3xf32>
    %43 = tensor.extract_slice %41[0, 0, 0, 1] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x6xf32> to tensor<?x?x4x3xf32>
    %44 = arith.mulf %42, %28 : tensor<?x?x4x3xf32>
    %45 = arith.mulf %43, %29 : tensor<?x?x4x3xf32>
    %46 = arith.subf %44, %45 : tensor<?x?x4x3xf32>
    %47 = arith.mulf %42, %29 : tensor<?x?x4x3xf32>
    %48 = arith.mulf %43, %28 : tensor<?x?x4x3xf32>
    %49 = arith.addf %47, %48 : tensor<?x?x4x3xf32>
    %50 = tensor.insert_slice %46 into %e7[0, 0, 0, 0] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x3xf32> into tensor<?x?x4x6xf32>
    %51 = tensor.insert_slice %49 into %50[0, 0, 0, 1] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x3xf32> into tensor<?x?x4x6xf32>
    %52 = arith.mulf %Cm, %Cm : tensor<?x?x6xf32>
    %53 = linalg.reduce { arith.addf } ins(%52 : tensor<?x?x6xf32>) outs(%fill7 : tensor<?x?xf32>) dimensions = [2]
    %54 = arith.divf %53, %fill8 : tensor<?x?xf32>
    %55 = arith.addf %54, %fill9 : tensor<?x?xf32>
    %56 = math.rsqrt %55 : tensor<?x?xf32>
    %57 = linalg.broadcast ins(%56 : tensor<?x?xf32>) outs(%e6 : tensor<?x?x6xf32>) dimensions = [2]
    %58 = arith.mulf %Cm, %57 : tensor<?x?x6xf32>
    %59 = linalg.broadcast ins(%C_norm : tensor<6xf32>) outs(%e6 : tensor<?x?x6xf32>) dimensions = [0, 1]
    %60 = arith.mulf %58, %59 : tensor<?x?x6xf32>
    %61 = linalg.broadcast ins(%60 : tensor<?x?x6xf32>) outs(%e7 : tensor<?x?x4x6xf32>) dimensions = [2]
    %62 = linalg.broadcast ins(%C_bias : tensor<4x6xf32>) outs(%e7 : tensor<?x?x4x6xf32>) dimensions = [0, 1]
    %63 = arith.addf %61, %62 : tensor<?x?x4x6xf32>
    %64 = tensor.extract_slice %63[0, 0, 0, 0] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x6xf32> to tensor<?x?x4x3xf32>
    %65 = tensor.extract_slice %63[0, 0, 0, 1] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x6xf32> to tensor<?x?x4x3xf32>
    %66 = arith.mulf %64, %28 : tensor<?x?x4x3xf32>
    %67 = arith.mulf %65, %29 : tensor<?x?x4x3xf32>
    %68 = arith.subf %66, %67 : tensor<?x?x4x3xf32>
    %69 = arith.mulf %64, %29 : tensor<?x?x4x3xf32>
    %70 = arith.mulf %65, %28 : tensor<?x?x4x3xf32>
    %71 = arith.addf %69, %70 : tensor<?x?x4x3xf32>
    %72 = tensor.insert_slice %68 into %e7[0, 0, 0, 0] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x3xf32> into tensor<?x?x4x6xf32>
    %73 = tensor.insert_slice %71 into %72[0, 0, 0, 1] [%B, %L, 4, 3] [1, 1, 1, 2] : tensor<?x?x4x3xf32> into tensor<?x?x4x6xf32>
    %74 = linalg.broadcast ins(%gamma : tensor<?x?x4xf32>) outs(%e7 : tensor<?x?x4x6xf32>) dimensions = [3]
    %75 = arith.mulf %51, %74 : tensor<?x?x4x6xf32>
    %e8 = tensor.empty(%B, %L) : tensor<?x?x4x5xf32>
    %e9 = tensor.empty(%B) : tensor<?x4x6x5xf32>
    %fill10 = linalg.fill ins(%c : f32) outs(%e9 : tensor<?x4x6x5xf32>) -> tensor<?x4x6x5xf32>
    %now, %state = ssm.semiseparable
        ins(%73, %75, %x : tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x4x5xf32>)
        decay(%g : tensor<?x?x4xf32>)
        outs(%e8, %fill10 : tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>
    %76 = tensor.extract_slice %51[0, 0, 0, 0] [%B, %Lm, 4, 6] [1, 1, 1, 1] : tensor<?x?x4x6xf32> to tensor<?x?x4x6xf32>
    %fill11 = linalg.fill ins(%c : f32) outs(%e7 : tensor<?x?x4x6xf32>) -> tensor<?x?x4x6xf32>
    %77 = tensor.insert_slice %76 into %fill11[0, 1, 0, 0] [%B, %Lm, 4, 6] [1, 1, 1, 1] : tensor<?x?x4x6xf32> into tensor<?x?x4x6xf32>
    %78 = tensor.extract_slice %x[0, 0, 0, 0] [%B, %Lm, 4, 5] [1, 1, 1, 1] : tensor<?x?x4x5xf32> to tensor<?x?x4x5xf32>
    %fill12 = linalg.fill ins(%c : f32) outs(%e8 : tensor<?x?x4x5xf32>) -> tensor<?x?x4x5xf32>
    %79 = tensor.insert_slice %78 into %fill12[0, 1, 0, 0] [%B, %Lm, 4, 5] [1, 1, 1, 1] : tensor<?x?x4x5xf32> into tensor<?x?x4x5xf32>
    %80 = linalg.broadcast ins(%beta : tensor<?x?x4xf32>) outs(%e7 : tensor<?x?x4x6xf32>) dimensions = [3]
    %81 = arith.mulf %77, %80 : tensor<?x?x4x6xf32>
    %before, %state2 = ssm.semiseparable
        ins(%73, %81, %79 : tensor<?x?x4x6xf32>, tensor<?x?x4x6xf32>, tensor<?x?x4x5xf32>)
        decay(%g : tensor<?x?x4xf32>)
        outs(%e8, %fill10 : tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>) -> tensor<?x?x4x5xf32>, tensor<?x4x6x5xf32>
    %82 = arith.addf %now, %before : tensor<?x?x4x5xf32>
    %83 = linalg.broadcast ins(%skip : tensor<4xf32>) outs(%e8 : tensor<?x?x4x5xf32>) dimensions = [0, 1, 3]
    %84 = arith.mulf %x, %83 : tensor<?x?x4x5xf32>
    %85 = arith.addf %82, %84 : tensor<?x?x4x5xf32>
    %86 = arith.negf %z : tensor<?x?x4x5xf32>
    %87 = math.exp %86 : tensor<?x?x4x5xf32>
    %fill13 = linalg.fill ins(%c2 : f32) outs(%e8 : tensor<?x?x4x5xf32>) -> tensor<?x?x4x5xf32>
    %88 = arith.addf %87, %fill13 : tensor<?x?x4x5xf32>
    %89 = arith.divf %fill13, %88 : tensor<?x?x4x5xf32>
    %90 = arith.mulf %z, %89 : tensor<?x?x4x5xf32>
    %91 = arith.mulf %85, %90 : tensor<?x?x4x5xf32>
    return %91 : tensor<?x?x4x5xf32>
  }
}
