// Exponential moving average of every channel.
// RUN: %python %S/mixer.py %s
module {
  func.func @forward(%x: tensor<?x?x7xf32>,
                     %alpha: tensor<7xf32>)
      -> tensor<?x?x7xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 7)>},
                  {name = "alpha", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (7)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 7)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %1 = arith.negf %alpha : tensor<7xf32>
    %2 = math.exp %1 : tensor<7xf32>
    %c = arith.constant 1.0 : f32
    %e = tensor.empty() : tensor<7xf32>
    %fill = linalg.fill ins(%c : f32) outs(%e : tensor<7xf32>) -> tensor<7xf32>
    %3 = arith.addf %2, %fill : tensor<7xf32>
    %4 = arith.divf %fill, %3 : tensor<7xf32>
    %e2 = tensor.empty(%B, %L) : tensor<?x?x7xf32>
    %5 = linalg.broadcast ins(%4 : tensor<7xf32>) outs(%e2 : tensor<?x?x7xf32>) dimensions = [0, 1]
    %fill2 = linalg.fill ins(%c : f32) outs(%e2 : tensor<?x?x7xf32>) -> tensor<?x?x7xf32>
    %6 = arith.subf %fill2, %5 : tensor<?x?x7xf32>
    %7 = arith.mulf %5, %x : tensor<?x?x7xf32>
    %c2 = arith.constant 0.0 : f32
    %e3 = tensor.empty(%B) : tensor<?x7xf32>
    %fill3 = linalg.fill ins(%c2 : f32) outs(%e3 : tensor<?x7xf32>) -> tensor<?x7xf32>
    %h, %last = ssm.scan dimension(1)
        ins(%6, %7 : tensor<?x?x7xf32>, tensor<?x?x7xf32>)
        outs(%e2, %fill3 : tensor<?x?x7xf32>, tensor<?x7xf32>) -> tensor<?x?x7xf32>, tensor<?x7xf32>
    return %h : tensor<?x?x7xf32>
  }
}
