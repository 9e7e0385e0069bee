//===- AttentionDecompose.cpp - ssm.attention query by query --------------===//
//
// For one query of all batch rows and heads: scores of all keys, those not seen
// -infinity; their maximum m; weights exp(s - m); their sum; the product with
// the values. Where nothing is seen m is taken as 0, so that weights are 0 and
// not NaN.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/AttentionMask.h"
#include "dialects/ssm/SsmDecomposition.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
using Args = ValueRange;
using Yield = SmallVector<Value>;

class Attention {
public:
  Attention(OpBuilder &b, AttentionOp op)
      : b(b), loc(op.getLoc()), op(op), d(b, loc),
        type(cast<FloatType>(
            cast<ShapedType>(op.getLse().getType()).getElementType())) {}

  SmallVector<Value> build();

private:
  // Loops of the parts: batch, head, key, and a fourth.
  enum { B, J, K, X };
  AffineMap ofKey(Value keys);
  Value getScale();
  Value number(double value);
  Value infinity();

  Value getScores(Value i);
  Value getBias(Value i);
  Value mask(Value scores, Value i, Value shift);
  Value perHead(Value like, Value ofHead, Value otherwise);

  OpBuilder &b;
  Location loc;
  AttentionOp op;
  Decomposition d;
  FloatType type;
};
} // namespace

Value Attention::number(double value) {
  // In double precision until used, which the evaluator keeps.
  Value wide = arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value));
  return convertFloat(b, loc, wide, type);
}
Value Attention::infinity() {
  return arith::ConstantOp::create(
      b, loc,
      b.getFloatAttr(type, APFloat::getInf(type.getFloatSemantics(),
                                           /*Negative=*/true)));
}

/// The map to keys or values of the loops above, the fourth in each head.
AffineMap Attention::ofKey(Value keys) {
  int64_t heads = cast<ShapedType>(op.getQ().getType()).getDimSize(2);
  int64_t sharing = heads / cast<ShapedType>(keys.getType()).getDimSize(2);
  AffineExpr batch, head, key, last;
  bindDims(b.getContext(), batch, head, key, last);
  return AffineMap::get(4, 0, {batch, key, head.floorDiv(sharing), last},
                        b.getContext());
}

Value Attention::getScale() {
  if (op.getScale())
    return number(op.getScale()->convertToDouble());
  // The width is one of the op; a tensor may not say it yet.
  Value width =
      arith::IndexCastOp::create(b, loc, b.getI64Type(), d.dim(op.getQ(), 3));
  Value wide = arith::SIToFPOp::create(b, loc, b.getF64Type(), width);
  Value one = arith::ConstantOp::create(b, loc, b.getF64FloatAttr(1));
  Value root = math::SqrtOp::create(b, loc, wide);
  return convertFloat(b, loc, arith::DivFOp::create(b, loc, one, root), type);
}

/// q . k for every key, B x J x Lk.
Value Attention::getScores(Value i) {
  Value q = d.slice(op.getQ(), 1, i);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, q);
  sizes[2] = tensor::getMixedSize(b, loc, op.getK(), 1);
  Value zero = d.fillZero(tensor::EmptyOp::create(b, loc, sizes, type));
  return d.addProducts({{q, d.dims(4, {B, J, X})},
                        {op.getK(), ofKey(op.getK())},
                        {zero, d.dims(4, {B, J, K})}},
                       /*numLoops=*/4, /*reductions=*/{X});
}

