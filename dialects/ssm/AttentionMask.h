//===- AttentionMask.h - which keys a query sees ----------------*- C++ -*-===//
//
// The rule of ssm.attention's windows, prefixes and positions, for whoever
// computes it: one key at a time or a vector of them.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmOps.h"

namespace mlir::ssm {

/// Whether queries at `queryAt` see keys at `keyAt`, by their positions alone:
/// integers or vectors of such, null where the op has nothing to do with
/// positions. `prefix`, the end of what all see, may be null. Null where all
/// keys are seen.
Value buildIsSeen(OpBuilder &b, Location loc, AttentionOp op, Value queryAt,
                  Value keyAt, Value prefix);

} // namespace mlir::ssm
