//===- SequenceParts.cpp - positions and delays of a graph ----------------===//
//
// Positions come from a Range over the length: exporters write it, and
// onnx-free-lengths does for tables that were constants. The first rows of a
// table, as many as there are tokens, are those of their positions. A delay is
// written as zeros (or another constant) in front of a sequence whose end is
// cut off: a Pad and a Slice, a Pad that takes away at the end, or a Concat
// with a Slice.
//
//===----------------------------------------------------------------------===//

#include "lib/Stream/Sequence.h"

#include "dialects/onnx/OnnxElementType.h"
#include "lib/Eval/Tensor.h"
#include "lib/Fold/Rewrites.h"

using namespace mlir;
using namespace ssmc;

/// The place among the ends of a Slice that is the length: the others say
/// nothing of it.
std::optional<unsigned> Sequence::findTokensOf(onnx::NodeOp slice) {
  if (!slice.getDomain().empty() || slice.getOpType() != "Slice" ||
      !slice->getOperand(0).getDefiningOp<onnx::ConstantOp>() ||
      !isPrefix(slice))
    return std::nullopt;
  auto ends = shapes->elementsOf(slice->getOperand(2));
  std::optional<unsigned> found;
  for (auto [i, end] : llvm::enumerate(ends ? *ends : ArrayRef<AffineExpr>())) {
    if (!hasLength(end))
      continue;
    if (found || end != length)
      return std::nullopt;
    found = i;
  }
  return found;
}

// Gather(table, Range(0, L)) for table[:L].
bool Sequence::replaceTables() {
  SmallVector<std::pair<onnx::NodeOp, unsigned>> tables;
  for (Operation &op : graph.getBody().front())
    if (auto node = dyn_cast<onnx::NodeOp>(op))
      if (auto place = findTokensOf(node))
        tables.push_back({node, *place});
  OpBuilder b(graph->getContext());
  Type unknown = onnx::UnknownType::get(b.getContext());
  for (const auto &table : tables) {
    onnx::NodeOp node = table.first;
    unsigned place = table.second;
    auto axes = node.hasInput(3) ? shapes->elementsOf(node->getOperand(3))
                                 : std::nullopt;
    std::optional<int64_t> axis = place;
    if (node.hasInput(3))
      axis = axes ? constantExtent((*axes)[place]) : std::nullopt;
    int64_t rank = shapes->shapeOf(node->getOperand(0))->dims.size();
    if (axis)
      axis = normalizeAxis(*axis, rank);
    if (!axis)
      continue;
    b.setInsertionPoint(node);
    auto number = [&](int64_t value) -> Value {
      return onnx::ConstantOp::create(
          b, node.getLoc(), Tensor::scalar(b.getI64Type(), value).toAttr());
    };
    Value end = makeNode(b, node, "Gather",
                         {node->getOperand(2), number(place)}, unknown)
                    ->getResult(0);
    Value range =
        makeNode(b, node, "Range", {number(0), end, number(1)}, unknown)
            ->getResult(0);
    auto along =
        b.getDictionaryAttr(b.getNamedAttr("axis", b.getI64IntegerAttr(*axis)));
    Value rows = makeNode(b, node, "Gather", {node->getOperand(0), range},
                          unknown, along)
                     ->getResult(0);
    SmallVector<Value> operands(node->getOperands());
    operands[0] = rows;
    node->getResult(0).setType(unknown);
    node->setOperands(operands);
  }
  return !tables.empty();
}

// Positions as an argument, and each Range as arithmetic on them.
bool Sequence::replaceRanges() {
  SmallVector<onnx::NodeOp> ranges;
  for (Operation &op : graph.getBody().front())
    if (auto node = dyn_cast<onnx::NodeOp>(op);
        node && node.getOpType() == "Range" && node.getDomain().empty() &&
        shapes->shapeOf(node->getResult(0))->dims.front() == length)
      ranges.push_back(node);
  OpBuilder b(graph->getContext());
  Type unknown = onnx::UnknownType::get(b.getContext());
  for (onnx::NodeOp node : ranges) {
    ElementsAttr start = shapes->constantOf(node->getOperand(0)),
                 step = shapes->constantOf(node->getOperand(2));
    if (!start || !step)
      return refuse(node, "counts the tokens from where data says");
    if (!positions) {
      Type type = shapes->getSymbols().typeOf({b.getI64Type(), {length}});
      if (failed(graph.insertArgument(graph.getNumArguments(), type, {},
                                      node.getLoc())))
        return refuse(node, "cannot be given positions");
      positions = graph.getArguments().back();
    }
    Value index = positions;
    auto element = shapes->shapeOf(node->getResult(0))->elementType;
    if (!element.isInteger(64))
      index =
          makeNode(b, node, "Cast", index, unknown,
                   b.getDictionaryAttr(b.getNamedAttr(
                       "to", b.getI64IntegerAttr(elementTypeToOnnx(element)))))
              ->getResult(0);
    index = makeNode(b, node, "Mul", {index, node->getOperand(2)}, unknown)
                ->getResult(0);
    index = makeNode(b, node, "Add", {index, node->getOperand(0)}, unknown)
                ->getResult(0);
    node->getResult(0).replaceAllUsesWith(index);
  }
  eraseDead(graph.getBody().front());
  return true;
}

/// True where the result of a Slice begins at the beginning and leaves nothing
/// out.
bool Sequence::isPrefix(onnx::NodeOp slice) {
  auto are = [&](unsigned operand, int64_t number) {
    if (!slice.hasInput(operand))
      return true;
    auto elements = shapes->elementsOf(slice->getOperand(operand));
    return elements && llvm::all_of(*elements, [&](AffineExpr element) {
             return constantExtent(element) == number;
           });
  };
  return slice->getNumOperands() >= 3 && are(1, 0) && are(4, 1);
}

