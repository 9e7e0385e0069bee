//===- RecurrenceDecompose.cpp - ssm.recurrence as a loop -----------------===//

#include "dialects/ssm/SsmDecomposition.h"
#include "dialects/ssm/SsmStep.h"

using namespace mlir;
using namespace mlir::ssm;

FailureOr<SmallVector<Value>> RecurrenceOp::decomposeOperation(OpBuilder &b) {
  Location loc = getLoc();
  Decomposition d(b, loc);
  unsigned numXs = getXs().size(), numYs = getYs().size();
  ArrayRef<int64_t> axes = getAxes();
  Value length = d.dim(getOperand(0), axes[0]);

  auto step = [&](Value t, ValueRange carried) {
    ValueRange ys = carried.take_front(numYs);
    ValueRange states = carried.drop_front(numYs);
    SmallVector<Value> arguments;
    for (unsigned i = 0; i < numXs; ++i)
      arguments.push_back(
          d.slice(getXs()[i], axes[i], d.at(t, length, isReversed(i))));
    llvm::append_range(arguments, states);
    SmallVector<Value> yielded = cloneStep(b, loc, getStep(), arguments);
    SmallVector<Value> next;
    for (unsigned i = 0; i < numYs; ++i) {
      unsigned operand = numXs + i;
      Value y =
          castTo(b, loc, yielded[states.size() + i], getSliceType(operand));
      next.push_back(d.insert(y, ys[i], axes[operand],
                              d.at(t, length, isReversed(operand))));
    }
    for (auto [i, state] : llvm::enumerate(states))
      next.push_back(castTo(b, loc, yielded[i], state.getType()));
    return next;
  };
  return d.loop(length, getDpsInits(), step);
}
