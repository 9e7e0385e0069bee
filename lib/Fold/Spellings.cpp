//===- Spellings.cpp - one spelling for what is spelled in many ways ------===//
//
// Each rule gives the same function of real numbers. Where the exporter's
// spelling overflows or cancels in single precision (log(1 + e^x) of a large
// x), the preferred one does not.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/Spellings.h"

#include "lib/Eval/Tensor.h"
#include "lib/Operators/Operator.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace ssmc;

// The value of a constant of one element.
static std::optional<double> scalarConstant(Value value) {
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (!constant || constant.getValue().getNumElements() != 1)
    return std::nullopt;
  FailureOr<Tensor> tensor = Tensor::fromAttr(constant.getValue());
  if (failed(tensor))
    return std::nullopt;
  return tensor->at(0);
}

// The only input of the node of type `type` that defines `value`.
static Value operandOf(Value value, StringRef type) {
  onnx::NodeOp node = value ? definingNode(value, type) : nullptr;
  return node && node.getInputs().size() == 1 ? node.getInputs()[0] : Value();
}

// The other operand of an operator that commutes, where one is a constant for
// which `accepts` holds. Broadcasting it must not make the result larger.
static Value otherOperand(Value value, StringRef type,
                          llvm::function_ref<bool(double)> accepts) {
  onnx::NodeOp node = value ? definingNode(value, type) : nullptr;
  if (!node || node.getInputs().size() != 2)
    return {};
  for (unsigned i : {0u, 1u}) {
    Value other = node.getInputs()[1 - i];
    std::optional<double> number = scalarConstant(node.getInputs()[i]);
    if (number && accepts(*number) && other.getType() == value.getType())
      return other;
  }
  return {};
}

static Value otherOperand(Value value, StringRef type, double constant) {
  return otherOperand(value, type,
                      [&](double number) { return number == constant; });
}

// y of -y.
static Value negated(Value value) {
  if (Value operand = operandOf(value, "Neg"))
    return operand;
  return otherOperand(value, "Mul", -1);
}

static bool isSingleOrLess(Value value) {
  auto type = dyn_cast<FloatType>(getElementTypeOrSelf(value.getType()));
  return type && type.getWidth() <= 32;
}

// x of log(1 + e^x).
static Value softplusOperand(Value value) {
  if (Value operand = operandOf(value, "Softplus"))
    return operand;
  return operandOf(otherOperand(operandOf(value, "Log"), "Add", 1), "Exp");
}

// x of 1 + e^-x.
static Value logisticOperand(Value value) {
  return negated(operandOf(otherOperand(value, "Add", 1), "Exp"));
}

// Where(x > limit, x, log(1 + e^x)), with x or min(x, limit) in the
// exponential: from the limit on both are the same number.
static Value guardedSoftplus(onnx::NodeOp node) {
  constexpr double kNoLimit = 15; // e^-15 is less than half an ulp of 15
  if (node.getInputs().size() != 3 || !isSingleOrLess(node->getResult(0)))
    return {};
  auto condition = node.getInputs()[0].getDefiningOp<onnx::NodeOp>();
  if (!condition || !condition.getDomain().empty() ||
      condition.getInputs().size() != 2)
    return {};
  StringRef compares = condition.getOpType();
  Value x = condition.getInputs()[0];
  std::optional<double> limit = scalarConstant(condition.getInputs()[1]);
  if (!limit || *limit < kNoLimit ||
      x.getType() != node->getResult(0).getType())
    return {};
  bool greater = compares == "Greater" || compares == "GreaterOrEqual";
  if (!greater && compares != "Less" && compares != "LessOrEqual")
    return {};
  Value large = node.getInputs()[greater ? 1 : 2];
  Value inner = softplusOperand(node.getInputs()[greater ? 2 : 1]);
  if (large != x || !inner)
    return {};
  if (inner == x)
    return x;
  bool bounded = otherOperand(inner, "Min", [&](double bound) {
                   return bound >= *limit;
                 }) == x;
  return bounded ? x : Value();
}

static Value integerConstant(onnx::NodeOp node, OpBuilder &b, int64_t value) {
  b.setInsertionPoint(node);
  return onnx::ConstantOp::create(
      b, node.getLoc(), Tensor::integers(b.getContext(), value).toAttr());
}

// All of `axis` in reverse order, at any extent.
static Value flipped(onnx::NodeOp node, OpBuilder &b, int64_t axis) {
  constexpr int64_t kFront = std::numeric_limits<int64_t>::min();
  return makeNode(b, node, "Slice",
                  {node.getInputs()[0], integerConstant(node, b, -1),
                   integerConstant(node, b, kFront),
                   integerConstant(node, b, axis),
                   integerConstant(node, b, -1)},
                  node->getResult(0).getType())
      ->getResult(0);
}

