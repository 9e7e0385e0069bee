//===- RegionFactors.cpp - frontiers in front of factors ------------------===//
//
// What multiplies a state is often computed in front of the region: the decay
// as exp(g) or as a sigmoid, the outer product of a key and a value. Mixers
// with matrix states have g, the key and the value for operands, so such
// frontiers are tried once more with these factors in the region.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/Region.h"

using namespace mlir;

namespace ssmc {

namespace {
class Factors {
public:
  Factors(const RegionFinder &finder, const AxisAnalysis &analysis,
          SmallVectorImpl<Value> &frontier)
      : finder(finder), analysis(analysis), graph(analysis.getGraph()),
        frontier(frontier) {}

  /// Expands `value` where its node, behind views, is of this type.
  bool expandNode(Value value, StringRef type);
  /// Expands a product that has more elements than each of its factors.
  bool expandOuter(Value value);

private:
  Value behindViews(Value value) const {
    while (isView(value.getDefiningOp()))
      value = value.getDefiningOp()->getOperand(0);
    return value;
  }
  int64_t size(Value value) const {
    auto shape = graph.getShape(value);
    return shape ? llvm::product_of(*shape) : 0;
  }
  bool isPerToken(Value value) const {
    return analysis.getClass(value) == TokenClass::PerToken;
  }
  /// Expands the views of `value` and the node behind them.
  bool expandAll(Value value);

  const RegionFinder &finder;
  const AxisAnalysis &analysis;
  const Graph &graph;
  SmallVectorImpl<Value> &frontier;
};
} // namespace

bool Factors::expandAll(Value value) {
  while (isView(value.getDefiningOp())) {
    Value source = value.getDefiningOp()->getOperand(0);
    if (!llvm::is_contained(frontier, value) || !finder.expand(frontier, value))
      return false;
    value = source;
  }
  return llvm::is_contained(frontier, value) && finder.expand(frontier, value);
}

bool Factors::expandNode(Value value, StringRef type) {
  auto node = behindViews(value).getDefiningOp<onnx::NodeOp>();
  return node && node.getDomain().empty() && node.getOpType() == type &&
         expandAll(value);
}

bool Factors::expandOuter(Value value) {
  // Factors of factors count while they have as many elements.
  SmallVector<Value> worklist{value}, products;
  int64_t whole = size(value);
  unsigned factors = 0;
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    auto node = behindViews(next).getDefiningOp<onnx::NodeOp>();
    bool isProduct =
        node && node.getDomain().empty() && size(next) == whole &&
        finder.isTransparent(node) &&
        (node.getOpType() == "Mul" || node.getOpType() == "MatMul" ||
         node.getOpType() == "Einsum");
    if (!isProduct) {
      if (!graph.dependsOnInput(next))
        continue;
      if (size(next) >= whole || !isPerToken(next))
        return false;
      ++factors;
      continue;
    }
    products.push_back(next);
    llvm::append_range(worklist, node.getInputs());
  }
  if (factors < 2)
    return false;
  for (Value product : products)
    if (!expandAll(product))
      return false;
  return true;
}

SmallVector<SmallVector<Value>>
RegionFinder::inFrontOfFactors(ArrayRef<Value> frontier) const {
  SmallVector<SmallVector<Value>> variants;
  auto add = [&](SmallVector<Value> variant) {
    mergeViews(variant);
    absorbDominated(variant);
    mergeViews(variant);
    variants.push_back(std::move(variant));
  };
  SmallVector<Value> values(frontier);
  Factors factors(*this, analysis, values);
  bool changed = false;
  for (Value value : frontier)
    changed |= factors.expandOuter(value) || factors.expandNode(value, "Exp");
  if (changed)
    add(values);
  // Of sigmoids one may be a decay, others are rates.
  for (Value value : frontier) {
    SmallVector<Value> other(values);
    if (llvm::is_contained(other, value) &&
        Factors(*this, analysis, other).expandNode(value, "Sigmoid"))
      add(other);
  }
  return variants;
}

} // namespace ssmc
