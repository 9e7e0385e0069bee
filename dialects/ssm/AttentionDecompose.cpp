//===- AttentionDecompose.cpp - ssm.attention with stored scores ----------===//
//
// For one query of all batch rows and heads, or for all queries at once: scores
// of all keys, those not seen -infinity; their maximum m; weights exp(s - m);
// their sum; the product with the values. Where nothing is seen m is taken as
// 0, so that weights are 0 and not NaN.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/AttentionMask.h"
#include "dialects/ssm/SsmDecomposition.h"
#include "dialects/ssm/SsmStrategy.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
using Args = ValueRange;
using Yield = SmallVector<Value>;

class Attention {
public:
  Attention(OpBuilder &b, AttentionOp op, bool atOnce)
      : b(b), loc(op.getLoc()), op(op), d(b, loc), atOnce(atOnce),
        type(cast<FloatType>(
            cast<ShapedType>(op.getLse().getType()).getElementType())) {}

  SmallVector<Value> build();

private:
  // Loops: batch, head, query, key, and one along what a head has. For one
  // query, i, there is none of queries.
  enum Loop { B, J, I, K, X };
  unsigned number(Loop loop) { return loop - (loop > I && !atOnce); }
  unsigned countTo(Loop last) { return number(last) + 1; }
  unsigned countHeads() { return countTo(atOnce ? I : J); }
  AffineMap of(Loop last, ArrayRef<Loop> loops);
  AffineMap ofRows(Loop last) { return of(last, {B, I, J}); }
  /// The part of an operand, B x L x .., for the query or queries.
  Value rows(Value tensor, Value i) {
    return atOnce ? tensor : d.slice(tensor, 1, i);
  }

  AffineMap ofKey(Value keys);
  Value getScale();
  Value constant(double value);
  Value infinity();

  Value getScores(Value i);
  std::pair<Value, AffineMap> getBias(Value i);
  Value mask(Value scores, Value i, Value shift);
  Value perHead(Value like, Value ofHead, Value otherwise);
  /// What y and lse are for query i, or for all.
  SmallVector<Value> attend(Value i, Value shift, Value y, Value lse);

  OpBuilder &b;
  Location loc;
  AttentionOp op;
  Decomposition d;
  bool atOnce;
  FloatType type;
};
} // namespace

/// The map from the loops up to `last` to `loops`.
AffineMap Attention::of(Loop last, ArrayRef<Loop> loops) {
  SmallVector<unsigned> dims;
  for (Loop loop : loops)
    if (loop != I || atOnce)
      dims.push_back(number(loop));
  return d.dims(std::max(countHeads(), countTo(last)), dims);
}

Value Attention::constant(double value) {
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

/// The map of all loops to keys or values.
AffineMap Attention::ofKey(Value keys) {
  int64_t heads = cast<ShapedType>(op.getQ().getType()).getDimSize(2);
  int64_t sharing = heads / cast<ShapedType>(keys.getType()).getDimSize(2);
  auto at = [&](Loop loop) { return b.getAffineDimExpr(number(loop)); };
  return AffineMap::get(countTo(X), 0,
                        {at(B), at(K), at(J).floorDiv(sharing), at(X)},
                        b.getContext());
}

Value Attention::getScale() {
  if (op.getScale())
    return constant(op.getScale()->convertToDouble());
  // The width is one of the op; a tensor may not say it yet.
  Value width =
      arith::IndexCastOp::create(b, loc, b.getI64Type(), d.dim(op.getQ(), 3));
  Value wide = arith::SIToFPOp::create(b, loc, b.getF64Type(), width);
  Value one = arith::ConstantOp::create(b, loc, b.getF64FloatAttr(1));
  Value root = math::SqrtOp::create(b, loc, wide);
  return convertFloat(b, loc, arith::DivFOp::create(b, loc, one, root), type);
}

/// q . k for every key, B x J (x L) x Lk.
Value Attention::getScores(Value i) {
  Value q = rows(op.getQ(), i);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, q);
  if (atOnce)
    std::swap(sizes[1], sizes[2]);
  sizes.back() = tensor::getMixedSize(b, loc, op.getK(), 1);
  Value zero = d.fillZero(tensor::EmptyOp::create(b, loc, sizes, type));
  return d.addProducts({{q, of(X, {B, I, J, X})},
                        {op.getK(), ofKey(op.getK())},
                        {zero, of(X, {B, J, I, K})}},
                       countTo(X), /*reductions=*/{number(X)});
}

