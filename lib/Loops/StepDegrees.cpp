//===- StepDegrees.cpp - how a step depends on its states -----------------===//

#include "lib/Loops/StepDegrees.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace ssmc {

StepDegrees::StepDegrees(Block &body, ArrayRef<Value> states) {
  for (Value state : states)
    degrees[state] = Degree::Affine;
  for (Operation &op : body.without_terminator()) {
    Degree most = Degree::Free;
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        most = std::max(most, of(operand));
    });
    if (most == Degree::Free)
      continue;
    auto node = dyn_cast<onnx::NodeOp>(op);
    Degree degree = most == Degree::Affine && node && node.getDomain().empty()
                        ? ofNode(node)
                        : Degree::Other;
    for (Value result : op.getResults())
      degrees[result] = degree;
  }
}

/// The operands are free or affine, and not all of them free.
Degree StepDegrees::ofNode(onnx::NodeOp node) const {
  static const llvm::StringSet<> sums = {"Add", "Sub", "Sum", "Mean", "Concat"};
  // What moves elements or adds some of them up, in ways that others decide.
  static const llvm::StringSet<> linear = {
      "Neg",      "Identity", "Split",         "Transpose",  "CumSum",
      "Squeeze",  "Reshape",  "Flatten",       "Expand",     "Unsqueeze",
      "Slice",    "Gather",   "ReduceSum",     "ReduceMean", "Trilu",
      "GatherND", "Tile",     "GatherElements"};
  // Linear in each operand.
  static const llvm::StringSet<> products = {"Mul", "MatMul", "Einsum"};
  StringRef type = node.getOpType();
  OperandRange inputs = node.getInputs();
  auto areFree = [&](auto range) {
    return llvm::all_of(range, [&](Value v) { return of(v) == Degree::Free; });
  };
  auto when = [](bool affine) {
    return affine ? Degree::Affine : Degree::Other;
  };
  if (node->getNumRegions() != 0)
    return Degree::Other;
  if (sums.contains(type))
    return Degree::Affine;
  if (linear.contains(type))
    return when(areFree(inputs.drop_front()));
  if (products.contains(type))
    return when(llvm::count_if(inputs, [&](Value v) {
                  return of(v) != Degree::Free;
                }) == 1);
  if (type == "Div")
    return when(of(inputs[1]) == Degree::Free);
  if (type == "Gemm")
    return when(of(inputs[0]) == Degree::Free || of(inputs[1]) == Degree::Free);
  if (type == "Where")
    return when(of(inputs[0]) == Degree::Free);
  if (type == "Cast") {
    auto to = dyn_cast<ShapedType>(node->getResult(0).getType());
    return when(to && isa<FloatType>(to.getElementType()));
  }
  if (type == "ScatterND" || type == "ScatterElements")
    return when(of(inputs[1]) == Degree::Free &&
                node.getString("reduction", "none") == "none");
  if (type == "Pad")
    return when(areFree(inputs.drop_front()) &&
                node.getString("mode", "constant") == "constant");
  return Degree::Other;
}

} // namespace ssmc
