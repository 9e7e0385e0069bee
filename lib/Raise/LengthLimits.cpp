//===- LengthLimits.cpp - numbers that positions are compared with --------===//

#include "lib/Raise/LengthLimits.h"

#include "lib/Eval/Tensor.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
class LimitFinder {
public:
  LimitFinder(const Graph &graph, int64_t length)
      : graph(graph), symbols(graph.getFunc()->getParentOfType<ModuleOp>()),
        length(length) {}

  void visit(onnx::NodeOp node);
  LengthLimit limit;

private:
  bool followsExtents(Value value);
  void visitPositions(onnx::NodeOp node);
  void visitData(onnx::NodeOp node);
  bool changesFreeExtents(Value from, Value to);
  void noteNumber(int64_t &largest, double number) const;
  void noteAttributes(int64_t &largest, onnx::NodeOp node) const;
  void noteConstant(int64_t &largest, Value value) const;
  void noteExtents(int64_t &largest, Value value, size_t from) const;

  const Graph &graph;
  ModuleSymbols symbols;
  int64_t length;
  llvm::DenseMap<Value, bool> known;
};
} // namespace

static bool asksForExtents(onnx::NodeOp node) {
  return node && node.getDomain().empty() &&
         (node.getOpType() == "Shape" || node.getOpType() == "Size");
}

static bool isFree(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return !tensor || !tensor.hasStaticShape();
}

/// Whether `value`, which follows from no data, is another at another length.
bool LimitFinder::followsExtents(Value value) {
  if (isa<NoneType>(value.getType()))
    return false;
  if (isFree(value.getType()))
    return true;
  auto [it, isNew] = known.try_emplace(value, false);
  Operation *op = value.getDefiningOp();
  if (!isNew || !op)
    return it->second;
  bool asks = asksForExtents(dyn_cast<onnx::NodeOp>(op));
  bool follows =
      isa<onnx::SymbolOp>(op) || llvm::any_of(op->getOperands(), [&](Value v) {
        return asks ? isFree(v.getType()) : followsExtents(v);
      });
  return known[value] = follows;
}

void LimitFinder::noteNumber(int64_t &largest, double number) const {
  constexpr double kMost = 1 << 24; // beyond are numbers that stand for none
  number = std::abs(number);
  if (number > length && number <= kMost)
    largest = std::max<int64_t>(largest, int64_t(std::ceil(number)));
}

void LimitFinder::noteAttributes(int64_t &largest, onnx::NodeOp node) const {
  for (NamedAttribute attribute : node.getAttrs()) {
    if (attribute.getName() == "group") // of channels
      continue;
    attribute.getValue().walk([&](Attribute part) {
      if (auto number = dyn_cast<IntegerAttr>(part))
        noteNumber(largest, number.getValue().getSExtValue());
      else if (auto number = dyn_cast<FloatAttr>(part))
        noteNumber(largest, number.getValueAsDouble());
      else if (auto numbers = dyn_cast<DenseI64ArrayAttr>(part))
        for (int64_t number : numbers.asArrayRef())
          noteNumber(largest, number);
      else if (auto numbers = dyn_cast<DenseF32ArrayAttr>(part))
        for (float number : numbers.asArrayRef())
          noteNumber(largest, number);
    });
  }
}

void LimitFinder::noteExtents(int64_t &largest, Value value,
                              size_t from) const {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !value.getDefiningOp<onnx::ConstantOp>())
    return;
  for (int64_t d = from; d < type.getRank(); ++d)
    noteNumber(largest, type.getShape()[d]);
}

void LimitFinder::noteConstant(int64_t &largest, Value value) const {
  constexpr int64_t kManyNumbers = 1 << 16; // else a table of positions
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (!constant)
    return;
  if (constant.getValue().getNumElements() > kManyNumbers)
    return noteExtents(largest, value, 0);
  FailureOr<Tensor> tensor = Tensor::fromAttr(constant.getValue());
  for (int64_t i = 0, e = succeeded(tensor) ? tensor->getNumElements() : 0;
       i < e; ++i)
    noteNumber(largest, tensor->at(i));
}

/// What gives extents, or the elements of its operands and nothing new. Every
/// other operator may bound positions.
static bool onlyMoves(StringRef type) {
  static const llvm::StringSet<> moves = {
      "Reshape",   "Squeeze",  "Unsqueeze",       "Flatten",
      "Transpose", "Identity", "ConstantOfShape", "Concat",
      "Expand",    "Tile",     "Shape",           "Size"};
  return moves.contains(type);
}

