//===- SsmMixerShape.h - named extents of a mixer's operands ----*- C++ -*-===//
//
// A mixer op is described by its extents (B, L, D, ...) and, for every operand,
// which extent each of its dimensions has. The first extents are the loops of
// the op, the ones that tiling may split; one of them may be time.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mlir::ssm {

/// One operand of a mixer.
struct MixerOperand {
  /// How diagnostics call it: `u`, `extras[1]`.
  std::string name;
  /// For every dimension the extent it has, or `anyExtent`.
  llvm::SmallVector<int64_t, 4> dims;
  /// Time runs from the last index to the first.
  bool reversed = false;
  /// The value before the op is used by it. False for outputs only.
  bool read = true;
  /// Holds booleans, not numbers that the op computes with.
  bool isFlag = false;
  /// Holds positions or ids.
  bool isIndex = false;

  static constexpr int64_t anyExtent = -1;
};

/// `times` * extent `part` is at most extent `whole`.
struct MixerBound {
  unsigned times, part, whole;
};

/// Extents, loops and operands of a mixer, operands in their order in the op.
struct MixerShape {
  llvm::SmallVector<std::string, 5> extents;
  /// The loops are the first `numLoops` extents.
  unsigned numLoops = 0;
  /// The extent that is time, if it is a loop.
  std::optional<unsigned> time;
  llvm::SmallVector<MixerOperand, 8> operands;
  /// What else holds of the extents. The verifier sees to those that are
  /// static, code generation to the others.
  llvm::SmallVector<MixerBound, 1> bounds = {};
};

} // namespace mlir::ssm
