//===- QuasiseparableDecompose.cpp - ssm.quasiseparable as two loops ------===//
//
// A loop over time for each direction. A step reads the state before it takes
// in its own key and value; the first direction also writes the diagonal, the
// second adds to what the first has left.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmMatrixState.h"

using namespace mlir;
using namespace mlir::ssm;

FailureOr<SmallVector<Value>>
QuasiseparableOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Location loc = getLoc();
  Decomposition d(b, loc);
  Type type = widestFloat(*this);
  Value length = d.dim(getY(), 1);
  int64_t heads = cast<ShapedType>(getV().getType()).getDimSize(2);
  int64_t outputs = cast<ShapedType>(getY().getType()).getDimSize(2);
  auto size = [&](Value tensor, int64_t axis) {
    return tensor::getMixedSize(b, loc, tensor, axis);
  };
  Value none = d.fillZero(tensor::EmptyOp::create(
      b, loc,
      {size(getV(), 0), size(getV(), 2), size(getKf(), 3), size(getV(), 3)},
      type));
  bool sumInY = cast<ShapedType>(getY().getType()).getElementType() == type;
  Value sum = d.fillZero(sumInY ? getY() : d.emptyLike(getY(), type));
  enum { B, Y, P };
  AffineMap all = d.dims(3, {B, Y, P});

  // What a step adds to the slice of `sum`.
  auto accumulate = [&](Value read, Value into) {
    return d.map({{read, all}, {into, all}}, /*numOuts=*/1, /*numLoops=*/3,
                 /*reductions=*/{},
                 [](OpBuilder &b, Location loc, ValueRange args) {
                   return SmallVector<Value>{
                       arith::AddFOp::create(b, loc, args[0], args[1])};
                 })[0];
  };
  auto addDiagonal = [&](Value now, Value into) {
    return d.addProducts({{d.slice(getDiagonal(), 1, now),
                           d.sharedHeads(3, {B, Y}, outputs / heads)},
                          {d.slice(getV(), 1, now),
                           d.sharedHeads(3, {B, Y, P}, outputs / heads)},
                          {into, all}},
                         /*numLoops=*/3, /*reductions=*/{});
  };
  auto direction = [&](Value q, Value k, Value decay, bool backward,
                       Value sum) {
    auto step = [&](Value t, ValueRange carried) -> SmallVector<Value> {
      Value now = d.at(t, length, backward);
      // Forward, a sequence that begins here drops the state before this step;
      // backward it drops the state behind it.
      Value state = carried[1];
      if (!backward)
        state = MatrixState(d, state).forget(Value(), getResets(), now);
      Value into = d.slice(carried[0], 1, now);
      Value read = MatrixState(d, state).readOut(state, d.slice(q, 1, now),
                                                 d.emptyLike(into, type));
      into = accumulate(read, into);
      if (!backward && getDiagonal())
        into = addDiagonal(now, into);
      state = MatrixState(d, state).forget(decay, Value(), now);
      state = MatrixState(d, state).write(d.slice(k, 1, now),
                                          d.slice(getV(), 1, now));
      if (backward)
        state = MatrixState(d, state).forget(Value(), getResets(), now);
      return {d.insert(into, carried[0], 1, now), state};
    };
    return d.loop(length, {sum, none}, step)[0];
  };
  sum = direction(getQf(), getKf(), getGf(), /*backward=*/false, sum);
  sum = direction(getQb(), getKb(), getGb(), /*backward=*/true, sum);
  return SmallVector<Value>{d.convert(sum, getY())};
}
