//===- LengthCounts.cpp - what is a sum over the traced size --------------===//
//
// Every value is followed from where it is summed over an axis that changes: of
// how many elements it is a sum, before and after. What is made of a sum is one
// still, by whatever operator, until an operator is known to end it - a
// comparison, a normalisation - or until it is spread over the sequence again;
// running sums, which have the sequence, are followed as long as results scale
// with them.
// Sums over axes that stay are multiplied in separately: a number may count
// both. The count is stated where a reduction says what it sums, and operators
// that scale with their operands, and views, pass that on; products with
// weights, activations and ratios do not.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/LengthFreeing.h"
#include "lib/Operators/Indexing.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ssmc;

bool LengthFreeing::follows(Value value, size_t axis) const {
  auto it = following.find(value);
  return it != following.end() && axis < it->second.size() && it->second[axis];
}

size_t LengthFreeing::countFollowing(Value value) const {
  auto it = following.find(value);
  return it == following.end() ? 0 : llvm::count(it->second, true);
}

static bool isStatedSum(StringRef type) {
  return llvm::StringSwitch<bool>(type)
      .Cases({"ReduceSum", "ReduceMean", "ReduceSumSquare"}, true)
      .Cases({"ReduceL1", "ReduceL2"}, true)
      .Default(false);
}

// The axes that a reduction sums over; nothing where they are not known.
static std::optional<SmallVector<int64_t>>
reducedAxes(onnx::NodeOp node, const ShapeInference &shapes, int64_t rank) {
  SmallVector<int64_t> axes;
  if (node.hasInput(1)) {
    auto elements = shapes.elementsOf(node.getInputs()[1]);
    if (!elements)
      return std::nullopt;
    for (AffineExpr element : *elements)
      if (auto axis = constantExtent(element))
        axes.push_back(*axis);
      else
        return std::nullopt;
  } else if (auto given = node.getInts("axes")) {
    axes = *given;
  }
  if (axes.empty() && node.getInt("noop_with_empty_axes", 0) == 0)
    for (int64_t axis = 0; axis < rank; ++axis)
      axes.push_back(axis);
  for (int64_t &axis : axes) {
    auto normal = normalizeAxis(axis, rank);
    if (!normal)
      return std::nullopt;
    axis = *normal;
  }
  return axes;
}

// What a softmax has made sums to one however many there are.
static bool isNormalised(Value value) {
  for (int depth = 0; depth < 8; ++depth) {
    auto node = value.getDefiningOp<onnx::NodeOp>();
    if (!node || node.getInputs().empty())
      return false;
    StringRef type = node.getOpType();
    if (type == "Softmax")
      return true;
    if (type != "Cast" && type != "Identity" && type != "Dropout")
      return false;
    value = node.getInputs()[0];
  }
  return false;
}

static int64_t multiply(int64_t a, int64_t b) {
  int64_t product;
  return llvm::MulOverflow(a, b, product) ? 1 : product;
}

// How many elements there are along those of the axes that stay.
int64_t LengthFreeing::fixedExtents(Value in, ArrayRef<int64_t> axes) const {
  const ValueShape *shape = before.shapeOf(in);
  int64_t product = 1;
  for (int64_t axis : axes)
    if (shape && axis >= 0 && axis < int64_t(shape->dims.size()) &&
        !follows(in, axis))
      if (auto extent = constantExtent(shape->dims[axis]))
        product = multiply(product, *extent);
  return product;
}

