//===- PositionTable.cpp - constants that follow from positions -----------===//

#include "lib/Fold/PositionTable.h"

#include "lib/Operators/Indexing.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;

/// sin(x) = cos(x + kSine).
static constexpr double kSine = -1.5707963267948966;

namespace {
/// A table as columns of values by position.
class Columns {
public:
  Columns(const Tensor &table, int64_t axis) : table(table), axis(axis) {
    length = table.getShape()[axis];
    stride = rowMajorStrides(table.getShape())[axis];
    count = table.getNumElements() / length;
  }
  double at(int64_t column, int64_t position) const {
    return table.at(column / stride * stride * length + column % stride +
                    position * stride);
  }
  /// A tensor of `extent` positions; `value` gives its elements.
  Tensor make(int64_t extent,
              llvm::function_ref<double(int64_t, int64_t)> value) const {
    SmallVector<int64_t> shape(table.getShape());
    shape[axis] = extent;
    Tensor result(table.getElementType(), shape);
    for (int64_t column = 0; column < count; ++column)
      for (int64_t position = 0; position < extent; ++position) {
        int64_t i = column / stride * stride * extent + column % stride +
                    position * stride;
        if (result.isFloat())
          result.mutableFloats()[i] = value(column, position);
        else
          result.mutableInts()[i] = value(column, position);
      }
    return result;
  }

  const Tensor &table;
  int64_t axis, length, stride, count;
};
} // namespace

static std::optional<PositionTable> findSettled(const Columns &columns,
                                                bool isBand) {
  auto equal = [&](int64_t a, int64_t b) {
    for (int64_t column = 0; column < columns.count; ++column)
      if (columns.at(column, a) != columns.at(column, b))
        return false;
    return true;
  };
  int64_t rows = columns.length;
  while (rows > 1 && equal(rows - 2, columns.length - 1))
    --rows;
  // What has settled must have been so for most of the length, and where it had
  // been something else throughout, the width of a band, for half of it.
  bool isStep = isBand && rows > 1 && 2 * (rows - 1) <= columns.length;
  for (int64_t row = 1; isStep && row < rows - 1; ++row)
    isStep = equal(row, 0);
  if (4 * (rows - 1) > columns.length && !isStep)
    return std::nullopt;
  Tensor first = columns.make(rows, [&](int64_t column, int64_t position) {
    return columns.at(column, position);
  });
  return PositionTable{PositionTable::Settled, first, {}};
}

static std::optional<PositionTable> findLinear(const Columns &columns) {
  Type type = columns.table.getElementType();
  auto first = [&](int64_t column, int64_t) { return columns.at(column, 0); };
  auto step = [&](int64_t column, int64_t) {
    return columns.at(column, 1) - columns.at(column, 0);
  };
  for (int64_t column = 0; column < columns.count; ++column)
    for (int64_t position = 0; position < columns.length; ++position)
      if (roundToType(first(column, 0) + position * step(column, 0), type) !=
          columns.at(column, position))
        return std::nullopt;
  return PositionTable{PositionTable::Linear, columns.make(1, first),
                       columns.make(1, step)};
}

// The frequency of cos(t * frequency + phase) by Gauss-Newton, from `frequency`
// on. With `grow` ever more positions are taken in, so that the angle at the
// next one is known to less than a turn.
static std::optional<double> fitFrequency(const Columns &columns,
                                          int64_t column, double phase,
                                          double frequency, bool grow) {
  int64_t used = grow ? 2 : columns.length;
  while (true) {
    for (int step = 0; step < (used < columns.length ? 2 : 8); ++step) {
      double curvature = 0, slope = 0;
      for (int64_t t = 0; t < used; ++t) {
        double angle = frequency * t + phase, derivative = -t * std::sin(angle);
        curvature += derivative * derivative;
        slope += derivative * (columns.at(column, t) - std::cos(angle));
      }
      if (curvature < 1e-30)
        break;
      frequency += slope / curvature;
    }
    if (used == columns.length)
      break;
    used = std::min(columns.length, used + std::max<int64_t>(1, used / 2));
  }
  // What is stored has been rounded: the angle first, then its cosine.
  for (int64_t t = 0; t < columns.length; ++t)
    if (std::abs(std::cos(frequency * t + phase) - columns.at(column, t)) >
        1.2e-7 * (1 + std::abs(frequency * t)))
      return std::nullopt;
  return frequency;
}