// Of every row all steps reversed.
static Value flippedSequence(onnx::NodeOp node, OpBuilder &b) {
  auto constant = node.getInputs()[1].getDefiningOp<onnx::ConstantOp>();
  auto type = dyn_cast<RankedTensorType>(node.getInputs()[0].getType());
  auto axis = type ? normalizeAxis(node.getInt("time_axis", 0), type.getRank())
                   : std::nullopt;
  if (!constant || !axis || type.isDynamicDim(*axis))
    return {};
  FailureOr<Tensor> lengths = Tensor::fromAttr(constant.getValue());
  if (failed(lengths) || lengths->isFloat() ||
      !llvm::all_of(lengths->ints(), [&](int64_t length) {
        return length == type.getDimSize(*axis);
      }))
    return {};
  return flipped(node, b, *axis);
}

// Consecutive rows, gathered by their numbers, are a piece; all of them from
// the last one to the first one are a flip.
static Value gatheredPiece(onnx::NodeOp node, OpBuilder &b) {
  auto constant = node.getInputs()[1].getDefiningOp<onnx::ConstantOp>();
  if (!constant || constant.getValue().getShapedType().getRank() != 1 ||
      constant.getValue().getNumElements() == 0 ||
      node.getInputs()[0].getDefiningOp<onnx::ConstantOp>())
    return {};
  FailureOr<Tensor> rows = Tensor::fromAttr(constant.getValue());
  if (failed(rows) || rows->isFloat())
    return {};
  int64_t first = rows->ints()[0], count = rows->getNumElements();
  // A Slice would end early where the Gather is out of range.
  auto type = dyn_cast<RankedTensorType>(node.getInputs()[0].getType());
  auto axis = type ? normalizeAxis(node.getInt("axis", 0), type.getRank())
                   : std::nullopt;
  if (!axis || type.isDynamicDim(*axis))
    return {};
  int64_t extent = type.getDimSize(*axis);
  auto rowAt = [&](int64_t i) {
    int64_t row = rows->ints()[i];
    return row < 0 ? row + extent : row;
  };
  if (count > 1 && count == extent &&
      llvm::all_of(llvm::seq<int64_t>(count),
                   [&](int64_t i) { return rowAt(i) == count - 1 - i; }))
    return flipped(node, b, *axis);
  if (first < 0 || extent < first + count)
    return {};
  for (int64_t i = 0; i < count; ++i)
    if (rows->ints()[i] != first + i)
      return {};
  auto integer = [&](int64_t value) { return integerConstant(node, b, value); };
  return makeNode(b, node, "Slice",
                  {node.getInputs()[0], integer(first), integer(first + count),
                   integer(node.getInt("axis", 0))},
                  node->getResult(0).getType())
      ->getResult(0);
}

// Windows, gathered by a table of two axes of which each counts in equal steps:
// the pieces that are the k-th elements of all windows, side by side.
static Value gatheredWindows(onnx::NodeOp node, OpBuilder &b) {
  constexpr int64_t kMostPieces = 16;
  auto constant = node.getInputs()[1].getDefiningOp<onnx::ConstantOp>();
  auto type = dyn_cast<RankedTensorType>(node.getInputs()[0].getType());
  auto axis = type ? normalizeAxis(node.getInt("axis", 0), type.getRank())
                   : std::nullopt;
  if (!constant || !axis || type.isDynamicDim(*axis) ||
      constant.getValue().getShapedType().getRank() != 2 ||
      node.getInputs()[0].getDefiningOp<onnx::ConstantOp>())
    return {};
  FailureOr<Tensor> rows = Tensor::fromAttr(constant.getValue());
  if (failed(rows) || rows->isFloat())
    return {};
  int64_t count = rows->getShape()[0], width = rows->getShape()[1];
  if (count < 2 || width < 2)
    return {};
  ArrayRef<int64_t> at = rows->ints();
  int64_t first = at[0], down = at[width] - first, right = at[1] - first;
  for (int64_t i = 0; i < count * width; ++i)
    if (at[i] != first + i / width * down + i % width * right)
      return {};
  // As few pieces as there may be; each in order, and within the axis.
  bool across = width <= count;
  int64_t pieces = across ? width : count, length = across ? count : width;
  int64_t step = across ? down : right, shift = across ? right : down;
  if (first < 0 || at.back() < 0 || at.back() >= type.getDimSize(*axis) ||
      step < 1 || shift < 0 || pieces > kMostPieces)
    return {};
  auto integer = [&](int64_t value) { return integerConstant(node, b, value); };
  SmallVector<int64_t> shape(type.getShape());
  shape[*axis] = length;
  Type piece = type.clone(shape);
  shape.insert(shape.begin() + *axis + across, 1);
  Type wide = type.clone(shape);
  SmallVector<Value> parts;
  for (int64_t i = 0; i < pieces; ++i) {
    int64_t begin = first + i * shift;
    Value part = makeNode(b, node, "Slice",
                          {node.getInputs()[0], integer(begin),
                           integer(begin + (length - 1) * step + 1),
                           integer(*axis), integer(step)},
                          piece)
                     ->getResult(0);
    parts.push_back(
        makeNode(b, node, "Unsqueeze", {part, integer(*axis + across)}, wide)
            ->getResult(0));
  }
  auto where = b.getNamedAttr("axis", b.getI64IntegerAttr(*axis + across));
  return makeNode(b, node, "Concat", parts, node->getResult(0).getType(),
                  b.getDictionaryAttr(where))
      ->getResult(0);
}

