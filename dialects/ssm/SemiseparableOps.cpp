//===- SemiseparableOps.cpp - shape and verifier of ssm.semiseparable -----===//

#include "dialects/ssm/SsmHeads.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape SemiseparableOp::getMixerShape() {
  using namespace heads;
  Heads numHeads = getNumHeads(getQ(), getK(), getV());
  MixerShape shape = getHeadsShape(numHeads);
  bool reverse = getReverse();
  shape.operands = {{"q", {B, L, headExtent(numHeads, J), N}, reverse},
                    {"k", {B, L, headExtent(numHeads, G), N}, reverse},
                    {"v", {B, L, H, P}, reverse}};
  addDecayAndResets(shape, getDecay(), Value(), reverse);
  if (getScale())
    shape.operands.push_back({"scale", {B, L, H}, reverse});
  if (getSkip())
    shape.operands.push_back({"skip", {H}});
  addDecayAndResets(shape, Value(), getResets(), reverse);
  shape.operands.push_back(
      {"y", {B, L, headExtent(numHeads, Y), P}, reverse, /*read=*/false});
  shape.operands.push_back({"state", {B, H, N, P}});
  return shape;
}

LogicalResult SemiseparableOp::verify() {
  // semiseparable_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // semiseparable_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // semiseparable_c3
  if (failed(verifyHeads(*this, getNumHeads(getQ(), getK(), getV()), getY())))
    return failure();
  // semiseparable_c4
  return verifyFloats(*this, getStateMutable().getOperandNumber());
}
