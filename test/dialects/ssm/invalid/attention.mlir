// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @attention_c1(%q: memref<1x5x2x4xf32>, %l: tensor<1x5x2xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'q' is 'memref<1x5x2x4xf32>', 'lse' is 'tensor<1x5x2xf32>'}}
  %0 = ssm.attention ins(%q, %q, %q : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>)
    outs(%q, %l : memref<1x5x2x4xf32>, tensor<1x5x2xf32>) -> tensor<1x5x2xf32>
  return
}

// -----

func.func @attention_c2(%q: memref<1x5x2x4xf32>, %k: memref<1x6x2x4xf32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{extent Lk is 6 in 'k' but 5 in 'v'}}
  ssm.attention ins(%q, %k, %q : memref<1x5x2x4xf32>, memref<1x6x2x4xf32>, memref<1x5x2x4xf32>)
    outs(%q, %l : memref<1x5x2x4xf32>, memref<1x5x2xf32>)
  return
}

// -----

func.func @attention_c2_bias(%q: memref<1x5x2x4xf32>, %b: memref<1x2x3x5xf32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{extent Lq is 5 in 'q' but 3 in 'bias'}}
  ssm.attention ins(%q, %q, %q : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>)
    bias(%b : memref<1x2x3x5xf32>) outs(%q, %l : memref<1x5x2x4xf32>, memref<1x5x2xf32>)
  return
}

// -----

func.func @attention_c2_rank(%q: memref<1x5x2x4xf32>, %b: memref<5x5xf32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{'bias' must have the shape B x J x Lq x Lk, but is 'memref<5x5xf32>'}}
  ssm.attention ins(%q, %q, %q : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>)
    bias(%b : memref<5x5xf32>) outs(%q, %l : memref<1x5x2x4xf32>, memref<1x5x2xf32>)
  return
}

// -----

func.func @attention_c3(%q: memref<1x5x?x4xf32>, %l: memref<1x5x?xf32>) {
  // expected-error@+1 {{numbers of heads must be static and at least 1}}
  ssm.attention ins(%q, %q, %q : memref<1x5x?x4xf32>, memref<1x5x?x4xf32>, memref<1x5x?x4xf32>)
    outs(%q, %l : memref<1x5x?x4xf32>, memref<1x5x?xf32>)
  return
}

// -----

func.func @attention_c3_keys(%q: memref<1x5x3x4xf32>, %k: memref<1x5x2x4xf32>, %l: memref<1x5x3xf32>) {
  // expected-error@+1 {{has 2 key heads, which do not divide 3 query heads}}
  ssm.attention ins(%q, %k, %k : memref<1x5x3x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>)
    outs(%q, %l : memref<1x5x3x4xf32>, memref<1x5x3xf32>)
  return
}

// -----

func.func @attention_c4(%q: memref<1x5x2x4xf64>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{element type of 'q', 'f64', must not be wider than that of 'lse', 'f32'}}
  ssm.attention ins(%q, %q, %q : memref<1x5x2x4xf64>, memref<1x5x2x4xf64>, memref<1x5x2x4xf64>)
    outs(%q, %l : memref<1x5x2x4xf64>, memref<1x5x2xf32>)
  return
}

// -----

func.func @attention_c4_prefix(%q: memref<1x5x2x4xf32>, %p: memref<1xi16>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{element type of 'prefix' must be i32 or i64, but is 'i16'}}
  ssm.attention ins(%q, %q, %q : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>)
    prefix(%p : memref<1xi16>) outs(%q, %l : memref<1x5x2x4xf32>, memref<1x5x2xf32>)
  return
}

// -----

func.func @attention_c5(%q: memref<1x5x2x4xf32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{left must be at least 0, but is -1}}
  ssm.attention left(-1) ins(%q, %q, %q : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>)
    outs(%q, %l : memref<1x5x2x4xf32>, memref<1x5x2xf32>)
  return
}

// -----

func.func @attention_c6(%q: memref<1x5x2x4xf32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{softcap must be finite and above 0}}
  ssm.attention softcap(0.0) ins(%q, %q, %q : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>)
    outs(%q, %l : memref<1x5x2x4xf32>, memref<1x5x2xf32>)
  return
}

// -----

func.func @attention_c6_scale(%q: memref<1x5x2x4xf32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{scale must be finite}}
  ssm.attention scale(0x7FF0000000000000) ins(%q, %q, %q : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>)
    outs(%q, %l : memref<1x5x2x4xf32>, memref<1x5x2xf32>)
  return
}

// -----

func.func @attention_c7(%q: memref<1x5x2x4xf32>, %p: memref<1x5xi32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{needs the positions of both queries and keys}}
  "ssm.attention"(%q, %q, %q, %p, %q, %l) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1>}>
    : (memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5xi32>, memref<1x5x2x4xf32>, memref<1x5x2xf32>) -> ()
  return
}

// -----

func.func @attention_c7_segments(%q: memref<1x5x2x4xf32>, %p: memref<1x5xi32>, %l: memref<1x5x2xf32>) {
  // expected-error@+1 {{needs the segments of both queries and keys}}
  "ssm.attention"(%q, %q, %q, %p, %q, %l) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1>}>
    : (memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5xi32>, memref<1x5x2x4xf32>, memref<1x5x2xf32>) -> ()
  return
}
