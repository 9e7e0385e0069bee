//===- SsmStep.cpp - ops whose step is a region on tensors ----------------===//

#include "dialects/ssm/SsmStep.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::ssm;

bool mlir::ssm::isCompatible(Type type, RankedTensorType expected) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType() == expected.getElementType() &&
         succeeded(verifyCompatibleShape(tensor, expected));
}

Value mlir::ssm::castTo(OpBuilder &b, Location loc, Value value, Type type) {
  if (value.getType() == type)
    return value;
  return tensor::CastOp::create(b, loc, type, value);
}

SmallVector<Value> mlir::ssm::cloneStep(OpBuilder &b, Location loc,
                                        Region &step, ValueRange arguments) {
  IRMapping mapping;
  Block &body = step.front();
  for (auto [target, value] : llvm::zip_equal(body.getArguments(), arguments))
    mapping.map(target, castTo(b, loc, value, target.getType()));
  for (Operation &op : body.without_terminator())
    b.clone(op, mapping);
  SmallVector<Value> yielded;
  for (Value value : body.getTerminator()->getOperands())
    yielded.push_back(mapping.lookupOrDefault(value));
  return yielded;
}