/// The bias of query i, its rank kept, and the map to it; extents of 1 are
/// repeated.
static std::pair<Value, AffineMap> biasOf(OpBuilder &b, Location loc,
                                          Value bias, Value i) {
  ArrayRef<int64_t> shape = cast<ShapedType>(bias.getType()).getShape();
  SmallVector<AffineExpr> exprs(4, b.getAffineConstantExpr(0));
  constexpr unsigned axes[] = {0, 1, 3};
  for (auto [loop, axis] : llvm::enumerate(axes))
    if (shape[axis] != 1)
      exprs[axis] = b.getAffineDimExpr(loop);
  SmallVector<OpFoldResult> offsets(4, b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(4, b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, bias);
  if (shape[2] != 1)
    offsets[2] = i;
  sizes[2] = b.getIndexAttr(1);
  Value row =
      tensor::ExtractSliceOp::create(b, loc, bias, offsets, sizes, strides);
  return {row, AffineMap::get(3, 0, exprs, b.getContext())};
}

/// The scores of query i, which without positions stands at i + shift, as the
/// weights are made of: scaled, capped, biased, -infinity where not seen.
Value Attention::mask(Value scores, Value i, Value shift) {
  SmallVector<std::pair<Value, AffineMap>> operands;
  auto add = [&](Value value, ArrayRef<unsigned> dims) {
    operands.push_back({value, d.dims(3, dims)});
  };
  if (op.getBias())
    operands.push_back(biasOf(b, loc, op.getBias(), i));
  if (op.getSlopes())
    add(op.getSlopes(), {J});
  if (op.getQuerySegments()) {
    add(d.slice(op.getQuerySegments(), 1, i), {B});
    add(op.getKeySegments(), {B, K});
  }
  if (op.getQueryPositions()) {
    add(d.slice(op.getQueryPositions(), 1, i), {B});
    add(op.getKeyPositions(), {B, K});
  }
  if (op.getPrefix())
    add(op.getPrefix(), {B});
  add(scores, {B, J, K});
  Value scale = getScale();
  Value at = arith::IndexCastOp::create(
      b, loc, b.getI64Type(), arith::AddIOp::create(b, loc, i, shift));
  return d.map(
      operands, /*numOuts=*/1, /*numLoops=*/3, /*reductions=*/{},
      [&](OpBuilder &nested, Location loc, Args args) -> Yield {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(nested.getInsertionBlock(),
                            nested.getInsertionPoint());
        Value score = arith::MulFOp::create(b, loc, args.back(), scale);
        auto next = [&]() {
          Value arg = args.front();
          args = args.drop_front();
          return arg;
        };
        auto nextInteger = [&]() -> Value {
          Value arg = next();
          return arg.getType().isInteger(64)
                     ? arg
                     : arith::ExtSIOp::create(b, loc, b.getI64Type(), arg);
        };
        if (op.getSoftcap()) {
          Value cap = number(op.getSoftcap()->convertToDouble());
          Value part = arith::DivFOp::create(b, loc, score, cap);
          score = arith::MulFOp::create(b, loc, cap,
                                        math::TanhOp::create(b, loc, part));
        }
        if (op.getBias())
          score = arith::AddFOp::create(b, loc, score,
                                        convertFloat(b, loc, next(), type));
        Value slope;
        if (op.getSlopes())
          slope = convertFloat(b, loc, next(), type);
        Value same;
        if (op.getQuerySegments()) {
          Value ofQuery = nextInteger(), ofKey = nextInteger();
          same = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                       ofQuery, ofKey);
        }
        Value queryAt = at, keyAt;
        if (op.getQueryPositions()) {
          queryAt = nextInteger();
          keyAt = nextInteger();
        } else {
          keyAt = arith::IndexCastOp::create(
              b, loc, b.getI64Type(), linalg::IndexOp::create(b, loc, K));
        }
        if (slope) {
          Value away = arith::SIToFPOp::create(
              b, loc, type, arith::SubIOp::create(b, loc, queryAt, keyAt));
          away = math::AbsFOp::create(b, loc, away);
          score = arith::SubFOp::create(
              b, loc, score, arith::MulFOp::create(b, loc, slope, away));
        }
        Value prefix = op.getPrefix() ? nextInteger() : Value();
        Value seen = buildIsSeen(b, loc, op, queryAt, keyAt, prefix);
        if (same)
          seen = seen ? Value(arith::AndIOp::create(b, loc, seen, same)) : same;
        if (seen)
          score = arith::SelectOp::create(b, loc, seen, score, infinity());
        return {score};
      })[0];
}

/// B x J: `ofHead` where it is given, else `otherwise`.
Value Attention::perHead(Value like, Value ofHead, Value otherwise) {
  if (!ofHead)
    return linalg::FillOp::create(b, loc, otherwise, like).getResult(0);
  return d.map({{ofHead, d.dims(2, {J})}, {like, d.dims(2, {B, J})}},
               /*numOuts=*/1, /*numLoops=*/2, /*reductions=*/{},
               [&](OpBuilder &b, Location loc, Args args) -> Yield {
                 return {convertFloat(b, loc, args[0], type)};
               })[0];
}

