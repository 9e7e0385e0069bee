// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @semiseparable_c1(%q: memref<1x5x2x4xf32>, %y: memref<1x5x2x3xf32>, %s: tensor<1x2x4x3xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'q' is 'memref<1x5x2x4xf32>', 'state' is 'tensor<1x2x4x3xf32>'}}
  %0 = ssm.semiseparable ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    outs(%y, %s : memref<1x5x2x3xf32>, tensor<1x2x4x3xf32>) -> tensor<1x2x4x3xf32>
  return
}

// -----

func.func @semiseparable_c2(%q: memref<1x5x2x4xf32>, %k: memref<1x5x2x6xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{extent N is 4 in 'q' but 6 in 'k'}}
  ssm.semiseparable ins(%q, %k, %y : memref<1x5x2x4xf32>, memref<1x5x2x6xf32>, memref<1x5x2x3xf32>)
    outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c2_scale(%q: memref<1x5x2x4xf32>, %c: memref<1x5x1xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{extent H is 2 in 'q' but 1 in 'scale'}}
  ssm.semiseparable ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    scale(%c : memref<1x5x1xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c2_skip(%q: memref<1x5x2x4xf32>, %d: memref<2x1xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{'skip' must have the shape H, but is 'memref<2x1xf32>'}}
  ssm.semiseparable ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    skip(%d : memref<2x1xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c2_decay(%q: memref<1x5x2x4xf32>, %g: memref<1x6x2xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{extent L is 5 in 'q' but 6 in 'decay'}}
  ssm.semiseparable ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    decay(%g : memref<1x6x2xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c2_rank(%q: memref<1x5x2x4xf32>, %g: memref<1x5x2x4x1xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{'decay' must have the shape B x L x H x N, but is 'memref<1x5x2x4x1xf32>'}}
  ssm.semiseparable ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    decay(%g : memref<1x5x2x4x1xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c3(%q: memref<1x5x?x4xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{numbers of heads must be static and at least 1}}
  ssm.semiseparable ins(%q, %q, %y : memref<1x5x?x4xf32>, memref<1x5x?x4xf32>, memref<1x5x2x3xf32>)
    outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c3_keys(%q: memref<1x5x3x4xf32>, %k: memref<1x5x2x4xf32>, %y: memref<1x5x3x3xf32>, %s: memref<1x3x4x3xf32>) {
  // expected-error@+1 {{has 2 key heads, which do not divide 3 value heads}}
  ssm.semiseparable ins(%q, %k, %y : memref<1x5x3x4xf32>, memref<1x5x2x4xf32>, memref<1x5x3x3xf32>)
    outs(%y, %s : memref<1x5x3x3xf32>, memref<1x3x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c3_queries(%q: memref<1x5x2x4xf32>, %k: memref<1x5x3x4xf32>, %y: memref<1x5x3x3xf32>, %s: memref<1x3x4x3xf32>) {
  // expected-error@+1 {{has 2 query heads and 3 value heads, of which neither divides the other}}
  ssm.semiseparable ins(%q, %k, %y : memref<1x5x2x4xf32>, memref<1x5x3x4xf32>, memref<1x5x3x3xf32>)
    outs(%y, %s : memref<1x5x3x3xf32>, memref<1x3x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c3_outputs(%q: memref<1x5x4x4xf32>, %k: memref<1x5x2x4xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{'y' must have 4 heads, the larger of 4 query and 2 value heads, but is 'memref<1x5x2x3xf32>'}}
  ssm.semiseparable ins(%q, %k, %y : memref<1x5x4x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c4(%q: memref<1x5x2x4xf64>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{element type of 'q', 'f64', must not be wider than that of 'state', 'f32'}}
  ssm.semiseparable ins(%q, %q, %y : memref<1x5x2x4xf64>, memref<1x5x2x4xf64>, memref<1x5x2x3xf32>)
    outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c4_resets(%q: memref<1x5x2x4xf32>, %r: memref<1x5xi32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{element type of 'resets' must be i1, but is 'i32'}}
  ssm.semiseparable ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    resets(%r : memref<1x5xi32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @semiseparable_c4_width(%q: memref<1x5x2x4xf8E4M3FN>, %y: memref<1x5x2x3xf8E4M3FN>, %s: memref<1x2x4x3xf8E4M3FN>) {
  // expected-error@+1 {{element type of 'q' must be a float of 16 to 64 bits, but is 'f8E4M3FN'}}
  ssm.semiseparable ins(%q, %q, %y : memref<1x5x2x4xf8E4M3FN>, memref<1x5x2x4xf8E4M3FN>, memref<1x5x2x3xf8E4M3FN>)
    outs(%y, %s : memref<1x5x2x3xf8E4M3FN>, memref<1x2x4x3xf8E4M3FN>)
  return
}
