//===- AssociativeScanDecompose.cpp - ssm.associative_scan as a loop ------===//

#include "dialects/ssm/AssociativeScanSteps.h"
#include "dialects/ssm/SsmStep.h"

using namespace mlir;
using namespace mlir::ssm;

SmallVector<Value> AssociativeScanSteps::take(ValueRange xs, Value now) {
  SmallVector<Value> elements;
  for (auto [x, axis, state] :
       llvm::zip_equal(xs, op.getAxes(), op.getStates())) {
    Value taken = d.slice(x, axis, now);
    if (element(taken) != element(state))
      taken = d.convert(taken, d.emptyLike(taken, element(state)));
    elements.push_back(castTo(b, loc, taken, state.getType()));
  }
  return elements;
}

SmallVector<Value> AssociativeScanSteps::put(ValueRange elements, ValueRange ys,
                                             Value now) {
  SmallVector<Value> next;
  for (auto [i, y] : llvm::zip_equal(kept, ys)) {
    Value value = elements[i];
    int64_t axis = op.getAxes()[i];
    Value into = d.slice(y, axis, now);
    Type stored =
        RankedTensorType::get(shaped(into).getShape(), element(value));
    next.push_back(
        d.insert(d.convert(castTo(b, loc, value, stored), into), y, axis, now));
  }
  return next;
}

SmallVector<Value> AssociativeScanSteps::combine(ValueRange earlier,
                                                 ValueRange later) {
  SmallVector<Value> arguments(earlier);
  llvm::append_range(arguments, later);
  SmallVector<Value> combined = cloneStep(b, loc, op.getStep(), arguments);
  for (auto [value, state] : llvm::zip_equal(combined, op.getStates()))
    value = castTo(b, loc, value, state.getType());
  return combined;
}

SmallVector<Value> AssociativeScanSteps::walk(ValueRange xs, ValueRange ys,
                                              ValueRange states, Value length,
                                              Value from) {
  SmallVector<Value> inits(ys);
  llvm::append_range(inits, states);
  auto step = [&](Value t, ValueRange carried) {
    Value now = d.at(t, length, op.getReverse());
    SmallVector<Value> last =
        combine(carried.drop_front(kept.size()), take(xs, now));
    SmallVector<Value> next = put(last, carried.take_front(kept.size()), now);
    llvm::append_range(next, last);
    return next;
  };
  return d.loop(length, inits, step, from);
}

FailureOr<SmallVector<Value>>
AssociativeScanOp::decomposeOperation(OpBuilder &b) {
  Decomposition d(b, getLoc());
  auto all = llvm::to_vector(llvm::seq<unsigned>(getXs().size()));
  AssociativeScanSteps steps(b, *this, all);
  return steps.walk(getXs(), getYs(), getStates(),
                    d.dim(getXs()[0], getAxes()[0]), d.constant(0));
}
