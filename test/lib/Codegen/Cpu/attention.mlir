// RUN: ssm-opt %s -pass-pipeline='builtin.module(func.func(ssm-lower-attention{cpu=skylake-avx512}))' | FileCheck %s

// Causal: blocks of 96 queries; a register tile of three vectors of rows and
// eight keys. Rows that all see the keys are not compared with anything.
// CHECK-LABEL: func.func @causal
// CHECK-DAG: %[[BLOCK:.*]] = arith.constant 96 : index
// CHECK: arith.divui %{{.*}}, %[[BLOCK]]
// CHECK: scf.parallel
// CHECK-DAG: memref.alloca() {{.*}} : memref<64x96xf32>
// CHECK-DAG: memref.alloca() {{.*}} : memref<64x48xf32>
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-96: vector.fma
// CHECK-NOT: cmpi
// CHECK: mask.scalef
// CHECK: math.log
// CHECK-NOT: ssm.attention
func.func @causal(%q: memref<1x?x4x64xf32>, %k: memref<1x?x4x64xf32>, %lse: memref<1x?x4xf32>) {
  ssm.attention right(0) ins(%q, %k, %k : memref<1x?x4x64xf32>, memref<1x?x4x64xf32>, memref<1x?x4x64xf32>)
    outs(%q, %lse : memref<1x?x4x64xf32>, memref<1x?x4xf32>)
  return
}

// Four query heads of a key head share a block: 24 queries.
// CHECK-LABEL: func.func @shared
// CHECK-DAG: arith.constant 24 : index
// CHECK: scf.parallel
// CHECK-NOT: ssm.attention
func.func @shared(%q: memref<1x?x4x64xf32>, %k: memref<1x?x1x64xf32>, %lse: memref<1x?x4xf32>) {
  ssm.attention ins(%q, %k, %k : memref<1x?x4x64xf32>, memref<1x?x1x64xf32>, memref<1x?x1x64xf32>)
    outs(%q, %lse : memref<1x?x4x64xf32>, memref<1x?x4xf32>)
  return
}

// Who sees what depends on data: all code has masks, and a tile is passed over
// where nobody sees a key of it.
// CHECK-LABEL: func.func @positions
// CHECK: scf.parallel
// CHECK: vector.reduction <or>
// CHECK-NEXT: scf.if
// CHECK-COUNT-16: memref.load %{{.*}} : memref<1x?xi64>
// CHECK-NOT: ssm.attention
func.func @positions(%q: memref<1x?x4x64xf32>, %at: memref<1x?xi64>, %lse: memref<1x?x4xf32>) {
  ssm.attention right(0) ins(%q, %q, %q : memref<1x?x4x64xf32>, memref<1x?x4x64xf32>, memref<1x?x4x64xf32>)
    positions(%at, %at : memref<1x?xi64>, memref<1x?xi64>) outs(%q, %lse : memref<1x?x4x64xf32>, memref<1x?x4xf32>)
  return
}

// Left for the reference lowering: other element types, and a bias of queries.
// CHECK-LABEL: func.func @double
// CHECK: ssm.attention
func.func @double(%q: memref<1x?x4x64xf64>, %lse: memref<1x?x4xf64>) {
  ssm.attention ins(%q, %q, %q : memref<1x?x4x64xf64>, memref<1x?x4x64xf64>, memref<1x?x4x64xf64>)
    outs(%q, %lse : memref<1x?x4x64xf64>, memref<1x?x4xf64>)
  return
}

// CHECK-LABEL: func.func @bias
// CHECK: ssm.attention
func.func @bias(%q: memref<1x?x4x64xf32>, %bias: memref<1x4x?x?xf32>, %lse: memref<1x?x4xf32>) {
  ssm.attention ins(%q, %q, %q : memref<1x?x4x64xf32>, memref<1x?x4x64xf32>, memref<1x?x4x64xf32>)
    bias(%bias : memref<1x4x?x?xf32>) outs(%q, %lse : memref<1x?x4x64xf32>, memref<1x?x4xf32>)
  return
}

// One query: keys and values are read in place, for all heads by parts of the
// keys, sixteen keys to a vector; then the parts are put together. With the
// length known, there is no code for blocks.
// CHECK-LABEL: func.func @one
// CHECK: memref.alloc(%{{.*}}, %[[PARTS:.*]]) {{.*}} : memref<?x?x2x64xf32>
// CHECK: scf.parallel {{.*}} to (%{{.*}}, %[[PARTS]])
// CHECK-NOT: memref<64x64xf32>
// CHECK-COUNT-4: memref.prefetch
// CHECK-COUNT-16: vector.load %{{.*}} : memref<1x?x2x64xf32>, vector<16xf32>
// CHECK-COUNT-30: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK: scf.parallel
// CHECK-NOT: ssm.attention
func.func @one(%q: memref<1x1x2x64xf32>, %k: memref<1x?x2x64xf32>, %lse: memref<1x1x2xf32>) {
  ssm.attention right(0) ins(%q, %k, %k : memref<1x1x2x64xf32>, memref<1x?x2x64xf32>, memref<1x?x2x64xf32>)
    outs(%q, %lse : memref<1x1x2x64xf32>, memref<1x1x2xf32>)
  return
}

// Wider than what a thread's stack may hold a block of.
// CHECK-LABEL: func.func @wide
// CHECK: ssm.attention
func.func @wide(%q: memref<1x?x1x512xf32>, %lse: memref<1x?x1xf32>) {
  ssm.attention ins(%q, %q, %q : memref<1x?x1x512xf32>, memref<1x?x1x512xf32>, memref<1x?x1x512xf32>)
    outs(%q, %lse : memref<1x?x1x512xf32>, memref<1x?x1xf32>)
  return
}
