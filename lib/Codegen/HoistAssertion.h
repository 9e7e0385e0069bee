//===- HoistAssertion.h - an assertion in front of what it guards ---------===//
//
// What is inserted into a tensor may be computed in place, so it is written
// before the insertion. The assertion that the place exists must stand in front
// of that: it is moved up to the last of the values that it is computed from.
// Arithmetic on numbers moves along, and elements at constant places.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

namespace ssmc {

/// Moves `op` up within its block.
void hoistAssertion(mlir::cf::AssertOp op);

} // namespace ssmc
