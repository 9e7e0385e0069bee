//===- SsmOps.cpp - effects, result shapes and folders of the ssm ops -----===//

#include "dialects/ssm/SsmOps.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::ssm;

#include "dialects/ssm/SsmInterfaces.cpp.inc"

using Effects =
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

// On tensors an op of this dialect has no effect; on buffers it reads what its
// shape says that it reads, and writes its destinations.
static void getMixerEffects(MixerOpInterface op, Effects &effects) {
  auto dps = cast<DestinationStyleOpInterface>(op.getOperation());
  MixerShape shape = op.getMixerShape();
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    if (shape.operands[operand.getOperandNumber()].read)
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
    if (dps.isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

// A result has the shape of its destination.
static LogicalResult reifyFromInits(DestinationStyleOpInterface op,
                                    OpBuilder &b,
                                    ReifiedRankedShapedTypeDims &shapes) {
  for (OpOperand &init : op.getDpsInitsMutable())
    if (isa<RankedTensorType>(init.get().getType()))
      shapes.push_back(tensor::getMixedSizes(b, op.getLoc(), init.get()));
  return success();
}

#define SSM_MIXER(Op)                                                          \
  void Op::getEffects(Effects &effects) { getMixerEffects(*this, effects); }   \
  LogicalResult Op::reifyResultShapes(OpBuilder &b,                            \
                                      ReifiedRankedShapedTypeDims &shapes) {   \
    return reifyFromInits(*this, b, shapes);                                   \
  }
#include "dialects/ssm/SsmMixers.def"

#define SSM_BUFFER_MIXER(Op)                                                   \
  LogicalResult Op::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &) {       \
    return memref::foldMemRefCast(*this);                                      \
  }
#include "dialects/ssm/SsmMixers.def"
