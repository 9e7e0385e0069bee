//===- PositionTable.h - constants that follow from positions ---*- C++ -*-===//
//
// An exporter that knows the length stores what it has computed from positions:
// the positions themselves, a mark on the first token, the cosines of a rotary
// embedding. Such a constant can be computed again at any length. Three rules
// cover them; each is accepted only where it gives back every stored element.
//
//   settled   a few rows of their own, then one row for ever
//   linear    first + position * step
//   wave      amplitude * cos(position * frequency + phase), a frequency for
//             each column
//
// An attention mask is a table of two positions. Where it depends on how far
// they are apart alone, as a causal or a banded one does, each direction is a
// table of one: of the distance.
//
// Positions may also be counted from the last token back: a table that falls to
// 0 or 1 at its end, or rises to it, and waves whose angle is 0 there. That a
// table goes on by its rule beyond its end, or in front of its beginning, is an
// assumption, which the report lists.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Eval/Tensor.h"

#include <optional>

namespace ssmc {

struct PositionTable {
  /// sin(x) = cos(x + kSine).
  static constexpr double kSine = -1.5707963267948966;

  enum Kind { Settled, Linear, Wave } kind;
  /// Settled: the rows. Linear: the first row and the step. Wave: frequencies
  /// and phases. All have the table's shape but for the axis of positions.
  Tensor first, second;
  double amplitude = 1;
  /// The position of the last token is 0, of the one before it 1.
  bool fromEnd = false;
};

/// The rule of `table` along `axis`, if it has one. `constants` are others of
/// its graph, among which the sines of cosines may be.
std::optional<PositionTable>
findPositionTable(const Tensor &table, int64_t axis,
                  llvm::ArrayRef<Tensor> constants = {});

/// A table of positions i and j along two axes that follow each other.
struct RelativeTable {
  /// By i - j where j is not behind i, and by j - i - 1 where it is. Both lack
  /// the axis of j.
  PositionTable before, after;
};

/// The rules of `table` along `axis` and the one behind it, of equal extents,
/// if it has such.
std::optional<RelativeTable> findRelativeTable(const Tensor &table,
                                               int64_t axis);

} // namespace ssmc
