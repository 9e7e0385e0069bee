//===- CascadeSteps.cpp - states that others follow from ------------------===//
//
// Some states of a Scan follow from none of the others: a running maximum, say,
// beside which exponential gates are taken. Where the others are affine once
// these are given, the Scan becomes two. The first one writes what its states
// are before and after every step, the second one reads that.
//
//===----------------------------------------------------------------------===//

#include "lib/Loops/HoistSteps.h"
#include "lib/Loops/ScanNode.h"
#include "lib/Loops/StepDegrees.h"

using namespace mlir;

namespace ssmc {

using Values = llvm::SmallDenseSet<Value>;

/// True where the states after are affine in those before.
static bool areAffine(Block &body, ArrayRef<ScanNode::State> states) {
  SmallVector<Value> befores;
  for (const ScanNode::State &state : states)
    befores.push_back(state.before);
  StepDegrees degrees(body, befores);
  return llvm::all_of(states, [&](const ScanNode::State &state) {
    return degrees.of(state.after) != Degree::Other;
  });
}

/// The states that others follow from, with those that they follow from.
static Values findLeading(const ScanNode &node) {
  llvm::SmallDenseMap<Value, Values> needs;
  for (const ScanNode::State &state : node.states)
    needs[state.before] = node.statesBehind(state.after);
  for (bool changed = true; changed;) {
    changed = false;
    for (auto &[before, own] : needs)
      for (Value other : SmallVector<Value>(own.begin(), own.end()))
        for (Value further : needs.lookup(other))
          changed |= own.insert(further).second;
  }
  Values leading;
  for (const auto &[before, own] : needs)
    for (Value other : own)
      if (other != before)
        leading.insert(other);
  return leading;
}

/// The two Scans that `node` becomes, of which the second one reads what the
/// first one writes of its states; nothing where it becomes none.
static std::optional<std::pair<ScanNode, ScanNode>>
cascade(const ScanNode &node) {
  if (node.states.size() < 2 || areAffine(*node.body, node.states))
    return std::nullopt;
  Values leading = findLeading(node);
  ScanNode first, second;
  first.body = second.body = node.body;
  first.reads = second.reads = node.reads;
  for (const ScanNode::State &state : node.states)
    (leading.contains(state.before) ? first : second).states.push_back(state);
  if (first.states.empty() || second.states.empty() ||
      !areAffine(*node.body, second.states))
    return std::nullopt;
  for (const ScanNode::Write &write : node.writes) {
    Values behind = node.statesBehind(write.token);
    bool leads = !behind.empty() && llvm::all_of(behind, [&](Value state) {
      return leading.contains(state);
    });
    (leads ? first : second).writes.push_back(write);
  }
  return std::make_pair(std::move(first), std::move(second));
}

static bool cascade(onnx::NodeOp scan) {
  std::optional<ScanNode> node = ScanNode::read(scan);
  auto parts = node && !node->reads.empty() ? cascade(*node) : std::nullopt;
  if (!parts)
    return false;
  auto &[first, second] = *parts;
  OpBuilder builder(scan);
  NodeWriter writer(builder, scan);
  bool reverse = node->reads.front().reverse;
  size_t own = first.writes.size();
  for (const ScanNode::State &state : first.states)
    for (Value token : {state.before, state.after})
      first.writes.push_back({token, Value(), 0, reverse});
  SmallVector<Value> written = first.write(writer, IRMapping());
  for (size_t i = own; i < written.size(); ++i)
    second.reads.push_back({written[i], 0, reverse, first.writes[i].token});
  second.write(writer, IRMapping());
  scan->erase();
  return true;
}

bool cascadeSteps(func::FuncOp function) {
  SmallVector<onnx::NodeOp> scans;
  function.walk([&](onnx::NodeOp node) {
    if (node.getDomain().empty() && node.getOpType() == "Scan")
      scans.push_back(node);
  });
  return llvm::count_if(scans, [](onnx::NodeOp s) { return cascade(s); }) != 0;
}

} // namespace ssmc
