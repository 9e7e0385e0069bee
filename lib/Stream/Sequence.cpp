//===- Sequence.cpp - a graph that can be continued -----------------------===//

#include "lib/Stream/Sequence.h"

#include "dialects/ssm/SsmOps.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ssmc;

Sequence::Sequence(func::FuncOp graph, ShapeInference &shapes)
    : graph(graph), shapes(shapes) {}

bool Sequence::refuse(Operation *op, const Twine &why) {
  refusal = {op, why.str()};
  return false;
}

bool Sequence::hasLength(AffineExpr expr) const {
  bool found = false;
  expr.walk([&](AffineExpr part) { found |= part == length; });
  return found;
}

bool Sequence::hasLength(Value value) const {
  const ValueShape *shape = shapes.shapeOf(value);
  return shape && llvm::any_of(shape->dims,
                               [&](AffineExpr dim) { return hasLength(dim); });
}

// Time and batch of all inputs that have them are one length and one batch.
bool Sequence::findAxes(const AxisAnalysis &analysis) {
  for (const AxisSeed &seed : analysis.getSeeds()) {
    const ValueShape *shape = shapes.shapeOf(graph.getArgument(seed.argument));
    if (!shape || seed.axis >= shape->dims.size())
      continue;
    AffineExpr extent = shape->dims[seed.axis];
    AffineExpr &known = seed.kind == AxisKind::Time ? length : batch;
    if (known && known != extent)
      return refuse(nullptr, "its inputs have different lengths");
    known = extent;
  }
  if (!length)
    return refuse(nullptr, "nothing in it runs along a sequence");
  if (!isa<AffineSymbolExpr>(length))
    return refuse(nullptr, "its length is fixed: free it with "
                           "--dim INPUT:AXIS=L");
  if (!batch)
    return refuse(nullptr, "it has no batch: every state needs its rows");
  if (batch == length)
    return refuse(nullptr, "its batch and its length have one name");
  return true;
}

/// True where an operand says extents, which the length may be part of.
static bool saysExtents(onnx::NodeOp node, unsigned operand) {
  return llvm::StringSwitch<bool>(node.getOpType())
      .Case("ConstantOfShape", true)
      .Cases({"Reshape", "Expand", "Slice", "Split", "Tile", "Pad"},
             operand > 0)
      .Default(false);
}

// The number of tokens of a call says nothing of the sequence.
bool Sequence::checkLengthReading(onnx::NodeOp node) {
  bool stays = llvm::all_of(node->getResults(), [&](Value result) {
    return shapes.elementsOf(result).has_value();
  });
  if (stays)
    return true;
  for (OpOperand &operand : node->getOpOperands()) {
    auto elements = shapes.elementsOf(operand.get());
    if (elements && !saysExtents(node, operand.getOperandNumber()) &&
        llvm::any_of(*elements, [&](AffineExpr e) { return hasLength(e); }))
      return refuse(node, "computes with the length of the sequence");
  }
  return true;
}

bool Sequence::checkNode(onnx::NodeOp node, const AxisAnalysis &analysis) {
  if (!checkLengthReading(node))
    return false;
  bool reads =
      llvm::any_of(node->getOperands(), [&](Value v) { return hasLength(v); });
  for (Value result : node->getResults()) {
    if (!hasLength(result))
      continue;
    // What is equal everywhere may be as long as anything.
    bool spreads =
        node.getOpType() == "ConstantOfShape" || node.getOpType() == "Expand";
    if (!reads && !spreads)
      return refuse(node, "depends on the positions of the tokens");
    if (reads && !analysis.getGraph().dependsOnInput(result) && !spreads)
      return refuse(node, "depends on the positions of the tokens");
  }
  if (analysis.mixesTime(node))
    return refuse(node, "mixes the tokens of the sequence, and is none of the "
                        "mixers that have a state");
  for (Value result : node->getResults())
    if (analysis.getClass(result) == TokenClass::Mixed)
      return refuse(node, "gives something that does not belong to one token");
  return true;
}

bool Sequence::checkResults(const AxisAnalysis &analysis) {
  Operation *end = graph.getBody().front().getTerminator();
  for (Value result : end->getOperands()) {
    const ValueShape *shape = shapes.shapeOf(result);
    if (!shape || analysis.getClass(result) != TokenClass::PerToken ||
        !llvm::is_contained(shape->dims, length))
      return refuse(result.getDefiningOp(),
                    "gives an output that does not belong to one token");
  }
  return true;
}

bool Sequence::analyse() {
  Graph view(graph);
  AxisAnalysis analysis(view);
  if (!findAxes(analysis))
    return false;
  for (Operation &op : graph.getBody().front().without_terminator()) {
    if (auto node = dyn_cast<onnx::NodeOp>(op)) {
      if (!checkNode(node, analysis))
        return false;
    } else if (isa<ssm::MixerOpInterface>(op)) {
      if (!checkMixer(&op, analysis))
        return false;
    }
  }
  if (!checkResults(analysis))
    return false;
  return !states.empty() ||
         refuse(nullptr, "it carries nothing from token to token");
}
