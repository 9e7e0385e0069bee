// RUN: ssm-opt %s -split-input-file -verify-diagnostics

func.func @not_applicable(%a: tensor<7xf32>, %s: tensor<f32>) {
  // expected-error @below {{cannot be computed by strategy chunked: ops of this kind have no such strategy; it has: recurrent, associative_scan, dense}}
  ssm.scan dimension(0) ins(%a, %a : tensor<7xf32>, tensor<7xf32>) outs(%a, %s : tensor<7xf32>, tensor<f32>)
      {ssm.strategy = #ssm.strategy<chunked>} -> tensor<7xf32>, tensor<f32>
  return
}

// -----

func.func @not_for_these_types(%a: tensor<7xi32>, %s: tensor<i32>) {
  // expected-error @below {{cannot be computed by strategy dense: its elements are no real floats; it has: recurrent, associative_scan}}
  ssm.scan dimension(0) ins(%a, %a : tensor<7xi32>, tensor<7xi32>) outs(%a, %s : tensor<7xi32>, tensor<i32>)
      {ssm.strategy = #ssm.strategy<dense>} -> tensor<7xi32>, tensor<i32>
  return
}

// -----

func.func @not_a_strategy(%a: tensor<7xf32>, %s: tensor<f32>) {
  // expected-error @below {{'ssm.strategy' must be a #ssm.strategy, but is "dense"}}
  ssm.scan dimension(0) ins(%a, %a : tensor<7xf32>, tensor<7xf32>) outs(%a, %s : tensor<7xf32>, tensor<f32>)
      {ssm.strategy = "dense"} -> tensor<7xf32>, tensor<f32>
  return
}

// -----

func.func @not_a_mixer() {
  // expected-error @below {{is no mixer, so it has no 'ssm.strategy'}}
  return {ssm.strategy = #ssm.strategy<dense>}
}

// -----

// expected-error @below {{recurrent has no chunk}}
func.func private @no_chunk() attributes {a = #ssm.strategy<recurrent, chunk = 4>}

// -----

// expected-error @below {{chunk must be at least 1, but is -4}}
func.func private @negative_chunk() attributes {a = #ssm.strategy<chunked, chunk = -4>}

// -----

// expected-error @below {{expected ::mlir::ssm::Strategy to be one of: recurrent, chunked, associative_scan, dense, fft}}
// expected-error @below {{failed to parse Ssm_StrategyAttr parameter 'kind'}}
func.func private @unknown() attributes {a = #ssm.strategy<guessed>}
