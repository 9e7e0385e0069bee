//===- StepLengths.cpp - rows of different lengths ------------------------===//
//
// The input `lengths` says how many of the tokens of a call each row has; what
// is behind them leaves its states as they are, whatever it is: zeros are put
// in its place. An op that has operands with a neutral value gets them where a
// row has ended, and zeros for the others, as what is computed of zeros may be
// NaN. What keeps the last elements of time takes those in front of the end; a
// scan by a combiner gives its state at every token, of which that of the last
// is taken.
//
//===----------------------------------------------------------------------===//

#include "lib/Stream/StepEntry.h"

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/ssm/SsmOps.h"
#include "lib/Operators/IndexLowering.h"

using namespace mlir;
using namespace ssmc;

// An argument behind those of the graph, or the length of the call.
LogicalResult StepEntry::addLengths() {
  b.setInsertionPointToStart(&entry.getBody().front());
  Location loc = entry.getLoc();
  StepWriter write(b, loc, entry);
  if (!options.counted) {
    tokens = write.shape(length);
    return success();
  }
  unsigned place = entry.getNumArguments() - sequence.hasPositions();
  auto name = b.getNamedAttr(onnx::kNameAttr, b.getStringAttr("lengths"));
  if (failed(entry.insertArgument(place,
                                  symbols.typeOf({b.getI64Type(), {batch}}),
                                  b.getDictionaryAttr(name), loc)))
    return failure();
  // What follows it is computed behind this.
  tokens = write.node("Add", {entry.getArgument(place), write.integers(0)});
  write.checkNoneNegative(entry.getArgument(place),
                          "a number of 'lengths' is negative");
  write.checkAtMost(
      entry.getArgument(place), write.shape(length),
      "a number of 'lengths' is larger than the number of tokens that "
      "are given");
  if (!options.fromBrought)
    clearPadding();
  holdStill();
  endLoops();
  return success();
}

/// A scalar constant of an element type.
static Value neutralConstant(OpBuilder &b, Location loc, Type type,
                             double value) {
  Attribute element;
  if (isa<FloatType>(type))
    element = b.getFloatAttr(type, value);
  else
    element = b.getIntegerAttr(type, int64_t(value));
  return onnx::ConstantOp::create(
      b, loc, DenseElementsAttr::get(RankedTensorType::get({}, type), element));
}

/// `value`, and `other` where the row of a token has ended. What all tokens
/// share, of rank `rank` without them, is given to each as rows x time x ...
Value StepEntry::untilEnd(StepWriter &write, Value value, Value original,
                          double other, std::optional<unsigned> rowAxis,
                          std::optional<unsigned> timeAxis) {
  const ValueShape &shape = shapeOf(original);
  unsigned rows = rowAxis.value_or(0), time = timeAxis.value_or(1);
  Value constant = neutralConstant(b, entry.getLoc(), shape.elementType, other);
  Value has = write.node("Less", {write.unsqueeze(write.count(length), 0),
                                  write.unsqueeze(tokens, 1)});
  if (rows > time)
    has = write.transpose(has, {1, 0});
  SmallVector<int64_t> others;
  for (int64_t d = 0; d < int64_t(shape.dims.size()) + 2 * !timeAxis; ++d)
    if (d != rows && d != time)
      others.push_back(d);
  if (!others.empty())
    has = write.unsqueeze(has, others);
  return write.node("Where", {has, value, constant});
}

// Whatever stands in the padding, NaN or a token that is none, is not read.
void StepEntry::clearPadding() {
  for (const SequenceInput &input : sequence.getInputs()) {
    Value original = sequence.getGraph().getArgument(input.argument);
    Value value = copies.lookup(original);
    b.setInsertionPointAfterValue(tokens);
    StepWriter write(b, entry.getLoc(), entry);
    Value clear =
        untilEnd(write, value, original, 0, input.batchAxis, input.timeAxis);
    // Its extents are those of the argument.
    value.replaceUsesWithIf(clear, [&](OpOperand &use) {
      auto node = dyn_cast<onnx::NodeOp>(use.getOwner());
      return use.getOwner() != clear.getDefiningOp() &&
             !(node && node.getOpType() == "Shape");
    });
  }
}

void StepEntry::holdStill() {
  for (const NeutralOperand &neutral : sequence.getNeutral()) {
    Operation *op = copyOf(neutral.operand->getOwner());
    OpOperand &operand = op->getOpOperand(neutral.operand->getOperandNumber());
    b.setInsertionPoint(op);
    StepWriter write(b, op->getLoc(), entry);
    operand.set(untilEnd(write, operand.get(), neutral.operand->get(),
                         neutral.neutral, neutral.batchAxis, neutral.timeAxis));
  }
}

Value StepEntry::keepLast(StepWriter &write, Value all, int64_t count) {
  if (!options.counted)
    return write.node("Slice",
                      {all, write.shape(length), write.shape(length + count),
                       write.integers(1)});
  Value places = write.node(
      "Add", {write.unsqueeze(tokens, 1),
              write.unsqueeze(write.count(b.getAffineConstantExpr(count)), 0)});
  return write.node("GatherND", {all, write.unsqueeze(places, 2)}, "batch_dims",
                    1);
}

Value StepEntry::cutState(const StateValue &state, Value before) {
  Operation *op = copyOf(state.init->getOwner());
  if (!options.counted)
    return {};
  b.setInsertionPointAfter(op);
  StepWriter write(b, op->getLoc(), entry);
  if (auto conv = dyn_cast<ssm::ShortConvOp>(op)) {
    int64_t count = *constantExtent(shapeOf(state.init->get()).dims[1]);
    Value all = write.node("Concat", {before, conv.getX()}, "axis", 1);
    return keepLast(write, all, count);
  }
  auto scan = dyn_cast<ssm::AssociativeScanOp>(op);
  if (!scan)
    return {};
  unsigned i = state.init->getOperandNumber() - scan.getXs().size() -
               scan.getYs().size();
  int64_t time = scan.getAxes()[i];
  int64_t rank = shapeOf(state.init->get()).dims.size() + 1;
  int64_t rows = state.batchAxis + (int64_t(state.batchAxis) >= time);
  SmallVector<int64_t> order = {rows, time};
  for (int64_t d = 0; d < rank; ++d)
    if (d != rows && d != time)
      order.push_back(d);
  Value all = write.node(
      "Concat",
      {write.unsqueeze(before, 1), write.transpose(op->getResult(i), order)},
      "axis", 1);
  return write.node("GatherND", {all, write.unsqueeze(tokens, 1)}, "batch_dims",
                    1);
}
