//===- LongConvStrategies.h - ssm.long_conv by transforms -------*- C++ -*-===//

#pragma once

#include "dialects/ssm/SsmOps.h"

namespace mlir::ssm {

/// y of an op on tensors without a past that is no ring.
Value lowerByTransforms(OpBuilder &b, LongConvOp op);

} // namespace mlir::ssm
