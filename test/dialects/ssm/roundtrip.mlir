// RUN: ssm-opt %s | ssm-opt | FileCheck %s

// All that attention can be given.
// CHECK-LABEL: func @attention
func.func @attention(%q: tensor<2x?x4x8xf32>, %k: tensor<2x?x2x8xf32>, %v: tensor<2x?x2x6xf32>, %b: tensor<1x4x1x?xf32>, %h: tensor<4xf32>, %qs: tensor<2x?xi32>, %ks: tensor<2x?xi32>, %p: tensor<2xi64>, %y0: tensor<2x?x4x6xf32>, %l0: tensor<2x?x4xf32>) -> tensor<2x?x4x6xf32> {
  // CHECK: ssm.attention scale(5.000000e-01) softcap(3.000000e+01) left(7) right(0) global(2) ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x?x4x8xf32>, tensor<2x?x2x8xf32>, tensor<2x?x2x6xf32>) bias(%{{.*}} : tensor<1x4x1x?xf32>) slopes(%{{.*}} : tensor<4xf32>) sinks(%{{.*}} : tensor<4xf32>) segments(%{{.*}}, %{{.*}} : tensor<2x?xi32>, tensor<2x?xi32>) positions(%{{.*}}, %{{.*}} : tensor<2x?xi32>, tensor<2x?xi32>) prefix(%{{.*}} : tensor<2xi64>) outs(%{{.*}}, %{{.*}} : tensor<2x?x4x6xf32>, tensor<2x?x4xf32>) -> tensor<2x?x4x6xf32>, tensor<2x?x4xf32>
  %y, %l = ssm.attention scale(0.5) softcap(30.0) left(7) right(0) global(2)
    ins(%q, %k, %v : tensor<2x?x4x8xf32>, tensor<2x?x2x8xf32>, tensor<2x?x2x6xf32>)
    bias(%b : tensor<1x4x1x?xf32>) slopes(%h : tensor<4xf32>) sinks(%h : tensor<4xf32>)
    segments(%qs, %ks : tensor<2x?xi32>, tensor<2x?xi32>) positions(%qs, %ks : tensor<2x?xi32>, tensor<2x?xi32>)
    prefix(%p : tensor<2xi64>) outs(%y0, %l0 : tensor<2x?x4x6xf32>, tensor<2x?x4xf32>) -> tensor<2x?x4x6xf32>, tensor<2x?x4xf32>
  return %y : tensor<2x?x4x6xf32>
}

// CHECK-LABEL: func @lse_merge
func.func @lse_merge(%y: tensor<2x?x4x6xf16>, %l: tensor<2x?x4xf32>) -> tensor<2x?x4x6xf16> {
  // CHECK: ssm.lse_merge ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<2x?x4x6xf16>, tensor<2x?x4xf32>, tensor<2x?x4x6xf16>, tensor<2x?x4xf32>) outs(%{{.*}}, %{{.*}} : tensor<2x?x4x6xf16>, tensor<2x?x4xf32>) -> tensor<2x?x4x6xf16>, tensor<2x?x4xf32>
  %r, %s = ssm.lse_merge ins(%y, %l, %y, %l : tensor<2x?x4x6xf16>, tensor<2x?x4xf32>, tensor<2x?x4x6xf16>, tensor<2x?x4xf32>)
    outs(%y, %l : tensor<2x?x4x6xf16>, tensor<2x?x4xf32>) -> tensor<2x?x4x6xf16>, tensor<2x?x4xf32>
  return %r : tensor<2x?x4x6xf16>
}

// CHECK-LABEL: func @rope
func.func @rope(%x: tensor<2x?x4x6xf16>, %c: tensor<?x3xf32>, %m: memref<2x9x4x6xf16>, %a: memref<2x9x2xf16>) -> tensor<2x?x4x6xf16> {
  // CHECK: ssm.rope layout(half) ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x?x4x6xf16>, tensor<?x3xf32>, tensor<?x3xf32>) outs(%{{.*}} : tensor<2x?x4x6xf16>) -> tensor<2x?x4x6xf16>
  %y = ssm.rope layout(half) ins(%x, %c, %c : tensor<2x?x4x6xf16>, tensor<?x3xf32>, tensor<?x3xf32>)
    outs(%x : tensor<2x?x4x6xf16>) -> tensor<2x?x4x6xf16>
  // CHECK: ssm.rope layout(interleaved) ins({{.*}}) outs(%{{.*}} : memref<2x9x4x6xf16>){{$}}
  ssm.rope layout(interleaved) ins(%m, %a, %a : memref<2x9x4x6xf16>, memref<2x9x2xf16>, memref<2x9x2xf16>)
    outs(%m : memref<2x9x4x6xf16>)
  return %y : tensor<2x?x4x6xf16>
}

