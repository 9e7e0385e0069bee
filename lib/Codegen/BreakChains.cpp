//===- BreakChains.cpp - bound how many insertions share a buffer ---------===//
//
// 1. Insertions one after the other, more than kLongest, of which nothing else
//    reads what is between, become writes to one buffer:
//
//      %m = memref.alloc
//      materialize_in_destination %piece in writable (subview %m), for each
//      %result = to_tensor %m
//
// 2. Walks each block in order and counts, for each tensor, the insertions that
//    led to it and whose destination something else reads as well. At kLongest
//    the destination of the next insertion is a copy, and the count starts
//    again.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMBREAKCHAINS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

/// Copies are rare, and sets of this size cost the analysis little.
static constexpr unsigned kLongest = 8;

/// The insertion into the result of `insert`, if nothing else uses that.
static tensor::InsertSliceOp nextOf(tensor::InsertSliceOp insert) {
  Value result = insert.getResult();
  if (!result.hasOneUse())
    return {};
  auto next = dyn_cast<tensor::InsertSliceOp>(*result.user_begin());
  return next && next->getBlock() == insert->getBlock() &&
                 next.getDest() == result
             ? next
             : tensor::InsertSliceOp();
}

static bool isFirst(tensor::InsertSliceOp insert) {
  auto before = insert.getDest().getDefiningOp<tensor::InsertSliceOp>();
  return !before || nextOf(before) != insert;
}

static void writeToMemory(ArrayRef<tensor::InsertSliceOp> chain) {
  tensor::InsertSliceOp first = chain.front(), last = chain.back();
  Location loc = first.getLoc();
  OpBuilder builder(first);
  Value base = first.getDest();
  RankedTensorType tensorType = first.getDestType();
  auto type =
      MemRefType::get(tensorType.getShape(), tensorType.getElementType());
  SmallVector<Value> extents;
  for (auto [d, extent] : llvm::enumerate(tensorType.getShape()))
    if (ShapedType::isDynamic(extent))
      extents.push_back(
          tensor::DimOp::create(builder, loc, base, d).getResult());
  Value buffer = memref::AllocOp::create(builder, loc, type, extents);
  auto store = [&](Location at, Value value, Value place) {
    auto op = bufferization::MaterializeInDestinationOp::create(
        builder, at, /*result=*/Type(), value, place);
    op.setWritable(true);
  };
  if (!base.getDefiningOp<tensor::EmptyOp>())
    store(loc, base, buffer);
  for (tensor::InsertSliceOp insert : chain) {
    builder.setInsertionPoint(insert);
    MemRefType pieceType = memref::SubViewOp::inferRankReducedResultType(
        insert.getSourceType().getShape(), type, insert.getMixedOffsets(),
        insert.getMixedSizes(), insert.getMixedStrides());
    Value place = memref::SubViewOp::create(
        builder, insert.getLoc(), pieceType, buffer, insert.getMixedOffsets(),
        insert.getMixedSizes(), insert.getMixedStrides());
    store(insert.getLoc(), insert.getSource(), place);
  }
  Value result = bufferization::ToTensorOp::create(
      builder, last.getLoc(), tensorType, buffer, /*restrict=*/true,
      /*writable=*/true);
  last.getResult().replaceAllUsesWith(result);
  for (tensor::InsertSliceOp insert : llvm::reverse(chain))
    insert.erase();
}

static void copyAtIntervals(ModuleOp module) {
  llvm::DenseMap<Value, unsigned> length;
  module.walk([&](tensor::InsertSliceOp insert) {
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

namespace {
struct BreakChains : ssmc::impl::SsmBreakChainsBase<BreakChains> {
  void runOnOperation() override {
    SmallVector<SmallVector<tensor::InsertSliceOp>> chains;
    getOperation().walk([&](tensor::InsertSliceOp insert) {
      if (!isFirst(insert))
        return;
      SmallVector<tensor::InsertSliceOp> chain;
      for (; insert; insert = nextOf(insert))
        chain.push_back(insert);
      if (chain.size() > kLongest)
        chains.push_back(std::move(chain));
    });
    for (ArrayRef<tensor::InsertSliceOp> chain : chains)
      writeToMemory(chain);
    copyAtIntervals(getOperation());
  }
};
} // namespace
