//===- VectorizeRegion.cpp - a scalar region on vectors -------------------===//

#include "lib/Codegen/Cpu/VectorizeRegion.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ssmc;

bool ssmc::canVectorizeRegion(Region &region) {
  if (!region.hasOneBlock())
    return false;
  for (Operation &op : region.front().without_terminator()) {
    bool scalar = llvm::all_of(op.getResultTypes(), [](Type type) {
      return VectorType::isValidElementType(type);
    });
    if (!scalar || op.getNumRegions() ||
        !(op.hasTrait<OpTrait::ConstantLike>() ||
          OpTrait::hasElementwiseMappableTraits(&op)))
      return false;
  }
  return true;
}

SmallVector<Value> ssmc::vectorizeRegion(KernelBuilder &b, Region &region,
                                         ValueRange arguments,
                                         VectorType type) {
  Block &block = region.front();
  IRMapping map;
  map.map(block.getArguments(), arguments);
  auto widen = [&](Type element) {
    return VectorType::get(type.getShape(), element);
  };
  auto lookup = [&](Value value) {
    if (!map.contains(value))
      map.map(value, b.broadcast(widen(value.getType()), value));
    return map.lookup(value);
  };
  for (Operation &op : block.without_terminator()) {
    TypedAttr constant;
    if (matchPattern(&op, m_Constant(&constant))) {
      auto splat = DenseElementsAttr::get(widen(constant.getType()),
                                          Attribute(constant));
      map.map(op.getResult(0), arith::ConstantOp::create(b, splat));
      continue;
    }
    SmallVector<Value> operands = llvm::map_to_vector(op.getOperands(), lookup);
    SmallVector<Type> types = llvm::map_to_vector(
        op.getResultTypes(), [&](Type t) -> Type { return widen(t); });
    Operation *wide = b.create(op.getLoc(), op.getName().getIdentifier(),
                               operands, types, op.getAttrs());
    map.map(op.getResults(), wide->getResults());
  }
  return llvm::map_to_vector(block.getTerminator()->getOperands(), lookup);
}