// CHECK-LABEL: func @routing
func.func @routing(%x: tensor<2x?x6xf32>, %r: tensor<2x?xi1>, %p0: tensor<2x?xf32>, %l0: tensor<2x6xf32>, %s0: tensor<2xi1>, %n0: tensor<2xi64>) -> tensor<2x?x6xf32> {
  // CHECK: ssm.route ins(%{{.*}}, %{{.*}} : tensor<2x?x6xf32>, tensor<2x?x6xf32>) resets(%{{.*}} : tensor<2x?xi1>) outs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x?xf32>, tensor<2x6xf32>, tensor<2xi1>) -> tensor<2x?xf32>, tensor<2x6xf32>, tensor<2xi1>
  %p, %last, %seen = ssm.route ins(%x, %x : tensor<2x?x6xf32>, tensor<2x?x6xf32>) resets(%r : tensor<2x?xi1>)
    outs(%p0, %l0, %s0 : tensor<2x?xf32>, tensor<2x6xf32>, tensor<2xi1>) -> tensor<2x?xf32>, tensor<2x6xf32>, tensor<2xi1>
  // CHECK: ssm.compact ins(%{{.*}}, %{{.*}} : tensor<2x?x6xf32>, tensor<2x?xi1>) outs(%{{.*}}, %{{.*}} : tensor<2x?x6xf32>, tensor<2xi64>) -> tensor<2x?x6xf32>, tensor<2xi64>
  %z, %n = ssm.compact ins(%x, %r : tensor<2x?x6xf32>, tensor<2x?xi1>) outs(%x, %n0 : tensor<2x?x6xf32>, tensor<2xi64>) -> tensor<2x?x6xf32>, tensor<2xi64>
  // CHECK: ssm.expand ins(%{{.*}}, %{{.*}} : tensor<2x?x6xf32>, tensor<2x?xi1>) outs(%{{.*}}, %{{.*}} : tensor<2x?x6xf32>, tensor<2x6xf32>) -> tensor<2x?x6xf32>, tensor<2x6xf32>
  %y, %l = ssm.expand ins(%z, %r : tensor<2x?x6xf32>, tensor<2x?xi1>) outs(%x, %last : tensor<2x?x6xf32>, tensor<2x6xf32>) -> tensor<2x?x6xf32>, tensor<2x6xf32>
  return %y : tensor<2x?x6xf32>
}

// CHECK-LABEL: func @attention_on_buffers
func.func @attention_on_buffers(%q: memref<2x?x2x8xf16>, %l: memref<2x?x2xf32>) {
  // CHECK: ssm.attention ins({{.*}}) outs(%{{.*}}, %{{.*}} : memref<2x?x2x8xf16>, memref<2x?x2xf32>){{$}}
  ssm.attention ins(%q, %q, %q : memref<2x?x2x8xf16>, memref<2x?x2x8xf16>, memref<2x?x2x8xf16>)
    outs(%q, %l : memref<2x?x2x8xf16>, memref<2x?x2xf32>)
  return
}

// CHECK-LABEL: func @scan
func.func @scan(%a: tensor<2x?x64xf32>, %h0: tensor<2x?x64xf32>, %s0: tensor<2x64xf32>) -> (tensor<2x?x64xf32>, tensor<2x64xf32>) {
  // CHECK: ssm.scan dimension(1) ins(%{{.*}}, %{{.*}} : tensor<2x?x64xf32>, tensor<2x?x64xf32>) outs(%{{.*}}, %{{.*}} : tensor<2x?x64xf32>, tensor<2x64xf32>) -> tensor<2x?x64xf32>, tensor<2x64xf32>
  %h, %s = ssm.scan dimension(1) ins(%a, %a : tensor<2x?x64xf32>, tensor<2x?x64xf32>)
    outs(%h0, %s0 : tensor<2x?x64xf32>, tensor<2x64xf32>) -> tensor<2x?x64xf32>, tensor<2x64xf32>
  return %h, %s : tensor<2x?x64xf32>, tensor<2x64xf32>
}

