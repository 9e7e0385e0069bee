// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

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
