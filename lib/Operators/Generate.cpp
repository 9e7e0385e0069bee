//===- Generate.cpp - tensors made from numbers and indices ---------------===//
//
// ConstantOfShape, Range, OneHot, EyeLike, Trilu: each element follows from its
// index.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxElementType.h"
#include "lib/Operators/DataAxes.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;

//===----------------------------------------------------------------------===//
// ConstantOfShape
//===----------------------------------------------------------------------===//

// What fills the tensor: the one element of attribute `value`, or a float zero.
static FailureOr<TypedAttr> fillValue(onnx::NodeOp node) {
  Builder b(node->getContext());
  Attribute value = node.getAttrs().get("value");
  if (!value)
    return TypedAttr(b.getF32FloatAttr(0));
  auto elements = dyn_cast<DenseElementsAttr>(value);
  if (!elements || elements.getNumElements() != 1 ||
      !elements.getElementType().isIntOrFloat())
    return failure();
  return *elements.value_begin<TypedAttr>();
}

// As a number: a boolean is 0 or 1, an unsigned integer not negative.
static int64_t valueOf(IntegerAttr integer) {
  return wrapInteger(integer.getValue().getSExtValue(), integer.getType());
}

static LogicalResult inferConstantOfShape(InferContext &ctx) {
  auto value = fillValue(ctx.node);
  if (failed(value))
    return ctx.error("needs a value of one element");
  auto shape = ctx.knownElements(0);
  SmallVector<AffineExpr> dims;
  if (shape) {
    dims = *shape;
    for (AffineExpr dim : dims)
      if (constantExtent(dim) && *constantExtent(dim) < 0)
        return ctx.error("has a negative extent");
  } else {
    const ValueShape &in = ctx.input(0);
    auto rank = in.dims.size() == 1 ? constantExtent(in.dims[0]) : std::nullopt;
    if (!rank || *rank < 0 || *rank > 64)
      return ctx.error("has a result of unknown rank");
    for (int64_t i = 0; i < *rank; ++i)
      dims.push_back(ctx.freshSymbol("shape"));
  }
  ctx.setResult(0, value->getType(), dims);
  auto count = constantExtent(multiplyExtents(dims, ctx.getContext()));
  auto integer = dyn_cast<IntegerAttr>(*value);
  if (integer && count && dims.size() <= 1 && *count <= 64)
    ctx.setElements(
        0, SmallVector<AffineExpr>(*count, ctx.constantDim(valueOf(integer))));
  return success();
}

static LogicalResult evaluateConstantOfShape(EvalContext &ctx) {
  auto value = fillValue(ctx.node);
  auto shape = inputInts(ctx, 0);
  if (failed(value) || failed(shape))
    return ctx.error("needs a value of one element and a shape of integers");
  Tensor *result = ctx.makeResult(0, value->getType(), *shape);
  if (!result)
    return failure();
  if (auto real = dyn_cast<FloatAttr>(*value))
    llvm::fill(result->mutableFloats(), real.getValueAsDouble());
  else
    llvm::fill(result->mutableInts(),
               toInteger(cast<IntegerAttr>(*value).getValue().getSExtValue(),
                         value->getType()));
  return success();
}

// The constant of a type without a sign.
static Value signlessConstant(OpBuilder &b, Location loc, TypedAttr value) {
  if (auto integer = dyn_cast<IntegerAttr>(value)) {
    auto type = b.getIntegerType(integer.getType().getIntOrFloatBitWidth());
    value = b.getIntegerAttr(type, integer.getValue());
  }
  return arith::ConstantOp::create(b, loc, value);
}

static LogicalResult lowerConstantOfShape(LowerContext &ctx) {
  auto value = fillValue(ctx.node);
  if (failed(value))
    return ctx.error("needs a value of one element");
  Value scalar = signlessConstant(ctx.builder, ctx.loc(), *value);
  Value empty = ctx.emptyResult(0);
  RankedTensorType type = ctx.resultType(0);
  if (empty && !ctx.knownElements(0))
    for (int64_t d = 0; d < type.getRank(); ++d)
      checkExtent(
          ctx,
          toIndex(ctx.builder, ctx.loc(),
                  extractScalar(ctx.builder, ctx.loc(), ctx.input(0), d)),
          0, d);
  if (!empty) {
    // The extents are data.
    SmallVector<OpFoldResult> sizes;
    Value zero = indexConstant(ctx.builder, ctx.loc(), 0);
    for (int64_t d = 0; d < type.getRank(); ++d) {
      Value extent =
          toIndex(ctx.builder, ctx.loc(),
                  extractScalar(ctx.builder, ctx.loc(), ctx.input(0), d));
      extent = arith::MaxSIOp::create(ctx.builder, ctx.loc(), extent, zero);
      sizes.push_back(extent);
    }
    empty = tensor::EmptyOp::create(ctx.builder, ctx.loc(), sizes,
                                    type.getElementType());
    empty = castTo(ctx.builder, ctx.loc(), empty, type);
  }
  ctx.setResult(0, linalg::FillOp::create(ctx.builder, ctx.loc(), scalar, empty)
                       .getResult(0));
  return success();
}

