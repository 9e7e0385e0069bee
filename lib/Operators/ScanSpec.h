//===- ScanSpec.h - the parts of a Scan -------------------------*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"

namespace ssmc {

/// Axes and directions of a node with N states, M sequences read and K written.
struct ScanSpec {
  int64_t states, reads, writes;
  llvm::SmallVector<int64_t> readAxes, writeAxes;
  llvm::SmallVector<bool> readBackwards, writeBackwards;
};

/// The spec that attributes and the numbers of inputs and outputs give; axes
/// are not normalized yet. Fails where they do not fit together.
mlir::FailureOr<ScanSpec> scanSpec(mlir::onnx::NodeOp node);

} // namespace ssmc
