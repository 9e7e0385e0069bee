//===- Sequence.cpp - a graph that can be continued -----------------------===//

#include "lib/Stream/Sequence.h"

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/ssm/SsmOps.h"
#include "lib/Operators/ExtentBounds.h"
#include "lib/Raise/AxisRules.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ssmc;

Sequence::Sequence(func::FuncOp forward) {
  graph = forward.clone();
  graph.setName((forward.getName() + ".sequence").str());
  graph.setPrivate();
  forward->getParentOfType<ModuleOp>().push_back(graph);
}

Sequence::~Sequence() { graph.erase(); }

bool Sequence::refuse(Operation *op, const Twine &why) {
  if (!op)
    op = graph;
  std::string name;
  if (isa<ssm::MixerOpInterface>(op))
    name = (op->getName().getStringRef() + " ").str();
  refusal = {op->getLoc(), name + why.str()};
  return false;
}

bool Sequence::hasLength(AffineExpr expr) const {
  bool found = false;
  expr.walk([&](AffineExpr part) { found |= part == length; });
  return found;
}

bool Sequence::hasLength(Value value) const {
  const ValueShape *shape = shapes->shapeOf(value);
  return shape && llvm::any_of(shape->dims,
                               [&](AffineExpr dim) { return hasLength(dim); });
}

// It is not one that inputs have.
bool Sequence::hasOtherExtent(Value value) const {
  const ValueShape *shape = shapes->shapeOf(value);
  if (!shape)
    return false;
  DenseSet<AffineExpr> known;
  for (Value argument : func::FuncOp(graph).getArguments())
    if (const ValueShape *given = shapes->shapeOf(argument))
      for (AffineExpr dim : given->dims)
        dim.walk([&](AffineExpr part) { known.insert(part); });
  bool found = false;
  for (AffineExpr dim : shape->dims)
    dim.walk([&](AffineExpr part) {
      found |= isa<AffineSymbolExpr>(part) && !known.contains(part);
    });
  return found;
}

