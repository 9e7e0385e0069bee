//===- ValueRange.h - what numbers a value may hold -------------*- C++ -*-===//

#pragma once

#include "lib/Raise/Graph.h"

namespace ssmc {

/// All elements are from `low` to `high`, or no numbers at all.
struct ValueRange {
  double low = -INFINITY, high = INFINITY;
};
/// What the operators in front of `value` let through, whatever the inputs of
/// the graph are: that of a sigmoid is from 0 to 1.
ValueRange findRange(const Graph &graph, mlir::Value value);

} // namespace ssmc
