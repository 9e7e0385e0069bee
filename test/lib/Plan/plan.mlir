// RUN: ssm-opt %s -split-input-file -ssm-plan="cpu=znver4 assume=L=64" | FileCheck %s
// RUN: ssm-opt %s -split-input-file -ssm-plan="cpu=znver4 threads=4" | FileCheck %s --check-prefix=THREADS

// A kernel that carries the state in registers beats loops by its estimate.
// CHECK-LABEL: module attributes
//  CHECK-SAME: ssmc.plan = [{assumptions = ["L = 64"]
//  CHECK-SAME: chosen = {{{[^}]*}}kernel = true, strategy = "chunked"}
//  CHECK-SAME: count = 2
//  CHECK-SAME: estimates = [{{{[^}]*}}kernel = false, strategy = "recurrent"}
//  CHECK-SAME: {{{[^}]*}}exps = 1536{{[^}]*}}flops = 50331648{{[^}]*}}strategy = "chunked"}
//  CHECK-SAME: {{{[^}]*}}kernel = false, strategy = "dense"}]
//  CHECK-SAME: op = "ssm.semiseparable"
//       CHECK: func @kernel
//       CHECK: ssm.semiseparable
//  CHECK-SAME: {ssm.strategy = #ssm.strategy<chunked>}
//       CHECK: ssm.semiseparable
//  CHECK-SAME: {ssm.strategy = #ssm.strategy<chunked>}
module {
  func.func @kernel(%q: tensor<1x?x1x128xf32>, %v: tensor<1x?x24x64xf32>, %g: tensor<1x?x24xf32>, %s: tensor<1x24x128x64xf32>)
      -> (tensor<1x?x24x64xf32>, tensor<1x24x128x64xf32>) {
    %y, %last = ssm.semiseparable ins(%q, %q, %v : tensor<1x?x1x128xf32>, tensor<1x?x1x128xf32>, tensor<1x?x24x64xf32>)
        decay(%g : tensor<1x?x24xf32>) outs(%v, %s : tensor<1x?x24x64xf32>, tensor<1x24x128x64xf32>)
        -> tensor<1x?x24x64xf32>, tensor<1x24x128x64xf32>
    %z, %end = ssm.semiseparable ins(%q, %q, %y : tensor<1x?x1x128xf32>, tensor<1x?x1x128xf32>, tensor<1x?x24x64xf32>)
        decay(%g : tensor<1x?x24xf32>) outs(%v, %last : tensor<1x?x24x64xf32>, tensor<1x24x128x64xf32>)
        -> tensor<1x?x24x64xf32>, tensor<1x24x128x64xf32>
    return %z, %end : tensor<1x?x24x64xf32>, tensor<1x24x128x64xf32>
  }
}

// -----

// Double precision has no kernel, and products are cheaper than a state that
// goes through memory at each step.
// CHECK-LABEL: func @products
//       CHECK: #ssm.strategy<chunked, chunk = {{[0-9]+}}>
func.func @products(%q: tensor<1x512x24x128xf64>, %v: tensor<1x512x24x64xf64>, %s: tensor<1x24x128x64xf64>) -> tensor<1x512x24x64xf64> {
  %y, %last = ssm.semiseparable ins(%q, %q, %v : tensor<1x512x24x128xf64>, tensor<1x512x24x128xf64>, tensor<1x512x24x64xf64>)
      outs(%v, %s : tensor<1x512x24x64xf64>, tensor<1x24x128x64xf64>) -> tensor<1x512x24x64xf64>, tensor<1x24x128x64xf64>
  return %y : tensor<1x512x24x64xf64>
}

// -----

// So are the scores of all queries, as long as there is room for them.
// CHECK-LABEL: func @scores
//       CHECK: #ssm.strategy<dense>
//       CHECK: #ssm.strategy<recurrent>
func.func @scores(%q: tensor<1x128x12x64xf64>, %lse: tensor<1x128x12xf64>, %long: tensor<1x4096x12x64xf64>, %longLse: tensor<1x4096x12xf64>)
    -> (tensor<1x128x12x64xf64>, tensor<1x4096x12x64xf64>) {
  %0:2 = ssm.attention right(0) ins(%q, %q, %q : tensor<1x128x12x64xf64>, tensor<1x128x12x64xf64>, tensor<1x128x12x64xf64>)
      outs(%q, %lse : tensor<1x128x12x64xf64>, tensor<1x128x12xf64>) -> tensor<1x128x12x64xf64>, tensor<1x128x12xf64>
  %1:2 = ssm.attention right(0) ins(%long, %long, %long : tensor<1x4096x12x64xf64>, tensor<1x4096x12x64xf64>, tensor<1x4096x12x64xf64>)
      outs(%long, %longLse : tensor<1x4096x12x64xf64>, tensor<1x4096x12xf64>) -> tensor<1x4096x12x64xf64>, tensor<1x4096x12xf64>
  return %0#0, %1#0 : tensor<1x128x12x64xf64>, tensor<1x4096x12x64xf64>
}

