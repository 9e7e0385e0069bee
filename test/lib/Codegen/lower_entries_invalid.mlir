// Entries that have no run-time form are named.
// RUN: ssm-opt %s --ssm-lower-entries -split-input-file -verify-diagnostics

// expected-error @below {{input 0 of 'forward' has type 'tensor<?xf32>': without ssm.signature it must be a static tensor; name its extents, such as {name = "x", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0)>} (docs/tutorial.md)}}
func.func @forward(%x: tensor<?xf32>) {
  return
}

// -----

// expected-error @below {{ssm.signature of 'forward' does not list each of its outputs}}
func.func @forward(%x: tensor<2xf32>) -> tensor<2xf32>
    attributes {ssm.signature = {symbols = [], outputs = [],
      inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<() -> (2)>}]}} {
  return %x : tensor<2xf32>
}

// -----

// expected-error @below {{ssm.signature of 'forward' has dims that do not fit the type in inputs}}
func.func @forward(%x: tensor<2xf32>)
    attributes {ssm.signature = {symbols = [], outputs = [],
      inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<() -> (2, 3)>}]}} {
  return
}

// -----

// expected-error @below {{ssm.signature says affine_map<() -> (3)> about dimension 0 of a 'tensor<2xf32>'}}
func.func @forward(%x: tensor<2xf32>)
    attributes {ssm.signature = {symbols = [], outputs = [],
      inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<() -> (3)>}]}} {
  return
}

// -----

func.func @forward() {
  // expected-error @below {{symbol 'T' is not bound by any input of 'forward'}}
  %t = onnx.symbol "T"
  return
}
