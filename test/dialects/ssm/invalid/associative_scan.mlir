// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @associative_scan_c1(%s: tensor<2x8xf32>) {
  // expected-error@+1 {{needs as many outputs and states as sequences, and at least one, but has 0 sequences, 0 outputs and 0 states}}
  ssm.associative_scan axes[] ins() outs() states() {
    ssm.yield
  }
  return
}

// -----

func.func @associative_scan_c1_outputs(%x: tensor<2x?x8xf32>, %y: tensor<2x?x8xf32>, %s: tensor<2x8xf32>) {
  // expected-error@+1 {{needs as many outputs and states as sequences, and at least one, but has 1 sequences, 0 outputs and 1 states}}
  %0 = ssm.associative_scan axes[1] ins(%x : tensor<2x?x8xf32>) outs() states(%s : tensor<2x8xf32>) {
  ^bb0(%a: tensor<2x8xf32>, %b: tensor<2x8xf32>):
    ssm.yield %a : tensor<2x8xf32>
  } -> tensor<2x8xf32>
  return
}

// -----

func.func @associative_scan_c2_count(%x: tensor<2x?x8xf32>, %y: tensor<2x?x8xf32>, %s: tensor<2x8xf32>) {
  // expected-error@+1 {{axes must have one entry for each of 1 sequences, but has 2}}
  %0:2 = ssm.associative_scan axes[1, 1] ins(%x : tensor<2x?x8xf32>) outs(%y : tensor<2x?x8xf32>) states(%s : tensor<2x8xf32>) {
  ^bb0(%a: tensor<2x8xf32>, %b: tensor<2x8xf32>):
    ssm.yield %a : tensor<2x8xf32>
  } -> tensor<2x?x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @associative_scan_c2_range(%x: tensor<2x?x8xf32>, %y: tensor<2x?x8xf32>, %s: tensor<2x8xf32>) {
  // expected-error@+1 {{axis 3 is out of range for 'xs[0]' of rank 3}}
  %0:2 = ssm.associative_scan axes[3] ins(%x : tensor<2x?x8xf32>) outs(%y : tensor<2x?x8xf32>) states(%s : tensor<2x8xf32>) {
  ^bb0(%a: tensor<2x8xf32>, %b: tensor<2x8xf32>):
    ssm.yield %a : tensor<2x8xf32>
  } -> tensor<2x?x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @associative_scan_c3(%x: tensor<2x?x8xf32>, %y: tensor<2x?x8xf32>, %s: tensor<2x9xf32>) {
  // expected-error@+1 {{extent D0.2 is 8 in 'xs[0]' but 9 in 'states[0]'}}
  %0:2 = ssm.associative_scan axes[1] ins(%x : tensor<2x?x8xf32>) outs(%y : tensor<2x?x8xf32>) states(%s : tensor<2x9xf32>) {
  ^bb0(%a: tensor<2x8xf32>, %b: tensor<2x8xf32>):
    ssm.yield %a : tensor<2x8xf32>
  } -> tensor<2x?x8xf32>, tensor<2x9xf32>
  return
}

// -----

func.func @associative_scan_c3_rank(%x: tensor<2x?x8xf32>, %y: tensor<2x?xf32>, %s: tensor<2x8xf32>) {
  // expected-error@+1 {{'ys[0]' must have the shape D0.0 x L x D0.2, but is 'tensor<2x?xf32>'}}
  %0:2 = ssm.associative_scan axes[1] ins(%x : tensor<2x?x8xf32>) outs(%y : tensor<2x?xf32>) states(%s : tensor<2x8xf32>) {
  ^bb0(%a: tensor<2x8xf32>, %b: tensor<2x8xf32>):
    ssm.yield %a : tensor<2x8xf32>
  } -> tensor<2x?xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @associative_scan_c4(%x: tensor<2x?x8xf64>, %y: tensor<2x?x8xf32>, %s: tensor<2x8xf32>) {
  // expected-error@+1 {{element type of 'xs[0]' must be that of 'states[0]' or a narrower float, but is 'f64' beside 'f32'}}
  %0:2 = ssm.associative_scan axes[1] ins(%x : tensor<2x?x8xf64>) outs(%y : tensor<2x?x8xf32>) states(%s : tensor<2x8xf32>) {
  ^bb0(%a: tensor<2x8xf32>, %b: tensor<2x8xf32>):
    ssm.yield %a : tensor<2x8xf32>
  } -> tensor<2x?x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @associative_scan_c5_count(%x: tensor<2x?x8xf32>, %y: tensor<2x?x8xf32>, %s: tensor<2x8xf32>) {
  // expected-error@+1 {{region must have two arguments for each of 1 states, but has 1}}
  %0:2 = ssm.associative_scan axes[1] ins(%x : tensor<2x?x8xf32>) outs(%y : tensor<2x?x8xf32>) states(%s : tensor<2x8xf32>) {
  ^bb0(%a: tensor<2x8xf32>):
    ssm.yield %a : tensor<2x8xf32>
  } -> tensor<2x?x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @associative_scan_c5_type(%x: tensor<2x?x8xf32>, %y: tensor<2x?x8xf32>, %s: tensor<2x8xf32>) {
  // expected-error@+1 {{region argument 1 must be 'tensor<2x8xf32>', but is 'tensor<2x9xf32>'}}
  %0:2 = ssm.associative_scan axes[1] ins(%x : tensor<2x?x8xf32>) outs(%y : tensor<2x?x8xf32>) states(%s : tensor<2x8xf32>) {
  ^bb0(%a: tensor<2x8xf32>, %b: tensor<2x9xf32>):
    ssm.yield %a : tensor<2x8xf32>
  } -> tensor<2x?x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @associative_scan_c6_count(%x: tensor<2x?x8xf32>, %y: tensor<2x?x8xf32>, %s: tensor<2x8xf32>) {
  // expected-error@+1 {{region must end in an ssm.yield of 1 states}}
  %0:2 = ssm.associative_scan axes[1] ins(%x : tensor<2x?x8xf32>) outs(%y : tensor<2x?x8xf32>) states(%s : tensor<2x8xf32>) {
  ^bb0(%a: tensor<2x8xf32>, %b: tensor<2x8xf32>):
    ssm.yield %a, %b : tensor<2x8xf32>, tensor<2x8xf32>
  } -> tensor<2x?x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @associative_scan_c6_type(%x: tensor<2x?x8xf32>, %y: tensor<2x?x8xf32>, %s: tensor<2x8xf32>, %w: tensor<2x9xf32>) {
  // expected-error@+1 {{value 0 of ssm.yield must be 'tensor<2x8xf32>', but is 'tensor<2x9xf32>'}}
  %0:2 = ssm.associative_scan axes[1] ins(%x : tensor<2x?x8xf32>) outs(%y : tensor<2x?x8xf32>) states(%s : tensor<2x8xf32>) {
  ^bb0(%a: tensor<2x8xf32>, %b: tensor<2x8xf32>):
    ssm.yield %w : tensor<2x9xf32>
  } -> tensor<2x?x8xf32>, tensor<2x8xf32>
  return
}
