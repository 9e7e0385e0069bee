//===- Fold.cpp - pass onnx-fold ------------------------------------------===//
//
// One walk in order, so that what is folded early serves what comes after it;
// then equal nodes are merged and dead ones removed, from the last to the
// first. Extents may follow from the numbers that became known: where some are
// not known yet, there is another walk. Linear in the number of nodes.
//
//===----------------------------------------------------------------------===//

#include "lib/Eval/Evaluator.h"
#include "lib/Fold/Passes.h"
#include "lib/Fold/Rewrites.h"
#include "lib/Fold/ShapeInference.h"

#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXFOLD
#include "lib/Fold/FoldPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

// Weights are never folded: a result may not be larger than this, nor all
// inputs together than four times as much.
static constexpr int64_t kFoldBytes = 64 * 1024;

static int64_t byteSize(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return std::numeric_limits<int64_t>::max();
  return tensor.getNumElements() * ((tensor.getElementTypeBitWidth() + 7) / 8);
}

static Value makeConstant(OpBuilder &b, Operation *op, ElementsAttr value) {
  b.setInsertionPoint(op);
  return onnx::ConstantOp::create(b, op->getLoc(), value);
}

// A table of two positions that is cut to fewer says how a mask goes on where
// the length is freed: it is not forgotten.
static bool cutsSquare(onnx::NodeOp node) {
  if (node.getOpType() != "Slice" || !node.getDomain().empty())
    return false;
  auto from = dyn_cast<RankedTensorType>(node.getInputs()[0].getType()),
       to = dyn_cast<RankedTensorType>(node->getResult(0).getType());
  if (!from || !to || from.getRank() < 2 || from.getRank() != to.getRank())
    return false;
  ArrayRef<int64_t> whole = from.getShape().take_back(2),
                    cut = to.getShape().take_back(2);
  return whole[0] == whole[1] && cut[0] > 1 && cut[1] > 1 && cut != whole;
}

// The value of each result, where the node has constant inputs and is small
// enough to compute.
static bool foldByValue(onnx::NodeOp node, OpBuilder &b) {
  if (node->getNumRegions() != 0 || node->getNumResults() == 0 ||
      cutsSquare(node))
    return false;
  int64_t bytes = 0;
  for (Value input : node.getInputs()) {
    if (input.getDefiningOp<onnx::NoneOp>())
      continue;
    if (!input.getDefiningOp<onnx::ConstantOp>())
      return false;
    bytes += std::min(byteSize(input.getType()), 8 * kFoldBytes);
  }
  if (bytes > 4 * kFoldBytes)
    return false;
  for (Type type : node->getResultTypes())
    if (byteSize(type) > kFoldBytes)
      return false;
  Evaluator evaluator;
  if (failed(evaluator.run(node)))
    return false; // What is wrong with it shows when it is compiled or run.
  SmallVector<ElementsAttr> values;
  for (Value result : node->getResults()) {
    if (isa<NoneType>(result.getType()))
      return false;
    auto tensor = evaluator.get(result);
    if (failed(tensor) || tensor->isNull())
      return false;
    values.push_back(tensor->toAttr());
    if (!values.back() || values.back().getType() != result.getType())
      return false;
  }
  for (auto [result, value] : llvm::zip(node->getResults(), values))
    result.replaceAllUsesWith(makeConstant(b, node, value));
  return true;
}

// The branch that is taken, in place of an If with a constant condition.
static bool foldIf(onnx::NodeOp node) {
  if (node.getOpType() != "If" || !node.getDomain().empty())
    return false;
  auto constant = node.getInputs()[0].getDefiningOp<onnx::ConstantOp>();
  if (!constant)
    return false;
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!dense || dense.getNumElements() != 1 ||
      !dense.getElementType().isInteger(1))
    return false;
  bool taken = *dense.value_begin<bool>();
  unsigned region =
      taken ? node.getInt("then_branch", 0) : node.getInt("else_branch", 1);
  if (region >= node->getNumRegions() || !node->getRegion(region).hasOneBlock())
    return false;
  Block &block = node->getRegion(region).front();
  Operation *terminator = block.getTerminator();
  if (terminator->getNumOperands() != node->getNumResults())
    return false;
  SmallVector<Value> yielded(terminator->getOperands());
  terminator->erase();
  node->getBlock()->getOperations().splice(Block::iterator(node),
                                           block.getOperations());
  node->replaceAllUsesWith(yielded);
  return true;
}

/// True where numbers have become known that extents may follow from.
static bool foldBlock(Block &block, ShapeInference &inference, OpBuilder &b) {
  bool numbers = false;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (!node)
      continue;
    bool known = node->getNumResults() > 0;
    SmallVector<ElementsAttr> values;
    for (Value result : node->getResults()) {
      values.push_back(inference.constantOf(result));
      known &= static_cast<bool>(values.back());
    }
    if (known) {
      for (auto [result, value] : llvm::zip(node->getResults(), values))
        result.replaceAllUsesWith(makeConstant(b, node, value));
      continue;
    }
    if (foldByValue(node, b)) {
      numbers |= llvm::any_of(node->getResultTypes(), [](Type type) {
        return isa<IntegerType>(getElementTypeOrSelf(type));
      });
      continue;
    }
    // What a node asks of the data would be lost with it.
    bool asks = !inference.equalitiesOf(node).empty();
    if (Value same = asks ? Value() : foldToOperand(node)) {
      node->getResult(0).replaceAllUsesWith(same);
      continue;
    }
    if (mergeWithProducer(node, b))
      continue;
    for (Region &region : node->getRegions())
      for (Block &body : region)
        numbers |= foldBlock(body, inference, b);
    foldIf(node);
  }
  return numbers;
}

/// Extents that only the data says, or nothing yet.
static bool hasOpenExtents(Block &block) {
  return llvm::any_of(block, [](Operation &op) {
    return llvm::any_of(op.getResultTypes(), [](Type type) {
      auto shaped = dyn_cast<ShapedType>(type);
      return shaped && !shaped.hasStaticShape();
    });
  });
}

namespace {
struct Fold : ssmc::impl::OnnxFoldBase<Fold> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder b(module.getContext());
    IRRewriter rewriter(module.getContext());
    for (auto function : module.getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isExternal())
        continue;
      Block &body = function.getBody().front();
      constexpr unsigned kMostRounds = 8;
      bool numbers = true;
      for (unsigned i = 0; i < kMostRounds && numbers; ++i) {
        ShapeInference inference(module);
        if (failed(inference.run(function)))
          return signalPassFailure();
        numbers = foldBlock(body, inference, b);
        eraseDead(body);
        numbers &= hasOpenExtents(body);
      }
      DominanceInfo dominance(function);
      eliminateCommonSubExpressions(rewriter, dominance, function);
      eraseDead(body);
      // A value may have been replaced by one of a more exact type.
      function.setFunctionType(
          FunctionType::get(&getContext(), body.getArgumentTypes(),
                            body.getTerminator()->getOperandTypes()));
    }
  }
};
} // namespace
