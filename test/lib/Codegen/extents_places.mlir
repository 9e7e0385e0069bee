// Slices and elements whose place the data decides, in parallel loops, too:
// where the place is not within the tensor, nothing is read or written.
// RUN: %python %S/refuse.py %s %t

#one = affine_map<()[s0, s1] -> (s0)>
#two = affine_map<()[s0, s1] -> (s1)>

// GIVES gather: dict(x=np.arange(10, dtype='f'), at=np.array([0, 6])) -> dict(y=np.array([[0, 1, 2, 3], [6, 7, 8, 9]], 'f'))
// FAILS gather: dict(x=np.arange(10, dtype='f'), at=np.array([0, 8])) -> "a slice that the data decides is not within its tensor"
// FAILS gather: dict(x=np.arange(10, dtype='f'), at=np.array([10**10, -10**10])) -> "a slice that the data decides is not within its tensor"
func.func @gather(%x: tensor<?xf32>, %at: tensor<?xi64>) -> tensor<?x4xf32>
    attributes {ssm.signature = {symbols = ["N", "B"],
      inputs = [{name = "x", dtype = 1 : i64, dims = #one}, {name = "at", dtype = 7 : i64, dims = #two}],
      outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1, 4)>}]}} {
  %B = onnx.symbol "B"
  %e = tensor.empty(%B) : tensor<?x4xf32>
  %y = scf.forall (%i) in (%B) shared_outs(%o = %e) -> (tensor<?x4xf32>) {
    %v = tensor.extract %at[%i] : tensor<?xi64>
    %n = arith.index_cast %v : i64 to index
    %s = tensor.extract_slice %x[%n] [4] [1] : tensor<?xf32> to tensor<4xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<?x4xf32>
    }
  }
  return %y : tensor<?x4xf32>
}

// A loop in the loop carries numbers and a tensor past what fails.
// GIVES walk: dict(x=np.arange(10, dtype='f'), at=np.array([3, 6])) -> dict(y=np.array([[9, 3], [9, 6]], 'f'))
// FAILS walk: dict(x=np.arange(10, dtype='f'), at=np.array([10**10, 6])) -> "an element that the data decides is not within its tensor"
func.func @walk(%x: tensor<?xf32>, %at: tensor<?xi64>) -> tensor<?x2xf32>
    attributes {ssm.signature = {symbols = ["N", "B"],
      inputs = [{name = "x", dtype = 1 : i64, dims = #one}, {name = "at", dtype = 7 : i64, dims = #two}],
      outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1, 2)>}]}} {
  %B = onnx.symbol "B"
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %e = tensor.empty(%B) : tensor<?x2xf32>
  %y = scf.forall (%i) in (%B) shared_outs(%o = %e) -> (tensor<?x2xf32>) {
    %row = tensor.empty() : tensor<2xf32>
    %sum, %r = scf.for %j = %c0 to %B step %c1 iter_args(%a = %zero, %b = %row) -> (f32, tensor<2xf32>) {
      %v = tensor.extract %at[%j] : tensor<?xi64>
      %n = arith.index_cast %v : i64 to index
      %f = tensor.extract %x[%n] : tensor<?xf32>
      %s = arith.addf %a, %f : f32
      %w = tensor.insert %s into %b[%c0] : tensor<2xf32>
      scf.yield %s, %w : f32, tensor<2xf32>
    }
    %v = tensor.extract %at[%i] : tensor<?xi64>
    %n = arith.index_cast %v : i64 to index
    %f = tensor.extract %x[%n] : tensor<?xf32>
    %s = tensor.insert %f into %r[%c1] : tensor<2xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i, 0] [1, 2] [1, 1] : tensor<2xf32> into tensor<?x2xf32>
    }
  }
  return %y : tensor<?x2xf32>
}

// GIVES scatter: dict(x=np.arange(3, dtype='f'), z=ones(3)) -> dict(y=np.arange(3, dtype='f'))
// FAILS scatter: dict(x=np.arange(1000000, dtype='f'), z=ones(3)) -> "a slice that the data decides is not within its tensor"
func.func @scatter(%x: tensor<?xf32>, %z: tensor<?xf32>) -> tensor<?xf32>
    attributes {ssm.signature = {symbols = ["N", "B"],
      inputs = [{name = "x", dtype = 1 : i64, dims = #one}, {name = "z", dtype = 1 : i64, dims = #two}],
      outputs = [{name = "y", dtype = 1 : i64, dims = #two}]}} {
  %N = onnx.symbol "N"
  %B = onnx.symbol "B"
  %e = tensor.empty(%B) : tensor<?xf32>
  %y = scf.forall (%i) in (%N) shared_outs(%o = %e) -> (tensor<?xf32>) {
    %s = tensor.extract_slice %x[%i] [1] [1] : tensor<?xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i] [1] [1] : tensor<1xf32> into tensor<?xf32>
    }
  }
  return %y : tensor<?xf32>
}

// GIVES element: dict(x=np.arange(10, dtype='f'), at=np.array([7])) -> dict(y=np.array([7], 'f'))
// FAILS element: dict(x=np.arange(10, dtype='f'), at=np.array([10**10])) -> "an element that the data decides is not within its tensor"
// FAILS element: dict(x=np.arange(10, dtype='f'), at=np.array([-10**10])) -> "an element that the data decides is not within its tensor"
func.func @element(%x: tensor<10xf32>, %at: tensor<1xi64>) -> tensor<1xf32>
    attributes {ssm.signature = {symbols = [],
      inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<() -> (10)>},
                {name = "at", dtype = 7 : i64, dims = affine_map<() -> (1)>}],
      outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<() -> (1)>}]}} {
  %c0 = arith.constant 0 : index
  %v = tensor.extract %at[%c0] : tensor<1xi64>
  %n = arith.index_cast %v : i64 to index
  %f = tensor.extract %x[%n] : tensor<10xf32>
  %y = tensor.from_elements %f : tensor<1xf32>
  return %y : tensor<1xf32>
}

