// What constants decide is computed, as far as that spares more than reading it costs.
// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-evaluate-constants),canonicalize)' | FileCheck %s

#id = affine_map<(i) -> (i)>
#row = affine_map<(i, j) -> (i)>
#all = affine_map<(i, j) -> (i, j)>

// The kernel of a state space, of two real modes: 3 + 4, 3 / 2 + 4, ...
// CHECK-LABEL: func.func @kernel
// CHECK-NOT: ssm.ssm_kernel
// CHECK: %[[K:.*]] = arith.constant dense<{{\[\[}}7.000000e+00], [5.500000e+00], [4.750000e+00]]> : tensor<3x1xf32>
// CHECK: ssm.long_conv ins(%{{.*}}, %[[K]] :
func.func @kernel(%x: tensor<1x?x1xf32>) -> tensor<1x?x1xf32> {
  %half = arith.constant dense<[[0.5, 1.0]]> : tensor<1x2xf32>
  %c = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %ea = tensor.empty() : tensor<1x2xf32>
  %a = linalg.log ins(%half : tensor<1x2xf32>) outs(%ea : tensor<1x2xf32>) -> tensor<1x2xf32>
  %e = tensor.empty() : tensor<3x1xf32>
  %k = ssm.ssm_kernel ins(%a, %c : tensor<1x2xf32>, tensor<1x2xf32>) outs(%e : tensor<3x1xf32>) -> tensor<3x1xf32>
  %y = ssm.long_conv ins(%x, %k : tensor<1x?x1xf32>, tensor<3x1xf32>) outs(%x : tensor<1x?x1xf32>) -> tensor<1x?x1xf32>
  return %y : tensor<1x?x1xf32>
}

// What is computed in between is not rounded, and what joins results is computed, too;
// not what only repeats them.
// CHECK-LABEL: func.func @between
// CHECK-DAG: arith.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK-DAG: arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00], [1.000000e+00, 2.000000e+00]]> : tensor<2x2xf32>
// CHECK: linalg.broadcast
// CHECK-NOT: linalg
// CHECK: return
func.func @between() -> (tensor<2x2xf32>, tensor<9x2xf32>) {
  %x = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %tiny = arith.constant 1.0e-30 : f32
  %e = tensor.empty() : tensor<2xf32>
  %small = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<2xf32>) outs(%e : tensor<2xf32>) {
    ^bb0(%in: f32, %o: f32):
      %p = arith.mulf %in, %tiny : f32
      %q = arith.mulf %p, %tiny : f32
      linalg.yield %q : f32
  } -> tensor<2xf32>
  %large = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%small : tensor<2xf32>) outs(%e : tensor<2xf32>) {
    ^bb0(%in: f32, %o: f32):
      %p = arith.divf %in, %tiny : f32
      %q = arith.divf %p, %tiny : f32
      linalg.yield %q : f32
  } -> tensor<2xf32>
  %e2 = tensor.empty() : tensor<2x2xf32>
  %first = tensor.insert_slice %large into %e2[0, 0] [1, 2] [1, 1] : tensor<2xf32> into tensor<2x2xf32>
  %both = tensor.insert_slice %large into %first[1, 0] [1, 2] [1, 1] : tensor<2xf32> into tensor<2x2xf32>
  %e9 = tensor.empty() : tensor<9x2xf32>
  %nine = linalg.broadcast ins(%large : tensor<2xf32>) outs(%e9 : tensor<9x2xf32>) dimensions = [0]
  return %both, %nine : tensor<2x2xf32>, tensor<9x2xf32>
}

// A weight is copied by no one: it is packed.
// CHECK-LABEL: func.func @weight
// CHECK: linalg.transpose
func.func @weight() -> tensor<3x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %t = linalg.transpose ins(%w : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  return %t : tensor<3x2xf32>
}

// What depends on an argument, or on a length, is not known.
// CHECK-LABEL: func.func @open
// CHECK: linalg.exp
// CHECK: ssm.ssm_kernel
func.func @open(%x: tensor<2xf32>, %n: index) -> (tensor<2xf32>, tensor<?x1xf32>) {
  %e = tensor.empty() : tensor<2xf32>
  %y = linalg.exp ins(%x : tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  %a = arith.constant dense<[[-0.5, -1.0]]> : tensor<1x2xf32>
  %ek = tensor.empty(%n) : tensor<?x1xf32>
  %k = ssm.ssm_kernel ins(%a, %a : tensor<1x2xf32>, tensor<1x2xf32>) outs(%ek : tensor<?x1xf32>) -> tensor<?x1xf32>
  return %y, %k : tensor<2xf32>, tensor<?x1xf32>
}

// More than 4 M elements are not kept; more than 64 M iterations take too long.
// CHECK-LABEL: func.func @large
// CHECK: linalg.generic
// CHECK: ssm.ssm_kernel
func.func @large() -> (tensor<2049x2048xf32>, tensor<4096x1024xf32>) {
  %x = arith.constant dense<0.5> : tensor<2049xf32>
  %e = tensor.empty() : tensor<2049x2048xf32>
  %y = linalg.generic {indexing_maps = [#row, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2049xf32>) outs(%e : tensor<2049x2048xf32>) {
    ^bb0(%in: f32, %o: f32):
      %p = math.exp %in : f32
      linalg.yield %p : f32
  } -> tensor<2049x2048xf32>
  %a = arith.constant dense<-0.5> : tensor<1024x17xf32>
  %ek = tensor.empty() : tensor<4096x1024xf32>
  %k = ssm.ssm_kernel ins(%a, %a : tensor<1024x17xf32>, tensor<1024x17xf32>) outs(%ek : tensor<4096x1024xf32>) -> tensor<4096x1024xf32>
  return %y, %k : tensor<2049x2048xf32>, tensor<4096x1024xf32>
}

// What the evaluator does not know stays.
// CHECK-LABEL: func.func @complex
// CHECK: complex.exp
func.func @complex() -> tensor<2xf32> {
  %x = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<2xf32>) outs(%e : tensor<2xf32>) {
    ^bb0(%in: f32, %o: f32):
      %z = complex.create %in, %in : complex<f32>
      %p = complex.exp %z : complex<f32>
      %re = complex.re %p : complex<f32>
      %s = math.sqrt %re : f32
      linalg.yield %s : f32
  } -> tensor<2xf32>
  return %y : tensor<2xf32>
}
