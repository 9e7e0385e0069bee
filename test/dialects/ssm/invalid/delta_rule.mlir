// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @delta_rule_c1(%beta: memref<1x5x2xf32>, %q: memref<1x5x2x4xf32>, %y: memref<1x5x2x3xf32>, %s: tensor<1x2x4x3xf32>) {
  // expected-error@+1 {{mixes tensors and buffers: 'q' is 'memref<1x5x2x4xf32>', 'state' is 'tensor<1x2x4x3xf32>'}}
  %0 = ssm.delta_rule ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    beta(%beta : memref<1x5x2xf32>) outs(%y, %s : memref<1x5x2x3xf32>, tensor<1x2x4x3xf32>) -> tensor<1x2x4x3xf32>
  return
}

// -----

func.func @delta_rule_c2(%beta: memref<1x5x2xf32>, %q: memref<1x5x2x4xf32>, %k: memref<1x5x2x6xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{extent N is 4 in 'q' but 6 in 'k'}}
  ssm.delta_rule ins(%q, %k, %y : memref<1x5x2x4xf32>, memref<1x5x2x6xf32>, memref<1x5x2x3xf32>)
    beta(%beta : memref<1x5x2xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c2_decay(%beta: memref<1x5x2xf32>, %q: memref<1x5x2x4xf32>, %g: memref<1x6x2xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{extent L is 5 in 'q' but 6 in 'decay'}}
  ssm.delta_rule ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    beta(%beta : memref<1x5x2xf32>) decay(%g : memref<1x6x2xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c2_rank(%beta: memref<1x5x2xf32>, %q: memref<1x5x2x4xf32>, %g: memref<1x5x2x4x1xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{'decay' must have the shape B x L x H x N, but is 'memref<1x5x2x4x1xf32>'}}
  ssm.delta_rule ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    beta(%beta : memref<1x5x2xf32>) decay(%g : memref<1x5x2x4x1xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c3(%beta: memref<1x5x2xf32>, %q: memref<1x5x?x4xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{numbers of heads must be static and at least 1}}
  ssm.delta_rule ins(%q, %q, %y : memref<1x5x?x4xf32>, memref<1x5x?x4xf32>, memref<1x5x2x3xf32>)
    beta(%beta : memref<1x5x2xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c3_keys(%beta: memref<1x5x3xf32>, %q: memref<1x5x3x4xf32>, %k: memref<1x5x2x4xf32>, %y: memref<1x5x3x3xf32>, %s: memref<1x3x4x3xf32>) {
  // expected-error@+1 {{has 2 key heads, which do not divide 3 value heads}}
  ssm.delta_rule ins(%q, %k, %y : memref<1x5x3x4xf32>, memref<1x5x2x4xf32>, memref<1x5x3x3xf32>)
    beta(%beta : memref<1x5x3xf32>) outs(%y, %s : memref<1x5x3x3xf32>, memref<1x3x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c3_queries(%beta: memref<1x5x3xf32>, %q: memref<1x5x2x4xf32>, %k: memref<1x5x3x4xf32>, %y: memref<1x5x3x3xf32>, %s: memref<1x3x4x3xf32>) {
  // expected-error@+1 {{has 2 query heads and 3 value heads, of which neither divides the other}}
  ssm.delta_rule ins(%q, %k, %y : memref<1x5x2x4xf32>, memref<1x5x3x4xf32>, memref<1x5x3x3xf32>)
    beta(%beta : memref<1x5x3xf32>) outs(%y, %s : memref<1x5x3x3xf32>, memref<1x3x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c3_outputs(%beta: memref<1x5x2xf32>, %q: memref<1x5x4x4xf32>, %k: memref<1x5x2x4xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{'y' must have 4 heads, the larger of 4 query and 2 value heads, but is 'memref<1x5x2x3xf32>'}}
  ssm.delta_rule ins(%q, %k, %y : memref<1x5x4x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    beta(%beta : memref<1x5x2xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c4(%beta: memref<1x5x2xf32>, %q: memref<1x5x2x4xf64>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{element type of 'q', 'f64', must not be wider than that of 'state', 'f32'}}
  ssm.delta_rule ins(%q, %q, %y : memref<1x5x2x4xf64>, memref<1x5x2x4xf64>, memref<1x5x2x3xf32>)
    beta(%beta : memref<1x5x2xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c4_resets(%beta: memref<1x5x2xf32>, %q: memref<1x5x2x4xf32>, %r: memref<1x5xi32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{element type of 'resets' must be i1, but is 'i32'}}
  ssm.delta_rule ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    beta(%beta : memref<1x5x2xf32>) resets(%r : memref<1x5xi32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c2_beta(%beta: memref<1x5x3xf32>, %q: memref<1x5x2x4xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{extent H is 2 in 'q' but 3 in 'beta'}}
  ssm.delta_rule ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    beta(%beta : memref<1x5x3xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c2_erase(%a: memref<1x5x2x5xf32>, %q: memref<1x5x2x4xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{extent N is 4 in 'q' but 5 in 'a'}}
  ssm.delta_rule ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    erase(%a, %q : memref<1x5x2x5xf32>, memref<1x5x2x4xf32>) outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c5_neither(%q: memref<1x5x2x4xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{needs either 'beta' or 'erase' with both its vectors}}
  ssm.delta_rule ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c5_both(%beta: memref<1x5x2xf32>, %q: memref<1x5x2x4xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{needs either 'beta' or 'erase' with both its vectors}}
  ssm.delta_rule ins(%q, %q, %y : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>)
    beta(%beta : memref<1x5x2xf32>) erase(%q, %q : memref<1x5x2x4xf32>, memref<1x5x2x4xf32>)
    outs(%y, %s : memref<1x5x2x3xf32>, memref<1x2x4x3xf32>)
  return
}

// -----

func.func @delta_rule_c5_half(%q: memref<1x5x2x4xf32>, %y: memref<1x5x2x3xf32>, %s: memref<1x2x4x3xf32>) {
  // expected-error@+1 {{needs either 'beta' or 'erase' with both its vectors}}
  "ssm.delta_rule"(%q, %q, %y, %q, %y, %s) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 1, 0, 0, 0, 1, 1>}>
    : (memref<1x5x2x4xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>, memref<1x5x2x4xf32>, memref<1x5x2x3xf32>, memref<1x2x4x3xf32>) -> ()
  return
}
