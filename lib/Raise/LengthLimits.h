//===- LengthLimits.h - bounds of positions ---------------------*- C++ -*-===//
//
// Where a graph leaves its length free, masks are computed from positions: a
// window of 40 tokens is a comparison with 40. At lengths up to 40 it hides
// nothing, and what is compared there shows a mixer without a window. A number
// that stands in the graph says which length is enough. One that is written as
// something else - as 1/40, as a sum, as blocks of 8 - does not: a region that
// bounds positions at all is compared at one long length, too.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Region.h"

namespace ssmc {

struct LengthLimit {
  /// The largest number above a length that arithmetic on positions reads, that
  /// is on values that follow from extents and from no data; 0 if there is
  /// none.
  int64_t number = 0;
  /// Whether there is any such arithmetic.
  bool any = false;
};
LengthLimit findLengthLimit(const Graph &graph, const Region &region,
                            int64_t length);

} // namespace ssmc
