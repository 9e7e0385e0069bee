// One query over a cache of L, of 16 heads on eight key heads with sinks: from
// tensors to numbers. 256 keys are a part, so that the longest has four, and the
// outputs do not depend on the number of threads.
// RUN: %python %S/execute.py %s L=0,1,65,1300 --rtol=1e-4
// RUN: ssmc %s -o %t.so
// RUN: ssm-run %t.so --threads=1 --input=q=random --input=k=random --input=v=random --input=sinks=random --dim=L=1300 --output=@%t.1.npz
// RUN: ssm-run %t.so --threads=3 --input=q=random --input=k=random --input=v=random --input=sinks=random --dim=L=1300 --output=@%t.3.npz
// RUN: cmp %t.1.npz %t.3.npz
// ORACLE: s = np.einsum("bhn,bjhn->bhj", q[:, 0], np.repeat(k, 2, 2)) / 8
// ORACLE: seen = np.arange(L) >= L - 801
// ORACLE: e, sink = np.where(seen, np.exp(s), 0), np.exp(sinks)
// ORACLE: total = e.sum(2) + sink
// ORACLE: y = np.einsum("bhj,bjhp->bhp", e / total[..., None], np.repeat(v, 2, 2))[:, None]
// ORACLE: weight = total[:, None]
module {
  func.func @forward(%q: tensor<2x1x16x64xf32> {onnx.name = "q"}, %k: tensor<2x?x8x64xf32> {onnx.name = "k"},
                     %v: tensor<2x?x8x48xf32> {onnx.name = "v"}, %sinks: tensor<16xf32> {onnx.name = "sinks"})
      -> (tensor<2x1x16x48xf32> {onnx.name = "y"}, tensor<2x1x16xf32> {onnx.name = "weight"})
      attributes {ssm.signature = {symbols = ["L"],
        inputs = [{name = "q", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, 1, 16, 64)>},
                  {name = "k", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 8, 64)>},
                  {name = "v", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, s0, 8, 48)>},
                  {name = "sinks", dtype = 1 : i64, dims = affine_map<()[s0] -> (16)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, 1, 16, 48)>},
                   {name = "weight", dtype = 1 : i64, dims = affine_map<()[s0] -> (2, 1, 16)>}]}} {
    %y0 = tensor.empty() : tensor<2x1x16x48xf32>
    %l0 = tensor.empty() : tensor<2x1x16xf32>
    %y, %lse = ssm.attention left(800) right(0)
        ins(%q, %k, %v : tensor<2x1x16x64xf32>, tensor<2x?x8x64xf32>, tensor<2x?x8x48xf32>)
        sinks(%sinks : tensor<16xf32>)
        outs(%y0, %l0 : tensor<2x1x16x48xf32>, tensor<2x1x16xf32>) -> tensor<2x1x16x48xf32>, tensor<2x1x16xf32>
    %w = linalg.exp ins(%lse : tensor<2x1x16xf32>) outs(%l0 : tensor<2x1x16xf32>) -> tensor<2x1x16xf32>
    return %y, %w : tensor<2x1x16x48xf32>, tensor<2x1x16xf32>
  }
}
