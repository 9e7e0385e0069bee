//===- FuseElementwise.cpp - elementwise ops into their consumers ---------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMFUSEELEMENTWISE
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

/// Operands of a fused op at most: beyond, addresses do not fit registers.
static constexpr unsigned kMaxOperands = 12;

/// Operations of a fused op at most: beyond, one more pass over memory costs
/// next to nothing, and a loop body the compiler time that grows with its
/// square.
static constexpr size_t kMaxOperations = 128;

static size_t countOperations(linalg::GenericOp op) {
  return op.getBody()->getOperations().size();
}

/// True if computing an element costs no more than reading it back.
static bool isFree(linalg::GenericOp op) {
  unsigned operations = 0;
  for (Operation &nested : op.getBody()->without_terminator()) {
    if (isa<arith::ConstantOp>(nested))
      continue;
    if (!isa<arith::ExtFOp, arith::TruncFOp, arith::ExtSIOp, arith::ExtUIOp,
             arith::TruncIOp, arith::SIToFPOp, arith::IndexCastOp>(nested))
      return false;
    ++operations;
  }
  return operations <= 1 && op.getNumDpsInputs() <= 1;
}

static bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer)
    return false;
  if (consumer->getNumOperands() + producer->getNumOperands() > kMaxOperands)
    return false;
  if (!isFree(producer) &&
      countOperations(consumer) + countOperations(producer) > kMaxOperations)
    return false;
  // Each element of the operand is read as often as loops miss from its map.
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  bool readOnce = map.isPermutation();
  if (isFree(producer))
    return readOnce || consumer.getNumReductionLoops() == 0;
  return readOnce && producer->hasOneUse();
}

namespace {
struct FuseElementwise : ssmc::impl::SsmFuseElementwiseBase<FuseElementwise> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    if (failed(generalize()))
      return signalPassFailure();
    RewritePatternSet patterns(context);
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

  /// Named ops to linalg.generic, which is what the patterns know. A fill stays
  /// one: it is recognised as the start of a reduction.
  LogicalResult generalize() {
    SmallVector<linalg::LinalgOp> named;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (!isa<linalg::GenericOp, linalg::FillOp>(op.getOperation()))
        named.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op)))
        return op->emitError("has no general form");
    }
    return success();
  }
};
} // namespace
