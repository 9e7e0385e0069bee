//===- RecurrenceDecompose.cpp - ssm.recurrence as a loop -----------------===//

#include "dialects/ssm/SsmDecomposition.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::ssm;

static Value castTo(OpBuilder &b, Location loc, Value value, Type type) {
  if (value.getType() == type)
    return value;
  return tensor::CastOp::create(b, loc, type, value);
}

FailureOr<SmallVector<Value>> RecurrenceOp::decomposeOperation(OpBuilder &b) {
  Location loc = getLoc();
  Decomposition d(b, loc);
  Block &body = getStep().front();
  unsigned numXs = getXs().size(), numYs = getYs().size();
  ArrayRef<int64_t> axes = getAxes();
  Value length = d.dim(getOperand(0), axes[0]);

  auto step = [&](Value t, ValueRange carried) {
    ValueRange ys = carried.take_front(numYs);
    ValueRange states = carried.drop_front(numYs);
    IRMapping mapping;
    auto bind = [&](unsigned arg, Value value) {
      BlockArgument target = body.getArgument(arg);
      mapping.map(target, castTo(b, loc, value, target.getType()));
    };
    for (unsigned i = 0; i < numXs; ++i)
      bind(i, d.slice(getXs()[i], axes[i], d.at(t, length, isReversed(i))));
    for (auto [i, state] : llvm::enumerate(states))
      bind(numXs + i, state);
    for (Operation &op : body.without_terminator())
      b.clone(op, mapping);

    SmallVector<Value> yielded;
    for (Value value : body.getTerminator()->getOperands())
      yielded.push_back(mapping.lookupOrDefault(value));
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
