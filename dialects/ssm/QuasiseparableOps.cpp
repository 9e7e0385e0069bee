//===- QuasiseparableOps.cpp - shape and verifier of ssm.quasiseparable ---===//

#include "dialects/ssm/SsmHeads.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape QuasiseparableOp::getMixerShape() {
  // As the shapes of other mixers with heads, but for the order: time is no
  // loop.
  enum { B, P, H, L, N, G, J, Y };
  bool plain = getNumHeads(getQf(), getKf(), getV()).isPlain();
  int64_t queries = plain ? H : J, keys = plain ? H : G,
          outputs = plain ? H : Y;
  MixerShape shape{{"B", "P", "H", "L", "N", "G", "J", "Y"},
                   plain ? 3u : 2u,
                   /*time=*/std::nullopt,
                   {}};
  shape.operands = {{"qf", {B, L, queries, N}},
                    {"kf", {B, L, keys, N}},
                    {"qb", {B, L, queries, N}},
                    {"kb", {B, L, keys, N}},
                    {"v", {B, L, H, P}}};
  if (getDiagonal())
    shape.operands.push_back({"diagonal", {B, L, H}});
  if (getGf())
    shape.operands.push_back({"gf", getDecayDims(getGf(), {B, L, H, N})});
  if (getGb())
    shape.operands.push_back({"gb", getDecayDims(getGb(), {B, L, H, N})});
  if (getResets())
    shape.operands.push_back({"resets",
                              {B, L},
                              /*reversed=*/false,
                              /*read=*/true,
                              /*isFlag=*/true});
  shape.operands.push_back(
      {"y", {B, L, outputs, P}, /*reversed=*/false, /*read=*/false});
  return shape;
}

LogicalResult QuasiseparableOp::verify() {
  // quasiseparable_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // quasiseparable_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // quasiseparable_c3
  if (failed(verifyHeads(*this, getNumHeads(getQf(), getKf(), getV()), getY())))
    return failure();
  // quasiseparable_c4
  if (failed(verifyFloats(*this)))
    return failure();
  // quasiseparable_c5. The generic form can give one of two.
  if (bool(getGf()) != bool(getGb()))
    return emitOpError("needs a decay for both directions or for none");
  return success();
}