//===----------------------------------------------------------------------===//
// Range
//===----------------------------------------------------------------------===//

// How many of from, from + step, ... lie before `to`; of more than there can be
// elements, about how many.
static int64_t countSteps(int64_t from, int64_t to, int64_t step) {
  if (step > 0 ? to <= from : to >= from)
    return 0;
  // Distances fit unsigned numbers, whatever the signs are.
  uint64_t span =
      step > 0 ? uint64_t(to) - uint64_t(from) : uint64_t(from) - uint64_t(to);
  uint64_t stride = step > 0 ? uint64_t(step) : -uint64_t(step);
  uint64_t count = span / stride + (span % stride != 0);
  return std::min<uint64_t>(count, std::numeric_limits<int64_t>::max());
}

// Elements of a range; nothing where there is no such number.
static std::optional<int64_t> rangeLength(double start, double limit,
                                          double delta) {
  double steps = std::ceil((limit - start) / delta);
  if (delta == 0 || !(steps < static_cast<double>(Tensor::kMaxElements)))
    return std::nullopt;
  return steps > 0 ? static_cast<int64_t>(steps) : 0;
}

static LogicalResult inferRange(InferContext &ctx) {
  auto start = ctx.knownElements(0), limit = ctx.knownElements(1),
       delta = ctx.knownElements(2);
  Type element = ctx.input(0).elementType;
  for (unsigned i : {0, 1, 2})
    if (ctx.input(i).elementType != element || !element.isIntOrFloat() ||
        element.isInteger(1))
      return ctx.error("start, limit and delta must be of one type of numbers");
  AffineExpr count;
  bool known = start && limit && delta && start->size() == 1 &&
               limit->size() == 1 && delta->size() == 1;
  auto step = known ? constantExtent((*delta)[0]) : std::nullopt;
  if (step == 0)
    return ctx.error("has a step of zero");
  if (known && step) {
    AffineExpr span = simplifyExtent((*limit)[0] - (*start)[0]);
    auto from = constantExtent((*start)[0]), to = constantExtent((*limit)[0]);
    if (from && to)
      count = ctx.constantDim(countSteps(*from, *to, *step));
    else if (*step > 0 && provablyAtLeast(span, ctx.constantDim(0)))
      count = simplifyExtent(span.ceilDiv(*step));
  }
  auto first = ctx.constantNumber(0), end = ctx.constantNumber(1),
       each = ctx.constantNumber(2);
  if (isa<FloatType>(element) && first && end && each) {
    auto steps = rangeLength(*first, *end, *each);
    if (!steps)
      return ctx.error("has a step of zero or a result too large to compute");
    count = ctx.constantDim(*steps);
  }
  ctx.setResult(0, element, {count ? count : ctx.freshSymbol("range")});
  if (known && step && count && constantExtent(count) &&
      *constantExtent(count) <= 64) {
    SmallVector<AffineExpr> elements;
    for (int64_t i = 0; i < *constantExtent(count); ++i)
      elements.push_back(simplifyExtent((*start)[0] + ctx.constantDim(*step) *
                                                          ctx.constantDim(i)));
    ctx.setElements(0, elements);
  }
  return success();
}

