//===- AssociativeScanDecompose.cpp - ssm.associative_scan as a loop ------===//

#include "dialects/ssm/SsmDecomposition.h"
#include "dialects/ssm/SsmStep.h"

using namespace mlir;
using namespace mlir::ssm;

FailureOr<SmallVector<Value>>
AssociativeScanOp::decomposeOperation(OpBuilder &b) {
  Location loc = getLoc();
  Decomposition d(b, loc);
  size_t count = getXs().size();
  ArrayRef<int64_t> axes = getAxes();
  Value length = d.dim(getXs()[0], axes[0]);

  auto step = [&](Value t, ValueRange carried) {
    Value now = d.at(t, length, getReverse());
    ValueRange ys = carried.take_front(count);
    ValueRange states = carried.drop_front(count);
    SmallVector<Value> arguments(states);
    for (size_t i = 0; i < count; ++i) {
      Value x = d.slice(getXs()[i], axes[i], now);
      if (element(x) != element(states[i]))
        x = d.convert(x, d.emptyLike(x, element(states[i])));
      arguments.push_back(x);
    }
    SmallVector<Value> combined = cloneStep(b, loc, getStep(), arguments);
    SmallVector<Value> next, last;
    for (size_t i = 0; i < count; ++i) {
      last.push_back(castTo(b, loc, combined[i], states[i].getType()));
      Value into = d.slice(ys[i], axes[i], now);
      Type stored =
          RankedTensorType::get(shaped(into).getShape(), element(states[i]));
      Value y = d.convert(castTo(b, loc, combined[i], stored), into);
      next.push_back(d.insert(y, ys[i], axes[i], now));
    }
    llvm::append_range(next, last);
    return next;
  };
  return d.loop(length, getDpsInits(), step);
}
