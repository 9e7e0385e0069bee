//===- Emitter.cpp - tensor formulas as linalg ops ------------------------===//

#include "lib/Operators/Formula.h"
#include "lib/Operators/IndexLowering.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ssmc;
using ssmc::scalar::Scalar;

OpFoldResult Emitter::size(Value x, int64_t d) {
  return tensor::getMixedSize(builder, loc, x, d);
}

Type Emitter::accumulatorType(Value x) const {
  auto element = dyn_cast<FloatType>(elementType(x));
  return element && element.getWidth() < 32 ? builder.getF32Type()
                                            : elementType(x);
}

OpFoldResult Emitter::add(OpFoldResult x, OpFoldResult y) {
  return apply(builder, loc,
               builder.getAffineSymbolExpr(0) + builder.getAffineSymbolExpr(1),
               {x, y});
}
OpFoldResult Emitter::subtract(OpFoldResult x, OpFoldResult y) {
  return apply(builder, loc,
               builder.getAffineSymbolExpr(0) - builder.getAffineSymbolExpr(1),
               {x, y});
}
OpFoldResult Emitter::multiply(OpFoldResult x, OpFoldResult y) {
  return apply(builder, loc,
               builder.getAffineSymbolExpr(0) * builder.getAffineSymbolExpr(1),
               {x, y});
}

Value Emitter::scalar(OpFoldResult size, Type type) {
  Scalar value{&builder, loc,
               getValueOrCreateConstantIndexOp(builder, loc, size)};
  Scalar wide = scalar::convert(value, builder.getI64Type(), false);
  Value element = scalar::convert(wide, type, false).value;
  return tensor::FromElementsOp::create(
      builder, loc, RankedTensorType::get({}, type), element);
}

Value ssmc::convertElements(Emitter &b, Value x, Type type) {
  if (b.elementType(x) == type)
    return x;
  return mapLike<Emitter>(
      b, x, Emitter::Operand{x, allLoops(b.rank(x))}, type,
      [&](ArrayRef<Scalar> x) { return scalar::convert(x[0], type, false); });
}

OpFoldResult Emitter::divide(OpFoldResult x, int64_t divisor) {
  return apply(builder, loc, builder.getAffineSymbolExpr(0).floorDiv(divisor),
               {x});
}

/// `identity` in an element type: the extreme values stand for infinities.
static TypedAttr identityAttr(OpBuilder &b, Type type, double identity,
                              bool isUnsigned) {
  if (isa<FloatType>(type))
    return b.getFloatAttr(type, identity);
  unsigned width = type.getIntOrFloatBitWidth();
  APInt value(width, int64_t(std::isinf(identity) ? 0 : identity),
              /*isSigned=*/true, /*implicitTrunc=*/true);
  if (std::isinf(identity)) {
    bool plain = isUnsigned || width == 1;
    if (identity > 0)
      value =
          plain ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
    else
      value =
          plain ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  }
  return IntegerAttr::get(type, value);
}

Value Emitter::emitGeneric(ArrayRef<Operand> inputs, ArrayRef<Size> loops,
                           ArrayRef<int64_t> resultDims, Type element,
                           std::optional<double> identity, IndexedBody body) {
  MLIRContext *context = builder.getContext();
  SmallVector<AffineMap> maps;
  SmallVector<Value> values;
  for (const Operand &input : inputs) {
    SmallVector<AffineExpr> exprs;
    for (int64_t d : input.dims)
      exprs.push_back(d == kRepeated ? getAffineConstantExpr(0, context)
                                     : getAffineDimExpr(d, context));
    for (const Window &window : input.windows)
      exprs[window.dim] =
          exprs[window.dim] * window.stride +
          getAffineDimExpr(window.loop, context) * window.dilation;
    maps.push_back(AffineMap::get(loops.size(), 0, exprs, context));
    values.push_back(input.value);
  }
  SmallVector<AffineExpr> exprs;
  SmallVector<OpFoldResult> sizes;
  SmallVector<utils::IteratorType> iterators(loops.size(),
                                             utils::IteratorType::reduction);
  for (int64_t d : resultDims) {
    exprs.push_back(getAffineDimExpr(d, context));
    sizes.push_back(loops[d]);
    iterators[d] = utils::IteratorType::parallel;
  }
  maps.push_back(AffineMap::get(loops.size(), 0, exprs, context));

  Value init = tensor::EmptyOp::create(builder, loc, sizes, element);
  if (identity) {
    bool isUnsigned = !inputs.empty() && inputs[0].isUnsigned;
    Value start = arith::ConstantOp::create(
        builder, loc, identityAttr(builder, element, *identity, isUnsigned));
    init = linalg::FillOp::create(builder, loc, start, init).getResult(0);
  }
  auto op = linalg::GenericOp::create(
      builder, loc, init.getType(), values, init, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange arguments) {
        SmallVector<Scalar> x;
        for (size_t i = 0; i < inputs.size(); ++i) {
          Scalar element_{&b, loc, arguments[i], inputs[i].isUnsigned};
          // Floats are widened or narrowed to the type worked in.
          if (isa<FloatType>(element) && element_.isFloat())
            element_ = scalar::convert(element_, element, false);
          x.push_back(element_);
        }
        if (identity)
          x.push_back({&b, loc, arguments[inputs.size()],
                       !inputs.empty() && inputs[0].isUnsigned});
        auto index = [&](int64_t d) {
          return Scalar{&b, loc, linalg::IndexOp::create(b, loc, d)};
        };
        linalg::YieldOp::create(b, loc, body(x, index).value);
      });
  return op.getResult(0);
}

