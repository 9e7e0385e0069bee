//===- SelectiveScanMixer.cpp - Mamba's scan with all its parts -----------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Raise/ScanMixers.h"

using namespace mlir;

namespace ssmc {

SmallVector<Role *> SelectiveScanMixer::getRoles() {
  SmallVector<Role *> all{&*x, &*delta, &*B, &*C};
  for (auto *role : {&z, &initial})
    if (*role)
      all.push_back(&**role);
  return all;
}

FailureOr<SmallVector<Value>>
SelectiveScanMixer::emit(GraphWriter &writer) const {
  OpBuilder &builder = writer.builder;
  SmallVector<Value> operands;
  for (const Role *role : {&*x, &*delta, &*B, &*C}) {
    FailureOr<Value> value = writer.apply(role->view, role->value);
    if (failed(value))
      return failure();
    operands.push_back(*value);
  }
  Type element = cast<ShapedType>(operands[0].getType()).getElementType();
  Value weightA = writer.constant(A, element), weightD, gate;
  if (!D.isNull())
    weightD = writer.constant(D, element);
  if (z) {
    FailureOr<Value> value = writer.apply(z->view, z->value);
    if (failed(value))
      return failure();
    gate = *value;
  }
  SmallVector<AffineExpr> extents = writer.extents(x->view);
  RankedTensorType type = writer.type(extents, element);
  RankedTensorType stateType = writer.type(
      {extents[0], extents[2], writer.fixed(A.getShape()[1])}, element);
  FailureOr<Value> start = initial ? writer.apply(initial->view, initial->value)
                                   : FailureOr<Value>(writer.zeros(stateType));
  Value destination = writer.empty(type);
  if (failed(start) || !*start || !destination)
    return failure();
  auto scan = ssm::SelectiveScanOp::create(
      builder, writer.loc, TypeRange{type, stateType}, operands[0], operands[1],
      weightA, operands[2], operands[3], weightD, gate, /*resets=*/Value(),
      destination, *start, reverse ? builder.getUnitAttr() : UnitAttr());
  return writer.leave(*exit, scan->getResult(0), states, scan->getResult(1));
}

} // namespace ssmc
