//===- SsmMatrixState.cpp - reference steps of a matrix state -------------===//

#include "dialects/ssm/SsmMatrixState.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
enum { B, H, N, P };
} // namespace

static int64_t numHeads(Value slice) {
  return cast<ShapedType>(slice.getType()).getDimSize(1);
}

MatrixState::MatrixState(Decomposition &d, Value state)
    : d(d), state(state),
      type(cast<ShapedType>(state.getType()).getElementType()) {}

AffineMap MatrixState::all() { return d.dims(4, {B, H, N, P}); }
AffineMap MatrixState::value() { return d.dims(4, {B, H, P}); }
AffineMap MatrixState::head() { return d.dims(4, {B, H}); }
AffineMap MatrixState::key(Value slice) {
  return d.sharedHeads(4, {B, H, N}, numHeads(state) / numHeads(slice));
}

Value MatrixState::forget(Value decay, Value resets, Value now) {
  if (!decay && !resets)
    return state;
  SmallVector<std::pair<Value, AffineMap>> operands;
  if (decay) {
    int64_t rank = cast<ShapedType>(decay.getType()).getRank();
    if (rank > 2)
      decay = d.slice(decay, 1, now);
    const AffineMap maps[] = {d.dims(4, {H}), d.dims(4, {H, N}), head(),
                              d.dims(4, {B, H, N})};
    operands.push_back({exponential(decay), maps[rank - 1]});
  }
  if (resets)
    operands.push_back({d.slice(resets, 1, now), d.dims(4, {B})});
  operands.push_back({state, all()});
  return d.map(
      operands, /*numOuts=*/1, /*numLoops=*/4, /*reductions=*/{},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value value = args.back();
        if (resets) {
          Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
          value = arith::SelectOp::create(b, loc, args.drop_back().back(), zero,
                                          value);
        }
        if (decay)
          value = arith::MulFOp::create(b, loc, args[0], value);
        return {value};
      })[0];
}

/// Once for each decay, not for each element of the state that it scales.
Value MatrixState::exponential(Value decay) {
  unsigned rank = cast<ShapedType>(decay.getType()).getRank();
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(rank, type.getContext());
  return d.map({{decay, identity}, {d.emptyLike(decay, type), identity}},
               /*numOuts=*/1, rank, /*reductions=*/{},
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 Value g = convertFloat(b, loc, args[0], type);
                 return SmallVector<Value>{math::ExpOp::create(b, loc, g)};
               })[0];
}

Value MatrixState::write(Value k, Value v) {
  return d.addProducts({{k, key(k)}, {v, value()}, {state, all()}},
                       /*numLoops=*/4, /*reductions=*/{});
}

Value MatrixState::scaled(Value v, Value scale) {
  AffineMap all = d.dims(3, {0, 1, 2});
  return d.multiply(
      {{scale, d.dims(3, {0, 1})}, {v, all}, {d.emptyLike(v, type), all}}, 3);
}

/// In the element type of the state.
Value MatrixState::read(Value state, Value q, Value y) {
  enum { Y = 1, P = 2, N = 3 };
  Type yType = cast<ShapedType>(y.getType()).getElementType();
  int64_t outputs = numHeads(y);
  Value zero = d.fillZero(yType == type ? y : d.emptyLike(y, type));
  return d.addProducts(
      {{q, d.sharedHeads(4, {B, Y, N}, outputs / numHeads(q))},
       {state, d.sharedHeads(4, {B, Y, N, P}, outputs / numHeads(state))},
       {zero, d.dims(4, {B, Y, P})}},
      /*numLoops=*/4, /*reductions=*/{N});
}

Value MatrixState::readOut(Value state, Value q, Value y) {
  return d.convert(read(state, q, y), y);
}

Value MatrixState::readOut(Value state, Value q, Value y, Value v, Value skip) {
  Value sum = read(state, q, y);
  int64_t sharing = numHeads(y) / numHeads(v);
  sum = d.addProducts({{skip, d.sharedHeads(3, {0, 1}, sharing).getSubMap({1})},
                       {v, d.sharedHeads(3, {0, 1, 2}, sharing)},
                       {sum, d.dims(3, {0, 1, 2})}},
                      /*numLoops=*/3, /*reductions=*/{});
  return d.convert(sum, y);
}
