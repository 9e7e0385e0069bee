// Rows of a batch go through products as one matrix and come back as a batch:
// what lies between has its place in the workspace, and the last product
// writes to the caller's memory.
// RUN: ssm-opt %s --ssm-codegen=cpu=x86-64-v3 | FileCheck %s
// CHECK-NOT: ssmrt_alloc
// CHECK-NOT: memcpy
// CHECK: llvm.func @ssm_forward_run
// CHECK-NOT: ssmrt_alloc
// CHECK-NOT: memcpy
#x = affine_map<(b, t, n, k) -> (b, t, k)>
#w = affine_map<(b, t, n, k) -> (k, n)>
#y = affine_map<(b, t, n, k) -> (b, t, n)>
module {
  func.func @forward(%x: tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
      attributes {ssm.signature = {symbols = ["B", "L"],
        inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>}],
        outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s0, s1, 4)>}]}} {
    %w = arith.constant dense_resource<w> : tensor<4x4xf32>
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %B = tensor.dim %x, %c0 : tensor<?x?x4xf32>
    %L = tensor.dim %x, %c1 : tensor<?x?x4xf32>
    %e = tensor.empty(%B, %L) : tensor<?x?x4xf32>
    %0 = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %h = linalg.generic {indexing_maps = [#x, #w, #y],
        iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%x, %w : tensor<?x?x4xf32>, tensor<4x4xf32>) outs(%0 : tensor<?x?x4xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    } -> tensor<?x?x4xf32>
    %y = linalg.generic {indexing_maps = [#x, #w, #y],
        iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
        ins(%h, %w : tensor<?x?x4xf32>, tensor<4x4xf32>) outs(%0 : tensor<?x?x4xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
    } -> tensor<?x?x4xf32>
    return %y : tensor<?x?x4xf32>
  }
}
{-# dialect_resources: { builtin: { w: "0x04000000000000000000003E0000803E0000C03E0000003F0000203F0000403F0000603F0000803F0000903F0000A03F0000B03F0000C03F0000D03F0000E03F0000F03F" } } #-}
