//===- SsmParallelTime.h - time must not be split in parallel ---*- C++ -*-===//

#pragma once

#include "dialects/ssm/SsmOps.h"

namespace mlir::ssm {

/// The loop with iterations that may run at once on whose iteration an index
/// depends, or null.
Operation *findParallelLoop(OpFoldResult index);

/// Emits the error about an op whose time is split by such a loop.
LogicalResult reportParallelTime(Operation *op, Operation *loop);

/// Lets the ops be tiled and their extents be compared.
void attachTilingModels(MLIRContext *context);

} // namespace mlir::ssm
