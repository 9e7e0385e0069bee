//===- SsmHeads.cpp - mixers with heads that share operands ---------------===//

#include "dialects/ssm/SsmHeads.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape mlir::ssm::getHeadsShape(const Heads &numHeads) {
  return {{"B", "L", "P", "H", "N", "G", "J", "Y"},
          numHeads.isPlain() ? 4u : 3u,
          heads::L,
          {}};
}

Heads mlir::ssm::getNumHeads(Value queries, Value keys, Value values) {
  auto heads = [](Value value) {
    ShapedType type = shaped(value);
    return type.getRank() == 4 ? type.getDimSize(2) : ShapedType::kDynamic;
  };
  return {heads(queries), heads(keys), heads(values)};
}

/// The dimensions of a decay by its rank. Another rank gives those of the last,
/// which the verifier then reports.
static SmallVector<int64_t, 4> getDecayDims(Value decay) {
  using namespace heads;
  switch (shaped(decay).getRank()) {
  case 1:
    return {H};
  case 2:
    return {H, N};
  case 3:
    return {B, L, H};
  default:
    return {B, L, H, N};
  }
}

void mlir::ssm::addDecayAndResets(MixerShape &shape, Value decay, Value resets,
                                  bool reverse) {
  if (decay)
    shape.operands.push_back({"decay", getDecayDims(decay), reverse});
  if (resets)
    shape.operands.push_back({"resets",
                              {heads::B, heads::L},
                              reverse,
                              /*read=*/true,
                              /*isFlag=*/true});
}

LogicalResult mlir::ssm::verifyHeads(MixerOpInterface op, const Heads &numHeads,
                                     Value output) {
  auto [queries, keys, states] = numHeads;
  if (queries < 1 || keys < 1 || states < 1)
    return op->emitOpError("numbers of heads must be static and at least 1");
  if (states % keys != 0)
    return op->emitOpError("has ") << keys << " key heads, which do not divide "
                                   << states << " value heads";
  if (queries % states != 0 && states % queries != 0)
    return op->emitOpError("has ") << queries << " query heads and " << states
                                   << " value heads, of which neither divides "
                                      "the other";
  if (shaped(output).getDimSize(2) != numHeads.outputs())
    return op->emitOpError("'y' must have ")
           << numHeads.outputs() << " heads, the larger of " << queries
           << " query and " << states << " value heads, but is "
           << output.getType();
  return success();
}