// CHECK-LABEL: func @scan_of_one_axis
func.func @scan_of_one_axis(%a: tensor<?xcomplex<f64>>, %s0: tensor<complex<f64>>) -> tensor<complex<f64>> {
  // CHECK: ssm.scan dimension(0) reverse
  %h, %s = ssm.scan dimension(0) reverse ins(%a, %a : tensor<?xcomplex<f64>>, tensor<?xcomplex<f64>>)
    outs(%a, %s0 : tensor<?xcomplex<f64>>, tensor<complex<f64>>) -> tensor<?xcomplex<f64>>, tensor<complex<f64>>
  return %s : tensor<complex<f64>>
}

// CHECK-LABEL: func @scan_of_integers
func.func @scan_of_integers(%a: tensor<3x4xi32>, %s0: tensor<4xi32>) -> tensor<3x4xi32> {
  // CHECK: ssm.scan dimension(0)
  %h, %s = ssm.scan dimension(0) ins(%a, %a : tensor<3x4xi32>, tensor<3x4xi32>)
    outs(%a, %s0 : tensor<3x4xi32>, tensor<4xi32>) -> tensor<3x4xi32>, tensor<4xi32>
  return %h : tensor<3x4xi32>
}

// CHECK-LABEL: func @scan_on_buffers
func.func @scan_on_buffers(%a: memref<2x?x64xf16, strided<[?, 64, 1], offset: ?>>, %h: memref<2x?x64xf16>, %s: memref<2x64xf32>) {
  // CHECK: ssm.scan dimension(1) ins({{.*}}) outs(%{{.*}}, %{{.*}} : memref<2x?x64xf16>, memref<2x64xf32>){{$}}
  ssm.scan dimension(1) ins(%a, %a : memref<2x?x64xf16, strided<[?, 64, 1], offset: ?>>, memref<2x?x64xf16, strided<[?, 64, 1], offset: ?>>)
    outs(%h, %s : memref<2x?x64xf16>, memref<2x64xf32>)
  return
}

// CHECK-LABEL: func @selective_scan
func.func @selective_scan(%u: tensor<?x?x96xf32>, %A: tensor<96x16xf32>, %B: tensor<?x?x16xf32>, %D: tensor<96xf32>, %s0: tensor<?x96x16xf32>) -> tensor<?x?x96xf32> {
  // CHECK: ssm.selective_scan ins({{.*}}) outs({{.*}}) -> tensor<?x?x96xf32>, tensor<?x96x16xf32>
  %y, %s = ssm.selective_scan ins(%u, %u, %A, %B, %B : tensor<?x?x96xf32>, tensor<?x?x96xf32>, tensor<96x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>)
    outs(%u, %s0 : tensor<?x?x96xf32>, tensor<?x96x16xf32>) -> tensor<?x?x96xf32>, tensor<?x96x16xf32>
  // CHECK: ssm.selective_scan reverse ins({{.*}}) skip(%{{.*}} : tensor<96xf32>) gate(%{{.*}} : tensor<?x?x96xf32>) outs({{.*}})
  %y2, %s2 = ssm.selective_scan reverse ins(%y, %u, %A, %B, %B : tensor<?x?x96xf32>, tensor<?x?x96xf32>, tensor<96x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>)
    skip(%D : tensor<96xf32>) gate(%u : tensor<?x?x96xf32>)
    outs(%u, %s : tensor<?x?x96xf32>, tensor<?x96x16xf32>) -> tensor<?x?x96xf32>, tensor<?x96x16xf32>
  return %y2 : tensor<?x?x96xf32>
}

