//===- LongConvStrategies.cpp - ssm.long_conv by strategy fft -------------===//
//
// What a transform knows is a sequence with zeros around it. A past is put in
// front of it. On a ring a lag and the same one L later are equal, so that the
// kernel becomes one of L lags, and those of what comes later are its last
// ones.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/LongConvStrategies.h"

#include "dialects/ssm/SsmDecomposition.h"
#include "dialects/ssm/SsmStrategy.h"

using namespace mlir;
using namespace mlir::ssm;

/// The op on other operands, without a state, no ring; it carries the strategy.
static Value convolve(OpBuilder &b, LongConvOp op, Value x, Value k,
                      Value ahead, Value y) {
  auto conv = LongConvOp::create(b, op.getLoc(), y.getType(), x, k, ahead, y,
                                 /*state=*/Value(), /*circular=*/false);
  conv->setAttr(kStrategyAttr, getStrategy(op));
  return conv->getResult(0);
}

static SmallVector<Value> joinPast(OpBuilder &b, LongConvOp op) {
  Location loc = op.getLoc();
  Decomposition d(b, loc);
  Value x = op.getX(), state = op.getState();
  OpFoldResult zero = b.getIndexAttr(0);
  Value past = d.dim(state, 1), length = d.dim(x, 1);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, x);
  sizes[1] = arith::AddIOp::create(b, loc, past, length).getResult();
  Type type = cast<ShapedType>(x.getType()).getElementType();
  Piece before{zero, getAsOpFoldResult(past)};
  Piece own{before.size, getAsOpFoldResult(length)};
  Value known = tensor::EmptyOp::create(b, loc, sizes, type);
  known = d.insertPart(state, known, 1, before);
  known = d.insertPart(x, known, 1, own);
  Value y = convolve(b, op, known, op.getK(), {},
                     tensor::EmptyOp::create(b, loc, sizes, type));
  Value end = d.part(known, 1, {own.size, before.size});
  end = tensor::CastOp::create(b, loc, state.getType(), end);
  y = tensor::CastOp::create(b, loc, op.getY().getType(), d.part(y, 1, own));
  return {y, d.insertPart(end, state, 1, before)};
}

namespace {
/// The kernel of a ring, (B x) L x D.
struct RingKernel {
  OpBuilder &b;
  Location loc;
  Decomposition d;
  Value length;

  /// `sum` and, where `kernel` has them, its lags that are equal on the ring:
  /// those behind j or, for what comes later, L - 1 - j.
  Value add(Value sum, Value kernel, bool isAhead);
  /// The lags L - 1, L - 2, ...
  Value flip(Value kernel);
};
} // namespace

Value RingKernel::add(Value sum, Value kernel, bool isAhead) {
  auto type = cast<FloatType>(cast<ShapedType>(sum.getType()).getElementType());
  unsigned rank = cast<ShapedType>(sum.getType()).getRank();
  unsigned ownRank = cast<ShapedType>(kernel.getType()).getRank();
  Value width = d.dim(kernel, ownRank - 2);
  Value one = d.constant(1);
  Value atLeastOne = arith::MaxUIOp::create(b, loc, length, one);
  Value rounds = arith::CeilDivUIOp::create(b, loc, width, atLeastOne);
  // An operand that has the extent of the loop over them.
  Value loop = tensor::EmptyOp::create(
      b, loc, SmallVector<OpFoldResult>{getAsOpFoldResult(rounds)},
      b.getI1Type());
  auto body = [&](OpBuilder &b, Location loc,
                  ValueRange args) -> SmallVector<Value> {
    SmallVector<Value> indices;
    for (unsigned i = rank - ownRank; i < rank; ++i)
      indices.push_back(linalg::IndexOp::create(b, loc, i));
    Value at = indices[ownRank - 2];
    if (isAhead) {
      at = arith::SubIOp::create(b, loc, length, at);
      at = arith::SubIOp::create(b, loc, at, one);
    }
    Value turn = linalg::IndexOp::create(b, loc, rank);
    at = arith::AddIOp::create(b, loc, at,
                               arith::MulIOp::create(b, loc, turn, length));
    Value exists =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, at, width);
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
    indices[ownRank - 2] = arith::SelectOp::create(
        b, loc, exists, at, arith::ConstantIndexOp::create(b, loc, 0));
    Value value = tensor::ExtractOp::create(b, loc, kernel, indices);
    value = arith::SelectOp::create(b, loc, exists, value, zero);
    return {arith::AddFOp::create(b, loc, args[1], value)};
  };
  auto ofSum = llvm::to_vector(llvm::seq(0u, rank));
  return d.map(
      {{loop, d.dims(rank + 1, {rank})}, {sum, d.dims(rank + 1, ofSum)}},
      /*numOuts=*/1, rank + 1, /*reductions=*/{rank}, body)[0];
}

Value RingKernel::flip(Value kernel) {
  auto type = cast<ShapedType>(kernel.getType());
  unsigned rank = type.getRank();
  auto body = [&](OpBuilder &b, Location loc,
                  ValueRange) -> SmallVector<Value> {
    SmallVector<Value> indices;
    for (unsigned i = 0; i < rank; ++i)
      indices.push_back(linalg::IndexOp::create(b, loc, i));
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    Value at = arith::SubIOp::create(b, loc, length, indices[rank - 2]);
    indices[rank - 2] = arith::SubIOp::create(b, loc, at, one);
    return {tensor::ExtractOp::create(b, loc, kernel, indices)};
  };
  return d.map({{d.emptyLike(kernel, type.getElementType()),
                 b.getMultiDimIdentityMap(rank)}},
               /*numOuts=*/1, rank, /*reductions=*/{}, body)[0];
}

static Value openRing(OpBuilder &b, LongConvOp op) {
  Location loc = op.getLoc();
  Decomposition d(b, loc);
  RingKernel ring{b, loc, d, d.dim(op.getX(), 1)};
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, op.getX());
  auto hasRows = [](Value kernel) {
    return kernel && cast<ShapedType>(kernel.getType()).getRank() == 3;
  };
  if (!hasRows(op.getK()) && !hasRows(op.getAhead()))
    sizes.erase(sizes.begin());
  Value kernel = d.fillZero(tensor::EmptyOp::create(
      b, loc, sizes, cast<ShapedType>(op.getK().getType()).getElementType()));
  kernel = ring.add(kernel, op.getK(), /*isAhead=*/false);
  if (op.getAhead())
    kernel = ring.add(kernel, op.getAhead(), /*isAhead=*/true);
  return convolve(b, op, op.getX(), kernel, ring.flip(kernel), op.getY());
}

SmallVector<Value> mlir::ssm::lowerByFft(OpBuilder &b, LongConvOp op) {
  if (op.getState())
    return joinPast(b, op);
  if (op.getCircular())
    return {openRing(b, op)};
  return {lowerByTransforms(b, op)};
}
