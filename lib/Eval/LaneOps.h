//===- LaneOps.h - scalar ops on many elements at once ----------*- C++ -*-===//
//
// The interpreter runs a scalar op of arith or math on a run of elements, its
// lanes, so that looking the op up is paid once per run.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/Operation.h"

#include <string>

namespace ssmc {

/// One element: floats in double, integers, indices and booleans in int64_t.
union Lane {
  double f;
  int64_t i;
};

/// A scalar op, ready to run.
struct LaneOp {
  using Function = void (*)(const LaneOp &op, Lane *out, const Lane *const *in,
                            int64_t count);
  Function function = nullptr;
  unsigned numInputs = 0;
  /// Widths of input and result where these are integers, else 0.
  unsigned inWidth = 0, outWidth = 0;
  /// Predicate of a comparison.
  int64_t predicate = 0;

  void run(Lane *out, const Lane *const *in, int64_t count) const {
    function(*this, out, in, count);
  }
};

/// The implementation of a scalar (or elementwise) op; its function is null
/// where there is none.
LaneOp getLaneOp(mlir::Operation *op);

} // namespace ssmc
