//===- CloneFills.cpp - one fill per use ----------------------------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMCLONEFILLS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

namespace {
struct CloneFills : ssmc::impl::SsmCloneFillsBase<CloneFills> {
  void runOnOperation() override {
    SmallVector<linalg::FillOp> fills;
    getOperation().walk([&](linalg::FillOp fill) {
      if (fill.hasPureTensorSemantics() && !fill.getResult(0).use_empty() &&
          fill.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>())
        fills.push_back(fill);
    });
    OpBuilder builder(&getContext());
    for (linalg::FillOp fill : fills) {
      for (OpOperand &use :
           llvm::make_early_inc_range(fill.getResult(0).getUses())) {
        builder.setInsertionPoint(use.getOwner());
        Operation *empty =
            builder.clone(*fill.getDpsInits()[0].getDefiningOp());
        IRMapping mapping;
        mapping.map(fill.getDpsInits()[0], empty->getResult(0));
        use.set(builder.clone(*fill, mapping)->getResult(0));
      }
      fill.erase();
    }
  }
};
} // namespace
