//===- Continuation.h - tables of positions that go on ----------*- C++ -*-===//
//
// What a region computes from positions alone - a mask, a bias that falls with
// the distance, the numbers of chunks - needs no data, and is computed at far
// more tokens than a region can be compared at. If it only goes on there, what
// was compared at fewer tokens holds: one step of a window, a wrap of short
// integers, a bias that saturates would show.
//
// A line of numbers goes on where its first and last ones are those of the
// shorter line, as far as they are equal or rise by the same, and those between
// lie on one straight line, on which the middle of the shorter one lies too; so
// does one whose numbers are each the last one times a factor. A table of two
// positions goes on where it is the same along its diagonals, or rises evenly, and
// its first row and column go on. Anything else - waves, logarithms - does not.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Region.h"

namespace ssmc {

/// One region at three lengths, the longest last.
struct Lengthening {
  const Graph *base, *near, *far;
  int64_t baseLength, nearLength, farLength;
};
/// Whether all that `region` computes from positions alone goes on from `near`
/// to `far`.
bool goesOn(const Region &region, const Lengthening &lengthening);

/// Whether `region` cuts the first `length` positions out of a table that does
/// not go on behind them as they do.
bool cutsEndingTable(const Graph &graph, const Region &region, int64_t length);

} // namespace ssmc
