//===- LengthLimits.h - numbers that positions are compared with -*- C++
//-*-===//
//
// Where a graph leaves its length free, masks are computed from positions: a
// window of 40 tokens is a comparison with 40. At lengths up to 40 it hides
// nothing, and what is compared there shows a mixer without a window.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Region.h"

namespace ssmc {

/// The largest integer above `length` that arithmetic on positions in the
/// region reads, that is on values that follow from extents and from no data;
/// 0 if there is none.
int64_t findLengthLimit(const Graph &graph, const Region &region,
                        int64_t length);

} // namespace ssmc