SmallVector<Value> Attention::build() {
  Value numQueries = d.dim(op.getQ(), 1);
  Value shift = arith::SubIOp::create(b, loc, d.dim(op.getK(), 1), numQueries);
  AffineMap ofHead = d.dims(3, {B, J}), ofScore = d.dims(3, {B, J, K});
  auto step = [&](Value i, ValueRange carried) -> SmallVector<Value> {
    Value scores = mask(getScores(i), i, shift);
    Value lse = d.slice(carried[1], 1, i);
    Value most = d.map(
        {{scores, ofScore}, {perHead(lse, op.getSinks(), infinity()), ofHead}},
        1, 3, {K}, [](OpBuilder &b, Location loc, Args args) -> Yield {
          return {arith::MaximumFOp::create(b, loc, args[0], args[1])};
        })[0];
    Value none = infinity(), zero = number(0);
    most =
        d.map({{most, d.dims(2, {B, J})}}, 1, 2, {},
              [&](OpBuilder &b, Location loc, Args args) -> Yield {
                Value isNone = arith::CmpFOp::create(
                    b, loc, arith::CmpFPredicate::OEQ, args[0], none);
                return {arith::SelectOp::create(b, loc, isNone, zero, args[0])};
              })[0];
    auto weigh = [&](OpBuilder &b, Location loc, Value score,
                     Value most) -> Value {
      return math::ExpOp::create(b, loc,
                                 arith::SubFOp::create(b, loc, score, most));
    };
    Value weights =
        d.map({{scores, ofScore},
               {most, ofHead},
               {d.emptyLike(scores, type), ofScore}},
              1, 3, {}, [&](OpBuilder &b, Location loc, Args args) -> Yield {
                return {weigh(b, loc, args[0], args[1])};
              })[0];
    Value first = d.emptyLike(lse, type);
    if (op.getSinks())
      first =
          d.map({{op.getSinks(), d.dims(2, {J})},
                 {most, d.dims(2, {B, J})},
                 {first, d.dims(2, {B, J})}},
                1, 2, {}, [&](OpBuilder &b, Location loc, Args args) -> Yield {
                  Value sink = convertFloat(b, loc, args[0], type);
                  return {weigh(b, loc, sink, args[1])};
                })[0];
    else
      first = d.fillZero(first);
    Value sum =
        d.map({{weights, ofScore}, {first, ofHead}}, 1, 3, {K},
              [](OpBuilder &b, Location loc, Args args) -> Yield {
                return {arith::AddFOp::create(b, loc, args[1], args[0])};
              })[0];

    // A key that is not seen gives nothing, whatever its value is.
    Value y = d.slice(carried[0], 1, i);
    Value product =
        d.map({{scores, d.dims(4, {B, J, K})},
               {weights, d.dims(4, {B, J, K})},
               {op.getV(), ofKey(op.getV())},
               {d.fillZero(d.emptyLike(y, type)), d.dims(4, {B, J, X})}},
              1, 4, {K}, [&](OpBuilder &b, Location loc, Args args) -> Yield {
                Value v = convertFloat(b, loc, args[2], type);
                Value isNone = arith::CmpFOp::create(
                    b, loc, arith::CmpFPredicate::OEQ, args[0], none);
                Value part = arith::MulFOp::create(b, loc, args[1], v);
                part = arith::SelectOp::create(b, loc, isNone, zero, part);
                return {arith::AddFOp::create(b, loc, args[3], part)};
              })[0];
    Type yType = cast<ShapedType>(y.getType()).getElementType();
    y = d.map({{product, ofScore}, {sum, ofHead}, {y, ofScore}}, 1, 3, {},
              [&](OpBuilder &b, Location loc, Args args) -> Yield {
                Value isNone = arith::CmpFOp::create(
                    b, loc, arith::CmpFPredicate::OEQ, args[1], zero);
                Value mean = arith::DivFOp::create(b, loc, args[0], args[1]);
                mean = arith::SelectOp::create(b, loc, isNone, zero, mean);
                return {convertFloat(b, loc, mean, yType)};
              })[0];
    AffineMap all = d.dims(2, {B, J});
    lse = d.map({{most, all}, {sum, all}, {lse, all}}, 1, 2, {},
                [](OpBuilder &b, Location loc, Args args) -> Yield {
                  Value log = math::LogOp::create(b, loc, args[1]);
                  return {arith::AddFOp::create(b, loc, args[0], log)};
                })[0];
    return {d.insert(y, carried[0], 1, i), d.insert(lse, carried[1], 1, i)};
  };
  return d.loop(numQueries, {op.getY(), op.getLse()}, step);
}

FailureOr<SmallVector<Value>> AttentionOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  return Attention(b, *this).build();
}
