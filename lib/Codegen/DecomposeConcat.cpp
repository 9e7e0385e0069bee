//===- DecomposeConcat.cpp - concatenation as insertions ------------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMDECOMPOSECONCAT
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

namespace {
struct DecomposeConcat : ssmc::impl::SsmDecomposeConcatBase<DecomposeConcat> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    tensor::populateDecomposeTensorConcatPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
