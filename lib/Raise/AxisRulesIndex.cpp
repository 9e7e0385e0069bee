//===- AxisRulesIndex.cpp - axis labels through slices and gathers --------===//

#include "lib/Raise/AxisRules.h"

using namespace mlir;

namespace ssmc {

static void gather(AxisTransfer &t) {
  int64_t rank = t.rank(0);
  int64_t axis = AxisTransfer::axisOf(t.node.getInt("axis", 0), rank);
  if (axis < 0)
    return t.mix();
  const ValueAxes &data = t.axes(0);
  ValueAxes labels(data.begin(), data.begin() + axis);
  labels.append(t.axes(1).begin(), t.axes(1).end());
  labels.append(data.begin() + axis + 1, data.end());
  t.set(0, labels);
  if (t.isConstant(0))
    return; // a table: each index finds its own row
  const Digits &digits = data[axis];
  if (!t.isConstant(1)) {
    t.mix();
    t.set(0, unlabelled(t.resultShape(0)));
    return;
  }
  if (!isLabelled(digits))
    return;
  int64_t extent = t.shape(0)[axis];
  if (extent == 1)
    return;
  t.mix();
  auto indices = t.ints(1);
  if (!indices)
    return;
  if (indices->size() == 1 && isPlainTime(digits)) {
    int64_t k =
        indices->front() < 0 ? indices->front() + extent : indices->front();
    t.covers(0, 0, digits[0], k, k + 1);
  } else if (t.rank(1) == 1 && int64_t(indices->size()) == extent &&
             isPlainTime(digits)) {
    labels[axis] = digits; // the same tokens in another order
    t.set(0, labels);
  }
}

/// Cuts `count` positions from `start`, `step` apart, out of axis `axis`.
static void cut(AxisTransfer &t, unsigned result, Digits &digits, int64_t start,
                int64_t step, int64_t count) {
  int64_t extent = 1;
  for (const Digit &digit : digits)
    extent *= digit.extent;
  if (start == 0 && step == 1 && count == extent)
    return;
  if (!t.resizesTime(digits, count))
    return;
  bool unpads = start == 0 && step == 1 &&
                count >= t.extentOf(digits[0].kind) &&
                tiles(t.axes(0), digits[0].kind, t.extentOf(digits[0].kind));
  if (!unpads)
    t.mix();
  if (step == -1 && count == extent)
    return; // time reversed: mixes, and is a sequence still
  if (step > 0) {
    t.covers(result, 0, digits[0], start, start + (count - 1) * step + 1);
    digits[0].stride *= step;
    digits[0].extent = count;
  }
  if (step < 0 || count == 1)
    digits = {Digit{AxisKind::Other, 1, count}};
}

static void slice(AxisTransfer &t) {
  auto starts = t.intsOrAttr(1, "starts");
  auto axes = t.intsOrAttr(3, "axes");
  std::optional<SmallVector<int64_t>> steps;
  if (t.has(4))
    steps = t.ints(4);
  int64_t rank = t.rank(0);
  ValueAxes labels = t.axes(0);
  if (!starts || (t.has(3) && !axes) || (t.has(4) && !steps)) {
    // Where the cut is computed, only the axes that kept their extent are sure.
    t.mix();
    return t.setLike(0, 0);
  }
  for (unsigned i = 0; i < starts->size(); ++i) {
    int64_t axis = AxisTransfer::axisOf(
        axes && i < axes->size() ? (*axes)[i] : int64_t(i), rank);
    if (axis < 0)
      return t.mix();
    int64_t extent = t.shape(0)[axis];
    int64_t step = steps && i < steps->size() ? (*steps)[i] : 1;
    int64_t start = (*starts)[i];
    if (start < 0)
      start += extent;
    start = std::clamp<int64_t>(start, 0, step < 0 ? extent - 1 : extent);
    cut(t, 0, labels[axis], start, step, t.resultShape(0)[axis]);
  }
  t.set(0, std::move(labels));
}

static void split(AxisTransfer &t) {
  int64_t axis = AxisTransfer::axisOf(t.node.getInt("axis", 0), t.rank(0));
  if (axis < 0)
    return t.mix();
  int64_t start = 0;
  for (unsigned r = 0, e = t.node->getNumResults(); r < e; ++r) {
    ValueAxes labels = t.axes(0);
    int64_t count = t.resultShape(r)[axis];
    cut(t, r, labels[axis], start, 1, count);
    start += count;
    t.set(r, std::move(labels));
  }
}

/// The digit of pieces of one sequence side by side, of any widths. The last
/// tokens that they know of say how far apart its positions are; each position
/// may know of as many tokens less than stand in front of the next one.
static std::optional<Digit> joinPieces(AxisTransfer &t, int64_t axis) {
  int64_t total = t.resultShape(0)[axis];
  unsigned n = t.numInputs();
  for (const auto &[kind, range] : KindSteps(t.steps(n - 1))) {
    StepRange first = findSteps(t.steps(0), kind);
    int64_t begin = t.shape(0)[axis], count = t.extentOf(kind);
    int64_t stride = first.known() && total > begin
                         ? (range.last - first.last) / (total - begin)
                         : 0;
    // As many positions as there are in the sequence.
    if (stride < 1 || (total - 1) * stride >= count || total * stride < count)
      continue;
    int64_t lag = begin * stride - 1 - first.last, end = 0;
    bool fits = lag >= 0 && lag < stride;
    for (unsigned i = 0; i < n && fits; ++i) {
      end += t.shape(i)[axis];
      StepRange own = findSteps(t.steps(i), kind);
      fits = own.known() && own.last == end * stride - 1 - lag;
    }
    if (fits) {
      t.gather({kind}, total, /*width=*/1, /*chained=*/true);
      return Digit{kind, stride, total};
    }
  }
  return std::nullopt;
}

/// The digit of a new axis along which operands stand that are, in order, the
/// first, second, ... of every few tokens: the inner digit of what they have of
/// the sequence. Later ones may be padded at the end; where each one knows of
/// what is before it only, the first one may know of nothing.
static std::optional<Digit> interleave(AxisTransfer &t, int64_t axis) {
  int64_t n = t.numInputs();
  for (const auto &[kind, range] : KindSteps(t.steps(n - 1))) {
    int64_t outer = t.extentOf(kind), count = 1;
    for (int64_t i = 0; i < n; ++i)
      for (const Digits &digits : t.axes(i))
        if (isPlainTime(digits) && digits[0].kind == kind)
          outer = digits[0].stride, count = digits[0].extent;
    int64_t inner = outer / n;
    if (inner < 1 || inner * n != outer)
      continue;
    for (int64_t lag : {int64_t(0), inner}) {
      bool fits = true;
      for (int64_t i = 0; i < n && fits; ++i) {
        StepRange own = findSteps(t.steps(i), kind);
        int64_t last = (count - 1) * outer + (i + 1) * inner - 1 - lag;
        fits = t.shape(i)[axis] == 1 &&
               (own.known()
                    ? own.last == last || (i > 0 && own.last == last - outer)
                    : i == 0 && lag > 0);
      }
      if (!fits)
        continue;
      // Later ones of which each knows of what the first one knows.
      if (findSteps(t.steps(1), kind).first <=
          findSteps(t.steps(0), kind).first)
        t.gather({kind}, count * n, /*width=*/1, /*chained=*/true);
      return Digit{kind, inner, n};
    }
  }
  return std::nullopt;
}

/// The digit along which the operands of a Concat are the values of consecutive
/// steps, in this or in the other direction.
static std::optional<Digit> gatherSteps(AxisTransfer &t, int64_t axis) {
  unsigned n = t.numInputs();
  if (n < 2)
    return std::nullopt;
  int64_t width = t.shape(0)[axis];
  SmallVector<AxisKind, 2> kinds, later;
  bool chained = false;
  KindSteps all = t.steps(0);
  for (const auto &[kind, range] : t.steps(n - 1))
    if (!findSteps(all, kind).known())
      all.push_back({kind, range});
  for (const auto &[kind, some] : all) {
    int64_t stride = t.extentOf(kind) / n;
    if (stride == 0 || (width != 1 && width != stride))
      continue;
    bool forward = true, backward = true;
    // The step that comes first need not know of a decay.
    bool whole = true;
    for (unsigned i = 0; i < n && (forward || backward); ++i) {
      StepRange range = findSteps(t.steps(i), kind);
      whole &= range.known();
      bool same = t.shape(i)[axis] == width;
      forward &=
          same && (range.known() ? range.last == (i + 1) * stride - 1 : i == 0);
      backward &=
          same && (range.known() ? range.first == i * stride : i == n - 1);
    }
    if (!forward && !backward)
      continue;
    (whole ? kinds : later).push_back(kind);
    // The last one knows of all before it.
    StepRange end = findSteps(t.steps(forward ? n - 1 : 0), kind);
    chained |= whole && (forward ? end.first == 0 : end.last == n * stride - 1);
  }
  if (kinds.empty())
    return std::nullopt;
  kinds.append(later);
  return t.gather(kinds, n, width, chained);
}

/// The digit of a sequence behind something that has none of it, the state that
/// the tokens before have left for one.
static std::optional<Digit> followState(AxisTransfer &t, int64_t axis) {
  if (t.numInputs() != 2 || isLabelled(t.axes(0)[axis]) ||
      !isPlainTime(t.axes(1)[axis]))
    return std::nullopt;
  Digit digit = t.axes(1)[axis][0];
  if (!tiles(t.axes(1), digit.kind, t.extentOf(digit.kind)))
    return std::nullopt;
  digit.extent = t.resultShape(0)[axis];
  return digit;
}

/// Values of consecutive steps side by side are time; everything else along a
/// labelled axis mixes.
static void concat(AxisTransfer &t) {
  int64_t rank = t.resultShape(0).size();
  int64_t axis = AxisTransfer::axisOf(t.node.getInt("axis", 0), rank);
  if (axis < 0)
    return t.mix();
  unsigned n = t.numInputs();
  ValueAxes labels;
  for (int64_t a = 0; a < rank; ++a) {
    if (a == axis) {
      labels.push_back({Digit{AxisKind::Other, 1, t.resultShape(0)[a]}});
      continue;
    }
    SmallVector<const Digits *> candidates;
    for (unsigned i = 0; i < n; ++i)
      candidates.push_back(&t.axes(i)[a]);
    labels.push_back(t.join(candidates, t.resultShape(0)[a]));
  }
  std::optional<Digit> gathered = gatherSteps(t, axis);
  if (!gathered && n > 1) {
    gathered = joinPieces(t, axis);
    if (!gathered)
      gathered = interleave(t, axis);
    if (gathered)
      t.mix();
  }
  if (gathered)
    labels[axis] = {*gathered};
  else
    for (unsigned i = 0; i < n; ++i)
      if (isLabelled(t.axes(i)[axis]) && t.shape(i)[axis] > 0)
        t.mix();
  if (std::optional<Digit> behind = followState(t, axis))
    labels[axis] = {*behind};
  // A batch of one stays what it is only if nothing is put beside it.
  t.set(0, std::move(labels));
}

/// The one index along an axis that a constant tensor of indices holds.
static std::optional<int64_t> uniformIndex(const AxisTransfer &t, unsigned i,
                                           int64_t extent) {
  auto indices = t.ints(i, 1 << 22);
  if (!indices || indices->empty())
    return std::nullopt;
  int64_t k = indices->front();
  if (llvm::any_of(*indices, [&](int64_t index) { return index != k; }))
    return std::nullopt;
  return k < 0 ? k + extent : k;
}

/// Labels of a buffer that is written into: its own, or those of what is
/// written where the extents agree.
static void written(AxisTransfer &t, unsigned updates) {
  t.mix();
  ValueAxes labels = t.axes(0);
  if (t.rank(updates) == t.rank(0))
    for (auto [a, axis] : llvm::enumerate(labels))
      if (!isLabelled(axis) && t.shape(updates)[a] == t.shape(0)[a])
        axis = t.axes(updates)[a];
  t.set(0, std::move(labels));
}

static void scatterElements(AxisTransfer &t) {
  written(t, 2);
  int64_t axis = AxisTransfer::axisOf(t.node.getInt("axis", 0), t.rank(0));
  if (axis < 0 || t.rank(2) != t.rank(0) ||
      t.node.getString("reduction", "none") != "none")
    return;
  for (int64_t a = 0, rank = t.rank(0); a < rank; ++a)
    if (t.shape(2)[a] != (a == axis ? 1 : t.shape(0)[a]))
      return;
  if (auto index = uniformIndex(t, 1, t.shape(0)[axis]))
    t.fill(axis, *index, 2);
}

/// Indices that name every element of slab k along one axis, in any order of
/// the other axes.
static void scatterND(AxisTransfer &t) {
  written(t, 2);
  auto indices = t.ints(1, 1 << 20);
  if (!indices || t.rank(1) == 0 ||
      t.node.getString("reduction", "none") != "none")
    return;
  int64_t depth = t.shape(1).back();
  if (depth < 1 || depth > t.rank(0))
    return;
  int64_t rows = indices->size() / depth;
  for (int64_t axis = 0; axis < depth; ++axis) {
    int64_t others = 1;
    for (int64_t a = 0; a < depth; ++a)
      if (a != axis)
        others *= t.shape(0)[a];
    int64_t k = (*indices)[axis];
    bool slab = rows == others;
    for (int64_t r = 0; r < rows && slab; ++r)
      slab = (*indices)[r * depth + axis] == k;
    if (!slab)
      continue;
    if (k < 0)
      k += t.shape(0)[axis];
    return t.fill(axis, k, 2);
  }
}

/// Keeps what does not move along `axis`, mixes where that is a sequence.
static void gatherElements(AxisTransfer &t) {
  t.mix();
  t.setLike(0, 0);
}

void registerIndexAxisRules(AxisRuleTable &table) {
  table["Gather"] = gather;
  table["Slice"] = slice;
  table["Split"] = split;
  table["Concat"] = concat;
  table["ScatterElements"] = scatterElements;
  table["ScatterND"] = scatterND;
  table["GatherElements"] = gatherElements;
}

} // namespace ssmc
