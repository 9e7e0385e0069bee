//===- ShortConvDecompose.cpp - ssm.short_conv as plain linalg ------------===//
//
// The state and the inputs are laid beside each other in the order of memory,
// so that every tap is a shifted read:
//
//   forward   p = state ++ x         y[t] += w[k] * p[t + k*dilation]
//   reverse   p = x ++ flip(state)   y[t] += w[k] * p[t + S - k*dilation]
//
// and the new state is what lies at the far end of p.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmDecomposition.h"

using namespace mlir;
using namespace mlir::ssm;

FailureOr<SmallVector<Value>> ShortConvOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Location loc = getLoc();
  Decomposition d(b, loc);
  bool reverse = getReverse();
  auto dilation = static_cast<int64_t>(getDilation());
  auto yType = cast<RankedTensorType>(getY().getType());
  auto stateType = cast<RankedTensorType>(getState().getType());
  int64_t tail = stateType.getDimSize(1);
  Type type = cast<ShapedType>(getW().getType()).getElementType();
  AffineExpr i, t, c, k;
  bindDims(b.getContext(), i, t, c, k);

  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> strides(3, one);
  SmallVector<OpFoldResult> xSizes = tensor::getMixedSizes(b, loc, getX());
  SmallVector<OpFoldResult> stateSizes =
      tensor::getMixedSizes(b, loc, getState());
  OpFoldResult length = xSizes[1];
  auto flip = [&](Value tensor, Value out) -> Value {
    AffineMap flipped =
        AffineMap::get(3, 0, {i, tail - 1 - t, c}, b.getContext());
    return d.map({{tensor, flipped}, {out, b.getMultiDimIdentityMap(3)}}, 1, 3,
                 {}, [](OpBuilder &, Location, ValueRange args) {
                   return SmallVector<Value>{args[0]};
                 })[0];
  };

  // p and the new state. Without a tail p is x.
  Value p = getX(), state = getState();
  if (tail > 0) {
    SmallVector<OpFoldResult> sizes = xSizes;
    if (std::optional<int64_t> known = getConstantIntValue(length)) {
      sizes[1] = b.getIndexAttr(*known + tail);
    } else {
      sizes[1] = arith::AddIOp::create(
                     b, loc, getValueOrCreateConstantIndexOp(b, loc, length),
                     d.constant(tail))
                     .getResult();
    }
    p = tensor::EmptyOp::create(b, loc, sizes, yType.getElementType());
    Value before = reverse
                       ? flip(state, d.emptyLike(state, yType.getElementType()))
                       : state;
    SmallVector<OpFoldResult> stateAt = {zero, reverse ? length : zero, zero};
    SmallVector<OpFoldResult> xAt = {
        zero, reverse ? zero : b.getIndexAttr(tail), zero};
    p = tensor::InsertSliceOp::create(b, loc, before, p, stateAt, stateSizes,
                                      strides);
    p = tensor::InsertSliceOp::create(b, loc, getX(), p, xAt, xSizes, strides);
    SmallVector<OpFoldResult> endAt = {zero, reverse ? zero : length, zero};
    Value end = tensor::ExtractSliceOp::create(b, loc, stateType, p, endAt,
                                               stateSizes, strides);
    state = reverse
                ? flip(end, state)
                : tensor::InsertSliceOp::create(
                      b, loc, end, state, SmallVector<OpFoldResult>(3, zero),
                      stateSizes, strides)
                      .getResult();
  }

  // The sum starts from the bias.
  Type outType = yType.getElementType();
  AffineMap identity = b.getMultiDimIdentityMap(3);
  Value sum = outType == type ? getY() : d.emptyLike(getY(), type);
  if (getBias())
    sum = d.map({{getBias(), d.dims(3, {2})}, {sum, identity}}, 1, 3, {},
                [](OpBuilder &, Location, ValueRange args) {
                  return SmallVector<Value>{args[0]};
                })[0];
  else
    sum = d.fillZero(sum);
  AffineExpr at = reverse ? t + tail - k * dilation : t + k * dilation;
  sum = d.map({{p, AffineMap::get(4, 0, {i, at, c}, b.getContext())},
               {getW(), d.dims(4, {2, 3})},
               {sum, d.dims(4, {0, 1, 2})}},
              1, 4, {3}, [&](OpBuilder &b, Location loc, ValueRange args) {
                Value x = convertFloat(b, loc, args[0], type);
                Value product = arith::MulFOp::create(b, loc, args[1], x);
                return SmallVector<Value>{
                    arith::AddFOp::create(b, loc, args[2], product)};
              })[0];
  if (getActivation() == Activation::None && outType == type)
    return SmallVector<Value>{sum, state};

  SmallVector<std::pair<Value, AffineMap>> operands = {{sum, identity}};
  if (outType != type)
    operands.push_back({getY(), identity});
  Value y = d.map(
      operands, 1, 3, {}, [&](OpBuilder &b, Location loc, ValueRange args) {
        Value value = args[0];
        if (getActivation() == Activation::Silu)
          value = silu(b, loc, value);
        return SmallVector<Value>{convertFloat(b, loc, value, outType)};
      })[0];
  return SmallVector<Value>{y, state};
}