std::optional<LengthFreeing::Count>
LengthFreeing::countOf(Value in, ArrayRef<int64_t> axes, bool stated) const {
  const ValueShape *shape = before.shapeOf(in);
  if (!shape)
    return std::nullopt;
  Count count;
  count.stated = stated;
  SmallVector<AffineExpr> factors;
  for (int64_t axis : axes) {
    if (axis < 0 || axis >= int64_t(shape->dims.size()))
      return std::nullopt;
    auto extent = constantExtent(shape->dims[axis]);
    if (!extent)
      count.stated = false;
    if (!follows(in, axis) || extent.value_or(1) <= 1)
      continue;
    AffineExpr wanted =
        changes(in, axis) ? (*expected(in))[axis] : AffineExpr();
    if (!wanted)
      count.stated = false; // a piece of it, or padded
    factors.push_back(wanted ? wanted : shape->dims[axis]);
    count.traced = multiply(count.traced, *extent);
  }
  if (factors.empty())
    return std::nullopt;
  count.changed = multiplyExtents(factors, b.getContext());
  auto it = fixedCounts.find(in);
  count.fixed = multiply(fixedExtents(in, axes),
                         it == fixedCounts.end() ? 1 : it->second);
  return count;
}

std::optional<LengthFreeing::Count>
LengthFreeing::countSummed(onnx::NodeOp node) const {
  StringRef type = node.getOpType();
  Value in = node.getInputs()[0];
  const ValueShape *shape = before.shapeOf(in);
  if (!shape)
    return std::nullopt;
  int64_t rank = shape->dims.size();
  bool stated = isStatedSum(type);
  if (stated || type == "ReduceLogSum" || type == "ReduceLogSumExp" ||
      type == "ReduceProd") {
    auto axes = reducedAxes(node, before, rank);
    return axes ? countOf(in, *axes, stated) : std::nullopt;
  }
  if (type == "MatMul" && rank > 0 && !isNormalised(in))
    return countOf(in, {rank - 1}, false);
  if (type == "Gemm" && rank == 2)
    return countOf(in, {node.getInt("transA", 0) ? 0 : 1}, false);
  if (type == "CumSum" && node.hasInput(1)) {
    auto elements = before.elementsOf(node.getInputs()[1]);
    auto given = elements && elements->size() == 1
                     ? constantExtent(elements->front())
                     : std::nullopt;
    auto axis = given ? normalizeAxis(*given, rank) : std::nullopt;
    return axis ? countOf(in, {*axis}, false) : std::nullopt;
  }
  if (type == "Einsum") {
    std::string equation = node.getString("equation", "").str();
    llvm::erase(equation, ' ');
    auto [left, right] = StringRef(equation).split("->");
    SmallVector<StringRef> terms;
    left.split(terms, ',');
    for (auto [term, operand] : llvm::zip(terms, node.getInputs())) {
      SmallVector<int64_t> axes;
      for (auto [axis, letter] : llvm::enumerate(term))
        if (!right.contains(letter))
          axes.push_back(axis);
      if (auto count = countOf(operand, axes, false);
          count && !isNormalised(operand))
        return count;
    }
  }
  return std::nullopt;
}

// True for operators whose results are no sums whatever their operands are.
static bool endsCounts(onnx::NodeOp node) {
  StringRef type = node.getOpType();
  return getElementTypeOrSelf(node->getResult(0).getType()).isInteger(1) ||
         type.ends_with("Normalization") || type.ends_with("max") ||
         llvm::StringSwitch<bool>(type)
             .Cases({"Shape", "Size", "ArgMax", "ArgMin", "NonZero"}, true)
             .Cases({"Sign", "ConstantOfShape", "Range", "EyeLike"}, true)
             .Default(false);
}

// True for views, and for what scales with its operands or a power of them.
static bool scalesAlong(StringRef type) {
  return llvm::StringSwitch<bool>(type)
      .Cases({"Add", "Sub", "Mul", "Div", "Neg", "Abs"}, true)
      .Cases({"Sqrt", "Pow", "Reciprocal", "Cast", "CastLike"}, true)
      .Cases({"Max", "Min", "Where", "Identity", "Sum", "Clip"}, true)
      .Cases({"Relu", "LeakyRelu", "Dropout", "Mean"}, true)
      .Cases({"Reshape", "Squeeze", "Unsqueeze", "Flatten"}, true)
      .Cases({"Transpose", "Expand", "Slice", "Split"}, true)
      .Cases({"Concat", "Gather", "GatherElements", "GatherND"}, true)
      .Cases({"Pad", "Tile", "ReduceMax", "ReduceMin"}, true)
      .Default(false);
}

