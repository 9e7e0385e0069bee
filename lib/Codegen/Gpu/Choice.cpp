//===- Choice.cpp - what a search says instead of a rule ------------------===//

#include "lib/Codegen/Gpu/Choice.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

std::optional<int64_t> ssmc::givenChoice(Operation *op, StringRef name) {
  auto module = op->getParentOfType<ModuleOp>();
  auto choices = module ? module->getAttrOfType<DictionaryAttr>("ssm.choices")
                        : DictionaryAttr();
  auto number = choices ? choices.getAs<IntegerAttr>(name) : IntegerAttr();
  if (!number)
    return std::nullopt;
  return number.getValue().getSExtValue();
}

std::optional<int64_t> ssmc::givenChoice(OpBuilder &b, StringRef name) {
  return givenChoice(b.getInsertionBlock()->getParentOp(), name);
}
