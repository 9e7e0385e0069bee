//===- ShapeOf.cpp - Shape and Size ---------------------------------------===//

#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"

using namespace mlir;
using namespace ssmc;

// The dimensions [start, end) that a Shape tells.
static std::pair<int64_t, int64_t> shapeRange(onnx::NodeOp node, int64_t rank) {
  auto place = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  int64_t start = place(node.getInt("start", 0));
  int64_t end = place(node.getInt("end", rank));
  return {start, std::max(start, end)};
}

static LogicalResult inferShape(InferContext &ctx) {
  ArrayRef<AffineExpr> dims = ctx.input(0).dims;
  auto [start, end] = shapeRange(ctx.node, dims.size());
  ctx.setResult(0, IntegerType::get(ctx.getContext(), 64),
                {ctx.constantDim(end - start)});
  ctx.setElements(0, dims.slice(start, end - start));
  return success();
}

static LogicalResult evaluateShape(EvalContext &ctx) {
  ArrayRef<int64_t> shape = ctx.inputs[0].getShape();
  auto [start, end] = shapeRange(ctx.node, shape.size());
  ctx.results[0] =
      Tensor::integers(ctx.node->getContext(), shape.slice(start, end - start));
  return success();
}

static Value buildInteger(OpBuilder &b, Location loc, OpFoldResult value) {
  return arith::IndexCastOp::create(b, loc, b.getI64Type(),
                                    indexValue(b, loc, value));
}

static LogicalResult lowerShape(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, ctx.loc(), ctx.input(0));
  auto [start, end] = shapeRange(ctx.node, sizes.size());
  if (start == end) {
    ctx.setResult(0, ctx.emptyResult(0));
    return success();
  }
  SmallVector<Value> elements;
  for (int64_t d = start; d < end; ++d)
    elements.push_back(buildInteger(b, ctx.loc(), sizes[d]));
  ctx.setResult(0, tensor::FromElementsOp::create(b, ctx.loc(),
                                                  ctx.resultType(0), elements));
  return success();
}

static LogicalResult inferSize(InferContext &ctx) {
  ctx.setResult(0, IntegerType::get(ctx.getContext(), 64), {});
  ctx.setElements(0, multiplyExtents(ctx.input(0).dims, ctx.getContext()));
  return success();
}

static LogicalResult evaluateSize(EvalContext &ctx) {
  ctx.results[0] =
      Tensor::integers(ctx.node->getContext(), ctx.inputs[0].getNumElements())
          .reshaped({});
  return success();
}

static LogicalResult lowerSize(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  AffineExpr s0, s1;
  bindSymbols(b.getContext(), s0, s1);
  Value count = indexConstant(b, ctx.loc(), 1);
  for (OpFoldResult size : tensor::getMixedSizes(b, ctx.loc(), ctx.input(0)))
    count = arith::MulIOp::create(b, ctx.loc(), count,
                                  indexValue(b, ctx.loc(), size));
  Value element = buildInteger(b, ctx.loc(), count);
  ctx.setResult(0, tensor::FromElementsOp::create(b, ctx.loc(),
                                                  ctx.resultType(0), element));
  return success();
}

namespace ssmc {
void registerShapeOfOperators(OperatorTable &table) {
  table.add({"", "Shape", 1, inferShape, evaluateShape, lowerShape});
  table.add({"", "Size", 1, inferSize, evaluateSize, lowerSize});
}
} // namespace ssmc
