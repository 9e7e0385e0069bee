//===- AxisAnalysis.cpp - which axis of every tensor is batch or time -----===//

#include "lib/Raise/AxisAnalysis.h"

#include "lib/Raise/AxisRules.h"

using namespace mlir;

namespace ssmc {

static const AxisRuleTable &getRules() {
  static const AxisRuleTable table = [] {
    AxisRuleTable rules;
    registerElementwiseAxisRules(rules);
    registerShapeAxisRules(rules);
    registerIndexAxisRules(rules);
    registerReductionAxisRules(rules);
    registerContractionAxisRules(rules);
    return rules;
  }();
  return table;
}

SmallVector<AxisSeed> AxisAnalysis::findSeeds(const Graph &graph) {
  Block &body = graph.getFunc().getBody().front();
  // The sequence itself: what indexes an embedding table, else embeddings.
  int64_t primary = -1;
  for (BlockArgument argument : body.getArguments()) {
    auto shape = graph.getShape(argument);
    if (!shape || shape->size() != 2)
      continue;
    bool found = false;
    SmallVector<Value> worklist{argument};
    // Through casts and the like, a few nodes deep.
    for (unsigned i = 0; i < worklist.size() && i < 8 && !found; ++i)
      for (OpOperand &use : worklist[i].getUses()) {
        auto node = dyn_cast<onnx::NodeOp>(use.getOwner());
        if (!node)
          continue;
        StringRef op = node.getOpType();
        if (op == "Gather" && use.getOperandNumber() == 1 &&
            !graph.dependsOnInput(node.getInputs()[0]))
          found = true;
        else if (op == "Cast" || op == "Identity" || op == "Where" ||
                 op == "Clip")
          worklist.push_back(node->getResult(0));
      }
    if (found) {
      primary = argument.getArgNumber();
      break;
    }
  }
  for (BlockArgument argument : body.getArguments()) {
    if (primary >= 0)
      break;
    auto shape = graph.getShape(argument);
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (shape && shape->size() == 3 && type.getElementType().isFloat())
      primary = argument.getArgNumber();
  }
  SmallVector<AxisSeed> seeds;
  if (primary < 0)
    return seeds;
  ArrayRef<int64_t> main = *graph.getShape(body.getArgument(primary));
  for (BlockArgument argument : body.getArguments()) {
    auto shape = graph.getShape(argument);
    if (!shape || shape->empty())
      continue;
    unsigned number = argument.getArgNumber();
    auto type = cast<RankedTensorType>(argument.getType());
    // States of rank 3 and more are not sequences: they keep their axis 1.
    bool sequence =
        number == primary || (shape->size() == 2 && (*shape)[1] == main[1] &&
                              !type.getElementType().isFloat());
    if (shape->size() >= 2 && (*shape)[0] == main[0])
      seeds.push_back({number, 0, AxisKind::Batch});
    if (sequence && ((*shape)[0] == main[0] || (*shape)[0] == 1))
      seeds.push_back({number, 1, AxisKind::Time});
  }
  return seeds;
}

AxisAnalysis::AxisAnalysis(const Graph &graph)
    : AxisAnalysis(graph, findSeeds(graph)) {}

AxisAnalysis::AxisAnalysis(const Graph &graph, ArrayRef<AxisSeed> seeds)
    : graph(graph), seeds(seeds) {
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
    int64_t &known = seed.kind == AxisKind::Time ? length : batch;
    known = std::max(known, extent);
  }
  for (BlockArgument argument : body.getArguments()) {
    auto it = axes.find(argument);
    classes[argument] =
        it == axes.end() ? TokenClass::Mixed : classifyAxes(it->second, length);
  }
  for (Operation *op : graph.getNodes())
    visit(op);
}

void AxisAnalysis::visit(Operation *op) {
  if (llvm::none_of(op->getResults(),
                    [&](Value v) { return graph.dependsOnInput(v); })) {
    for (Value result : op->getResults()) {
      classes[result] = TokenClass::Constant;
      if (auto shape = graph.getShape(result))
        axes[result] = unlabelled(*shape);
    }
    return;
  }

  SmallVector<StepRange> spans(op->getNumResults());
  auto known = [&](Value v) {
    return isa<NoneType>(v.getType()) || axes.contains(v);
  };
  bool understood = false;
  auto node = dyn_cast<onnx::NodeOp>(op);
  if (node && op->getNumRegions() == 0 &&
      llvm::all_of(op->getOperands(), known) &&
      llvm::all_of(op->getResults(),
                   [&](Value v) { return graph.getShape(v).has_value(); })) {
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
  } else if (!node) {
    understood = setMixerAxes(
        op, [&](Value v) { return getAxes(v); },
        [&](Value v, ValueAxes labels) { axes[v] = std::move(labels); });
    if (understood)
      mixing.insert(op);
  }
  if (!understood) {
    mixing.insert(op);
    for (Value result : op->getResults())
      if (auto shape = graph.getShape(result))
        axes[result] = unlabelled(*shape);
  }

  StepRange seen;
  for (Value operand : op->getOperands()) {
    StepRange range = getSteps(operand);
    if (!range.known())
      continue;
    seen.first = seen.known() ? std::min(seen.first, range.first) : range.first;
    seen.last = std::max(seen.last, range.last);
  }
  for (unsigned i = 0, e = op->getNumResults(); i < e; ++i) {
    Value result = op->getResult(i);
    auto it = axes.find(result);
    TokenClass tokens =
        it == axes.end() ? TokenClass::Mixed : classifyAxes(it->second, length);
    classes[result] = tokens;
    if (tokens != TokenClass::Mixed)
      continue; // a whole sequence again: what follows starts afresh
    StepRange range = seen;
    if (spans[i].known()) {
      range.first = range.known() ? std::min(range.first, spans[i].first)
                                  : spans[i].first;
      range.last = std::max(range.last, spans[i].last);
    }
    if (range.known())
      steps[result] = range;
  }
}

bool AxisAnalysis::hasFreeLength() const {
  return llvm::any_of(seeds, [&](const AxisSeed &seed) {
    Value argument = graph.getFunc().getArgument(seed.argument);
    return seed.kind == AxisKind::Time &&
           cast<RankedTensorType>(argument.getType()).isDynamicDim(seed.axis);
  });
}

const ValueAxes *AxisAnalysis::getAxes(Value value) const {
  auto it = axes.find(value);
  return it == axes.end() ? nullptr : &it->second;
}

TokenClass AxisAnalysis::getClass(Value value) const {
  auto it = classes.find(value);
  return it == classes.end() ? TokenClass::Constant : it->second;
}

StepRange AxisAnalysis::getSteps(Value value) const {
  return steps.lookup(value);
}

} // namespace ssmc