// Time and batch of all inputs that have them are one length and one batch.
bool Sequence::findAxes(ArrayRef<AxisSeed> seeds) {
  for (const AxisSeed &seed : seeds) {
    const ValueShape *shape = shapes->shapeOf(graph.getArgument(seed.argument));
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

std::optional<unsigned> Sequence::findAxis(Value value, AxisKind kind,
                                           const AxisAnalysis &analysis) const {
  const ValueAxes *axes = analysis.getAxes(value);
  if (axes)
    for (auto [d, axis] : llvm::enumerate(*axes))
      if (axis.size() == 1 && axis[0].kind == kind)
        return d;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

/// True where an operand says extents, which the length may be part of.
static bool saysExtents(onnx::NodeOp node, unsigned operand) {
  return llvm::StringSwitch<bool>(node.getOpType())
      .Case("ConstantOfShape", true)
      .Cases({"Reshape", "Expand", "Slice", "Split", "Tile", "Pad"},
             operand > 0)
      .Default(false);
}

// The number of tokens of a call says nothing of the sequence.
bool Sequence::checkLengthReading(onnx::NodeOp node,
                                  const AxisAnalysis &analysis) {
  bool stays = llvm::all_of(node->getResults(), [&](Value result) {
    return shapes->elementsOf(result).has_value();
  });
  if (stays)
    return true;
  bool keeps = llvm::any_of(node->getResults(),
                            [&](Value result) { return hasLength(result); });
  for (OpOperand &operand : node->getOpOperands()) {
    if (saysExtents(node, operand.getOperandNumber()))
      continue;
    auto elements = shapes->elementsOf(operand.get());
    // A sum of as many ones is the length, too.
    bool counts = !keeps && hasLength(operand.get()) &&
                  !analysis.getGraph().dependsOnInput(operand.get());
    if (counts || (elements && llvm::any_of(*elements, [&](AffineExpr e) {
                     return hasLength(e);
                   })))
      return refuse(node, "computes with the length of the sequence");
  }
  return true;
}

/// True where all elements are known to be equal.
static bool isSplat(Value value, const ShapeInference &shapes) {
  const ValueShape *shape = shapes.shapeOf(value);
  if (shape && llvm::all_of(shape->dims, [](AffineExpr dim) {
        return constantExtent(dim) == 1;
      }))
    return true;
  if (filledWith(value))
    return true;
  auto node = value.getDefiningOp<onnx::NodeOp>();
  if (!node || !node.getDomain().empty())
    return false;
  if (node.getOpType() == "ConstantOfShape")
    return true;
  return llvm::StringSwitch<bool>(node.getOpType())
             .Cases({"Expand", "Reshape", "Transpose"}, true)
             .Cases({"Squeeze", "Unsqueeze", "Identity", "Cast"}, true)
             .Default(false) &&
         isSplat(node->getOperand(0), shapes);
}

/// True where elements equal along the length stay so.
static bool keepsUniform(onnx::NodeOp node, const ShapeInference &shapes) {
  // A reshape may move other elements to the length.
  if (node.getOpType() == "Reshape")
    return isSplat(node->getOperand(0), shapes);
  return !getAlignedOperands(node).empty() ||
         llvm::StringSwitch<bool>(node.getOpType())
             .Cases({"ConstantOfShape", "Expand", "Transpose"}, true)
             .Cases({"Squeeze", "Unsqueeze", "Identity", "Cast"}, true)
             .Default(false);
}

// What depends on positions only is handed to the rest where that says which
// row a token is of.
bool Sequence::checkPositions(onnx::NodeOp node, const AxisAnalysis &analysis) {
  for (OpOperand &operand : node->getOpOperands()) {
    const ValueShape *shape = shapes->shapeOf(operand.get());
    if (!shape || dependsOnData(operand.get()) || !hasLength(operand.get()))
      continue;
    if (!analysis.getGraph().dependsOnInput(operand.get()))
      continue; // equal everywhere
    auto aligned = getAlignedOperands(node);
    auto rows = node->getNumResults() == 1
                    ? findAxis(node->getResult(0), AxisKind::Batch, analysis)
                    : std::nullopt;
    const ValueShape *result = shapes->shapeOf(node->getResult(0));
    if (operand.getOperandNumber() >= aligned.size() || !rows || !result ||
        llvm::count(shape->dims, length) != 1 ||
        llvm::count_if(shape->dims,
                       [&](AffineExpr dim) { return hasLength(dim); }) != 1)
      return refuse(node, "reads the positions of the tokens in a way that is "
                          "not known");
    unsigned lead = result->dims.size() - shape->dims.size();
    if (*rows >= lead && shape->dims[*rows - lead] != batch &&
        constantExtent(shape->dims[*rows - lead]) != 1)
      return refuse(node, "reads positions that differ between rows");
    positionUses.push_back({&operand, unsigned(result->dims.size()), *rows});
  }
  return true;
}

bool Sequence::checkNode(onnx::NodeOp node, const AxisAnalysis &analysis) {
  if (!checkLengthReading(node, analysis))
    return false;
  for (Value result : node->getResults())
    if (!dependsOnData(result) && hasOtherExtent(result))
      return refuse(node, "has as many elements as the number of tokens says, "
                          "in a way that is not known");
  bool depends = llvm::any_of(node->getResults(), [&](Value result) {
    return analysis.getGraph().dependsOnInput(result);
  });
  for (Value result : node->getResults())
    if (!depends && hasLength(result) && !keepsUniform(node, *shapes))
      return refuse(node, "depends on the positions of the tokens");
  if (analysis.mixesTime(node))
    return refuse(node, "mixes the tokens of the sequence, and is none of the "
                        "mixers that have a state");
  for (Value result : node->getResults())
    if (analysis.getClass(result) == TokenClass::Mixed)
      return refuse(node, "gives something that does not belong to one token");
  return !llvm::any_of(node->getResults(), [&](Value v) {
    return dependsOnData(v);
  }) || checkPositions(node, analysis);
}

bool Sequence::checkResults(const AxisAnalysis &analysis) {
  Operation *end = graph.getBody().front().getTerminator();
  for (Value result : end->getOperands()) {
    const ValueShape *shape = shapes->shapeOf(result);
    if (!shape || analysis.getClass(result) != TokenClass::PerToken ||
        !dependsOnData(result) || !llvm::is_contained(shape->dims, length))
      return refuse(result.getDefiningOp(),
                    "gives an output that does not belong to one token");
  }
  return true;
}

void Sequence::followData() {
  for (Value argument : graph.getArguments())
    if (argument != positions)
      data.insert(argument);
  for (Operation &op : graph.getBody().front()) {
    auto reads = [&](Value value) { return data.contains(value); };
    bool depends = llvm::any_of(op.getOperands(), reads);
    // Extents are no data.
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (node && (node.getOpType() == "Shape" || node.getOpType() == "Size"))
      continue;
    op.walk([&](Operation *inner) {
      depends |= inner != &op && llvm::any_of(inner->getOperands(), reads);
    });
    if (depends)
      data.insert_range(op.getResults());
  }
}

/// How many tokens there may be.
FailureOr<bool> Sequence::findEnd() {
  FailureOr<SmallVector<ExtentBound>> bounds = readExtentBounds(graph);
  if (failed(bounds))
    return failure();
  for (const ExtentBound &bound : *bounds) {
    if (bound.extent(graph, [&](Value v) { return shapes->shapeOf(v); }) !=
        length)
      return refuse(nullptr, "its inputs are bounded by other lengths than "
                             "that of the sequence");
    mostTokens = mostTokens ? std::min(mostTokens, bound.most) : bound.most;
  }
  return true;
}

FailureOr<bool> Sequence::analyse() {
  auto module = graph->getParentOfType<ModuleOp>();
  auto infer = [&] {
    shapes = std::make_unique<ShapeInference>(module);
    return shapes->run(graph, /*merge=*/false);
  };
  if (failed(infer()))
    return failure();
  SmallVector<AxisSeed> seeds = AxisAnalysis::findSeeds(Graph(graph));
  if (!findAxes(seeds))
    return false;
  if (replaceTables() && failed(infer()))
    return failure();
  if (!replaceRanges())
    return false;
  completeCells();
  replaceDelays();
  if (failed(infer()))
    return failure();
  if (positions)
    seeds.push_back({graph.getNumArguments() - 1, 0, AxisKind::Time});
  followData();

  llvm::StringSet<> lengths;
  lengths.insert(
      shapes->getSymbols().name(cast<AffineSymbolExpr>(length).getPosition()));
  Graph view(graph, /*stretch=*/0, lengths);
  AxisAnalysis analysis(view, seeds);
  for (BlockArgument argument : graph.getArguments()) {
    auto rows = findAxis(argument, AxisKind::Batch, analysis),
         time = findAxis(argument, AxisKind::Time, analysis);
    if (rows && time)
      inputs.push_back({argument.getArgNumber(), *rows, *time});
  }
  if (FailureOr<bool> ends = findEnd(); failed(ends) || !*ends)
    return ends;
  for (Delay &delay : delays) {
    auto rows = findAxis(delay.node->getResult(0), AxisKind::Batch, analysis);
    if (!rows)
      return refuse(delay.node, "delays something without a batch");
    delay.batchAxis = *rows;
  }
  for (Operation &op : graph.getBody().front().without_terminator()) {
    if (auto node = dyn_cast<onnx::NodeOp>(op)) {
      if (isLoop(node) ? !checkLoop(node, analysis)
                       : !checkNode(node, analysis))
        return false;
    } else if (isa<ssm::MixerOpInterface>(op)) {
      if (!checkMixer(&op, analysis))
        return false;
    }
  }
  if (!checkResults(analysis))
    return false;
  return !states.empty() || !delays.empty() || needsPositions() ||
         refuse(nullptr, "it carries nothing from token to token");
}
