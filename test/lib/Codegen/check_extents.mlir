// Extents that meet are compared in front of the op, unless affine arithmetic
// shows that they are equal, or they have been compared before.
// RUN: ssm-opt %s --allow-unregistered-dialect --ssm-check-extents --canonicalize --cse | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// CHECK-LABEL: func.func @met(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?xf32>, %[[Z:[a-z0-9]+]]: tensor<?xf32>, %[[N:[a-z0-9]+]]: index)
func.func @met(%x: tensor<?xf32>, %z: tensor<?xf32>, %n: index) -> tensor<?xf32> attributes {
    ssm.signature = {symbols = ["N", "K"],
                     inputs = [{dims = affine_map<()[s0, s1] -> (s0)>}, {dims = affine_map<()[s0, s1] -> (s1)>},
                               {dims = affine_map<()[s0, s1] -> ()>}],
                     outputs = [{dims = affine_map<()[s0, s1] -> (s1)>}]}} {
  // CHECK-DAG: %[[SYMBOL_N:.*]] = onnx.symbol "N"
  // CHECK-DAG: %[[SYMBOL_K:.*]] = onnx.symbol "K"
  // The slice is within %x.
  // CHECK: arith.cmpi slt
  // CHECK: cf.assert %{{.*}}, "a slice that the data decides is not within its tensor"
  // CHECK-NEXT: tensor.extract_slice
  %slice = tensor.extract_slice %x[0] [%n] [1] : tensor<?xf32> to tensor<?xf32>
  // CHECK: %[[SAME:.*]] = arith.cmpi eq, %[[SYMBOL_K]], %[[N]]
  // CHECK-NEXT: cf.assert %[[SAME]], "extents that must be equal differ"
  // CHECK: linalg.add
  %empty = tensor.empty(%n) : tensor<?xf32>
  %sum = linalg.add ins(%slice, %z : tensor<?xf32>, tensor<?xf32>) outs(%empty : tensor<?xf32>) -> tensor<?xf32>
  // CHECK-NOT: cf.assert
  // CHECK: linalg.mul
  %product = linalg.mul ins(%sum, %z : tensor<?xf32>, tensor<?xf32>) outs(%empty : tensor<?xf32>) -> tensor<?xf32>
  // That the result has the extent K is what was asserted.
  // CHECK-NOT: cf.assert
  return %product : tensor<?xf32>
}

// CHECK-LABEL: func.func @equal(
func.func @equal(%x: tensor<?x4xf32>) -> tensor<?xf32> attributes {
    ssm.signature = {symbols = ["N"], inputs = [{dims = affine_map<()[s0] -> (s0, 4)>}],
                     outputs = [{dims = affine_map<()[s0] -> (s0 * 4)>}]}} {
  // CHECK-NOT: cf.assert
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<?x4xf32> into tensor<?xf32>
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %count = arith.muli %n, %c4 : index
  %apply = affine.apply affine_map<()[s0] -> (s0 * 4)>()[%n]
  %empty = tensor.empty(%apply) : tensor<?xf32>
  %y = linalg.exp ins(%flat : tensor<?xf32>) outs(%empty : tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// The named extents of an ssm op meet as those of linalg ops do.
// CHECK-LABEL: func.func @mixer(
func.func @mixer(%a: tensor<2x?x3xf32>, %h: tensor<2x3xf32>, %n: index, %m: index) -> tensor<2x3xf32> attributes {
    ssm.signature = {symbols = ["L"],
                     inputs = [{dims = affine_map<()[s0] -> (2, s0, 3)>}, {dims = affine_map<()[s0] -> (2, 3)>},
                               {dims = affine_map<()[s0] -> ()>}, {dims = affine_map<()[s0] -> ()>}],
                     outputs = [{dims = affine_map<()[s0] -> (2, 3)>}]}} {
  %u = tensor.empty(%n) : tensor<2x?x3xf32>
  %y = tensor.empty(%m) : tensor<2x?x3xf32>
  // CHECK-COUNT-2: cf.assert %{{.*}}, "extents that must be equal differ"
  // CHECK: ssm.scan
  %h1, %s1 = ssm.scan dimension(1) ins(%a, %u : tensor<2x?x3xf32>, tensor<2x?x3xf32>)
                      outs(%y, %h : tensor<2x?x3xf32>, tensor<2x3xf32>) -> tensor<2x?x3xf32>, tensor<2x3xf32>
  return %s1 : tensor<2x3xf32>
}

// The place of an insertion is known to exist before what is inserted is
// computed; numbers that it is computed from stay in front of their users.
// CHECK-LABEL: func.func @place(
func.func @place(%x: tensor<4xf32>, %y: tensor<9xf32>, %n: index) -> tensor<9xf32> {
  // CHECK: %[[TWICE:.*]] = affine.apply
  // CHECK: "test.number"(%[[TWICE]]
  // CHECK: cf.assert %{{.*}}, "a slice that the data decides is not within its tensor"
  // CHECK: linalg.abs
  // CHECK: tensor.insert_slice
  %twice = affine.apply affine_map<()[s0] -> (s0 * 2)>()[%n]
  %other = tensor.empty(%twice) : tensor<?xf32>
  %c = "test.number"(%twice, %other) : (index, tensor<?xf32>) -> index
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.abs ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %sum = arith.addi %twice, %c : index
  %r = tensor.insert_slice %f into %y[%sum] [4] [1] : tensor<4xf32> into tensor<9xf32>
  return %r : tensor<9xf32>
}

// So are elements that the place is read from, with what says that they exist,
// and a choice between such.
// CHECK-LABEL: func.func @place_read(
func.func @place_read(%x: tensor<4xf32>, %y: tensor<9xf32>, %at: tensor<?xindex>, %k: index) -> tensor<9xf32> {
  // CHECK: cf.assert %{{.*}}, "a slice that the data decides is not within its tensor"
  // CHECK: tensor.extract_slice
  // CHECK: cf.assert %{{.*}}, "an element that the data decides is not within its tensor"
  // CHECK: tensor.extract %
  // CHECK: scf.if
  // CHECK: cf.assert %{{.*}}, "a slice that the data decides is not within its tensor"
  // CHECK: linalg.abs
  // CHECK-NOT: cf.assert
  // CHECK: tensor.insert_slice
  %zero = arith.constant 0 : index
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.abs ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %row = tensor.extract_slice %at[%k] [3] [1] : tensor<?xindex> to tensor<3xindex>
  %i = tensor.extract %row[%k] : tensor<3xindex>
  %n = tensor.dim %at, %zero : tensor<?xindex>
  %some = arith.cmpi sgt, %n, %i : index
  %j = scf.if %some -> (index) {
    %read = tensor.extract %at[%i] : tensor<?xindex>
    scf.yield %read : index
  } else {
    scf.yield %zero : index
  }
  %r = tensor.insert_slice %f into %y[%j] [4] [1] : tensor<4xf32> into tensor<9xf32>
  return %r : tensor<9xf32>
}
