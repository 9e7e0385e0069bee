//===- HoistSteps.cpp - pass onnx-hoist-steps -----------------------------===//
//
// The step of a Scan whose states after are affine in the states before is
//
//   h = A(x) h + b(x),   y = f(C(x) h + d(x), x)
//
// A, b, C and d follow from the tokens alone: they are computed for the whole
// sequence in front of the Scan, and f behind it. What the states are read out
// to is what has fewer elements than they have; where f needs the states
// themselves, these are handed out. A Scan with other states stays as it is,
// but for results and states that nothing needs.
//
//===----------------------------------------------------------------------===//

#include "lib/Loops/HoistSteps.h"

#include "lib/Fold/Rewrites.h"
#include "lib/Fold/ShapeInference.h"
#include "lib/Loops/Passes.h"
#include "lib/Loops/ScanNode.h"
#include "lib/Loops/StepBatching.h"
#include "lib/Loops/StepDegrees.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXHOISTSTEPS
#include "lib/Loops/LoopsPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {
class Hoister {
public:
  Hoister(onnx::NodeOp scan, ScanNode node)
      : scan(scan), node(std::move(node)), builder(scan), writer(builder, scan),
        batching(writer), degrees(*this->node.body, befores(this->node)) {}

  /// True where the Scan was replaced.
  bool run();

private:
  static SmallVector<Value> befores(const ScanNode &node) {
    SmallVector<Value> values;
    for (const ScanNode::State &state : node.states)
      values.push_back(state.before);
    return values;
  }
  bool isFree(Value value) const { return degrees.of(value) == Degree::Free; }
  int64_t size(Value value) const;
  bool areAffine() const;
  void hoist();
  bool replaceFree();
  bool sink();
  /// What has time first as what the Scan wrote.
  Value place(Value whole, const ScanNode::Write &write);
  llvm::SetVector<Value> chooseReadOuts(bool narrow) const;

  onnx::NodeOp scan;
  ScanNode node;
  OpBuilder builder;
  NodeWriter writer;
  StepBatching batching;
  StepDegrees degrees;
  bool reverse = false;
  /// What is computed behind the Scan, as a function of `readOuts`.
  std::unique_ptr<Block> behind;
  SmallVector<Value> readOuts;
  SmallVector<std::pair<ScanNode::Write, Value>> sunk;
};
} // namespace

/// Elements, extents that are not constant counting as one.
int64_t Hoister::size(Value value) const {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  int64_t size = 1;
  if (type)
    for (int64_t extent : type.getShape())
      if (!ShapedType::isDynamic(extent))
        size *= extent;
  return size;
}

bool Hoister::areAffine() const {
  return !node.states.empty() &&
         llvm::all_of(node.states, [&](const ScanNode::State &state) {
           return degrees.of(state.after) != Degree::Other;
         });
}

/// Everything that follows from the tokens, in front of the Scan.
void Hoister::hoist() {
  for (const ScanNode::Read &read : node.reads) {
    auto type = dyn_cast<RankedTensorType>(read.sequence.getType());
    batching.give(read.token,
                  writer.moveAxis(read.sequence, type.getRank(), read.axis, 0));
  }
  SmallVector<ScanNode::Read> fresh;
  for (Operation &op : node.body->without_terminator()) {
    if (!llvm::all_of(op.getResults(), [&](Value v) { return isFree(v); }) ||
        !batching.add(op, *node.body))
      continue;
    for (Value result : op.getResults())
      if (Value whole = batching.whole(result))
        fresh.push_back({whole, 0, reverse, result});
  }
  node.reads.append(fresh);
}

Value Hoister::place(Value whole, const ScanNode::Write &write) {
  int64_t rank = cast<RankedTensorType>(write.token.getType()).getRank() + 1;
  Value value = writer.moveAxis(whole, rank, 0, write.axis);
  return write.reverse == reverse ? value : writer.flip(value, write.axis);
}

/// Results that follow from no state are no business of the Scan.
bool Hoister::replaceFree() {
  size_t before = node.writes.size();
  llvm::erase_if(node.writes, [&](const ScanNode::Write &write) {
    Value whole = batching.whole(write.token);
    if (whole)
      Value(write.sequence).replaceAllUsesWith(place(whole, write));
    return static_cast<bool>(whole);
  });
  return node.writes.size() != before;
}

/// Where the nodes behind the states are cut: at the values with fewer elements
/// than a state where `narrow`, else at the states themselves.
llvm::SetVector<Value> Hoister::chooseReadOuts(bool narrow) const {
  // For each value the size of the smallest state that it follows from.
  llvm::DenseMap<Value, int64_t> least;
  llvm::SmallDenseSet<Value> states;
  for (const ScanNode::State &state : node.states) {
    least[state.before] = size(state.before);
    states.insert(state.before);
    states.insert(state.after);
  }
  for (Operation &op : node.body->without_terminator()) {
    int64_t smallest = std::numeric_limits<int64_t>::max();
    for (Value operand : op.getOperands())
      if (auto it = least.find(operand); it != least.end())
        smallest = std::min(smallest, it->second);
    for (Value result : op.getResults())
      if (!isFree(result))
        least[result] = smallest;
  }
  auto isSmall = [&](Value value) { return size(value) < least.lookup(value); };
  llvm::SetVector<Value> cuts;
  llvm::SmallDenseSet<Value> seen;
  SmallVector<Value> worklist;
  for (const ScanNode::Write &write : node.writes)
    worklist.push_back(write.token);
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (isFree(value) || !seen.insert(value).second)
      continue;
    Operation *op = value.getDefiningOp();
    bool isState = states.contains(value);
    bool isRead =
        narrow && degrees.of(value) == Degree::Affine && isSmall(value);
    // As near to the states as possible.
    if (isRead)
      for (Value operand : op ? op->getOperands() : ValueRange())
        isRead &= isFree(operand) || !isSmall(operand);
    if (isState || isRead || !op || op->getBlock() != node.body)
      cuts.insert(value);
    else
      llvm::append_range(worklist, op->getOperands());
  }
  return cuts;
}

