// A file that does not say how its extents are called is at fault, not ssmc.
// RUN: not ssmc %s -o %t.so 2>&1 | FileCheck %s
// CHECK: signature.mlir:{{[0-9]+}}:{{[0-9]+}}: input 0 of 'forward' has type 'tensor<?xf32>': without ssm.signature it must be a static tensor; name its extents, such as {name = "x", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0)>} (docs/tutorial.md)
// CHECK-NOT: internal error
func.func @forward(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
