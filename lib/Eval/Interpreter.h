//===- Interpreter.h - evaluates ops by what they decompose to --*- C++ -*-===//

#pragma once

#include "lib/Eval/Tensor.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <string>

namespace ssmc {

/// Evaluates an op that is not of the onnx dialect, given the values of its
/// operands. An ssm op is evaluated at the shapes of these values, whatever its
/// types say, and in double precision. `outer` gives the values from outside
/// that the op's regions use. On failure `error` says why.
mlir::LogicalResult evaluateByDecomposition(
    mlir::Operation *op, llvm::ArrayRef<Tensor> operands,
    llvm::SmallVectorImpl<Tensor> &results, std::string &error,
    llvm::function_ref<mlir::FailureOr<Tensor>(mlir::Value)> outer = nullptr);

} // namespace ssmc
