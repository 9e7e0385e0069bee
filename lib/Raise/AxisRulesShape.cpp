//===- AxisRulesShape.cpp - axis labels through views and layouts ---------===//

#include "lib/Raise/AxisRules.h"

using namespace mlir;

namespace ssmc {

static void reshape(AxisTransfer &t) {
  bool lost = false;
  t.set(0, reshapeAxes(t.axes(0), t.resultShape(0), lost));
  if (lost)
    t.mix();
}

static void transpose(AxisTransfer &t) {
  auto perm = t.node.getInts("perm");
  ValueAxes labels;
  int64_t rank = t.rank(0);
  for (int64_t i = 0; i < rank; ++i) {
    int64_t from = perm && int64_t(perm->size()) == rank
                       ? AxisTransfer::axisOf((*perm)[i], rank)
                       : rank - 1 - i;
    if (from < 0)
      return t.mix();
    labels.push_back(t.axes(0)[from]);
  }
  t.set(0, std::move(labels));
}

static void unsqueeze(AxisTransfer &t) {
  auto axes = t.intsOrAttr(1, "axes");
  int64_t rank = t.resultShape(0).size();
  if (!axes)
    return reshape(t);
  SmallVector<bool> inserted(rank, false);
  for (int64_t axis : *axes)
    if (int64_t a = AxisTransfer::axisOf(axis, rank); a >= 0)
      inserted[a] = true;
  ValueAxes labels;
  unsigned next = 0;
  for (int64_t i = 0; i < rank; ++i) {
    if (inserted[i])
      labels.push_back({Digit()});
    else if (next < t.axes(0).size())
      labels.push_back(t.axes(0)[next++]);
  }
  t.set(0, std::move(labels));
}

static void squeeze(AxisTransfer &t) {
  auto axes = t.intsOrAttr(1, "axes");
  int64_t rank = t.rank(0);
  SmallVector<bool> removed(rank, false);
  for (int64_t i = 0; i < rank && !axes; ++i)
    removed[i] = t.shape(0)[i] == 1;
  if (axes)
    for (int64_t axis : *axes)
      if (int64_t a = AxisTransfer::axisOf(axis, rank); a >= 0)
        removed[a] = true;
  ValueAxes labels;
  for (int64_t i = 0; i < rank; ++i)
    if (!removed[i])
      labels.push_back(t.axes(0)[i]);
  t.set(0, std::move(labels));
}

static void tile(AxisTransfer &t) {
  ValueAxes labels;
  for (int64_t i = 0, rank = t.rank(0); i < rank; ++i) {
    Digits axis = t.axes(0)[i];
    int64_t times = t.shape(0)[i] ? t.resultShape(0)[i] / t.shape(0)[i] : 1;
    if (times > 1) {
      if (isLabelled(axis))
        t.mix();
      axis.insert(axis.begin(), Digit{AxisKind::Other, 1, times});
    }
    labels.push_back(axis);
  }
  t.set(0, std::move(labels));
}

/// Zeros behind the end are one more kind of token and mix nothing; zeros in
/// front shift time.
static void pad(AxisTransfer &t) {
  auto pads = t.intsOrAttr(1, "pads");
  int64_t rank = t.rank(0);
  SmallVector<int64_t> axes;
  if (t.has(3)) {
    auto given = t.ints(3);
    if (!given)
      return t.mix();
    axes = *given;
  } else {
    for (int64_t i = 0; i < rank; ++i)
      axes.push_back(i);
  }
  if (!pads || pads->size() != 2 * axes.size())
    return t.mix();
  bool zeros = t.node.getString("mode", "constant") == "constant";
  ValueAxes labels = t.axes(0);
  for (auto [i, given] : llvm::enumerate(axes)) {
    int64_t axis = AxisTransfer::axisOf(given, rank);
    int64_t front = (*pads)[i], back = (*pads)[i + axes.size()];
    if (axis < 0 || (front == 0 && back == 0))
      continue;
    int64_t extent = t.resultShape(0)[axis];
    Digits &digits = labels[axis];
    if (!t.resizesTime(digits, extent))
      continue;
    AxisKind kind = digits[0].kind;
    if (front != 0 || back < 0 || !zeros ||
        !tiles(t.axes(0), kind, t.extentOf(kind)))
      t.mix();
    if (front > 0 && back <= 0)
      t.treatAsSequence(digits); // what is causal begins so
    digits[0].extent = extent;
  }
  t.set(0, std::move(labels));
}

void registerShapeAxisRules(AxisRuleTable &table) {
  table["Reshape"] = reshape;
  table["Flatten"] = reshape;
  table["Transpose"] = transpose;
  table["Unsqueeze"] = unsqueeze;
  table["Squeeze"] = squeeze;
  table["Tile"] = tile;
  table["Pad"] = pad;
}

} // namespace ssmc
