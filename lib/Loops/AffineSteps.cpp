//===- AffineSteps.cpp - steps as a h + b ---------------------------------===//
//
// A state that a step changes element by element, in an affine way, is written
// as one product and one sum: h + g (x - h) becomes (1 - g) h + g x, whatever
// operators it was made of. Its factor and what is added follow from tokens, so
// that they can be computed for the whole sequence.
//
//   form of h itself    = (1, 0)
//   form of u + v       = (a_u + a_v, b_u + b_v), and so for u - v
//   form of k v, v / k  = (k a_v, k b_v), k free of h
//   form of c ? u : v   = (c ? a_u : a_v, c ? b_u : b_v), c free of h
//
//===----------------------------------------------------------------------===//

#include "lib/Loops/HoistSteps.h"
#include "lib/Loops/NodeWriter.h"
#include "lib/Loops/ScanNode.h"
#include "lib/Loops/StepDegrees.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace ssmc {

namespace {
/// factor * state + rest, of which null is zero.
struct Form {
  Value factor, rest;
};

class AffineStep {
public:
  AffineStep(onnx::NodeOp scan, const ScanNode &node,
             const ScanNode::State &state)
      : body(*node.body), state(state), builder(body.getTerminator()),
        writer(builder, scan), degrees(body, state.before) {}

  /// True where the state was written anew.
  bool run();

private:
  bool isFree(Value value) const { return degrees.of(value) == Degree::Free; }
  bool isPlain() const;
  /// Whether the nodes between the states are affine, and each is for every
  /// element by itself.
  bool isElementwise() const;
  Form formOf(Value value);
  Form combine(StringRef op, Form a, Form b);
  Form select(Value condition, Form a, Form b);
  Form scale(StringRef op, Form a, Value by);
  Value number(double value);

  Block &body;
  const ScanNode::State &state;
  OpBuilder builder;
  NodeWriter writer;
  StepDegrees degrees;
  llvm::SmallDenseMap<Value, Form> forms;
};
} // namespace

Value AffineStep::number(double value) {
  auto element = cast<FloatType>(getElementTypeOrSelf(state.before.getType()));
  return onnx::ConstantOp::create(
      builder, writer.loc,
      DenseElementsAttr::get(RankedTensorType::get({}, element),
                             builder.getFloatAttr(element, value).getValue()));
}

bool AffineStep::isElementwise() const {
  static const llvm::StringSet<> known = {"Add", "Sub",      "Mul",  "Div",
                                          "Neg", "Identity", "Where"};
  llvm::SmallDenseSet<Value> seen;
  SmallVector<Value> worklist{state.after};
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (value == state.before || isFree(value) || !seen.insert(value).second)
      continue;
    auto node = value.getDefiningOp<onnx::NodeOp>();
    if (!node || degrees.of(value) != Degree::Affine ||
        value.getType() != state.before.getType() ||
        !node.getDomain().empty() || !known.contains(node.getOpType()))
      return false;
    llvm::append_range(worklist, node.getInputs());
  }
  return true;
}

Form AffineStep::combine(StringRef op, Form a, Form b) {
  auto one = [&](Value x, Value y) {
    if (x && y)
      return writer.node(op, {x, y});
    return x || !y || op == "Add" ? (x ? x : y) : writer.node("Neg", y);
  };
  return {one(a.factor, b.factor), one(a.rest, b.rest)};
}

Form AffineStep::select(Value condition, Form a, Form b) {
  auto one = [&](Value x, Value y) {
    if (!x && !y)
      return Value();
    return writer.node("Where",
                       {condition, x ? x : number(0), y ? y : number(0)});
  };
  return {one(a.factor, b.factor), one(a.rest, b.rest)};
}

Form AffineStep::scale(StringRef op, Form a, Value by) {
  auto one = [&](Value x) { return x ? writer.node(op, {x, by}) : Value(); };
  return {one(a.factor), one(a.rest)};
}

Form AffineStep::formOf(Value value) {
  if (value == state.before)
    return {number(1), Value()};
  if (isFree(value))
    return {Value(), value};
  if (auto it = forms.find(value); it != forms.end())
    return it->second;
  auto node = value.getDefiningOp<onnx::NodeOp>();
  OperandRange inputs = node.getInputs();
  StringRef type = node.getOpType();
  Form form;
  if (type == "Identity")
    form = formOf(inputs[0]);
  else if (type == "Neg")
    form = combine("Sub", {}, formOf(inputs[0]));
  else if (type == "Where")
    form = select(inputs[0], formOf(inputs[1]), formOf(inputs[2]));
  else if (type == "Div")
    form = scale(type, formOf(inputs[0]), inputs[1]);
  else if (type == "Mul")
    form = isFree(inputs[1]) ? scale(type, formOf(inputs[0]), inputs[1])
                             : scale(type, formOf(inputs[1]), inputs[0]);
  else
    form = combine(type, formOf(inputs[0]), formOf(inputs[1]));
  return forms[value] = form;
}

/// Whether the state is multiplied at once, and the rest are sums.
bool AffineStep::isPlain() const {
  Value value = state.after;
  while (auto node = value.getDefiningOp<onnx::NodeOp>()) {
    OperandRange inputs = node.getInputs();
    StringRef type = node.getOpType();
    if (type == "Mul")
      return llvm::is_contained(inputs, state.before);
    bool first = type == "Add" || type == "Sub";
    if (first && isFree(inputs[1]))
      value = inputs[0];
    else if (type == "Add" && isFree(inputs[0]))
      value = inputs[1];
    else
      return false;
  }
  return value == state.before;
}

bool AffineStep::run() {
  auto type = dyn_cast<RankedTensorType>(state.before.getType());
  if (!type || !isa<FloatType>(type.getElementType()) || isFree(state.after) ||
      isPlain() || !isElementwise())
    return false;
  builder.setInsertionPointAfter(state.after.getDefiningOp());
  Form form = formOf(state.after);
  if (!form.factor)
    return false;
  Value sum = writer.node("Mul", {form.factor, state.before});
  if (form.rest)
    sum = writer.node("Add", {sum, form.rest});
  Value(state.after).replaceAllUsesWith(sum);
  return true;
}

bool writeAffineSteps(func::FuncOp function) {
  bool changed = false;
  function.walk([&](onnx::NodeOp scan) {
    if (!scan.getDomain().empty() || scan.getOpType() != "Scan")
      return;
    if (std::optional<ScanNode> node = ScanNode::read(scan))
      for (const ScanNode::State &state : node->states)
        changed |= AffineStep(scan, *node, state).run();
  });
  return changed;
}

} // namespace ssmc
