//===- AxisRulesReduction.cpp - axis labels through reductions and norms --===//

#include "lib/Raise/AxisRules.h"

using namespace mlir;

namespace ssmc {

static void reduceOver(AxisTransfer &t, ArrayRef<int64_t> axes, bool keep) {
  int64_t rank = t.rank(0);
  SmallVector<bool> reduced(rank, false);
  for (int64_t given : axes) {
    int64_t axis = AxisTransfer::axisOf(given, rank);
    if (axis < 0)
      return t.mix();
    reduced[axis] = true;
    if (isLabelled(t.axes(0)[axis]) && t.shape(0)[axis] > 1)
      t.mix();
  }
  ValueAxes labels;
  for (int64_t a = 0; a < rank; ++a) {
    if (!reduced[a])
      labels.push_back(t.axes(0)[a]);
    else if (keep)
      labels.push_back({Digit()});
  }
  for (unsigned r = 0, e = t.node->getNumResults(); r < e; ++r)
    t.set(r, labels);
}

static void reduce(AxisTransfer &t) {
  auto axes = t.intsOrAttr(1, "axes");
  if (t.has(1) && !axes)
    return t.mix();
  if (!axes || axes->empty()) {
    axes.emplace();
    if (t.node.getInt("noop_with_empty_axes", 0) == 0)
      for (int64_t a = 0, rank = t.rank(0); a < rank; ++a)
        axes->push_back(a);
  }
  reduceOver(t, *axes, t.node.getInt("keepdims", 1) != 0);
}

static void argReduce(AxisTransfer &t) {
  reduceOver(t, {t.node.getInt("axis", 0)}, t.node.getInt("keepdims", 1) != 0);
}

/// Results as the operand, mixed along one axis.
static void along(AxisTransfer &t, int64_t given) {
  int64_t axis = AxisTransfer::axisOf(given, t.rank(0));
  if (axis < 0 || isLabelled(t.axes(0)[axis]))
    t.mix();
  for (unsigned r = 0, e = t.node->getNumResults(); r < e; ++r)
    t.setLike(r, 0);
}

/// Mixed along `given` and all axes behind it.
static void behind(AxisTransfer &t, int64_t given) {
  int64_t axis = AxisTransfer::axisOf(given, t.rank(0));
  for (int64_t a = std::max<int64_t>(axis, 0), rank = t.rank(0); a < rank; ++a)
    if (isLabelled(t.axes(0)[a]))
      t.mix();
  for (unsigned r = 0, e = t.node->getNumResults(); r < e; ++r)
    t.setLike(r, 0);
}

static void softmax(AxisTransfer &t) {
  if (t.node.getVersion() < 13)
    return behind(t, t.node.getInt("axis", 1));
  along(t, t.node.getInt("axis", -1));
}

static void normLast(AxisTransfer &t) { behind(t, t.node.getInt("axis", -1)); }
static void normAxis(AxisTransfer &t) { along(t, t.node.getInt("axis", -1)); }
static void normSpatial(AxisTransfer &t) { behind(t, 1); }

static void cumulative(AxisTransfer &t) {
  auto given = t.ints(1);
  int64_t axis = given && given->size() == 1
                     ? AxisTransfer::axisOf(given->front(), t.rank(0))
                     : -1;
  if (axis >= 0)
    t.treatAsSequence(t.axes(0)[axis]);
  along(t, axis < 0 ? t.rank(0) : axis);
}

static void trilu(AxisTransfer &t) {
  int64_t rank = t.rank(0);
  for (int64_t a = std::max<int64_t>(0, rank - 2); a < rank; ++a)
    if (isLabelled(t.axes(0)[a]))
      t.mix();
  // A triangle compares the positions of its two axes.
  if (rank >= 2)
    t.meet(t.axes(0)[rank - 2], t.axes(0)[rank - 1]);
  t.setLike(0, 0);
}

void registerReductionAxisRules(AxisRuleTable &table) {
  for (const char *name : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin",
                           "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
                           "ReduceLogSumExp", "ReduceSumSquare"})
    table[name] = reduce;
  table["ArgMax"] = argReduce;
  table["ArgMin"] = argReduce;
  table["Softmax"] = softmax;
  table["LogSoftmax"] = softmax;
  table["Hardmax"] = softmax;
  table["TopK"] = normAxis;
  table["LpNormalization"] = normAxis;
  table["LayerNormalization"] = normLast;
  table["RMSNormalization"] = normLast;
  table["SimplifiedLayerNormalization"] = normLast;
  table["com.microsoft.SimplifiedLayerNormalization"] = normLast;
  table["com.microsoft.SkipLayerNormalization"] = normLast;
  table["com.microsoft.SkipSimplifiedLayerNormalization"] = normLast;
  table["InstanceNormalization"] = normSpatial;
  table["GroupNormalization"] = normSpatial;
  table["CumSum"] = cumulative;
  table["CumProd"] = cumulative;
  table["Trilu"] = trilu;
}

} // namespace ssmc
