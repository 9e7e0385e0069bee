//===- AxisSteps.cpp - the steps of a sequence that values have seen ------===//
//
// A value that lacks the axis of a sequence has been cut out of it: it knows of
// a range of its steps. Ranges are united on the way; where an axis is put
// together again from pieces of known steps, it is that of the sequence.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/AxisClasses.h"

using namespace mlir;

namespace ssmc {

StepRange findSteps(const KindSteps &steps, AxisKind kind) {
  for (const auto &[other, range] : steps)
    if (other == kind)
      return range;
  return {};
}

void addSteps(KindSteps &steps, AxisKind kind, StepRange range) {
  for (auto &[other, known] : steps)
    if (other == kind) {
      known.first = std::min(known.first, range.first);
      known.last = std::max(known.last, range.last);
      return;
    }
  steps.push_back({kind, range});
}

const KindSteps &AxisAnalysis::stepsOf(Value value) const {
  static const KindSteps none;
  auto it = steps.find(value);
  return it == steps.end() ? none : it->second;
}

void AxisAnalysis::spreadSteps(Operation *op, ArrayRef<KindSteps> spans) {
  KindSteps seen;
  for (Value operand : op->getOperands())
    for (const auto &[kind, range] : KindSteps(stepsOf(operand))) {
      StepRange before = findSteps(seen, kind);
      if (before.known() &&
          (before.last + 1 == range.first || range.last + 1 == before.first))
        ++evidence[kind].chained;
      addSteps(seen, kind, range);
    }
  for (auto [result, span] : llvm::zip(op->getResults(), spans)) {
    KindSteps known = seen;
    // What is cut out of a sequence knows of what was cut.
    for (const auto &entry : span) {
      llvm::erase_if(
          known, [&](const auto &other) { return other.first == entry.first; });
      known.push_back(entry);
    }
    // A whole sequence again: what follows starts afresh.
    if (const ValueAxes *labels = getAxes(result))
      llvm::erase_if(known, [&](const auto &entry) {
        return tiles(*labels, entry.first, extentOf(entry.first));
      });
    if (!known.empty())
      steps[result] = std::move(known);
  }
}

Digit AxisAnalysis::gather(ArrayRef<AxisKind> kinds, int64_t count,
                           int64_t width, bool chained) {
  for (AxisKind kind : kinds) {
    if (chained)
      evidence[kind].gathered = std::max(evidence[kind].gathered, count);
    meet({Digit{kind, 1, extentOf(kind)}},
         {Digit{kinds.front(), 1, extentOf(kinds.front())}});
  }
  return width == 1
             ? Digit{kinds.front(), extentOf(kinds.front()) / count, count}
             : Digit{kinds.front(), 1, count * width};
}

bool AxisAnalysis::meet(const Digits &a, const Digits &b) {
  if (!classes || a.size() != b.size())
    return false;
  for (auto [x, y] : llvm::zip(a, b))
    if (x.extent != y.extent || x.stride != y.stride ||
        (x.kind != y.kind && !classes->unite(x.kind, y.kind)))
      return false;
  return true;
}

void AxisAnalysis::noteSequence(const Digits &axis) {
  for (const Digit &digit : axis)
    if (digit.kind >= AxisKind::Time)
      evidence[digit.kind].scanned = true;
}

/// What has a sequence twice compares its tokens with each other.
void AxisAnalysis::noteSquare(const ValueAxes &labels) {
  for (size_t i = 0; i < labels.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (isPlainTime(labels[i]) && labels[i] == labels[j] &&
          labels[i][0].extent > 1)
        evidence[labels[i][0].kind].compared = true;
}

} // namespace ssmc
