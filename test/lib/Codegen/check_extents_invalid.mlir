// A map whose bounds are not known over all iterations cannot be checked.
// RUN: ssm-opt %s --ssm-check-extents -verify-diagnostics

func.func @both(%x: tensor<?xf32>, %z: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error@+1 {{reads along an extent that is known only when the model runs, at places that cannot be checked: affine_map<(d0) -> (d0 - (d0 floordiv 4) * 3)>}}
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0 - (d0 floordiv 4) * 3)>, affine_map<(d0) -> (d0)>],
                       iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%z : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}
