//===- LengthNumbers.cpp - numbers that are the traced length -------------===//
//
// A mean may be written as a sum times 1/24, or as the sum of all times 1/24:
// no extent shows that the number is the traced length. Numbers that meet a sum
// over an axis that changes (LengthCounts.cpp) are therefore read, and so are
// those that scale what is summed, back through views and operators that scale
// with their operands:
//
// * the count of what is summed, one less, a root of these or one over them,
//   becomes an expression of the new extents where a reduction says what it
//   sums and the count is known to reach the number, and the report lists that;
// * behind another sum (a product, a running sum), behind weights and
//   activations, and where two readings of the number differ or it is a square
//   or a logarithm, the request is refused and the node named; so it is for
//   offsets, bounds and attributes;
// * a number that formulas hold anyway (2, 1/2) cannot be told from a count of
//   2: it is refused behind a reduction and listed elsewhere;
// * scores, which have the sequence twice, are scaled by the width of a head.
//
// Numbers that this does not reach are listed (LengthSweep.cpp).
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxElementType.h"
#include "lib/Fold/LengthFreeing.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;

// The one number that a constant holds.
static std::optional<double> numberOf(Value value) {
  auto source = value.getDefiningOp<onnx::ConstantOp>();
  return source ? uniformNumber(source.getValue()) : std::nullopt;
}

// The number as an expression of the new extents.
Value LengthFreeing::writeNumber(onnx::NodeOp at, const Count &count,
                                 const Reading &reading, Type element,
                                 int64_t rank) {
  Value value = extentTensor(at, simplifyExtent(count.changed - reading.minus));
  if (!value)
    return {};
  if (rank == 0)
    value = node(at, "Squeeze", {value, integers(at, 0)});
  value = node(
      at, "Cast", value,
      b.getNamedAttr("to", b.getI64IntegerAttr(elementTypeToOnnx(element))));
  if (reading.function == Reading::Root)
    value = node(at, "Sqrt", value);
  return reading.inverse ? node(at, "Reciprocal", value) : value;
}

// True if one number does what the constant of that type does.
static bool broadcastsTo(RankedTensorType type, const ValueShape &shape) {
  size_t rank = shape.dims.size();
  if (type.getRank() > int64_t(rank))
    return false;
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (type.getDimSize(d) != 1 &&
        constantExtent(shape.dims[rank - type.getRank() + d]) !=
            type.getDimSize(d))
      return false;
  return true;
}

static std::string textOf(double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", number);
  return text;
}

// The number as a function of the count, or of the traced length in it.
std::optional<Reading> LengthFreeing::readCount(double number, Type type,
                                                const Count &count) const {
  number = std::abs(number);
  auto reading = readNumber(number, count.traced, type);
  if (!reading && count.fixed > 1)
    reading = readNumber(number, count.traced * count.fixed, type);
  return !reading && newLength ? readNumber(number, length, type) : reading;
}

// An offset, a bound.
LogicalResult LengthFreeing::checkOffset(onnx::NodeOp node, double number,
                                         Type type, const Count &count) {
  auto reading = readCount(number, type, count);
  bool adds = node.getOpType() == "Add" || node.getOpType() == "Sub";
  if (!reading || reading->inverse || std::abs(number) <= 2 ||
      !(reading->function == Reading::Itself ||
        (adds && reading->function == Reading::Logarithm)))
    return success();
  return forbid(node, "meets a sum over the traced extent with the number " +
                          textOf(number) + ", which may be " +
                          reading->describe("that extent"));
}

static bool isPlain(const std::optional<Reading> &reading) {
  return reading && (reading->function == Reading::Itself ||
                     reading->function == Reading::Root);
}

