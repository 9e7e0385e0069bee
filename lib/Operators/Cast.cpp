//===- Cast.cpp - conversions between element types -----------------------===//
//
// To an integer, towards zero. Floats of 8 bits are not supported, and so
// attribute `saturate`, which ONNX defines for them alone, means nothing here.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxElementType.h"
#include "lib/Operators/Broadcast.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/Families.h"

using namespace mlir;
using namespace ssmc;
using ssmc::scalar::Scalar;

static LogicalResult inferAs(InferContext &ctx, Type type) {
  const ValueShape &x = ctx.input(0);
  if (!x.elementType.isIntOrFloat())
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  ctx.setResult(0, type, x.dims);
  auto known = isa<IntegerType>(x.elementType) && x.dims.size() <= 1
                   ? ctx.knownElements(0)
                   : std::nullopt;
  if (known && type.isInteger(1)) {
    for (AffineExpr &element : *known) {
      auto number = constantExtent(element);
      if (!number)
        return success();
      element = ctx.constantDim(*number != 0);
    }
    ctx.setElements(0, *known);
  } else if (known && isa<IntegerType>(type) &&
             type.getIntOrFloatBitWidth() >= 32) {
    ctx.setElements(0, *known);
  }
  return success();
}

static LogicalResult inferCast(InferContext &ctx) {
  int64_t to = ctx.node.getInt("to", 0);
  Type type = elementTypeFromOnnx(ctx.getContext(), to);
  if (!type)
    return ctx.error("cannot convert to the ONNX data type " + Twine(to));
  return inferAs(ctx, type);
}

static LogicalResult inferCastLike(InferContext &ctx) {
  return inferAs(ctx, ctx.input(1).elementType);
}

static LogicalResult evaluateAs(EvalContext &ctx, Type type) {
  const Tensor &x = ctx.inputs[0];
  Tensor *y = ctx.makeResult(0, type, x.getShape());
  if (!y)
    return failure();
  for (int64_t i = 0, e = x.getNumElements(); i < e; ++i) {
    if (y->isFloat())
      y->mutableFloats()[i] = x.at(i);
    else if (x.isFloat())
      y->mutableInts()[i] = toInteger(x.floats()[i], type);
    else
      y->mutableInts()[i] =
          type.isInteger(1) ? x.ints()[i] != 0 : wrapInteger(x.ints()[i], type);
  }
  return success();
}

static LogicalResult evaluateCast(EvalContext &ctx) {
  return evaluateAs(ctx, elementTypeFromOnnx(ctx.node.getContext(),
                                             ctx.node.getInt("to", 0)));
}

static LogicalResult evaluateCastLike(EvalContext &ctx) {
  return evaluateAs(ctx, ctx.inputs[1].getElementType());
}

static LogicalResult lowerCast(LowerContext &ctx) {
  Type type = ctx.resultType(0).getElementType();
  bool toUnsigned = isUnsignedResult(ctx, 0);
  if (cast<RankedTensorType>(ctx.input(0).getType()).getElementType() == type) {
    ctx.setResult(0, ctx.input(0));
    return success();
  }
  ctx.setResult(0, elementwise(ctx, 0, ctx.input(0), [&](ArrayRef<Scalar> x) {
                  return scalar::convert(x[0], type, toUnsigned);
                }));
  return success();
}

void ssmc::registerCastOperators(OperatorTable &table) {
  table.add({"", "Cast", 6, inferCast, evaluateCast, lowerCast});
  table.add(
      {"", "CastLike", 15, inferCastLike, evaluateCastLike, lowerCast, 2, 2});
}
