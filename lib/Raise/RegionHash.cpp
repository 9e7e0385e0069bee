//===- RegionHash.cpp - equal regions of equal layers ---------------------===//

#include "lib/Raise/RegionHash.h"

#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace ssmc {

static llvm::hash_code hashConstant(const Graph &graph, Value value,
                                    bool weights) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return llvm::hash_value(value.getType().getAsOpaquePointer());
  bool isLarge = !type.hasStaticShape() || type.getNumElements() > 64;
  llvm::hash_code shape =
      llvm::hash_combine(llvm::hash_combine_range(type.getShape()),
                         type.getElementType().getAsOpaquePointer());
  if (!weights && isLarge && isa<FloatType>(type.getElementType()))
    return shape;
  if (auto constant = value.getDefiningOp<onnx::ConstantOp>())
    if (isa<DenseElementsAttr>(constant.getValue()))
      return llvm::hash_combine(
          shape, constant.getValue().getAsOpaquePointer()); // uniqued
  FailureOr<Tensor> tensor = graph.evaluateConstant(value);
  if (failed(tensor)) // different from every other
    return llvm::hash_combine(shape, value.getAsOpaquePointer());
  if (tensor->isFloat())
    return llvm::hash_combine(
        shape, llvm::xxh3_64bits(ArrayRef<uint8_t>(
                   reinterpret_cast<const uint8_t *>(tensor->floats().data()),
                   tensor->floats().size() * sizeof(double))));
  return llvm::hash_combine(shape, llvm::hash_combine_range(tensor->ints()));
}

llvm::hash_code hashRegion(const Graph &graph, const Region &region,
                           bool weights) {
  SmallVector<Value> roots{region.exit};
  llvm::append_range(roots, region.states);
  std::optional<Cone> cone = collectCone(graph, roots, region.frontier);
  if (!cone)
    return llvm::hash_value(region.exit.getAsOpaquePointer());
  llvm::DenseMap<Value, llvm::hash_code> hashes;
  for (auto [i, value] : llvm::enumerate(region.frontier)) {
    ArrayRef<int64_t> shape = *graph.getShape(value);
    hashes[value] = llvm::hash_combine(i, llvm::hash_combine_range(shape));
  }
  for (Value value : cone->constants)
    hashes[value] = hashConstant(graph, value, weights);
  for (Operation *op : cone->nodes) {
    llvm::hash_code hash = llvm::hash_value(op->getName().getAsOpaquePointer());
    if (auto node = dyn_cast<onnx::NodeOp>(op))
      hash = llvm::hash_combine(hash, node.getOpType(), node.getDomain(),
                                node.getVersion(),
                                node.getAttrs().getAsOpaquePointer());
    for (Value operand : op->getOperands()) {
      auto it = hashes.find(operand);
      hash = llvm::hash_combine(hash, it == hashes.end() ? llvm::hash_code(0)
                                                         : it->second);
    }
    for (auto [i, result] : llvm::enumerate(op->getResults()))
      hashes[result] = llvm::hash_combine(hash, i);
  }
  llvm::hash_code hash = llvm::hash_value(roots.size());
  for (Value root : roots)
    hash = llvm::hash_combine(hash, hashes[root]);
  return hash;
}

} // namespace ssmc