/// What follows from what is read out, for all steps behind the Scan.
bool Hoister::sink() {
  llvm::SetVector<Value> cuts = chooseReadOuts(/*narrow=*/true);
  if (llvm::any_of(node.states, [&](const ScanNode::State &state) {
        return cuts.contains(state.before) || cuts.contains(state.after);
      }))
    cuts = chooseReadOuts(/*narrow=*/false);
  auto isCut = [&](const ScanNode::Write &write) {
    return cuts.contains(write.token) && write.reverse == reverse;
  };
  if (cuts.empty() || llvm::all_of(node.writes, isCut))
    return false;
  behind = std::make_unique<Block>();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(behind.get());
  auto unknown = onnx::UnknownType::get(builder.getContext());
  for (Value cut : cuts)
    batching.give(cut, behind->addArgument(unknown, writer.loc));
  for (Operation &op : node.body->without_terminator())
    if (!llvm::all_of(op.getResults(),
                      [&](Value v) { return isFree(v) || batching.whole(v); }))
      batching.add(op, *node.body);
  for (const ScanNode::Write &write : node.writes) {
    Value whole = batching.whole(write.token);
    if (!whole)
      return false;
    sunk.push_back({write, place(whole, write)});
  }
  readOuts.assign(cuts.begin(), cuts.end());
  return true;
}

bool Hoister::run() {
  bool changed = node.prune();
  SmallVector<ScanNode::Read> before = node.neededReads(IRMapping());
  if (before.empty())
    before.push_back(node.reads.front());
  changed |= before.size() != node.reads.size();
  node.reads = before;
  reverse = node.reads.front().reverse;
  bool plain = llvm::all_of(node.reads, [&](const ScanNode::Read &read) {
    return read.reverse == reverse &&
           isa<RankedTensorType>(read.sequence.getType());
  });
  if (plain && areAffine()) {
    hoist();
    changed |= replaceFree();
    SmallVector<ScanNode::Read> after = node.neededReads(batching.getFixed());
    auto tokens = [](ArrayRef<ScanNode::Read> reads) {
      llvm::SmallDenseSet<Value> values;
      for (const ScanNode::Read &read : reads)
        values.insert(read.token);
      return values;
    };
    changed |= tokens(before) != tokens(after);
    if (sink()) {
      changed = true;
      node.writes.clear();
      for (Value cut : readOuts)
        node.writes.push_back({cut, Value(), 0, reverse});
    } else {
      behind.reset();
    }
  }
  std::vector<ScanNode> scans = node.split();
  if (!changed && scans.size() < 2)
    return false;
  llvm::SmallDenseMap<Value, Value> results;
  for (const ScanNode &part : scans)
    if (!part.states.empty() || !part.writes.empty())
      for (auto [write, result] :
           llvm::zip(part.writes, part.write(writer, batching.getFixed())))
        results[write.token] = result;
  if (behind) {
    for (auto [cut, argument] : llvm::zip(readOuts, behind->getArguments()))
      argument.replaceAllUsesWith(results.lookup(cut));
    for (auto &[write, value] : sunk) {
      Value given = value;
      if (auto argument = dyn_cast<BlockArgument>(value);
          argument && argument.getOwner() == behind.get())
        given = results.lookup(readOuts[argument.getArgNumber()]);
      Value(write.sequence).replaceAllUsesWith(given);
    }
    scan->getBlock()->getOperations().splice(Block::iterator(scan),
                                             behind->getOperations());
  }
  scan->erase();
  return true;
}

bool ssmc::hoistSteps(func::FuncOp function) {
  bool changed = false;
  SmallVector<onnx::NodeOp> scans; // those within others first
  function.walk([&](onnx::NodeOp node) {
    if (node.getDomain().empty() && node.getOpType() == "Scan")
      scans.push_back(node);
  });
  for (onnx::NodeOp scan : scans)
    if (std::optional<ScanNode> node = ScanNode::read(scan))
      changed |= Hoister(scan, std::move(*node)).run();
  // What was written and is not needed.
  if (!scans.empty())
    eraseDead(function.getBody().front());
  return changed;
}

FailureOr<bool> ssmc::simplifySteps(ModuleOp module, func::FuncOp function) {
  bool changed = false;
  auto infer = [&] {
    changed = true;
    ShapeInference inference(module);
    return inference.run(function);
  };
  while (regroupProducts(function) || cascadeSteps(function) ||
         writeAffineSteps(function))
    if (failed(infer()))
      return failure();
  if (hoistSteps(function) && failed(infer()))
    return failure();
  return changed;
}

namespace {
struct HoistSteps : ssmc::impl::OnnxHoistStepsBase<HoistSteps> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isExternal())
        continue;
      ShapeInference inference(getOperation());
      if (failed(inference.run(function)) ||
          failed(simplifySteps(getOperation(), function)))
        return signalPassFailure();
    }
  }
};
} // namespace
