// Caduceus: BiMamba, one scan in each direction with shared parameters, on a strand of
// DNA and on its reverse complement, which is the second half of the channels in
// reverse order. Reading a strand backwards is `reverse`, not a copy.
// RUN: %python %S/caduceus.py %s
#flip = affine_map<(b, l, d) -> (b, l, 5 - d)>
#all = affine_map<(b, l, d) -> (b, l, d)>
// INCLUDE Inputs/selective.mlir
func.func @forward(%x: tensor<?x?x12xf32>,
      %w: tensor<6x3xf32>,
      %wd: tensor<6x6xf32>,
      %bd: tensor<6xf32>,
      %wb: tensor<6x3xf32>,
      %wc: tensor<6x3xf32>,
      %A: tensor<6x3xf32>) -> (tensor<?x?x12xf32>)
    attributes {ssm.signature = {symbols = ["B", "L"],
      inputs = [
        {name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 12)>},
        {name = "w", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 3)>},
        {name = "wd", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 6)>},
        {name = "bd", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6)>},
        {name = "wb", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 3)>},
        {name = "wc", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 3)>},
        {name = "A", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (6, 3)>}],
      outputs = [
        {name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 12)>}]}} {
  %B = onnx.symbol "B"
  %L = onnx.symbol "L"
  %zero = arith.constant 0.0 : f32
  // The strand, and the other one with its channels in reverse.
  %strand = tensor.extract_slice %x[0, 0, 0] [%B, %L, 6] [1, 1, 1] : tensor<?x?x12xf32> to tensor<?x?x6xf32>
  %second = tensor.extract_slice %x[0, 0, 6] [%B, %L, 6] [1, 1, 1] : tensor<?x?x12xf32> to tensor<?x?x6xf32>
  %e = tensor.empty(%B, %L) : tensor<?x?x6xf32>
  %other = linalg.generic {indexing_maps = [#flip, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%second : tensor<?x?x6xf32>) outs(%e : tensor<?x?x6xf32>) {
    ^bb0(%a: f32, %o: f32):
      linalg.yield %a : f32
  } -> tensor<?x?x6xf32>
  %t = tensor.empty(%B) : tensor<?x2x6xf32>
  %none = linalg.fill ins(%zero : f32) outs(%t : tensor<?x2x6xf32>) -> tensor<?x2x6xf32>
  %wd_ = tensor.cast %wd : tensor<6x6xf32> to tensor<?x?xf32>
  %bd_ = tensor.cast %bd : tensor<6xf32> to tensor<?xf32>
  %wb_ = tensor.cast %wb : tensor<6x3xf32> to tensor<?x?xf32>
  %wc_ = tensor.cast %wc : tensor<6x3xf32> to tensor<?x?xf32>
  %A_ = tensor.cast %A : tensor<6x3xf32> to tensor<?x?xf32>
  %strand0c, %strand0t = ssm.short_conv activation(silu) ins(%strand, %w : tensor<?x?x6xf32>, tensor<6x3xf32>)
      outs(%e, %none : tensor<?x?x6xf32>, tensor<?x2x6xf32>) -> tensor<?x?x6xf32>, tensor<?x2x6xf32>
  %strand0x = tensor.cast %strand0c : tensor<?x?x6xf32> to tensor<?x?x?xf32>
  %strand0y = func.call @forwards(%strand0x, %wd_, %bd_, %wb_, %wc_, %A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %strand1c, %strand1t = ssm.short_conv activation(silu) reverse ins(%strand, %w : tensor<?x?x6xf32>, tensor<6x3xf32>)
      outs(%e, %none : tensor<?x?x6xf32>, tensor<?x2x6xf32>) -> tensor<?x?x6xf32>, tensor<?x2x6xf32>
  %strand1x = tensor.cast %strand1c : tensor<?x?x6xf32> to tensor<?x?x?xf32>
  %strand1y = func.call @backwards(%strand1x, %wd_, %bd_, %wb_, %wc_, %A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %strand_y = func.call @add(%strand0y, %strand1y) : (tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %strand_s = tensor.cast %strand_y : tensor<?x?x?xf32> to tensor<?x?x6xf32>
  %other0c, %other0t = ssm.short_conv activation(silu) reverse ins(%other, %w : tensor<?x?x6xf32>, tensor<6x3xf32>)
      outs(%e, %none : tensor<?x?x6xf32>, tensor<?x2x6xf32>) -> tensor<?x?x6xf32>, tensor<?x2x6xf32>
  %other0x = tensor.cast %other0c : tensor<?x?x6xf32> to tensor<?x?x?xf32>
  %other0y = func.call @backwards(%other0x, %wd_, %bd_, %wb_, %wc_, %A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %other1c, %other1t = ssm.short_conv activation(silu) ins(%other, %w : tensor<?x?x6xf32>, tensor<6x3xf32>)
      outs(%e, %none : tensor<?x?x6xf32>, tensor<?x2x6xf32>) -> tensor<?x?x6xf32>, tensor<?x2x6xf32>
  %other1x = tensor.cast %other1c : tensor<?x?x6xf32> to tensor<?x?x?xf32>
  %other1y = func.call @forwards(%other1x, %wd_, %bd_, %wb_, %wc_, %A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %other_y = func.call @add(%other0y, %other1y) : (tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %other_s = tensor.cast %other_y : tensor<?x?x?xf32> to tensor<?x?x6xf32>
  %back = linalg.generic {indexing_maps = [#flip, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%other_s : tensor<?x?x6xf32>) outs(%e : tensor<?x?x6xf32>) {
    ^bb0(%a: f32, %o: f32):
      linalg.yield %a : f32
  } -> tensor<?x?x6xf32>
  %y = tensor.concat dim(2) %strand_s, %back : (tensor<?x?x6xf32>, tensor<?x?x6xf32>) -> tensor<?x?x12xf32>
  return %y : tensor<?x?x12xf32>
}
