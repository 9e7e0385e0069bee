//===- AxisAnalysis.cpp - which axis of every tensor is batch or time -----===//

#include "lib/Raise/AxisAnalysis.h"

#include "lib/Operators/Extents.h"
#include "lib/Raise/AxisRules.h"

using namespace mlir;

namespace ssmc {

static const AxisRuleTable &getRules() {
  static const AxisRuleTable table = [] {
    AxisRuleTable rules;
    registerElementwiseAxisRules(rules);
    registerShapeAxisRules(rules);
    registerIndexAxisRules(rules);
    registerGatherNDAxisRules(rules);
    registerReductionAxisRules(rules);
    registerContractionAxisRules(rules);
    return rules;
  }();
  return table;
}

AxisAnalysis::AxisAnalysis(const Graph &graph)
    : AxisAnalysis(graph, findSeeds(graph)) {}

AxisAnalysis::AxisAnalysis(const Graph &graph, ArrayRef<AxisSeed> seeds,
                           AxisClasses *classes)
    : graph(graph), seeds(seeds), classes(classes) {
  run();
}

void AxisAnalysis::run() {
  Block &body = graph.getFunc().getBody().front();
  for (BlockArgument argument : body.getArguments())
    if (auto shape = graph.getShape(argument))
      axes[argument] = unlabelled(*shape);
  for (const AxisSeed &seed : seeds) {
    auto it = axes.find(body.getArgument(seed.argument));
    if (it == axes.end() || seed.axis >= it->second.size())
      continue;
    int64_t extent = it->second[seed.axis][0].extent;
    it->second[seed.axis] = {Digit{seed.kind, 1, extent}};
    int64_t &known = extents[seed.kind];
    known = std::max(known, extent);
  }
  length = extentOf(AxisKind::Time), batch = extentOf(AxisKind::Batch);
  for (BlockArgument argument : body.getArguments()) {
    auto it = axes.find(argument);
    tokens[argument] =
        it == axes.end() ? TokenClass::Mixed : classifyAxes(it->second, length);
  }
  for (Operation *op : graph.getNodes())
    visit(op);
}

void AxisAnalysis::visit(Operation *op) {
  if (llvm::none_of(op->getResults(),
                    [&](Value v) { return graph.dependsOnInput(v); })) {
    for (Value result : op->getResults()) {
      tokens[result] = TokenClass::Constant;
      if (auto shape = graph.getShape(result))
        axes[result] = unlabelled(*shape);
    }
    return;
  }

  SmallVector<KindSteps> spans(op->getNumResults());
  auto known = [&](Value v) {
    return isa<NoneType>(v.getType()) || axes.contains(v);
  };
  bool understood = false;
  auto node = dyn_cast<onnx::NodeOp>(op);
  if (node && visitCell(node)) {
    understood = true;
    mixing.insert(op);
  } else if (node && op->getNumRegions() == 0 &&
             llvm::all_of(op->getOperands(), known) &&
             llvm::all_of(op->getResults(), [&](Value v) {
               return graph.getShape(v).has_value();
             })) {
    auto rule = getRules().find(node.getQualifiedName());
    if (rule != getRules().end()) {
      understood = true;
      AxisTransfer transfer(*this, node);
      rule->second(transfer);
      if (transfer.mixed)
        mixing.insert(op);
      for (unsigned i = 0, e = op->getNumResults(); i < e; ++i) {
        ArrayRef<int64_t> shape = transfer.resultShape(i);
        ValueAxes &labels = transfer.results[i];
        if (labels.size() != shape.size())
          labels = unlabelled(shape);
        for (auto [axis, extent] : llvm::zip(labels, shape)) {
          joinDigits(axis);
          int64_t product = 1;
          for (const Digit &digit : axis)
            product *= digit.extent;
          if (product != extent)
            axis = {Digit{AxisKind::Other, 1, extent}};
        }
        noteSquare(labels);
        axes[op->getResult(i)] = labels;
        spans[i] = transfer.spans[i];
      }
      if (transfer.filling.axis >= 0)
        fillings[op->getResult(0)] = transfer.filling;
      else if (node.getOpType() == "Identity")
        if (auto it = fillings.find(op->getOperand(0)); it != fillings.end())
          fillings[op->getResult(0)] = Filling(it->second);
    }
  } else if (node && visitScan(node)) {
    understood = true;
    mixing.insert(op);
  } else if (!node && visitMixer(op)) {
    understood = true;
    mixing.insert(op);
  }
  if (!understood) {
    mixing.insert(op);
    for (Value result : op->getResults())
      if (auto shape = graph.getShape(result))
        axes[result] = unlabelled(*shape);
  }

  for (Value result : op->getResults()) {
    auto it = axes.find(result);
    tokens[result] =
        it == axes.end() ? TokenClass::Mixed : classifyAxes(it->second, length);
  }
  spreadSteps(op, spans);
}

const AxisSeed *AxisAnalysis::findFreeSeed() const {
  const AxisSeed *free = llvm::find_if(seeds, [&](const AxisSeed &seed) {
    Value argument = graph.getFunc().getArgument(seed.argument);
    return seed.kind == AxisKind::Time &&
           cast<RankedTensorType>(argument.getType()).isDynamicDim(seed.axis);
  });
  return free == seeds.end() ? nullptr : free;
}

AffineExpr AxisAnalysis::getFreeLength() const {
  const AxisSeed *free = findFreeSeed();
  if (!free)
    return {};
  func::FuncOp func = graph.getFunc();
  ModuleSymbols symbols(func->getParentOfType<ModuleOp>());
  return symbols.shapeOf(func.getArgument(free->argument).getType(), "dim")
      ->dims[free->axis];
}

const ValueAxes *AxisAnalysis::getAxes(Value value) const {
  auto it = axes.find(value);
  return it == axes.end() ? nullptr : &it->second;
}

TokenClass AxisAnalysis::getClass(Value value) const {
  auto it = tokens.find(value);
  return it == tokens.end() ? TokenClass::Constant : it->second;
}

StepRange AxisAnalysis::getSteps(Value value) const {
  return findSteps(stepsOf(value), AxisKind::Time);
}

} // namespace ssmc
