//===- AxisTransfer.cpp - what axis rules are written with ----------------===//

#include "lib/Raise/AxisRules.h"

#include "lib/Operators/Indexing.h"

#include "mlir/IR/DialectResourceBlobManager.h"

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

/// Whether elements `stride` apart satisfy x[n-1] + x[n+1] = c x[n], for a c
/// that is given.
static std::optional<double> findTurn(llvm::function_ref<double(int64_t)> at,
                                      int64_t count) {
  constexpr double kRounded = 1e-4;
  double dot = 0, norm = 0, largest = 0;
  for (int64_t n = 1; n + 1 < count; ++n) {
    dot += at(n) * (at(n - 1) + at(n + 1));
    norm += at(n) * at(n);
  }
  if (norm == 0)
    return std::nullopt;
  for (int64_t n = 0; n < count; ++n)
    largest = std::max(largest, std::abs(at(n)));
  for (int64_t n = 1; n + 1 < count; ++n)
    if (!(std::abs(at(n - 1) + at(n + 1) - dot / norm * at(n)) <=
          kRounded * largest))
      return std::nullopt;
  return dot / norm;
}

/// The numbers of a constant in single precision, where they are.
static ArrayRef<float> floatsOf(Value value) {
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (!constant || !getElementTypeOrSelf(value.getType()).isF32())
    return {};
  ArrayRef<char> bytes;
  if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()))
    bytes = dense.isSplat() ? ArrayRef<char>() : dense.getRawData();
  else if (auto data = dyn_cast<DenseResourceElementsAttr>(constant.getValue()))
    if (AsmResourceBlob *blob = data.getRawHandle().getBlob())
      bytes = blob->getData();
  return {reinterpret_cast<const float *>(bytes.data()),
          bytes.size() / sizeof(float)};
}

bool AxisTransfer::showsWaves(unsigned i, size_t rows, size_t columns) const {
  constexpr int64_t kLeast = 4;
  // Weights are not copied to be looked at: the second and third of the lines
  // along an axis say enough.
  ArrayRef<float> elements = floatsOf(input(i));
  if (int64_t(elements.size()) != llvm::product_of(shape(i)) ||
      std::min(shape(i)[rows], shape(i)[columns]) < kLeast)
    return false;
  SmallVector<int64_t> strides = rowMajorStrides(shape(i));
  auto turns = [&](size_t along, size_t across) {
    auto line = [&](int64_t which) {
      return findTurn(
          [&](int64_t n) -> double {
            return elements[n * strides[along] + which * strides[across]];
          },
          shape(i)[along]);
    };
    std::optional<double> second = line(1), third = line(2);
    return second && third && std::abs(*second - *third) > 1e-9;
  };
  return turns(rows, columns) || turns(columns, rows);
}

bool AxisTransfer::isAlong(unsigned i, size_t rows, size_t columns,
                           const Digits &sequence) {
  if (!isConstant(i) || !isPlainTime(sequence))
    return false;
  if (sequence[0].kind == AxisKind::Time || shape(i)[rows] == shape(i)[columns])
    return true;
  if (!showsWaves(i, rows, columns))
    return false;
  treatAsSequence(sequence);
  return true;
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
