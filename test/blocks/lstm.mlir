// LSTM behind its input projection, as a recurrence.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%x: tensor<?x?x20xf32>,
                     %R: tensor<5x20xf32>,
                     %b: tensor<20xf32>)
      -> tensor<?x?x5xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 20)>},
                  {name = "R", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (5, 20)>},
                  {name = "b", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (20)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 5)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %e = tensor.empty(%B, %L) : tensor<?x?x5xf32>
    %c = arith.constant 0.0 : f32
    %e2 = tensor.empty(%B) : tensor<?x5xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x5xf32>) -> tensor<?x5xf32>
    %ys, %l0, %l1 = ssm.recurrence axes[1, 1] ins(%x : tensor<?x?x20xf32>) outs(%e : tensor<?x?x5xf32>) states(%fill, %fill : tensor<?x5xf32>, tensor<?x5xf32>) {
    ^bb0(%xt: tensor<?x20xf32>, %s0: tensor<?x5xf32>, %s1: tensor<?x5xf32>):
      %e3 = tensor.empty(%B) : tensor<?x20xf32>
      %1 = linalg.broadcast ins(%b : tensor<20xf32>) outs(%e3 : tensor<?x20xf32>) dimensions = [0]
      %2 = linalg.matmul ins(%s0, %R : tensor<?x5xf32>, tensor<5x20xf32>) outs(%1 : tensor<?x20xf32>) -> tensor<?x20xf32>
      %3 = arith.addf %2, %xt : tensor<?x20xf32>
      %4 = tensor.extract_slice %3[0, 0] [%B, 5] [1, 1] : tensor<?x20xf32> to tensor<?x5xf32>
      %5 = tensor.extract_slice %3[0, 5] [%B, 5] [1, 1] : tensor<?x20xf32> to tensor<?x5xf32>
      %6 = tensor.extract_slice %3[0, 10] [%B, 5] [1, 1] : tensor<?x20xf32> to tensor<?x5xf32>
      %7 = tensor.extract_slice %3[0, 15] [%B, 5] [1, 1] : tensor<?x20xf32> to tensor<?x5xf32>
      %8 = arith.negf %5 : tensor<?x5xf32>
      %9 = math.exp %8 : tensor<?x5xf32>
      %c2 = arith.constant 1.0 : f32
      %e4 = tensor.empty(%B) : tensor<?x5xf32>
      %fill2 = linalg.fill ins(%c2 : f32) outs(%e4 : tensor<?x5xf32>) -> tensor<?x5xf32>
      %10 = arith.addf %9, %fill2 : tensor<?x5xf32>
      %11 = arith.divf %fill2, %10 : tensor<?x5xf32>
      %12 = arith.mulf %11, %s1 : tensor<?x5xf32>
      %13 = arith.negf %4 : tensor<?x5xf32>
      %14 = math.exp %13 : tensor<?x5xf32>
      %15 = arith.addf %14, %fill2 : tensor<?x5xf32>
      %16 = arith.divf %fill2, %15 : tensor<?x5xf32>
      %17 = math.tanh %6 : tensor<?x5xf32>
      %18 = arith.mulf %16, %17 : tensor<?x5xf32>
      %c3 = arith.addf %12, %18 : tensor<?x5xf32>
      %19 = arith.negf %7 : tensor<?x5xf32>
      %20 = math.exp %19 : tensor<?x5xf32>
      %21 = arith.addf %20, %fill2 : tensor<?x5xf32>
      %22 = arith.divf %fill2, %21 : tensor<?x5xf32>
      %23 = math.tanh %c3 : tensor<?x5xf32>
      %h = arith.mulf %22, %23 : tensor<?x5xf32>
      ssm.yield %h, %c3, %h : tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>
    } -> tensor<?x?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>
    return %ys : tensor<?x?x5xf32>
  }
}
