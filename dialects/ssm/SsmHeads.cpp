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

SmallVector<int64_t, 4> mlir::ssm::getDecayDims(Value decay) {
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
