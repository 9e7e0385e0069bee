// RUN: ssm-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{#onnx.dims has 1 extents for a tensor of rank 2}}
func.func private @rank(tensor<?x4xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>)

// -----

// expected-error @+1 {{#onnx.dims must have one name for each symbol}}
func.func private @names(tensor<?xf32, #onnx.dims<[], affine_map<()[s0] -> (s0)>>>)

// -----

// expected-error @+1 {{the symbols of #onnx.dims must be strings}}
func.func private @strings(tensor<?xf32, #onnx.dims<[1], affine_map<()[s0] -> (s0)>>>)

// -----

// expected-error @+1 {{#onnx.dims gives 5 for an extent that is 4}}
func.func private @extent(tensor<?x4xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0, 5)>>>)

// -----

// expected-error @+1 {{#onnx.dims gives s0 for an extent that is 4}}
func.func private @static(tensor<4xf32, #onnx.dims<["L"], affine_map<()[s0] -> (s0)>>>)

// -----

// expected-error @+1 {{#onnx.dims gives 4 for an extent that is dynamic}}
func.func private @dynamic(tensor<?xf32, #onnx.dims<["L"], affine_map<()[s0] -> (4)>>>)
