// RUN: ssm-opt %s -ssm-lower-strategies="kernels=ssm.scan:recurrent,ssm.attention:recurrent@few,ssm.semiseparable:chunked" -split-input-file | FileCheck %s

// Pieces of 64 steps, in which all products are of matrices, then the 8 that
// are left; the state goes from one to the next.
// CHECK-LABEL: func @chunked
//  CHECK-SAME: %[[Q:.*]]: tensor<1x136x2x4xf64>
//       CHECK: %[[WHOLE:.*]]:2 = scf.for %{{.*}} = %c0{{.*}} to %c128{{.*}} step %c64{{.*}} iter_args(%{{.*}} = %{{.*}}, %[[STATE:.*]] = %
//       CHECK:   extract_slice %[[Q]][0, %{{.*}}, 0, 0] [1, 64, 2, 4]
//       CHECK:   scf.for %{{.*}} to %c64
//       CHECK:     math.exp {{.*}} : f64
//   CHECK-NOT:     arith.divf
//       CHECK:   scf.yield
//       CHECK: scf.for %{{.*}} = %c128{{.*}} to %c136{{.*}} iter_args(%{{.*}} = %[[WHOLE]]#0, %{{.*}} = %[[WHOLE]]#1)
//       CHECK:   extract_slice %[[Q]][0, %{{.*}}, 0, 0] [1, 8, 2, 4]
//   CHECK-NOT: ssm.
func.func @chunked(%q: tensor<1x136x2x4xf64>, %v: tensor<1x136x2x8xf64>, %g: tensor<1x136x2xf64>, %s: tensor<1x2x4x8xf64>)
    -> (tensor<1x136x2x8xf64>, tensor<1x2x4x8xf64>) {
  %y, %last = ssm.semiseparable ins(%q, %q, %v : tensor<1x136x2x4xf64>, tensor<1x136x2x4xf64>, tensor<1x136x2x8xf64>)
      decay(%g : tensor<1x136x2xf64>) outs(%v, %s : tensor<1x136x2x8xf64>, tensor<1x2x4x8xf64>)
      {ssm.strategy = #ssm.strategy<chunked>} -> tensor<1x136x2x8xf64>, tensor<1x2x4x8xf64>
  return %y, %last : tensor<1x136x2x8xf64>, tensor<1x2x4x8xf64>
}

// -----

// All of time is one piece.
// CHECK-LABEL: func @dense
//   CHECK-NOT: scf.for {{.*}} step %c64
//       CHECK: tensor.empty() : tensor<1x2x10x10xf32>
//       CHECK: linalg.generic
func.func @dense(%q: tensor<1x10x2x4xf32>, %v: tensor<1x10x2x8xf32>, %s: tensor<1x2x4x8xf32>)
    -> (tensor<1x10x2x8xf32>, tensor<1x2x4x8xf32>) {
  %y, %last = ssm.semiseparable ins(%q, %q, %v : tensor<1x10x2x4xf32>, tensor<1x10x2x4xf32>, tensor<1x10x2x8xf32>)
      outs(%v, %s : tensor<1x10x2x8xf32>, tensor<1x2x4x8xf32>)
      {ssm.strategy = #ssm.strategy<dense>} -> tensor<1x10x2x8xf32>, tensor<1x2x4x8xf32>
  return %y, %last : tensor<1x10x2x8xf32>, tensor<1x2x4x8xf32>
}

// -----

// What comes from behind first, from the last pieces to the first, of which the
// 8 steps that do not fill one are the last in memory; then both matrices, mixed
// once.
// CHECK-LABEL: func @both_directions
//  CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<1x136x2x4xf32>, %[[V:[a-z0-9]+]]:
//       CHECK: %[[LAST:.*]]:2 = scf.for %{{.*}} = %c0{{.*}} to %c8{{.*}} iter_args(
//       CHECK: %[[READ:.*]]:2 = scf.for %{{.*}} = %c8{{.*}} to %c136{{.*}} step %c64{{.*}} iter_args(%{{.*}} = %[[LAST]]#0, %{{.*}} = %[[LAST]]#1)
//       CHECK: scf.for %{{.*}} = %c0{{.*}} to %c128{{.*}} step %c64{{.*}} iter_args(%{{.*}} = %[[READ]]#0
//       CHECK:   arith.addf
//       CHECK: scf.for %{{.*}} = %c128{{.*}} to %c136
//   CHECK-NOT: ssm.
func.func @both_directions(%q: tensor<1x136x2x4xf32>, %v: tensor<1x136x2x8xf32>, %g: tensor<1x136x2xf32>) -> tensor<1x136x2x8xf32> {
  %y = ssm.quasiseparable ins(%q, %q, %q, %q, %v : tensor<1x136x2x4xf32>, tensor<1x136x2x4xf32>, tensor<1x136x2x4xf32>,
      tensor<1x136x2x4xf32>, tensor<1x136x2x8xf32>) diagonal(%g : tensor<1x136x2xf32>)
      decay(%g, %g : tensor<1x136x2xf32>, tensor<1x136x2xf32>) outs(%v : tensor<1x136x2x8xf32>)
      {ssm.strategy = #ssm.strategy<chunked>} -> tensor<1x136x2x8xf32>
  return %y : tensor<1x136x2x8xf32>
}

// -----

// Pieces are independent rows of one scan, and so are their ends.
// CHECK-LABEL: func @associative_scan
//  CHECK-SAME: %[[A:.*]]: tensor<3x?xf32>, %[[B:.*]]: tensor<3x?xf32>
//       CHECK: %[[A4:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2]] output_shape [3, %{{.*}}, 256]
//       CHECK: %[[B4:.*]] = tensor.expand_shape
//       CHECK: %[[ENDS:.*]]:2 = ssm.scan dimension(2) ins(%[[A4]], %[[B4]]
//       CHECK: %[[PRODUCTS:.*]] = linalg.generic
//       CHECK:   arith.mulf
//       CHECK: ssm.scan dimension(1) ins(%[[PRODUCTS]], %[[ENDS]]#1
//       CHECK: ssm.scan dimension(2) ins(%[[A4]], %[[B4]]
//       CHECK: ssm.scan dimension(1)
//   CHECK-NOT: ssm.strategy
func.func @associative_scan(%a: tensor<3x?xf32>, %b: tensor<3x?xf32>, %s: tensor<3xf32>) -> (tensor<3x?xf32>, tensor<3xf32>) {
  %h, %last = ssm.scan dimension(1) ins(%a, %b : tensor<3x?xf32>, tensor<3x?xf32>)
      outs(%b, %s : tensor<3x?xf32>, tensor<3xf32>)
      {ssm.strategy = #ssm.strategy<associative_scan>} -> tensor<3x?xf32>, tensor<3xf32>
  return %h, %last : tensor<3x?xf32>, tensor<3xf32>
}

// -----

// 3 pieces of 4 steps: the first two, of which only the first one has the state
// before it; their ends; the last two behind these. Nobody wants the first of the
// two outputs.
// CHECK-LABEL: func @pieces_of_combiner
//  CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<10x8xf32>, %[[S:[a-z0-9]+]]: tensor<8xf32>
//       CHECK: %[[ENDS:.*]] = tensor.empty() : tensor<4x8xf32>
//       CHECK: %[[FIRST:.*]]:3 = scf.forall (%{{.*}}) in (2) shared_outs(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) -> (tensor<10x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>)
//       CHECK:   scf.if
//       CHECK:     arith.maximumf
//       CHECK:   else
//  CHECK-NEXT:     scf.yield
//       CHECK:   scf.for %{{.*}} = %c1
//       CHECK:     arith.maximumf
//       CHECK: %[[CHAIN:.*]]:2 = scf.for
//       CHECK:   arith.maximumf
//       CHECK: %[[LAST:.*]]:3 = scf.forall (%{{.*}}) = (1) to (3) step (1) shared_outs(%{{.*}} = %[[FIRST]]#0, %{{.*}} = %[[CHAIN]]#0, %{{.*}} = %[[CHAIN]]#1)
//   CHECK-NOT:   scf.if
//       CHECK:   arith.maximumf
//       CHECK: %[[END:.*]] = tensor.extract_slice %[[LAST]]#2[%c3{{.*}}, 0] [1, 8] [1, 1]
//       CHECK: return %[[LAST]]#0, %[[END]]
func.func @pieces_of_combiner(%x: tensor<10x8xf32>, %s: tensor<8xf32>) -> (tensor<10x8xf32>, tensor<8xf32>) {
  %r:4 = ssm.associative_scan axes[0, 0] ins(%x, %x : tensor<10x8xf32>, tensor<10x8xf32>)
      outs(%x, %x : tensor<10x8xf32>, tensor<10x8xf32>) states(%s, %s : tensor<8xf32>, tensor<8xf32>) {
  ^bb0(%a: tensor<8xf32>, %b: tensor<8xf32>, %c: tensor<8xf32>, %d: tensor<8xf32>):
    %m = arith.maximumf %a, %c : tensor<8xf32>
    %n = arith.addf %b, %d : tensor<8xf32>
    ssm.yield %m, %n : tensor<8xf32>, tensor<8xf32>
  } {ssm.strategy = #ssm.strategy<associative_scan, chunk = 4>} -> tensor<10x8xf32>, tensor<10x8xf32>, tensor<8xf32>, tensor<8xf32>
  return %r#1, %r#3 : tensor<10x8xf32>, tensor<8xf32>
}

// -----

// What the target has a kernel for stays, and so does what says nothing; a
// strategy that is not the kernel's does not, nor do types that kernels do not
// have, but for what is step by step anyway.
// CHECK-LABEL: func @kernels
//       CHECK: ssm.scan
//  CHECK-SAME: ssm.strategy = #ssm.strategy<recurrent>
//       CHECK: ssm.scan
//   CHECK-NOT: ssm.strategy
//   CHECK-NOT: ssm.semiseparable
//       CHECK: scf.for
//       CHECK: ssm.semiseparable
//  CHECK-SAME: ssm.strategy = #ssm.strategy<chunked>
func.func @kernels(%a: tensor<7xf64>, %s: tensor<f64>, %q: tensor<1x10x2x4xf32>, %m: tensor<1x2x4x4xf32>)
    -> (tensor<7xf64>, tensor<7xf64>, tensor<1x10x2x4xf32>, tensor<1x10x2x4xf32>) {
  %0:2 = ssm.scan dimension(0) ins(%a, %a : tensor<7xf64>, tensor<7xf64>) outs(%a, %s : tensor<7xf64>, tensor<f64>)
      {ssm.strategy = #ssm.strategy<recurrent>} -> tensor<7xf64>, tensor<f64>
  %1:2 = ssm.scan dimension(0) ins(%a, %a : tensor<7xf64>, tensor<7xf64>) outs(%a, %s : tensor<7xf64>, tensor<f64>)
      -> tensor<7xf64>, tensor<f64>
  %2:2 = ssm.semiseparable ins(%q, %q, %q : tensor<1x10x2x4xf32>, tensor<1x10x2x4xf32>, tensor<1x10x2x4xf32>)
      outs(%q, %m : tensor<1x10x2x4xf32>, tensor<1x2x4x4xf32>)
      {ssm.strategy = #ssm.strategy<recurrent>} -> tensor<1x10x2x4xf32>, tensor<1x2x4x4xf32>
  %3:2 = ssm.semiseparable ins(%q, %q, %q : tensor<1x10x2x4xf32>, tensor<1x10x2x4xf32>, tensor<1x10x2x4xf32>)
      outs(%q, %m : tensor<1x10x2x4xf32>, tensor<1x2x4x4xf32>)
      {ssm.strategy = #ssm.strategy<chunked>} -> tensor<1x10x2x4xf32>, tensor<1x2x4x4xf32>
  return %0#0, %1#0, %2#0, %3#0 : tensor<7xf64>, tensor<7xf64>, tensor<1x10x2x4xf32>, tensor<1x10x2x4xf32>
}

// -----

// A kernel for a few tokens: not for more, nor where their number is not known.
// CHECK-LABEL: func @few
//       CHECK: ssm.attention
//  CHECK-SAME: tensor<1x16x2x4xf32>
//   CHECK-NOT: ssm.attention
func.func @few(%few: tensor<1x16x2x4xf32>, %many: tensor<1x17x2x4xf32>, %some: tensor<1x?x2x4xf32>,
               %l16: tensor<1x16x2xf32>, %l17: tensor<1x17x2xf32>, %l: tensor<1x?x2xf32>)
    -> (tensor<1x16x2x4xf32>, tensor<1x17x2x4xf32>, tensor<1x?x2x4xf32>) {
  %0:2 = ssm.attention ins(%few, %many, %many : tensor<1x16x2x4xf32>, tensor<1x17x2x4xf32>, tensor<1x17x2x4xf32>)
      outs(%few, %l16 : tensor<1x16x2x4xf32>, tensor<1x16x2xf32>)
      {ssm.strategy = #ssm.strategy<recurrent>} -> tensor<1x16x2x4xf32>, tensor<1x16x2xf32>
  %1:2 = ssm.attention ins(%many, %many, %many : tensor<1x17x2x4xf32>, tensor<1x17x2x4xf32>, tensor<1x17x2x4xf32>)
      outs(%many, %l17 : tensor<1x17x2x4xf32>, tensor<1x17x2xf32>)
      {ssm.strategy = #ssm.strategy<recurrent>} -> tensor<1x17x2x4xf32>, tensor<1x17x2xf32>
  %2:2 = ssm.attention ins(%some, %many, %many : tensor<1x?x2x4xf32>, tensor<1x17x2x4xf32>, tensor<1x17x2x4xf32>)
      outs(%some, %l : tensor<1x?x2x4xf32>, tensor<1x?x2xf32>)
      {ssm.strategy = #ssm.strategy<recurrent>} -> tensor<1x?x2x4xf32>, tensor<1x?x2xf32>
  return %0#0, %1#0, %2#0 : tensor<1x16x2x4xf32>, tensor<1x17x2x4xf32>, tensor<1x?x2x4xf32>
}