/// The bias of the queries, its rank kept, and the map to it; extents of 1 are
/// repeated.
std::pair<Value, AffineMap> Attention::getBias(Value i) {
  Value bias = op.getBias();
  ArrayRef<int64_t> shape = cast<ShapedType>(bias.getType()).getShape();
  SmallVector<AffineExpr> exprs(4, b.getAffineConstantExpr(0));
  for (Loop loop : {B, J, I, K})
    if (shape[loop] != 1 && (loop != I || atOnce))
      exprs[loop] = b.getAffineDimExpr(number(loop));
  if (!atOnce) {
    SmallVector<OpFoldResult> offsets(4, b.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(4, b.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, bias);
    if (shape[I] != 1)
      offsets[I] = i;
    sizes[I] = b.getIndexAttr(1);
    bias =
        tensor::ExtractSliceOp::create(b, loc, bias, offsets, sizes, strides);
  }
  return {bias, AffineMap::get(countTo(K), 0, exprs, b.getContext())};
}

/// The scores of a query, which without positions stands at i + shift, as the
/// weights are made of: scaled, capped, biased, -infinity where not seen.
Value Attention::mask(Value scores, Value i, Value shift) {
  SmallVector<std::pair<Value, AffineMap>> operands;
  auto add = [&](Value value, ArrayRef<Loop> loops) {
    operands.push_back({value, of(K, loops)});
  };
  if (op.getBias())
    operands.push_back(getBias(i));
  if (op.getSlopes())
    add(op.getSlopes(), {J});
  if (op.getQuerySegments()) {
    add(rows(op.getQuerySegments(), i), {B, I});
    add(op.getKeySegments(), {B, K});
  }
  if (op.getQueryPositions()) {
    add(rows(op.getQueryPositions(), i), {B, I});
    add(op.getKeyPositions(), {B, K});
  }
  if (op.getPrefix())
    add(op.getPrefix(), {B});
  add(scores, {B, J, I, K});
  Value scale = getScale();
  auto getPosition = [&](OpBuilder &b, Value i) -> Value {
    return arith::IndexCastOp::create(b, loc, b.getI64Type(),
                                      arith::AddIOp::create(b, loc, i, shift));
  };
  Value at = atOnce ? Value() : getPosition(b, i);
  return d.map(
      operands, /*numOuts=*/1, countTo(K), /*reductions=*/{},
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
          Value cap = constant(op.getSoftcap()->convertToDouble());
          Value part = arith::DivFOp::create(b, loc, score, cap);
          score = arith::MulFOp::create(b, loc, cap,
                                        math::TanhOp::create(b, loc, part));
        }
        // Whether segments and bias let the query see the key: adding
        // -infinity would not hide a score that is no number.
        Value shown;
        auto both = [&](Value x, Value y) -> Value {
          return x && y ? Value(arith::AndIOp::create(b, loc, x, y))
                 : x    ? x
                        : y;
        };
        if (op.getBias()) {
          Value bias = convertFloat(b, loc, next(), type);
          score = arith::AddFOp::create(b, loc, score, bias);
          shown = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, bias,
                                        infinity());
        }
        Value slope;
        if (op.getSlopes())
          slope = convertFloat(b, loc, next(), type);
        if (op.getQuerySegments()) {
          Value ofQuery = nextInteger(), ofKey = nextInteger();
          shown = both(shown,
                       arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                             ofQuery, ofKey));
        }
        Value queryAt = at, keyAt;
        if (op.getQueryPositions()) {
          queryAt = nextInteger();
          keyAt = nextInteger();
        } else {
          if (atOnce)
            queryAt = getPosition(b, linalg::IndexOp::create(b, loc, I));
          keyAt = arith::IndexCastOp::create(
              b, loc, b.getI64Type(),
              linalg::IndexOp::create(b, loc, number(K)));
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
        seen = both(seen, shown);
        if (seen)
          score = arith::SelectOp::create(b, loc, seen, score, infinity());
        return {score};
      })[0];
}

/// As lse is: `ofHead` where it is given, else `otherwise`.
Value Attention::perHead(Value like, Value ofHead, Value otherwise) {
  if (!ofHead)
    return linalg::FillOp::create(b, loc, otherwise, like).getResult(0);
  return d.map({{ofHead, of(J, {J})}, {like, ofRows(J)}},
               /*numOuts=*/1, countHeads(), /*reductions=*/{},
               [&](OpBuilder &b, Location loc, Args args) -> Yield {
                 return {convertFloat(b, loc, args[0], type)};
               })[0];
}

