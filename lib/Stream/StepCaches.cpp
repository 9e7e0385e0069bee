//===- StepCaches.cpp - the last tokens as states -------------------------===//
//
// What looks back over a fixed number of tokens finds them in a state, oldest
// first, in front of the new ones; the state is then the last of both. A window
// of attention also needs to know which of them there are: the key in place i
// of C is that of token p - C + i, where the new tokens begin at p, and a
// negative number is no token.
//
// Attention to all keys has a cache of a fixed capacity with token j in place
// j, in which the new keys are written behind the old ones: the state is in
// place, as what is behind the last token is not seen by any query. More tokens
// than there are places end the run.
//
//===----------------------------------------------------------------------===//

#include "lib/Stream/StepEntry.h"

#include "dialects/ssm/SsmOps.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/TensorScatter.h"

using namespace mlir;
using namespace ssmc;

LogicalResult StepEntry::addDelay(const Delay &delay, unsigned number) {
  // As rows x time x ...
  const ValueShape &shape = shapeOf(delay.node->getResult(0));
  SmallVector<AffineExpr> dims = {batch, b.getAffineConstantExpr(delay.count)};
  SmallVector<int64_t> order = {delay.batchAxis, delay.timeAxis}, back;
  for (int64_t d = 0; d < int64_t(shape.dims.size()); ++d) {
    if (d == delay.batchAxis || d == delay.timeAxis)
      continue;
    order.push_back(d);
    dims.push_back(shape.dims[d]);
  }
  for (int64_t d = 0; d < int64_t(order.size()); ++d)
    back.push_back(llvm::find(order, d) - order.begin());
  auto node = cast<onnx::NodeOp>(copyOf(delay.node));
  auto added = addState("delay_" + Twine(number), shape.elementType, dims,
                        delay.initial, node.getLoc());
  if (failed(added))
    return failure();
  b.setInsertionPoint(node);
  StepWriter write(b, node.getLoc(), entry);
  Value all = write.node(
      "Concat",
      {states[*added].before, write.transpose(node->getOperand(0), order)},
      "axis", 1);
  Value delayed = write.node("Slice", {all, write.integers(0),
                                       write.shape(length), write.integers(1)});
  states[*added].after = keepLast(write, all, delay.count);
  node->getResult(0).replaceAllUsesWith(write.transpose(delayed, back));
  return success();
}

/// Keys or values of the tokens. A probability of zero does not undo a NaN.
Value StepEntry::newKeys(StepWriter &write, Value value, Value original) {
  return options.counted ? untilEnd(write, value, original, 0, 0, 1) : value;
}

LogicalResult StepEntry::addWindow(const Attention &attention) {
  int64_t count = *attention.window;
  auto op = cast<ssm::AttentionOp>(copyOf(attention.op));
  auto original = cast<ssm::AttentionOp>(attention.op);
  unsigned number = numberOf(attention.op);
  b.setInsertionPoint(op);
  StepWriter write(b, op.getLoc(), entry);
  for (auto [operand, from, what] :
       {std::tuple(&op.getKMutable(), original.getK(), "keys"),
        std::tuple(&op.getVMutable(), original.getV(), "values")}) {
    const ValueShape &shape = shapeOf(from);
    SmallVector<AffineExpr> dims(shape.dims);
    dims[1] = b.getAffineConstantExpr(count);
    auto added = addState("attention_" + Twine(number) + "_" + what,
                          shape.elementType, dims, 0, op.getLoc());
    if (failed(added))
      return failure();
    Value all = write.node(
        "Concat", {states[*added].before, newKeys(write, operand->get(), from)},
        "axis", 1);
    states[*added].after = keepLast(write, all, count);
    operand->set(all);
  }
  Value places =
      write.node("Add", {write.count(length + count), write.scalar(-count)});
  op.getQueryPositionsMutable().assign(allPositions);
  op.getKeyPositionsMutable().assign(write.node(
      "Add", {write.unsqueeze(position, 1), write.unsqueeze(places, 0)}));
  return success();
}

// Ends the run where a row has more tokens than these. A sum that wraps is less
// than the position.
void StepEntry::checkTokens(int64_t most, StringRef what) {
  b.setInsertionPointAfterValue(allPositions);
  Location loc = entry.getLoc();
  StepWriter write(b, loc, entry);
  Value ends = write.node("Add", {position, tokens});
  write.checkAtMost(write.node("Max", {position, ends}), write.integers(most),
                    what);
}

LogicalResult StepEntry::addCache(const Attention &attention) {
  auto op = cast<ssm::AttentionOp>(copyOf(attention.op));
  auto original = cast<ssm::AttentionOp>(attention.op);
  unsigned number = numberOf(attention.op);
  AffineExpr capacity = b.getAffineConstantExpr(options.maxLength);
  if (!checksCapacity) {
    checkTokens(options.maxLength,
                "a sequence is longer than the caches of attention, which have "
                "places for --max-length=" +
                    std::to_string(options.maxLength) +
                    " tokens: compile the model with more");
    checksCapacity = true;
  }
  b.setInsertionPoint(op);
  StepWriter write(b, op.getLoc(), entry);
  for (auto [operand, from, what] :
       {std::tuple(&op.getKMutable(), original.getK(), "keys"),
        std::tuple(&op.getVMutable(), original.getV(), "values")}) {
    const ValueShape &shape = shapeOf(from);
    SmallVector<AffineExpr> dims(shape.dims);
    dims[1] = capacity;
    auto added = addState("attention_" + Twine(number) + "_" + what,
                          shape.elementType, dims, 0, op.getLoc());
    if (failed(added))
      return failure();
    Value all = write.node(
        "TensorScatter",
        {states[*added].before, newKeys(write, operand->get(), from), position},
        "axis", 1);
    // What the row's tokens need fits, as is checked.
    all.getDefiningOp()->setAttr(kClipsAttr, b.getUnitAttr());
    states[*added].after = all;
    states[*added].inPlace = true;
    operand->set(all);
  }
  op.getQueryPositionsMutable().assign(allPositions);
  op.getKeyPositionsMutable().assign(
      write.node("Expand", {write.unsqueeze(write.count(capacity), 0),
                            write.shape({batch, capacity})}));
  return success();
}
