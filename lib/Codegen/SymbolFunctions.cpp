//===- SymbolFunctions.cpp - sizes that depend on symbols alone -----------===//

#include "lib/Codegen/SymbolFunctions.h"

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
