// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @scan_c1(%a: tensor<2x5xf32>, %h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'a' is 'tensor<2x5xf32>', 'h' is 'memref<2x5xf32>'}}
  ssm.scan dimension(1) ins(%a, %a : tensor<2x5xf32>, tensor<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

func.func @scan_c1_state(%h: memref<2x5xf32>, %s: tensor<2xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'a' is 'memref<2x5xf32>', 'state' is 'tensor<2xf32>'}}
  %0 = ssm.scan dimension(1) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @scan_c2(%h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{dimension 2 is out of range for 'h' of rank 2}}
  ssm.scan dimension(2) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

func.func @scan_c2_negative(%h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{dimension -1 is out of range for 'h' of rank 2}}
  ssm.scan dimension(-1) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

func.func @scan_c3(%a: memref<2x6xf32>, %h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{extent L is 6 in 'a' but 5 in 'b'}}
  ssm.scan dimension(1) ins(%a, %h : memref<2x6xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

func.func @scan_c3_state(%h: memref<2x5x7xf32>, %s: memref<2x5xf32>) {
  // expected-error@+1 {{extent D2 is 7 in 'a' but 5 in 'state'}}
  ssm.scan dimension(1) ins(%h, %h : memref<2x5x7xf32>, memref<2x5x7xf32>) outs(%h, %s : memref<2x5x7xf32>, memref<2x5xf32>)
  return
}

// -----

func.func @scan_c3_rank(%h: memref<2x5xf32>, %s: memref<2x5xf32>) {
  // expected-error@+1 {{'state' must have the shape D0, but is 'memref<2x5xf32>'}}
  ssm.scan dimension(1) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2x5xf32>)
  return
}

// -----

func.func @scan_c4(%h: memref<2x5xindex>, %s: memref<2xindex>) {
  // expected-error@+1 {{element type of 'h' must be float, complex or a signless integer, but is 'index'}}
  ssm.scan dimension(1) ins(%h, %h : memref<2x5xindex>, memref<2x5xindex>) outs(%h, %s : memref<2x5xindex>, memref<2xindex>)
  return
}

// -----

func.func @scan_c4_equal(%a: memref<2x5xf16>, %h: memref<2x5xf32>, %s: memref<2xf32>) {
  // expected-error@+1 {{'a', 'b' and 'h' must have one element type, but have 'f16', 'f32' and 'f32'}}
  ssm.scan dimension(1) ins(%a, %h : memref<2x5xf16>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xf32>)
  return
}

// -----

func.func @scan_c5(%h: memref<2x5xf32>, %s: memref<2xbf16>) {
  // expected-error@+1 {{element type of 'state' must be that of 'h' or a wider float, but is 'bf16' beside 'f32'}}
  ssm.scan dimension(1) ins(%h, %h : memref<2x5xf32>, memref<2x5xf32>) outs(%h, %s : memref<2x5xf32>, memref<2xbf16>)
  return
}

// -----

func.func @selective_scan_c1(%u: memref<2x5x8xf32>, %A: tensor<8x4xf32>, %B: memref<2x5x4xf32>, %s: memref<2x8x4xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'u' is 'memref<2x5x8xf32>', 'A' is 'tensor<8x4xf32>'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<2x5x8xf32>, memref<2x5x8xf32>, tensor<8x4xf32>, memref<2x5x4xf32>, memref<2x5x4xf32>)
    outs(%u, %s : memref<2x5x8xf32>, memref<2x8x4xf32>)
  return
}

// -----

func.func @selective_scan_c2(%u: memref<2x5x8xf32>, %A: memref<8x4xf32>, %B: memref<2x5x4xf32>, %D: memref<9xf32>, %s: memref<2x8x4xf32>) {
  // expected-error@+1 {{extent D is 8 in 'u' but 9 in 'D'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<2x5x8xf32>, memref<2x5x8xf32>, memref<8x4xf32>, memref<2x5x4xf32>, memref<2x5x4xf32>)
    skip(%D : memref<9xf32>) outs(%u, %s : memref<2x5x8xf32>, memref<2x8x4xf32>)
  return
}

// -----

