//===- StepBatching.cpp - nodes of a step for all steps at once -----------===//

#include "lib/Loops/StepBatching.h"

#include "lib/Eval/Tensor.h"
#include "lib/Operators/Operator.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace ssmc {

int64_t StepBatching::rank(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getRank() : -1;
}

std::optional<SmallVector<int64_t>> StepBatching::constants(Value value) const {
  auto constant = same(value).getDefiningOp<onnx::ConstantOp>();
  if (!constant || !isa<IntegerType>(constant.getValue().getElementType()) ||
      constant.getValue().getNumElements() > 64)
    return std::nullopt;
  FailureOr<Tensor> tensor = Tensor::fromAttr(constant.getValue());
  if (failed(tensor) || tensor->isFloat())
    return std::nullopt;
  return SmallVector<int64_t>(tensor->ints());
}

Value StepBatching::widened(Value value, int64_t needed) {
  Value all = whole(value);
  if (!all)
    return same(value);
  SmallVector<int64_t> axes;
  for (int64_t i = rank(value); i < needed; ++i)
    axes.push_back(axes.size() + 1);
  return writer.unsqueeze(all, axes);
}

Value StepBatching::repeated(Value value, Value like) {
  if (Value all = whole(value))
    return all;
  SmallVector<Value> shape{writer.extent(like, 0)};
  if (int64_t ones = rank(value))
    shape.push_back(writer.ints(SmallVector<int64_t>(ones, 1)));
  return writer.node("Expand", {same(value), writer.concat(shape, 0)});
}

bool StepBatching::finish(Node node, Value result) {
  batched.map(node->getResult(0), result);
  return true;
}

bool StepBatching::clone(Node node, ValueRange inputs,
                         ArrayRef<NamedAttribute> changed) {
  NamedAttrList attrs(node.getAttrs());
  for (NamedAttribute attr : changed)
    attrs.set(attr.getName(), attr.getValue());
  OpBuilder &b = writer.builder;
  SmallVector<Type> types(node->getNumResults(),
                          onnx::UnknownType::get(b.getContext()));
  auto copy = onnx::NodeOp::create(b, node.getLoc(), types, inputs,
                                   node.getOpTypeAttr(), node.getDomainAttr(),
                                   b.getI64IntegerAttr(node.getVersion()),
                                   attrs.getDictionary(b.getContext()), 0);
  for (auto [old, result] : llvm::zip(node->getResults(), copy->getResults()))
    batched.map(old, result);
  return true;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

bool StepBatching::addElementwise(Node node) {
  int64_t most = rank(node->getResult(0));
  SmallVector<Value> inputs;
  for (Value input : node.getInputs())
    inputs.push_back(widened(input, most));
  return clone(node, inputs);
}

bool StepBatching::addMatMul(Node node) {
  Value a = node.getInputs()[0], b = node.getInputs()[1];
  int64_t rankA = rank(a), rankB = rank(b);
  if (rankA < 1 || rankB < 1)
    return false;
  // Vectors are matrices of one row or column meanwhile.
  int64_t most = std::max({rankA, rankB, int64_t(2)});
  Value x = whole(a) ? whole(a) : same(a), y = whole(b) ? whole(b) : same(b);
  if (rankA == 1)
    x = writer.unsqueeze(x, {-2});
  if (rankB == 1)
    y = writer.unsqueeze(y, {-1});
  auto widen = [&](Value value, Value of, int64_t own) {
    SmallVector<int64_t> axes;
    for (int64_t i = std::max(own, int64_t(2)); i < most && isBatched(of); ++i)
      axes.push_back(axes.size() + 1);
    return writer.unsqueeze(value, axes);
  };
  Value product =
      writer.node("MatMul", {widen(x, a, rankA), widen(y, b, rankB)});
  if (rankB == 1)
    product = writer.squeeze(product, {-1});
  if (rankA == 1)
    product = writer.squeeze(product, {rankB == 1 ? -1 : -2});
  return finish(node, product);
}

bool StepBatching::addGemm(Node node) {
  auto type = dyn_cast<ShapedType>(node->getResult(0).getType());
  if (!type || !isa<FloatType>(type.getElementType()))
    return false;
  auto factor = [&](StringRef name, Value value) {
    double number = node.getFloat(name, 1);
    if (number == 1)
      return value;
    auto scalar = RankedTensorType::get({}, type.getElementType());
    Value constant = onnx::ConstantOp::create(
        writer.builder, writer.loc,
        DenseElementsAttr::get(
            scalar, writer.builder.getFloatAttr(type.getElementType(), number)
                        .getValue()));
    return writer.node("Mul", {value, constant});
  };
  auto operand = [&](unsigned i, StringRef flag) {
    Value input = node.getInputs()[i], all = whole(input);
    Value value = all ? all : same(input);
    if (!node.getInt(flag, 0))
      return value;
    return all ? writer.transpose(value, {0, 2, 1})
               : writer.transpose(value, {1, 0});
  };
  Value product =
      writer.node("MatMul", {operand(0, "transA"), operand(1, "transB")});
  product = factor("alpha", product);
  if (node.hasInput(2))
    product = writer.node(
        "Add", {product, factor("beta", widened(node.getInputs()[2], 2))});
  return finish(node, product);
}

bool StepBatching::addEinsum(Node node) {
  StringRef equation = node.getString("equation", "");
  auto [left, right] = equation.split("->");
  if (equation.contains('.') || !equation.contains("->"))
    return false;
  char time = 0;
  for (char letter = 'a'; letter <= 'z' && !time; ++letter)
    if (!equation.contains(letter))
      time = letter;
  if (!time)
    return false;
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != node.getInputs().size())
    return false;
  std::string text;
  SmallVector<Value> inputs;
  for (auto [term, input] : llvm::zip(terms, node.getInputs())) {
    Value all = whole(input);
    text += (inputs.empty() ? "" : ",") +
            (all ? std::string(1, time) : std::string()) + term.trim().str();
    inputs.push_back(all ? all : same(input));
  }
  text += "->" + std::string(1, time) + right.trim().str();
  return clone(node, inputs,
               writer.builder.getNamedAttr("equation",
                                           writer.builder.getStringAttr(text)));
}

