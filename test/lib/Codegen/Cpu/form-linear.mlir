// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-form-linear{cpu=znver3},cse))' | FileCheck %s

#x = affine_map<(b, l, n, k) -> (b, l, k)>
#w = affine_map<(b, l, n, k) -> (k, n)>
#y = affine_map<(b, l, n, k) -> (b, l, n)>
#id = affine_map<(b, l, n) -> (b, l, n)>
#row = affine_map<(b, l, n) -> (0, 0, n)>
#last = affine_map<(b, l, n) -> (n)>
#column = affine_map<(b, l, n) -> (b, l)>

// A sequence times a matrix, its bias, SiLU and residual.
// CHECK-LABEL: func.func @block
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>, %[[R:.*]]: tensor<?x?x40xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<2.000000e+00> : tensor<8x40xf32>
// CHECK-DAG: %[[PACK:.*]] = linalg.pack %[[W]] padding_value({{.*}}) outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into {{.*}} -> tensor<3x8x16xf32>
// CHECK-DAG: %[[XC:.*]] = tensor.collapse_shape %[[X]] {{\[}}[0, 1], [2]]
// CHECK-DAG: %[[RC:.*]] = tensor.collapse_shape %[[R]] {{\[}}[0, 1], [2]]
// CHECK: ssm.linear ins(%[[XC]], %[[PACK]] : {{.*}}) extras({{.*}}, %[[RC]] : tensor<40xf32>, tensor<?x40xf32>)
// CHECK: ^bb0(%[[SUM:.*]]: f32, %[[BIAS:.*]]: f32, %[[RES:.*]]: f32):
// CHECK-NEXT: %[[A:.*]] = arith.addf %[[SUM]], %[[BIAS]]
// CHECK-NEXT: %[[B:.*]] = math.exp %[[A]]
// CHECK-NEXT: %[[C:.*]] = arith.mulf %[[A]], %[[B]]
// CHECK-NEXT: %[[D:.*]] = arith.addf %[[C]], %[[RES]]
// CHECK-NEXT: ssm.yield %[[D]]
// CHECK: tensor.expand_shape
// CHECK-NOT: linalg.generic
func.func @block(%x: tensor<?x?x8xf32>, %r: tensor<?x?x40xf32>) -> tensor<?x?x40xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %w = arith.constant dense<2.0> : tensor<8x40xf32>
  %bias = arith.constant dense<1.0> : tensor<1x1x40xf32>
  %zero = arith.constant 0.0 : f32
  %b = tensor.dim %x, %c0 : tensor<?x?x8xf32>
  %l = tensor.dim %x, %c1 : tensor<?x?x8xf32>
  %e = tensor.empty(%b, %l) : tensor<?x?x40xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?x40xf32>) -> tensor<?x?x40xf32>
  %0 = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x?x8xf32>, tensor<8x40xf32>) outs(%f : tensor<?x?x40xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %m = arith.mulf %i, %j : f32
    %a = arith.addf %o, %m : f32
    linalg.yield %a : f32
  } -> tensor<?x?x40xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0, %bias : tensor<?x?x40xf32>, tensor<1x1x40xf32>) outs(%e : tensor<?x?x40xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %a = arith.addf %i, %j : f32
    linalg.yield %a : f32
  } -> tensor<?x?x40xf32>
  %2 = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%1, %1, %r : tensor<?x?x40xf32>, tensor<?x?x40xf32>, tensor<?x?x40xf32>) outs(%e : tensor<?x?x40xf32>) {
  ^bb0(%i: f32, %j: f32, %k: f32, %o: f32):
    %s = math.exp %j : f32
    %m = arith.mulf %i, %s : f32
    %a = arith.addf %m, %k : f32
    linalg.yield %a : f32
  } -> tensor<?x?x40xf32>
  return %2 : tensor<?x?x40xf32>
}

