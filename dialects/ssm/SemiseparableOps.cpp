//===- SemiseparableOps.cpp - shape and verifier of ssm.semiseparable -----===//

#include "dialects/ssm/SsmHeads.h"

using namespace mlir;
using namespace mlir::ssm;

static Heads getHeads(SemiseparableOp op) {
  auto heads = [](Value value) {
    ShapedType type = shaped(value);
    return type.getRank() == 4 ? type.getDimSize(2) : ShapedType::kDynamic;
  };
  return {heads(op.getQ()), heads(op.getK()), heads(op.getV())};
}

MixerShape SemiseparableOp::getMixerShape() {
  using namespace heads;
  Heads numHeads = getHeads(*this);
  MixerShape shape = getHeadsShape(numHeads);
  bool reverse = getReverse();
  shape.operands = {{"q", {B, L, headExtent(numHeads, J), N}, reverse},
                    {"k", {B, L, headExtent(numHeads, G), N}, reverse},
                    {"v", {B, L, H, P}, reverse}};
  if (getDecay())
    shape.operands.push_back({"decay", getDecayDims(getDecay()), reverse});
  if (getResets())
    shape.operands.push_back(
        {"resets", {B, L}, reverse, /*read=*/true, /*isFlag=*/true});
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
  if (failed(verifyHeads(*this, getHeads(*this), getY())))
    return failure();
  // semiseparable_c4
  return verifyFloats(*this, getStateMutable().getOperandNumber());
}
