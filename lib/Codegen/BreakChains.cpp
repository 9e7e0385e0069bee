//===- BreakChains.cpp - bound how many insertions share a buffer ---------===//
//
// Walks each block in order and counts, for each tensor, the insertions that
// led to it and whose destination something else reads as well. At kLongest the
// destination of the next insertion is a copy, and the count starts again.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMBREAKCHAINS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

/// Copies are rare, and sets of this size cost the analysis little.
static constexpr unsigned kLongest = 8;

namespace {
struct BreakChains : ssmc::impl::SsmBreakChainsBase<BreakChains> {
  void runOnOperation() override {
    llvm::DenseMap<Value, unsigned> length;
    getOperation().walk([&](tensor::InsertSliceOp insert) {
      Value destination = insert.getDest();
      unsigned before = length.lookup(destination);
      if (destination.hasOneUse()) {
        length[insert.getResult()] = before;
        return;
      }
      if (before < kLongest) {
        length[insert.getResult()] = before + 1;
        return;
      }
      OpBuilder builder(insert);
      SmallVector<Value> sizes; // those of the copied tensor
      insert.getDestMutable().assign(bufferization::AllocTensorOp::create(
          builder, insert.getLoc(), insert.getDestType(), sizes, destination));
      length[insert.getResult()] = 1;
    });
  }
};
} // namespace
