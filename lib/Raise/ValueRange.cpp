//===- ValueRange.cpp - what numbers a value may hold ---------------------===//
//
// Interval arithmetic back from a value, as far as a few nodes reach: beyond
// them anything is possible. Rounding keeps the order of numbers, so that the
// bounds hold for floats of every size.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/ValueRange.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
class RangeFinder {
public:
  explicit RangeFinder(const Graph &graph) : graph(graph) {}
  ValueRange find(Value value, unsigned depth = 0);

private:
  ValueRange ofConstant(Value value) const;
  ValueRange ofNode(onnx::NodeOp node, unsigned depth);

  const Graph &graph;
  llvm::SmallDenseMap<Value, ValueRange> known;
};
} // namespace

static ValueRange join(ValueRange a, ValueRange b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

static ValueRange negate(ValueRange a) { return {-a.high, -a.low}; }

/// An infinite bound less another says nothing.
static ValueRange add(ValueRange a, ValueRange b) {
  ValueRange sum{a.low + b.low, a.high + b.high};
  return {std::isnan(sum.low) ? -INFINITY : sum.low,
          std::isnan(sum.high) ? INFINITY : sum.high};
}

static ValueRange multiply(ValueRange a, ValueRange b) {
  ValueRange all{INFINITY, -INFINITY};
  for (double x : {a.low, a.high})
    for (double y : {b.low, b.high}) {
      double product = x == 0 || y == 0 ? 0 : x * y;
      all = join(all, {product, product});
    }
  return all;
}

/// One over a range that has no zero in it.
static ValueRange invert(ValueRange a) {
  if (a.low <= 0 && a.high >= 0)
    return {a.low == 0 ? 0.0 : -INFINITY, a.high == 0 ? 0.0 : INFINITY};
  return {1 / a.high, 1 / a.low};
}

ValueRange RangeFinder::ofConstant(Value value) const {
  FailureOr<Tensor> tensor = graph.evaluateConstant(value);
  if (failed(tensor) || tensor->getNumElements() == 0)
    return {};
  ValueRange range{INFINITY, -INFINITY};
  for (int64_t i = 0, e = tensor->getNumElements(); i < e; ++i) {
    if (std::isnan(tensor->at(i)))
      return {};
    range = join(range, {tensor->at(i), tensor->at(i)});
  }
  return range;
}

ValueRange RangeFinder::find(Value value, unsigned depth) {
  constexpr unsigned kDeepest = 32;
  auto [it, isNew] = known.try_emplace(value);
  if (!isNew || depth > kDeepest)
    return it->second;
  ValueRange range;
  auto type = dyn_cast<ShapedType>(value.getType());
  if (type && isa<FloatType>(type.getElementType())) {
    if (!graph.dependsOnInput(value))
      range = ofConstant(value);
    else if (auto node = value.getDefiningOp<onnx::NodeOp>();
             node && node.getDomain().empty() && node->getNumRegions() == 0)
      range = ofNode(node, depth + 1);
  }
  return known[value] = range;
}

ValueRange RangeFinder::ofNode(onnx::NodeOp node, unsigned depth) {
  auto of = [&](unsigned i) {
    return node.hasInput(i) ? find(node.getInputs()[i], depth) : ValueRange();
  };
  StringRef type = node.getOpType();
  if (type == "Sigmoid" || type == "HardSigmoid" || type == "Softmax")
    return {0, 1};
  if (type == "Tanh" || type == "Sin" || type == "Cos" || type == "Erf")
    return {-1, 1};
  if (type == "Exp")
    return {std::exp(of(0).low), std::exp(of(0).high)};
  if (type == "Softplus" || type == "Sqrt")
    return {0, INFINITY};
  if (type == "Relu")
    return {std::max(of(0).low, 0.0), std::max(of(0).high, 0.0)};
  if (type == "Abs") {
    ValueRange range = of(0);
    return {range.low > 0 ? range.low : 0,
            std::max(std::abs(range.low), std::abs(range.high))};
  }
  if (type == "Neg")
    return negate(of(0));
  if (type == "Add")
    return add(of(0), of(1));
  if (type == "Sub")
    return add(of(0), negate(of(1)));
  if (type == "Mul" && node.getInputs()[0] == node.getInputs()[1])
    return {0, INFINITY};
  if (type == "Mul")
    return multiply(of(0), of(1));
  if (type == "Div")
    return multiply(of(0), invert(of(1)));
  if (type == "Min" || type == "Max") {
    ValueRange range = of(0);
    for (unsigned i = 1; i < node.getInputs().size(); ++i)
      range = type == "Min" ? ValueRange{std::min(range.low, of(i).low),
                                         std::min(range.high, of(i).high)}
                            : ValueRange{std::max(range.low, of(i).low),
                                         std::max(range.high, of(i).high)};
    return range;
  }
  if (type == "Where")
    return join(of(1), of(2));
  if (type == "Concat") {
    ValueRange range = of(0);
    for (unsigned i = 1; i < node.getInputs().size(); ++i)
      range = join(range, of(i));
    return range;
  }
  // What moves or repeats elements.
  if (type == "Reshape" || type == "Transpose" || type == "Squeeze" ||
      type == "Unsqueeze" || type == "Identity" || type == "Flatten" ||
      type == "Expand" || type == "Tile" || type == "Slice" ||
      type == "Gather" || type == "Split" || type == "Cast")
    return of(0);
  return {};
}

ValueRange findRange(const Graph &graph, Value value) {
  return RangeFinder(graph).find(value);
}

} // namespace ssmc
