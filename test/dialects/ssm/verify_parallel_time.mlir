// RUN: ssm-opt %s -split-input-file -verify-diagnostics -ssm-verify-parallel-time

// Loops that were made parallel after tiling, on buffers.
func.func @parallel(%a: memref<64x8xf32>, %h: memref<64x8xf32>, %s: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c16 = arith.constant 16 : index
  // expected-note@+1 {{the loop is here}}
  scf.parallel (%i) = (%c0) to (%c16) step (%c4) {
    %t = arith.muli %i, %c4 : index
    %at = memref.subview %a[%t, 0] [16, 8] [1, 1] : memref<64x8xf32> to memref<16x8xf32, strided<[8, 1], offset: ?>>
    %ht = memref.subview %h[%t, 0] [16, 8] [1, 1] : memref<64x8xf32> to memref<16x8xf32, strided<[8, 1], offset: ?>>
    // expected-error@+1 {{'ssm.scan' op cannot have its time split over a parallel loop: every step needs the one before it}}
    ssm.scan dimension(0) ins(%at, %at : memref<16x8xf32, strided<[8, 1], offset: ?>>, memref<16x8xf32, strided<[8, 1], offset: ?>>)
      outs(%ht, %s : memref<16x8xf32, strided<[8, 1], offset: ?>>, memref<8xf32>)
  }
  return
}

// -----

// Through a slice that drops a dimension, and a loop in order whose start
// depends on the parallel one.
func.func @nested(%x: tensor<4x64x8xf32>, %a: tensor<8xf32>, %y: tensor<4x64x8xf32>) -> tensor<4x64x8xf32> {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  // expected-note@+1 {{the loop is here}}
  %0 = scf.forall (%i) in (8) shared_outs(%out = %y) -> tensor<4x64x8xf32> {
    %1 = scf.for %t = %i to %c64 step %c1 iter_args(%o = %out) -> tensor<4x64x8xf32> {
      %row = tensor.extract_slice %x[1, 0, 0] [1, 64, 8] [1, 1, 1] : tensor<4x64x8xf32> to tensor<64x8xf32>
      %xt = tensor.extract_slice %row[%t, 0] [1, 8] [1, 1] : tensor<64x8xf32> to tensor<1x8xf32>
      // expected-error@+1 {{'ssm.scan' op cannot have its time split}}
      %h, %last = ssm.scan dimension(0) ins(%xt, %xt : tensor<1x8xf32>, tensor<1x8xf32>) outs(%xt, %a : tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>, tensor<8xf32>
      scf.yield %o : tensor<4x64x8xf32>
    }
    scf.forall.in_parallel {
    }
  }
  return %0 : tensor<4x64x8xf32>
}

// -----

// Channels in parallel and time in order are right.
func.func @right(%a: memref<64x8xf32>, %h: memref<64x8xf32>, %s: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    scf.for %t = %c0 to %c64 step %c16 {
      %at = memref.subview %a[%t, %i] [16, 1] [1, 1] : memref<64x8xf32> to memref<16x1xf32, strided<[8, 1], offset: ?>>
      %ht = memref.subview %h[%t, %i] [16, 1] [1, 1] : memref<64x8xf32> to memref<16x1xf32, strided<[8, 1], offset: ?>>
      %st = memref.subview %s[%i] [1] [1] : memref<8xf32> to memref<1xf32, strided<[1], offset: ?>>
      ssm.scan dimension(0) ins(%at, %at : memref<16x1xf32, strided<[8, 1], offset: ?>>, memref<16x1xf32, strided<[8, 1], offset: ?>>)
        outs(%ht, %st : memref<16x1xf32, strided<[8, 1], offset: ?>>, memref<1xf32, strided<[1], offset: ?>>)
    }
  }
  return
}
