//===- Affine.cpp - nodes that compute sums of multiples ------------------===//

#include "lib/Raise/Affine.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace ssmc {

/// ... of the operands that are `data`.
static bool isAffineNode(onnx::NodeOp node,
                         llvm::function_ref<bool(Value)> isData) {
  static const llvm::StringSet<> always = {"Add",
                                           "Sub",
                                           "Sum",
                                           "Neg",
                                           "Identity",
                                           "Cast",
                                           "Reshape",
                                           "Transpose",
                                           "Squeeze",
                                           "Unsqueeze",
                                           "Flatten",
                                           "Slice",
                                           "Split",
                                           "Concat",
                                           "Pad",
                                           "Expand",
                                           "Tile",
                                           "ReduceSum",
                                           "ReduceMean",
                                           "Gather",
                                           "CumSum",
                                           "Trilu",
                                           "Dropout",
                                           "Mean",
                                           "GatherElements",
                                           "GatherND",
                                           "ScatterElements",
                                           "ScatterND"};
  static const llvm::StringSet<> byConstants = {"Mul", "MatMul", "Einsum",
                                                "Gemm", "Conv"};
  static const llvm::StringSet<> ofFirst = {"Div", "DFT"};
  if (!node || !node.getDomain().empty())
    return false;
  StringRef name = node.getOpType();
  unsigned data = llvm::count_if(node->getOperands(), isData);
  bool isFirst = isData(node->getOperand(0));
  return always.contains(name) || (byConstants.contains(name) && data == 1) ||
         (ofFirst.contains(name) && data == 1 && isFirst) ||
         (name == "Where" && !isFirst);
}

bool isAffine(const Cone &cone, ArrayRef<Value> values) {
  llvm::DenseSet<Value> data(values.begin(), values.end());
  auto isData = [&](Value value) { return data.contains(value); };
  return llvm::all_of(cone.nodes, [&](Operation *op) {
    if (!op->getNumRegions() && llvm::none_of(op->getOperands(), isData))
      return true;
    data.insert_range(op->getResults());
    return isAffineNode(dyn_cast<onnx::NodeOp>(op), isData);
  });
}

} // namespace ssmc
