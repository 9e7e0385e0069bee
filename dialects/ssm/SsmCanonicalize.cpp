//===- SsmCanonicalize.cpp - canonicalisation of the ssm ops --------------===//
//
// Only what is exact for every input is done here: a scan with a = 0 is not its
// b where an infinite state would have given NaN.
//
// Decompositions take slices without the extent of time. Where such an index
// becomes a constant, upstream's pattern finds the slice's sizes anew, from the
// type alone: of 1 x 5 x 1 x 3, of which the third extent is dropped, it makes
// 1 x 1 x 5 x 3. This one, which comes first, keeps them.
//
//===----------------------------------------------------------------------===//

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
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    MixerShape shape = op.getMixerShape();
    for (OpOperand &init : op.getDpsInitsMutable()) {
      auto fill = init.get().template getDefiningOp<linalg::FillOp>();
      if (!fill || !fill.hasPureTensorSemantics() ||
          shape.operands[init.getOperandNumber()].read)
        continue;
      rewriter.modifyOpInPlace(op, [&] { init.set(fill.getOutputs()[0]); });
      return success();
    }
    return failure();
  }
};

// Without steps, destinations stay as they are.
template <typename Op>
struct DropEmptyTime : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    MixerShape shape = op.getMixerShape();
    if (!shape.time || !op.hasPureTensorSemantics())
      return failure();
    for (auto [info, value] :
         llvm::zip_equal(shape.operands, op->getOperands()))
      for (auto [dim, extent] : llvm::enumerate(info.dims))
        if (extent == int64_t(*shape.time) &&
            cast<ShapedType>(value.getType()).getDimSize(dim) == 0) {
          SmallVector<Value> inits(op.getDpsInits());
          rewriter.replaceOp(op, inits);
          return success();
        }
    return failure();
  }
};

struct FoldPlaceOfSlice : OpRewritePattern<tensor::ExtractSliceOp> {
  FoldPlaceOfSlice(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getType();
    if (op.getSourceType().getRank() == type.getRank())
      return failure();
    SmallVector<OpFoldResult> offsets = op.getMixedOffsets(),
                              sizes = op.getMixedSizes(),
                              strides = op.getMixedStrides();
    bool folded = succeeded(foldDynamicOffsetSizeList(offsets));
    folded |= succeeded(foldDynamicOffsetSizeList(sizes));
    folded |= succeeded(foldDynamicStrideList(strides));
    if (!folded)
      return failure();
    SmallVector<int64_t> shape;
    llvm::SmallBitVector dropped = op.getDroppedDims();
    for (auto [dim, size] : llvm::enumerate(sizes))
      if (!dropped[dim])
        shape.push_back(
            getConstantIntValue(size).value_or(ShapedType::kDynamic));
    auto slice =
        tensor::ExtractSliceOp::create(rewriter, op.getLoc(), type.clone(shape),
                                       op.getSource(), offsets, sizes, strides);
    if (slice.getType() == type)
      rewriter.replaceOp(op, slice);
    else
      rewriter.replaceOpWithNewOp<tensor::CastOp>(op, type, slice);
    return success();
  }
};

