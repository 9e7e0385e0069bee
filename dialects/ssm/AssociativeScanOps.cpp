//===- AssociativeScanOps.cpp - ssm.associative_scan's shape and verifier -===//

#include "dialects/ssm/SsmStep.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape AssociativeScanOp::getMixerShape() {
  MixerShape shape{{"L"}, 1, 0, {}};
  // The combiner may do anything along the other dimensions.
  SmallVector<MixerOperand> sequences, states;
  for (auto [i, value] : llvm::enumerate(getXs())) {
    MixerOperand sequence{numbered("xs", i), {}, getReverse()};
    MixerOperand state{numbered("states", i), {}};
    for (int64_t d = 0; d < shaped(value).getRank(); ++d) {
      if (d == getAxes()[i]) {
        sequence.dims.push_back(0);
        continue;
      }
      sequence.dims.push_back(shape.extents.size());
      state.dims.push_back(shape.extents.size());
      shape.extents.push_back("D" + std::to_string(i) + "." +
                              std::to_string(d));
    }
    sequences.push_back(sequence);
    states.push_back(state);
  }
  llvm::append_range(shape.operands, sequences);
  for (auto [i, sequence] : llvm::enumerate(sequences)) {
    sequence.name = numbered("ys", i);
    sequence.read = false;
  }
  llvm::append_range(shape.operands, sequences);
  llvm::append_range(shape.operands, states);
  return shape;
}

LogicalResult AssociativeScanOp::verify() {
  size_t count = getXs().size();
  // associative_scan_c1
  if (count == 0 || getYs().size() != count || getStates().size() != count)
    return emitOpError("needs as many outputs and states as sequences, and at "
                       "least one, but has ")
           << count << " sequences, " << getYs().size() << " outputs and "
           << getStates().size() << " states";
  // associative_scan_c2
  if (getAxes().size() != count)
    return emitOpError("axes must have one entry for each of ")
           << count << " sequences, but has " << getAxes().size();
  for (auto [i, axis] : llvm::enumerate(getAxes())) {
    int64_t rank = shaped(getXs()[i]).getRank();
    if (axis < 0 || axis >= rank)
      return emitOpError("axis ") << axis << " is out of range for '"
                                  << numbered("xs", i) << "' of rank " << rank;
  }
  // associative_scan_c3
  if (failed(verifyExtents(*this)))
    return failure();
  // associative_scan_c4
  auto holds = [&](Value state, Value value, StringRef name,
                   size_t i) -> LogicalResult {
    Type type = element(value), stateType = element(state);
    auto narrow = dyn_cast<FloatType>(type),
         wide = dyn_cast<FloatType>(stateType);
    if (type == stateType ||
        (narrow && wide && narrow.getWidth() < wide.getWidth()))
      return success();
    return emitOpError("element type of '")
           << numbered(name, i) << "' must be that of '"
           << numbered("states", i) << "' or a narrower float, but is " << type
           << " beside " << stateType;
  };
  for (size_t i = 0; i < count; ++i)
    if (failed(holds(getStates()[i], getXs()[i], "xs", i)) ||
        failed(holds(getStates()[i], getYs()[i], "ys", i)))
      return failure();
  return success();
}

LogicalResult AssociativeScanOp::verifyRegions() {
  Block &body = getStep().front();
  size_t count = getStates().size();
  // associative_scan_c5
  if (body.getNumArguments() != 2 * count)
    return emitOpError("region must have two arguments for each of ")
           << count << " states, but has " << body.getNumArguments();
  if (failed(verifyStepArguments(*this)))
    return failure();
  // associative_scan_c6
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || yield.getNumOperands() != count)
    return emitOpError("region must end in an ssm.yield of ")
           << count << " states";
  for (auto [i, value] : llvm::enumerate(yield.getValues()))
    if (!isCompatible(value.getType(), getStepType(i)))
      return emitOpError("value ")
             << i << " of ssm.yield must be " << getStepType(i) << ", but is "
             << value.getType();
  return success();
}
