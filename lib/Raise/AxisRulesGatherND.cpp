//===- AxisRulesGatherND.cpp - axis labels through lists of positions -----===//
//
// Indices that no input reaches and that count along an axis of the result - to
// which exporters write x[rows, columns] out - only say where that axis of the
// data is now.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/AxisRules.h"

using namespace mlir;

namespace ssmc {

/// The axis of `shape` along which `indices`, all elements of a tensor of that
/// shape, count from zero; nothing where they do otherwise.
static std::optional<unsigned> countingAxis(ArrayRef<int64_t> indices,
                                            ArrayRef<int64_t> shape) {
  int64_t inner = 1;
  for (unsigned axis = shape.size(); axis-- > 0; inner *= shape[axis]) {
    if (shape[axis] < 2)
      continue;
    bool counts = true;
    for (int64_t i = 0, e = indices.size(); i < e && counts; ++i)
      counts = indices[i] == i / inner % shape[axis];
    if (counts)
      return axis;
  }
  return std::nullopt;
}

static void gatherND(AxisTransfer &t) {
  constexpr int64_t kMostIndices = 1 << 22;
  ArrayRef<int64_t> places = t.shape(1);
  int64_t depth = places.empty() ? 0 : places.back();
  const ValueAxes &data = t.axes(0);
  auto indices = t.ints(1, kMostIndices);
  if (!indices || t.node.getInt("batch_dims", 0) != 0 || depth < 1 ||
      depth > int64_t(data.size()))
    return t.mix();
  ArrayRef<int64_t> shape = places.drop_back();
  ValueAxes labels = unlabelled(shape);
  labels.append(data.begin() + depth, data.end());
  for (int64_t d = 0; d < depth; ++d) {
    SmallVector<int64_t> own;
    for (size_t i = d; i < indices->size(); i += depth)
      own.push_back((*indices)[i]);
    std::optional<unsigned> axis = countingAxis(own, shape);
    if (axis && shape[*axis] == t.shape(0)[d] && !isLabelled(labels[*axis]))
      labels[*axis] = data[d];
    else if (isLabelled(data[d]) && t.shape(0)[d] > 1)
      t.mix();
  }
  t.set(0, std::move(labels));
}

void registerGatherNDAxisRules(AxisRuleTable &table) {
  table["GatherND"] = gatherND;
}

} // namespace ssmc