void ssmc::setResult(LowerContext &ctx, unsigned i, Value value) {
  if (value.getType() != ctx.resultType(i))
    value = tensor::CastOp::create(ctx.builder, ctx.loc(), ctx.resultType(i),
                                   value);
  ctx.setResult(i, value);
}

Value Emitter::collapse(Value x, ArrayRef<ReassociationIndices> groups) {
  return tensor::CollapseShapeOp::create(builder, loc, x, groups);
}

Value Emitter::expand(Value x, ArrayRef<ReassociationIndices> groups,
                      ArrayRef<Size> sizes) {
  SmallVector<int64_t> shape;
  for (OpFoldResult size : sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, elementType(x)), x, groups,
      sizes);
}

Value Emitter::slice(Value x, int64_t axis, Size offset, Size size) {
  SmallVector<OpFoldResult> offsets(rank(x), builder.getIndexAttr(0)),
      sizes = sizesOf(*this, x), strides(rank(x), builder.getIndexAttr(1));
  offsets[axis] = offset;
  sizes[axis] = size;
  return takeSlice(builder, loc, x, offsets, sizes, strides);
}

Value Emitter::concat(ArrayRef<Value> parts, int64_t axis) {
  SmallVector<OpFoldResult> sizes = sizesOf(*this, parts[0]);
  for (Value part : parts.drop_front())
    sizes[axis] = add(sizes[axis], size(part, axis));
  Value result =
      tensor::EmptyOp::create(builder, loc, sizes, elementType(parts[0]));
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)),
      strides(sizes.size(), builder.getIndexAttr(1));
  for (Value part : parts) {
    result = tensor::InsertSliceOp::create(builder, loc, part, result, offsets,
                                           sizesOf(*this, part), strides);
    offsets[axis] = add(offsets[axis], size(part, axis));
  }
  return result;
}

Value Emitter::pad(Value x, ArrayRef<Size> low, ArrayRef<Size> high,
                   double value) {
  auto isZero = [](OpFoldResult size) { return isConstantIntValue(size, 0); };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return x;
  SmallVector<OpFoldResult> sizes = sizesOf(*this, x);
  SmallVector<OpFoldResult> strides(sizes.size(), constant(1)), padded;
  for (size_t d = 0; d < sizes.size(); ++d)
    padded.push_back(add(add(low[d], sizes[d]), high[d]));
  Value filling = arith::ConstantOp::create(
      builder, loc, identityAttr(builder, elementType(x), value, false));
  Value around = tensor::EmptyOp::create(builder, loc, padded, elementType(x));
  around = linalg::FillOp::create(builder, loc, filling, around).getResult(0);
  // Upstream has no slice of an empty extent.
  if (llvm::any_of(sizes, isZero))
    return around;
  return tensor::InsertSliceOp::create(builder, loc, x, around, low, sizes,
                                       strides);
}

Value Emitter::gatherRows(Value table, Value rows) {
  SmallVector<OpFoldResult> loops = sizesOf(*this, rows);
  int64_t column = loops.size();
  loops.push_back(size(table, 1));
  Value last = getValueOrCreateConstantIndexOp(
      builder, loc, subtract(size(table, 0), constant(1)));
  Operand numbers{rows, allLoops(column)};
  return generic(numbers, loops, allLoops(column + 1), elementType(table),
                 std::nullopt, [&](auto x, auto index) {
                   Scalar row =
                       scalar::convert(x[0], builder.getIndexType(), false);
                   row = scalar::max(row, row.constant(0));
                   row = scalar::min(row, row.with(last));
                   return row.template make<tensor::ExtractOp>(
                       table, ValueRange{row.value, index(column).value});
                 });
}
