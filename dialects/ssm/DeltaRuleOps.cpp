//===- DeltaRuleOps.cpp - shape and verifier of ssm.delta_rule ------------===//

#include "dialects/ssm/SsmHeads.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape DeltaRuleOp::getMixerShape() {
  using namespace heads;
  Heads numHeads = getNumHeads(getQ(), getK(), getV());
  MixerShape shape = getHeadsShape(numHeads);
  bool reverse = getReverse();
  int64_t keys = headExtent(numHeads, G);
  shape.operands = {{"q", {B, L, headExtent(numHeads, J), N}, reverse},
                    {"k", {B, L, keys, N}, reverse},
                    {"v", {B, L, H, P}, reverse}};
  if (getBeta())
    shape.operands.push_back({"beta", {B, L, H}, reverse});
  if (getA())
    shape.operands.push_back({"a", {B, L, keys, N}, reverse});
  if (getB())
    shape.operands.push_back({"b", {B, L, keys, N}, reverse});
  addDecayAndResets(shape, getDecay(), getResets(), reverse);
  shape.operands.push_back(
      {"y", {B, L, headExtent(numHeads, Y), P}, reverse, /*read=*/false});
  shape.operands.push_back({"state", {B, H, N, P}});
  return shape;
}

LogicalResult DeltaRuleOp::verify() {
  // delta_rule_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // delta_rule_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // delta_rule_c3
  if (failed(verifyHeads(*this, getNumHeads(getQ(), getK(), getV()), getY())))
    return failure();
  // delta_rule_c4
  if (failed(verifyFloats(*this, getStateMutable().getOperandNumber())))
    return failure();
  // delta_rule_c5. The generic form can give half of 'erase'.
  if (bool(getA()) != bool(getB()) || bool(getA()) == bool(getBeta()))
    return emitOpError("needs either 'beta' or 'erase' with both its vectors");
  return success();
}
