//===- LengthMeets.cpp - extents that only their readers tell -------------===//
//
// The axis analysis carries labels forward. An axis that an Expand or a Tile
// makes has none, though what it meets later may have one. Here labels go
// backward: where values meet element by element, an axis that is as long as
// the result's is the result's.
//
// What no label reaches and is as long as the traced sequence or batch stays as
// it is: it may be another number that is equal, which only the user knows. A
// warning names every place that brings in such an extent.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/LengthFreeing.h"

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Raise/AxisRules.h"

using namespace mlir;
using namespace ssmc;

void LengthFreeing::expectBackward() {
  for (Operation &op : llvm::reverse(graph.getBody().front())) {
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (!node || node->getNumResults() != 1)
      continue;
    Value result = node->getResult(0);
    const ValueShape *shape = before.shapeOf(result);
    for (OpOperand &operand : getAlignedOperands(node)) {
      auto known = expectations.find(operand.get());
      const ValueShape *own = before.shapeOf(operand.get());
      // Constants are adapted to what they meet.
      if (operand.get().getDefiningOp<onnx::ConstantOp>() ||
          known == expectations.end() || !shape || !own ||
          own->dims.size() > shape->dims.size() || !expected(result))
        continue;
      size_t lead = shape->dims.size() - own->dims.size();
      for (auto [d, extent] : llvm::enumerate(own->dims)) {
        if (constantExtent(extent).value_or(1) == 1 ||
            extent != shape->dims[lead + d] || follows(operand.get(), d) ||
            !changes(result, lead + d))
          continue;
        known->second[d] = (*expected(result))[lead + d];
        following[operand.get()][d] = true;
      }
    }
  }
}

/// The operands of a node that its result takes extents from, beside those that
/// it makes itself.
static MutableArrayRef<OpOperand> getSources(onnx::NodeOp node) {
  StringRef type = node.getOpType();
  if (type == "Expand" || type == "Tile")
    return node->getOpOperands().take_front();
  return getAlignedOperands(node);
}

/// True where extent `d` of the result is that of a value that is computed.
static bool isGiven(onnx::NodeOp node, const ShapeInference &shapes, size_t d) {
  const ValueShape &result = *shapes.shapeOf(node->getResult(0));
  return llvm::any_of(getSources(node), [&](OpOperand &operand) {
    const ValueShape *own = shapes.shapeOf(operand.get());
    if (operand.get().getDefiningOp<onnx::ConstantOp>() || !own)
      return false;
    size_t lead =
        result.dims.size() - std::min(result.dims.size(), own->dims.size());
    return d >= lead && own->dims[d - lead] == result.dims[d];
  });
}

void LengthFreeing::noteKept(Operation *op, Value value, size_t d,
                             StringRef what) {
  auto extent = constantExtent(before.shapeOf(value)->dims[d]);
  StringRef traced = newLength && extent == length ? "length"
                     : newBatch && extent == batch ? "batch"
                                                   : StringRef();
  if (traced.empty() || *extent < 2 || follows(value, d))
    return;
  std::string text;
  llvm::raw_string_ostream(text)
      << "dimension " << d << " of " << what << ", " << *extent
      << ", is not the traced " << traced
      << ": it meets nothing that says so, and stays";
  assume(op, text);
  // Heads and halves are two everywhere.
  if (*extent > 2)
    warnings.push_back({op->getLoc(), asked + " assumes that " + text});
}

void LengthFreeing::noteKept() {
  for (Operation &op : graph.getBody().front()) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      for (auto [i, value] : llvm::enumerate(op.getOperands()))
        if (value.getDefiningOp<onnx::ConstantOp>() && before.shapeOf(value))
          for (size_t d = 0; d < before.shapeOf(value)->dims.size(); ++d)
            noteKept(value.getDefiningOp(), value, d,
                     "output " + std::to_string(i));
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (!node || node->getNumResults() != 1 || getSources(node).empty())
      continue;
    Value result = node->getResult(0);
    const ValueShape *shape = before.shapeOf(result);
    for (size_t d = 0; shape && d < shape->dims.size(); ++d)
      if (!isGiven(node, before, d))
        noteKept(node, result, d, "its result");
  }
}
