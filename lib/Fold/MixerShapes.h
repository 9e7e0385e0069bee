//===- MixerShapes.h - shapes of ssm ops from their inputs ------*- C++ -*-===//
//
// A mixer's destinations have the extents that its inputs say. When an input's
// length or batch changes, the destinations are made again.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Extents.h"

namespace ssmc {

/// Extents of each destination of an ssm op; fails where they do not follow
/// from the inputs.
mlir::FailureOr<llvm::SmallVector<llvm::SmallVector<mlir::AffineExpr>>>
mixerExtents(mlir::Operation &op,
             llvm::function_ref<llvm::ArrayRef<mlir::AffineExpr>(mlir::Value)>
                 extentsOf);

/// Makes the destination `operand` one of `shape`, if it is an empty tensor or
/// one filled with a constant. Any other value states its own shape, which
/// must be this one.
mlir::LogicalResult retypeDestination(mlir::OpOperand &operand,
                                      const ValueShape &shape,
                                      ModuleSymbols &symbols);

} // namespace ssmc