LengthFreeing::Count LengthFreeing::timesCount(Count a, const Count &b) const {
  a.traced = multiply(a.traced, b.traced);
  a.fixed = multiply(a.fixed, b.fixed);
  a.changed = multiplyExtents({a.changed, b.changed}, a.changed.getContext());
  a.stated &= b.stated;
  return a;
}

std::optional<LengthFreeing::Count>
LengthFreeing::countInherited(onnx::NodeOp node) const {
  if (endsCounts(node))
    return std::nullopt;
  StringRef type = node.getOpType();
  bool multiplies =
      type == "Mul" || type == "MatMul" || type == "Gemm" || type == "Einsum";
  std::optional<Count> count;
  for (auto [i, operand] : llvm::enumerate(node.getInputs())) {
    auto it = counts.find(operand);
    if (it == counts.end() || (i > 0 && type.starts_with("Gather")))
      continue;
    const Count &other = it->second;
    if (!count)
      count = other;
    else if (multiplies)
      count = timesCount(*count, other);
    else if (type == "Div" || count->changed != other.changed)
      count->stated = false;
  }
  if (!count)
    return std::nullopt;
  // Summed once more, over axes that stay.
  const ValueShape *shape = before.shapeOf(node.getInputs()[0]);
  if (isStatedSum(type)) {
    auto axes =
        shape ? reducedAxes(node, before, shape->dims.size()) : std::nullopt;
    count->stated &= axes.has_value();
    if (axes)
      count->fixed =
          multiply(count->fixed, fixedExtents(node.getInputs()[0], *axes));
    return count;
  }
  count->stated &= scalesAlong(type);
  return count;
}

std::optional<LengthFreeing::Count>
LengthFreeing::countIn(onnx::NodeOp node) const {
  std::optional<Count> summed = countSummed(node);
  std::optional<Count> inherited = countInherited(node);
  if (summed && inherited && node.getOpType() != "CumSum")
    return timesCount(*summed, *inherited);
  return summed ? summed : inherited;
}

// Running sums would end nowhere: where some of the sequence is left, only what
// scales with them is followed.
bool LengthFreeing::keepsSequence(Value value) const {
  const Expected *extents = expected(value);
  for (size_t d = 0, rank = extents ? extents->size() : 0; d < rank; ++d)
    if (follows(value, d) &&
        !(newLength && newBatch && (*extents)[d] == newBatch))
      return true;
  return false;
}

// What of the operands is a sum, unless a result has more of the sequence.
void LengthFreeing::passCounts(onnx::NodeOp node) {
  passFixed(node);
  std::optional<Count> summed = countSummed(node), count = countIn(node);
  if (!count)
    return;
  size_t most = 0;
  for (Value operand : node.getInputs())
    if (counts.contains(operand))
      most = std::max(most, countFollowing(operand));
  for (Value result : node->getResults())
    if (summed || (countFollowing(result) <= most &&
                   (!keepsSequence(result) || scalesAlong(node.getOpType()))))
      counts[result] = *count;
}

void LengthFreeing::passFixed(onnx::NodeOp node) {
  StringRef type = node.getOpType();
  Value in = node.getInputs()[0];
  const ValueShape *shape = before.shapeOf(in);
  int64_t count = 1;
  if (!scalesAlong(type) && !isStatedSum(type))
    return;
  for (Value operand : node.getInputs())
    if (auto it = fixedCounts.find(operand); it != fixedCounts.end())
      count = std::max(count, it->second);
  if (isStatedSum(type) && shape)
    if (auto axes = reducedAxes(node, before, shape->dims.size()))
      count = multiply(count, fixedExtents(in, *axes));
  if (count > 1)
    for (Value result : node->getResults())
      fixedCounts[result] = count;
}
