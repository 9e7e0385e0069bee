//===- Gate.h - proves a raise before it is kept ----------------*- C++ -*-===//

#pragma once

#include "lib/Raise/Mixer.h"

namespace ssmc {

/// What the gate saw.
struct Verdict {
  bool accepted = false;
  double deviation = 0; // the largest of all comparisons
  int64_t comparisons = 0;
  llvm::SmallVector<int64_t> lengths; // at which both were compared
  std::string reason;                 // where nothing could be compared
  /// What no comparison could show.
  llvm::SmallVector<std::string, 0> assumptions;
};

/// The ops that replace a region.
struct Replacement {
  llvm::ArrayRef<mlir::Operation *> ops;
  llvm::ArrayRef<mlir::Value> values; // for the exit, then the states
  /// Constants among the ops as they were before rounding.
  const llvm::DenseMap<mlir::Value, Tensor> &exact;
  const Mixer &mixer;
};

/// Compares a region with what it is replaced by, both in double precision on
/// fresh random inputs: ordinary ones, decays near 0 and near 1, large values.
/// `problems` are the region at different lengths, the traced one first. `seen`
/// says that another region of this form, which differs in its weights only,
/// has passed all of this: ordinary and very large inputs then show what is
/// new, the weights, unless the region branches on its data.
Verdict checkRaise(llvm::ArrayRef<Problem> problems,
                   const Replacement &replacement, bool seen);

} // namespace ssmc