// A bias stays one where the batch of one is a loop of its own.
// CHECK-LABEL: func.func @one_batch
// CHECK: ssm.linear {{.*}} extras({{.*}} : tensor<40xf32>)
// CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[BIAS:.*]]: f32):
// CHECK-NEXT: %[[A:.*]] = arith.addf %[[SUM]], %[[BIAS]]
// CHECK-NEXT: ssm.yield %[[A]]
// CHECK-NOT: linalg.generic
func.func @one_batch(%x: tensor<1x3x8xf32>) -> tensor<1x3x40xf32> {
  %w = arith.constant dense<2.0> : tensor<8x40xf32>
  %bias = arith.constant dense<1.0> : tensor<1x1x40xf32>
  %e = tensor.empty() : tensor<1x3x40xf32>
  %zero = arith.constant dense<0.0> : tensor<1x3x40xf32>
  %0 = linalg.generic {indexing_maps = [#x, #w, #y],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x3x8xf32>, tensor<8x40xf32>) outs(%zero : tensor<1x3x40xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.mulf %i, %j : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x3x40xf32>
  %1 = linalg.generic {indexing_maps = [#id, affine_map<(b, l, n) -> (b, 0, n)>, #id],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0, %bias : tensor<1x3x40xf32>, tensor<1x1x40xf32>) outs(%e : tensor<1x3x40xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %s = arith.addf %i, %j : f32
    linalg.yield %s : f32
  } -> tensor<1x3x40xf32>
  return %1 : tensor<1x3x40xf32>
}

// A weight that a transposition has turned around; a scalar factor.
// CHECK-LABEL: func.func @transposed
// CHECK: linalg.pack {{.*}} outer_dims_perm = [0, 1] inner_dims_pos = [0] inner_tiles = [16] into {{.*}} tensor<32x8xf32> -> tensor<2x8x16xf32>
// CHECK: %[[S:.*]] = tensor.extract
// CHECK: ssm.linear
// CHECK: arith.mulf %{{.*}}, %[[S]]
// CHECK-NOT: linalg.generic
func.func @transposed(%x: tensor<4x8xf32>, %s: tensor<f32>) -> tensor<4x32xf32> {
  %w = arith.constant dense<2.0> : tensor<32x8xf32>
  %et = tensor.empty() : tensor<8x32xf32>
  %t = linalg.transpose ins(%w : tensor<32x8xf32>) outs(%et : tensor<8x32xf32>) permutation = [1, 0]
  %zero = arith.constant dense<0.0> : tensor<4x32xf32>
  %0 = linalg.matmul ins(%x, %t : tensor<4x8xf32>, tensor<8x32xf32>) outs(%zero : tensor<4x32xf32>) -> tensor<4x32xf32>
  %e = tensor.empty() : tensor<4x32xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> ()>, affine_map<(m, n) -> (m, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%0, %s : tensor<4x32xf32>, tensor<f32>) outs(%e : tensor<4x32xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %a = arith.mulf %i, %j : f32
    linalg.yield %a : f32
  } -> tensor<4x32xf32>
  return %1 : tensor<4x32xf32>
}

// A vector times a matrix.
// CHECK-LABEL: func.func @vector
// CHECK: %[[X:.*]] = tensor.expand_shape {{.*}} output_shape [1, 8]
// CHECK: ssm.linear ins(%[[X]]
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x32xf32> into tensor<32xf32>
func.func @vector(%x: tensor<8xf32>) -> tensor<32xf32> {
  %w = arith.constant dense<2.0> : tensor<8x32xf32>
  %zero = arith.constant dense<0.0> : tensor<32xf32>
  %0 = linalg.vecmat ins(%x, %w : tensor<8xf32>, tensor<8x32xf32>) outs(%zero : tensor<32xf32>) -> tensor<32xf32>
  return %0 : tensor<32xf32>
}

// What the destinations hold is added: rows, or one row that a broadcast repeats.
// CHECK-LABEL: func.func @destination
// CHECK-SAME: %{{.*}}: tensor<4x8xf32>, %[[Y:.*]]: tensor<4x32xf32>, %[[B:.*]]: tensor<32xf32>
// CHECK: ssm.linear {{.*}} extras(%[[Y]] : tensor<4x32xf32>)
// CHECK: arith.addf
// CHECK: ssm.linear {{.*}} extras(%[[B]] : tensor<32xf32>)
// CHECK: arith.addf
// CHECK-NOT: linalg.generic
func.func @destination(%x: tensor<4x8xf32>, %y: tensor<4x32xf32>, %b: tensor<32xf32>) -> (tensor<4x32xf32>, tensor<4x32xf32>) {
  %w = arith.constant dense<2.0> : tensor<8x32xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x32xf32>) outs(%y : tensor<4x32xf32>) -> tensor<4x32xf32>
  %e = tensor.empty() : tensor<4x32xf32>
  %1 = linalg.broadcast ins(%b : tensor<32xf32>) outs(%e : tensor<4x32xf32>) dimensions = [0]
  %2 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x32xf32>) outs(%1 : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %0, %2 : tensor<4x32xf32>, tensor<4x32xf32>
}

// Not: an unknown matrix, a factor per row.
// CHECK-LABEL: func.func @not
// CHECK: linalg.matmul
// CHECK: ssm.linear
// CHECK: linalg.generic
func.func @not(%x: tensor<4x8xf32>, %v: tensor<8x32xf32>, %c: tensor<4xf32>)
    -> (tensor<4x32xf32>, tensor<4x32xf32>) {
  %w = arith.constant dense<2.0> : tensor<8x32xf32>
  %zero = arith.constant dense<0.0> : tensor<4x32xf32>
  %0 = linalg.matmul ins(%x, %v : tensor<4x8xf32>, tensor<8x32xf32>) outs(%zero : tensor<4x32xf32>) -> tensor<4x32xf32>
  %2 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x32xf32>) outs(%zero : tensor<4x32xf32>) -> tensor<4x32xf32>
  %3 = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%2, %c : tensor<4x32xf32>, tensor<4xf32>) outs(%zero : tensor<4x32xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %a = arith.mulf %i, %j : f32
    linalg.yield %a : f32
  } -> tensor<4x32xf32>
  return %0, %3 : tensor<4x32xf32>, tensor<4x32xf32>
}

// A product in a narrow type whose user has a wide result.
// CHECK-LABEL: func.func @widened
// CHECK:         ssm.linear
// CHECK:           %[[N:.*]] = arith.truncf
// CHECK:           %[[W:.*]] = arith.extf %[[N]]
// CHECK:           ssm.yield %[[W]] : f32
// CHECK:         } -> tensor<8x46xf32>
#wide = affine_map<(d0, d1) -> (d0, d1)>
func.func @widened(%x: tensor<8x17xbf16>, %w: tensor<3x17x16xbf16>) -> tensor<8x46xf32> {
  %e = tensor.empty() : tensor<8x46xbf16>
  %y = ssm.linear ins(%x, %w : tensor<8x17xbf16>, tensor<3x17x16xbf16>) outs(%e : tensor<8x46xbf16>) {
  ^bb0(%sum: f32):
    %c = arith.truncf %sum : f32 to bf16
    ssm.yield %c : bf16
  } -> tensor<8x46xbf16>
  %f = tensor.empty() : tensor<8x46xf32>
  %z = linalg.generic {indexing_maps = [#wide, #wide], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<8x46xbf16>) outs(%f : tensor<8x46xf32>) {
  ^bb0(%a: bf16, %o: f32):
    %r = arith.extf %a : bf16 to f32
    linalg.yield %r : f32
  } -> tensor<8x46xf32>
  return %z : tensor<8x46xf32>
}
