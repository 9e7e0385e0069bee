//===- CloneDestinations.cpp - one destination per use --------------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMCLONEDESTINATIONS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

/// Gives each use of `value` a clone of its own, made by `clone` at the use.
static void cloneForUses(Value value, OpBuilder &builder,
                         llvm::function_ref<Value()> clone) {
  for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
    builder.setInsertionPoint(use.getOwner());
    use.set(clone());
  }
  value.getDefiningOp()->erase();
}

namespace {
struct CloneDestinations
    : ssmc::impl::SsmCloneDestinationsBase<CloneDestinations> {
  void runOnOperation() override {
    SmallVector<linalg::FillOp> fills;
    getOperation().walk([&](linalg::FillOp fill) {
      if (fill.hasPureTensorSemantics() && !fill.getResult(0).use_empty() &&
          fill.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>())
        fills.push_back(fill);
    });
    OpBuilder builder(&getContext());
    for (linalg::FillOp fill : fills)
      cloneForUses(fill.getResult(0), builder,
                   [&] { return builder.clone(*fill)->getResult(0); });
    SmallVector<tensor::EmptyOp> empties;
    getOperation().walk([&](tensor::EmptyOp empty) {
      if (!empty->use_empty() && !empty->hasOneUse())
        empties.push_back(empty);
    });
    for (tensor::EmptyOp empty : empties)
      cloneForUses(empty, builder,
                   [&] { return builder.clone(*empty)->getResult(0); });
  }
};
} // namespace
