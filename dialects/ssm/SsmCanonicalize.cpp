//===- SsmCanonicalize.cpp - canonicalisation of the ssm ops --------------===//

#include "dialects/ssm/SsmOps.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
// An output is overwritten, so what its destination held does not matter: a
// fill that only feeds it is dropped.
//
//   %0 = linalg.fill(%c, %empty); op outs(%0, ...)  ->  op outs(%empty, ...)
template <typename Op>
struct DropFillOfOutput : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    MixerShape shape = op.getMixerShape();
    for (OpOperand &init : op.getDpsInitsMutable()) {
      auto fill = init.get().template getDefiningOp<linalg::FillOp>();
      if (!fill || shape.operands[init.getOperandNumber()].read)
        continue;
      rewriter.modifyOpInPlace(op, [&] { init.set(fill.getOutputs()[0]); });
      return success();
    }
    return failure();
  }
};
} // namespace

#define SSM_CANONICALIZE(Op)                                                   \
  void Op::getCanonicalizationPatterns(RewritePatternSet &patterns,            \
                                       MLIRContext *context) {                 \
    patterns.add<DropFillOfOutput<Op>>(context);                               \
  }
SSM_CANONICALIZE(ScanOp)
SSM_CANONICALIZE(SelectiveScanOp)
SSM_CANONICALIZE(ShortConvOp)
SSM_CANONICALIZE(LinearOp)
SSM_CANONICALIZE(RecurrenceOp)
#undef SSM_CANONICALIZE
