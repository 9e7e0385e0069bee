//===- Induction.cpp - counters of a Loop ---------------------------------===//

#include "lib/Loops/Induction.h"

#include "lib/Eval/Tensor.h"
#include "lib/Operators/LoopNode.h"
#include "lib/Operators/Operator.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;

namespace ssmc {

using Counters = SmallVector<Counter>;
static constexpr size_t kMost = 64;

Induction::Induction(const ShapeInference &inference, onnx::NodeOp loop)
    : inference(inference), loop(loop), body(*readLoop(loop)->body) {}

std::optional<Counters> Induction::readOutside(Value value) {
  Counters result;
  MLIRContext *context = value.getContext();
  if (ElementsAttr constant = inference.constantOf(value)) {
    if (!isa<IntegerType>(constant.getElementType()) ||
        constant.getNumElements() > int64_t(kMost))
      return std::nullopt;
    FailureOr<Tensor> tensor = Tensor::fromAttr(constant);
    if (failed(tensor) || tensor->isFloat())
      return std::nullopt;
    for (int64_t element : tensor->ints())
      result.push_back({0, getAffineConstantExpr(element, context)});
    return result;
  }
  auto elements = inference.elementsOf(value);
  if (!elements)
    return std::nullopt;
  for (AffineExpr element : *elements)
    result.push_back({0, element});
  return result;
}

/// What gives the next value of what the body carries.
onnx::NodeOp Induction::nextOf(unsigned number) const {
  auto node = body.back().getOperand(number + 1).getDefiningOp<onnx::NodeOp>();
  while (node && node.getDomain().empty() && node.getOpType() == "Identity")
    node = node.getInputs()[0].getDefiningOp<onnx::NodeOp>();
  return node;
}

/// What the body carries and changes by the same amount in every iteration.
std::optional<Counter> Induction::readCarried(unsigned number) {
  Value argument = body.getArgument(number + 2);
  onnx::NodeOp node = nextOf(number);
  auto initial = readOutside(loop.getInputs()[number + 2]);
  if (!initial || initial->size() != 1)
    return std::nullopt;
  if (body.back().getOperand(number + 1) == argument)
    return initial->front();
  if (!node || !node.getDomain().empty() || node.getInputs().size() != 2)
    return std::nullopt;
  bool adds = node.getOpType() == "Add", subtracts = node.getOpType() == "Sub";
  if (!adds && !subtracts)
    return std::nullopt;
  unsigned own = node.getInputs()[0] == argument ? 0 : 1;
  if (node.getInputs()[own] != argument || (subtracts && own == 1))
    return std::nullopt;
  auto step = known.lookup(node.getInputs()[1 - own]);
  if (!step || step->size() != 1 || step->front().slope != 0)
    return std::nullopt;
  auto amount = constantExtent(step->front().base);
  if (!amount)
    return std::nullopt;
  return Counter{adds ? *amount : -*amount, initial->front().base};
}

std::optional<Counters> Induction::readNode(onnx::NodeOp node) {
  if (!node.getDomain().empty() || node->getNumResults() != 1 ||
      node->getNumRegions() != 0)
    return std::nullopt;
  StringRef type = node.getOpType();
  if (type == "Identity" || type == "Cast" || type == "Unsqueeze" ||
      type == "Squeeze" || type == "Reshape")
    return known.lookup(node.getInputs()[0]);
  if (type == "Concat") {
    // The elements follow each other only where all axes before are one.
    const ValueShape *shape = inference.shapeOf(node->getResult(0));
    if (!shape)
      return std::nullopt;
    auto axis = normalizeAxis(node.getInt("axis", 0), shape->dims.size());
    if (!axis ||
        llvm::any_of(ArrayRef(shape->dims).take_front(*axis),
                     [](AffineExpr d) { return constantExtent(d) != 1; }))
      return std::nullopt;
    Counters all;
    for (Value input : node.getInputs()) {
      auto part = known.lookup(input);
      if (!part || all.size() + part->size() > kMost)
        return std::nullopt;
      llvm::append_range(all, *part);
    }
    return all;
  }
  if (type == "Neg") {
    auto all = known.lookup(node.getInputs()[0]);
    if (all)
      for (Counter &counter : *all)
        counter = {-counter.slope, simplifyExtent(-counter.base)};
    return all;
  }
  bool adds = type == "Add", subtracts = type == "Sub", scales = type == "Mul";
  if ((!adds && !subtracts && !scales) || node.getInputs().size() != 2)
    return std::nullopt;
  auto a = known.lookup(node.getInputs()[0]),
       b = known.lookup(node.getInputs()[1]);
  if (!a || !b || a->empty() || b->empty() ||
      (a->size() != b->size() && a->size() != 1 && b->size() != 1))
    return std::nullopt;
  Counters result;
  for (size_t i = 0; i < std::max(a->size(), b->size()); ++i) {
    Counter x = (*a)[a->size() == 1 ? 0 : i], y = (*b)[b->size() == 1 ? 0 : i];
    if (scales) {
      if (x.slope != 0)
        std::swap(x, y);
      auto factor = constantExtent(x.base);
      if (x.slope != 0 || !factor || std::abs(*factor) > (1 << 24))
        return std::nullopt;
      result.push_back({y.slope * *factor, simplifyExtent(y.base * *factor)});
    } else {
      result.push_back(
          {adds ? x.slope + y.slope : x.slope - y.slope,
           simplifyExtent(adds ? x.base + y.base : x.base - y.base)});
    }
    if (std::abs(result.back().slope) > (1 << 24))
      return std::nullopt;
  }
  return result;
}

std::optional<Counters> Induction::compute(Value value) {
  if (value == body.getArgument(0))
    return Counters{{1, getAffineConstantExpr(0, value.getContext())}};
  auto argument = dyn_cast<BlockArgument>(value);
  if (argument && argument.getOwner() == &body) {
    if (argument.getArgNumber() < 2)
      return std::nullopt;
    auto carried = readCarried(argument.getArgNumber() - 2);
    return carried ? std::optional(Counters{*carried}) : std::nullopt;
  }
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != &body)
    return readOutside(value);
  if (auto outside = readOutside(value))
    return outside;
  auto node = dyn_cast<onnx::NodeOp>(op);
  return node ? readNode(node) : std::nullopt;
}

