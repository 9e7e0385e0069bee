//===- Interpreter.h - evaluates ops by what they decompose to --*- C++ -*-===//

#pragma once

#include "lib/Eval/Tensor.h"
#include "mlir/IR/Operation.h"

#include <string>

namespace ssmc {

/// Evaluates an op that is not of the onnx dialect, given the values of its
/// operands. On failure `error` says why.
mlir::LogicalResult
evaluateByDecomposition(mlir::Operation *op, llvm::ArrayRef<Tensor> operands,
                        llvm::SmallVectorImpl<Tensor> &results,
                        std::string &error);

} // namespace ssmc