// -----

// Complex numbers have no kernel, and are scanned step by step.
// CHECK-LABEL: func @complex
//       CHECK: #ssm.strategy<recurrent>
func.func @complex(%a: tensor<512x64xcomplex<f32>>, %s: tensor<64xcomplex<f32>>) -> tensor<512x64xcomplex<f32>> {
  %h, %last = ssm.scan dimension(0) ins(%a, %a : tensor<512x64xcomplex<f32>>, tensor<512x64xcomplex<f32>>)
      outs(%a, %s : tensor<512x64xcomplex<f32>>, tensor<64xcomplex<f32>>) -> tensor<512x64xcomplex<f32>>, tensor<64xcomplex<f32>>
  return %h : tensor<512x64xcomplex<f32>>
}

// -----

// What an op says itself stays, and so does an op of one strategy.
// CHECK-LABEL: func @given
//       CHECK: ssm.scan
//  CHECK-SAME: #ssm.strategy<associative_scan, chunk = 32>
//       CHECK: ssm.scan
//  CHECK-SAME: #ssm.strategy<recurrent>
//       CHECK: ssm.recurrence
//   CHECK-NOT: ssm.strategy
func.func @given(%a: tensor<512x64xf32>, %s: tensor<64xf32>) -> (tensor<512x64xf32>, tensor<512x64xf32>, tensor<512x64xf32>) {
  %0:2 = ssm.scan dimension(0) ins(%a, %a : tensor<512x64xf32>, tensor<512x64xf32>) outs(%a, %s : tensor<512x64xf32>, tensor<64xf32>)
      {ssm.strategy = #ssm.strategy<associative_scan, chunk = 32>} -> tensor<512x64xf32>, tensor<64xf32>
  %1:2 = ssm.scan dimension(0) ins(%a, %a : tensor<512x64xf32>, tensor<512x64xf32>) outs(%a, %s : tensor<512x64xf32>, tensor<64xf32>)
      -> tensor<512x64xf32>, tensor<64xf32>
  %2:2 = ssm.recurrence axes[0, 0] ins(%a : tensor<512x64xf32>) outs(%a : tensor<512x64xf32>) states(%s : tensor<64xf32>) {
  ^bb0(%x: tensor<64xf32>, %h: tensor<64xf32>):
    %n = arith.maximumf %x, %h : tensor<64xf32>
    ssm.yield %n, %n : tensor<64xf32>, tensor<64xf32>
  } -> tensor<512x64xf32>, tensor<64xf32>
  return %0#0, %1#0, %2#0 : tensor<512x64xf32>, tensor<512x64xf32>, tensor<512x64xf32>
}

// -----

// A scan that has one block of rows is cut for four threads, and so is one by a
// combiner, into five pieces; where they have rows enough it is not.
// CHECK-LABEL: func @few_rows
//       CHECK: ssm.scan
//  CHECK-SAME: #ssm.strategy<recurrent>
//       CHECK: ssm.associative_scan
//       CHECK: #ssm.strategy<recurrent>
// THREADS-LABEL: func @few_rows
//       THREADS: ssm.scan
//  THREADS-SAME: #ssm.strategy<associative_scan, chunk = {{[0-9]+}}>
//       THREADS: ssm.associative_scan
//       THREADS: #ssm.strategy<associative_scan, chunk = 13108>
//       THREADS: ssm.scan
//  THREADS-SAME: #ssm.strategy<recurrent>
func.func @few_rows(%a: tensor<65536x8xf32>, %s: tensor<8xf32>, %b: tensor<64x4096x512xf32>, %r: tensor<64x512xf32>)
    -> (tensor<65536x8xf32>, tensor<65536x8xf32>, tensor<64x4096x512xf32>) {
  %0:2 = ssm.scan dimension(0) ins(%a, %a : tensor<65536x8xf32>, tensor<65536x8xf32>) outs(%a, %s : tensor<65536x8xf32>, tensor<8xf32>)
      -> tensor<65536x8xf32>, tensor<8xf32>
  %1:2 = ssm.associative_scan axes[0] ins(%a : tensor<65536x8xf32>) outs(%a : tensor<65536x8xf32>) states(%s : tensor<8xf32>) {
  ^bb0(%x: tensor<8xf32>, %y: tensor<8xf32>):
    %m = arith.maximumf %x, %y : tensor<8xf32>
    ssm.yield %m : tensor<8xf32>
  } -> tensor<65536x8xf32>, tensor<8xf32>
  %2:2 = ssm.scan dimension(1) ins(%b, %b : tensor<64x4096x512xf32>, tensor<64x4096x512xf32>) outs(%b, %r : tensor<64x4096x512xf32>, tensor<64x512xf32>)
      -> tensor<64x4096x512xf32>, tensor<64x512xf32>
  return %0#0, %1#0, %2#0 : tensor<65536x8xf32>, tensor<65536x8xf32>, tensor<64x4096x512xf32>
}

// -----

// A matrix would take less for so few steps, but a kernel leaves alone what a step
// does not see; in double precision there is none.
// CHECK-LABEL: func @few_steps
//       CHECK: ssm.quasiseparable
//  CHECK-SAME: #ssm.strategy<recurrent>
//       CHECK: ssm.quasiseparable
//  CHECK-SAME: #ssm.strategy<chunked, chunk = {{[0-9]+}}>
func.func @few_steps(%q: tensor<1x16x1x64xf32>, %v: tensor<1x16x4x64xf32>, %p: tensor<1x16x1x64xf64>, %w: tensor<1x16x4x64xf64>)
    -> (tensor<1x16x4x64xf32>, tensor<1x16x4x64xf64>) {
  %0 = ssm.quasiseparable ins(%q, %q, %q, %q, %v : tensor<1x16x1x64xf32>, tensor<1x16x1x64xf32>, tensor<1x16x1x64xf32>,
      tensor<1x16x1x64xf32>, tensor<1x16x4x64xf32>) outs(%v : tensor<1x16x4x64xf32>) -> tensor<1x16x4x64xf32>
  %1 = ssm.quasiseparable ins(%p, %p, %p, %p, %w : tensor<1x16x1x64xf64>, tensor<1x16x1x64xf64>, tensor<1x16x1x64xf64>,
      tensor<1x16x1x64xf64>, tensor<1x16x4x64xf64>) outs(%w : tensor<1x16x4x64xf64>) -> tensor<1x16x4x64xf64>
  return %0, %1 : tensor<1x16x4x64xf32>, tensor<1x16x4x64xf64>
}

// -----

// Long kernels by transforms, unless there are few steps, or few lags.
// CHECK-LABEL: func @long_conv
//       CHECK: ssm.long_conv
//  CHECK-SAME: #ssm.strategy<fft>
//       CHECK: ssm.long_conv
//  CHECK-SAME: #ssm.strategy<recurrent>
//       CHECK: ssm.long_conv
//  CHECK-SAME: #ssm.strategy<recurrent>
//       CHECK: ssm.long_conv circular
//  CHECK-SAME: #ssm.strategy<fft>
func.func @long_conv(%x: tensor<1x4096x768xf32>, %k: tensor<4096x768xf32>, %u: tensor<1x1x768xf32>, %s: tensor<1x4095x768xf32>,
                     %w: tensor<32x768xf32>)
    -> (tensor<1x4096x768xf32>, tensor<1x1x768xf32>, tensor<1x4096x768xf32>, tensor<1x4096x768xf32>) {
  %0 = ssm.long_conv ins(%x, %k : tensor<1x4096x768xf32>, tensor<4096x768xf32>) outs(%x : tensor<1x4096x768xf32>) -> tensor<1x4096x768xf32>
  %1:2 = ssm.long_conv ins(%u, %k : tensor<1x1x768xf32>, tensor<4096x768xf32>) outs(%u, %s : tensor<1x1x768xf32>, tensor<1x4095x768xf32>)
      -> tensor<1x1x768xf32>, tensor<1x4095x768xf32>
  %2 = ssm.long_conv ins(%x, %w : tensor<1x4096x768xf32>, tensor<32x768xf32>) outs(%x : tensor<1x4096x768xf32>) -> tensor<1x4096x768xf32>
  %3 = ssm.long_conv circular ins(%x, %k : tensor<1x4096x768xf32>, tensor<4096x768xf32>) outs(%x : tensor<1x4096x768xf32>) -> tensor<1x4096x768xf32>
  return %0, %1#0, %2, %3 : tensor<1x4096x768xf32>, tensor<1x1x768xf32>, tensor<1x4096x768xf32>, tensor<1x4096x768xf32>
}
