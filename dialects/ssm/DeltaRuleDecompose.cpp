//===- DeltaRuleDecompose.cpp - ssm.delta_rule step by step ---------------===//

#include "dialects/ssm/SsmMatrixState.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
/// One step, on the slices of time `now`.
struct DeltaStep {
  Decomposition &d;
  DeltaRuleOp op;
  Value now;
  Type type;

  Value slice(Value operand) { return d.slice(operand, 1, now); }

  /// What the state holds for a key: state^T key, B x H x P.
  Value retrieve(Value state, Value key) {
    Value like = d.emptyLike(slice(op.getV()), type);
    return MatrixState(d, state).readOut(state, key, like);
  }

  /// D + k (beta (v - D^T k))^T, where D is the state after its decay.
  Value correct(Value state) {
    MatrixState s(
        d, MatrixState(d, state).forget(op.getDecay(), op.getResets(), now));
    Value k = slice(op.getK());
    return d.map(
        {{k, s.key(k)},
         {slice(op.getV()), s.value()},
         {slice(op.getBeta()), s.head()},
         {retrieve(s.get(), k), s.value()},
         {s.get(), s.all()}},
        /*numOuts=*/1, /*numLoops=*/4, /*reductions=*/{},
        [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
          SmallVector<Value> in;
          for (Value arg : args)
            in.push_back(convertFloat(b, loc, arg, type));
          Value error = arith::SubFOp::create(b, loc, in[1], in[3]);
          error = arith::MulFOp::create(b, loc, in[2], error);
          Value change = arith::MulFOp::create(b, loc, in[0], error);
          return {arith::AddFOp::create(b, loc, in[4], change)};
        })[0];
  }

  /// diag(exp g) S + b (a^T S) + k v^T, with S before its decay.
  Value eraseAndWrite(Value state) {
    Value before = MatrixState(d, state).forget(Value(), op.getResets(), now);
    Value read = retrieve(before, slice(op.getA()));
    MatrixState s(d,
                  MatrixState(d, before).forget(op.getDecay(), Value(), now));
    Value k = slice(op.getK()), erase = slice(op.getB());
    return d.map(
        {{erase, s.key(erase)},
         {read, s.value()},
         {k, s.key(k)},
         {slice(op.getV()), s.value()},
         {s.get(), s.all()}},
        /*numOuts=*/1, /*numLoops=*/4, /*reductions=*/{},
        [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
          SmallVector<Value> in;
          for (Value arg : args)
            in.push_back(convertFloat(b, loc, arg, type));
          Value erased = arith::MulFOp::create(b, loc, in[0], in[1]);
          Value input = arith::MulFOp::create(b, loc, in[2], in[3]);
          Value sum = arith::AddFOp::create(b, loc, in[4], erased);
          return {arith::AddFOp::create(b, loc, sum, input)};
        })[0];
  }
};
} // namespace

FailureOr<SmallVector<Value>> DeltaRuleOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Decomposition d(b, getLoc());
  Type type = cast<ShapedType>(getState().getType()).getElementType();
  Value length = d.dim(getY(), 1);
  return d.loop(length, {getY(), getState()},
                [&](Value t, ValueRange carried) -> SmallVector<Value> {
                  Value now = d.at(t, length, getReverse());
                  DeltaStep step{d, *this, now, type};
                  Value state = getBeta() ? step.correct(carried[1])
                                          : step.eraseAndWrite(carried[1]);
                  Value y = MatrixState(d, state).readOut(
                      state, d.slice(getQ(), 1, now),
                      d.slice(carried[0], 1, now));
                  return {d.insert(y, carried[0], 1, now), state};
                });
}