static LogicalResult evaluateRange(EvalContext &ctx) {
  for (unsigned i = 0; i < 3; ++i)
    if (ctx.inputs[i].getNumElements() != 1)
      return ctx.error("needs scalars");
  const Tensor &start = ctx.inputs[0];
  for (const Tensor &input : ctx.inputs)
    if (input.isFloat() != start.isFloat())
      return ctx.error("needs scalars of one type");
  double from = start.at(0), step = ctx.inputs[2].at(0);
  auto count = rangeLength(from, ctx.inputs[1].at(0), step);
  if (!count)
    return ctx.error("has a step of zero or a result too large to compute");
  Tensor *result = ctx.makeResult(0, start.getElementType(), {*count});
  if (!result)
    return failure();
  if (start.isFloat()) {
    for (auto [i, value] : llvm::enumerate(result->mutableFloats()))
      value = from + step * i;
    return success();
  }
  int64_t first = start.ints()[0], delta = ctx.inputs[2].ints()[0];
  for (auto [i, value] : llvm::enumerate(result->mutableInts()))
    value =
        wrapInteger(static_cast<int64_t>(uint64_t(first) + uint64_t(delta) * i),
                    start.getElementType());
  return success();
}

static LogicalResult lowerRange(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  RankedTensorType type = ctx.resultType(0);
  Type element = type.getElementType();
  Value start = extractScalar(b, loc, ctx.input(0));
  Value delta = extractScalar(b, loc, ctx.input(2));
  OpFoldResult size = ctx.resultDim(0, 0);
  bool isKnown = llvm::all_of(ArrayRef<unsigned>{0, 1, 2}, [&](unsigned i) {
    return ctx.constant(i) || ctx.knownElements(i);
  });
  if (!size || !isKnown) {
    // The length is data.
    Value limit = extractScalar(b, loc, ctx.input(1));
    Value count, zero = indexConstant(b, loc, 0);
    if (isa<FloatType>(element)) {
      Value span = arith::SubFOp::create(b, loc, limit, start);
      Value ratio = arith::DivFOp::create(b, loc, span, delta);
      ratio = math::CeilOp::create(b, loc, ratio);
      count = arith::FPToSIOp::create(b, loc, b.getI64Type(), ratio);
      count = toIndex(b, loc, count);
    } else {
      Value span = arith::SubIOp::create(b, loc, toIndex(b, loc, limit),
                                         toIndex(b, loc, start));
      // A step of zero makes nothing.
      Value step = toIndex(b, loc, delta);
      Value none =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, step, zero);
      Value one = indexConstant(b, loc, 1);
      Value safe = arith::SelectOp::create(b, loc, none, one, step);
      count = arith::CeilDivSIOp::create(b, loc, span, safe);
      count = arith::SelectOp::create(b, loc, none, zero, count);
    }
    Value found = arith::MaxSIOp::create(b, loc, count, zero);
    if (size)
      checkExtent(ctx, found, 0, 0);
    else
      size = found;
  }
  Value empty = tensor::EmptyOp::create(b, loc, {size}, element);
  Value range = buildElements(
      b, loc, empty, {}, {},
      [&](OpBuilder &b, Location loc, ValueRange index, ValueRange) -> Value {
        if (isa<FloatType>(element)) {
          Value i =
              arith::IndexCastOp::create(b, loc, b.getI64Type(), index[0]);
          i = arith::SIToFPOp::create(b, loc, element, i);
          i = arith::MulFOp::create(b, loc, i, delta);
          return arith::AddFOp::create(b, loc, start, i);
        }
        Value i = arith::IndexCastOp::create(b, loc, element, index[0]);
        i = arith::MulIOp::create(b, loc, i, delta);
        return arith::AddIOp::create(b, loc, start, i);
      });
  ctx.setResult(0, castTo(b, loc, range, type));
  return success();
}

//===----------------------------------------------------------------------===//
// OneHot
//===----------------------------------------------------------------------===//

static std::optional<int64_t> oneHotAxis(onnx::NodeOp node, int64_t rank) {
  return normalizeAxis(node.getInt("axis", -1), rank + 1);
}

static LogicalResult inferOneHot(InferContext &ctx) {
  const ValueShape &indices = ctx.input(0);
  auto axis = oneHotAxis(ctx.node, indices.dims.size());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its result");
  auto depth = ctx.knownElements(1);
  if (depth && depth->size() != 1)
    return ctx.error("needs one depth");
  // A depth may be a float.
  if (auto number = ctx.constantNumber(1)) {
    if (!(*number >= 0 && *number < static_cast<double>(Tensor::kMaxElements)))
      return ctx.error("has a depth that is negative or too large");
    depth = {ctx.constantDim(static_cast<int64_t>(*number))};
  }
  SmallVector<AffineExpr> dims(indices.dims);
  dims.insert(dims.begin() + *axis,
              depth ? (*depth)[0] : ctx.freshSymbol("depth"));
  ctx.setResult(0, ctx.input(2).elementType, dims);
  return success();
}

