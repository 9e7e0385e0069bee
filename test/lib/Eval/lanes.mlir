// RUN: %python %S/lanes.py %t.in.npz && ssm-eval %s --calls=@%t.in.npz --output=@%t.out.npz
// RUN: %python %S/lanes.py --check %t.out.npz

// Structured ops read and write their operands in place, more lanes than are run
// at once. What is yielded as it was read must be what was there before.
#id = affine_map<(d0, d1) -> (d0, d1)>

func.func @swapped(%a: tensor<3x300xf32>, %b: tensor<3x300xf32>) -> (tensor<3x300xf32>, tensor<3x300xf32>) {
  %r:2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} outs(%a, %b : tensor<3x300xf32>, tensor<3x300xf32>) {
  ^bb0(%x: f32, %y: f32):
    linalg.yield %y, %x : f32, f32
  } -> (tensor<3x300xf32>, tensor<3x300xf32>)
  return %r#0, %r#1 : tensor<3x300xf32>, tensor<3x300xf32>
}

func.func @before(%a: tensor<3x300xf32>, %b: tensor<3x300xf32>) -> (tensor<3x300xf32>, tensor<3x300xf32>) {
  %r:2 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<3x300xf32>) outs(%a, %b : tensor<3x300xf32>, tensor<3x300xf32>) {
  ^bb0(%x: f32, %y: f32, %s: f32):
    %0 = arith.addf %x, %s : f32
    linalg.yield %s, %0 : f32, f32
  } -> (tensor<3x300xf32>, tensor<3x300xf32>)
  return %r#0, %r#1 : tensor<3x300xf32>, tensor<3x300xf32>
}

func.func @both(%a: tensor<3x300xf32>, %b: tensor<3x300xf32>) -> (tensor<3x300xf32>, tensor<3x300xf32>) {
  %r:2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} outs(%a, %b : tensor<3x300xf32>, tensor<3x300xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.subf %x, %y : f32
    linalg.yield %0, %0 : f32, f32
  } -> (tensor<3x300xf32>, tensor<3x300xf32>)
  return %r#0, %r#1 : tensor<3x300xf32>, tensor<3x300xf32>
}

// Indices that run backwards, elements far from each other, one for all lanes.
func.func @backwards(%a: tensor<3x300xf32>, %b: tensor<300x3xf32>, %c: tensor<3xf32>) -> tensor<3x300xf32> {
  %e = tensor.empty() : tensor<3x300xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, 299 - d1)>, affine_map<(d0, d1) -> (d1, 2 - d0)>, affine_map<(d0, d1) -> (d0)>, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %b, %c : tensor<3x300xf32>, tensor<300x3xf32>, tensor<3xf32>) outs(%e : tensor<3x300xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %o: f32):
    %0 = arith.mulf %y, %z : f32
    %1 = arith.subf %x, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<3x300xf32>
  return %r : tensor<3x300xf32>
}

func.func @summed(%a: tensor<3x300xf32>, %c: tensor<3xf32>, %s: tensor<300xf32>) -> tensor<300xf32> {
  %r = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d1)>], iterator_types = ["reduction", "parallel"]} ins(%a, %c : tensor<3x300xf32>, tensor<3xf32>) outs(%s : tensor<300xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %0 = arith.mulf %x, %y : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<300xf32>
  return %r : tensor<300xf32>
}