static bool cutsTables(StringRef type) {
  return type == "Slice" || type == "GatherElements" || type == "GatherND";
}

void LimitFinder::visitPositions(onnx::NodeOp node) {
  StringRef type = node.getOpType();
  if (node.getDomain().empty() && onlyMoves(type))
    return;
  auto result = dyn_cast<RankedTensorType>(node->getResult(0).getType());
  bool isExtents = result && result.hasStaticShape() && result.getRank() < 2 &&
                   !isa<FloatType>(result.getElementType()) &&
                   !result.getElementType().isInteger(1);
  limit.any |= !isExtents;
  noteAttributes(limit.number, node);
  limit.looksUp |=
      type.starts_with("Gather") && !followsExtents(node.getInputs()[0]);
  for (auto [i, input] : llvm::enumerate(node.getInputs())) {
    if (i == 0 && type == "Gather" && isa<RankedTensorType>(input.getType())) {
      auto table = cast<RankedTensorType>(input.getType());
      int64_t axis = node.getInt("axis", 0);
      axis += axis < 0 ? table.getRank() : 0;
      if (axis >= 0 && axis < table.getRank())
        noteNumber(limit.number, table.getShape()[axis]);
    } else if (i == 0 && cutsTables(type)) {
      noteExtents(limit.number, input, 0);
    } else {
      noteConstant(limit.number, input);
    }
  }
  // Integers of few bits begin again.
  if (auto bits = result ? dyn_cast<IntegerType>(result.getElementType())
                         : IntegerType();
      bits && type == "Cast" && bits.getWidth() > 1 && bits.getWidth() < 32)
    noteNumber(limit.number,
               1 << (bits.getWidth() - (bits.isUnsigned() ? 0 : 1)));
}

/// Whether the extents that a node leaves free are others behind it.
bool LimitFinder::changesFreeExtents(Value from, Value to) {
  auto before = symbols.shapeOf(from.getType(), "dim"),
       after = symbols.shapeOf(to.getType(), "dim");
  if (!before || !after || before->dims.size() != after->dims.size())
    return true;
  return llvm::any_of(llvm::zip_equal(before->dims, after->dims),
                      [](const auto &pair) {
                        auto [x, y] = pair;
                        return x != y && !constantExtent(x);
                      });
}

/// Data that is moved along a sequence by numbers.
void LimitFinder::visitData(onnx::NodeOp node) {
  StringRef type = node.getOpType();
  if (!node.getDomain().empty())
    return;
  if (type == "Trilu") {
    limit.any = true;
    if (node.hasInput(1))
      noteConstant(limit.shift, node.getInputs()[1]);
  } else if (type == "Slice" || type == "Pad") {
    if (!changesFreeExtents(node.getInputs()[0], node->getResult(0)))
      return;
    noteAttributes(limit.shift, node);
    for (Value number : node.getInputs().drop_front())
      noteConstant(limit.shift, number);
  } else if (type == "Conv") {
    noteAttributes(limit.shift, node);
    noteExtents(limit.shift, node.getInputs()[1], 2);
  } else if (type == "Concat") {
    auto result = dyn_cast<RankedTensorType>(node->getResult(0).getType());
    int64_t axis = node.getInt("axis", 0);
    axis += axis < 0 && result ? result.getRank() : 0;
    if (!result || axis < 0 || axis >= result.getRank() ||
        !result.isDynamicDim(axis))
      return;
    for (Value part : node.getInputs())
      if (auto own = dyn_cast<RankedTensorType>(part.getType());
          own && !own.isDynamicDim(axis))
        noteNumber(limit.shift, own.getShape()[axis]);
  }
}

void LimitFinder::visit(onnx::NodeOp node) {
  if (graph.dependsOnInput(node->getResult(0)))
    visitData(node);
  else if (followsExtents(node->getResult(0)))
    visitPositions(node);
}

LengthLimit findLengthLimit(const Graph &graph, const Region &region,
                            int64_t length) {
  LimitFinder finder(graph, length);
  llvm::DenseSet<Value> stop(region.frontier.begin(), region.frontier.end());
  llvm::DenseSet<Operation *> seen;
  SmallVector<Value> worklist{region.exit};
  llvm::append_range(worklist, region.states);
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (stop.contains(value) || !op || !seen.insert(op).second)
      continue;
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (node && node->getNumResults())
      finder.visit(node);
    // Extents are known whatever they are extents of.
    if (!asksForExtents(node))
      llvm::append_range(worklist, op->getOperands());
  }
  return finder.limit;
}

} // namespace ssmc
