//===- HoistSteps.h - work that a step does token by token ------*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ssmc {

/// In the bodies of Scans multiplies small factors first. True where something
/// changed; types are to be inferred then, and it may be done again.
bool regroupProducts(mlir::func::FuncOp function);

/// In the bodies of Scans writes states that change element by element, in an
/// affine way, as a product and a sum. True where something changed, as above.
bool writeAffineSteps(mlir::func::FuncOp function);

/// Parts states of a Scan that are affine once others are given, which do not
/// follow from them, from those. True where something changed, as above.
bool cascadeSteps(mlir::func::FuncOp function);

/// Moves out of every Scan with affine states what follows from its tokens
/// alone, and what only follows from what was read out of its states. True
/// where something changed; types are to be inferred then.
bool hoistSteps(mlir::func::FuncOp function);

/// All of these, until nothing changes any more, with types; fails where inference
/// does. True where something changed.
mlir::FailureOr<bool> simplifySteps(mlir::ModuleOp module,
                                    mlir::func::FuncOp function);

} // namespace ssmc
