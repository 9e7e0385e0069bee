// What is too large whatever the symbols are is an error at compile time.
// RUN: not ssm-opt %s --ssm-lower-entries --ssm-plan-memory 2>&1 | FileCheck %s
// CHECK: error: a value of type 'memref<?x1099511627776x1048576xf32>' is larger than any memory
func.func @forward() attributes {ssm.signature = {symbols = ["L"], inputs = [], outputs = []}} {
  %zero = arith.constant 0.0 : f32
  %L = onnx.symbol "L"
  %a = memref.alloc(%L) : memref<?x1099511627776x1048576xf32>
  linalg.fill ins(%zero : f32) outs(%a : memref<?x1099511627776x1048576xf32>)
  return
}
