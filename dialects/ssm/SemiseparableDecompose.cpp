//===- SemiseparableDecompose.cpp - ssm.semiseparable step by step --------===//

#include "dialects/ssm/SsmMatrixState.h"

using namespace mlir;
using namespace mlir::ssm;

FailureOr<SmallVector<Value>>
SemiseparableOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Decomposition d(b, getLoc());
  Type type = cast<ShapedType>(getState().getType()).getElementType();
  Value length = d.dim(getY(), 1);
  return d.loop(length, {getY(), getState()},
                [&](Value t, ValueRange carried) -> SmallVector<Value> {
                  Value now = d.at(t, length, getReverse());
                  MatrixState s(d, carried[1]);
                  Value k = d.slice(getK(), 1, now);
                  Value state = d.map(
                      {{k, s.key(k)},
                       {d.slice(getV(), 1, now), s.value()},
                       {s.forget(getDecay(), getResets(), now), s.all()}},
                      /*numOuts=*/1, /*numLoops=*/4, /*reductions=*/{},
                      [&](OpBuilder &b, Location loc,
                          ValueRange args) -> SmallVector<Value> {
                        Value k = convertFloat(b, loc, args[0], type);
                        Value v = convertFloat(b, loc, args[1], type);
                        Value input = arith::MulFOp::create(b, loc, k, v);
                        return {arith::AddFOp::create(b, loc, args[2], input)};
                      })[0];
                  Value y = s.readOut(state, d.slice(getQ(), 1, now),
                                      d.slice(carried[0], 1, now));
                  return {d.insert(y, carried[0], 1, now), state};
                });
}
