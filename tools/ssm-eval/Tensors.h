//===- Tensors.h - NumPy's arrays as the evaluator's tensors ----*- C++ -*-===//

#pragma once

#include "lib/Eval/Tensor.h"
#include "lib/Support/Npz.h"

namespace ssmc {

/// The array as a value of `type`, or of the array's own type where `type` is
/// not a tensor's. Precision may differ; a float is not given for an integer.
llvm::Expected<Tensor> toTensor(const NpyArray &array, mlir::Type type);

/// Floats as float64, integers in their own type.
NpyArray toArray(const Tensor &tensor);

} // namespace ssmc
