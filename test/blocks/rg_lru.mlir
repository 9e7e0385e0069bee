// RG-LRU behind its gates' products: an elementwise scan whose decay is zero
// where a document begins, and whose input keeps the state's size.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%x: tensor<?x?x7xf32>,
                     %r: tensor<?x?x7xf32>,
                     %i: tensor<?x?x7xf32>,
                     %resets: tensor<?x?xi1>,
                     %a_param: tensor<7xf32>)
      -> tensor<?x?x7xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 7)>},
                  {name = "r", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 7)>},
                  {name = "i", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 7)>},
                  {name = "resets", dtype = 9 : i64, dims = affine_map<()[s0, s1] -> (s0, s1)>},
                  {name = "a_param", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (7)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 7)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %1 = arith.negf %r : tensor<?x?x7xf32>
    %2 = math.exp %1 : tensor<?x?x7xf32>
    %c = arith.constant 1.0 : f32
    %e = tensor.empty(%B, %L) : tensor<?x?x7xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x7xf32>) -> tensor<?x?x7xf32>
    %3 = arith.addf %2, %fill : tensor<?x?x7xf32>
    %4 = arith.divf %fill, %3 : tensor<?x?x7xf32>
    %c2 = arith.constant -8.0 : f32
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e : tensor<?x?x7xf32>) -> tensor<?x?x7xf32>
    %5 = arith.mulf %4, %fill2 : tensor<?x?x7xf32>
    %c3 = arith.constant 0.0 : f32
    %e2 = tensor.empty() : tensor<7xf32>
    %fill3 = linalg.fill ins(%c3 : f32) outs(%e2 : tensor<7xf32>) -> tensor<7xf32>
    %6 = arith.maximumf %a_param, %fill3 : tensor<7xf32>
    %7 = math.absf %a_param : tensor<7xf32>
    %8 = arith.negf %7 : tensor<7xf32>
    %9 = math.exp %8 : tensor<7xf32>
    %10 = math.log1p %9 : tensor<7xf32>
    %11 = arith.addf %6, %10 : tensor<7xf32>
    %12 = linalg.broadcast ins(%11 : tensor<7xf32>) outs(%e : tensor<?x?x7xf32>) dimensions = [0, 1]
    %log_a = arith.mulf %5, %12 : tensor<?x?x7xf32>
    %c4 = arith.constant 2.0 : f32
    %fill4 = linalg.fill ins(%c4 : f32) outs(%e : tensor<?x?x7xf32>) -> tensor<?x?x7xf32>
    %13 = arith.mulf %log_a, %fill4 : tensor<?x?x7xf32>
    %14 = math.expm1 %13 : tensor<?x?x7xf32>
    %15 = arith.negf %14 : tensor<?x?x7xf32>
    %16 = math.sqrt %15 : tensor<?x?x7xf32>
    %e3 = tensor.empty(%B, %L) : tensor<?x?x7xi1>
    %17 = linalg.broadcast ins(%resets : tensor<?x?xi1>) outs(%e3 : tensor<?x?x7xi1>) dimensions = [2]
    %18 = arith.select %17, %fill, %16 : tensor<?x?x7xi1>, tensor<?x?x7xf32>
    %fill5 = linalg.fill ins(%c3 : f32) outs(%e : tensor<?x?x7xf32>) -> tensor<?x?x7xf32>
    %19 = math.exp %log_a : tensor<?x?x7xf32>
    %20 = arith.select %17, %fill5, %19 : tensor<?x?x7xi1>, tensor<?x?x7xf32>
    %21 = arith.negf %i : tensor<?x?x7xf32>
    %22 = math.exp %21 : tensor<?x?x7xf32>
    %23 = arith.addf %22, %fill : tensor<?x?x7xf32>
    %24 = arith.divf %fill, %23 : tensor<?x?x7xf32>
    %25 = arith.mulf %18, %24 : tensor<?x?x7xf32>
    %26 = arith.mulf %25, %x : tensor<?x?x7xf32>
    %e4 = tensor.empty(%B) : tensor<?x7xf32>
    %fill6 = linalg.fill ins(%c3 : f32) outs(%e4 : tensor<?x7xf32>) -> tensor<?x7xf32>
    %h, %last = ssm.scan dimension(1)
        ins(%20, %26 : tensor<?x?x7xf32>, tensor<?x?x7xf32>)
        outs(%e, %fill6 : tensor<?x?x7xf32>, tensor<?x7xf32>) -> tensor<?x?x7xf32>, tensor<?x7xf32>
    return %h : tensor<?x?x7xf32>
  }
}
