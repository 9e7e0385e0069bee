//===- AxisTransfer.cpp - what axis rules are written with ----------------===//

#include "lib/Raise/AxisRules.h"

#include "lib/Operators/Indexing.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

AxisTransfer::AxisTransfer(AxisAnalysis &analysis, onnx::NodeOp node)
    : node(node), analysis(analysis) {
  results.resize(node->getNumResults());
  spans.resize(node->getNumResults());
}

ArrayRef<int64_t> AxisTransfer::shape(unsigned i) const {
  return *analysis.graph.getShape(input(i));
}

const ValueAxes &AxisTransfer::axes(unsigned i) const {
  return analysis.axes.find(input(i))->second;
}

ArrayRef<int64_t> AxisTransfer::resultShape(unsigned i) const {
  return *analysis.graph.getShape(onnx::NodeOp(node)->getResult(i));
}

std::optional<SmallVector<int64_t>> AxisTransfer::ints(unsigned i,
                                                       int64_t limit) const {
  auto type = dyn_cast<ShapedType>(input(i).getType());
  if (!type || !type.getElementType().isIntOrIndex() || !isConstant(i) ||
      llvm::product_of(shape(i)) > limit)
    return std::nullopt;
  FailureOr<Tensor> value = analysis.graph.evaluateConstant(input(i));
  if (failed(value))
    return std::nullopt;
  return SmallVector<int64_t>(value->ints());
}

std::optional<SmallVector<int64_t>> AxisTransfer::intsOrAttr(unsigned i,
                                                             StringRef name) {
  if (has(i))
    return ints(i);
  return node.getInts(name);
}

int64_t AxisTransfer::axisOf(int64_t axis, int64_t rank) {
  if (axis < 0)
    axis += rank;
  return axis < 0 || axis >= rank ? -1 : axis;
}

void AxisTransfer::setLike(unsigned result, unsigned i) {
  ValueAxes labels = unlabelled(resultShape(result));
  for (unsigned a = 0; a < labels.size() && a < axes(i).size(); ++a)
    if (resultShape(result)[a] == shape(i)[a])
      labels[a] = axes(i)[a];
  set(result, std::move(labels));
}

bool AxisTransfer::resizesTime(Digits &axis, int64_t extent) {
  if (isPlainTime(axis))
    return true;
  if (isLabelled(axis))
    mix();
  axis = {Digit{AxisKind::Other, 1, extent}};
  return false;
}

void AxisTransfer::covers(unsigned result, unsigned i, const Digit &digit,
                          int64_t begin, int64_t end) {
  // Positions along outer digits are all there.
  int64_t outer = 0;
  for (const Digits &axis : axes(i))
    for (const Digit &other : axis)
      if (other.kind == digit.kind && other.stride > digit.stride)
        outer += (other.extent - 1) * other.stride;
  // What was cut before ends where its own last token did.
  StepRange before = findSteps(steps(i), digit.kind);
  int64_t whole = outer + digit.extent * digit.stride - 1;
  int64_t lag = before.known() ? whole - before.last : 0;
  int64_t lead = before.known() ? before.first : 0;
  if (lag < 0 || lag >= digit.stride)
    lag = 0;
  if (lead >= digit.stride)
    lead = 0;
  addSteps(spans[result], digit.kind,
           {begin * digit.stride + lead, outer + end * digit.stride - 1 - lag});
}

Digits AxisTransfer::join(ArrayRef<const Digits *> candidates, int64_t extent) {
  const Digits *chosen = nullptr;
  for (const Digits *axis : candidates) {
    if (!isLabelled(*axis))
      continue;
    if (!chosen)
      chosen = axis;
    else if (*chosen != *axis && !meet(*chosen, *axis))
      mix();
  }
  return chosen ? *chosen : Digits{Digit{AxisKind::Other, 1, extent}};
}

ValueAxes AxisTransfer::broadcast(ArrayRef<unsigned> operands,
                                  ArrayRef<int64_t> shapeOfResult) {
  ValueAxes labels;
  int64_t rankOfResult = shapeOfResult.size();
  for (int64_t a = 0; a < rankOfResult; ++a) {
    SmallVector<const Digits *> candidates;
    for (unsigned i : operands) {
      int64_t own = a - (rankOfResult - rank(i));
      if (own >= 0 && shape(i)[own] == shapeOfResult[a])
        candidates.push_back(&axes(i)[own]);
    }
    labels.push_back(join(candidates, shapeOfResult[a]));
  }
  return labels;
}

