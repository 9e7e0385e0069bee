//===- SemiseparableDecompose.cpp - ssm.semiseparable step by step --------===//

#include "dialects/ssm/SsmMatrixState.h"

using namespace mlir;
using namespace mlir::ssm;

FailureOr<SmallVector<Value>>
SemiseparableOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Decomposition d(b, getLoc());
  Value length = d.dim(getY(), 1);
  return d.loop(
      length, {getY(), getState()},
      [&](Value t, ValueRange carried) -> SmallVector<Value> {
        Value now = d.at(t, length, getReverse());
        MatrixState s(
            d, MatrixState(d, carried[1]).forget(getDecay(), getResets(), now));
        Value v = d.slice(getV(), 1, now), written = v;
        if (getScale())
          written = s.scaled(v, d.slice(getScale(), 1, now));
        Value state = s.write(d.slice(getK(), 1, now), written);
        Value q = d.slice(getQ(), 1, now), y = d.slice(carried[0], 1, now);
        y = getSkip() ? s.readOut(state, q, y, v, getSkip())
                      : s.readOut(state, q, y);
        return {d.insert(y, carried[0], 1, now), state};
      });
}
