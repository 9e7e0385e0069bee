//===- TableColumns.h - a table by positions --------------------*- C++ -*-===//

#pragma once

#include "lib/Fold/PositionTable.h"
#include "lib/Operators/Indexing.h"

#include "llvm/ADT/STLExtras.h"

namespace ssmc {

/// A table as columns of values by position.
class Columns {
public:
  Columns(const Tensor &table, int64_t axis) : table(table), axis(axis) {
    length = table.getShape()[axis];
    stride = rowMajorStrides(table.getShape())[axis];
    count = table.getNumElements() / length;
  }
  /// Another table of the same columns; it may have other axes of one element.
  Columns(const Columns &like, const Tensor &table)
      : table(table), axis(like.axis), length(like.length), stride(like.stride),
        count(like.count) {}
  double at(int64_t column, int64_t position) const {
    return table.at(column / stride * stride * length + column % stride +
                    position * stride);
  }
  /// A tensor of `extent` positions; `value` gives its elements.
  Tensor make(int64_t extent,
              llvm::function_ref<double(int64_t, int64_t)> value) const {
    llvm::SmallVector<int64_t> shape(table.getShape());
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

/// The extents of a table that are not 1.
inline llvm::SmallVector<int64_t> longExtents(const Tensor &tensor) {
  return llvm::to_vector(llvm::make_filter_range(
      tensor.getShape(), [](int64_t extent) { return extent != 1; }));
}

/// The waves of a table (WaveTable.cpp). `constants` are others of the graph.
std::optional<PositionTable> findWave(const Columns &columns,
                                      llvm::ArrayRef<Tensor> constants);

} // namespace ssmc
