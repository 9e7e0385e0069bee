// A scan stored in half precision, between casts, as an exported half-precision
// model has it; also for processors that cannot convert by themselves.
// RUN: %python %S/half.py %s
module {
  func.func @forward(%a: tensor<?x?x21xf32>, %b: tensor<?x?x21xf64>)
      -> (tensor<?x?x21xf32>, tensor<?x?x21xf32>)
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "a", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 21)>},
                  {name = "b", dtype = 11 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 21)>}],
        outputs = [{name = "bf16", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 21)>},
                   {name = "f16", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 21)>}]}} {
    %B = onnx.symbol "B"
    %L = onnx.symbol "L"
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty(%B) : tensor<?x21xf32>
    %state = linalg.fill ins(%zero : f32) outs(%e : tensor<?x21xf32>) -> tensor<?x21xf32>

    %a1 = arith.truncf %a : tensor<?x?x21xf32> to tensor<?x?x21xbf16>
    %b1 = arith.truncf %b : tensor<?x?x21xf64> to tensor<?x?x21xbf16>
    %c1 = arith.addf %b1, %a1 : tensor<?x?x21xbf16>
    %e1 = tensor.empty(%B, %L) : tensor<?x?x21xbf16>
    %h1, %last1 = ssm.scan dimension(1) ins(%a1, %c1 : tensor<?x?x21xbf16>, tensor<?x?x21xbf16>)
      outs(%e1, %state : tensor<?x?x21xbf16>, tensor<?x21xf32>) -> tensor<?x?x21xbf16>, tensor<?x21xf32>
    %y1 = arith.extf %h1 : tensor<?x?x21xbf16> to tensor<?x?x21xf32>

    %a2 = arith.truncf %a : tensor<?x?x21xf32> to tensor<?x?x21xf16>
    %b2 = arith.truncf %b : tensor<?x?x21xf64> to tensor<?x?x21xf16>
    %c2 = arith.addf %b2, %a2 : tensor<?x?x21xf16>
    %e2 = tensor.empty(%B, %L) : tensor<?x?x21xf16>
    %h2, %last2 = ssm.scan dimension(1) ins(%a2, %c2 : tensor<?x?x21xf16>, tensor<?x?x21xf16>)
      outs(%e2, %state : tensor<?x?x21xf16>, tensor<?x21xf32>) -> tensor<?x?x21xf16>, tensor<?x21xf32>
    %y2 = arith.extf %h2 : tensor<?x?x21xf16> to tensor<?x?x21xf32>
    return %y1, %y2 : tensor<?x?x21xf32>, tensor<?x?x21xf32>
  }
}