// CHECK-LABEL: func @short_conv
func.func @short_conv(%x: tensor<2x?x96xbf16>, %w: tensor<96x4xf32>, %b: tensor<96xf32>, %s0: tensor<2x6x96xbf16>) -> tensor<2x?x96xbf16> {
  // CHECK: ssm.short_conv activation(silu) dilation(2) reverse ins({{.*}}) bias(%{{.*}} : tensor<96xf32>) outs({{.*}})
  %y, %s = ssm.short_conv activation(silu) dilation(2) reverse ins(%x, %w : tensor<2x?x96xbf16>, tensor<96x4xf32>) bias(%b : tensor<96xf32>)
    outs(%x, %s0 : tensor<2x?x96xbf16>, tensor<2x6x96xbf16>) -> tensor<2x?x96xbf16>, tensor<2x6x96xbf16>
  return %y : tensor<2x?x96xbf16>
}

// CHECK-LABEL: func @long_conv
func.func @long_conv(%x: tensor<2x?x96xbf16>, %k: tensor<?x96xf32>, %a: tensor<2x?x96xf32>, %s0: tensor<2x?x96xbf16>) -> (tensor<2x?x96xbf16>, tensor<2x?x96xbf16>) {
  // CHECK: ssm.long_conv circular ins({{.*}}) ahead(%{{.*}} : tensor<2x?x96xf32>) outs(%{{.*}} : tensor<2x?x96xbf16>) -> tensor<2x?x96xbf16>
  %z = ssm.long_conv circular ins(%x, %k : tensor<2x?x96xbf16>, tensor<?x96xf32>) ahead(%a : tensor<2x?x96xf32>)
    outs(%x : tensor<2x?x96xbf16>) -> tensor<2x?x96xbf16>
  // CHECK: ssm.long_conv ins({{.*}}) outs(%{{.*}}, %{{.*}} : tensor<2x?x96xbf16>, tensor<2x?x96xbf16>) -> tensor<2x?x96xbf16>, tensor<2x?x96xbf16>
  %y, %s = ssm.long_conv ins(%z, %k : tensor<2x?x96xbf16>, tensor<?x96xf32>)
    outs(%x, %s0 : tensor<2x?x96xbf16>, tensor<2x?x96xbf16>) -> tensor<2x?x96xbf16>, tensor<2x?x96xbf16>
  return %y, %s : tensor<2x?x96xbf16>, tensor<2x?x96xbf16>
}

// CHECK-LABEL: func @ssm_kernel
func.func @ssm_kernel(%a: tensor<2x96x32xf32>, %k0: tensor<?x96xf16>) -> tensor<?x96xf16> {
  // CHECK: ssm.ssm_kernel ins({{.*}}) outs(%{{.*}} : tensor<?x96xf16>) -> tensor<?x96xf16>
  %k = ssm.ssm_kernel ins(%a, %a : tensor<2x96x32xf32>, tensor<2x96x32xf32>) outs(%k0 : tensor<?x96xf16>)
    -> tensor<?x96xf16>
  return %k : tensor<?x96xf16>
}

// CHECK-LABEL: func @short_conv_of_width_one
func.func @short_conv_of_width_one(%x: tensor<2x?x96xf32>, %w: tensor<96x1xf32>, %s0: tensor<2x0x96xf32>) -> tensor<2x?x96xf32> {
  // CHECK: ssm.short_conv ins({{.*}}) outs({{.*}})
  %y, %s = ssm.short_conv ins(%x, %w : tensor<2x?x96xf32>, tensor<96x1xf32>)
    outs(%x, %s0 : tensor<2x?x96xf32>, tensor<2x0x96xf32>) -> tensor<2x?x96xf32>, tensor<2x0x96xf32>
  return %y : tensor<2x?x96xf32>
}

// CHECK-LABEL: func @linear
func.func @linear(%x: tensor<?x768xf32>, %w: tensor<4x768x16xf32>, %b: tensor<50xf32>, %r: tensor<?x50xf32>) -> tensor<?x50xf32> {
  // CHECK: ssm.linear ins({{.*}}) extras(%{{.*}}, %{{.*}} : tensor<50xf32>, tensor<?x50xf32>) outs({{.*}}) {
  // CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32, %{{.*}}: f32):
  %y = ssm.linear ins(%x, %w : tensor<?x768xf32>, tensor<4x768x16xf32>) extras(%b, %r : tensor<50xf32>, tensor<?x50xf32>)
    outs(%r : tensor<?x50xf32>) {
  ^bb0(%sum: f32, %bias: f32, %residual: f32):
    %0 = arith.addf %sum, %bias : f32
    %1 = arith.addf %0, %residual : f32
    // CHECK: ssm.yield %{{.*}} : f32
    ssm.yield %1 : f32
  } -> tensor<?x50xf32>
  return %y : tensor<?x50xf32>
}