// Drops from a recurrence
// * sequences whose slices are not used,
// * outputs whose result is not used,
// * states that a step hands on unchanged, which are values from outside, and
// * states that nothing but their own next value depends on,
// as long as a sequence or output is left to say how many steps there are.
struct DropUnusedOfRecurrence : OpRewritePattern<RecurrenceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RecurrenceOp op,
                                PatternRewriter &rewriter) const override {
    Block &body = op.getStep().front();
    Operation *yield = body.getTerminator();
    unsigned numXs = op.getXs().size(), numYs = op.getYs().size();
    unsigned numStates = op.getStates().size();
    auto result = [&](unsigned init) { return op->getResult(init); };

    llvm::BitVector dropX(numXs), dropY(numYs), dropState(numStates);
    unsigned numTimed = numXs + numYs;
    auto mayDrop = [&](bool unused) {
      return unused && numTimed > 1 && numTimed--;
    };
    for (unsigned i = 0; i < numXs; ++i)
      dropX[i] = mayDrop(body.getArgument(i).use_empty());
    for (unsigned i = 0; i < numYs; ++i)
      dropY[i] = mayDrop(result(i).use_empty());
    for (unsigned i = 0; i < numStates; ++i) {
      BlockArgument arg = body.getArgument(numXs + i);
      bool unchanged = yield->getOperand(i) == arg;
      bool unused = arg.use_empty() && result(numYs + i).use_empty();
      // The type says of the step's argument what it says of the value.
      dropState[i] =
          (unchanged && arg.getType() == op.getStates()[i].getType()) || unused;
    }
    if (dropX.none() && dropY.none() && dropState.none())
      return failure();

    SmallVector<Value> xs, ys, states, yielded;
    SmallVector<int64_t> axes;
    SmallVector<bool> reverse;
    SmallVector<Type> types;
    auto keepTimed = [&](unsigned i) {
      axes.push_back(op.getAxes()[i]);
      reverse.push_back(op.isReversed(i));
    };
    for (unsigned i = 0; i < numXs; ++i)
      if (!dropX[i]) {
        xs.push_back(op.getXs()[i]);
        keepTimed(i);
      }
    for (unsigned i = 0; i < numYs; ++i)
      if (!dropY[i]) {
        ys.push_back(op.getYs()[i]);
        types.push_back(op.getYs()[i].getType());
        keepTimed(numXs + i);
      }
    for (unsigned i = 0; i < numStates; ++i)
      if (!dropState[i]) {
        states.push_back(op.getStates()[i]);
        yielded.push_back(yield->getOperand(i));
      }
    for (unsigned i = 0; i < numYs; ++i)
      if (!dropY[i])
        yielded.push_back(yield->getOperand(numStates + i));
    llvm::append_range(types, ValueRange(states).getTypes());

    auto reduced = RecurrenceOp::create(
        rewriter, op.getLoc(), types, xs, ys, states,
        rewriter.getDenseI64ArrayAttr(axes),
        op.getReverse() ? rewriter.getDenseBoolArrayAttr(reverse)
                        : DenseBoolArrayAttr());
    rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(yielded); });
    for (unsigned i = 0; i < numStates; ++i)
      if (dropState[i])
        rewriter.replaceAllUsesWith(body.getArgument(numXs + i),
                                    op.getStates()[i]);
    llvm::BitVector dropArguments(dropX);
    dropArguments.resize(numXs + numStates);
    for (unsigned i : dropState.set_bits())
      dropArguments.set(numXs + i);
    rewriter.modifyOpInPlace(op, [&] { body.eraseArguments(dropArguments); });
    rewriter.inlineRegionBefore(op.getStep(), reduced.getStep(),
                                reduced.getStep().end());

    // A dropped result is that of its destination: nobody uses it, or it is a
    // state that does not change.
    SmallVector<Value> results;
    unsigned next = 0;
    for (unsigned i = 0; i < numYs; ++i)
      results.push_back(dropY[i] ? op.getYs()[i] : reduced->getResult(next++));
    for (unsigned i = 0; i < numStates; ++i)
      results.push_back(dropState[i] ? op.getStates()[i]
                                     : reduced->getResult(next++));
    rewriter.replaceOp(op, results);
    return success();
  }
};
} // namespace

void SsmDialect::getCanonicalizationPatterns(
    RewritePatternSet &patterns) const {
  patterns.add<FoldPlaceOfSlice>(patterns.getContext());
}

static void addPatternsOf(RecurrenceOp, RewritePatternSet &patterns) {
  patterns.add<DropUnusedOfRecurrence>(patterns.getContext());
}
static void addPatternsOf(MixerOpInterface, RewritePatternSet &) {}

#define SSM_MIXER(Op)                                                          \
  void Op::getCanonicalizationPatterns(RewritePatternSet &patterns,            \
                                       MLIRContext *context) {                 \
    patterns.add<DropFillOfOutput<Op>, DropEmptyTime<Op>>(context);            \
    addPatternsOf(Op(), patterns);                                             \
  }
#include "dialects/ssm/SsmMixers.def"
