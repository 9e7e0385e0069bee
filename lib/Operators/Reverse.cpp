//===- Reverse.cpp - ReverseSequence --------------------------------------===//
//
// Of each row of the batch, the first so many steps in reverse order and the
// others as they stand. A length outside of the extent is an error in the
// evaluator; compiled code reports it, and reads nothing outside of the tensor.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Extents.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"

using namespace mlir;
using namespace ssmc;

namespace {
struct Axes {
  int64_t batch, time;
};
} // namespace

/// One of them is the first axis, the other one the second.
static std::optional<Axes> readAxes(onnx::NodeOp node, int64_t rank) {
  auto batch = normalizeAxis(node.getInt("batch_axis", 1), rank),
       time = normalizeAxis(node.getInt("time_axis", 0), rank);
  if (rank < 2 || !batch || !time || *batch > 1 || *time > 1 || *batch == *time)
    return std::nullopt;
  return Axes{*batch, *time};
}

static LogicalResult inferReverse(InferContext &ctx) {
  const ValueShape &data = ctx.input(0), &lengths = ctx.input(1);
  auto axes = readAxes(ctx.node, data.dims.size());
  if (!axes || lengths.dims.size() != 1 || !lengths.elementType.isIntOrIndex())
    return ctx.error("needs a batch and a time axis, the first two of its "
                     "data, and an integer for each row");
  auto rows = constantExtent(data.dims[axes->batch]),
       given = constantExtent(lengths.dims[0]);
  if (rows && given && *rows != *given)
    return ctx.error("has " + Twine(*given) + " lengths for a batch of " +
                     Twine(*rows));
  ctx.setResult(0, data.elementType, data.dims);
  return success();
}

static LogicalResult evaluateReverse(EvalContext &ctx) {
  const Tensor &data = ctx.inputs[0];
  auto lengths = inputInts(ctx, 1);
  auto axes = readAxes(ctx.node, data.getRank());
  if (failed(lengths) || !axes ||
      int64_t(lengths->size()) != data.getShape()[axes->batch])
    return ctx.error("needs a batch and a time axis, the first two of its "
                     "data, and an integer for each row");
  int64_t extent = data.getShape()[axes->time];
  for (int64_t length : *lengths)
    if (length < 0 || length > extent)
      return ctx.error("has a length of " + Twine(length) + " of " +
                       Twine(extent) + " steps");
  SmallVector<int64_t> strides = rowMajorStrides(data.getShape());
  return finish(
      ctx,
      pickElements(ctx, data, data.getShape(), [&](ArrayRef<int64_t> index) {
        int64_t length = (*lengths)[index[axes->batch]];
        int64_t t = index[axes->time];
        int64_t from = t < length ? length - 1 - t : t;
        return linearize(index, strides) + (from - t) * strides[axes->time];
      }));
}

static LogicalResult lowerReverse(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value data = ctx.input(0), lengths = ctx.input(1);
  RankedTensorType type = ctx.resultType(0);
  auto axes = readAxes(ctx.node, type.getRank());
  if (!axes)
    return ctx.error("needs a batch and a time axis");
  OpFoldResult extent = tensor::getMixedSize(b, loc, data, axes->time);
  checkEqual(b, loc, tensor::getMixedSize(b, loc, lengths, 0),
             tensor::getMixedSize(b, loc, data, axes->batch),
             "as many lengths as rows");
  // All of the sequence is a length, too.
  checkIndices(ctx, 1, axes->time,
               apply(b, loc, b.getAffineSymbolExpr(0) + 1, {extent}),
               /*fromEnd=*/false);
  auto row = AffineMap::get(type.getRank(), 0, b.getAffineDimExpr(axes->batch));
  ctx.setResult(
      0, buildElements(
             b, loc, ctx.emptyResult(0), lengths, row,
             [&](OpBuilder &b, Location loc, ValueRange index, ValueRange in) {
               Value t = index[axes->time], length = toIndex(b, loc, in[0]);
               Value last = arith::SubIOp::create(b, loc, length,
                                                  indexConstant(b, loc, 1));
               Value mirrored = arith::SubIOp::create(b, loc, last, t);
               Value inside = arith::CmpIOp::create(
                   b, loc, arith::CmpIPredicate::slt, t, length);
               SmallVector<Value> at(index);
               at[axes->time] = wrapAndClamp(
                   b, loc, arith::SelectOp::create(b, loc, inside, mirrored, t),
                   indexValue(b, loc, extent));
               return readElement(b, loc, data, at);
             }));
  return success();
}

namespace ssmc {
void registerReverseOperators(OperatorTable &table) {
  table.add({"", "ReverseSequence", 10, inferReverse, evaluateReverse,
             lowerReverse, 2, 2});
}
} // namespace ssmc
