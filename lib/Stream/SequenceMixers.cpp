//===- SequenceMixers.cpp - mixers that can be continued ------------------===//
//
// What is asked of an op follows from the extents of its operands, which it
// names: a destination whose value is read is a state. An op with states whose
// only extent that is as long as the sequence is its time, and which does not
// run backwards, goes on from them. An op without states may have the length in
// loops only, of which every iteration is by itself.
//
//===----------------------------------------------------------------------===//

#include "lib/Stream/Sequence.h"

#include "dialects/ssm/SsmOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ssmc;

/// What all elements of a destination are.
static std::optional<double> filledWith(Value destination) {
  Attribute value;
  if (auto constant = destination.getDefiningOp<onnx::ConstantOp>()) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (dense && dense.isSplat())
      value = dense.getSplatValue<Attribute>();
  } else if (auto fill = destination.getDefiningOp<linalg::FillOp>()) {
    matchPattern(fill.getInputs()[0], m_Constant(&value));
  }
  if (auto number = dyn_cast_or_null<FloatAttr>(value))
    return number.getValueAsDouble();
  if (auto number = dyn_cast_or_null<IntegerAttr>(value))
    return number.getType().isInteger(1) ? double(number.getValue().isOne())
                                         : double(number.getInt());
  return std::nullopt;
}

bool Sequence::addState(OpOperand &init, const AxisAnalysis &analysis) {
  Operation *op = init.getOwner();
  std::optional<double> initial = filledWith(init.get());
  if (!initial)
    return refuse(op, "has a state that is given or computed before the first "
                      "token");
  const ValueShape *shape = shapes.shapeOf(init.get());
  const ValueAxes *axes = analysis.getAxes(
      cast<DestinationStyleOpInterface>(op).getTiedOpResult(&init));
  if (!shape || !axes || axes->size() != shape->dims.size())
    return refuse(op, "has a state of unknown shape");
  std::optional<unsigned> rows;
  for (auto [d, dim] : llvm::enumerate(shape->dims)) {
    if ((*axes)[d].size() == 1 && (*axes)[d][0].kind == AxisKind::Batch)
      rows = d;
    else if (!constantExtent(dim))
      return refuse(op, "has a state whose size is not known");
  }
  if (!rows)
    return refuse(op, "has a state without a dimension for the batch");
  if (!cast<DestinationStyleOpInterface>(op).getTiedOpResult(&init).use_empty())
    return refuse(op, "has a final state that the graph reads");
  states.push_back({&init, *rows, *initial});
  return true;
}

// What a step reads beside its arguments has no time.
bool Sequence::checkBody(Operation *op) {
  WalkResult walked = op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (inner != op &&
          !op->isProperAncestor(operand.getParentBlock()->getParentOp()) &&
          operand.getParentBlock()->getParentOp() != op && hasLength(operand))
        return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return !walked.wasInterrupted() ||
         refuse(op, "reads all tokens in every step");
}

bool Sequence::checkMixer(Operation *op, const AxisAnalysis &analysis) {
  ssm::MixerShape shape = cast<ssm::MixerOpInterface>(op).getMixerShape();
  auto destinations = cast<DestinationStyleOpInterface>(op);
  SmallVector<OpOperand *> inits;
  for (OpOperand &init : destinations.getDpsInitsMutable())
    if (shape.operands[init.getOperandNumber()].read)
      inits.push_back(&init);
  auto fail = [&] {
    return refuse(op, "needs all tokens at once, so it cannot go on from a "
                      "state");
  };
  for (auto [operand, info] : llvm::zip(op->getOpOperands(), shape.operands)) {
    const ValueShape *own = shapes.shapeOf(operand.get());
    if (!own || own->dims.size() != info.dims.size())
      return refuse(op, "has an operand of unknown shape");
    for (auto [dim, extent] : llvm::zip(own->dims, info.dims)) {
      if (!hasLength(dim))
        continue;
      bool isTime = shape.time && extent == int64_t(*shape.time);
      bool isLoop = extent >= 0 && extent < int64_t(shape.numLoops) && !isTime;
      if (!inits.empty() ? !isTime || dim != length : !isLoop)
        return fail();
      if (info.reversed)
        return refuse(op, "runs from the last token to the first");
    }
  }
  if (!checkBody(op))
    return false;
  for (OpOperand *init : inits)
    if (!addState(*init, analysis))
      return false;
  return true;
}