// CHECK-LABEL: func @recurrence
func.func @recurrence(%x: tensor<2x?x8xf32>, %h0: tensor<?x2x8xf32>, %s0: tensor<2x8xf32>) -> tensor<?x2x8xf32> {
  // CHECK: ssm.recurrence axes[1, 0] reverse[false, true] ins(%{{.*}} : tensor<2x?x8xf32>) outs(%{{.*}} : tensor<?x2x8xf32>) states(%{{.*}} : tensor<2x8xf32>) {
  %h, %s = ssm.recurrence axes[1, 0] reverse[false, true] ins(%x : tensor<2x?x8xf32>) outs(%h0 : tensor<?x2x8xf32>) states(%s0 : tensor<2x8xf32>) {
  ^bb0(%xt: tensor<2x8xf32>, %s: tensor<2x8xf32>):
    %0 = arith.addf %xt, %s : tensor<2x8xf32>
    // CHECK: ssm.yield %{{.*}}, %{{.*}} : tensor<2x8xf32>, tensor<2x8xf32>
    ssm.yield %0, %0 : tensor<2x8xf32>, tensor<2x8xf32>
  } -> tensor<?x2x8xf32>, tensor<2x8xf32>
  return %h : tensor<?x2x8xf32>
}

// CHECK-LABEL: func @recurrence_without_sequences
func.func @recurrence_without_sequences(%h0: tensor<?xf32>, %s0: tensor<f32>) -> tensor<?xf32> {
  // CHECK: ssm.recurrence axes[0] ins() outs(%{{.*}} : tensor<?xf32>) states(%{{.*}} : tensor<f32>) {
  %h, %s = ssm.recurrence axes[0] ins() outs(%h0 : tensor<?xf32>) states(%s0 : tensor<f32>) {
  ^bb0(%s: tensor<f32>):
    %0 = arith.addf %s, %s : tensor<f32>
    ssm.yield %0, %s : tensor<f32>, tensor<f32>
  } -> tensor<?xf32>, tensor<f32>
  return %h : tensor<?xf32>
}

// Grouped keys, more queries than states, every form of decay.
// CHECK-LABEL: func @semiseparable
func.func @semiseparable(%q: tensor<2x?x4x8xf32>, %k: tensor<2x?x1x8xf32>, %v: tensor<2x?x2x6xf32>, %g: tensor<2x?x2x8xf32>, %r: tensor<2x?xi1>, %y0: tensor<2x?x4x6xf32>, %s0: tensor<2x2x8x6xf32>) -> (tensor<2x?x4x6xf32>, tensor<2x2x8x6xf32>) {
  // CHECK: ssm.semiseparable reverse ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x?x4x8xf32>, tensor<2x?x1x8xf32>, tensor<2x?x2x6xf32>) decay(%{{.*}} : tensor<2x?x2x8xf32>) resets(%{{.*}} : tensor<2x?xi1>) outs(%{{.*}}, %{{.*}} : tensor<2x?x4x6xf32>, tensor<2x2x8x6xf32>) -> tensor<2x?x4x6xf32>, tensor<2x2x8x6xf32>
  %y, %s = ssm.semiseparable reverse ins(%q, %k, %v : tensor<2x?x4x8xf32>, tensor<2x?x1x8xf32>, tensor<2x?x2x6xf32>)
    decay(%g : tensor<2x?x2x8xf32>) resets(%r : tensor<2x?xi1>)
    outs(%y0, %s0 : tensor<2x?x4x6xf32>, tensor<2x2x8x6xf32>) -> tensor<2x?x4x6xf32>, tensor<2x2x8x6xf32>
  return %y, %s : tensor<2x?x4x6xf32>, tensor<2x2x8x6xf32>
}

