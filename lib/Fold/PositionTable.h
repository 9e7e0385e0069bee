//===- PositionTable.h - constants that follow from the position -*- C++
//-*-===//
//
// An exporter that knows the length stores what it has computed from positions:
// the positions themselves, a mark on the first token, the cosines of a rotary
// embedding. Such a constant can be computed again at any length. Three rules
// cover them; each is accepted only where it gives back every stored element.
//
//   settled   a few rows of their own, then one row for ever
//   linear    first + position * step
//   wave      cos(position * frequency + phase), a frequency for each column
//
// That a table goes on by its rule beyond its end is an assumption, which the
// report lists.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Eval/Tensor.h"

#include <optional>

namespace ssmc {

struct PositionTable {
  enum Kind { Settled, Linear, Wave } kind;
  /// Settled: the rows. Linear: the first row and the step. Wave: frequencies
  /// and phases. All have the table's shape but for the axis of positions.
  Tensor first, second;
};

/// The rule of `table` along `axis`, if it has one.
std::optional<PositionTable> findPositionTable(const Tensor &table,
                                               int64_t axis);

} // namespace ssmc
