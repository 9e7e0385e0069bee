//===- SsmParallelTime.cpp - time must not be split in parallel -----------===//

#include "dialects/ssm/SsmParallelTime.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"

using namespace mlir;
using namespace mlir::ssm;

Operation *mlir::ssm::findParallelLoop(OpFoldResult index) {
  SmallVector<Value> worklist;
  llvm::SmallPtrSet<Value, 8> seen;
  auto push = [&](Value value) {
    if (value.getType().isIntOrIndex() && seen.insert(value).second)
      worklist.push_back(value);
  };
  if (auto value = dyn_cast<Value>(index))
    push(value);
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op)
      op = value.getParentBlock()->getParentOp();
    else
      for (Value operand : op->getOperands())
        push(operand);
    if (!isa<BlockArgument>(value) || !op)
      continue;
    if (isa<scf::ForallOp, scf::ParallelOp, affine::AffineParallelOp>(op))
      return op;
    // The counter of a loop in order depends on where that starts.
    if (isa<scf::ForOp, affine::AffineForOp>(op))
      for (Value operand : op->getOperands())
        push(operand);
  }
  return nullptr;
}

LogicalResult mlir::ssm::reportParallelTime(Operation *op, Operation *loop) {
  InFlightDiagnostic diag =
      op->emitOpError("cannot have its time split over a parallel loop: every "
                      "step needs the one before it");
  diag.attachNote(loop->getLoc()) << "the loop is here";
  return diag;
}
