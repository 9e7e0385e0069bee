//===- RegionTables.cpp - tables that a region may have for operands ------===//
//
// A kernel is a value that no input reaches: a table, or what is computed for
// every position. What a region reads may be far from it, its spectrum say, so
// all that this is computed from is looked at.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/Region.h"

using namespace mlir;

namespace ssmc {

/// More tables than any graph has of one kernel.
static constexpr size_t kMost = 64;

static bool isTable(const Graph &graph, Value value, int64_t channels) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto shape = graph.getShape(value);
  if (!type || !isa<FloatType>(type.getElementType()) || !shape)
    return false;
  SmallVector<int64_t> extents;
  llvm::copy_if(*shape, std::back_inserter(extents),
                [](int64_t extent) { return extent != 1; });
  return extents.size() == 2 && llvm::is_contained(extents, channels);
}

SmallVector<Value> RegionFinder::listTables(const Region &region,
                                            int64_t channels) const {
  std::optional<Cone> cone = collectCone(graph, region.exit, region.frontier);
  if (!cone)
    return {};
  llvm::SetVector<Value> reached;
  reached.insert_range(cone->constants);
  SmallVector<Value> fixed, free;
  for (size_t i = 0; i < reached.size(); ++i) {
    Value value = reached[i];
    auto node = value.getDefiningOp<onnx::NodeOp>();
    if (isTable(graph, value, channels))
      (cast<ShapedType>(value.getType()).hasStaticShape() ? fixed : free)
          .push_back(value);
    if (node && node.getOpType() != "Shape" && node.getOpType() != "Size")
      for (Value operand : node->getOperands())
        if (!isa<NoneType>(operand.getType()))
          reached.insert(operand);
  }
  llvm::append_range(fixed, free);
  fixed.resize(std::min(fixed.size(), kMost));
  return fixed;
}

} // namespace ssmc