LogicalResult LengthFreeing::rewriteScale(onnx::NodeOp node, OpOperand &operand,
                                          Count count, Value scaled,
                                          bool behind) {
  std::optional<double> number = numberOf(operand.get());
  const ValueShape *shape = before.shapeOf(scaled);
  if (!number || !shape)
    return success();
  auto type = cast<RankedTensorType>(operand.get().getType());
  Type element = type.getElementType();
  std::optional<Reading> all =
      readNumber(std::abs(*number), count.traced, element);
  // Or with the axes that stay.
  bool ambiguous = false;
  if (count.fixed > 1)
    if (auto wide =
            readNumber(std::abs(*number), count.traced * count.fixed, element);
        isPlain(wide) || (wide && !all)) {
      ambiguous = isPlain(all);
      all = wide;
      count.traced *= count.fixed;
      count.changed = simplifyExtent(count.changed * count.fixed);
    }
  std::optional<Reading> own;
  if (newLength && length != count.traced)
    own = readNumber(std::abs(*number), length, element);
  if (isPlain(all) && !isPlain(own))
    own = std::nullopt;
  if (!all && !own)
    return success();
  bool plain = isPlain(all) && !ambiguous;
  // Listed by the sweep.
  bool common = all ? all->isCommon(count.traced) : own->isCommon(length);
  if (common && (!behind || !count.stated || !plain))
    return success();
  std::string text = textOf(*number);
  std::string what = (behind ? "scales a sum over the traced extent by "
                             : "scales what is summed over the traced extent "
                               "by ") +
                     text;
  if (common || !count.stated || !plain || own || !isa<FloatType>(element) ||
      !broadcastsTo(type, *shape))
    return forbid(node, what + ", which may be " +
                            (all ? all : own)->describe("the count") +
                            " of what is summed");
  Value value = writeNumber(node, count, *all, element, shape->dims.size());
  if (!value)
    return forbid(node, what);
  if (*number < 0)
    value = this->node(node, "Neg", value);
  assume(node, "the number " + text + " is " + (*number < 0 ? "minus " : "") +
                   all->describe("the count") +
                   " of what is summed, and follows it");
  operand.set(value);
  return success();
}

//===----------------------------------------------------------------------===//
// Behind the sum
//===----------------------------------------------------------------------===//

LogicalResult LengthFreeing::rewriteBehind(onnx::NodeOp node) {
  StringRef type = node.getOpType();
  bool bounds = llvm::StringSwitch<bool>(type)
                    .Cases({"Add", "Sub", "Sum", "Clip", "Max", "Min"}, true)
                    .Cases({"Less", "LessOrEqual", "Equal"}, true)
                    .Cases({"Greater", "GreaterOrEqual"}, true)
                    .Default(false);
  bool scales = type == "Mul" || type == "Div";
  if (!bounds && !scales)
    return success();
  Value sum;
  for (Value operand : node.getInputs())
    if (counts.contains(operand))
      sum = operand;
  if (!sum)
    return success();
  // A rewritten operand may add to the counts.
  Count count = counts.lookup(sum);
  for (OpOperand &operand : node->getOpOperands()) {
    if (scales) {
      if (operand.get() != sum &&
          failed(rewriteScale(node, operand, count, sum, /*behind=*/true)))
        return failure();
    } else if (auto number = numberOf(operand.get())) {
      Type element = getElementTypeOrSelf(operand.get().getType());
      if (failed(checkOffset(node, *number, element, count)))
        return failure();
    }
  }
  if (type == "Clip")
    for (StringRef name : {"min", "max"})
      if (failed(
              checkOffset(node, node.getFloat(name, 0), b.getF32Type(), count)))
        return failure();
  return success();
}

