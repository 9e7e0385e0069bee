//===- Gather.cpp - Gather, GatherElements, GatherND ----------------------===//
//
// Indices count from the end where they are negative. What is still outside of
// the data is an error in the evaluator; compiled code reports it, and reads
// the nearest valid element, never outside of the tensor.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"

using namespace mlir;
using namespace ssmc;

// Index `i` of an extent from the front, or -1 with the error reported.
static int64_t checkedIndex(EvalContext &ctx, int64_t i, int64_t extent,
                            bool &valid) {
  auto normal = normalizeAxis(i, extent);
  if (normal)
    return *normal;
  if (valid)
    (void)ctx.error("has index " + Twine(i) + " outside of an extent of " +
                    Twine(extent));
  valid = false;
  return -1;
}

static bool integerInput(InferContext &ctx, unsigned i) {
  return ctx.input(i).elementType.isIntOrIndex();
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

static LogicalResult inferGather(InferContext &ctx) {
  const ValueShape &data = ctx.input(0), &indices = ctx.input(1);
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), data.dims.size());
  if (!axis || !integerInput(ctx, 1))
    return ctx.error("needs integer indices and an axis of its data");
  auto known = ctx.knownElements(1);
  auto extent = constantExtent(data.dims[*axis]);
  if (known && extent)
    for (AffineExpr index : *known)
      if (constantExtent(index) &&
          !normalizeAxis(*constantExtent(index), *extent))
        return ctx.error("has index " + Twine(*constantExtent(index)) +
                         " outside of an extent of " + Twine(*extent));
  SmallVector<AffineExpr> dims(data.dims.begin(), data.dims.begin() + *axis);
  llvm::append_range(dims, indices.dims);
  dims.append(data.dims.begin() + *axis + 1, data.dims.end());
  ctx.setResult(0, data.elementType, dims);
  auto elements = ctx.knownElements(0);
  if (!elements || !known || data.dims.size() != 1 || dims.size() > 1)
    return success();
  SmallVector<AffineExpr> picked;
  for (AffineExpr index : *known) {
    auto constant = constantExtent(index);
    auto at =
        constant ? normalizeAxis(*constant, elements->size()) : std::nullopt;
    if (!at)
      return success();
    picked.push_back((*elements)[*at]);
  }
  ctx.setElements(0, picked);
  return success();
}

static LogicalResult evaluateGather(EvalContext &ctx) {
  const Tensor &data = ctx.inputs[0];
  auto indices = inputInts(ctx, 1);
  if (failed(indices))
    return failure();
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), data.getRank());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its data");
  ArrayRef<int64_t> inner = data.getShape().drop_front(*axis + 1);
  ArrayRef<int64_t> at = ctx.inputs[1].getShape();
  SmallVector<int64_t> shape(data.getShape().take_front(*axis));
  llvm::append_range(shape, at);
  llvm::append_range(shape, inner);
  Tensor *result = ctx.makeResult(0, data.getElementType(), shape);
  if (!result)
    return failure();
  bool valid = true;
  int64_t extent = data.getShape()[*axis], outer = 1, run = 1;
  for (int64_t d : data.getShape().take_front(*axis))
    outer *= d;
  for (int64_t d : inner)
    run *= d;
  SmallVector<int64_t> rows;
  for (int64_t index : *indices)
    rows.push_back(checkedIndex(ctx, index, extent, valid));
  if (!valid)
    return failure();
  auto copy = [&](auto from, auto to) {
    auto *out = to.begin();
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t row : rows)
        out = std::copy_n(from.begin() + (o * extent + row) * run, run, out);
  };
  if (data.isFloat())
    copy(data.floats(), result->mutableFloats());
  else
    copy(data.ints(), result->mutableInts());
  return success();
}

