//===- MachineTensor.cpp - interprets the tensor dialect ------------------===//

#include "lib/Eval/Machine.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace ssmc;

namespace {
/// A box in a tensor: offsets, sizes and strides, one for each dimension.
struct Box {
  SmallVector<int64_t> offsets, sizes, strides;

  bool isInside(ArrayRef<int64_t> shape) const {
    if (offsets.size() != shape.size())
      return false;
    for (auto [offset, size, stride, extent] :
         llvm::zip_equal(offsets, sizes, strides, shape))
      if (size < 0 || offset < 0 || stride < 1 ||
          (size > 0 && (offset >= extent || stride > extent ||
                        offset + (size - 1) * stride >= extent)))
        return false;
    return true;
  }
};

/// Copies the box of `big` to or from `small`, which has its elements in order.
template <bool kInsert, typename T>
void copyBox(const Box &box, ArrayRef<int64_t> shape, T *big, T *small) {
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  unsigned rank = shape.size();
  if (llvm::is_contained(box.sizes, 0))
    return;
  SmallVector<int64_t> index(rank, 0);
  int64_t row = rank ? box.sizes.back() : 1;
  int64_t step = rank ? box.strides.back() : 1;
  while (true) {
    int64_t at = 0;
    for (unsigned d = 0; d < rank; ++d)
      at += (box.offsets[d] + index[d] * box.strides[d]) * strides[d];
    for (int64_t i = 0; i < row; ++i, ++small) {
      if (kInsert)
        big[at + i * step] = *small;
      else
        *small = big[at + i * step];
    }
    bool wrapped = true;
    for (unsigned d = rank ? rank - 1 : 0; wrapped && d-- > 0;) {
      wrapped = ++index[d] == box.sizes[d];
      if (wrapped)
        index[d] = 0;
    }
    if (wrapped)
      return;
  }
}

Tensor extractBox(const Tensor &source, const Box &box,
                  ArrayRef<int64_t> shape) {
  Tensor result(source.getElementType(), shape);
  if (source.isFloat())
    copyBox<false>(box, source.getShape(),
                   const_cast<double *>(source.floats().data()),
                   result.mutableFloats().data());
  else
    copyBox<false>(box, source.getShape(),
                   const_cast<int64_t *>(source.ints().data()),
                   result.mutableInts().data());
  return result;
}

void insertBox(const Tensor &source, Tensor &dest, const Box &box) {
  SmallVector<int64_t> shape(dest.getShape());
  if (dest.isFloat())
    copyBox<true>(box, shape, dest.mutableFloats().data(),
                  const_cast<double *>(source.floats().data()));
  else
    copyBox<true>(box, shape, dest.mutableInts().data(),
                  const_cast<int64_t *>(source.ints().data()));
}

int64_t product(ArrayRef<int64_t> sizes) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

/// Groups of dimensions that become one.
SmallVector<int64_t> collapse(ArrayRef<int64_t> shape,
                              ArrayRef<ReassociationIndices> groups) {
  SmallVector<int64_t> result;
  for (const ReassociationIndices &group : groups) {
    int64_t extent = 1;
    for (int64_t d : group)
      extent *= shape[d];
    result.push_back(extent);
  }
  return result;
}
} // namespace

