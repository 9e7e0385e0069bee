//===- LoopNode.h - the parts of a Loop -------------------------*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"

namespace ssmc {

/// The body of a Loop: (iteration, condition, carried...) -> condition,
/// carried, scanned.
struct LoopParts {
  mlir::Block *body;
  int64_t carried, scanned;
};
/// Fails where the node's parts do not fit together.
mlir::FailureOr<LoopParts> readLoop(mlir::onnx::NodeOp node);

/// True if the condition can never become false: it is absent or true before
/// the loop, and the body hands on what it got or a constant.
bool onlyCounts(mlir::onnx::NodeOp node, mlir::Block &body);

} // namespace ssmc
