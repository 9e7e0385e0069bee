// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @quasiseparable_c1(%q: memref<1x5x2x4xf32>, %y: memref<1x5x2x3xf32>, %t: tensor<1x5x2x3xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'qf' is 'memref<1x5x2x4xf32>', 'y' is 'tensor<1x5x2x3xf32>'}}
  %0 = ssm.quasiseparable ins(%q, %q, %q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    outs(%t : tensor<1x5x2x3xf32>) -> tensor<1x5x2x3xf32>
  return
}

// -----

func.func @quasiseparable_c2(%q: memref<1x5x2x4xf32>, %k: memref<1x5x2x6xf32>, %y: memref<1x5x2x3xf32>) {
  // expected-error@+1 {{extent N is 4 in 'qf' but 6 in 'kb'}}
  ssm.quasiseparable ins(%q, %q, %q, %k, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x6xf32>, memref<1x5x2x3xf32>)
    outs(%y : memref<1x5x2x3xf32>)
  return
}

// -----

func.func @quasiseparable_c2_decay(%q: memref<1x5x2x4xf32>, %g: memref<2xf32>, %h: memref<1x6x2xf32>, %y: memref<1x5x2x3xf32>) {
  // expected-error@+1 {{extent L is 5 in 'qf' but 6 in 'gb'}}
  ssm.quasiseparable ins(%q, %q, %q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    decay(%g, %h : memref<2xf32>, memref<1x6x2xf32>) outs(%y : memref<1x5x2x3xf32>)
  return
}

// -----

func.func @quasiseparable_c2_diagonal(%q: memref<1x5x2x4xf32>, %d: memref<1x5x3xf32>, %y: memref<1x5x2x3xf32>) {
  // expected-error@+1 {{extent H is 2 in 'qf' but 3 in 'diagonal'}}
  ssm.quasiseparable ins(%q, %q, %q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    diagonal(%d : memref<1x5x3xf32>) outs(%y : memref<1x5x2x3xf32>)
  return
}

// -----

func.func @quasiseparable_c3(%q: memref<1x5x?x4xf32>, %y: memref<1x5x2x3xf32>) {
  // expected-error@+1 {{numbers of heads must be static and at least 1}}
  ssm.quasiseparable ins(%q, %q, %q, %q, %y : memref<1x5x?x4xf32>, memref<1x5x?x4xf32>, memref<1x5x?x4xf32>, memref<1x5x?x4xf32>, memref<1x5x2x3xf32>)
    outs(%y : memref<1x5x2x3xf32>)
  return
}

// -----

func.func @quasiseparable_c3_keys(%q: memref<1x5x3x4xf32>, %k: memref<1x5x2x4xf32>, %y: memref<1x5x3x3xf32>) {
  // expected-error@+1 {{has 2 key heads, which do not divide 3 value heads}}
  ssm.quasiseparable ins(%q, %k, %q, %k, %y : memref<1x5x3x4xf32>, memref<1x5x2x4xf32>, memref<1x5x3x4xf32>, memref<1x5x2x4xf32>, memref<1x5x3x3xf32>)
    outs(%y : memref<1x5x3x3xf32>)
  return
}

// -----

func.func @quasiseparable_c4(%q: memref<1x5x2x4xf32>, %d: memref<1x5x2xi32>, %y: memref<1x5x2x3xf32>) {
  // expected-error@+1 {{element type of 'diagonal' must be a float of 16 to 64 bits, but is 'i32'}}
  ssm.quasiseparable ins(%q, %q, %q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    diagonal(%d : memref<1x5x2xi32>) outs(%y : memref<1x5x2x3xf32>)
  return
}

// -----

func.func @quasiseparable_c4_resets(%q: memref<1x5x2x4xf32>, %r: memref<1x5xf32>, %y: memref<1x5x2x3xf32>) {
  // expected-error@+1 {{element type of 'resets' must be i1, but is 'f32'}}
  ssm.quasiseparable ins(%q, %q, %q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    resets(%r : memref<1x5xf32>) outs(%y : memref<1x5x2x3xf32>)
  return
}

// -----

func.func @quasiseparable_c5(%q: memref<1x5x2x4xf32>, %g: memref<2xf32>, %y: memref<1x5x2x3xf32>) {
  // expected-error@+1 {{needs a decay for both directions or for none}}
  "ssm.quasiseparable"(%q, %q, %q, %q, %y, %g, %y) <{operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0, 1, 0, 0, 1>}>
    : (memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>, memref<2xf32>, memref<1x5x2x3xf32>) -> ()
  return
}
