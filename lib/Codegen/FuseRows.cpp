//===- FuseRows.cpp - norms and softmax row by row ------------------------===//
//
// The root of a group is an elementwise op one of whose operands, a value per
// row, comes from a reduction:
//
//   s[i]    = sum_j x[i, j]^2
//   r[i]    = rsqrt(s[i] / n)
//   y[i, j] = x[i, j] * r[i] * w[j]            the root; i is its row loop
//
// From the root upwards, an op joins the group if all its users are in it and
// if the row loops of its users index its result: its row loops follow. Tiling
// the root by rows of one then computes each op of the group for one row.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMFUSEROWS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

namespace {

/// Loops of each op of a group that run over rows, in the order of the root's.
using Group = llvm::MapVector<Operation *, SmallVector<unsigned>>;

} // namespace

static bool isPointwise(linalg::LinalgOp op) {
  return op && op.hasPureTensorSemantics() && op->getNumResults() == 1 &&
         op.getNumLoops() > 0 && op.getNumParallelLoops() == op.getNumLoops() &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation();
}

/// True if `value` is computed by a reduction, perhaps with elementwise ops of
/// its own shape behind it.
static bool comesFromReduction(Value value) {
  while (auto op = value.getDefiningOp<linalg::GenericOp>()) {
    if (op.getNumReductionLoops() > 0)
      return true;
    if (op->getNumResults() != 1 || !isPointwise(op))
      return false;
    Value next;
    for (OpOperand *input : op.getDpsInputOperands())
      if (op.getMatchingIndexingMap(input).isPermutation() &&
          input->get().getDefiningOp<linalg::GenericOp>())
        next = input->get();
    if (!next)
      return false;
    value = next;
  }
  return false;
}

/// The row loops of `root`: those that index a reduction it uses. Empty where
/// it uses none along its rows.
static SmallVector<unsigned> findRowLoops(linalg::GenericOp root) {
  for (OpOperand *input : root.getDpsInputOperands()) {
    AffineMap map = root.getMatchingIndexingMap(input);
    if (!map.isProjectedPermutation() ||
        map.getNumResults() >= root.getNumLoops() || map.getNumResults() == 0 ||
        !comesFromReduction(input->get()))
      continue;
    SmallVector<unsigned> rows;
    for (AffineExpr expr : map.getResults())
      rows.push_back(cast<AffineDimExpr>(expr).getPosition());
    return rows;
  }
  return {};
}

/// The row loops of a producer, given those of a consumer; empty where they do
/// not all index what passes between them.
static SmallVector<unsigned> followRows(linalg::LinalgOp consumer,
                                        OpOperand &operand,
                                        ArrayRef<unsigned> rows,
                                        linalg::LinalgOp producer) {
  AffineMap read = consumer.getMatchingIndexingMap(&operand);
  auto result = cast<OpResult>(operand.get());
  AffineMap written = producer.getIndexingMapMatchingResult(result);
  if (!read.isProjectedPermutation() || !written.isProjectedPermutation())
    return {};
  SmallVector<unsigned> followed;
  for (unsigned row : rows) {
    std::optional<unsigned> position =
        read.getResultPosition(getAffineDimExpr(row, consumer->getContext()));
    if (!position)
      return {};
    unsigned loop = written.getDimPosition(*position);
    if (producer.getIteratorTypesArray()[loop] != utils::IteratorType::parallel)
      return {};
    followed.push_back(loop);
  }
  return followed;
}

static Group findGroup(linalg::GenericOp root, ArrayRef<unsigned> rows) {
  Group group;
  group[root] = llvm::to_vector(rows);
  bool hasReduction = false;
  for (bool changed = true; changed;) {
    changed = false;
    // Members are appended while we look at them.
    for (unsigned i = 0; i < group.size(); ++i) {
      auto consumer = cast<linalg::LinalgOp>((group.begin() + i)->first);
      SmallVector<unsigned> consumerRows = (group.begin() + i)->second;
      for (OpOperand &operand : consumer->getOpOperands()) {
        auto producer = operand.get().getDefiningOp<linalg::LinalgOp>();
        if (!producer || group.contains(producer) ||
            !isa<linalg::GenericOp, linalg::FillOp>(producer.getOperation()) ||
            producer->getNumResults() != 1 ||
            producer->getBlock() != root->getBlock() ||
            !llvm::all_of(producer->getUsers(), [&](Operation *user) {
              return group.contains(user);
            }))
          continue;
        SmallVector<unsigned> followed =
            followRows(consumer, operand, consumerRows, producer);
        if (followed.empty())
          continue;
        group[producer] = followed;
        hasReduction |= producer.getNumReductionLoops() > 0;
        changed = true;
      }
    }
  }
  return hasReduction ? group : Group();
}

