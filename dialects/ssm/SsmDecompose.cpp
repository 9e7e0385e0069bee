//===- SsmDecompose.cpp - ssm ops to their reference loop nests -----------===//

#include "dialects/ssm/SsmOps.h"
#include "dialects/ssm/SsmPasses.h"

namespace mlir::ssm {
#define GEN_PASS_DEF_SSMDECOMPOSE
#include "dialects/ssm/SsmPasses.h.inc"
} // namespace mlir::ssm

using namespace mlir;
using namespace mlir::ssm;

namespace {
struct SsmDecompose : ssm::impl::SsmDecomposeBase<SsmDecompose> {
  using SsmDecomposeBase::SsmDecomposeBase;
  void runOnOperation() override {
    // Innermost first: a region may hold further ops of the dialect.
    SmallVector<MixerOpInterface> ops;
    getOperation()->walk([&](MixerOpInterface op) {
      if (only.empty() ||
          llvm::is_contained(only, op->getName().getStringRef()))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (MixerOpInterface op : ops) {
      rewriter.setInsertionPoint(op);
      auto decomposable =
          cast<linalg::AggregatedOpInterface>(op.getOperation());
      FailureOr<SmallVector<Value>> values =
          decomposable.decomposeOperation(rewriter);
      if (failed(values)) {
        op->emitOpError("on buffers has no decomposition: run ssm-decompose "
                        "before bufferization");
        return signalPassFailure();
      }
      rewriter.replaceOp(op, *values);
    }
  }
};
} // namespace