// GIVES slice: dict(x=np.arange(10, dtype='f'), at=np.array([6])) -> dict(y=np.array([6, 7, 8, 9], 'f'))
// FAILS slice: dict(x=np.arange(10, dtype='f'), at=np.array([7])) -> "a slice that the data decides is not within its tensor"
// FAILS slice: dict(x=np.arange(10, dtype='f'), at=np.array([-10**10])) -> "a slice that the data decides is not within its tensor"
func.func @slice(%x: tensor<10xf32>, %at: tensor<1xi64>) -> tensor<4xf32>
    attributes {ssm.signature = {symbols = [],
      inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<() -> (10)>},
                {name = "at", dtype = 7 : i64, dims = affine_map<() -> (1)>}],
      outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<() -> (4)>}]}} {
  %c0 = arith.constant 0 : index
  %v = tensor.extract %at[%c0] : tensor<1xi64>
  %n = arith.index_cast %v : i64 to index
  %y = tensor.extract_slice %x[%n] [4] [1] : tensor<10xf32> to tensor<4xf32>
  return %y : tensor<4xf32>
}

// What is inserted is computed in its place: not before that is known to exist.
// GIVES place: dict(x=ones(4), at=np.array([3]), z=np.zeros(10, 'f')) -> dict(y=np.array([7] * 3 + [1] * 4 + [7] * 3, 'f'))
// FAILS place: dict(x=ones(4), at=np.array([10**10]), z=np.zeros(10, 'f')) -> "a slice that the data decides is not within its tensor"
// FAILS place: dict(x=ones(4), at=np.array([-10**10]), z=np.zeros(10, 'f')) -> "a slice that the data decides is not within its tensor"
func.func @place(%x: tensor<4xf32>, %at: tensor<1xi64>, %z: tensor<?xf32>) -> tensor<?xf32>
    attributes {ssm.signature = {symbols = ["N"],
      inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0] -> (4)>},
                {name = "at", dtype = 7 : i64, dims = affine_map<()[s0] -> (1)>},
                {name = "z", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0)>}],
      outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0] -> (s0)>}]}} {
  %N = onnx.symbol "N"
  %c0 = arith.constant 0 : index
  %seven = arith.constant 7.0 : f32
  %s = tensor.empty() : tensor<4xf32>
  %f = linalg.abs ins(%x : tensor<4xf32>) outs(%s : tensor<4xf32>) -> tensor<4xf32>
  %v = tensor.extract %at[%c0] : tensor<1xi64>
  %n = arith.index_cast %v : i64 to index
  %e = tensor.empty(%N) : tensor<?xf32>
  %a = linalg.fill ins(%seven : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %y = tensor.insert_slice %f into %a[%n] [4] [1] : tensor<4xf32> into tensor<?xf32>
  return %y : tensor<?xf32>
}

// The place is an element that may not exist, read behind what is inserted.
// GIVES place_read: dict(x=ones(4), at=np.array([1, 3]), k=np.array([1]), z=np.zeros(10, 'f')) -> dict(y=np.array([7] * 3 + [1] * 4 + [7] * 3, 'f'))
// FAILS place_read: dict(x=ones(4), at=np.array([10**10]), k=np.array([0]), z=np.zeros(10, 'f')) -> "a slice that the data decides is not within its tensor"
// FAILS place_read: dict(x=ones(4), at=np.array([1, 3]), k=np.array([10**10]), z=np.zeros(10, 'f')) -> "an element that the data decides is not within its tensor"
func.func @place_read(%x: tensor<4xf32>, %at: tensor<?xi64>, %k: tensor<1xi64>, %z: tensor<?xf32>) -> tensor<?xf32>
    attributes {ssm.signature = {symbols = ["B", "N"],
      inputs = [{name = "x", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (4)>},
                {name = "at", dtype = 7 : i64, dims = affine_map<()[s0, s1] -> (s0)>},
                {name = "k", dtype = 7 : i64, dims = affine_map<()[s0, s1] -> (1)>},
                {name = "z", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1)>}],
      outputs = [{name = "y", dtype = 1 : i64, dims = affine_map<()[s0, s1] -> (s1)>}]}} {
  %N = onnx.symbol "N"
  %c0 = arith.constant 0 : index
  %seven = arith.constant 7.0 : f32
  %s = tensor.empty() : tensor<4xf32>
  %f = linalg.abs ins(%x : tensor<4xf32>) outs(%s : tensor<4xf32>) -> tensor<4xf32>
  %w = tensor.extract %k[%c0] : tensor<1xi64>
  %i = arith.index_cast %w : i64 to index
  %v = tensor.extract %at[%i] : tensor<?xi64>
  %n = arith.index_cast %v : i64 to index
  %e = tensor.empty(%N) : tensor<?xf32>
  %a = linalg.fill ins(%seven : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %y = tensor.insert_slice %f into %a[%n] [4] [1] : tensor<4xf32> into tensor<?xf32>
  return %y : tensor<?xf32>
}
