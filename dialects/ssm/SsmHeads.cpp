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

SmallVector<int64_t, 4> mlir::ssm::getDecayDims(Value decay,
                                                ArrayRef<int64_t> extents) {
  switch (shaped(decay).getRank()) {
  case 1:
    return {extents[2]};
  case 2:
    return {extents[2], extents[3]};
  case 3:
    return SmallVector<int64_t, 4>(extents.take_front(3));
  default:
    return SmallVector<int64_t, 4>(extents);
  }
}

void mlir::ssm::addDecayAndResets(MixerShape &shape, Value decay, Value resets,
                                  bool reverse) {
  if (decay)
    shape.operands.push_back(
        {"decay", getDecayDims(decay, {heads::B, heads::L, heads::H, heads::N}),
         reverse});
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
