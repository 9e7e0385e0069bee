// RUN: ssm-opt %s --ssm-relax-math | FileCheck %s

// CHECK-LABEL: func.func @dot
// CHECK:         arith.mulf %{{.*}}, %{{.*}} fastmath<contract>
// CHECK:         arith.addf %{{.*}}, %{{.*}} fastmath<reassoc,contract>
// CHECK-LABEL: func.func @outside
// CHECK:         arith.addf %{{.*}}, %{{.*}} fastmath<contract>
func.func @dot(%x: tensor<8xf32>, %y: tensor<8xf32>, %o: tensor<f32>) -> tensor<f32> {
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%x, %y : tensor<8xf32>, tensor<8xf32>) outs(%o : tensor<f32>) {
    ^bb0(%a: f32, %b: f32, %s: f32):
      %m = arith.mulf %a, %b : f32
      %t = arith.addf %s, %m : f32
      linalg.yield %t : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}
func.func @outside(%a: f32, %b: f32) -> f32 {
  %t = arith.addf %a, %b : f32
  return %t : f32
}
