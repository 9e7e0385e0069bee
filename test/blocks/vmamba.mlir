// The cross-scan of VMamba: an image as four sequences, by rows and by columns, from
// the first pixel and from the last, each with parameters of its own; the sum.
// RUN: %python %S/vmamba.py %s
// INCLUDE Inputs/selective.mlir
func.func @forward(%x: tensor<?x?x?x6xf32>,
      %p0_wd: tensor<6x6xf32>,
      %p0_bd: tensor<6xf32>,
      %p0_wb: tensor<6x3xf32>,
      %p0_wc: tensor<6x3xf32>,
      %p0_A: tensor<6x3xf32>,
      %p1_wd: tensor<6x6xf32>,
      %p1_bd: tensor<6xf32>,
      %p1_wb: tensor<6x3xf32>,
      %p1_wc: tensor<6x3xf32>,
      %p1_A: tensor<6x3xf32>,
      %p2_wd: tensor<6x6xf32>,
      %p2_bd: tensor<6xf32>,
      %p2_wb: tensor<6x3xf32>,
      %p2_wc: tensor<6x3xf32>,
      %p2_A: tensor<6x3xf32>,
      %p3_wd: tensor<6x6xf32>,
      %p3_bd: tensor<6xf32>,
      %p3_wb: tensor<6x3xf32>,
      %p3_wc: tensor<6x3xf32>,
      %p3_A: tensor<6x3xf32>) -> (tensor<?x?x?x6xf32>)
    attributes {ssm.signature = {symbols = ["B", "H", "W"],
      inputs = [
        {name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (s0, s1, s2, 6)>},
        {name = "p0_wd", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 6)>},
        {name = "p0_bd", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6)>},
        {name = "p0_wb", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p0_wc", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p0_A", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p1_wd", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 6)>},
        {name = "p1_bd", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6)>},
        {name = "p1_wb", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p1_wc", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p1_A", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p2_wd", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 6)>},
        {name = "p2_bd", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6)>},
        {name = "p2_wb", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p2_wc", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p2_A", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p3_wd", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 6)>},
        {name = "p3_bd", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6)>},
        {name = "p3_wb", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p3_wc", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>},
        {name = "p3_A", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (6, 3)>}],
      outputs = [
        {name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1, s2] -> (s0, s1, s2, 6)>}]}} {
  %B = onnx.symbol "B"
  %H = onnx.symbol "H"
  %W = onnx.symbol "W"
  %rows_ = tensor.collapse_shape %x [[0], [1, 2], [3]] : tensor<?x?x?x6xf32> into tensor<?x?x6xf32>
  %turned = tensor.empty(%B, %W, %H) : tensor<?x?x?x6xf32>
  %xt = linalg.transpose ins(%x : tensor<?x?x?x6xf32>) outs(%turned : tensor<?x?x?x6xf32>) permutation = [0, 2, 1, 3]
  %columns_ = tensor.collapse_shape %xt [[0], [1, 2], [3]] : tensor<?x?x?x6xf32> into tensor<?x?x6xf32>
  %rows = tensor.cast %rows_ : tensor<?x?x6xf32> to tensor<?x?x?xf32>
  %columns = tensor.cast %columns_ : tensor<?x?x6xf32> to tensor<?x?x?xf32>
  %p0_wd_ = tensor.cast %p0_wd : tensor<6x6xf32> to tensor<?x?xf32>
  %p0_bd_ = tensor.cast %p0_bd : tensor<6xf32> to tensor<?xf32>
  %p0_wb_ = tensor.cast %p0_wb : tensor<6x3xf32> to tensor<?x?xf32>
  %p0_wc_ = tensor.cast %p0_wc : tensor<6x3xf32> to tensor<?x?xf32>
  %p0_A_ = tensor.cast %p0_A : tensor<6x3xf32> to tensor<?x?xf32>
  %p1_wd_ = tensor.cast %p1_wd : tensor<6x6xf32> to tensor<?x?xf32>
  %p1_bd_ = tensor.cast %p1_bd : tensor<6xf32> to tensor<?xf32>
  %p1_wb_ = tensor.cast %p1_wb : tensor<6x3xf32> to tensor<?x?xf32>
  %p1_wc_ = tensor.cast %p1_wc : tensor<6x3xf32> to tensor<?x?xf32>
  %p1_A_ = tensor.cast %p1_A : tensor<6x3xf32> to tensor<?x?xf32>
  %p2_wd_ = tensor.cast %p2_wd : tensor<6x6xf32> to tensor<?x?xf32>
  %p2_bd_ = tensor.cast %p2_bd : tensor<6xf32> to tensor<?xf32>
  %p2_wb_ = tensor.cast %p2_wb : tensor<6x3xf32> to tensor<?x?xf32>
  %p2_wc_ = tensor.cast %p2_wc : tensor<6x3xf32> to tensor<?x?xf32>
  %p2_A_ = tensor.cast %p2_A : tensor<6x3xf32> to tensor<?x?xf32>
  %p3_wd_ = tensor.cast %p3_wd : tensor<6x6xf32> to tensor<?x?xf32>
  %p3_bd_ = tensor.cast %p3_bd : tensor<6xf32> to tensor<?xf32>
  %p3_wb_ = tensor.cast %p3_wb : tensor<6x3xf32> to tensor<?x?xf32>
  %p3_wc_ = tensor.cast %p3_wc : tensor<6x3xf32> to tensor<?x?xf32>
  %p3_A_ = tensor.cast %p3_A : tensor<6x3xf32> to tensor<?x?xf32>
  %y0 = func.call @forwards(%rows, %p0_wd_, %p0_bd_, %p0_wb_, %p0_wc_, %p0_A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %y1 = func.call @forwards(%columns, %p1_wd_, %p1_bd_, %p1_wb_, %p1_wc_, %p1_A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %y2 = func.call @backwards(%rows, %p2_wd_, %p2_bd_, %p2_wb_, %p2_wc_, %p2_A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %y3 = func.call @backwards(%columns, %p3_wd_, %p3_bd_, %p3_wb_, %p3_wc_, %p3_A_) : (tensor<?x?x?xf32>, tensor<?x?xf32>, tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?x?xf32>
  %of_rows = func.call @add(%y0, %y2) : (tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %of_columns = func.call @add(%y1, %y3) : (tensor<?x?x?xf32>, tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %r = tensor.cast %of_rows : tensor<?x?x?xf32> to tensor<?x?x6xf32>
  %c = tensor.cast %of_columns : tensor<?x?x?xf32> to tensor<?x?x6xf32>
  %r4 = tensor.expand_shape %r [[0], [1, 2], [3]] output_shape [%B, %H, %W, 6] : tensor<?x?x6xf32> into tensor<?x?x?x6xf32>
  %c4 = tensor.expand_shape %c [[0], [1, 2], [3]] output_shape [%B, %W, %H, 6] : tensor<?x?x6xf32> into tensor<?x?x?x6xf32>
  %e = tensor.empty(%B, %H, %W) : tensor<?x?x?x6xf32>
  %back = linalg.transpose ins(%c4 : tensor<?x?x?x6xf32>) outs(%e : tensor<?x?x?x6xf32>) permutation = [0, 2, 1, 3]
  %y = linalg.add ins(%r4, %back : tensor<?x?x?x6xf32>, tensor<?x?x?x6xf32>) outs(%e : tensor<?x?x?x6xf32>) -> tensor<?x?x?x6xf32>
  return %y : tensor<?x?x?x6xf32>
}
