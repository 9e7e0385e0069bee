// Softmax becomes one loop over rows, which needs no memory but the result's.
// RUN: ssm-opt %s --ssm-fuse-elementwise --canonicalize --cse --ssm-fuse-rows --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @softmax
// CHECK-SAME:    %[[X:.*]]: tensor<?x?xf32>
// CHECK:         scf.forall (%[[I:.*]]) in (%{{.*}}) shared_outs(%[[OUT:.*]] = %{{.*}})
// CHECK:           %[[ROW:.*]] = tensor.extract_slice %[[OUT]][%[[I]], 0]
// CHECK:           %[[E:.*]] = linalg.generic {{.*}} outs(%[[ROW]]
// CHECK:             math.exp
// CHECK-NOT:         math.exp
// CHECK:           arith.addf
// CHECK:           linalg.generic {{.*}} ins(%[[E]], {{.*}} outs(%[[E]]
// CHECK:             arith.divf
// CHECK-NOT:     linalg.generic
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @softmax(%x: tensor<?x?xf32>, %m: index, %n: index) -> tensor<?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e1 = tensor.empty(%m) : tensor<?xf32>
  %e2 = tensor.empty(%m, %n) : tensor<?x?xf32>
  %f = linalg.fill ins(%low : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
  %max = linalg.reduce { arith.maximumf } ins(%x : tensor<?x?xf32>) outs(%f : tensor<?xf32>) dimensions = [1]
  %e = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
    ^bb0(%a: f32, %r: f32, %o: f32):
      %q = arith.subf %a, %r : f32
      %w = math.exp %q : f32
      linalg.yield %w : f32
  } -> tensor<?x?xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<?x?xf32>) outs(%f1 : tensor<?xf32>) dimensions = [1]
  %p = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%e, %sum : tensor<?x?xf32>, tensor<?xf32>) outs(%e2 : tensor<?x?xf32>) {
    ^bb0(%a: f32, %r: f32, %o: f32):
      %q = arith.divf %a, %r : f32
      linalg.yield %q : f32
  } -> tensor<?x?xf32>
  return %p : tensor<?x?xf32>
}
