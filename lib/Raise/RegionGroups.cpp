//===- RegionGroups.cpp - which nodes belong to one mixer -----------------===//
//
// Both steps are one pass over the graph with union-find. Core nodes that share
// a value which is not per token are one component. A second pass carries from
// node to node the components whose results reach it without a weight between;
// where that meets a core node, its component joins their group. So do
// components whose results are summed: what a chunk adds to itself, and what
// the chunks before it add.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/Region.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace ssmc {

namespace {
class UnionFind {
public:
  explicit UnionFind(size_t size) : parents(size) {
    for (size_t i = 0; i < size; ++i)
      parents[i] = i;
  }
  int64_t find(int64_t i) {
    while (parents[i] != i)
      i = parents[i] = parents[parents[i]];
    return i;
  }
  void join(int64_t a, int64_t b) {
    a = find(a), b = find(b);
    if (a != b)
      parents[std::max(a, b)] = std::min(a, b); // the first node stands for all
  }

private:
  std::vector<int64_t> parents;
};
} // namespace

RegionFinder::RegionFinder(const AxisAnalysis &analysis)
    : analysis(analysis), graph(analysis.getGraph()),
      symbols(graph.getFunc()->getParentOfType<ModuleOp>()) {
  for (const AxisSeed &seed : analysis.getSeeds()) {
    if (seed.kind != AxisKind::Time)
      continue;
    Type type = graph.getFunc().getArgument(seed.argument).getType();
    AffineExpr extent = symbols.shapeOf(type, "dim")->dims[seed.axis];
    // What one input fixes is fixed.
    length = constantExtent(extent) ? AffineExpr() : extent;
    if (!length)
      break;
  }
}

bool RegionFinder::isWeight(Operation *op) const {
  auto node = dyn_cast<onnx::NodeOp>(op);
  if (!node)
    return false;
  StringRef name = node.getOpType();
  auto constant = [&](unsigned i, unsigned rank) {
    if (!node.hasInput(i) || graph.dependsOnInput(node.getInputs()[i]))
      return false;
    auto shape = graph.getShape(node.getInputs()[i]);
    return shape && shape->size() >= rank;
  };
  if (name == "MatMul" || name == "Gemm" || name == "Einsum")
    return constant(0, 2) || constant(1, 2);
  return name == "Gather" && constant(0, 1);
}

bool RegionFinder::isCore(Operation *op) const {
  bool data = llvm::any_of(op->getResults(), [&](Value value) {
    return graph.dependsOnInput(value);
  });
  if (!data)
    return false;
  auto mixed = [&](Value value) {
    return analysis.getClass(value) == TokenClass::Mixed;
  };
  return analysis.mixesTime(op) || llvm::any_of(op->getOperands(), mixed) ||
         llvm::any_of(op->getResults(), mixed);
}

bool RegionFinder::isTransparent(Operation *op) const {
  return isa<onnx::NodeOp>(op) && !isCore(op) && !isWeight(op) &&
         op->getNumRegions() == 0;
}

static bool isSum(Operation *op) {
  auto node = dyn_cast<onnx::NodeOp>(op);
  return node && node.getDomain().empty() &&
         llvm::is_contained({"Add", "Sub", "Sum"}, node.getOpType());
}

std::vector<Group> RegionFinder::findGroups() const {
  ArrayRef<Operation *> nodes = graph.getNodes();
  std::vector<bool> core(nodes.size());
  for (auto [i, op] : llvm::enumerate(nodes))
    core[i] = isCore(op);

  UnionFind components(nodes.size());
  for (auto [i, op] : llvm::enumerate(nodes)) {
    if (!core[i])
      continue;
    for (Value operand : op->getOperands())
      if (analysis.getClass(operand) == TokenClass::Mixed)
        if (Operation *producer = operand.getDefiningOp())
          components.join(graph.indexOf(producer), i);
  }

  UnionFind groups(nodes.size());
  std::vector<SmallVector<int64_t, 2>> reached(nodes.size());
  for (auto [i, op] : llvm::enumerate(nodes)) {
    SmallVector<int64_t, 2> reaching;
    for (Value operand : op->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (!producer || !graph.dependsOnInput(operand))
        continue;
      for (int64_t from : reached[graph.indexOf(producer)])
        if (int64_t root = groups.find(from);
            !llvm::is_contained(reaching, root))
          reaching.push_back(root);
    }
    if (core[i]) {
      int64_t own = components.find(i);
      for (int64_t from : reaching)
        groups.join(own, from);
      reached[i] = {own};
    } else if (!isWeight(op)) {
      if (isSum(op))
        for (int64_t from : reaching)
          groups.join(reaching.front(), from);
      reached[i] = std::move(reaching);
    }
  }

  llvm::MapVector<int64_t, llvm::MapVector<int64_t, Component>> found;
  for (auto [i, op] : llvm::enumerate(nodes))
    if (core[i]) {
      int64_t component = components.find(i);
      found[groups.find(component)][component].nodes.push_back(op);
    }
  std::vector<Group> result;
  for (auto &[root, parts] : found) {
    Group group;
    for (auto &[first, component] : parts)
      group.push_back(std::move(component));
    result.push_back(std::move(group));
  }
  return result;
}

std::vector<llvm::SmallBitVector>
RegionFinder::listPeels(ArrayRef<Component> group) const {
  constexpr size_t kMostPeels = 64;
  size_t count = group.size();
  std::vector<llvm::SmallBitVector> peels;
  for (size_t i = 0; i < std::min(count, kMostPeels); ++i) {
    peels.emplace_back(count);
    peels.back().set(0, i);
  }
  if (count > kMostPeels)
    return peels;

  // What of the group each node follows from, in one pass over the nodes.
  llvm::DenseMap<Operation *, size_t> owners;
  int64_t low = INT64_MAX, high = -1;
  for (auto [i, component] : llvm::enumerate(group))
    for (Operation *op : component.nodes) {
      owners[op] = i;
      low = std::min(low, graph.indexOf(op));
      high = std::max(high, graph.indexOf(op));
    }
  std::vector<llvm::SmallBitVector> sources(high - low + 1), closures(count);
  for (size_t i = 0; i < count; ++i) {
    closures[i].resize(count);
    closures[i].set(i);
  }
  for (Operation *op : graph.getNodes().slice(low, high - low + 1)) {
    llvm::SmallBitVector &own = sources[graph.indexOf(op) - low];
    own.resize(count);
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp())
        if (int64_t at = graph.indexOf(producer) - low; at >= 0)
          own |= sources[at];
    if (auto owner = owners.find(op); owner != owners.end()) {
      closures[owner->second] |= own;
      own.set(owner->second);
    }
  }
  for (llvm::SmallBitVector &closure : closures)
    if (closure.count() < count && !llvm::is_contained(peels, closure))
      peels.push_back(std::move(closure));
  std::vector<llvm::SmallBitVector> sorted;
  for (size_t size = 0; size < count; ++size)
    llvm::copy_if(peels, std::back_inserter(sorted),
                  [&](const auto &peel) { return peel.count() == size; });
  return sorted;
}

} // namespace ssmc