void AxisTransfer::treatAsSequence(const Digits &axis) {
  for (const Digit &digit : axis)
    if (digit.kind >= AxisKind::Time && digit.extent > 1)
      analysis.evidence[digit.kind].sequential = true;
}

void AxisTransfer::compare(const Digits &axis) {
  for (const Digit &digit : axis)
    if (digit.kind >= AxisKind::Time && digit.extent > 1)
      analysis.evidence[digit.kind].compared = true;
}

bool AxisTransfer::showsOrder(unsigned i, size_t rows, size_t columns) const {
  constexpr int64_t kMost = 1 << 22;
  int64_t elements = llvm::product_of(shape(i));
  if (!isConstant(i) || elements > kMost || shape(i)[rows] != shape(i)[columns])
    return false;
  FailureOr<Tensor> tensor = analysis.graph.evaluateConstant(input(i));
  if (failed(tensor))
    return false;
  SmallVector<int64_t> strides = rowMajorStrides(shape(i));
  bool before = false, behind = false;
  for (int64_t at = 0; at < elements && !(before && behind); ++at) {
    int64_t row = at / strides[rows] % shape(i)[rows],
            column = at / strides[columns] % shape(i)[columns];
    bool any = tensor->at(at) != 0;
    before |= any && column < row;
    behind |= any && column > row;
  }
  return before != behind;
}

bool AxisTransfer::showsDistance(unsigned i, size_t rows,
                                 size_t columns) const {
  constexpr int64_t kMost = 1 << 22;
  if (!isConstant(i) || llvm::product_of(shape(i)) > kMost ||
      shape(i)[rows] != shape(i)[columns])
    return false;
  FailureOr<Tensor> tensor = analysis.graph.evaluateConstant(input(i));
  if (failed(tensor))
    return false;
  SmallVector<int64_t> strides = rowMajorStrides(shape(i));
  auto at = [&](int64_t row, int64_t column) {
    return tensor->at(row * strides[rows] + column * strides[columns]);
  };
  bool differs = false;
  for (int64_t r = 0, extent = shape(i)[rows]; r < extent; ++r)
    for (int64_t c = 0; c < extent; ++c) {
      double x = at(r, c),
             y = at(std::max<int64_t>(0, r - c), std::max<int64_t>(0, c - r));
      if (x != y && !(std::abs(x - y) <= 1e-6 * std::abs(x)))
        return false;
      differs |= x != at(0, 0);
    }
  return differs;
}

bool AxisTransfer::meet(const Digits &a, const Digits &b) {
  return analysis.meet(a, b);
}

/// The buffer is a sequence along `axis` once steps 0, 1, ... have each written
/// their own position of it; or, where the loop runs backwards, the last ones
/// first.
void AxisTransfer::fill(int64_t axis, int64_t index, unsigned updates) {
  int64_t extent = shape(0)[axis];
  if (extent < 1)
    return;
  auto it = analysis.fillings.find(input(0));
  AxisAnalysis::Filling before;
  if (it != analysis.fillings.end())
    before = it->second;
  else if (!isConstant(0))
    return;
  bool starts = before.axis < 0;
  if (!starts && (before.axis != axis || index != before.last + before.stride))
    return;
  if (starts && index != 0 && index != extent - 1)
    return;
  int64_t direction = !starts ? before.stride : index == 0 ? 1 : -1;
  AxisAnalysis::Filling next = {
      axis, starts ? 1 : before.count + 1, index, direction, {}};
  bool chained = false;
  for (const auto &[kind, written] : steps(updates)) {
    if (!starts && !llvm::is_contained(before.kinds, kind))
      continue;
    int64_t all = extentOf(kind), width = all / extent;
    bool follows = direction > 0 ? written.last == (index + 1) * width - 1
                                 : written.first == index * width;
    if (all % extent != 0 || !follows)
      continue;
    next.kinds.push_back(kind);
    chained |= direction > 0 ? written.first == 0 : written.last == all - 1;
  }
  if (next.kinds.empty())
    return;
  filling = next;
  if (filling.count == extent)
    results[0][axis] = {
        analysis.gather(filling.kinds, extent, /*width=*/1, chained)};
}

} // namespace ssmc