// alpha scales the product, and beta what is added.
LogicalResult LengthFreeing::checkAttributes(onnx::NodeOp node) {
  if (node.getOpType() != "Gemm")
    return success();
  std::optional<Count> added;
  if (node.hasInput(2))
    if (auto it = counts.find(node.getInputs()[2]); it != counts.end())
      added = it->second;
  std::pair<StringRef, std::optional<Count>> scales[] = {
      {"alpha", countIn(node)}, {"beta", added}};
  for (auto [name, count] : scales) {
    double number = node.getFloat(name, 1);
    auto reading =
        count ? readCount(number, b.getF32Type(), *count) : std::nullopt;
    if (reading && !(number == 2 || number == 0.5))
      return forbid(node, "scales a sum over the traced extent by its " + name +
                              " of " + textOf(number) + ", which may be " +
                              reading->describe("the count") +
                              " of what is summed");
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Before the sum
//===----------------------------------------------------------------------===//

size_t LengthFreeing::countTimes(Value value) const {
  const Expected *extents = expected(value);
  return extents && newLength ? llvm::count(*extents, newLength) : 0;
}

// The operands by which the result of a node scales.
static OperandRange scaledOperands(onnx::NodeOp node) {
  OperandRange inputs = node.getInputs();
  StringRef type = node.getOpType();
  if (llvm::StringSwitch<bool>(type)
          .Cases({"Mul", "Div", "Add", "Sub", "Sum"}, true)
          .Cases({"Concat", "Max", "Min"}, true)
          .Default(false))
    return inputs;
  if (type == "Where")
    return inputs.drop_front(std::min<size_t>(1, inputs.size()));
  bool first = llvm::StringSwitch<bool>(type)
                   .Cases({"Neg", "Abs", "Sqrt", "Pow", "Relu"}, true)
                   .Cases({"Cast", "Identity", "Dropout", "Clip"}, true)
                   .Cases({"Reshape", "Squeeze", "Unsqueeze"}, true)
                   .Cases({"Flatten", "Transpose", "Expand", "Slice"}, true)
                   .Cases({"Split", "Gather", "Pad", "Tile"}, true)
                   .Cases({"LeakyRelu", "Reciprocal"}, true)
                   .Default(false);
  return inputs.take_front(std::min<size_t>(first, inputs.size()));
}

LogicalResult LengthFreeing::rewriteBefore(onnx::NodeOp sum,
                                           const Count &count) {
  // A number is rewritten if nothing else sees it.
  SmallVector<std::pair<Value, bool>> open;
  llvm::DenseSet<Value> seen;
  for (Value operand : sum.getInputs())
    open.push_back({operand, true});
  while (!open.empty()) {
    auto [value, alone] = open.pop_back_val();
    auto node = value.getDefiningOp<onnx::NodeOp>();
    if (!node || !node.getDomain().empty() || counts.contains(value) ||
        !seen.insert(value).second)
      continue;
    StringRef type = node.getOpType();
    Count own = count;
    own.stated &= alone && value.hasOneUse() && countTimes(value) == 1;
    bool scales = type == "Mul" || type == "Div";
    bool shifts = sum.getOpType() == "ReduceLogSumExp" &&
                  (type == "Add" || type == "Sub");
    bool binary = node.getInputs().size() == 2 && countTimes(value) <= 1;
    for (unsigned i = 0; binary && i < 2; ++i) {
      OpOperand &operand = node->getOpOperand(i);
      auto number = numberOf(operand.get());
      Type element = getElementTypeOrSelf(operand.get().getType());
      if (scales &&
          failed(rewriteScale(node, operand, own, node.getInputs()[1 - i],
                              /*behind=*/false)))
        return failure();
      if (shifts && number &&
          failed(checkOffset(node, *number, element, count)))
        return failure();
    }
    for (Value operand : scaledOperands(node))
      open.push_back({operand, own.stated});
  }
  return success();
}

LogicalResult LengthFreeing::rewriteNumbers(onnx::NodeOp node) {
  if (failed(rewriteBehind(node)) || failed(checkAttributes(node)))
    return failure();
  // A mean says itself what it divides by.
  if (auto count = countSummed(node); count &&
                                      node.getOpType() != "ReduceMean" &&
                                      failed(rewriteBefore(node, *count)))
    return failure();
  passCounts(node);
  return success();
}
