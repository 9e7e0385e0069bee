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
// With resets, every position of p has the number of its sequence, 0 for those
// of the state. What is of another sequence than t counts as zero in y[t], and
// what is of another than the last input as zero in the new state.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmDecomposition.h"

using namespace mlir;
using namespace mlir::ssm;

static Value select(OpBuilder &b, Location loc, Value x, Value y, Value value) {
  Value zero =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(value.getType()));
  Value same = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y);
  return arith::SelectOp::create(b, loc, same, value, zero);
}

/// The number of the sequence that each position of p belongs to, B x (S + L).
static Value numberSequences(Decomposition &d, OpBuilder &b, ShortConvOp op,
                             OpFoldResult positions, int64_t tail) {
  Location loc = op.getLoc();
  bool reverse = op.getReverse();
  OpFoldResult batch = tensor::getMixedSize(b, loc, op.getX(), 0);
  Type type = b.getI32Type();
  Value numbers =
      d.fillZero(tensor::EmptyOp::create(b, loc, {batch, positions}, type));
  Value current = d.fillZero(tensor::EmptyOp::create(b, loc, {batch}, type));
  Value length = d.dim(op.getX(), 1);
  AffineMap all = d.dims(1, {0});
  return d.loop(
      length, {numbers, current},
      [&](Value t, ValueRange carried) -> SmallVector<Value> {
        Value now = d.at(t, length, reverse);
        Value number = d.map(
            {{d.slice(op.getResets(), 1, now), all}, {carried[1], all}},
            /*numOuts=*/1, /*numLoops=*/1, /*reductions=*/{},
            [&](OpBuilder &b, Location loc, ValueRange args) {
              Value step = arith::ExtUIOp::create(b, loc, type, args[0]);
              return SmallVector<Value>{addNumbers(b, loc, args[1], step)};
            })[0];
        Value at = now;
        if (!reverse)
          at = arith::AddIOp::create(b, loc, now, d.constant(tail));
        return {d.insert(number, carried[0], 1, at), number};
      })[0];
}

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

  // The end of p without what is not of its last sequence.
  auto keepLastSequence = [&](Value end, Value numbers,
                              OpFoldResult first) -> Value {
    Value from = getValueOrCreateConstantIndexOp(b, loc, first);
    Value last = from;
    if (!reverse)
      last = arith::AddIOp::create(b, loc, from, d.constant(tail - 1));
    Type rows =
        RankedTensorType::get({stateType.getDimSize(0), tail}, b.getI32Type());
    Value ofEnd = tensor::ExtractSliceOp::create(
        b, loc, cast<RankedTensorType>(rows), numbers,
        SmallVector<OpFoldResult>{zero, from},
        SmallVector<OpFoldResult>{stateSizes[0], stateSizes[1]},
        SmallVector<OpFoldResult>(2, one));
    return d.map({{ofEnd, d.dims(3, {0, 1})},
                  {d.slice(numbers, 1, last), d.dims(3, {0})},
                  {end, b.getMultiDimIdentityMap(3)},
                  {d.emptyLike(end, yType.getElementType()),
                   b.getMultiDimIdentityMap(3)}},
                 1, 3, {}, [](OpBuilder &b, Location loc, ValueRange args) {
                   return SmallVector<Value>{
                       select(b, loc, args[0], args[1], args[2])};
                 })[0];
  };

  // p and the new state. Without a tail p is x.
  Value p = getX(), state = getState(), numbers;
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
    if (getResets()) {
      numbers = numberSequences(d, b, *this, sizes[1], tail);
      end = keepLastSequence(end, numbers, endAt[1]);
    }
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
  SmallVector<std::pair<Value, AffineMap>> taps = {
      {p, AffineMap::get(4, 0, {i, at, c}, b.getContext())},
      {getW(), d.dims(4, {2, 3})}};
  if (numbers) {
    // A slice, since a loop has the extent of what it indexes by itself.
    SmallVector<OpFoldResult> from = {zero, b.getIndexAttr(reverse ? 0 : tail)};
    Value current = tensor::ExtractSliceOp::create(
        b, loc, numbers, from, SmallVector<OpFoldResult>{xSizes[0], xSizes[1]},
        SmallVector<OpFoldResult>(2, one));
    taps.push_back({numbers, AffineMap::get(4, 0, {i, at}, b.getContext())});
    taps.push_back({current, d.dims(4, {0, 1})});
  }
  taps.push_back({sum, d.dims(4, {0, 1, 2})});
  sum =
      d.map(taps, 1, 4, {3}, [&](OpBuilder &b, Location loc, ValueRange args) {
        Value x = args[0];
        if (numbers)
          x = select(b, loc, args[2], args[3], x);
        x = convertFloat(b, loc, x, type);
        Value product = arith::MulFOp::create(b, loc, args[1], x);
        return SmallVector<Value>{
            arith::AddFOp::create(b, loc, args.back(), product)};
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
