//===- SymbolFunctions.cpp - sizes that depend on symbols alone -----------===//

#include "lib/Codegen/SymbolFunctions.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

/// Which way an expression goes where a variable of it grows: 1, -1, or 0 where
/// it stays; nothing where it does neither.
static std::optional<int> directionIn(AffineExpr expr, AffineExpr variable) {
  if (expr == variable)
    return 1;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return 0;
  std::optional<int> left = directionIn(binary.getLHS(), variable);
  std::optional<int> right = directionIn(binary.getRHS(), variable);
  if (!left || !right)
    return std::nullopt;
  if (*left == 0 && *right == 0)
    return 0;
  if (binary.getKind() == AffineExprKind::Add)
    return *left * *right < 0 ? std::nullopt
                              : std::optional<int>(*left ? *left : *right);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (binary.getKind() == AffineExprKind::Mod || !constant)
    return std::nullopt;
  return constant.getValue() < 0 ? -*left : *left;
}

/// A function of the symbols that the value is never below.
Value SymbolFunctions::least(OpBuilder &builder, Value value,
                             IRMapping &mapping) {
  if (contains(value))
    return clone(builder, value, mapping);
  auto loop = scf::getForInductionVarOwner(value);
  return loop && contains(loop.getLowerBound())
             ? clone(builder, loop.getLowerBound(), mapping)
             : Value();
}

/// What an expression is never above, by the bounds of its operands.
Value SymbolFunctions::boundOf(OpBuilder &builder, Location loc, AffineMap map,
                               ValueRange operands, IRMapping &mapping) {
  SmallVector<Value> bounds;
  AffineExpr expr = map.getResult(0);
  for (auto [i, value] : llvm::enumerate(operands)) {
    unsigned dims = map.getNumDims();
    AffineExpr variable = i < dims ? builder.getAffineDimExpr(i)
                                   : builder.getAffineSymbolExpr(i - dims);
    std::optional<int> direction = directionIn(expr, variable);
    if (!direction)
      return {};
    bounds.push_back(*direction > 0 ? bound(builder, value, mapping)
                     : *direction < 0
                         ? least(builder, value, mapping)
                         : arith::ConstantIndexOp::create(builder, loc, 0));
    if (!bounds.back())
      return {};
  }
  return builder.createOrFold<affine::AffineApplyOp>(loc, map, bounds);
}

Value SymbolFunctions::bound(OpBuilder &builder, Value size,
                             IRMapping &mapping) {
  if (contains(size))
    return clone(builder, size, mapping);
  Operation *op = size.getDefiningOp();
  if (auto min = dyn_cast_if_present<affine::AffineMinOp>(op)) {
    Value least;
    for (unsigned i = 0; i < min.getMap().getNumResults(); ++i) {
      Value each = boundOf(builder, op->getLoc(), min.getMap().getSubMap({i}),
                           min.getOperands(), mapping);
      if (each && least)
        least = builder.createOrFold<arith::MinSIOp>(op->getLoc(), least, each);
      else if (each)
        least = each;
    }
    return least;
  }
  if (auto affine = dyn_cast_if_present<affine::AffineApplyOp>(op))
    return boundOf(builder, op->getLoc(), affine.getMap(), affine.getOperands(),
                   mapping);
  // Sizes are not negative.
  if (auto product = dyn_cast_if_present<arith::MulIOp>(op)) {
    Value a = bound(builder, product.getLhs(), mapping);
    Value b = a ? bound(builder, product.getRhs(), mapping) : Value();
    return b ? builder.createOrFold<arith::MulIOp>(op->getLoc(), a, b)
             : Value();
  }
  return {};
}
