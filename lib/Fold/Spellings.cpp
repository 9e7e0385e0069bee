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

// Consecutive rows, gathered by their numbers, are a piece.
static Value gatheredPiece(onnx::NodeOp node, OpBuilder &b) {
  auto constant = node.getInputs()[1].getDefiningOp<onnx::ConstantOp>();
  if (!constant || constant.getValue().getShapedType().getRank() != 1 ||
      constant.getValue().getNumElements() == 0 ||
      node.getInputs()[0].getDefiningOp<onnx::ConstantOp>())
    return {};
  FailureOr<Tensor> rows = Tensor::fromAttr(constant.getValue());
  if (failed(rows) || rows->isFloat() || rows->ints()[0] < 0)
    return {};
  int64_t first = rows->ints()[0], count = rows->getNumElements();
  // A Slice would end early where the Gather is out of range.
  auto type = dyn_cast<RankedTensorType>(node.getInputs()[0].getType());
  auto axis = type ? normalizeAxis(node.getInt("axis", 0), type.getRank())
                   : std::nullopt;
  if (!axis || type.isDynamicDim(*axis) ||
      type.getDimSize(*axis) < first + count)
    return {};
  for (int64_t i = 0; i < count; ++i)
    if (rows->ints()[i] != first + i)
      return {};
  auto integer = [&](int64_t value) -> Value {
    b.setInsertionPoint(node);
    return onnx::ConstantOp::create(
        b, node.getLoc(), Tensor::integers(b.getContext(), value).toAttr());
  };
  return makeNode(b, node, "Slice",
                  {node.getInputs()[0], integer(first), integer(first + count),
                   integer(node.getInt("axis", 0))},
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
  if (op == "Gather")
    return gatheredPiece(node, b);
  return {};
}
