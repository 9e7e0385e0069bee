//===- Gate.h - proves a raise before it is kept ----------------*- C++ -*-===//

#pragma once

#include "lib/Raise/Mixer.h"

namespace ssmc {

/// What the gate saw.
struct Verdict {
  bool accepted = false;
  double deviation = 0; // the largest of all comparisons
  int64_t comparisons = 0;
  std::string reason; // where nothing could be compared
};

/// Compares a region with what it was replaced by, both in double precision on
/// fresh random inputs: ordinary ones, decays near 0 and near 1, large values.
/// `replacement` holds what the ops in `written` compute for the exit and the
/// states; constants among them are taken as in `exact`, before rounding.
Verdict checkRaise(const Problem &problem,
                   llvm::ArrayRef<mlir::Operation *> written,
                   llvm::ArrayRef<mlir::Value> replacement,
                   const llvm::DenseMap<mlir::Value, Tensor> &exact);

} // namespace ssmc