LogicalResult Machine::runTensor(Operation *op) {
  auto done = [&](Tensor tensor) {
    bind(op->getResult(0), std::move(tensor));
    return success();
  };
  auto number = [&](int64_t value) {
    Tensor tensor(IndexType::get(op->getContext()), {});
    tensor.mutableInts()[0] = value;
    return done(std::move(tensor));
  };

  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    const Tensor &source = peek(dim.getSource());
    int64_t axis = peekInteger(dim.getIndex());
    if (axis < 0 || axis >= source.getRank())
      return fail(op, "a dimension that does not exist");
    return number(source.getShape()[axis]);
  }
  if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    SmallVector<int64_t> shape = peekIntegers(empty.getMixedSizes());
    Type element = empty.getType().getElementType();
    if (!element.isIntOrIndexOrFloat() || !Tensor::fits(shape))
      return fail(op, "a tensor that is too large to evaluate");
    return done(Tensor(element, shape));
  }
  if (isa<tensor::CastOp>(op))
    return done(take(op->getOpOperand(0)));
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    const Tensor &source = peek(slice.getSource());
    Box box{peekIntegers(slice.getMixedOffsets()),
            peekIntegers(slice.getMixedSizes()),
            peekIntegers(slice.getMixedStrides())};
    if (!box.isInside(source.getShape()))
      return fail(op, "a slice that is out of bounds");
    SmallVector<int64_t> shape;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (auto [d, size] : llvm::enumerate(box.sizes))
      if (!dropped.test(d))
        shape.push_back(size);
    return done(extractBox(source, box, shape));
  }
  if (auto slice = dyn_cast<tensor::InsertSliceOp>(op)) {
    Box box{peekIntegers(slice.getMixedOffsets()),
            peekIntegers(slice.getMixedSizes()),
            peekIntegers(slice.getMixedStrides())};
    Tensor source = take(slice.getSourceMutable());
    Tensor dest = take(slice.getDestMutable());
    if (!box.isInside(dest.getShape()) ||
        product(box.sizes) != source.getNumElements())
      return fail(op, "a slice that is out of bounds");
    insertBox(source, dest, box);
    return done(std::move(dest));
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    const Tensor &source = peek(extract.getTensor());
    Box box;
    for (Value index : extract.getIndices())
      box.offsets.push_back(peekInteger(index));
    box.sizes.assign(box.offsets.size(), 1);
    box.strides = box.sizes;
    if (!box.isInside(source.getShape()))
      return fail(op, "an index that is out of bounds");
    return done(extractBox(source, box, {}));
  }
  if (auto insert = dyn_cast<tensor::InsertOp>(op)) {
    Box box;
    for (Value index : insert.getIndices())
      box.offsets.push_back(peekInteger(index));
    box.sizes.assign(box.offsets.size(), 1);
    box.strides = box.sizes;
    Tensor source = peek(insert.getScalar());
    Tensor dest = take(insert.getDestMutable());
    if (!box.isInside(dest.getShape()))
      return fail(op, "an index that is out of bounds");
    insertBox(source, dest, box);
    return done(std::move(dest));
  }
  if (auto shape = dyn_cast<tensor::CollapseShapeOp>(op)) {
    Tensor source = take(op->getOpOperand(0));
    return done(source.reshaped(
        collapse(source.getShape(), shape.getReassociationIndices())));
  }
  if (auto shape = dyn_cast<tensor::ExpandShapeOp>(op)) {
    Tensor source = take(op->getOpOperand(0));
    SmallVector<int64_t> sizes = peekIntegers(shape.getMixedOutputShape());
    if (!Tensor::fits(sizes) || product(sizes) != source.getNumElements())
      return fail(op, "shapes of different size");
    return done(source.reshaped(sizes));
  }
  if (auto elements = dyn_cast<tensor::FromElementsOp>(op)) {
    Tensor result(elements.getType().getElementType(),
                  elements.getType().getShape());
    for (auto [i, element] : llvm::enumerate(elements.getElements())) {
      const Tensor &value = peek(element);
      if (result.isFloat())
        result.mutableFloats()[i] = value.floats()[0];
      else
        result.mutableInts()[i] = value.ints()[0];
    }
    return done(std::move(result));
  }
  if (auto splat = dyn_cast<tensor::SplatOp>(op)) {
    SmallVector<int64_t> shape(splat.getType().getShape());
    unsigned next = 0;
    for (int64_t &extent : shape)
      if (ShapedType::isDynamic(extent))
        extent = peekInteger(splat.getDynamicSizes()[next++]);
    const Tensor &value = peek(splat.getInput());
    if (!Tensor::fits(shape))
      return fail(op, "a tensor that is too large to evaluate");
    Tensor result(splat.getType().getElementType(), shape);
    if (result.isFloat())
      llvm::fill(result.mutableFloats(), value.floats()[0]);
    else
      llvm::fill(result.mutableInts(), value.ints()[0]);
    return done(std::move(result));
  }
  return fail(op, "cannot be evaluated");
}