/// Inside the loop, the row of the result also serves as the buffer of the last
/// intermediate row of its type, so that no row needs memory of its own size.
static void reuseDestination(RewriterBase &rewriter, Block &body) {
  linalg::GenericOp root;
  for (auto op : body.getOps<linalg::GenericOp>())
    root = op;
  if (!root || !isPointwise(root))
    return;
  OpOperand *init = root.getDpsInitOperand(0);
  auto slice = init->get().getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice || root.payloadUsesValueFromOperand(init))
    return;
  for (OpOperand *input : root.getDpsInputOperands()) {
    auto producer = input->get().getDefiningOp<linalg::GenericOp>();
    if (!producer || producer->getBlock() != &body ||
        input->get().getType() != slice.getType() ||
        root.getMatchingIndexingMap(input) !=
            root.getMatchingIndexingMap(init) ||
        !producer.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>())
      continue;
    DominanceInfo dominance;
    if (!llvm::all_of(slice->getOperands(), [&](Value operand) {
          return dominance.properlyDominates(operand, producer);
        }))
      continue;
    rewriter.moveOpBefore(slice, producer);
    rewriter.modifyOpInPlace(
        producer, [&] { producer.getDpsInitsMutable()[0].assign(slice); });
    rewriter.modifyOpInPlace(root, [&] { init->set(input->get()); });
    return;
  }
}

static LogicalResult fuse(RewriterBase &rewriter, linalg::GenericOp root,
                          const Group &group, ArrayRef<unsigned> rows) {
  SmallVector<OpFoldResult> tiles(root.getNumLoops(), rewriter.getIndexAttr(0));
  for (unsigned row : rows)
    tiles[row] = rewriter.getIndexAttr(1);
  scf::SCFTileAndFuseOptions options;
  options.tilingOptions.setTileSizes(tiles);
  options.tilingOptions.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
  options.setFusionControlFn(
      [&](tensor::ExtractSliceOp, OpResult producer,
          bool) -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
        if (!group.contains(producer.getOwner()))
          return std::nullopt;
        return scf::SCFTileAndFuseOptions::ControlFnResult{};
      });
  rewriter.setInsertionPoint(root);
  FailureOr<scf::SCFTileAndFuseResult> tiled =
      scf::tileConsumerAndFuseProducersUsingSCF(
          rewriter, cast<TilingInterface>(root.getOperation()), options);
  if (failed(tiled) || tiled->loops.empty())
    return failure();
  for (auto [old, replacement] : tiled->replacements)
    rewriter.replaceAllUsesWith(old, replacement);
  return success();
}

namespace {
struct FuseRows : ssmc::impl::SsmFuseRowsBase<FuseRows> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    // From the last op up, so that a root takes all that precedes it.
    SmallVector<linalg::GenericOp> roots;
    getOperation().walk([&](linalg::GenericOp op) {
      if (isPointwise(op))
        roots.push_back(op);
    });
    DenseSet<Operation *> taken;
    for (linalg::GenericOp root : llvm::reverse(roots)) {
      if (taken.contains(root))
        continue;
      SmallVector<unsigned> rows = findRowLoops(root);
      if (rows.empty())
        continue;
      Group group = findGroup(root, rows);
      if (group.empty())
        continue;
      for (auto &[op, loops] : group)
        taken.insert(op);
      if (failed(fuse(rewriter, root, group, rows))) {
        root.emitError("could not be tiled by rows");
        return signalPassFailure();
      }
    }
    if (failed(cleanUp()))
      return signalPassFailure();
    // An op that two others of its group use has been tiled twice.
    DominanceInfo dominance(getOperation());
    eliminateCommonSubExpressions(rewriter, dominance, getOperation());
    getOperation().walk([&](scf::ForallOp loop) {
      reuseDestination(rewriter, *loop.getBody());
    });
  }

  /// Slices of empty tensors become empty tensors of a row.
  LogicalResult cleanUp() {
    RewritePatternSet patterns(&getContext());
    tensor::populateFoldTensorEmptyPatterns(patterns);
    tensor::ExtractSliceOp::getCanonicalizationPatterns(patterns,
                                                        &getContext());
    return applyPatternsGreedily(getOperation(), std::move(patterns));
  }
};
} // namespace
