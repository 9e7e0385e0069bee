// RUN: ssm-opt %s -split-input-file -verify-diagnostics -one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" -canonicalize | FileCheck %s

// Destinations that the function owns are written in place.
// CHECK-LABEL: func @in_place
// CHECK-SAME: (%[[A:.*]]: memref<2x?x64xf32>, %[[B:.*]]: memref<2x?x64xf32>, %[[H:.*]]: memref<2x?x64xf32>, %[[S:.*]]: memref<2x64xf32>)
func.func @in_place(%a: tensor<2x?x64xf32>, %b: tensor<2x?x64xf32>, %h0: tensor<2x?x64xf32>, %s0: tensor<2x64xf32>) -> (tensor<2x?x64xf32>, tensor<2x64xf32>) {
  // CHECK-NOT: alloc
  // CHECK-NOT: copy
  // CHECK: ssm.scan dimension(1) ins(%[[A]], %[[B]] : {{.*}}) outs(%[[H]], %[[S]] : memref<2x?x64xf32>, memref<2x64xf32>){{$}}
  // CHECK-NEXT: return %[[H]], %[[S]]
  %h, %s = ssm.scan dimension(1) ins(%a, %b : tensor<2x?x64xf32>, tensor<2x?x64xf32>)
    outs(%h0, %s0 : tensor<2x?x64xf32>, tensor<2x64xf32>) -> tensor<2x?x64xf32>, tensor<2x64xf32>
  return %h, %s : tensor<2x?x64xf32>, tensor<2x64xf32>
}

// -----

// An output that is used again later is allocated, not copied: it is not read.
// A state is read, so it is copied.
// CHECK-LABEL: func @read_again
// CHECK-SAME: (%[[U:.*]]: memref<1x9x96xf32>, %[[A:.*]]: memref<96x16xf32>, %[[B:.*]]: memref<1x9x16xf32>, %[[S:.*]]: memref<1x96x16xf32>)
func.func @read_again(%u: tensor<1x9x96xf32>, %A: tensor<96x16xf32>, %B: tensor<1x9x16xf32>, %s0: tensor<1x96x16xf32> {bufferization.writable = false}) -> (tensor<1x9x96xf32>, tensor<1x96x16xf32>) {
  // CHECK-DAG: %[[Y:.*]] = memref.alloc() {{.*}} : memref<1x9x96xf32>
  // CHECK-DAG: %[[T:.*]] = memref.alloc() {{.*}} : memref<1x96x16xf32>
  // CHECK: memref.copy %[[S]], %[[T]]
  // CHECK-NOT: copy
  // CHECK: ssm.selective_scan ins(%[[U]], %[[U]], %[[A]], %[[B]], %[[B]] : {{.*}}) outs(%[[Y]], %[[T]] : {{.*}})
  %y, %s = ssm.selective_scan ins(%u, %u, %A, %B, %B : tensor<1x9x96xf32>, tensor<1x9x96xf32>, tensor<96x16xf32>, tensor<1x9x16xf32>, tensor<1x9x16xf32>)
    outs(%u, %s0 : tensor<1x9x96xf32>, tensor<1x96x16xf32>) -> tensor<1x9x96xf32>, tensor<1x96x16xf32>
  return %y, %s : tensor<1x9x96xf32>, tensor<1x96x16xf32>
}

// -----

// CHECK-LABEL: func @linear
func.func @linear(%x: tensor<?x768xf32>, %w: tensor<4x768x16xf32>, %b: tensor<50xf32>, %out: tensor<?x50xf32>) -> tensor<?x50xf32> {
  // CHECK-NOT: alloc
  // CHECK: ssm.linear ins({{.*}} : memref<?x768xf32>, memref<4x768x16xf32>) extras(%{{.*}} : memref<50xf32>) outs(%{{.*}} : memref<?x50xf32>) {
  // CHECK-NEXT: ^bb0
  // CHECK-NEXT: arith.addf
  // CHECK-NEXT: ssm.yield
  %y = ssm.linear ins(%x, %w : tensor<?x768xf32>, tensor<4x768x16xf32>) extras(%b : tensor<50xf32>) outs(%out : tensor<?x50xf32>) {
  ^bb0(%sum: f32, %bias: f32):
    %0 = arith.addf %sum, %bias : f32
    ssm.yield %0 : f32
  } -> tensor<?x50xf32>
  return %y : tensor<?x50xf32>
}

// -----

// CHECK-LABEL: func @short_conv
func.func @short_conv(%x: tensor<2x?x96xf32>, %w: tensor<96x4xf32>, %b: tensor<96xf32>, %y0: tensor<2x?x96xf32>) -> tensor<2x?x96xf32> {
  // CHECK: %[[TAIL:.*]] = memref.alloc() {{.*}} : memref<2x3x96xf32>
  // CHECK: linalg.fill {{.*}} outs(%[[TAIL]]
  // CHECK-NOT: copy
  // CHECK: ssm.short_conv activation(silu) ins({{.*}}) bias(%{{.*}} : memref<96xf32>) outs(%{{.*}}, %[[TAIL]] : memref<2x?x96xf32>, memref<2x3x96xf32>)
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x3x96xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3x96xf32>) -> tensor<2x3x96xf32>
  %y, %s = ssm.short_conv activation(silu) ins(%x, %w : tensor<2x?x96xf32>, tensor<96x4xf32>) bias(%b : tensor<96xf32>)
    outs(%y0, %s0 : tensor<2x?x96xf32>, tensor<2x3x96xf32>) -> tensor<2x?x96xf32>, tensor<2x3x96xf32>
  return %y : tensor<2x?x96xf32>
}

// -----

// CHECK-LABEL: func @long_conv
func.func @long_conv(%x: tensor<2x?x96xf32>, %k: tensor<?x96xf32>, %y0: tensor<2x?x96xf32>) -> tensor<2x?x96xf32> {
  // CHECK-NOT: copy
  // CHECK: ssm.long_conv ins({{.*}}) outs(%{{.*}} : memref<2x?x96xf32>)
  %y = ssm.long_conv ins(%x, %k : tensor<2x?x96xf32>, tensor<?x96xf32>) outs(%y0 : tensor<2x?x96xf32>) -> tensor<2x?x96xf32>
  return %y : tensor<2x?x96xf32>
}

// -----

func.func @recurrence(%x: tensor<5x2xf32>, %s0: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error@+2 {{does not exist on buffers: run ssm-decompose before bufferization}}
  // expected-error@+1 {{failed to bufferize op}}
  %0 = ssm.recurrence axes[0] ins(%x : tensor<5x2xf32>) outs() states(%s0 : tensor<2xf32>) {
  ^bb0(%xt: tensor<2xf32>, %s: tensor<2xf32>):
    %1 = arith.addf %xt, %s : tensor<2xf32>
    ssm.yield %1 : tensor<2xf32>
  } -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
