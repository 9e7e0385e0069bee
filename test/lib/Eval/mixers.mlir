// RUN: %python %S/mixers.py %s %t.in.npz && not ssm-eval %s --calls=@%t.in.npz --output=@%t.out.npz 2>&1 | FileCheck %s
// RUN: %python %S/mixers.py --check %t.out.npz

// Ops are evaluated at the shapes of the values, whatever their types say.
func.func @static(%a: tensor<4x2xf32>, %h0: tensor<4x2xf32>, %s0: tensor<2xf32>) -> (tensor<4x2xf32>, tensor<2xf32>) {
  %h, %s = ssm.scan dimension(0) ins(%a, %a : tensor<4x2xf32>, tensor<4x2xf32>) outs(%h0, %s0 : tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>, tensor<2xf32>
  return %h, %s : tensor<4x2xf32>, tensor<2xf32>
}

// An op in the step of another, and a value from outside.
func.func @nested(%x: tensor<3x2x2xf32>, %s0: tensor<2xf32>, %scale: tensor<f32>) -> tensor<2xf32> {
  %s = ssm.recurrence axes[0] ins(%x : tensor<3x2x2xf32>) outs() states(%s0 : tensor<2xf32>) {
  ^bb0(%xt: tensor<2x2xf32>, %s: tensor<2xf32>):
    %h, %last = ssm.scan dimension(0) ins(%xt, %xt : tensor<2x2xf32>, tensor<2x2xf32>) outs(%xt, %s : tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>, tensor<2xf32>
    %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%scale : tensor<f32>) outs(%last : tensor<2xf32>) {
    ^bb1(%a: f32, %b: f32):
      %1 = arith.mulf %a, %b : f32
      linalg.yield %1 : f32
    } -> tensor<2xf32>
    ssm.yield %0 : tensor<2xf32>
  } -> tensor<2xf32>
  return %s : tensor<2xf32>
}

// CHECK: ssm-eval: wrong.static: 'ssm.scan': extent L is 5 in 'a' but 6 in 'h'
// CHECK: rank.static: 'ssm.scan': 'state' has rank 2 instead of 1

func.func @unsupported(%x: tensor<2xf32>) -> tensor<1x2xf32> {
  // CHECK: any.unsupported: 'linalg.pack': cannot be evaluated
  %e = tensor.empty() : tensor<1x2xf32>
  %p = linalg.pack %x inner_dims_pos = [0] inner_tiles = [2] into %e : tensor<2xf32> -> tensor<1x2xf32>
  return %p : tensor<1x2xf32>
}