static LogicalResult lowerGather(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value data = ctx.input(0), indices = ctx.input(1);
  auto dataType = cast<RankedTensorType>(data.getType());
  auto indexType = cast<RankedTensorType>(indices.getType());
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), dataType.getRank());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its data");
  RankedTensorType type = ctx.resultType(0);
  auto known = ctx.knownElements(1);
  // One constant index takes a slice.
  if (known && known->size() == 1 && constantExtent((*known)[0]) &&
      !dataType.isDynamicDim(*axis)) {
    auto at =
        normalizeAxis(*constantExtent((*known)[0]), dataType.getDimSize(*axis));
    if (!at)
      return ctx.error("has an index outside of its data");
    SmallVector<OpFoldResult> offsets(dataType.getRank(), b.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(dataType.getRank(), b.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, data);
    offsets[*axis] = b.getIndexAttr(*at);
    sizes[*axis] = b.getIndexAttr(1);
    auto from = inputExtents(ctx, 0), to = resultExtents(ctx, 0);
    if (failed(from) || failed(to))
      return failure();
    (*from)[*axis] = getAffineConstantExpr(1, b.getContext());
    Value slice = takeSlice(b, loc, data, offsets, sizes, strides);
    ctx.setResult(
        0, buildReshape(b, loc, slice, *from, type, *to, resultSizes(ctx, 0)));
    return success();
  }
  int64_t spread = indexType.getRank();
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < spread; ++d)
    exprs.push_back(b.getAffineDimExpr(*axis + d));
  auto map = AffineMap::get(type.getRank(), 0, exprs, b.getContext());
  OpFoldResult extent = tensor::getMixedSize(b, loc, data, *axis);
  checkIndices(ctx, 1, *axis, extent);
  ctx.setResult(
      0, buildElements(
             b, loc, ctx.emptyResult(0), indices, map,
             [&](OpBuilder &b, Location loc, ValueRange index, ValueRange in) {
               SmallVector<Value> at(index.take_front(*axis));
               at.push_back(wrapAndClamp(b, loc, toIndex(b, loc, in[0]),
                                         indexValue(b, loc, extent)));
               llvm::append_range(at, index.drop_front(*axis + spread));
               return readElement(b, loc, data, at);
             }));
  return success();
}

//===----------------------------------------------------------------------===//
// GatherElements
//===----------------------------------------------------------------------===//

static LogicalResult inferGatherElements(InferContext &ctx) {
  const ValueShape &data = ctx.input(0), &indices = ctx.input(1);
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), data.dims.size());
  if (!axis || data.dims.size() != indices.dims.size() || !integerInput(ctx, 1))
    return ctx.error("needs integer indices of the rank of its data and an "
                     "axis of it");
  for (auto [d, pair] : llvm::enumerate(llvm::zip(data.dims, indices.dims))) {
    auto have = constantExtent(std::get<0>(pair)),
         want = constantExtent(std::get<1>(pair));
    if (static_cast<int64_t>(d) != *axis && have && want && *want > *have)
      return ctx.error("has indices that are larger than its data");
  }
  ctx.setResult(0, data.elementType, indices.dims);
  return success();
}

static LogicalResult evaluateGatherElements(EvalContext &ctx) {
  const Tensor &data = ctx.inputs[0], &at = ctx.inputs[1];
  auto indices = inputInts(ctx, 1);
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), data.getRank());
  if (failed(indices) || !axis || at.getRank() != data.getRank())
    return ctx.error("needs integer indices of the rank of its data and an "
                     "axis of it");
  for (int64_t d = 0; d < data.getRank(); ++d)
    if (d != *axis && at.getShape()[d] > data.getShape()[d])
      return ctx.error("has indices that are larger than its data");
  SmallVector<int64_t> strides = rowMajorStrides(data.getShape());
  int64_t i = 0;
  bool valid = true;
  auto result =
      pickElements(ctx, data, at.getShape(), [&](ArrayRef<int64_t> index) {
        int64_t row =
            checkedIndex(ctx, (*indices)[i++], data.getShape()[*axis], valid);
        return linearize(index, strides) +
               (row - index[*axis]) * strides[*axis];
      });
  return valid ? finish(ctx, std::move(result)) : failure();
}

static LogicalResult lowerGatherElements(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Value data = ctx.input(0);
  RankedTensorType type = ctx.resultType(0);
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), type.getRank());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its data");
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, ctx.loc(), data);
  checkIndices(ctx, 1, *axis, sizes[*axis]);
  checkIndexExtents(ctx, ctx.input(1), data, *axis);
  ctx.setResult(0, buildElements(b, ctx.loc(), ctx.emptyResult(0), ctx.input(1),
                                 b.getMultiDimIdentityMap(type.getRank()),
                                 [&](OpBuilder &b, Location loc,
                                     ValueRange index, ValueRange in) {
                                   SmallVector<Value> at(index);
                                   at[*axis] = toIndex(b, loc, in[0]);
                                   for (auto [i, size] : llvm::zip(at, sizes))
                                     i = wrapAndClamp(b, loc, i,
                                                      indexValue(b, loc, size));
                                   return readElement(b, loc, data, at);
                                 }));
  return success();
}

//===----------------------------------------------------------------------===//
// GatherND
//===----------------------------------------------------------------------===//