func.func @selective_scan_c2_rank(%u: memref<2x5x8xf32>, %A: memref<8xf32>, %B: memref<2x5x4xf32>, %s: memref<2x8x4xf32>) {
  // expected-error@+1 {{'A' must have the shape D x N, but is 'memref<8xf32>'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<2x5x8xf32>, memref<2x5x8xf32>, memref<8xf32>, memref<2x5x4xf32>, memref<2x5x4xf32>)
    outs(%u, %s : memref<2x5x8xf32>, memref<2x8x4xf32>)
  return
}

// -----

func.func @selective_scan_c3(%u: memref<2x5x8xi32>, %A: memref<8x4xf32>, %B: memref<2x5x4xf32>, %s: memref<2x8x4xf32>) {
  // expected-error@+1 {{element type of 'u' must be a float, but is 'i32'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<2x5x8xi32>, memref<2x5x8xi32>, memref<8x4xf32>, memref<2x5x4xf32>, memref<2x5x4xf32>)
    outs(%u, %s : memref<2x5x8xi32>, memref<2x8x4xf32>)
  return
}

// -----

func.func @selective_scan_c3_wide(%u: memref<2x5x8xf32>, %A: memref<8x4xf64>, %B: memref<2x5x4xf32>, %s: memref<2x8x4xf32>) {
  // expected-error@+1 {{element type of 'A', 'f64', must not be wider than that of 'state', 'f32'}}
  ssm.selective_scan ins(%u, %u, %A, %B, %B : memref<2x5x8xf32>, memref<2x5x8xf32>, memref<8x4xf64>, memref<2x5x4xf32>, memref<2x5x4xf32>)
    outs(%u, %s : memref<2x5x8xf32>, memref<2x8x4xf32>)
  return
}

// -----