static LogicalResult evaluateOneHot(EvalContext &ctx) {
  const Tensor &indices = ctx.inputs[0], &values = ctx.inputs[2];
  auto axis = oneHotAxis(ctx.node, indices.getRank());
  if (!axis || ctx.inputs[1].getNumElements() != 1 ||
      values.getNumElements() != 2)
    return ctx.error("needs an axis of its result, one depth and two values");
  double given = ctx.inputs[1].at(0);
  if (!(given >= 0 && given < static_cast<double>(Tensor::kMaxElements)))
    return ctx.error("has a depth out of range");
  int64_t depth = static_cast<int64_t>(given);
  SmallVector<int64_t> shape(indices.getShape());
  shape.insert(shape.begin() + *axis, depth);
  SmallVector<int64_t> strides = rowMajorStrides(indices.getShape());
  return finish(ctx,
                pickElements(ctx, values, shape, [&](ArrayRef<int64_t> index) {
                  int64_t at = linearize(index.take_front(*axis), strides) +
                               linearize(index.drop_front(*axis + 1),
                                         ArrayRef(strides).drop_front(*axis));
                  double hot = indices.at(at);
                  return (hot < 0 ? hot + depth : hot) == index[*axis];
                }));
}

static LogicalResult lowerOneHot(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Value indices = ctx.input(0), empty = ctx.emptyResult(0);
  auto inType = cast<RankedTensorType>(indices.getType());
  auto axis = oneHotAxis(ctx.node, inType.getRank());
  if (!axis || !empty)
    return ctx.error("needs an axis of its result and a known depth");
  Value off = extractScalar(b, ctx.loc(), ctx.input(2), 0);
  Value on = extractScalar(b, ctx.loc(), ctx.input(2), 1);
  Value depth = indexValue(b, ctx.loc(), ctx.resultDim(0, *axis));
  if (!ctx.knownElements(1) && !ctx.constant(1)) {
    Value given = extractScalar(b, ctx.loc(), ctx.input(1));
    if (isa<FloatType>(given.getType()))
      given = arith::FPToSIOp::create(b, ctx.loc(), b.getI64Type(), given);
    checkExtent(ctx, toIndex(b, ctx.loc(), given), 0, *axis);
  }
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d <= inType.getRank(); ++d)
    if (d != *axis)
      exprs.push_back(b.getAffineDimExpr(d));
  auto map = AffineMap::get(inType.getRank() + 1, 0, exprs, b.getContext());
  ctx.setResult(
      0,
      buildElements(
          b, ctx.loc(), empty, indices, map,
          [&](OpBuilder &b, Location loc, ValueRange index, ValueRange in) {
            Value hot = in[0];
            // A number between two indices is neither.
            Value whole;
            if (isa<FloatType>(hot.getType())) {
              Value floor = math::FloorOp::create(b, loc, hot);
              whole = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                            floor, hot);
              hot = arith::FPToSIOp::create(b, loc, b.getI64Type(), hot);
            }
            hot = toIndex(b, loc, hot);
            Value zero = indexConstant(b, loc, 0);
            Value negative = arith::CmpIOp::create(
                b, loc, arith::CmpIPredicate::slt, hot, zero);
            Value wrapped = arith::AddIOp::create(b, loc, hot, depth);
            hot = arith::SelectOp::create(b, loc, negative, wrapped, hot);
            Value here = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                               hot, index[*axis]);
            if (whole)
              here = arith::AndIOp::create(b, loc, here, whole);
            return arith::SelectOp::create(b, loc, here, on, off).getResult();
          }));
  return success();
}

//===----------------------------------------------------------------------===//
// EyeLike
//===----------------------------------------------------------------------===//

static LogicalResult inferEyeLike(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  if (in.dims.size() != 2)
    return ctx.error("needs an input of rank 2");
  Type element = in.elementType;
  if (int64_t dtype = ctx.node.getInt("dtype", 0))
    element = elementTypeFromOnnx(ctx.getContext(), dtype);
  if (!element)
    return ctx.error("has an unknown dtype");
  ctx.setResult(0, element, in.dims);
  return success();
}

