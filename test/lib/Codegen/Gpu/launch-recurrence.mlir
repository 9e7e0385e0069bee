// RUN: ssm-opt %s --ssm-launch-recurrence --canonicalize --cse | FileCheck %s

#id = affine_map<(r, n) -> (r, n)>
#bias = affine_map<(r, n) -> (n)>
#s = affine_map<(r, n, k) -> (r, k)>
#w = affine_map<(r, n, k) -> (k, n)>
#o = affine_map<(r, n, k) -> (r, n)>

// The state has two halves; blocks of 8 units meet once in a step.
// CHECK-LABEL: func.func @elman
// CHECK: %[[HALVES:.*]] = memref.alloc() : memref<2x4x20xf32>
// CHECK: linalg.copy
// CHECK: %[[COUNTER:.*]] = memref.alloc() : memref<1xi32>
// CHECK: linalg.fill {{.*}} outs(%[[COUNTER]]
// CHECK: gpu.launch blocks({{.*}} = %c1, {{.*}} threads({{.*}} = %c256, {{.*}} dynamic_shared_memory_size
// CHECK: scf.for
// CHECK: llvm.load {{.*}} !llvm.ptr<1> -> vector<4xf32>
// CHECK: math.tanh
// CHECK: memref.store {{.*}}, %[[HALVES]]
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: llvm.atomicrmw add {{.*}} syncscope("device") monotonic
// CHECK: scf.while
// CHECK: nvvm.nanosleep
// CHECK-NOT: nvvm.nanosleep
// CHECK: linalg.copy
func.func @elman(%x: memref<9x4x20xf32>, %R: memref<20x20xf32>) -> memref<4x20xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %h = memref.alloc() : memref<4x20xf32>
  %p = memref.alloc() : memref<4x20xf32>
  scf.for %t = %c0 to %c9 step %c1 {
    %xt = memref.subview %x[%t, 0, 0] [1, 4, 20] [1, 1, 1] : memref<9x4x20xf32> to memref<4x20xf32, strided<[20, 1], offset: ?>>
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%xt : memref<4x20xf32, strided<[20, 1], offset: ?>>) outs(%p : memref<4x20xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    }
    linalg.generic {indexing_maps = [#s, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%h, %R : memref<4x20xf32>, memref<20x20xf32>) outs(%p : memref<4x20xf32>) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %m = arith.mulf %a, %b : f32
      %n = arith.addf %out, %m : f32
      linalg.yield %n : f32
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%p : memref<4x20xf32>) outs(%h : memref<4x20xf32>) {
    ^bb0(%in: f32, %out: f32):
      %y = math.tanh %in : f32
      linalg.yield %y : f32
    }
  }
  return %h : memref<4x20xf32>
}

// What a product reads is written before it: blocks meet twice.
// CHECK-LABEL: func.func @twice
// CHECK: gpu.launch
// CHECK: nvvm.nanosleep
// CHECK: nvvm.nanosleep
func.func @twice(%R: memref<16x16xf32>) -> memref<4x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %h = memref.alloc() : memref<4x16xf32>
  %g = memref.alloc() : memref<4x16xf32>
  %p = memref.alloc() : memref<4x16xf32>
  scf.for %t = %c0 to %c9 step %c1 {
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%h : memref<4x16xf32>) outs(%g : memref<4x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %y = arith.mulf %in, %in : f32
      linalg.yield %y : f32
    }
    linalg.generic {indexing_maps = [#s, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%g, %R : memref<4x16xf32>, memref<16x16xf32>) outs(%p : memref<4x16xf32>) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %m = arith.mulf %a, %b : f32
      %n = arith.addf %out, %m : f32
      linalg.yield %n : f32
    }
    linalg.generic {indexing_maps = [#s, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%h, %R : memref<4x16xf32>, memref<16x16xf32>) outs(%p : memref<4x16xf32>) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %m = arith.mulf %a, %b : f32
      %n = arith.addf %out, %m : f32
      linalg.yield %n : f32
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%p : memref<4x16xf32>) outs(%h : memref<4x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    }
  }
  return %h : memref<4x16xf32>
}

// What a step takes from the loop is that of the launch: the number of the step.
// CHECK-LABEL: func.func @numbered
// CHECK: gpu.launch
// CHECK: scf.for %[[T:.*]] = %c0 to
// CHECK: arith.index_cast %[[T]] : index to i32
// CHECK: nvvm.nanosleep
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @numbered(%R: memref<16x16xf32>) -> memref<4x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %h = memref.alloc() : memref<4x16xf32>
  %p = memref.alloc() : memref<4x16xf32>
  scf.for %t = %c0 to %c9 step %c1 {
    %i = arith.index_cast %t : index to i32
    %number = arith.sitofp %i : i32 to f32
    linalg.generic {indexing_maps = [affine_map<(r, n) -> ()>, #id], iterator_types = ["parallel", "parallel"]}
        ins(%number : f32) outs(%p : memref<4x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %y = arith.mulf %in, %number : f32
      linalg.yield %y : f32
    }
    linalg.generic {indexing_maps = [#s, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%h, %R : memref<4x16xf32>, memref<16x16xf32>) outs(%p : memref<4x16xf32>) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %m = arith.mulf %a, %b : f32
      %n = arith.addf %out, %m : f32
      linalg.yield %n : f32
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%p : memref<4x16xf32>) outs(%h : memref<4x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    }
  }
  return %h : memref<4x16xf32>
}

// Rows of a norm need columns of all units; a state that others may see under
// another name is not theirs alone.
// CHECK-LABEL: func.func @kept
// CHECK-NOT: gpu.launch
func.func @kept(%R: memref<16x16xf32>, %state: memref<4x16xf32>) -> memref<4x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %h = memref.alloc() : memref<4x16xf32>
  %n = memref.alloc() : memref<4x16xf32>
  scf.for %t = %c0 to %c9 step %c1 {
    linalg.generic {indexing_maps = [affine_map<(r, n, k) -> (r, k)>, #o], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%h : memref<4x16xf32>) outs(%n : memref<4x16xf32>) {
    ^bb0(%a: f32, %out: f32):
      %s = arith.addf %out, %a : f32
      linalg.yield %s : f32
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%n : memref<4x16xf32>) outs(%h : memref<4x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    }
  }
  scf.for %t = %c0 to %c9 step %c1 {
    linalg.generic {indexing_maps = [#s, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%state, %R : memref<4x16xf32>, memref<16x16xf32>) outs(%n : memref<4x16xf32>) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %m = arith.mulf %a, %b : f32
      %s = arith.addf %out, %m : f32
      linalg.yield %s : f32
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%n : memref<4x16xf32>) outs(%state : memref<4x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    }
  }
  return %h : memref<4x16xf32>
}
