//===- MergeInsertions.cpp - insert slices where they end up --------------===//
//
// 1. Past transpositions that undo each other:
//      T(insert(s, D(x))) = insert'(T(s), x)
//    where insert' inserts at the permuted place.
// 2. Past a slice that goes back to where it came from:
//      insert(insert(s, x[a]) at b, x) at a = insert(s, x) at a + b
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMMERGEINSERTIONS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

static SmallVector<OpFoldResult> permute(ArrayRef<OpFoldResult> values,
                                         ArrayRef<int64_t> permutation) {
  return llvm::map_to_vector(permutation, [&](int64_t d) { return values[d]; });
}

static Value transpose(OpBuilder &b, Location loc, Value value,
                       ArrayRef<int64_t> permutation) {
  Type element = cast<RankedTensorType>(value.getType()).getElementType();
  Value empty = tensor::EmptyOp::create(
      b, loc, permute(tensor::getMixedSizes(b, loc, value), permutation),
      element);
  return linalg::TransposeOp::create(b, loc, value, empty, permutation)
      ->getResult(0);
}

namespace {
struct InsertPastTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return failure();
    auto insert = op.getInput().getDefiningOp<tensor::InsertSliceOp>();
    if (!insert || !insert->hasOneUse() ||
        insert.getSourceType().getRank() != insert.getDestType().getRank())
      return failure();
    auto inner = insert.getDest().getDefiningOp<linalg::TransposeOp>();
    if (!inner || !inner->hasOneUse())
      return failure();
    ArrayRef<int64_t> permutation = op.getPermutation();
    for (auto [i, d] : llvm::enumerate(permutation))
      if (inner.getPermutation()[d] != static_cast<int64_t>(i))
        return failure();
    Value source =
        transpose(rewriter, op.getLoc(), insert.getSource(), permutation);
    rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(
        op, source, inner.getInput(),
        permute(insert.getMixedOffsets(), permutation),
        permute(insert.getMixedSizes(), permutation),
        permute(insert.getMixedStrides(), permutation));
    return success();
  }
};

struct InsertPastSlice : OpRewritePattern<tensor::InsertSliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::InsertSliceOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getSource().getDefiningOp<tensor::InsertSliceOp>();
    if (!inner || !inner->hasOneUse() || !op.hasUnitStride() ||
        !inner.hasUnitStride() ||
        inner.getSourceType().getRank() != inner.getDestType().getRank())
      return failure();
    auto slice = inner.getDest().getDefiningOp<tensor::ExtractSliceOp>();
    if (!slice || slice.getSource() != op.getDest() ||
        slice.getDroppedDims() != op.getDroppedDims() ||
        !slice.isSameAs(op,
                        [](OpFoldResult a, OpFoldResult b) { return a == b; }))
      return failure();
    SmallVector<OpFoldResult> offsets = op.getMixedOffsets(),
                              sizes = op.getMixedSizes();
    llvm::SmallBitVector dropped = op.getDroppedDims();
    AffineExpr s0, s1;
    bindSymbols(rewriter.getContext(), s0, s1);
    unsigned i = 0;
    for (unsigned d = 0; d < offsets.size(); ++d) {
      if (dropped.test(d))
        continue;
      offsets[d] = affine::makeComposedFoldedAffineApply(
          rewriter, op.getLoc(), s0 + s1,
          {offsets[d], inner.getMixedOffsets()[i]});
      sizes[d] = inner.getMixedSizes()[i++];
    }
    rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(
        op, inner.getSource(), op.getDest(), offsets, sizes,
        op.getMixedStrides());
    return success();
  }
};

struct MergeInsertions : ssmc::impl::SsmMergeInsertionsBase<MergeInsertions> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<InsertPastTranspose, InsertPastSlice>(&getContext());
    linalg::TransposeOp::getCanonicalizationPatterns(patterns, &getContext());
    // Unit dimensions between the two are the slices' own.
    tensor::populateReassociativeReshapeFoldingPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