bool StepBatching::addReduction(Node node) {
  Value input = node.getInputs()[0];
  int64_t own = rank(input);
  bool given = node.hasInput(1);
  std::optional<SmallVector<int64_t>> axes =
      given ? constants(node.getInputs()[1]) : node.getInts("axes");
  if (given && !axes)
    return false;
  if ((!axes || axes->empty()) && node.getInt("noop_with_empty_axes", 0))
    return finish(node, whole(input));
  if (!axes || axes->empty()) {
    axes.emplace();
    for (int64_t i = 0; i < own; ++i)
      axes->push_back(i);
  }
  for (int64_t &axis : *axes)
    axis = axis < 0 ? axis : axis - own;
  if (axes->empty())
    return finish(node, whole(input));
  if (given || node.getInputs().size() > 1 || node.getVersion() >= 18 ||
      (node.getOpType() == "ReduceSum" && node.getVersion() >= 13))
    return clone(node, {whole(input), writer.ints(*axes)});
  return clone(node, whole(input), writer.attr("axes", *axes));
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// Reshape, Expand and Tile: a shape that is the same in every step.
bool StepBatching::addShape(Node node) {
  Value input = node.getInputs()[0], shape = node.getInputs()[1];
  if (!isBatched(input) || isBatched(shape))
    return false;
  StringRef type = node.getOpType();
  if (type == "Reshape") {
    if (node.getInt("allowzero", 0))
      return false;
    return clone(
        node, {whole(input), writer.concat({writer.ints(0), same(shape)}, 0)});
  }
  int64_t most = rank(node->getResult(0));
  return clone(node, {widened(input, most),
                      writer.concat({writer.ints(1), same(shape)}, 0)});
}

bool StepBatching::addConcat(Node node) {
  int64_t own = rank(node->getResult(0));
  auto axis = normalizeAxis(node.getInt("axis", 0), own);
  Value like;
  for (Value input : node.getInputs())
    if (Value all = whole(input); all && !like)
      like = all;
  if (!axis || !like)
    return false;
  SmallVector<Value> inputs;
  for (Value input : node.getInputs())
    inputs.push_back(repeated(input, like));
  return clone(node, inputs, writer.attr("axis", *axis - own));
}

/// An operator with one axis, of its first operand.
bool StepBatching::addAxis(Node node, int64_t otherwise) {
  Value input = node.getInputs()[0];
  int64_t own = rank(input), axis = node.getInt("axis", otherwise);
  if (!isBatched(input) || llvm::any_of(node.getInputs().drop_front(),
                                        [&](Value v) { return isBatched(v); }))
    return false;
  SmallVector<Value> inputs{whole(input)};
  for (Value other : node.getInputs().drop_front())
    inputs.push_back(same(other));
  return clone(node, inputs, writer.attr("axis", axis < 0 ? axis : axis - own));
}

bool StepBatching::addSlice(Node node) {
  OperandRange inputs = node.getInputs();
  if (inputs.size() < 3 || !isBatched(inputs[0]))
    return false;
  for (Value other : inputs.drop_front())
    if (isBatched(other))
      return false;
  int64_t own = rank(inputs[0]);
  std::optional<SmallVector<int64_t>> axes;
  if (node.hasInput(3)) {
    axes = constants(inputs[3]);
  } else if (auto type = dyn_cast<RankedTensorType>(inputs[1].getType());
             type && type.hasStaticShape()) {
    axes.emplace();
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      axes->push_back(i);
  }
  if (!axes)
    return false;
  for (int64_t &axis : *axes)
    axis = axis < 0 ? axis : axis - own;
  SmallVector<Value> all{whole(inputs[0]), same(inputs[1]), same(inputs[2]),
                         writer.ints(*axes)};
  if (inputs.size() > 4)
    all.push_back(same(inputs[4]));
  return clone(node, all);
}

bool StepBatching::addGather(Node node) {
  Value data = node.getInputs()[0], index = node.getInputs()[1];
  auto axis = normalizeAxis(node.getInt("axis", 0), rank(data));
  if (!axis)
    return false;
  if (isBatched(data))
    return !isBatched(index) && clone(node, {whole(data), same(index)},
                                      writer.attr("axis", *axis + 1));
  return *axis == 0 && clone(node, {same(data), whole(index)});
}

/// Squeeze and Unsqueeze.
bool StepBatching::addResize(Node node) {
  Value input = node.getInputs()[0];
  bool expands = node.getOpType() == "Unsqueeze";
  std::optional<SmallVector<int64_t>> axes =
      node.hasInput(1) ? constants(node.getInputs()[1]) : node.getInts("axes");
  if (!axes || !isBatched(input))
    return false;
  int64_t own = rank(input) + (expands ? int64_t(axes->size()) : 0);
  for (int64_t &axis : *axes)
    axis = axis < 0 ? axis : axis - own;
  return finish(node, expands ? writer.unsqueeze(whole(input), *axes)
                              : writer.squeeze(whole(input), *axes));
}

//===----------------------------------------------------------------------===//
// All
//===----------------------------------------------------------------------===//

bool StepBatching::addNode(Node node) {
  static const llvm::StringSet<> elementwise = {
      "Abs",       "Acos",     "Acosh",       "Add",         "And",
      "Asin",      "Asinh",    "Atan",        "Atanh",       "Cast",
      "Ceil",      "Celu",     "Clip",        "Cos",         "Cosh",
      "Div",       "Elu",      "Equal",       "Erf",         "Exp",
      "Floor",     "Gelu",     "Greater",     "HardSigmoid", "GreaterOrEqual",
      "HardSwish", "Identity", "IsInf",       "IsNaN",       "LeakyRelu",
      "Less",      "Log",      "LessOrEqual", "Max",         "Mean",
      "Min",       "Mish",     "Mod",         "Mul",         "Neg",
      "Not",       "Or",       "Pow",         "Reciprocal",  "Relu",
      "Round",     "Selu",     "Sigmoid",     "Sign",        "Sin",
      "Sinh",      "Softplus", "Softsign",    "Sqrt",        "Sub",
      "Sum",       "Swish",    "Tan",         "Tanh",        "ThresholdedRelu",
      "Where",     "Xor",      "CastLike"};
  StringRef type = node.getOpType();
  for (Value result : node->getResults())
    if (rank(result) < 0)
      return false;
  for (Value input : node.getInputs())
    if (rank(input) < 0 && !isa<NoneType>(input.getType()))
      return false;
  // Bounds are scalars, and neither operand spreads the value.
  if (type == "Clip" || type == "CastLike") {
    if (!isBatched(node.getInputs()[0]))
      return false;
    if (type == "Clip" &&
        llvm::any_of(node.getInputs().drop_front(),
                     [&](Value bound) { return isBatched(bound); }))
      return false;
  }
  if (elementwise.contains(type))
    return addElementwise(node);
  if (type == "MatMul")
    return addMatMul(node);
  if (type == "Gemm")
    return addGemm(node);
  if (type == "Einsum")
    return addEinsum(node);
  if (type.starts_with("Reduce"))
    return isBatched(node.getInputs()[0]) && addReduction(node);
  if (type == "Reshape" || type == "Expand" || type == "Tile")
    return addShape(node);
  if (type == "Concat")
    return addConcat(node);
  if (type == "Split")
    return addAxis(node, 0);
  if (type == "Softmax" || type == "LogSoftmax" ||
      type == "LayerNormalization" || type == "RMSNormalization" ||
      type == "LpNormalization")
    return addAxis(node, -1);
  if (type == "Slice")
    return addSlice(node);
  if (type == "Gather")
    return addGather(node);
  if (type == "Squeeze" || type == "Unsqueeze")
    return addResize(node);
  if (type == "Trilu")
    return isBatched(node.getInputs()[0]) && addElementwise(node);
  if (type == "Transpose") {
    int64_t own = rank(node.getInputs()[0]);
    SmallVector<int64_t> perm{0};
    if (auto given = node.getInts("perm")) {
      for (int64_t axis : *given)
        perm.push_back(axis + 1);
    } else {
      for (int64_t i = own; i > 0; --i)
        perm.push_back(i);
    }
    return finish(node, writer.transpose(whole(node.getInputs()[0]), perm));
  }
  return false;
}

bool StepBatching::add(Operation &op, Block &body) {
  bool differs = false, there = true;
  op.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      bool own = operand.getParentBlock() == &body;
      differs |= isBatched(operand);
      there &= !own || isBatched(operand) || fixed.contains(operand);
    }
  });
  if (!there)
    return false;
  if (!differs) {
    writer.builder.clone(op, fixed);
    return true;
  }
  auto node = dyn_cast<Node>(op);
  // Before version 13 operators have other attributes.
  return node && node.getDomain().empty() && node->getNumRegions() == 0 &&
         node.getVersion() >= 13 && addNode(node);
}

} // namespace ssmc
