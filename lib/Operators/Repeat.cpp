//===- Repeat.cpp - Expand and Tile ---------------------------------------===//
//
// Expand repeats extents of one, as elementwise operators do; Tile repeats
// every extent a number of times. An index of a result is an index of the
// input by a rule per dimension: the whole family is read that way.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Broadcast.h"
#include "lib/Operators/DataAxes.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ssmc;

//===----------------------------------------------------------------------===//
// Expand
//===----------------------------------------------------------------------===//

static LogicalResult inferExpand(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  if (auto target = ctx.knownElements(1)) {
    for (AffineExpr extent : *target)
      if (constantExtent(extent) && *constantExtent(extent) < 0)
        return ctx.error("has a negative extent in its target");
    auto dims = broadcastDims(ctx, {in.dims, *target});
    if (failed(dims))
      return failure();
    ctx.setResult(0, in.elementType, *dims);
    if (dims->size() <= 1 &&
        constantExtent(multiplyExtents(*dims, ctx.getContext())) == 1)
      if (auto elements = ctx.knownElements(0))
        ctx.setElements(0, *elements);
    return success();
  }
  // Only the rank is known: every extent of one may grow.
  const ValueShape &shape = ctx.input(1);
  auto length =
      shape.dims.size() == 1 ? constantExtent(shape.dims[0]) : std::nullopt;
  if (!length || *length < 0 || *length > 64)
    return ctx.error("has a target of unknown rank");
  size_t rank = std::max<size_t>(*length, in.dims.size());
  SmallVector<AffineExpr> dims;
  for (size_t i = 0; i < rank; ++i) {
    size_t lead = rank - in.dims.size();
    bool fixed = i >= lead && constantExtent(in.dims[i - lead]) &&
                 constantExtent(in.dims[i - lead]) != 1;
    dims.push_back(fixed ? in.dims[i - lead] : ctx.freshSymbol("expand"));
  }
  ctx.setResult(0, in.elementType, dims);
  return success();
}

static LogicalResult evaluateExpand(EvalContext &ctx) {
  auto target = inputInts(ctx, 1);
  if (failed(target))
    return failure();
  const Tensor &in = ctx.inputs[0];
  auto shape = broadcastShapes({in.getShape(), *target});
  if (!shape)
    return ctx.error("has a target that its input does not broadcast to");
  SmallVector<int64_t> strides = broadcastStrides(in.getShape(), *shape);
  return finish(ctx, pickStrided(ctx, in, *shape, 0, strides));
}

// Every extent that is not 1 and that only the data knows is the input's.
static void checkTarget(LowerContext &ctx) {
  auto target = dyn_cast<RankedTensorType>(ctx.input(1).getType());
  if (ctx.knownElements(1) || !target || target.getRank() != 1 ||
      !target.hasStaticShape())
    return;
  OpBuilder &b = ctx.builder;
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, ctx.loc(), ctx.input(0));
  int64_t length = target.getDimSize(0), rank = sizes.size();
  for (int64_t i = std::max<int64_t>(0, length - rank); i < length; ++i) {
    Value asked = extractScalar(b, ctx.loc(), ctx.input(1), i);
    checkRepeats(b, ctx.loc(), toIndex(b, ctx.loc(), asked),
                 sizes[rank - length + i]);
  }
}

// Extents of the target that only the data knows come to those of the result.
static void checkResult(LowerContext &ctx) {
  if (ctx.knownElements(1))
    return;
  OpBuilder &b = ctx.builder;
  int64_t length = cast<RankedTensorType>(ctx.input(1).getType()).getDimSize(0),
          rank = ctx.resultType(0).getRank();
  for (int64_t i = 0; i < length; ++i) {
    Value asked =
        toIndex(b, ctx.loc(), extractScalar(b, ctx.loc(), ctx.input(1), i));
    if (OpFoldResult extent = ctx.resultDim(0, rank - length + i))
      checkRepeats(b, ctx.loc(), asked, extent);
  }
}

static LogicalResult lowerExpand(LowerContext &ctx) {
  auto from = inputExtents(ctx, 0), to = resultExtents(ctx, 0);
  if (failed(from) || failed(to))
    return failure();
  auto inType = cast<RankedTensorType>(ctx.input(0).getType());
  RankedTensorType type = ctx.resultType(0);
  if (*from == *to) {
    checkTarget(ctx);
    ctx.setResult(0, castTo(ctx.builder, ctx.loc(), ctx.input(0), type));
    return success();
  }
  size_t lead = to->size() - from->size();
  // Whether an extent is repeated must be known, or is asked at run time.
  bool known = true;
  for (auto [i, extent] : llvm::enumerate(*from))
    known &= constantExtent(extent) == 1 || extent == (*to)[lead + i];
  Value empty = ctx.emptyResult(0);
  if (!empty)
    return ctx.error("is not supported with a target that only data decides");
  OpBuilder &b = ctx.builder;
  if (ctx.node.getOpType() == "Expand")
    checkResult(ctx);
  if (known) {
    AffineMap map = broadcastMap(inType, type);
    ctx.setResult(0, buildElements(b, ctx.loc(), empty, ctx.input(0), map,
                                   [](OpBuilder &, Location, ValueRange,
                                      ValueRange in) { return in[0]; }));
    return success();
  }
  Value in = ctx.input(0);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, ctx.loc(), in);
  for (auto [d, size] : llvm::enumerate(sizes))
    checkRepeats(b, ctx.loc(), size, ctx.resultDim(0, lead + d));
  ctx.setResult(
      0, buildElements(
             b, ctx.loc(), empty, {}, {},
             [&](OpBuilder &b, Location loc, ValueRange index, ValueRange) {
               // The last valid index is 0 where the extent is 1.
               SmallVector<Value> at;
               for (auto [d, size] : llvm::enumerate(sizes))
                 at.push_back(wrapAndClamp(b, loc, index[lead + d],
                                           indexValue(b, loc, size)));
               return readElement(b, loc, in, at);
             }));
  return success();
}