/// The amounts of a Pad of rank `rank`, of constants.
static std::optional<SmallVector<int64_t>>
padsOf(onnx::NodeOp pad, int64_t rank, const ShapeInference &shapes) {
  if (pad->getNumOperands() < 2 || pad.hasInput(3) ||
      pad.getString("mode", "constant") != "constant")
    return std::nullopt;
  auto elements = shapes.elementsOf(pad->getOperand(1));
  if (!elements || int64_t(elements->size()) != 2 * rank)
    return std::nullopt;
  SmallVector<int64_t> pads;
  for (AffineExpr element : *elements) {
    if (!constantExtent(element))
      return std::nullopt;
    pads.push_back(*constantExtent(element));
  }
  return pads;
}

/// Zeros in front of all of a sequence, whose end is cut off.
bool Sequence::matchPadded(onnx::NodeOp node, Delay &delay, Value &source) {
  auto slice = node.getOpType() == "Slice" ? node : onnx::NodeOp();
  auto pad = slice && isPrefix(slice)
                 ? definingNode(slice->getOperand(0), "Pad")
             : node.getOpType() == "Pad" ? node
                                         : onnx::NodeOp();
  const ValueShape *whole = pad ? shapes->shapeOf(pad->getOperand(0)) : nullptr;
  if (!whole || whole->dims != shapes->shapeOf(node->getResult(0))->dims)
    return false;
  auto pads = padsOf(pad, whole->dims.size(), *shapes);
  if (!pads)
    return false;
  source = pad->getOperand(0);
  delay.count = (*pads)[delay.timeAxis];
  for (auto [i, amount] : llvm::enumerate(*pads)) {
    bool isEnd = i == whole->dims.size() + delay.timeAxis;
    if (i != delay.timeAxis && amount != 0 &&
        !(isEnd && pad == node && amount == -delay.count))
      return false;
  }
  std::optional<double> initial = pad.hasInput(2)
                                      ? filledWith(pad->getOperand(2))
                                      : std::optional<double>(0);
  delay.initial = initial.value_or(0);
  return initial.has_value();
}

/// A constant in front of a sequence without its end.
bool Sequence::matchJoined(onnx::NodeOp node, Delay &delay, Value &source) {
  if (node.getOpType() != "Concat" || node->getNumOperands() != 2)
    return false;
  auto cut = definingNode(node->getOperand(1), "Slice");
  const ValueShape *before = shapes->shapeOf(node->getOperand(0));
  std::optional<double> initial = filledWith(node->getOperand(0));
  if (!cut || !isPrefix(cut) || !before || !initial)
    return false;
  int64_t rank = before->dims.size();
  if (normalizeAxis(node.getInt("axis", 0), rank) != delay.timeAxis)
    return false;
  delay.count = constantExtent(before->dims[delay.timeAxis]).value_or(0);
  delay.initial = *initial;
  source = cut->getOperand(0);
  // It ends as many tokens before the end of the sequence, or there is none.
  auto ends = shapes->elementsOf(cut->getOperand(2));
  auto axes =
      cut.hasInput(3) ? shapes->elementsOf(cut->getOperand(3)) : std::nullopt;
  std::optional<int64_t> cutAxis = 0;
  if (cut.hasInput(3))
    cutAxis =
        axes && axes->size() == 1 ? constantExtent((*axes)[0]) : std::nullopt;
  return ends && ends->size() == 1 && cutAxis &&
         (constantExtent((*ends)[0]) == -delay.count ||
          (*ends)[0] == simplifyExtent(length - delay.count)) &&
         normalizeAxis(*cutAxis, rank) == delay.timeAxis;
}

bool Sequence::replaceDelay(onnx::NodeOp node) {
  if (node->getNumResults() != 1 || node->getNumOperands() == 0)
    return false;
  // Time is where the sequence has it that is delayed.
  auto cut = node.getOpType() == "Concat" && node->getNumOperands() == 2
                 ? definingNode(node->getOperand(1), "Slice")
                 : node;
  const ValueShape *timed =
      cut ? shapes->shapeOf(cut == node ? node->getResult(0)
                                        : cut->getOperand(0))
          : nullptr;
  if (!timed || llvm::count(timed->dims, length) != 1)
    return false;
  Delay delay{{},
              unsigned(llvm::find(timed->dims, length) - timed->dims.begin()),
              0,
              0,
              0};
  Value source;
  if ((!matchPadded(node, delay, source) &&
       !matchJoined(node, delay, source)) ||
      delay.count < 1)
    return false;
  OpBuilder b(node);
  delay.node =
      makeNode(b, node, "Identity", source, node->getResult(0).getType());
  node->getResult(0).replaceAllUsesWith(delay.node->getResult(0));
  delays.push_back(delay);
  return true;
}

void Sequence::replaceDelays() {
  SmallVector<onnx::NodeOp> nodes;
  for (Operation &op : graph.getBody().front())
    if (auto node = dyn_cast<onnx::NodeOp>(op))
      nodes.push_back(node);
  bool any = false;
  // The last first: what feeds a node then has its shape still.
  for (onnx::NodeOp node : llvm::reverse(nodes))
    any |= node.getDomain().empty() && replaceDelay(node);
  std::reverse(delays.begin(), delays.end());
  if (any)
    eraseDead(graph.getBody().front());
}