/// Narrow integers wrap within the trips of a loop, unsigned ones below zero.
static bool holdsCounters(Value value) {
  auto type = dyn_cast<ShapedType>(value.getType());
  auto element = type ? dyn_cast<IntegerType>(type.getElementType()) : nullptr;
  return element && !element.isUnsigned() &&
         (element.getWidth() == 32 || element.getWidth() == 64);
}

std::optional<int64_t> Induction::countElements(Value value) const {
  const ValueShape *shape = inference.shapeOf(value);
  if (!shape)
    return std::nullopt;
  int64_t count = 1;
  for (AffineExpr dim : shape->dims) {
    auto extent = constantExtent(dim);
    if (!extent || *extent > int64_t(kMost) ||
        (count *= *extent) > int64_t(kMost))
      return std::nullopt;
  }
  return count;
}

/// What must be known before the value.
OperandRange Induction::operandsOf(Value value) const {
  Operation *op = value.getDefiningOp();
  auto argument = dyn_cast<BlockArgument>(value);
  if (argument && argument.getOwner() == &body && argument.getArgNumber() >= 2)
    op = nextOf(argument.getArgNumber() - 2);
  return op && op->getBlock() == &body ? op->getOperands()
                                       : loop->getOperands().take_front(0);
}

std::optional<Counters> Induction::read(Value value) {
  // Operands first, without recursion: chains may be as long as the model. What
  // depends on itself is not known to itself.
  SmallVector<Value> open{value};
  while (!open.empty()) {
    Value next = open.back();
    if (!holdsCounters(next)) {
      known[next] = std::nullopt;
    } else if (known.try_emplace(next, std::nullopt).second) {
      for (Value operand : operandsOf(next))
        if (!known.contains(operand))
          open.push_back(operand);
      continue;
    }
    open.pop_back();
    if (!holdsCounters(next) || !settled.insert(next).second)
      continue;
    auto result = compute(next);
    // Operands that spread each other have more elements than either.
    if (result && countElements(next) == int64_t(result->size()))
      known[next] = std::move(result);
  }
  return known.lookup(value);
}