// CHECK-LABEL: func @semiseparable_on_buffers
func.func @semiseparable_on_buffers(%q: memref<2x?x2x8xf16>, %y: memref<2x?x2x6xf16>, %g: memref<2xf32>, %s: memref<2x2x8x6xf32>) {
  // CHECK: ssm.semiseparable ins({{.*}}) decay(%{{.*}} : memref<2xf32>) outs(%{{.*}}, %{{.*}} : memref<2x?x2x6xf16>, memref<2x2x8x6xf32>){{$}}
  ssm.semiseparable ins(%q, %q, %y : memref<2x?x2x8xf16>, memref<2x?x2x8xf16>, memref<2x?x2x6xf16>)
    decay(%g : memref<2xf32>) outs(%y, %s : memref<2x?x2x6xf16>, memref<2x2x8x6xf32>)
  return
}

// CHECK-LABEL: func @delta_rule
func.func @delta_rule(%q: tensor<2x?x4x8xf32>, %k: tensor<2x?x1x8xf32>, %v: tensor<2x?x2x6xf32>, %beta: tensor<2x?x2xf32>, %r: tensor<2x?xi1>, %y0: tensor<2x?x4x6xf32>, %s0: tensor<2x2x8x6xf32>) -> tensor<2x?x4x6xf32> {
  // CHECK: ssm.delta_rule reverse ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x?x4x8xf32>, tensor<2x?x1x8xf32>, tensor<2x?x2x6xf32>) beta(%{{.*}} : tensor<2x?x2xf32>) decay(%{{.*}} : tensor<2x?x2xf32>) resets(%{{.*}} : tensor<2x?xi1>) outs(%{{.*}}, %{{.*}} : tensor<2x?x4x6xf32>, tensor<2x2x8x6xf32>) -> tensor<2x?x4x6xf32>, tensor<2x2x8x6xf32>
  %y, %s = ssm.delta_rule reverse ins(%q, %k, %v : tensor<2x?x4x8xf32>, tensor<2x?x1x8xf32>, tensor<2x?x2x6xf32>)
    beta(%beta : tensor<2x?x2xf32>) decay(%beta : tensor<2x?x2xf32>) resets(%r : tensor<2x?xi1>)
    outs(%y0, %s0 : tensor<2x?x4x6xf32>, tensor<2x2x8x6xf32>) -> tensor<2x?x4x6xf32>, tensor<2x2x8x6xf32>
  return %y : tensor<2x?x4x6xf32>
}

// CHECK-LABEL: func @delta_rule_erase_on_buffers
func.func @delta_rule_erase_on_buffers(%q: memref<2x?x2x8xf16>, %y: memref<2x?x2x6xf16>, %s: memref<2x2x8x6xf32>) {
  // CHECK: ssm.delta_rule ins({{.*}}) erase(%{{.*}}, %{{.*}} : memref<2x?x2x8xf16>, memref<2x?x2x8xf16>) outs(%{{.*}}, %{{.*}} : memref<2x?x2x6xf16>, memref<2x2x8x6xf32>){{$}}
  ssm.delta_rule ins(%q, %q, %y : memref<2x?x2x8xf16>, memref<2x?x2x8xf16>, memref<2x?x2x6xf16>)
    erase(%q, %q : memref<2x?x2x8xf16>, memref<2x?x2x8xf16>) outs(%y, %s : memref<2x?x2x6xf16>, memref<2x2x8x6xf32>)
  return
}

