//===- HoistSteps.h - work that a step does token by token ------*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ssmc {

/// Moves out of every Scan with affine states what follows from its tokens
/// alone, and what only follows from what was read out of its states. True
/// where something changed; types are to be inferred then.
bool hoistSteps(mlir::func::FuncOp function);

} // namespace ssmc