std::optional<Counter> Induction::readOne(Value value) {
  auto all = read(value);
  if (!all || all->size() != 1)
    return std::nullopt;
  return all->front();
}

/// Of a comparison low < high of numbers: high - low, one more where they may
/// be equal.
std::optional<Counter> Induction::readDistance(Value condition) {
  auto node = condition.getDefiningOp<onnx::NodeOp>();
  while (node && node.getDomain().empty() && node->getNumResults() == 1 &&
         (node.getOpType() == "Identity" || node.getOpType() == "Cast"))
    node = node.getInputs()[0].getDefiningOp<onnx::NodeOp>();
  if (!node || !node.getDomain().empty() || node.getInputs().size() != 2)
    return std::nullopt;
  StringRef type = node.getOpType();
  bool swapped = type.starts_with("Greater");
  if (!swapped && !type.starts_with("Less"))
    return std::nullopt;
  auto low = readOne(node.getInputs()[swapped ? 1 : 0]);
  auto high = readOne(node.getInputs()[swapped ? 0 : 1]);
  if (!low || !high)
    return std::nullopt;
  AffineExpr base = high->base - low->base;
  return Counter{high->slope - low->slope,
                 simplifyExtent(type.ends_with("OrEqual") ? base + 1 : base)};
}

/// Whether the body reads the first of `trips` rows: without rows the loop
/// could not begin.
bool Induction::readsFirstRow(AffineExpr trips) {
  for (auto node : body.getOps<onnx::NodeOp>()) {
    if (!node.getDomain().empty() || node.getOpType() != "Gather")
      continue;
    const ValueShape *shape = inference.shapeOf(node.getInputs()[0]);
    auto position = readOne(node.getInputs()[1]);
    auto axis = shape
                    ? normalizeAxis(node.getInt("axis", 0), shape->dims.size())
                    : std::nullopt;
    if (axis && position && constantExtent(position->base) == 0 &&
        shape->dims[*axis] == trips)
      return true;
  }
  return false;
}

/// Whether the condition in front of the loop is right for `trips` iterations.
bool Induction::startsTrue(AffineExpr trips) {
  bool some = isNonNegative(simplifyExtent(trips - 1)) || readsFirstRow(trips);
  if (!loop.hasInput(1))
    return some;
  Value start = loop.getInputs()[1];
  if (ElementsAttr constant = inference.constantOf(start)) {
    FailureOr<Tensor> tensor = Tensor::fromAttr(constant);
    return some && succeeded(tensor) && tensor->getNumElements() == 1 &&
           tensor->at(0) != 0;
  }
  // The same comparison before the first iteration.
  auto left = readDistance(start);
  return left && left->slope == 0 && left->base == trips;
}

AffineExpr Induction::countTrips() {
  AffineExpr counted, limited;
  if (loop.hasInput(0)) {
    auto count = readOutside(loop.getInputs()[0]);
    if (!count || count->size() != 1)
      return {};
    counted = count->front().base;
    // As good as none.
    if (auto constant = constantExtent(counted);
        constant && *constant >= std::numeric_limits<int32_t>::max())
      counted = {};
  }
  if (!onlyCounts(loop, body)) {
    // It goes on after iteration i while i + b < n: n - b + 1 times.
    auto left = readDistance(body.back().getOperand(0));
    if (!left || left->slope != -1)
      return {};
    limited = simplifyExtent(left->base + 1);
    if (!startsTrue(limited))
      return {};
  }
  if (!counted || !limited || counted == limited)
    return counted ? counted : limited;
  AffineExpr least = minExprs(counted, limited);
  return least ? simplifyExtent(least) : AffineExpr();
}

} // namespace ssmc
