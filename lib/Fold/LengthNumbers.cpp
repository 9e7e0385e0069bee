//===- LengthNumbers.cpp - numbers that are the traced length -------------===//
//
// A mean may be written as a sum times 1/24: no extent shows that the number is
// the traced length. Every value is therefore followed from where it is summed
// over an axis that changes, through elementwise ops and views, to where it
// meets a number. A number that is the count of what was summed, one less, a
// root of these or one over them, up to rounding, is taken for it:
//
// * behind a reduction that says what it sums it becomes an expression of the
//   new extents, and the report lists that;
// * behind another sum (a product, a running sum), and where two readings of
//   the number differ, the request is refused and the node named;
// * a number that formulas hold anyway (2, 1/2) cannot be told from a count of
//   2: it is refused behind a reduction and listed elsewhere.
//
// What is known to be summed ends at products with weights and where the sum is
// spread over the axis again. Kernels and paddings of the traced length are
// refused here, too. Numbers that this does not reach are listed
// (LengthSweep.cpp).
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxElementType.h"
#include "lib/Fold/LengthFreeing.h"
#include "lib/Operators/Indexing.h"

#include "llvm/Support/Format.h"

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

//===----------------------------------------------------------------------===//
// What is summed
//===----------------------------------------------------------------------===//

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

