// GRU behind its input projection, with the reset gate after the product.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%x: tensor<?x?x15xf32>,
                     %R: tensor<5x15xf32>,
                     %b: tensor<15xf32>)
      -> tensor<?x?x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 15)>},
                  {name = "R", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5, 15)>},
                  {name = "b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (15)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %e = tensor.empty(%B, %L) : tensor<?x?x5xf32>
    %c = arith.constant 0.0 : f32
    %e2 = tensor.empty(%B) : tensor<?x5xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x5xf32>) -> tensor<?x5xf32>
    %ys, %l0 = ssm.recurrence axes[1, 1] ins(%x : tensor<?x?x15xf32>) outs(%e : tensor<?x?x5xf32>) states(%fill : tensor<?x5xf32>) {
    ^bb0(%xt: tensor<?x15xf32>, %s0: tensor<?x5xf32>):
      %e3 = tensor.empty(%B) : tensor<?x15xf32>
      %1 = linalg.broadcast ins(%b : tensor<15xf32>) outs(%e3 : tensor<?x15xf32>) dimensions = [0]
      %2 = linalg.matmul ins(%s0, %R : tensor<?x5xf32>, tensor<5x15xf32>) outs(%1 : tensor<?x15xf32>) -> tensor<?x15xf32>
      %3 = tensor.extract_slice %xt[0, 0] [%B, 5] [1, 1] : tensor<?x15xf32> to tensor<?x5xf32>
      %4 = tensor.extract_slice %2[0, 0] [%B, 5] [1, 1] : tensor<?x15xf32> to tensor<?x5xf32>
      %5 = arith.addf %3, %4 : tensor<?x5xf32>
      %6 = arith.negf %5 : tensor<?x5xf32>
      %7 = math.exp %6 : tensor<?x5xf32>
      %c2 = arith.constant 1.0 : f32
      %e4 = tensor.empty(%B) : tensor<?x5xf32>
      %fill2 = linalg.fill ins(%c2 : f32) outs(%e4 : tensor<?x5xf32>) -> tensor<?x5xf32>
      %8 = arith.addf %7, %fill2 : tensor<?x5xf32>
      %9 = arith.divf %fill2, %8 : tensor<?x5xf32>
      %10 = tensor.extract_slice %xt[0, 5] [%B, 5] [1, 1] : tensor<?x15xf32> to tensor<?x5xf32>
      %11 = tensor.extract_slice %2[0, 5] [%B, 5] [1, 1] : tensor<?x15xf32> to tensor<?x5xf32>
      %12 = arith.addf %10, %11 : tensor<?x5xf32>
      %13 = arith.negf %12 : tensor<?x5xf32>
      %14 = math.exp %13 : tensor<?x5xf32>
      %15 = arith.addf %14, %fill2 : tensor<?x5xf32>
      %16 = arith.divf %fill2, %15 : tensor<?x5xf32>
      %17 = tensor.extract_slice %xt[0, 10] [%B, 5] [1, 1] : tensor<?x15xf32> to tensor<?x5xf32>
      %18 = tensor.extract_slice %2[0, 10] [%B, 5] [1, 1] : tensor<?x15xf32> to tensor<?x5xf32>
      %19 = arith.mulf %9, %18 : tensor<?x5xf32>
      %20 = arith.addf %17, %19 : tensor<?x5xf32>
      %21 = math.tanh %20 : tensor<?x5xf32>
      %22 = arith.mulf %16, %s0 : tensor<?x5xf32>
      %23 = arith.subf %fill2, %16 : tensor<?x5xf32>
      %24 = arith.mulf %23, %21 : tensor<?x5xf32>
      %h = arith.addf %22, %24 : tensor<?x5xf32>
      ssm.yield %h, %h : tensor<?x5xf32>, tensor<?x5xf32>
    } -> tensor<?x?x5xf32>, tensor<?x5xf32>
    return %ys : tensor<?x?x5xf32>
  }
}
