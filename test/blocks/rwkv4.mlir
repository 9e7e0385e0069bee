// RWKV-4 time mixing between its projections: a weighted mean of all values so
// far, in logarithms lest the weights overflow; the token itself counts by its
// own weight.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%r: tensor<?x?x7xf32>,
                     %k: tensor<?x?x7xf32>,
                     %v: tensor<?x?x7xf32>,
                     %decay: tensor<7xf32>,
                     %first: tensor<7xf32>)
      -> tensor<?x?x7xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "r", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 7)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 7)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 7)>},
                  {name = "decay", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (7)>},
                  {name = "first", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (7)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 7)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %one = arith.constant 1 : index
    %Lm = arith.subi %L, %one : index
    %1 = math.exp %decay : tensor<7xf32>
    %2 = arith.negf %1 : tensor<7xf32>
    %e = tensor.empty(%B, %L) : tensor<?x?x7xf32>
    %3 = linalg.broadcast ins(%2 : tensor<7xf32>) outs(%e : tensor<?x?x7xf32>) dimensions = [0, 1]
    %c = arith.constant 1.0 : f32
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<?x?x7xf32>) -> tensor<?x?x7xf32>
    %c2 = arith.constant 0.0 : f32
    %e2 = tensor.empty(%B) : tensor<?x7xf32>
    %fill2 = linalg.fill ins(%c2 : f32) outs(%e2 : tensor<?x7xf32>) -> tensor<?x7xf32>
    %c3 = arith.constant 0xFF800000 : f32
    %fill3 = linalg.fill ins(%c3 : f32) outs(%e2 : tensor<?x7xf32>) -> tensor<?x7xf32>
    %f, %m, %n, %d, %fl, %ml, %nl, %dl = ssm.associative_scan axes[1, 1, 1, 1] ins(%3, %k, %v, %fill : tensor<?x?x7xf32>, tensor<?x?x7xf32>, tensor<?x?x7xf32>, tensor<?x?x7xf32>)
        outs(%e, %e, %e, %e : tensor<?x?x7xf32>, tensor<?x?x7xf32>, tensor<?x?x7xf32>, tensor<?x?x7xf32>) states(%fill2, %fill3, %fill2, %fill2 : tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>) {
    ^bb0(%f0: tensor<?x7xf32>, %m0: tensor<?x7xf32>, %n0: tensor<?x7xf32>, %d0: tensor<?x7xf32>, %f1: tensor<?x7xf32>, %m1: tensor<?x7xf32>, %n1: tensor<?x7xf32>, %d1: tensor<?x7xf32>):
      %fs = arith.addf %f0, %f1 : tensor<?x7xf32>
      %moved = arith.addf %m0, %f1 : tensor<?x7xf32>
      %top = arith.maximumf %moved, %m1 : tensor<?x7xf32>
      %x0 = arith.subf %moved, %top : tensor<?x7xf32>
      %x1 = arith.subf %m1, %top : tensor<?x7xf32>
      %e0 = math.exp %x0 : tensor<?x7xf32>
      %e1 = math.exp %x1 : tensor<?x7xf32>
      %p0 = arith.mulf %n0, %e0 : tensor<?x7xf32>
      %p1 = arith.mulf %n1, %e1 : tensor<?x7xf32>
      %ns = arith.addf %p0, %p1 : tensor<?x7xf32>
      %q0 = arith.mulf %d0, %e0 : tensor<?x7xf32>
      %q1 = arith.mulf %d1, %e1 : tensor<?x7xf32>
      %ds = arith.addf %q0, %q1 : tensor<?x7xf32>
      ssm.yield %fs, %top, %ns, %ds : tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>
    } -> tensor<?x?x7xf32>, tensor<?x?x7xf32>, tensor<?x?x7xf32>, tensor<?x?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>, tensor<?x7xf32>
    %4 = tensor.extract_slice %m[0, 0, 0] [%B, %Lm, 7] [1, 1, 1] : tensor<?x?x7xf32> to tensor<?x?x7xf32>
    %fill4 = linalg.fill ins(%c3 : f32) outs(%e : tensor<?x?x7xf32>) -> tensor<?x?x7xf32>
    %5 = tensor.insert_slice %4 into %fill4[0, 1, 0] [%B, %Lm, 7] [1, 1, 1] : tensor<?x?x7xf32> into tensor<?x?x7xf32>
    %6 = linalg.broadcast ins(%first : tensor<7xf32>) outs(%e : tensor<?x?x7xf32>) dimensions = [0, 1]
    %7 = arith.addf %k, %6 : tensor<?x?x7xf32>
    %8 = arith.maximumf %5, %7 : tensor<?x?x7xf32>
    %9 = arith.subf %5, %8 : tensor<?x?x7xf32>
    %10 = math.exp %9 : tensor<?x?x7xf32>
    %11 = arith.subf %7, %8 : tensor<?x?x7xf32>
    %12 = math.exp %11 : tensor<?x?x7xf32>
    %13 = tensor.extract_slice %n[0, 0, 0] [%B, %Lm, 7] [1, 1, 1] : tensor<?x?x7xf32> to tensor<?x?x7xf32>
    %fill5 = linalg.fill ins(%c2 : f32) outs(%e : tensor<?x?x7xf32>) -> tensor<?x?x7xf32>
    %14 = tensor.insert_slice %13 into %fill5[0, 1, 0] [%B, %Lm, 7] [1, 1, 1] : tensor<?x?x7xf32> into tensor<?x?x7xf32>
    %15 = arith.mulf %14, %10 : tensor<?x?x7xf32>
    %16 = arith.mulf %v, %12 : tensor<?x?x7xf32>
    %17 = arith.addf %15, %16 : tensor<?x?x7xf32>
    %18 = tensor.extract_slice %d[0, 0, 0] [%B, %Lm, 7] [1, 1, 1] : tensor<?x?x7xf32> to tensor<?x?x7xf32>
    %19 = tensor.insert_slice %18 into %fill5[0, 1, 0] [%B, %Lm, 7] [1, 1, 1] : tensor<?x?x7xf32> into tensor<?x?x7xf32>
    %20 = arith.mulf %19, %10 : tensor<?x?x7xf32>
    %21 = arith.addf %20, %12 : tensor<?x?x7xf32>
    %22 = arith.negf %r : tensor<?x?x7xf32>
    %23 = math.exp %22 : tensor<?x?x7xf32>
    %24 = arith.addf %23, %fill : tensor<?x?x7xf32>
    %25 = arith.divf %fill, %24 : tensor<?x?x7xf32>
    %26 = arith.divf %17, %21 : tensor<?x?x7xf32>
    %27 = arith.mulf %25, %26 : tensor<?x?x7xf32>
    return %27 : tensor<?x?x7xf32>
  }
}
