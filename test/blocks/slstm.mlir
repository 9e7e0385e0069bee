// sLSTM behind its input projection: exponential gates with a stabiliser, which
// begins at minus infinity.
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
    %c2 = arith.constant 0xFF800000 : f32
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e2 : tensor<?x5xf32>) -> tensor<?x5xf32>
    %ys, %l0, %l1, %l2, %l3 = ssm.recurrence axes[1, 1] ins(%x : tensor<?x?x20xf32>) outs(%e : tensor<?x?x5xf32>) states(%fill, %fill, %fill, %fill2 : tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>) {
    ^bb0(%xt: tensor<?x20xf32>, %s0: tensor<?x5xf32>, %s1: tensor<?x5xf32>, %s2: tensor<?x5xf32>, %s3: tensor<?x5xf32>):
      %e3 = tensor.empty(%B) : tensor<?x20xf32>
      %1 = linalg.broadcast ins(%b : tensor<20xf32>) outs(%e3 : tensor<?x20xf32>) dimensions = [0]
      %2 = linalg.matmul ins(%s0, %R : tensor<?x5xf32>, tensor<5x20xf32>) outs(%1 : tensor<?x20xf32>) -> tensor<?x20xf32>
      %3 = arith.addf %2, %xt : tensor<?x20xf32>
      %4 = tensor.extract_slice %3[0, 0] [%B, 5] [1, 1] : tensor<?x20xf32> to tensor<?x5xf32>
      %5 = tensor.extract_slice %3[0, 5] [%B, 5] [1, 1] : tensor<?x20xf32> to tensor<?x5xf32>
      %6 = tensor.extract_slice %3[0, 10] [%B, 5] [1, 1] : tensor<?x20xf32> to tensor<?x5xf32>
      %7 = tensor.extract_slice %3[0, 15] [%B, 5] [1, 1] : tensor<?x20xf32> to tensor<?x5xf32>
      %8 = arith.negf %5 : tensor<?x5xf32>
      %c3 = arith.constant 0.0 : f32
      %e4 = tensor.empty(%B) : tensor<?x5xf32>
      %fill3 = linalg.fill ins(%c3 : f32) outs(%e4 : tensor<?x5xf32>) -> tensor<?x5xf32>
      %9 = arith.maximumf %8, %fill3 : tensor<?x5xf32>
      %10 = math.absf %8 : tensor<?x5xf32>
      %11 = arith.negf %10 : tensor<?x5xf32>
      %12 = math.exp %11 : tensor<?x5xf32>
      %13 = math.log1p %12 : tensor<?x5xf32>
      %14 = arith.addf %9, %13 : tensor<?x5xf32>
      %15 = arith.negf %14 : tensor<?x5xf32>
      %16 = arith.addf %s3, %15 : tensor<?x5xf32>
      %m = arith.maximumf %4, %16 : tensor<?x5xf32>
      %17 = arith.subf %4, %m : tensor<?x5xf32>
      %18 = math.exp %17 : tensor<?x5xf32>
      %19 = arith.subf %16, %m : tensor<?x5xf32>
      %20 = math.exp %19 : tensor<?x5xf32>
      %21 = arith.mulf %20, %s1 : tensor<?x5xf32>
      %22 = math.tanh %6 : tensor<?x5xf32>
      %23 = arith.mulf %18, %22 : tensor<?x5xf32>
      %c4 = arith.addf %21, %23 : tensor<?x5xf32>
      %24 = arith.mulf %20, %s2 : tensor<?x5xf32>
      %n = arith.addf %24, %18 : tensor<?x5xf32>
      %25 = arith.negf %7 : tensor<?x5xf32>
      %26 = math.exp %25 : tensor<?x5xf32>
      %c5 = arith.constant 1.0 : f32
      %fill4 = linalg.fill ins(%c5 : f32) outs(%e4 : tensor<?x5xf32>) -> tensor<?x5xf32>
      %27 = arith.addf %26, %fill4 : tensor<?x5xf32>
      %28 = arith.divf %fill4, %27 : tensor<?x5xf32>
      %29 = arith.mulf %28, %c4 : tensor<?x5xf32>
      %h = arith.divf %29, %n : tensor<?x5xf32>
      ssm.yield %h, %c4, %n, %m, %h : tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>
    } -> tensor<?x?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?x5xf32>
    return %ys : tensor<?x?x5xf32>
  }
}
