//===- PositionTable.cpp - constants that follow from positions -----------===//

#include "lib/Fold/TableColumns.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ssmc;

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

/// A table backwards.
static Tensor reverse(const Columns &columns) {
  return columns.make(columns.length, [&](int64_t column, int64_t position) {
    return columns.at(column, columns.length - 1 - position);
  });
}

/// True where the columns that change begin at 0, all of them, or at one step.
static bool countsFromZeroOrOne(const PositionTable &table) {
  bool zero = true, one = true;
  for (int64_t i = 0; i < table.second.getNumElements(); ++i)
    if (double step = table.second.at(i)) {
      zero &= table.first.at(i) == 0;
      one &= table.first.at(i) == step;
    }
  return zero || one;
}

/// True for cosines, or sines, of multiples of the positions.
static bool beginsAtZero(const PositionTable &table) {
  return llvm::all_of(table.second.floats(), [](double phase) {
    return phase == 0 || phase == PositionTable::kSine;
  });
}

static bool isFromZero(const PositionTable &table) {
  return table.kind == PositionTable::Linear ? countsFromZeroOrOne(table)
                                             : beginsAtZero(table);
}

/// The constants of the graph of the same extents, backwards.
static std::vector<Tensor> reverseAlike(ArrayRef<Tensor> constants,
                                        const Columns &columns) {
  std::vector<Tensor> reversed;
  for (const Tensor &constant : constants)
    if (longExtents(constant) == longExtents(columns.table))
      reversed.push_back(
          reverse({constant.reshaped(columns.table.getShape()), columns.axis}));
  return reversed;
}

static std::optional<PositionTable> findRule(const Tensor &table, int64_t axis,
                                             bool isBand,
                                             ArrayRef<Tensor> constants = {}) {
  // Through fewer points every rule goes.
  constexpr int64_t kFewest = 4;
  Columns columns(table, axis);
  if (columns.length < kFewest)
    return std::nullopt;
  if (auto settled = findSettled(columns, isBand))
    return settled;
  auto find = [&](const Columns &columns, ArrayRef<Tensor> constants) {
    auto linear = findLinear(columns);
    return linear ? linear : findWave(columns, constants);
  };
  auto forward = find(columns, constants);
  if (forward && isFromZero(*forward))
    return forward;
  // What ends at 0 is counted from there: its first element is the length.
  Tensor backward = reverse(columns);
  auto reversed =
      find(Columns(backward, axis), reverseAlike(constants, columns));
  if (!reversed || !isFromZero(*reversed))
    return forward;
  reversed->fromEnd = true;
  return reversed;
}

std::optional<PositionTable>
ssmc::findPositionTable(const Tensor &table, int64_t axis,
                        ArrayRef<Tensor> constants) {
  return findRule(table, axis, /*isBand=*/false, constants);
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
  // A distance is one from either end.
  if (!before || !after || before->fromEnd || after->fromEnd)
    return std::nullopt;
  return RelativeTable{std::move(*before), std::move(*after)};
}