SmallVector<Value> Attention::attend(Value i, Value shift, Value y, Value lse) {
  AffineMap ofHead = ofRows(K), ofScore = of(K, {B, J, I, K});
  // Loops along y take that of keys for what a head has.
  AffineMap ofValue = of(K, {B, I, J, K}), each = ofRows(J);
  unsigned numHeads = countHeads(), numScores = countTo(K);
  Value scores = mask(getScores(i), i, shift);
  Value most = d.map(
      {{scores, ofScore}, {perHead(lse, op.getSinks(), infinity()), ofHead}}, 1,
      numScores, {number(K)},
      [](OpBuilder &b, Location loc, Args args) -> Yield {
        return {arith::MaximumFOp::create(b, loc, args[0], args[1])};
      })[0];
  Value none = infinity(), zero = constant(0);
  most =
      d.map({{most, each}}, 1, numHeads, {},
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
  Value weights = d.map(
      {{scores, ofScore}, {most, ofHead}, {d.emptyLike(scores, type), ofScore}},
      1, numScores, {}, [&](OpBuilder &b, Location loc, Args args) -> Yield {
        return {weigh(b, loc, args[0], args[1])};
      })[0];
  Value first = d.emptyLike(lse, type);
  if (op.getSinks())
    first = d.map({{op.getSinks(), of(J, {J})}, {most, each}, {first, each}}, 1,
                  numHeads, {},
                  [&](OpBuilder &b, Location loc, Args args) -> Yield {
                    Value sink = convertFloat(b, loc, args[0], type);
                    return {weigh(b, loc, sink, args[1])};
                  })[0];
  else
    first = d.fillZero(first);
  Value sum =
      d.map({{weights, ofScore}, {first, ofHead}}, 1, numScores, {number(K)},
            [](OpBuilder &b, Location loc, Args args) -> Yield {
              return {arith::AddFOp::create(b, loc, args[1], args[0])};
            })[0];

  // A key that is not seen gives nothing, whatever its value is.
  Value product =
      d.map({{scores, of(X, {B, J, I, K})},
             {weights, of(X, {B, J, I, K})},
             {op.getV(), ofKey(op.getV())},
             {d.fillZero(d.emptyLike(y, type)), of(X, {B, I, J, X})}},
            1, countTo(X), {number(K)},
            [&](OpBuilder &b, Location loc, Args args) -> Yield {
              Value v = convertFloat(b, loc, args[2], type);
              Value isNone = arith::CmpFOp::create(
                  b, loc, arith::CmpFPredicate::OEQ, args[0], none);
              Value part = arith::MulFOp::create(b, loc, args[1], v);
              part = arith::SelectOp::create(b, loc, isNone, zero, part);
              return {arith::AddFOp::create(b, loc, args[3], part)};
            })[0];
  Type yType = cast<ShapedType>(y.getType()).getElementType();
  y = d.map({{product, ofValue}, {sum, ofHead}, {y, ofValue}}, 1, numScores, {},
            [&](OpBuilder &b, Location loc, Args args) -> Yield {
              Value isNone = arith::CmpFOp::create(
                  b, loc, arith::CmpFPredicate::OEQ, args[1], zero);
              Value mean = arith::DivFOp::create(b, loc, args[0], args[1]);
              mean = arith::SelectOp::create(b, loc, isNone, zero, mean);
              return {convertFloat(b, loc, mean, yType)};
            })[0];
  lse = d.map({{most, each}, {sum, each}, {lse, each}}, 1, numHeads, {},
              [](OpBuilder &b, Location loc, Args args) -> Yield {
                Value log = math::LogOp::create(b, loc, args[1]);
                return {arith::AddFOp::create(b, loc, args[0], log)};
              })[0];
  return {y, lse};
}

SmallVector<Value> Attention::build() {
  Value numQueries = d.dim(op.getQ(), 1);
  Value shift = arith::SubIOp::create(b, loc, d.dim(op.getK(), 1), numQueries);
  if (atOnce)
    return attend({}, shift, op.getY(), op.getLse());
  auto step = [&](Value i, ValueRange carried) -> SmallVector<Value> {
    SmallVector<Value> rows =
        attend(i, shift, d.slice(carried[0], 1, i), d.slice(carried[1], 1, i));
    return {d.insert(rows[0], carried[0], 1, i),
            d.insert(rows[1], carried[1], 1, i)};
  };
  return d.loop(numQueries, {op.getY(), op.getLse()}, step);
}

FailureOr<SmallVector<Value>> AttentionOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  return Attention(b, *this, /*atOnce=*/false).build();
}

SmallVector<Value> mlir::ssm::lowerAtOnce(OpBuilder &b, AttentionOp op) {
  return Attention(b, op, /*atOnce=*/true).build();
}
