// Constants become views of the weight section; equal ones share a place, a
// splat is filled in, a pack is left to packaging, of a splat as well.
// RUN: ssm-opt %s --ssm-lower-entries --ssm-externalize-weights | FileCheck %s

// CHECK: ssm.weights = [{bytes = 64 : i64, offset = 0 : i64, pack = {inner_dims_pos = array<i64: 1>, inner_tiles = array<i64: 8>, outer_dims_perm = array<i64: 1, 0>, type = tensor<1x2x8xf32>}, value = dense_resource<w> : tensor<2x4xf32>},
// CHECK-SAME: {bytes = 32 : i64, offset = 64 : i64, value = dense_resource<w> : tensor<2x4xf32>},
// CHECK-SAME: {bytes = 12 : i64, offset = 128 : i64, value = dense<[1, 2, 3]> : tensor<3xi32>},
// CHECK-SAME: {bytes = 64 : i64, offset = 192 : i64, pack = {{{.*}}type = tensor<1x2x8xf32>}, value = dense<2.500000e+00> : tensor<2x4xf32>},
// CHECK-SAME: {bytes = 32 : i64, offset = 256 : i64, pack = {{{.*}}type = tensor<1x2x8xbf16>}, value = dense<2.500000e+00> : tensor<2x4xf32>}], ssm.weights_bytes = 320 : i64

// CHECK-LABEL: func.func @ssm_forward_run
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     memref.view %[[W:.*]][%{{.*}}][] : memref<?xi8> to memref<2x4xf32>
// CHECK-DAG:     memref.view %[[W]][%{{.*}}][] : memref<?xi8> to memref<3xi32>
// CHECK-DAG:     memref.view %[[W]][%{{.*}}][] : memref<?xi8> to memref<1x2x8xf32>
// CHECK:         linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<5xf32>)
// CHECK:         linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<2x4xf32>)
// CHECK-NOT:     linalg.pack
func.func @forward() -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<3xi32>, tensor<5xf32>, tensor<1x2x8xf32>,
                         tensor<2x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xbf16>) {
  %a = arith.constant dense_resource<w> : tensor<2x4xf32>
  %b = arith.constant dense_resource<w> : tensor<2x4xf32>
  %c = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %s = arith.constant dense<1.5> : tensor<5xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x2x8xf32>
  %p = linalg.pack %a padding_value(%zero : f32) outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [8] into %e
      : tensor<2x4xf32> -> tensor<1x2x8xf32>
  %t = arith.constant dense<2.5> : tensor<2x4xf32>
  %pt = linalg.pack %t padding_value(%zero : f32) outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [8] into %e
      : tensor<2x4xf32> -> tensor<1x2x8xf32>
  %n = arith.truncf %t : tensor<2x4xf32> to tensor<2x4xbf16>
  %zero16 = arith.constant 0.0 : bf16
  %e16 = tensor.empty() : tensor<1x2x8xbf16>
  %pn = linalg.pack %n padding_value(%zero16 : bf16) outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [8] into %e16
      : tensor<2x4xbf16> -> tensor<1x2x8xbf16>
  return %a, %b, %c, %s, %p, %t, %pt, %pn : tensor<2x4xf32>, tensor<2x4xf32>, tensor<3xi32>, tensor<5xf32>, tensor<1x2x8xf32>,
      tensor<2x4xf32>, tensor<1x2x8xf32>, tensor<1x2x8xbf16>
}

{-#
  dialect_resources: { builtin: { w: "0x040000000000803F000000400000404000008040000080400000A0400000C0400000E040" } }
#-}