std::optional<LengthFreeing::Count>
LengthFreeing::countOf(Value in, ArrayRef<int64_t> axes, bool stated) const {
  const ValueShape *shape = before.shapeOf(in);
  if (!shape)
    return std::nullopt;
  Count count;
  count.stated = stated;
  SmallVector<AffineExpr> factors;
  bool changing = false;
  for (int64_t axis : axes) {
    if (axis < 0 || axis >= int64_t(shape->dims.size()))
      return std::nullopt;
    auto extent = constantExtent(shape->dims[axis]);
    if (follows(in, axis) && extent && *extent > 1) {
      changing = true;
      AffineExpr wanted =
          changes(in, axis) ? (*expected(in))[axis] : AffineExpr();
      if (!wanted)
        count.stated = false; // a piece of it, or padded
      factors.push_back(wanted ? wanted : shape->dims[axis]);
    } else {
      factors.push_back(shape->dims[axis]);
    }
    if (!extent)
      count.stated = false;
    count.traced *= extent.value_or(1);
  }
  if (!changing)
    return std::nullopt;
  count.changed = multiplyExtents(factors, b.getContext());
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
  bool stated = llvm::StringSwitch<bool>(type)
                    .Cases({"ReduceSum", "ReduceMean", "ReduceSumSquare",
                            "ReduceL1", "ReduceL2"},
                           true)
                    .Default(false);
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

// What the operands are sums of, their elementwise functions and views are.
std::optional<LengthFreeing::Count>
LengthFreeing::countInherited(onnx::NodeOp node) const {
  bool keeps = llvm::StringSwitch<bool>(node.getOpType())
                   .Cases({"Add", "Sub", "Mul", "Div", "Neg", "Abs"}, true)
                   .Cases({"Sqrt", "Pow", "Reciprocal", "Cast", "Clip"}, true)
                   .Cases({"Max", "Min", "Where", "Identity", "Sum"}, true)
                   .Cases({"Reshape", "Squeeze", "Unsqueeze", "Flatten"}, true)
                   .Cases({"Transpose", "Expand"}, true)
                   .Default(false);
  if (!keeps)
    return std::nullopt;
  for (Value operand : node.getInputs())
    if (auto it = counts.find(operand);
        it != counts.end() &&
        countFollowing(node->getResult(0)) <= countFollowing(operand))
      return it->second;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

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

LogicalResult LengthFreeing::rewriteNumber(onnx::NodeOp node,
                                           OpOperand &operand,
                                           const Count &count, Value sum) {
  std::optional<double> number = numberOf(operand.get());
  const ValueShape *shape = before.shapeOf(sum);
  if (!number || !shape)
    return success();
  auto type = cast<RankedTensorType>(operand.get().getType());
  Type element = type.getElementType();
  SmallString<16> text;
  llvm::raw_svector_ostream(text) << llvm::format("%g", *number);
  bool scales = node.getOpType() == "Mul" || node.getOpType() == "Div";
  if (!scales) {
    // An offset or a bound is the count itself.
    return *number > 2 && (*number == count.traced || *number == length)
               ? forbid(node, "meets a sum over the traced extent with the "
                              "number " +
                                  text + ", which may be that extent")
               : success();
  }
  std::optional<Reading> all = readNumber(*number, count.traced, element);
  std::optional<Reading> own;
  if (newLength && length != count.traced)
    own = readNumber(*number, length, element);
  if (!all && !own)
    return success();
  bool common = *number == 2 || *number == 0.5;
  std::string what = ("scales a sum over the traced extent by " + text).str();
  if (common && !count.stated) {
    assume(node, "the number " + text + " is none of the traced extents");
    return success();
  }
  bool fits =
      all && isa<FloatType>(element) &&
      (all->function == Reading::Itself || all->function == Reading::Root) &&
      broadcastsTo(type, *shape);
  if (common || !count.stated || !all || own || !fits)
    return forbid(node, what + ", which may be " +
                            (all ? all : own)->describe("the count") +
                            " of what is summed");
  Value value = writeNumber(node, count, *all, element, shape->dims.size());
  if (!value)
    return forbid(node, what);
  assume(node, "the number " + text + " is " + all->describe("the count") +
                   " of what is summed, and follows it");
  operand.set(value);
  return success();
}

LogicalResult LengthFreeing::rewriteNumbers(onnx::NodeOp node) {
  StringRef type = node.getOpType();
  bool scales = type == "Mul" || type == "Div";
  bool meets = scales || type == "Add" || type == "Sub" || type == "Max" ||
               type == "Min" || type == "Less" || type == "LessOrEqual" ||
               type == "Greater" || type == "GreaterOrEqual" || type == "Equal";
  if (meets && node.getInputs().size() == 2)
    for (unsigned i = 0; i < 2; ++i)
      if (auto it = counts.find(node.getInputs()[i]); it != counts.end())
        if (failed(rewriteNumber(node, node->getOpOperand(1 - i), it->second,
                                 node.getInputs()[i])))
          return failure();
  std::optional<Count> count = countSummed(node);
  if (!count)
    count = countInherited(node);
  if (count)
    counts[node->getResult(0)] = *count;
  return checkKernel(node);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

// A kernel or a padding as long as the sequence is another one at another
// length.
LogicalResult LengthFreeing::checkKernel(onnx::NodeOp node) {
  StringRef type = node.getOpType();
  Value in = node.getInputs()[0];
  const ValueShape *shape = before.shapeOf(in);
  if (!shape || !newLength || length < 2)
    return success();
  size_t rank = shape->dims.size();
  if (type == "Pad" && node.hasInput(1) && !node.hasInput(3)) {
    auto pads = before.elementsOf(node.getInputs()[1]);
    for (size_t i = 0; pads && i < pads->size() && pads->size() == 2 * rank;
         ++i) {
      auto amount = constantExtent((*pads)[i]);
      if (amount && *amount > 1 && follows(in, i % rank) &&
          (*amount == length || *amount == length - 1))
        return forbid(node, "pads the sequence by " + Twine(*amount) +
                                ", which may be its traced length");
    }
    return success();
  }
  const ValueShape *weight = type == "Conv" && node.hasInput(1)
                                 ? before.shapeOf(node.getInputs()[1])
                                 : nullptr;
  for (size_t d = 2; weight && d < weight->dims.size(); ++d)
    if (constantExtent(weight->dims[d]) == length && follows(in, d))
      return forbid(node, "has a kernel of " + Twine(length) +
                              " along the sequence, which may be its traced "
                              "length");
  return success();
}
