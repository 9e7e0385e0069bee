//===- SsmVerifyParallelTime.cpp - find time split over parallel loops ----===//
//
// For every operand with a time dimension, follows the slices that it is taken
// from and looks where they start along time. If that depends on the iteration
// of a parallel loop, iterations that may run at once chain their states.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmParallelTime.h"
#include "dialects/ssm/SsmPasses.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::ssm {
#define GEN_PASS_DEF_SSMVERIFYPARALLELTIME
#include "dialects/ssm/SsmPasses.h.inc"
} // namespace mlir::ssm

using namespace mlir;
using namespace mlir::ssm;

/// Of a slice: its source, and the dimension of it that `dim` of the result is.
template <typename Slice>
static Value stepThrough(Slice slice, int64_t &dim, OpFoldResult &offset) {
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  int64_t source = 0;
  for (int64_t kept = 0; source < int64_t(dropped.size()); ++source)
    if (!dropped.test(source) && kept++ == dim)
      break;
  dim = source;
  offset = slice.getMixedOffsets()[source];
  return slice.getSource();
}

static Operation *findParallelTime(Value value, int64_t dim) {
  while (Operation *op = value.getDefiningOp()) {
    OpFoldResult offset;
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
      value = stepThrough(slice, dim, offset);
    else if (auto view = dyn_cast<memref::SubViewOp>(op))
      value = stepThrough(view, dim, offset);
    else if (isa<tensor::CastOp, memref::CastOp>(op))
      value = op->getOperand(0);
    else
      return nullptr;
    if (!offset)
      continue;
    if (Operation *loop = findParallelLoop(offset))
      return loop;
  }
  return nullptr;
}

namespace {
struct SsmVerifyParallelTime
    : ssm::impl::SsmVerifyParallelTimeBase<SsmVerifyParallelTime> {
  void runOnOperation() override {
    WalkResult result = getOperation()->walk([](MixerOpInterface op) {
      MixerShape shape = op.getMixerShape();
      if (!shape.time)
        return WalkResult::advance();
      for (auto [info, value] :
           llvm::zip_equal(shape.operands, op->getOperands()))
        for (auto [dim, extent] : llvm::enumerate(info.dims)) {
          if (extent != int64_t(*shape.time))
            continue;
          if (Operation *loop = findParallelTime(value, dim)) {
            (void)reportParallelTime(op, loop);
            return WalkResult::interrupt();
          }
        }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace
