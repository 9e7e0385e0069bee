//===- AxisTransfer.cpp - what axis rules are written with ----------------===//

#include "lib/Raise/AxisRules.h"

#include "dialects/ssm/SsmOps.h"

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

void AxisTransfer::covers(unsigned result, unsigned i, const Digit &digit,
                          int64_t begin, int64_t end) {
  for (const Digits &axis : axes(i))
    for (const Digit &other : axis)
      if (other.kind == AxisKind::Time && other.stride > digit.stride)
        return;
  spans[result] = {begin * digit.stride, end * digit.stride - 1};
}

Digits AxisTransfer::join(ArrayRef<const Digits *> candidates, int64_t extent) {
  const Digits *chosen = nullptr;
  for (const Digits *axis : candidates) {
    if (!isLabelled(*axis))
      continue;
    if (chosen && *chosen != *axis)
      mix();
    else
      chosen = axis;
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

/// The buffer is time along `axis` once steps 0, 1, ... have each written
/// their own position of it; or, where the loop runs backwards, the last ones
/// first.
void AxisTransfer::fill(int64_t axis, int64_t index, unsigned updates) {
  int64_t extent = shape(0)[axis];
  StepRange written = steps(updates);
  auto it = analysis.fillings.find(input(0));
  AxisAnalysis::Filling before;
  if (it != analysis.fillings.end())
    before = it->second;
  else if (!isConstant(0))
    return;
  if (!written.known() || length() % extent != 0)
    return;
  int64_t width = length() / extent;
  bool forward = written.last == (index + 1) * width - 1;
  bool backward = written.first == index * width;
  int64_t direction = before.axis >= 0 ? before.stride : 0;
  if (before.axis < 0) {
    if (index == 0 && forward)
      direction = 1;
    else if (index == extent - 1 && backward)
      direction = -1;
    else
      return;
  } else if (before.axis != axis || index != before.last + direction ||
             !(direction > 0 ? forward : backward)) {
    return;
  }
  filling = {axis, before.axis >= 0 ? before.count + 1 : 1, index, direction};
  if (filling.count == extent)
    results[0][axis] = {Digit{AxisKind::Time, width, extent}};
}

bool setMixerAxes(Operation *op,
                  llvm::function_ref<const ValueAxes *(Value)> axesOf,
                  llvm::function_ref<void(Value, ValueAxes)> set) {
  auto shapeOf = [](Value v) {
    return cast<ShapedType>(v.getType()).getShape();
  };
  // Axes of an operand, without its time axis.
  auto stateOf = [&](Value result, const ValueAxes &like) {
    ValueAxes labels = unlabelled(shapeOf(result));
    if (!labels.empty() && !like.empty())
      labels[0] = like[0];
    set(result, std::move(labels));
  };
  Value like;
  if (isa<ssm::ScanOp, ssm::SelectiveScanOp, ssm::ShortConvOp>(op))
    like = op->getOperand(0);
  if (!like || op->getNumResults() != 2)
    return false;
  const ValueAxes *labels = axesOf(like);
  if (!labels)
    return false;
  ValueAxes copy = *labels;
  set(op->getResult(0), copy);
  stateOf(op->getResult(1), copy);
  return true;
}

} // namespace ssmc
