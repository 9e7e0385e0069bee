// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// Each case is named after the constraint, in the description of the op, that
// it breaks.

func.func @route_c1(%q: memref<1x5x4xf32>, %k: memref<1x5x4xf32>, %p: memref<1x5xf32>, %last: tensor<1x4xf32>, %seen: memref<1xi1>) {
  // expected-error@+1 {{mixes tensors and buffers: 'q' is 'memref<1x5x4xf32>', 'last' is 'tensor<1x4xf32>'}}
  %0 = ssm.route ins(%q, %k : memref<1x5x4xf32>, memref<1x5x4xf32>) outs(%p, %last, %seen : memref<1x5xf32>, tensor<1x4xf32>, memref<1xi1>) -> tensor<1x4xf32>
  return
}

// -----

func.func @route_c2(%q: memref<1x5x4xf32>, %k: memref<1x5x3xf32>, %p: memref<1x5xf32>, %last: memref<1x4xf32>, %seen: memref<1xi1>) {
  // expected-error@+1 {{extent D is 4 in 'q' but 3 in 'k'}}
  ssm.route ins(%q, %k : memref<1x5x4xf32>, memref<1x5x3xf32>) outs(%p, %last, %seen : memref<1x5xf32>, memref<1x4xf32>, memref<1xi1>)
  return
}

// -----

func.func @route_c2_rank(%q: memref<1x5x4xf32>, %k: memref<1x5x4xf32>, %p: memref<1x5x1xf32>, %last: memref<1x4xf32>, %seen: memref<1xi1>) {
  // expected-error@+1 {{'p' must have the shape B x L, but is 'memref<1x5x1xf32>'}}
  ssm.route ins(%q, %k : memref<1x5x4xf32>, memref<1x5x4xf32>) outs(%p, %last, %seen : memref<1x5x1xf32>, memref<1x4xf32>, memref<1xi1>)
  return
}

// -----

func.func @route_c3(%q: memref<1x5x4xf64>, %k: memref<1x5x4xf32>, %p: memref<1x5xf32>, %last: memref<1x4xf32>, %seen: memref<1xi1>) {
  // expected-error@+1 {{element type of 'q', 'f64', must not be wider than that of 'last', 'f32'}}
  ssm.route ins(%q, %k : memref<1x5x4xf64>, memref<1x5x4xf32>) outs(%p, %last, %seen : memref<1x5xf32>, memref<1x4xf32>, memref<1xi1>)
  return
}

// -----

func.func @route_c3_seen(%q: memref<1x5x4xf32>, %k: memref<1x5x4xf32>, %p: memref<1x5xf32>, %last: memref<1x4xf32>, %seen: memref<1xf32>) {
  // expected-error@+1 {{element type of 'seen' must be i1, but is 'f32'}}
  ssm.route ins(%q, %k : memref<1x5x4xf32>, memref<1x5x4xf32>) outs(%p, %last, %seen : memref<1x5xf32>, memref<1x4xf32>, memref<1xf32>)
  return
}

// -----

func.func @route_c3_resets(%q: memref<1x5x4xf32>, %k: memref<1x5x4xf32>, %p: memref<1x5xf32>, %last: memref<1x4xf32>, %seen: memref<1xi1>, %r: memref<1x5xi32>) {
  // expected-error@+1 {{element type of 'resets' must be i1, but is 'i32'}}
  ssm.route ins(%q, %k : memref<1x5x4xf32>, memref<1x5x4xf32>) resets(%r : memref<1x5xi32>) outs(%p, %last, %seen : memref<1x5xf32>, memref<1x4xf32>, memref<1xi1>)
  return
}