// CHECK-LABEL: func @quasiseparable
func.func @quasiseparable(%q: tensor<2x?x4x8xf16>, %k: tensor<2x?x1x8xf16>, %v: tensor<2x?x2x6xf16>, %d: tensor<2x?x2xf32>, %r: tensor<2x?xi1>, %y0: tensor<2x?x4x6xf16>) -> tensor<2x?x4x6xf16> {
  // CHECK: ssm.quasiseparable ins({{.*}}) diagonal(%{{.*}} : tensor<2x?x2xf32>) decay(%{{.*}}, %{{.*}} : tensor<2x?x2xf32>, tensor<2x?x2xf32>) resets(%{{.*}} : tensor<2x?xi1>) outs(%{{.*}} : tensor<2x?x4x6xf16>) -> tensor<2x?x4x6xf16>
  %y = ssm.quasiseparable ins(%q, %k, %q, %k, %v : tensor<2x?x4x8xf16>, tensor<2x?x1x8xf16>, tensor<2x?x4x8xf16>, tensor<2x?x1x8xf16>, tensor<2x?x2x6xf16>)
    diagonal(%d : tensor<2x?x2xf32>) decay(%d, %d : tensor<2x?x2xf32>, tensor<2x?x2xf32>) resets(%r : tensor<2x?xi1>)
    outs(%y0 : tensor<2x?x4x6xf16>) -> tensor<2x?x4x6xf16>
  return %y : tensor<2x?x4x6xf16>
}

// CHECK-LABEL: func @quasiseparable_on_buffers
func.func @quasiseparable_on_buffers(%q: memref<2x?x2x8xf32>, %y: memref<2x?x2x6xf32>) {
  // CHECK: ssm.quasiseparable ins({{.*}}) outs(%{{.*}} : memref<2x?x2x6xf32>){{$}}
  ssm.quasiseparable ins(%q, %q, %q, %q, %y : memref<2x?x2x8xf32>, memref<2x?x2x8xf32>, memref<2x?x2x8xf32>, memref<2x?x2x8xf32>, memref<2x?x2x6xf32>)
    outs(%y : memref<2x?x2x6xf32>)
  return
}

// CHECK-LABEL: func @associative_scan
func.func @associative_scan(%x: tensor<?x2x8xbf16>, %s0: tensor<2x8xf32>) -> tensor<?x2x8xbf16> {
  // CHECK: ssm.associative_scan axes[0] reverse ins(%{{.*}} : tensor<?x2x8xbf16>) outs(%{{.*}} : tensor<?x2x8xbf16>) states(%{{.*}} : tensor<2x8xf32>) {
  %y, %s = ssm.associative_scan axes[0] reverse ins(%x : tensor<?x2x8xbf16>) outs(%x : tensor<?x2x8xbf16>) states(%s0 : tensor<2x8xf32>) {
  ^bb0(%earlier: tensor<2x8xf32>, %later: tensor<?x8xf32>):
    %cast = tensor.cast %later : tensor<?x8xf32> to tensor<2x8xf32>
    %0 = arith.maximumf %earlier, %cast : tensor<2x8xf32>
    // CHECK: ssm.yield %{{.*}} : tensor<2x8xf32>
    ssm.yield %0 : tensor<2x8xf32>
  } -> tensor<?x2x8xbf16>, tensor<2x8xf32>
  return %y : tensor<?x2x8xbf16>
}

// CHECK-LABEL: func @resets
func.func @resets(%u: tensor<?x?x96xf32>, %A: tensor<96x16xf32>, %B: tensor<?x?x16xf32>, %w: tensor<96x4xf32>, %r: tensor<?x?xi1>, %s0: tensor<?x96x16xf32>, %c0: tensor<?x3x96xf32>) -> tensor<?x?x96xf32> {
  // CHECK: ssm.selective_scan ins({{.*}}) resets(%{{.*}} : tensor<?x?xi1>) outs({{.*}})
  %y, %s = ssm.selective_scan ins(%u, %u, %A, %B, %B : tensor<?x?x96xf32>, tensor<?x?x96xf32>, tensor<96x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>)
    resets(%r : tensor<?x?xi1>) outs(%u, %s0 : tensor<?x?x96xf32>, tensor<?x96x16xf32>) -> tensor<?x?x96xf32>, tensor<?x96x16xf32>
  // CHECK: ssm.short_conv ins({{.*}}) resets(%{{.*}} : tensor<?x?xi1>) outs({{.*}})
  %c, %t = ssm.short_conv ins(%y, %w : tensor<?x?x96xf32>, tensor<96x4xf32>) resets(%r : tensor<?x?xi1>)
    outs(%u, %c0 : tensor<?x?x96xf32>, tensor<?x3x96xf32>) -> tensor<?x?x96xf32>, tensor<?x3x96xf32>
  return %c : tensor<?x?x96xf32>
}