static LogicalResult inferGatherND(InferContext &ctx) {
  const ValueShape &data = ctx.input(0), &indices = ctx.input(1);
  int64_t batch = ctx.node.getInt("batch_dims", 0);
  int64_t rank = data.dims.size(), indexRank = indices.dims.size();
  auto depth =
      indexRank > 0 ? constantExtent(indices.dims.back()) : std::nullopt;
  if (!depth || !integerInput(ctx, 1))
    return ctx.error("needs integer indices with a static last extent");
  if (batch < 0 || batch >= indexRank || *depth < 1 || batch > rank ||
      *depth > rank - batch)
    return ctx.error("has indices that do not fit the rank of its data");
  for (int64_t d = 0; d < batch; ++d) {
    if (constantExtent(data.dims[d]) && constantExtent(indices.dims[d]) &&
        data.dims[d] != indices.dims[d])
      return ctx.error("has data and indices of different batches");
    ctx.requireEqual(data.dims[d], indices.dims[d]);
  }
  SmallVector<AffineExpr> dims(indices.dims.begin(), indices.dims.end() - 1);
  dims.append(data.dims.begin() + batch + *depth, data.dims.end());
  ctx.setResult(0, data.elementType, dims);
  return success();
}

static LogicalResult evaluateGatherND(EvalContext &ctx) {
  const Tensor &data = ctx.inputs[0], &at = ctx.inputs[1];
  auto indices = inputInts(ctx, 1);
  if (failed(indices))
    return failure();
  int64_t batch = ctx.node.getInt("batch_dims", 0), rank = data.getRank();
  int64_t spread = at.getRank() - 1,
          depth = spread >= 0 ? at.getShape().back() : 0;
  if (batch < 0 || batch > spread || depth < 1 || batch > rank ||
      depth > rank - batch ||
      at.getShape().take_front(batch) != data.getShape().take_front(batch))
    return ctx.error("has indices that do not fit its data");
  SmallVector<int64_t> shape(at.getShape().drop_back());
  llvm::append_range(shape, data.getShape().drop_front(batch + depth));
  SmallVector<int64_t> strides = rowMajorStrides(data.getShape());
  SmallVector<int64_t> indexStrides = rowMajorStrides(at.getShape());
  bool valid = true;
  auto result = pickElements(ctx, data, shape, [&](ArrayRef<int64_t> index) {
    int64_t tuple = linearize(index.take_front(spread), indexStrides);
    int64_t position = linearize(index.take_front(batch), strides);
    for (int64_t k = 0; k < depth; ++k)
      position +=
          strides[batch + k] * checkedIndex(ctx, (*indices)[tuple + k],
                                            data.getShape()[batch + k], valid);
    return position + linearize(index.drop_front(spread),
                                ArrayRef(strides).drop_front(batch + depth));
  });
  return valid ? finish(ctx, std::move(result)) : failure();
}

static LogicalResult lowerGatherND(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Value data = ctx.input(0), indices = ctx.input(1);
  auto indexType = cast<RankedTensorType>(indices.getType());
  int64_t batch = ctx.node.getInt("batch_dims", 0);
  int64_t spread = indexType.getRank() - 1, depth = indexType.getShape().back();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, ctx.loc(), data);
  if (batch < 0 || ShapedType::isDynamic(depth) ||
      batch + depth > static_cast<int64_t>(sizes.size()))
    return ctx.error("has indices that do not fit its data");
  checkIndices(ctx, 1, batch, ArrayRef(sizes).slice(batch, depth));
  ctx.setResult(
      0,
      buildElements(
          b, ctx.loc(), ctx.emptyResult(0), {}, {},
          [&](OpBuilder &b, Location loc, ValueRange index, ValueRange) {
            SmallVector<Value> at(index.take_front(batch));
            SmallVector<Value> tuple(index.take_front(spread));
            for (int64_t k = 0; k < depth; ++k) {
              tuple.push_back(indexConstant(b, loc, k));
              Value i = readElement(b, loc, indices, tuple);
              tuple.pop_back();
              at.push_back(wrapAndClamp(b, loc, toIndex(b, loc, i),
                                        indexValue(b, loc, sizes[batch + k])));
            }
            llvm::append_range(at, index.drop_front(spread));
            return readElement(b, loc, data, at);
          }));
  return success();
}

namespace ssmc {
void registerGatherOperators(OperatorTable &table) {
  table.add({"", "Gather", 1, inferGather, evaluateGather, lowerGather, 2, 2});
  table.add({"", "GatherElements", 11, inferGatherElements,
             evaluateGatherElements, lowerGatherElements, 2, 2});
  table.add({"", "GatherND", 11, inferGatherND, evaluateGatherND, lowerGatherND,
             2, 2});
}
} // namespace ssmc
