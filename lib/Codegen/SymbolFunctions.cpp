//===- SymbolFunctions.cpp - sizes that depend on symbols alone -----------===//

#include "lib/Codegen/SymbolFunctions.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace ssmc;

static constexpr int64_t kNominalSymbol = 256;

bool SymbolFunctions::contains(Value value) {
  if (value == symbols)
    return true;
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  auto [it, isNew] = known.try_emplace(op, false);
  if (!isNew)
    return it->second;
  auto load = dyn_cast<LLVM::LoadOp>(op);
  bool pure = load ? load.getInvariant() : isPure(op);
  bool result = pure && op->getNumRegions() == 0 &&
                llvm::all_of(op->getOperands(),
                             [&](Value operand) { return contains(operand); });
  return known[op] = result;
}

int64_t SymbolFunctions::estimate(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  Operation *op = value.getDefiningOp();
  if (!op || isa<LLVM::LoadOp>(op))
    return kNominalSymbol;
  auto it = estimates.find(value);
  if (it != estimates.end())
    return it->second;
  SmallVector<Attribute> operands;
  for (Value operand : op->getOperands()) {
    if (!operand.getType().isIntOrIndex())
      return kNominalSymbol;
    operands.push_back(IntegerAttr::get(operand.getType(), estimate(operand)));
  }
  SmallVector<OpFoldResult> folded;
  int64_t result = kNominalSymbol;
  if (succeeded(op->fold(operands, folded)) && folded.size() == 1)
    if (auto attr =
            dyn_cast_if_present<IntegerAttr>(dyn_cast<Attribute>(folded[0])))
      result = attr.getValue().getSExtValue();
  return estimates[value] = result;
}

Value SymbolFunctions::clone(OpBuilder &builder, Value value,
                             IRMapping &mapping) {
  if (Value mapped = mapping.lookupOrNull(value))
    return mapped;
  for (Value operand : value.getDefiningOp()->getOperands())
    clone(builder, operand, mapping);
  builder.clone(*value.getDefiningOp(), mapping);
  return mapping.lookup(value);
}

/// Whether an expression never falls where what it is of grows.
static bool isIncreasing(AffineExpr expr) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return true;
  if (!isIncreasing(binary.getLHS()) || !isIncreasing(binary.getRHS()))
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return true;
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() != AffineExprKind::Mod && constant &&
         constant.getValue() >= 0;
}

Value SymbolFunctions::bound(OpBuilder &builder, Value size,
                             IRMapping &mapping) {
  if (contains(size))
    return clone(builder, size, mapping);
  Operation *op = size.getDefiningOp();
  // With the bounds of the operands.
  auto apply = [&](AffineMap map, ValueRange operands) -> Value {
    SmallVector<Value> bounds(operands);
    AffineExpr expr = map.getResult(0);
    if (!isIncreasing(expr))
      return {};
    for (auto [i, value] : llvm::enumerate(bounds)) {
      bool used = i < map.getNumDims()
                      ? expr.isFunctionOfDim(i)
                      : expr.isFunctionOfSymbol(i - map.getNumDims());
      if (used)
        value = bound(builder, value, mapping);
      else
        value = arith::ConstantIndexOp::create(builder, op->getLoc(), 0);
      if (!value)
        return {};
    }
    return builder.createOrFold<affine::AffineApplyOp>(op->getLoc(), map,
                                                       bounds);
  };
  if (auto min = dyn_cast_if_present<affine::AffineMinOp>(op)) {
    for (unsigned i = min.getMap().getNumResults(); i-- > 0;)
      if (Value value = apply(min.getMap().getSubMap({i}), min.getOperands()))
        return value;
    return {};
  }
  if (auto affine = dyn_cast_if_present<affine::AffineApplyOp>(op))
    return apply(affine.getMap(), affine.getOperands());
  // Sizes are not negative.
  if (auto product = dyn_cast_if_present<arith::MulIOp>(op)) {
    Value a = bound(builder, product.getLhs(), mapping);
    Value b = a ? bound(builder, product.getRhs(), mapping) : Value();
    return b ? builder.createOrFold<arith::MulIOp>(op->getLoc(), a, b)
             : Value();
  }
  return {};
}