// What is joined without the pieces that hold nothing.
static Value withoutEmptyPieces(onnx::NodeOp node, OpBuilder &b) {
  auto type = dyn_cast<RankedTensorType>(node->getResult(0).getType());
  auto axis = type ? normalizeAxis(node.getInt("axis", 0), type.getRank())
                   : std::nullopt;
  if (!axis)
    return {};
  SmallVector<Value> pieces;
  for (Value input : node.getInputs()) {
    auto piece = dyn_cast<RankedTensorType>(input.getType());
    if (!piece || piece.getRank() != type.getRank())
      return {};
    if (piece.getDimSize(*axis) != 0)
      pieces.push_back(input);
  }
  if (pieces.empty() || pieces.size() == node.getInputs().size())
    return {};
  if (pieces.size() == 1 && pieces.front().getType() == type)
    return pieces.front();
  b.setInsertionPoint(node);
  return makeNode(b, node, "Concat", pieces, type, node.getAttrs())
      ->getResult(0);
}

// Zeros in front of a value and behind it are a padding: it has no extents of
// its own.
static Value paddedByZeros(onnx::NodeOp node, OpBuilder &b) {
  constexpr int64_t kPadTakesInputs = 11;
  auto type = dyn_cast<RankedTensorType>(node->getResult(0).getType());
  auto axis = type ? normalizeAxis(node.getInt("axis", 0), type.getRank())
                   : std::nullopt;
  if (!axis || node.getVersion() < kPadTakesInputs || type.getRank() < 2 ||
      !isa<FloatType>(type.getElementType()))
    return {};
  Value padded;
  int64_t front = 0, back = 0;
  for (Value input : node.getInputs()) {
    auto constant = input.getDefiningOp<onnx::ConstantOp>();
    if (!constant) {
      if (padded)
        return {};
      padded = input;
      continue;
    }
    auto zeros = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!zeros || zeros.empty() || !zeros.isSplat() ||
        !zeros.getSplatValue<APFloat>().isPosZero())
      return {};
    (padded ? back : front) += zeros.getType().getDimSize(*axis);
  }
  if (!padded || (front == 0 && back == 0))
    return {};
  SmallVector<int64_t> pads(2 * type.getRank(), 0);
  pads[*axis] = front, pads[type.getRank() + *axis] = back;
  b.setInsertionPoint(node);
  Value amounts = onnx::ConstantOp::create(
      b, node.getLoc(), Tensor::integers(b.getContext(), pads).toAttr());
  return makeNode(b, node, "Pad", {padded, amounts},
                  node->getResult(0).getType())
      ->getResult(0);
}

Value ssmc::respell(onnx::NodeOp node, OpBuilder &b) {
  if (!node.getDomain().empty() || node->getNumResults() != 1 ||
      node.getInputs().empty())
    return {};
  Value result = node->getResult(0), x = node.getInputs()[0];
  Type type = result.getType();
  StringRef op = node.getOpType();
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(type));
  auto make = [&](StringRef name, ValueRange inputs) {
    return makeNode(b, node, name, inputs, type)->getResult(0);
  };
  if (op == "Pow" && x.getType() == type &&
      scalarConstant(node.getInputs()[1]) == 2.0)
    return make("Mul", {x, x});
  // A power of what e is rounded to is meant to be one of e.
  if (op == "Pow" && isFloat && node.getInputs()[1].getType() == type)
    if (std::optional<double> base = scalarConstant(x);
        base && float(*base) == float(M_E))
      return make("Exp", node.getInputs()[1]);
  if (op == "Div" && isFloat && node.getInputs()[1].getType() == type) {
    Value divisor = node.getInputs()[1];
    Value logistic = logisticOperand(divisor);
    if (scalarConstant(x) == 1.0)
      return logistic ? make("Sigmoid", logistic) : make("Reciprocal", divisor);
    if (logistic) // a gate, of x itself in SiLU
      return make("Mul", {x, make("Sigmoid", logistic)});
  }
  if (op == "Reciprocal")
    if (Value logistic = logisticOperand(x))
      return make("Sigmoid", logistic);
  if (op == "Log") {
    if (Value operand = softplusOperand(result))
      return make("Softplus", operand);
    if (Value operand = operandOf(x, "Sigmoid"))
      return make("Neg", make("Softplus", make("Neg", operand)));
  }
  if (op == "Where")
    if (Value operand = guardedSoftplus(node))
      return make("Softplus", operand);
  if (op == "Gather") {
    Value piece = gatheredPiece(node, b);
    return piece ? piece : gatheredWindows(node, b);
  }
  if (op == "Concat" && node.getInputs().size() > 1) {
    Value joined = withoutEmptyPieces(node, b);
    return joined ? joined : paddedByZeros(node, b);
  }
  if (op == "Einsum")
    return respellEinsum(node, b);
  if (op == "RotaryEmbedding")
    return respellRotary(node, b);
  if (op == "ReverseSequence")
    return flippedSequence(node, b);
  return {};
}