//===----------------------------------------------------------------------===//
// Tile
//===----------------------------------------------------------------------===//

static LogicalResult inferTile(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  auto repeats = ctx.knownElements(1);
  if (repeats && repeats->size() != in.dims.size())
    return ctx.error("has " + Twine(repeats->size()) +
                     " repeats for an input of rank " + Twine(in.dims.size()));
  SmallVector<AffineExpr> dims;
  for (auto [i, extent] : llvm::enumerate(in.dims)) {
    if (!repeats) {
      dims.push_back(ctx.freshSymbol("tile"));
      continue;
    }
    AffineExpr repeat = (*repeats)[i];
    if (constantExtent(repeat) && *constantExtent(repeat) < 0)
      return ctx.error("has a negative number of repeats");
    dims.push_back(multiplyExtents({extent, repeat}, ctx.getContext()));
  }
  ctx.setResult(0, in.elementType, dims);
  return success();
}

static LogicalResult evaluateTile(EvalContext &ctx) {
  const Tensor &in = ctx.inputs[0];
  auto repeats = inputInts(ctx, 1);
  if (failed(repeats))
    return failure();
  if (static_cast<int64_t>(repeats->size()) != in.getRank())
    return ctx.error("needs one repeat for each dimension");
  SmallVector<int64_t> shape(in.getShape());
  for (auto [extent, repeat] : llvm::zip(shape, *repeats))
    if (llvm::MulOverflow(extent, repeat, extent))
      return ctx.error("has a result too large to compute");
  SmallVector<int64_t> strides = rowMajorStrides(in.getShape());
  return finish(ctx, pickElements(ctx, in, shape, [&](ArrayRef<int64_t> index) {
                  int64_t position = 0;
                  for (auto [d, i] : llvm::enumerate(index))
                    position += i % in.getShape()[d] * strides[d];
                  return position;
                }));
}

static LogicalResult lowerTile(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  auto from = inputExtents(ctx, 0), to = resultExtents(ctx, 0);
  if (failed(from) || failed(to))
    return failure();
  Value in = ctx.input(0);
  if (!ctx.knownElements(1))
    for (int64_t d = 0, e = ctx.resultType(0).getRank(); d < e; ++d) {
      Value repeats =
          toIndex(b, ctx.loc(), extractScalar(b, ctx.loc(), ctx.input(1), d));
      Value extent =
          indexValue(b, ctx.loc(), tensor::getMixedSize(b, ctx.loc(), in, d));
      checkExtent(
          ctx, arith::MulIOp::create(b, ctx.loc(), repeats, extent).getResult(),
          0, d);
    }
  if (*from == *to) {
    ctx.setResult(0, castTo(b, ctx.loc(), in, ctx.resultType(0)));
    return success();
  }
  // Where only extents of one are repeated, a Tile is an Expand.
  if (llvm::all_of(llvm::zip(*from, *to), [](auto pair) {
        return std::get<0>(pair) == std::get<1>(pair) ||
               constantExtent(std::get<0>(pair)) == 1;
      }))
    return lowerExpand(ctx);
  Value empty = ctx.emptyResult(0);
  if (!empty)
    return ctx.error("is not supported with a target that only data decides");
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, ctx.loc(), in);
  ctx.setResult(
      0, buildElements(
             b, ctx.loc(), empty, {}, {},
             [&](OpBuilder &b, Location loc, ValueRange index, ValueRange) {
               SmallVector<Value> at;
               Value one = indexConstant(b, loc, 1);
               for (auto [d, size] : llvm::enumerate(sizes)) {
                 Value extent = indexValue(b, loc, size);
                 if ((*from)[d] == (*to)[d]) {
                   at.push_back(index[d]);
                   continue;
                 }
                 extent = arith::MaxSIOp::create(b, loc, extent, one);
                 at.push_back(arith::RemSIOp::create(b, loc, index[d], extent));
               }
               return readElement(b, loc, in, at);
             }));
  return success();
}

namespace ssmc {
void registerRepeatOperators(OperatorTable &table) {
  table.add({"", "Expand", 8, inferExpand, evaluateExpand, lowerExpand, 2, 2});
  table.add({"", "Tile", 6, inferTile, evaluateTile, lowerTile, 2, 2});
}
} // namespace ssmc