func.func @short_conv_c1(%x: memref<2x5x8xf32>, %w: tensor<8x4xf32>, %s: memref<2x3x8xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'x' is 'memref<2x5x8xf32>', 'w' is 'tensor<8x4xf32>'}}
  ssm.short_conv ins(%x, %w : memref<2x5x8xf32>, tensor<8x4xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_c2(%x: memref<2x5x8xf32>, %w: memref<7x4xf32>, %s: memref<2x3x8xf32>) {
  // expected-error@+1 {{extent C is 8 in 'x' but 7 in 'w'}}
  ssm.short_conv ins(%x, %w : memref<2x5x8xf32>, memref<7x4xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_c3(%x: memref<2x5x8xf32>, %w: memref<8x4xf32>, %s: memref<2x3x8xf16>) {
  // expected-error@+1 {{'x', 'y' and 'state' must have one element type, a float, but have 'f32', 'f32' and 'f16'}}
  ssm.short_conv ins(%x, %w : memref<2x5x8xf32>, memref<8x4xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf16>)
  return
}

// -----

func.func @short_conv_c3_weight(%x: memref<2x5x8xf32>, %w: memref<8x4xf16>, %s: memref<2x3x8xf32>) {
  // expected-error@+1 {{'w' and 'bias' must have one element type, that of 'x' or a wider float, but 'w' is 'memref<8x4xf16>'}}
  ssm.short_conv ins(%x, %w : memref<2x5x8xf32>, memref<8x4xf16>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_c4(%x: memref<2x5x8xf32>, %w: memref<8x4xf32>, %s: memref<2x0x8xf32>) {
  // expected-error@+1 {{dilation must be at least 1, but is 0}}
  ssm.short_conv dilation(0) ins(%x, %w : memref<2x5x8xf32>, memref<8x4xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x0x8xf32>)
  return
}

// -----

func.func @short_conv_c5(%x: memref<2x5x8xf32>, %w: memref<8x?xf32>, %s: memref<2x3x8xf32>) {
  // expected-error@+1 {{width W of 'w' must be static and at least 1, but 'w' is 'memref<8x?xf32>'}}
  ssm.short_conv ins(%x, %w : memref<2x5x8xf32>, memref<8x?xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_c6(%x: memref<2x5x8xf32>, %w: memref<8x4xf32>, %s: memref<2x3x8xf32>) {
  // expected-error@+1 {{extent S of 'state' must be (W - 1) * dilation = (4 - 1) * 2, but 'state' is 'memref<2x3x8xf32>'}}
  ssm.short_conv dilation(2) ins(%x, %w : memref<2x5x8xf32>, memref<8x4xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_c6_overflow(%x: memref<2x5x8xf32>, %w: memref<8x5xf32>, %s: memref<2x0x8xf32>) {
  // expected-error@+1 {{extent S of 'state' must be (W - 1) * dilation = (5 - 1) * 4611686018427387904, but}}
  ssm.short_conv dilation(4611686018427387904) ins(%x, %w : memref<2x5x8xf32>, memref<8x5xf32>) outs(%x, %s : memref<2x5x8xf32>, memref<2x0x8xf32>)
  return
}

// -----

func.func @linear_c1(%x: memref<3x6xf32>, %w: tensor<2x6x4xf32>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'x' is 'memref<3x6xf32>', 'w' is 'tensor<2x6x4xf32>'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, tensor<2x6x4xf32>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c2(%x: memref<3x6xf32>, %w: memref<2x5x4xf32>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{extent K is 6 in 'x' but 5 in 'w'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x5x4xf32>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c2_extra(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %e: memref<1x3x8xf32>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{'extras[0]' must have the shape M x N, but is 'memref<1x3x8xf32>'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) extras(%e : memref<1x3x8xf32>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32, %0: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c3(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %out: memref<3x9xf32>) {
  // expected-error@+1 {{'w' has 2 panels of 4 columns, but N = 9 columns need 3}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) outs(%out : memref<3x9xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c3_width(%x: memref<3x6xf32>, %w: memref<2x6x?xf32>, %out: memref<3x9xf32>) {
  // expected-error@+1 {{panel width R of 'w' must be static and at least 1, but 'w' is 'memref<2x6x?xf32>'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x?xf32>) outs(%out : memref<3x9xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c4(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{region must have an argument for the sum and for each of the 0 extra operands, but has 2}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32, %0: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c4_sum(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %out: memref<3x8xi32>) {
  // expected-error@+1 {{region argument 0, the sum, must be a float, but is 'i32'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) outs(%out : memref<3x8xi32>) {
  ^bb0(%sum: i32):
    ssm.yield %sum : i32
  }
  return
}

// -----

func.func @linear_c4_extra(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %e: memref<8xf16>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{region argument 1 must be 'f16', the element type of 'extras[0]', but is 'f32'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) extras(%e : memref<8xf16>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32, %0: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c4_yield(%x: memref<3x6xf32>, %w: memref<2x6x4xf32>, %out: memref<3x8xf16>) {
  // expected-error@+1 {{region must end in an ssm.yield of one 'f16', the element type of 'out'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf32>) outs(%out : memref<3x8xf16>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @linear_c5(%x: memref<3x6xf32>, %w: memref<2x6x4xf64>, %out: memref<3x8xf32>) {
  // expected-error@+1 {{element type of 'w' must be a float no wider than the sum, 'f32', but is 'f64'}}
  ssm.linear ins(%x, %w : memref<3x6xf32>, memref<2x6x4xf64>) outs(%out : memref<3x8xf32>) {
  ^bb0(%sum: f32):
    ssm.yield %sum : f32
  }
  return
}

// -----

func.func @recurrence_c1(%s0: tensor<2xf32>) {
  // expected-error@+1 {{needs a sequence or an output, which say how many steps there are}}
  %0 = ssm.recurrence axes[] ins() outs() states(%s0 : tensor<2xf32>) {
  ^bb0(%s: tensor<2xf32>):
    ssm.yield %s : tensor<2xf32>
  } -> tensor<2xf32>
  return
}

// -----

func.func @recurrence_c2(%x: tensor<5x2xf32>, %s0: tensor<2xf32>) {
  // expected-error@+1 {{axes must have one entry for each of 1 sequences and outputs, but has 2}}
  %0 = ssm.recurrence axes[0, 0] ins(%x : tensor<5x2xf32>) outs() states(%s0 : tensor<2xf32>) {
  ^bb0(%xt: tensor<2xf32>, %s: tensor<2xf32>):
    ssm.yield %s : tensor<2xf32>
  } -> tensor<2xf32>
  return
}

// -----

func.func @recurrence_c2_range(%x: tensor<5x2xf32>, %y0: tensor<5xf32>) {
  // expected-error@+1 {{axis 1 is out of range for 'ys[0]' of rank 1}}
  %0 = ssm.recurrence axes[0, 1] ins(%x : tensor<5x2xf32>) outs(%y0 : tensor<5xf32>) states() {
  ^bb0(%xt: tensor<2xf32>):
    ssm.yield %xt : tensor<2xf32>
  } -> tensor<5xf32>
  return
}

// -----

func.func @recurrence_c3(%x: tensor<5x2xf32>, %s0: tensor<2xf32>) {
  // expected-error@+1 {{reverse must have one entry for each of 1 sequences and outputs, but has 2}}
  %0 = ssm.recurrence axes[0] reverse[true, false] ins(%x : tensor<5x2xf32>) outs() states(%s0 : tensor<2xf32>) {
  ^bb0(%xt: tensor<2xf32>, %s: tensor<2xf32>):
    ssm.yield %s : tensor<2xf32>
  } -> tensor<2xf32>
  return
}

// -----

func.func @recurrence_c4(%x: tensor<5x2xf32>, %y0: tensor<2x6xf32>) {
  // expected-error@+1 {{extent L is 5 in 'xs[0]' but 6 in 'ys[0]'}}
  %0 = ssm.recurrence axes[0, 1] ins(%x : tensor<5x2xf32>) outs(%y0 : tensor<2x6xf32>) states() {
  ^bb0(%xt: tensor<2xf32>):
    ssm.yield %xt : tensor<2xf32>
  } -> tensor<2x6xf32>
  return
}

// -----

func.func @recurrence_c5(%x: tensor<5x2xf32>, %s0: tensor<2xf32>) {
  // expected-error@+1 {{region must have an argument for each of 1 sequences and 1 states, but has 1}}
  %0 = ssm.recurrence axes[0] ins(%x : tensor<5x2xf32>) outs() states(%s0 : tensor<2xf32>) {
  ^bb0(%s: tensor<2xf32>):
    ssm.yield %s : tensor<2xf32>
  } -> tensor<2xf32>
  return
}

// -----

func.func @recurrence_c5_type(%x: tensor<5x2xf32>, %s0: tensor<2xf32>) {
  // expected-error@+1 {{region argument 0 must be 'tensor<2xf32>', but is 'tensor<5x2xf32>'}}
  %0 = ssm.recurrence axes[0] ins(%x : tensor<5x2xf32>) outs() states(%s0 : tensor<2xf32>) {
  ^bb0(%xt: tensor<5x2xf32>, %s: tensor<2xf32>):
    ssm.yield %s : tensor<2xf32>
  } -> tensor<2xf32>
  return
}

// -----

func.func @recurrence_c6(%x: tensor<5x2xf32>, %s0: tensor<2xf32>) {
  // expected-error@+1 {{region must end in an ssm.yield of 1 states and 0 outputs}}
  %0 = ssm.recurrence axes[0] ins(%x : tensor<5x2xf32>) outs() states(%s0 : tensor<2xf32>) {
  ^bb0(%xt: tensor<2xf32>, %s: tensor<2xf32>):
    ssm.yield %s, %s : tensor<2xf32>, tensor<2xf32>
  } -> tensor<2xf32>
  return
}

// -----

func.func @recurrence_c6_type(%x: tensor<5x2xf32>, %s0: tensor<2xf32>, %other: tensor<3xf32>) {
  // expected-error@+1 {{value 0 of ssm.yield must be 'tensor<2xf32>', but is 'tensor<3xf32>'}}
  %0 = ssm.recurrence axes[0] ins(%x : tensor<5x2xf32>) outs() states(%s0 : tensor<2xf32>) {
  ^bb0(%xt: tensor<2xf32>, %s: tensor<2xf32>):
    ssm.yield %other : tensor<3xf32>
  } -> tensor<2xf32>
  return
}
