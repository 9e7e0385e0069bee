//===- AttentionOps.cpp - shapes and verifiers of attention ---------------===//

#include "dialects/ssm/SsmVerify.h"

using namespace mlir;
using namespace mlir::ssm;

static int64_t numHeads(Value value) {
  ShapedType type = shaped(value);
  return type.getRank() == 4 ? type.getDimSize(2) : ShapedType::kDynamic;
}

// Heads are a loop if none is shared, queries are one if their index does not
// say where they stand. Loops come first.
MixerShape AttentionOp::getMixerShape() {
  MixerShape shape;
  auto add = [&](StringRef name) {
    shape.extents.push_back(name.str());
    return static_cast<int64_t>(shape.extents.size()) - 1;
  };
  bool isPlain = numHeads(getQ()) == numHeads(getK());
  int64_t B = add("B"), J = 0, Lq = 0;
  if (isPlain)
    J = add("J");
  if (!countsQueries())
    Lq = add("Lq");
  shape.numLoops = shape.extents.size();
  if (!isPlain)
    J = add("J");
  if (countsQueries())
    Lq = add("Lq");
  int64_t G = isPlain ? J : add("G");
  int64_t Lk = add("Lk"), N = add("N"), P = add("P");

  shape.operands = {
      {"q", {B, Lq, J, N}}, {"k", {B, Lk, G, N}}, {"v", {B, Lk, G, P}}};
  if (Value bias = getBias()) {
    MixerOperand operand{"bias", {B, J, Lq, Lk}};
    ShapedType type = shaped(bias);
    for (auto [i, dim] : llvm::enumerate(operand.dims))
      if (type.getRank() == 4 && type.getDimSize(i) == 1)
        dim = MixerOperand::anyExtent;
    shape.operands.push_back(operand);
  }
  if (getSlopes())
    shape.operands.push_back({"slopes", {J}});
  if (getSinks())
    shape.operands.push_back({"sinks", {J}});
  auto addIndex = [&](Value value, StringRef name,
                      SmallVector<int64_t, 4> dims) {
    if (!value)
      return;
    MixerOperand operand{name.str(), dims};
    operand.isIndex = true;
    shape.operands.push_back(operand);
  };
  addIndex(getQuerySegments(), "query_segments", {B, Lq});
  addIndex(getKeySegments(), "key_segments", {B, Lk});
  addIndex(getQueryPositions(), "query_positions", {B, Lq});
  addIndex(getKeyPositions(), "key_positions", {B, Lk});
  addIndex(getPrefix(), "prefix", {B});
  for (auto [name, dims] :
       {std::pair("y", SmallVector<int64_t, 4>{B, Lq, J, P}),
        std::pair("lse", SmallVector<int64_t, 4>{B, Lq, J})})
    shape.operands.push_back({name, dims, /*reversed=*/false, /*read=*/false});
  return shape;
}

LogicalResult AttentionOp::verify() {
  // attention_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // attention_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // attention_c3
  int64_t queries = numHeads(getQ()), keys = numHeads(getK());
  if (queries < 1 || keys < 1)
    return emitOpError("numbers of heads must be static and at least 1");
  if (queries % keys != 0)
    return emitOpError("has ") << keys << " key heads, which do not divide "
                               << queries << " query heads";
  // attention_c4
  if (failed(verifyFloats(*this, getLseMutable().getOperandNumber())))
    return failure();
  // attention_c5
  for (auto [name, limit] :
       {std::pair("left", getLeft()), std::pair("right", getRight()),
        std::pair("global", std::optional(getGlobal()))})
    if (limit && static_cast<int64_t>(*limit) < 0)
      return emitOpError() << name << " must be at least 0, but is "
                           << static_cast<int64_t>(*limit);
  // attention_c6
  if (getScale() && !getScale()->isFinite())
    return emitOpError("scale must be finite");
  if (getSoftcap() && (!getSoftcap()->isFinite() || getSoftcap()->isZero() ||
                       getSoftcap()->isNegative()))
    return emitOpError("softcap must be finite and above 0");
  // attention_c7
  if (!getQuerySegments() != !getKeySegments())
    return emitOpError("needs the segments of both queries and keys");
  if (!getQueryPositions() != !getKeyPositions())
    return emitOpError("needs the positions of both queries and keys");
  return success();
}

MixerShape LseMergeOp::getMixerShape() {
  enum { B, L, J, P };
  MixerShape shape{{"B", "L", "J", "P"}, 3, std::nullopt, {}};
  for (StringRef part : {"a", "b"}) {
    shape.operands.push_back({("y" + part).str(), {B, L, J, P}});
    shape.operands.push_back({("l" + part).str(), {B, L, J}});
  }
  shape.operands.push_back(
      {"y", {B, L, J, P}, /*reversed=*/false, /*read=*/false});
  shape.operands.push_back(
      {"lse", {B, L, J}, /*reversed=*/false, /*read=*/false});
  return shape;
}

LogicalResult LseMergeOp::verify() {
  // lse_merge_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // lse_merge_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // lse_merge_c3
  return verifyFloats(*this, getLseMutable().getOperandNumber());
}
