//===- RegroupProducts.cpp - small factors first --------------------------===//
//
// (a b) c becomes (a c) b where a c has fewer elements than a b: of
// (dt B) x, whose product dt B is a matrix for each token, dt x is a vector
// only. What is left is one outer product of two vectors, as a mixer has it.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/Rewrites.h"
#include "lib/Loops/HoistSteps.h"

using namespace mlir;

namespace ssmc {

/// The elements of a product of these shapes, extents that are not constant
/// counting as one; nothing where a rank is not known.
static std::optional<int64_t> sizeOfProduct(Value a, Value b) {
  auto x = dyn_cast<RankedTensorType>(a.getType()),
       y = dyn_cast<RankedTensorType>(b.getType());
  if (!x || !y)
    return std::nullopt;
  int64_t size = 1, rank = std::max(x.getRank(), y.getRank());
  auto extent = [](RankedTensorType type, int64_t fromEnd) -> int64_t {
    if (fromEnd > type.getRank())
      return 1;
    int64_t extent = type.getDimSize(type.getRank() - fromEnd);
    return ShapedType::isDynamic(extent) ? 1 : extent;
  };
  for (int64_t d = 1; d <= rank; ++d)
    size *= std::max(extent(x, d), extent(y, d));
  return size;
}

static bool regroup(onnx::NodeOp node) {
  for (unsigned i : {0u, 1u}) {
    auto inner = definingNode(node.getInputs()[i], "Mul");
    Value other = node.getInputs()[1 - i];
    if (!inner || inner->getBlock() != node->getBlock() || !inner->hasOneUse())
      continue;
    for (unsigned j : {0u, 1u}) {
      Value near = inner.getInputs()[j], far = inner.getInputs()[1 - j];
      auto before = sizeOfProduct(near, far),
           after = sizeOfProduct(near, other);
      if (!before || !after || *after >= *before)
        continue;
      OpBuilder b(node);
      auto unknown = onnx::UnknownType::get(b.getContext());
      Value first =
          makeNode(b, node, "Mul", {near, other}, unknown)->getResult(0);
      Value all =
          makeNode(b, node, "Mul", {first, far}, node->getResult(0).getType())
              ->getResult(0);
      node->getResult(0).replaceAllUsesWith(all);
      node->erase();
      inner->erase();
      return true;
    }
  }
  return false;
}

static bool regroupOne(Block &body) {
  for (auto node : body.getOps<onnx::NodeOp>())
    if (node.getDomain().empty() && node.getOpType() == "Mul" && regroup(node))
      return true;
  return false;
}

bool regroupProducts(func::FuncOp function) {
  bool changed = false;
  function.walk([&](onnx::NodeOp node) {
    if (node.getDomain().empty() && node.getOpType() == "Scan")
      for (Region &region : node->getRegions())
        for (Block &body : region)
          while (regroupOne(body))
            changed = true;
  });
  return changed;
}

} // namespace ssmc
