//===- ScanNode.cpp - a Scan to be written anew ---------------------------===//

#include "lib/Loops/ScanNode.h"

#include "lib/Operators/Operator.h"
#include "lib/Operators/ScanSpec.h"

#include "llvm/ADT/EquivalenceClasses.h"

using namespace mlir;

namespace ssmc {

std::optional<ScanNode> ScanNode::read(onnx::NodeOp scan) {
  FailureOr<ScanSpec> spec = scanSpec(scan);
  if (failed(spec))
    return std::nullopt;
  ScanNode node;
  node.body = &scan->getRegion(0).front();
  Operation *yield = &node.body->back();
  auto normalize = [](int64_t axis, Value value) -> std::optional<int64_t> {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type ? normalizeAxis(axis, type.getRank()) : std::nullopt;
  };
  for (int64_t i = 0; i < spec->states; ++i)
    node.states.push_back({scan.getInputs()[i], node.body->getArgument(i),
                           yield->getOperand(i), scan->getResult(i)});
  for (int64_t i = 0; i < spec->reads; ++i) {
    Value sequence = scan.getInputs()[spec->states + i];
    auto axis = normalize(spec->readAxes[i], sequence);
    if (!axis)
      return std::nullopt;
    node.reads.push_back({sequence, *axis, spec->readBackwards[i],
                          node.body->getArgument(spec->states + i)});
  }
  for (int64_t i = 0; i < spec->writes; ++i) {
    Value result = scan->getResult(spec->states + i);
    auto axis = normalize(spec->writeAxes[i], result);
    if (!axis)
      return std::nullopt;
    node.writes.push_back({yield->getOperand(spec->states + i), result, *axis,
                           spec->writeBackwards[i]});
  }
  return node;
}

SmallVector<Operation *> ScanNode::slice(ArrayRef<Value> roots,
                                         const IRMapping &outside,
                                         Values &met) const {
  Values stops;
  for (const Read &read : reads)
    stops.insert(read.token);
  for (const State &state : states)
    stops.insert(state.before);
  llvm::DenseSet<Operation *> needed;
  SmallVector<Value> worklist(roots);
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (outside.contains(value))
      continue;
    if (stops.contains(value)) {
      met.insert(value);
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (!op || op->getBlock() != body || !needed.insert(op).second)
      continue;
    op->walk([&](Operation *inner) {
      llvm::append_range(worklist, inner->getOperands());
    });
  }
  SmallVector<Operation *> ops;
  for (Operation &op : *body)
    if (needed.contains(&op))
      ops.push_back(&op);
  return ops;
}

SmallVector<ScanNode::Read>
ScanNode::neededReads(const IRMapping &outside) const {
  SmallVector<Value> roots;
  for (const State &state : states)
    roots.push_back(state.after);
  for (const Write &write : writes)
    roots.push_back(write.token);
  Values met;
  slice(roots, outside, met);
  SmallVector<Read> needed;
  for (const Read &read : reads)
    if (met.contains(read.token))
      needed.push_back(read);
  return needed;
}

ScanNode::Values ScanNode::statesBehind(Value value) const {
  Values met, found;
  slice(value, IRMapping(), met);
  for (const State &state : states)
    if (met.contains(state.before))
      found.insert(state.before);
  return found;
}

bool ScanNode::prune() {
  size_t before = states.size() + writes.size();
  llvm::erase_if(writes, [](const Write &write) {
    return write.sequence && write.sequence.use_empty();
  });
  SmallVector<Value> roots;
  for (const Write &write : writes)
    roots.push_back(write.token);
  for (const State &state : states)
    if (!state.last.use_empty())
      roots.push_back(state.after);
  Values live, met;
  for (const State &state : states)
    if (!state.last.use_empty())
      live.insert(state.before);
  // What a live state follows from is live.
  for (bool changed = true; changed;) {
    changed = false;
    slice(roots, IRMapping(), met);
    for (const State &state : states)
      if (met.contains(state.before) && live.insert(state.before).second) {
        roots.push_back(state.after);
        changed = true;
      }
  }
  llvm::erase_if(
      states, [&](const State &state) { return !live.contains(state.before); });
  return states.size() + writes.size() != before;
}

std::vector<ScanNode> ScanNode::split() const {
  llvm::EquivalenceClasses<Value> parts;
  for (const State &state : states)
    parts.insert(state.before);
  for (const State &state : states)
    for (Value other : statesBehind(state.after))
      parts.unionSets(state.before, other);
  SmallVector<Values> read;
  for (const Write &write : writes) {
    read.push_back(statesBehind(write.token));
    for (Value other : read.back())
      parts.unionSets(*read.back().begin(), other);
  }
  std::vector<ScanNode> scans;
  llvm::SmallDenseMap<Value, unsigned> numbers;
  for (const State &state : states) {
    auto [it, fresh] =
        numbers.try_emplace(parts.getLeaderValue(state.before), scans.size());
    if (fresh) {
      scans.emplace_back();
      scans.back().body = body;
      scans.back().reads = reads;
    }
    scans[it->second].states.push_back(state);
  }
  for (auto [write, from] : llvm::zip(writes, read)) {
    // What follows from no state goes with the first one.
    unsigned number =
        from.empty() ? 0 : numbers.lookup(parts.getLeaderValue(*from.begin()));
    if (scans.empty())
      return {*this};
    scans[number].writes.push_back(write);
  }
  if (scans.empty())
    return {*this};
  return scans;
}

SmallVector<Value> ScanNode::write(NodeWriter &writer,
                                   const IRMapping &outside) const {
  SmallVector<Read> used = neededReads(outside);
  // A Scan reads something.
  if (used.empty())
    used.push_back(reads.front());
  SmallVector<Value> inputs;
  SmallVector<int64_t> readAxes, readDirections, writeAxes, writeDirections;
  for (const State &state : states)
    inputs.push_back(state.initial);
  for (const Read &read : used) {
    inputs.push_back(read.sequence);
    readAxes.push_back(read.axis);
    readDirections.push_back(read.reverse);
  }
  for (const Write &write : writes) {
    writeAxes.push_back(write.axis);
    writeDirections.push_back(write.reverse);
  }
  OpBuilder &b = writer.builder;
  SmallVector<Type> types(states.size() + writes.size(),
                          onnx::UnknownType::get(b.getContext()));
  auto scan = onnx::NodeOp::create(
      b, writer.loc, types, inputs, "Scan", "", writer.version,
      b.getDictionaryAttr(
          {writer.attr("body", 0), writer.attr("num_scan_inputs", used.size()),
           writer.attr("scan_input_axes", readAxes),
           writer.attr("scan_input_directions", readDirections),
           writer.attr("scan_output_axes", writeAxes),
           writer.attr("scan_output_directions", writeDirections)}),
      1);
  IRMapping map(outside);
  Block &block = scan->getRegion(0).emplaceBlock();
  auto unknown = onnx::UnknownType::get(b.getContext());
  SmallVector<Value> roots;
  for (const State &state : states) {
    map.map(state.before, block.addArgument(unknown, writer.loc));
    roots.push_back(state.after);
  }
  for (const Read &read : used)
    map.map(read.token, block.addArgument(unknown, writer.loc));
  for (const Write &write : writes)
    roots.push_back(write.token);
  Values met;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(&block);
    for (Operation *op : slice(roots, outside, met))
      b.clone(*op, map);
    SmallVector<Value> yielded;
    for (Value root : roots)
      yielded.push_back(map.lookupOrDefault(root));
    onnx::YieldOp::create(b, writer.loc, yielded);
  }
  for (auto [i, state] : llvm::enumerate(states))
    Value(state.last).replaceAllUsesWith(scan->getResult(i));
  SmallVector<Value> results;
  for (auto [i, write] : llvm::enumerate(writes)) {
    results.push_back(scan->getResult(states.size() + i));
    if (write.sequence)
      Value(write.sequence).replaceAllUsesWith(results.back());
  }
  return results;
}

} // namespace ssmc
