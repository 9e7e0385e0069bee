//===- SsmOps.cpp - verifiers and effects of the ssm ops ------------------===//

#include "dialects/ssm/SsmOps.h"

using namespace mlir;
using namespace mlir::ssm;

// On tensors an op of this dialect has no effect; on buffers it reads its
// inputs and reads and writes its destinations.
static void getDpsEffects(
    DestinationStyleOpInterface op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    effects.emplace_back(MemoryEffects::Read::get(), &operand);
    if (op.isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

#define SSM_DPS_OP(Op)                                                         \
  void Op::getEffects(                                                         \
      SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>      \
          &effects) {                                                          \
    getDpsEffects(*this, effects);                                             \
  }
SSM_DPS_OP(ScanOp)
SSM_DPS_OP(SelectiveScanOp)
SSM_DPS_OP(ShortConvOp)
SSM_DPS_OP(LinearOp)
SSM_DPS_OP(RecurrenceOp)
#undef SSM_DPS_OP

LogicalResult ScanOp::verify() { return success(); }
LogicalResult SelectiveScanOp::verify() { return success(); }
LogicalResult ShortConvOp::verify() { return success(); }
LogicalResult LinearOp::verify() { return success(); }
LogicalResult RecurrenceOp::verify() { return success(); }
