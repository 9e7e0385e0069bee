//===- AxisScan.cpp - axis labels through loops over a sequence -----------===//
//
// The body of a Scan sees tokens: its sequences without their axis of time. Its
// states begin with the labels of their initial values, which a constant has
// none of, and take those of what the body yields for them until nothing
// changes. What it writes has the axis of time again.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/AxisRules.h"

using namespace mlir;

namespace ssmc {

/// Takes labels from `from` where `to` has none; true where that changed it.
static bool adopt(ValueAxes &to, const ValueAxes *from) {
  if (!from || from->size() != to.size())
    return false;
  bool changed = false;
  for (auto [a, b] : llvm::zip(to, *from))
    if (!isLabelled(a) && isLabelled(b)) {
      a = b;
      changed = true;
    }
  return changed;
}

bool AxisAnalysis::visitScan(onnx::NodeOp node) {
  if (!node.getDomain().empty() || node.getOpType() != "Scan" ||
      node->getNumRegions() != 1 || !node->getRegion(0).hasOneBlock())
    return false;
  Block &body = node->getRegion(0).front();
  int64_t inputs = node.getInputs().size();
  int64_t reads = node.getInt("num_scan_inputs", 0), states = inputs - reads;
  int64_t writes = node->getNumResults() - states;
  SmallVector<int64_t> readAxes =
      node.getInts("scan_input_axes").value_or(SmallVector<int64_t>(reads, 0));
  SmallVector<int64_t> writeAxes =
      node.getInts("scan_output_axes")
          .value_or(SmallVector<int64_t>(writes, 0));
  if (reads < 1 || states < 0 || writes < 0 || body.empty() ||
      body.getNumArguments() != inputs ||
      body.back().getNumOperands() != node->getNumResults() ||
      int64_t(readAxes.size()) != reads ||
      int64_t(writeAxes.size()) != writes ||
      llvm::any_of(node.getInputs(), [&](Value v) { return !getAxes(v); }))
    return false;

  Digits time;
  SmallVector<ValueAxes> arguments;
  for (auto [i, input] : llvm::enumerate(node.getInputs())) {
    ValueAxes labels = *getAxes(input);
    if (int64_t(i) >= states) {
      int64_t axis = AxisTransfer::axisOf(readAxes[i - states], labels.size());
      if (axis < 0)
        return false;
      // All sequences are taken token by token together.
      if (!isLabelled(time))
        time = labels[axis];
      else if (isLabelled(labels[axis]))
        meet(time, labels[axis]);
      noteSequence(labels[axis]);
      labels.erase(labels.begin() + axis);
    }
    arguments.push_back(std::move(labels));
  }
  // Labels only grow: what an earlier visit has found holds. Without it nested
  // scans would be visited twice for each visit of the one around them.
  SmallVector<ValueAxes> &settled = stateLabels[node];
  for (int64_t i = 0; i < states && !settled.empty(); ++i)
    adopt(arguments[i], &settled[i]);
  bool changed = true;
  while (changed) {
    for (auto [argument, labels] : llvm::zip(body.getArguments(), arguments)) {
      axes[argument] = labels;
      tokens[argument] = TokenClass::Mixed;
    }
    for (Operation &inner : body.without_terminator())
      visit(&inner);
    changed = false;
    for (int64_t i = 0; i < states; ++i)
      changed |= adopt(arguments[i], getAxes(body.back().getOperand(i)));
  }
  // Looked up again: scans inside have been noted meanwhile.
  stateLabels[node].assign(arguments.begin(), arguments.begin() + states);
  for (auto [i, result] : llvm::enumerate(node->getResults())) {
    if (int64_t(i) < states) {
      axes[result] = arguments[i];
      continue;
    }
    const ValueAxes *token = getAxes(body.back().getOperand(i));
    if (!token)
      continue;
    ValueAxes labels = *token;
    int64_t axis =
        AxisTransfer::axisOf(writeAxes[i - states], labels.size() + 1);
    if (axis < 0)
      return false;
    labels.insert(labels.begin() + axis, time);
    axes[result] = std::move(labels);
  }
  return true;
}

bool AxisAnalysis::visitCell(onnx::NodeOp node) {
  if (!node.getDomain().empty() ||
      !llvm::is_contained({"LSTM", "GRU", "RNN"}, node.getOpType()) ||
      !node.hasInput(0))
    return false;
  const ValueAxes *x = getAxes(node->getOperand(0));
  if (!x || x->size() != 3)
    return false;
  bool rowsFirst = node.getInt("layout", 0) != 0;
  Digits time = (*x)[rowsFirst], batch = (*x)[!rowsFirst];
  noteSequence(time);
  // States, at first and at last, are directions x batch x hidden.
  for (unsigned i : {5, 6})
    if (node.hasInput(i))
      if (const ValueAxes *state = getAxes(node->getOperand(i));
          state && state->size() == 3 && isLabelled((*state)[!rowsFirst]))
        meet(batch, (*state)[!rowsFirst]);
  for (auto [i, result] : llvm::enumerate(node->getResults())) {
    auto shape = graph.getShape(result);
    if (!shape || shape->size() != (i == 0 ? 4 : 3))
      return false;
    ValueAxes labels = unlabelled(*shape);
    labels[i == 0 ? (rowsFirst ? 0 : 2) : !rowsFirst] = batch;
    if (i == 0)
      labels[rowsFirst] = time;
    axes[result] = std::move(labels);
  }
  return true;
}

} // namespace ssmc