static std::optional<PositionTable> findWave(const Columns &columns) {
  if (!columns.table.getElementType().isF32())
    return std::nullopt;
  SmallVector<double> frequencies, phases;
  int64_t last = columns.length - 1;
  for (int64_t column = 0; column < columns.count; ++column) {
    std::optional<double> found;
    for (double phase : {0.0, kSine}) {
      for (double sign : {1.0, -1.0})
        for (int64_t t : {int64_t(1), last}) {
          double value = columns.at(column, t);
          if (found || !(std::abs(value) <= 1))
            continue;
          double start = (sign * std::acos(value) - phase) / t;
          found = fitFrequency(columns, column, phase, start, t == 1);
          if (found)
            phases.push_back(phase);
        }
    }
    // Where a column does not move, its frequency is too low to be seen.
    if (!found || *found == 0)
      return std::nullopt;
    frequencies.push_back(*found);
  }
  auto row = [&](const SmallVector<double> &values) {
    return columns.make(1, [&](int64_t c, int64_t) { return values[c]; });
  };
  return PositionTable{PositionTable::Wave, row(frequencies), row(phases)};
}

static std::optional<PositionTable> findRule(const Tensor &table, int64_t axis,
                                             bool isBand) {
  // Through fewer points every rule goes.
  constexpr int64_t kFewest = 4;
  Columns columns(table, axis);
  if (columns.length < kFewest)
    return std::nullopt;
  if (auto settled = findSettled(columns, isBand))
    return settled;
  if (auto linear = findLinear(columns))
    return linear;
  return table.isFloat() ? findWave(columns) : std::nullopt;
}

std::optional<PositionTable> ssmc::findPositionTable(const Tensor &table,
                                                     int64_t axis) {
  return findRule(table, axis, /*isBand=*/false);
}

std::optional<RelativeTable> ssmc::findRelativeTable(const Tensor &table,
                                                     int64_t axis) {
  int64_t length = table.getShape()[axis];
  SmallVector<int64_t> shape(table.getShape()),
      strides = rowMajorStrides(shape);
  // One diagonal is one row of a table of distances, as its first element has
  // it.
  auto gather = [&](bool after) {
    SmallVector<int64_t> rows(shape);
    rows.erase(rows.begin() + axis + 1);
    rows[axis] = length - after;
    Tensor result(table.getElementType(), rows);
    int64_t to = 0;
    forEachIndex(rows, [&](ArrayRef<int64_t> index) {
      int64_t distance = index[axis] + after, from = 0;
      for (size_t d = 0; d < shape.size(); ++d)
        from += strides[d] * (int64_t(d) == axis ? (after ? 0 : distance)
                              : int64_t(d) == axis + 1
                                  ? (after ? distance : 0)
                                  : index[int64_t(d) > axis ? d - 1 : d]);
      if (result.isFloat())
        result.mutableFloats()[to++] = table.floats()[from];
      else
        result.mutableInts()[to++] = table.ints()[from];
    });
    return result;
  };
  bool diagonal = true;
  forEachIndex(shape, [&](ArrayRef<int64_t> index) {
    int64_t at = 0, steps = std::min(index[axis], index[axis + 1]);
    for (auto [i, stride] : llvm::zip(index, strides))
      at += i * stride;
    diagonal &= table.at(at) ==
                table.at(at - steps * (strides[axis] + strides[axis + 1]));
  });
  if (!diagonal)
    return std::nullopt;
  auto before = findRule(gather(/*after=*/false), axis, /*isBand=*/true);
  auto after = findRule(gather(/*after=*/true), axis, /*isBand=*/true);
  if (!before || !after)
    return std::nullopt;
  return RelativeTable{std::move(*before), std::move(*after)};
}
