//===- LengthLimits.h - bounds of positions ---------------------*- C++ -*-===//
//
// Where a graph leaves its length free, masks are computed from positions: a
// window of 40 tokens is a comparison with 40, or a table of 1024 x 1024 that
// is cut to the length. At lengths up to 40 it hides nothing, and what is
// compared there shows a mixer without a window. A number that stands in the
// graph says which length is enough. One that is written as something else - as
// 1/40, as a sum, as blocks of 8 - does not: whether a region computes with
// positions at all is found, too.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Region.h"

namespace ssmc {

struct LengthLimit {
  /// Whether anything is computed from positions, that is from extents and from
  /// no data, but for extents themselves.
  bool any = false;
  /// The largest number above a length that such values are computed with, or
  /// the extent of a table that they cut; 0 if there is none.
  int64_t number = 0;
  /// The largest by which data is shifted or cut along a free extent: values
  /// that follow from positions alone do not show it.
  int64_t shift = 0;
  /// Whether a table is looked up, which ends where no extent shows it.
  bool looksUp = false;

  bool isNone() const { return !any && !number && !shift; }
};
LengthLimit findLengthLimit(const Graph &graph, const Region &region,
                            int64_t length);

} // namespace ssmc
