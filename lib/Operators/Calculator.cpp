//===- Calculator.cpp - tensor formulas on the evaluator's tensors --------===//

#include "lib/Operators/Formula.h"

using namespace mlir;
using namespace ssmc;

SmallVector<int64_t> ssmc::allLoops(int64_t rank) {
  return loopsWithout(rank, {});
}

SmallVector<int64_t> ssmc::loopsWithout(int64_t rank, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> loops;
  for (int64_t d = 0; d < rank; ++d)
    if (!llvm::is_contained(axes, d))
      loops.push_back(d);
  return loops;
}

Tensor Calculator::make(Type elementType, ArrayRef<int64_t> shape) {
  if (failed || !Tensor::fits(shape)) {
    failed = true;
    return Tensor(elementType, SmallVector<int64_t>(shape.size(), 0));
  }
  return Tensor(elementType, shape);
}

Tensor Calculator::collapse(const Tensor &x,
                            ArrayRef<ReassociationIndices> groups) {
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : groups) {
    int64_t extent = 1;
    for (int64_t d : group)
      extent *= x.getShape()[d];
    shape.push_back(extent);
  }
  return x.reshaped(shape);
}

Tensor Calculator::expand(const Tensor &x, ArrayRef<ReassociationIndices>,
                          ArrayRef<Size> sizes) {
  int64_t count = 1;
  for (int64_t extent : sizes)
    count *= extent;
  if (count != x.getNumElements()) {
    failed = true;
    return make(x.getElementType(), sizes);
  }
  return x.reshaped(sizes);
}

/// Calls `move` with the buffers of two tensors of one kind of element.
template <typename Move>
static void withBuffers(const Tensor &from, Tensor &to, Move move) {
  if (from.isFloat())
    move(from.floats(), to.mutableFloats());
  else
    move(from.ints(), to.mutableInts());
}

Tensor Calculator::slice(const Tensor &x, int64_t axis, Size offset,
                         Size size) {
  SmallVector<int64_t> shape(x.getShape());
  if (offset < 0 || size < 0 || offset + size > shape[axis])
    failed = true;
  shape[axis] = size;
  Tensor result = make(x.getElementType(), shape);
  if (failed)
    return result;
  auto strides = broadcastStrides(x.getShape(), x.getShape());
  int64_t base = offset * rowMajorStrides(x.getShape())[axis];
  withBuffers(x, result, [&](auto from, auto to) {
    forEachBroadcast(shape, strides, [&](int64_t i, ArrayRef<int64_t> at) {
      to[i] = from[base + at[0]];
    });
  });
  return result;
}

Tensor Calculator::concat(ArrayRef<Tensor> parts, int64_t axis) {
  SmallVector<int64_t> shape(parts[0].getShape());
  shape[axis] = 0;
  for (const Tensor &part : parts)
    shape[axis] += part.getShape()[axis];
  Tensor result = make(parts[0].getElementType(), shape);
  if (failed)
    return result;
  auto strides = rowMajorStrides(shape);
  int64_t base = 0;
  for (const Tensor &part : parts) {
    withBuffers(part, result, [&](auto from, auto to) {
      forEachBroadcast(
          part.getShape(), {strides},
          [&](int64_t i, ArrayRef<int64_t> at) { to[base + at[0]] = from[i]; });
    });
    base += part.getShape()[axis] * strides[axis];
  }
  return result;
}

Tensor Calculator::pad(const Tensor &x, ArrayRef<Size> low, ArrayRef<Size> high,
                       double value) {
  SmallVector<int64_t> shape;
  for (int64_t d = 0; d < x.getRank(); ++d)
    shape.push_back(low[d] + x.getShape()[d] + high[d]);
  Tensor result = make(x.getElementType(), shape);
  if (failed)
    return result;
  if (value != 0) {
    if (x.isFloat())
      llvm::fill(result.mutableFloats(), value);
    else
      llvm::fill(result.mutableInts(), toInteger(value, x.getElementType()));
  }
  auto strides = rowMajorStrides(shape);
  int64_t base = 0;
  for (auto [offset, stride] : llvm::zip(low, strides))
    base += offset * stride;
  withBuffers(x, result, [&](auto from, auto to) {
    forEachBroadcast(
        x.getShape(), {strides},
        [&](int64_t i, ArrayRef<int64_t> at) { to[base + at[0]] = from[i]; });
  });
  return result;
}

Tensor Calculator::gatherRows(const Tensor &table, const Tensor &rows) {
  int64_t count = table.getShape()[0], width = table.getShape()[1];
  SmallVector<int64_t> shape(rows.getShape());
  shape.push_back(width);
  Tensor result = make(table.getElementType(), shape);
  for (int64_t i = 0, e = rows.getNumElements(); i < e && !failed; ++i) {
    int64_t row = rows.ints()[i];
    if (row < 0 || row >= count) {
      failed = true;
      break;
    }
    llvm::copy(table.floats().slice(row * width, width),
               result.mutableFloats().begin() + i * width);
  }
  return result;
}
