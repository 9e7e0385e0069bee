// RUN: ssm-opt %s --ssm-join-scales --canonicalize --cse | FileCheck %s

!q = tensor<?x?x1x128xbf16>
!v = tensor<?x?x64x64xbf16>
!dt = tensor<?x?x64xbf16>
!s = tensor<?x64x128x64xf32>
#all = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#unit = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#token = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#head = affine_map<(d0, d1, d2, d3) -> (d2)>
#mixed = affine_map<(d0, d1, d2, d3) -> (d0, d2, d1)>

// As exporters write it: dt with a dimension of one element, D repeated.
// CHECK-LABEL: func @mamba2
//  CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x?x64x64xbf16>, %[[DT:[a-z0-9]+]]: tensor<?x?x64xbf16>, %[[D:[a-z0-9]+]]: tensor<64x1xbf16>
//       CHECK: %[[SKIP:.*]] = tensor.extract_slice %[[D]][0, 0] [64, 1] [1, 1] : tensor<64x1xbf16> to tensor<64xbf16>
//       CHECK: %[[R:.*]]:2 = ssm.semiseparable ins(%{{.*}}, %{{.*}}, %[[X]] :
//  CHECK-SAME: decay(%{{.*}}) scale(%[[DT]] : tensor<?x?x64xbf16>) skip(%[[SKIP]] : tensor<64xbf16>)
//       CHECK: return %[[R]]#0, %[[R]]#1
func.func @mamba2(%x: !v, %dt: !dt, %d: tensor<64x1xbf16>, %q: !q, %g: tensor<?x?x64xf32>, %y: !v, %s: !s, %B: index, %L: index) -> (!v, !s) {
  %c = tensor.expand_shape %dt [[0], [1], [2, 3]] output_shape [%B, %L, 64, 1] : !dt into tensor<?x?x64x1xbf16>
  %v = linalg.generic {indexing_maps = [#unit, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %x : tensor<?x?x64x1xbf16>, !v) outs(%y : !v) {
  ^bb0(%a: bf16, %b: bf16, %o: bf16):
    %p = arith.mulf %a, %b : bf16
    linalg.yield %p : bf16
  } -> !v
  %r:2 = ssm.semiseparable ins(%q, %q, %v : !q, !q, !v) decay(%g : tensor<?x?x64xf32>) outs(%y, %s : !v, !s) -> !v, !s
  %skipped = linalg.generic {indexing_maps = [#all, affine_map<(d0, d1, d2, d3) -> (d2, 0)>, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %d : !v, tensor<64x1xbf16>) outs(%y : !v) {
  ^bb0(%a: bf16, %b: bf16, %o: bf16):
    %p = arith.mulf %a, %b : bf16
    linalg.yield %p : bf16
  } -> !v
  %sum = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%skipped, %r#0 : !v, !v) outs(%y : !v) {
  ^bb0(%a: bf16, %b: bf16, %o: bf16):
    %p = arith.addf %a, %b : bf16
    linalg.yield %p : bf16
  } -> !v
  return %sum, %r#1 : !v, !s
}

// By linalg.broadcast, multiplied in f32; what skips the state has values of its own.
// CHECK-LABEL: func @other_values
//       CHECK: ssm.semiseparable
//  CHECK-SAME: scale(
//   CHECK-NOT: skip(
//  CHECK-SAME: outs(
//       CHECK: arith.addf
func.func @other_values(%x: !v, %z: !v, %dt: tensor<?x?x64xf32>, %d: tensor<64xbf16>, %q: !q, %y: !v, %s: !s, %B: index, %L: index) -> !v {
  %e = tensor.empty(%B, %L) : tensor<?x?x64x64xf32>
  %c = linalg.broadcast ins(%dt : tensor<?x?x64xf32>) outs(%e : tensor<?x?x64x64xf32>) dimensions = [3]
  %v = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %c : !v, tensor<?x?x64x64xf32>) outs(%y : !v) {
  ^bb0(%a: bf16, %b: f32, %o: bf16):
    %f = arith.extf %a : bf16 to f32
    %p = arith.mulf %f, %b : f32
    %t = arith.truncf %p : f32 to bf16
    linalg.yield %t : bf16
  } -> !v
  %r:2 = ssm.semiseparable ins(%q, %q, %v : !q, !q, !v) outs(%y, %s : !v, !s) -> !v, !s
  %skipped = linalg.generic {indexing_maps = [#all, #head, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%z, %d : !v, tensor<64xbf16>) outs(%y : !v) {
  ^bb0(%a: bf16, %b: bf16, %o: bf16):
    %p = arith.mulf %a, %b : bf16
    linalg.yield %p : bf16
  } -> !v
  %sum = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%r#0, %skipped : !v, !v) outs(%y : !v) {
  ^bb0(%a: bf16, %b: bf16, %o: bf16):
    %p = arith.addf %a, %b : bf16
    linalg.yield %p : bf16
  } -> !v
  return %sum : !v
}

// Decays of each key have a kernel that takes no scale, nor is what is indexed
// otherwise one.
// CHECK-LABEL: func @left
//       CHECK: ssm.semiseparable
//   CHECK-NOT: scale(
//       CHECK: ssm.semiseparable
//   CHECK-NOT: scale(
//       CHECK: return
func.func @left(%x: tensor<2x32x32x64xbf16>, %dt: tensor<2x32x32xbf16>, %q: tensor<2x32x1x64xbf16>, %g: tensor<2x32x32x64xf32>, %s: tensor<2x32x64x64xf32>)
    -> (tensor<2x32x32x64xbf16>, tensor<2x32x32x64xbf16>) {
  %v = linalg.generic {indexing_maps = [#all, #token, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %dt : tensor<2x32x32x64xbf16>, tensor<2x32x32xbf16>) outs(%x : tensor<2x32x32x64xbf16>) {
  ^bb0(%a: bf16, %b: bf16, %o: bf16):
    %p = arith.mulf %a, %b : bf16
    linalg.yield %p : bf16
  } -> tensor<2x32x32x64xbf16>
  %r:2 = ssm.semiseparable ins(%q, %q, %v : tensor<2x32x1x64xbf16>, tensor<2x32x1x64xbf16>, tensor<2x32x32x64xbf16>) decay(%g : tensor<2x32x32x64xf32>)
      outs(%x, %s : tensor<2x32x32x64xbf16>, tensor<2x32x64x64xf32>) -> tensor<2x32x32x64xbf16>, tensor<2x32x64x64xf32>
  %w = linalg.generic {indexing_maps = [#all, #mixed, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %dt : tensor<2x32x32x64xbf16>, tensor<2x32x32xbf16>) outs(%x : tensor<2x32x32x64xbf16>) {
  ^bb0(%a: bf16, %b: bf16, %o: bf16):
    %p = arith.mulf %a, %b : bf16
    linalg.yield %p : bf16
  } -> tensor<2x32x32x64xbf16>
  %t:2 = ssm.semiseparable ins(%q, %q, %w : tensor<2x32x1x64xbf16>, tensor<2x32x1x64xbf16>, tensor<2x32x32x64xbf16>)
      outs(%x, %s : tensor<2x32x32x64xbf16>, tensor<2x32x64x64xf32>) -> tensor<2x32x32x64xbf16>, tensor<2x32x64x64xf32>
  return %r#0, %t#0 : tensor<2x32x32x64xbf16>, tensor<2x32x32x64xbf16>
}
