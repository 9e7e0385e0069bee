//===- LengthLimits.cpp - numbers that positions are compared with --------===//

#include "lib/Raise/LengthLimits.h"

#include "lib/Eval/Tensor.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

/// What numbers bound positions in. Trilu bounds them on data, too.
static bool bounds(const Graph &graph, onnx::NodeOp node) {
  static const llvm::StringSet<> arithmetic = {
      "Add",  "Sub",         "Mul",   "Div",   "Mod",     "Min",
      "Max",  "Clip",        "Where", "Floor", "Greater", "GreaterOrEqual",
      "Less", "LessOrEqual", "Equal", "Ceil",  "Round",   "BitShift"};
  if (node.getOpType() == "Trilu")
    return true;
  return arithmetic.contains(node.getOpType()) &&
         !graph.dependsOnInput(node->getResult(0));
}

LengthLimit findLengthLimit(const Graph &graph, const Region &region,
                            int64_t length) {
  constexpr double kMost = 1 << 24; // beyond are numbers that stand for none
  constexpr int64_t kManyNumbers = 4096; // a number for every head, say
  LengthLimit limit;
  llvm::DenseSet<Value> stop(region.frontier.begin(), region.frontier.end());
  llvm::DenseSet<Operation *> seen;
  SmallVector<Value> worklist{region.exit};
  llvm::append_range(worklist, region.states);
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (stop.contains(value) || !op || !seen.insert(op).second)
      continue;
    llvm::append_range(worklist, op->getOperands());
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (!node || !bounds(graph, node))
      continue;
    std::optional<ArrayRef<int64_t>> shape = graph.getShape(node->getResult(0));
    limit.any |= !shape || llvm::product_of(*shape) > 1;
    for (Value input : node.getInputs()) {
      auto constant = input.getDefiningOp<onnx::ConstantOp>();
      if (!constant || constant.getValue().getNumElements() > kManyNumbers)
        continue;
      FailureOr<Tensor> tensor = Tensor::fromAttr(constant.getValue());
      if (failed(tensor))
        continue;
      for (int64_t i = 0, e = tensor->getNumElements(); i < e; ++i)
        if (double number = std::abs(tensor->at(i));
            number > length && number <= kMost)
          limit.number =
              std::max<int64_t>(limit.number, int64_t(std::ceil(number)));
    }
  }
  return limit;
}

} // namespace ssmc