static LogicalResult evaluateEyeLike(EvalContext &ctx) {
  const Tensor &in = ctx.inputs[0];
  Type element = in.getElementType();
  if (int64_t dtype = ctx.node.getInt("dtype", 0))
    element = elementTypeFromOnnx(ctx.node->getContext(), dtype);
  if (in.getRank() != 2 || !element)
    return ctx.error("needs an input of rank 2 and a known dtype");
  Tensor *result = ctx.makeResult(0, element, in.getShape());
  if (!result)
    return failure();
  int64_t k = ctx.node.getInt("k", 0), columns = in.getShape()[1];
  for (int64_t row = 0; row < in.getShape()[0]; ++row) {
    int64_t column;
    if (llvm::AddOverflow(row, k, column) || column < 0 || column >= columns)
      continue;
    if (result->isFloat())
      result->mutableFloats()[row * columns + column] = 1;
    else
      result->mutableInts()[row * columns + column] = 1;
  }
  return success();
}

static LogicalResult lowerEyeLike(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Type element = ctx.resultType(0).getElementType();
  int64_t k = ctx.node.getInt("k", 0);
  ctx.setResult(
      0, buildElements(
             b, ctx.loc(), ctx.emptyResult(0), {}, {},
             [&](OpBuilder &b, Location loc, ValueRange index, ValueRange) {
               Value moved = arith::AddIOp::create(b, loc, index[0],
                                                   indexConstant(b, loc, k));
               Value here = arith::CmpIOp::create(
                   b, loc, arith::CmpIPredicate::eq, moved, index[1]);
               Value one =
                   arith::ConstantOp::create(b, loc, b.getOneAttr(element));
               return arith::SelectOp::create(b, loc, here, one,
                                              zeroOf(b, loc, element))
                   .getResult();
             }));
  return success();
}

//===----------------------------------------------------------------------===//
// Trilu
//===----------------------------------------------------------------------===//

static LogicalResult inferTrilu(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  if (in.dims.size() < 2)
    return ctx.error("needs an input of rank 2 or more");
  ctx.setResult(0, in.elementType, in.dims);
  return success();
}

static LogicalResult evaluateTrilu(EvalContext &ctx) {
  const Tensor &in = ctx.inputs[0];
  if (in.getRank() < 2)
    return ctx.error("needs an input of rank 2 or more");
  int64_t k = 0;
  if (ctx.has(1)) {
    auto given = inputInts(ctx, 1);
    if (failed(given) || given->size() != 1)
      return ctx.error("needs one diagonal");
    k = (*given)[0];
  }
  bool upper = ctx.node.getInt("upper", 1) != 0;
  SmallVector<int64_t> strides = rowMajorStrides(in.getShape());
  return finish(
      ctx, pickElements(ctx, in, in.getShape(), [&](ArrayRef<int64_t> index) {
        int64_t above = index.back() - index.drop_back().back();
        bool keep = upper ? above >= k : above <= k;
        return keep ? linearize(index, strides) : -1;
      }));
}

static LogicalResult lowerTrilu(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  RankedTensorType type = ctx.resultType(0);
  Value k = ctx.input(1) ? toIndex(b, ctx.loc(),
                                   extractScalar(b, ctx.loc(), ctx.input(1)))
                         : indexConstant(b, ctx.loc(), 0);
  auto keeps = ctx.node.getInt("upper", 1) != 0 ? arith::CmpIPredicate::sge
                                                : arith::CmpIPredicate::sle;
  ctx.setResult(
      0, buildElements(
             b, ctx.loc(), ctx.emptyResult(0), ctx.input(0),
             b.getMultiDimIdentityMap(type.getRank()),
             [&](OpBuilder &b, Location loc, ValueRange index, ValueRange in) {
               Value above = arith::SubIOp::create(b, loc, index.back(),
                                                   index.drop_back().back());
               Value keep = arith::CmpIOp::create(b, loc, keeps, above, k);
               return arith::SelectOp::create(
                          b, loc, keep, in[0],
                          zeroOf(b, loc, type.getElementType()))
                   .getResult();
             }));
  return success();
}

namespace ssmc {
void registerGenerateOperators(OperatorTable &table) {
  table.add({"", "ConstantOfShape", 9, inferConstantOfShape,
             evaluateConstantOfShape, lowerConstantOfShape});
  table.add({"", "Range", 11, inferRange, evaluateRange, lowerRange, 3, 3});
  table.add({"", "OneHot", 9, inferOneHot, evaluateOneHot, lowerOneHot, 3, 3});
  table.add({"", "EyeLike", 9, inferEyeLike, evaluateEyeLike, lowerEyeLike});
  table.add({"", "Trilu", 14, inferTrilu, evaluateTrilu, lowerTrilu, 1, 2});
}
} // namespace ssmc
