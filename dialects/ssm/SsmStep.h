//===- SsmStep.h - ops whose step is a region on tensors --------*- C++ -*-===//
//
// What ssm.recurrence and ssm.associative_scan share. Region types are those of
// the op up to extents unknown on either side, so values are cast where they
// enter and leave.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmVerify.h"

namespace mlir::ssm {

/// Whether `type` is a tensor of this shape and element type where both know.
bool isCompatible(Type type, RankedTensorType expected);

/// A cast, where types differ.
Value castTo(OpBuilder &b, Location loc, Value value, Type type);

/// The region's arguments have the types that the op says of them.
template <typename Op>
LogicalResult verifyStepArguments(Op op) {
  for (BlockArgument arg : op.getStep().getArguments()) {
    RankedTensorType type = op.getStepType(arg.getArgNumber());
    if (!isCompatible(arg.getType(), type))
      return op.emitOpError("region argument ")
             << arg.getArgNumber() << " must be " << type << ", but is "
             << arg.getType();
  }
  return success();
}

/// The region's ops once more, on other arguments; what they yield.
llvm::SmallVector<Value> cloneStep(OpBuilder &b, Location loc, Region &step,
                                   ValueRange arguments);

} // namespace mlir::ssm
