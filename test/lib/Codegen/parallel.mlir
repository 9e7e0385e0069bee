// Loops large enough to be divided among threads: rows, columns, a product and
// a reduction, with numbers that a race or a wrong piece would spoil.
// RUN: %python %S/execute.py %s L=1,3,500 | FileCheck %s
// ORACLE: y = (np.tanh(x) @ np.cos(x).T).sum(0)

// CHECK: O0 {{.*}} loops 0
// CHECK: O2 {'L': 1} {{.*}} loops 0
// CHECK: O2 {'L': 500} {{.*}} loops {{[1-9]}}
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @forward(%x: tensor<?x64xf32>) -> tensor<?xf32>
    attributes {ssm.signature = {symbols = ["L"],
      inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0, 64)>}],
      outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0)>}]}} {
  %zero = arith.constant 0.0 : f32
  %L = onnx.symbol "L"
  %e = tensor.empty(%L) : tensor<?x64xf32>
  %a = linalg.tanh ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) {
    ^bb0(%v: f32, %o: f32):
      %c = math.cos %v : f32
      linalg.yield %c : f32
  } -> tensor<?x64xf32>
  %e2 = tensor.empty(%L, %L) : tensor<?x?xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%a, %b : tensor<?x64xf32>, tensor<?x64xf32>) outs(%f2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %e1 = tensor.empty(%L) : tensor<?xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
  %y = linalg.reduce ins(%p : tensor<?x?xf32>) outs(%f1 : tensor<?xf32>) dimensions = [0]
      (%in: f32, %acc: f32) {
        %s = arith.addf %in, %acc : f32
        linalg.yield %s : f32
      }
  return %y : tensor<?xf32>
}
