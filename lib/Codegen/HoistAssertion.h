//===- HoistAssertion.h - an assertion in front of what it guards ---------===//
//
// What is inserted into a tensor may be computed in place, so it is written
// before the insertion. The assertion that the place exists must stand in front
// of that: it is moved up to the last of the values that it is computed from.
// Arithmetic on numbers moves along; so do elements and slices of tensors, with
// the assertions that they exist.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

namespace ssmc {

/// Of an op that reads or writes at a place that the data decides: that it is
/// there. Other places are known to be.
using Guards =
    llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::cf::AssertOp, 1>>;

/// Moves `op` up within its block.
void hoistAssertion(mlir::cf::AssertOp op, const Guards &guards);

} // namespace ssmc
