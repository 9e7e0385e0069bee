// MambaMixer: a scan along the tokens, then one along the channels in both
// directions, whose features are the tokens; so their number is fixed.
// RUN: %python %S/mamba_mixer.py %s
// INCLUDE Inputs/selective.mlir
func.func @forward(%x: tensor<?x5x6xf32>,
      %t_wd: tensor<6x6xf32>,
      %t_bd: tensor<6xf32>,
      %t_wb: tensor<6x3xf32>,
      %t_wc: tensor<6x3xf32>,
      %t_A: tensor<6x3xf32>,
      %f_wd: tensor<5x5xf32>,
      %f_bd: tensor<5xf32>,
      %f_wb: tensor<5x3xf32>,
      %f_wc: tensor<5x3xf32>,
      %f_A: tensor<5x3xf32>,
      %b_wd: tensor<5x5xf32>,
      %b_bd: tensor<5xf32>,
      %b_wb: tensor<5x3xf32>,
      %b_wc: tensor<5x3xf32>,
      %b_A: tensor<5x3xf32>) -> (tensor<?x5x6xf32>)
    attributes {ssm.signature = {symbols = ["B"],
      inputs = [
        {name = "x", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0, 5, 6)>},
        {name = "t_wd", dtype = 1 : i64, dims = affine_map<()[s0] -> (6, 6)>},
        {name = "t_bd", dtype = 1 : i64, dims = affine_map<()[s0] -> (6)>},
        {name = "t_wb", dtype = 1 : i64, dims = affine_map<()[s0] -> (6, 3)>},
        {name = "t_wc", dtype = 1 : i64, dims = affine_map<()[s0] -> (6, 3)>},
        {name = "t_A", dtype = 1 : i64, dims = affine_map<()[s0] -> (6, 3)>},
        {name = "f_wd", dtype = 1 : i64, dims = affine_map<()[s0] -> (5, 5)>},
        {name = "f_bd", dtype = 1 : i64, dims = affine_map<()[s0] -> (5)>},
        {name = "f_wb", dtype = 1 : i64, dims = affine_map<()[s0] -> (5, 3)>},
        {name = "f_wc", dtype = 1 : i64, dims = affine_map<()[s0] -> (5, 3)>},
        {name = "f_A", dtype = 1 : i64, dims = affine_map<()[s0] -> (5, 3)>},
        {name = "b_wd", dtype = 1 : i64, dims = affine_map<()[s0] -> (5, 5)>},
        {name = "b_bd", dtype = 1 : i64, dims = affine_map<()[s0] -> (5)>},
        {name = "b_wb", dtype = 1 : i64, dims = affine_map<()[s0] -> (5, 3)>},
        {name = "b_wc", dtype = 1 : i64, dims = affine_map<()[s0] -> (5, 3)>},
        {name = "b_A", dtype = 1 : i64, dims = affine_map<()[s0] -> (5, 3)>}],
      outputs = [
        {name = "y", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0, 5, 6)>}]}} {
  %B = onnx.symbol "B"
  %x_ = tensor.cast %x : tensor<?x5x6xf32> to tensor<?x?x?xf32>
  %t_wd_ = tensor.cast %t_wd : tensor<6x6xf32> to tensor<?x?xf32>
  %t_bd_ = tensor.cast %t_bd : tensor<6xf32> to tensor<?xf32>
  %t_wb_ = tensor.cast %t_wb : tensor<6x3xf32> to tensor<?x?xf32>
  %t_wc_ = tensor.cast %t_wc : tensor<6x3xf32> to tensor<?x?xf32>
  %t_A_ = tensor.cast %t_A : tensor<6x3xf32> to tensor<?x?xf32>
  %f_wd_ = tensor.cast %f_wd : tensor<5x5xf32> to tensor<?x?xf32>
  %f_bd_ = tensor.cast %f_bd : tensor<5xf32> to tensor<?xf32>
  %f_wb_ = tensor.cast %f_wb : tensor<5x3xf32> to tensor<?x?xf32>
  %f_wc_ = tensor.cast %f_wc : tensor<5x3xf32> to tensor<?x?xf32>
  %f_A_ = tensor.cast %f_A : tensor<5x3xf32> to tensor<?x?xf32>
  %b_wd_ = tensor.cast %b_wd : tensor<5x5xf32> to tensor<?x?xf32>
  %b_bd_ = tensor.cast %b_bd : tensor<5xf32> to tensor<?xf32>
  %b_wb_ = tensor.cast %b_wb : tensor<5x3xf32> to tensor<?x?xf32>
  %b_wc_ = tensor.cast %b_wc : tensor<5x3xf32> to tensor<?x?xf32>
  %b_A_ = tensor.cast %b_A : tensor<5x3xf32> to tensor<?x?xf32>
  %tokens = func.call @forwards(%x_, %t_wd_, %t_bd_, %t_wb_, %t_wc_, %t_A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %mixed = func.call @add(%x_, %tokens) : (tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %static = tensor.cast %mixed : tensor<?x?x?xf32> to tensor<?x5x6xf32>
  %e = tensor.empty(%B) : tensor<?x6x5xf32>
  %turned = linalg.transpose ins(%static : tensor<?x5x6xf32>) outs(%e : tensor<?x6x5xf32>) permutation = [0, 2, 1]
  %channels = tensor.cast %turned : tensor<?x6x5xf32> to tensor<?x?x?xf32>
  %up = func.call @forwards(%channels, %f_wd_, %f_bd_, %f_wb_, %f_wc_, %f_A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %down = func.call @backwards(%channels, %b_wd_, %b_bd_, %b_wb_, %b_wc_, %b_A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %both = func.call @add(%up, %down) : (tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %b3 = tensor.cast %both : tensor<?x?x?xf32> to tensor<?x6x5xf32>
  %f = tensor.empty(%B) : tensor<?x5x6xf32>
  %back = linalg.transpose ins(%b3 : tensor<?x6x5xf32>) outs(%f : tensor<?x5x6xf32>) permutation = [0, 2, 1]
  %y = linalg.add ins(%static, %back : tensor<?x5x6xf32>, tensor<?x5x6xf32>) outs(%f : tensor<?x5x6xf32>) -> tensor<?x5x6xf32>
  return %y : tensor<?x5x6xf32>
}
