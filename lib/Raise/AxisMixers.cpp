//===- AxisMixers.cpp - axis labels through ops of the ssm dialect --------===//
//
// An op names the extents of its operands: dimensions of one extent are one
// axis, and the results have the extents of the destinations.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/AxisAnalysis.h"

#include "dialects/ssm/SsmOps.h"

using namespace mlir;

namespace ssmc {

bool AxisAnalysis::visitMixer(Operation *op) {
  auto mixer = dyn_cast<ssm::MixerOpInterface>(op);
  auto destinations = dyn_cast<DestinationStyleOpInterface>(op);
  if (!mixer || !destinations)
    return false;
  ssm::MixerShape shape = mixer.getMixerShape();
  SmallVector<Digits> extentLabels(shape.extents.size());
  for (auto [operand, info] : llvm::zip(op->getOperands(), shape.operands)) {
    const ValueAxes *labels = getAxes(operand);
    if (!labels || labels->size() != info.dims.size())
      continue;
    for (auto [axis, extent] : llvm::zip(*labels, info.dims)) {
      if (extent == ssm::MixerOperand::anyExtent || !isLabelled(axis))
        continue;
      Digits &known = extentLabels[extent];
      if (known.empty())
        known = axis;
      else if (known != axis)
        meet(known, axis);
    }
  }
  // Queries and keys of a window, or with slopes, stand in one sequence.
  if (auto attention = dyn_cast<ssm::AttentionOp>(op);
      attention && attention.countsQueries()) {
    auto lengthOf = [&](unsigned operand) {
      constexpr unsigned kTime = 1;
      return extentLabels[shape.operands[operand].dims[kTime]];
    };
    meet(lengthOf(0), lengthOf(1));
  }
  auto labelsOf = [&](StringRef extent) -> Digits & {
    return extentLabels[llvm::find(shape.extents, extent) -
                        shape.extents.begin()];
  };
  // A kernel of data has a lag for every token.
  if (isa<ssm::LongConvOp>(op))
    meet(labelsOf("L"), labelsOf("W"));
  if (shape.time)
    noteSequence(extentLabels[*shape.time]);
  else if (isa<ssm::AttentionOp, ssm::QuasiseparableOp, ssm::LongConvOp>(op))
    // Time is no loop of theirs: every query sees many keys.
    for (auto [name, labels] : llvm::zip(shape.extents, extentLabels))
      if (name == "L" || name == "Lk")
        noteSequence(labels);
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    auto extents = graph.getShape(result);
    if (!type || !extents)
      return false;
    OpOperand *destination = destinations.getDpsInitOperand(i);
    ArrayRef<int64_t> dims =
        shape.operands[destination->getOperandNumber()].dims;
    ValueAxes labels = unlabelled(*extents);
    for (size_t d = 0; d < std::min(dims.size(), labels.size()); ++d)
      if (dims[d] != ssm::MixerOperand::anyExtent &&
          !extentLabels[dims[d]].empty())
        labels[d] = extentLabels[dims[d]];
    axes[result] = std::move(labels);
  }
  return true;
}

} // namespace ssmc
