//===- RecurrenceOps.cpp - shape and verifiers of ssm.recurrence --------===//

#include "dialects/ssm/SsmStep.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape RecurrenceOp::getMixerShape() {
  MixerShape shape{{"L"}, 1, 0, {}};
  unsigned axis = 0;
  auto add = [&](StringRef name, OperandRange values, bool timed, bool read) {
    for (auto [i, value] : llvm::enumerate(values)) {
      MixerOperand operand;
      operand.name = numbered(name, i);
      operand.read = read;
      operand.dims.assign(cast<ShapedType>(value.getType()).getRank(),
                          MixerOperand::anyExtent);
      if (timed) {
        operand.dims[getAxes()[axis]] = 0;
        operand.reversed = isReversed(axis++);
      }
      shape.operands.push_back(operand);
    }
  };
  add("xs", getXs(), true, true);
  add("ys", getYs(), true, false);
  add("states", getStates(), false, true);
  return shape;
}

LogicalResult RecurrenceOp::verify() {
  unsigned numXs = getXs().size(), numTimed = numXs + getYs().size();
  // recurrence_c1
  if (numTimed == 0)
    return emitOpError("needs a sequence or an output, which say how many "
                       "steps there are");
  // recurrence_c2
  if (getAxes().size() != numTimed)
    return emitOpError("axes must have one entry for each of ")
           << numTimed << " sequences and outputs, but has "
           << getAxes().size();
  for (auto [i, axis] : llvm::enumerate(getAxes())) {
    int64_t rank = shaped(getOperand(i)).getRank();
    if (axis < 0 || axis >= rank)
      return emitOpError("axis ")
             << axis << " is out of range for '" << (i < numXs ? "xs[" : "ys[")
             << (i < numXs ? i : i - numXs) << "]' of rank " << rank;
  }
  // recurrence_c3
  if (getReverse() && getReverse()->size() != numTimed)
    return emitOpError("reverse must have one entry for each of ")
           << numTimed << " sequences and outputs, but has "
           << getReverse()->size();
  // recurrence_c4
  return verifyExtents(*this);
}

RankedTensorType RecurrenceOp::getSliceType(unsigned i) {
  auto type = cast<RankedTensorType>(getOperand(i).getType());
  if (i >= getAxes().size())
    return type;
  return RankedTensorType::Builder(type).dropDim(getAxes()[i]);
}

RankedTensorType RecurrenceOp::getStepType(unsigned i) {
  return getSliceType(i < getXs().size() ? i : i + getYs().size());
}

LogicalResult RecurrenceOp::verifyRegions() {
  Block &body = getStep().front();
  unsigned numXs = getXs().size(), numYs = getYs().size();
  unsigned numStates = getStates().size();
  // recurrence_c5
  if (body.getNumArguments() != numXs + numStates)
    return emitOpError("region must have an argument for each of ")
           << numXs << " sequences and " << numStates << " states, but has "
           << body.getNumArguments();
  if (failed(verifyStepArguments(*this)))
    return failure();
  // recurrence_c6
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || yield.getNumOperands() != numStates + numYs)
    return emitOpError("region must end in an ssm.yield of ")
           << numStates << " states and " << numYs << " outputs";
  for (auto [i, value] : llvm::enumerate(yield.getValues())) {
    unsigned operand =
        i < numStates ? numXs + numYs + i : numXs + i - numStates;
    RankedTensorType type = getSliceType(operand);
    if (!isCompatible(value.getType(), type))
      return emitOpError("value ") << i << " of ssm.yield must be " << type
                                   << ", but is " << value.getType();
  }
  return success();
}
