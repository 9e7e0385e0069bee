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
        Value state = s.write(d.slice(getK(), 1, now), d.slice(getV(), 1, now));
        Value y = s.readOut(state, d.slice(getQ(), 1, now),
                            d.slice(carried[0], 1, now));
        return {d.insert(y, carried[0], 1, now), state};
      });
}
