//===- JoinGathers.cpp - one exit for loops that give several -------------===//

#include "lib/Raise/JoinGathers.h"

#include "lib/Loops/NodeWriter.h"
#include "lib/Raise/AxisAnalysis.h"

#include "mlir/Analysis/TopologicalSortUtils.h"

using namespace mlir;

namespace ssmc {

/// Of what is joined, and of what is cut out of it: its number.
static constexpr StringLiteral kJoined = "ssmc.joined";
/// No loops of fewer steps are looked for.
static constexpr size_t kFewest = 4;

namespace {
struct Gather {
  onnx::NodeOp node;
  unsigned axis; // of time
  bool reverse;
  /// What a step in the middle knows of several tokens.
  llvm::DenseSet<Value> carried;
};

class Joiner {
public:
  explicit Joiner(const AxisAnalysis &analysis) : analysis(analysis) {}
  llvm::DenseSet<Operation *> run(func::FuncOp func);

private:
  std::optional<Gather> readGather(onnx::NodeOp node) const;
  void collectCarried(Gather &gather) const;
  bool belongTogether(const Gather &a, const Gather &b) const;
  SmallVector<Gather *> groupFirst(std::vector<Gather> &gathers) const;
  std::optional<unsigned> findAxis(ArrayRef<Gather *> gathers) const;
  void join(ArrayRef<Gather *> gathers, unsigned axis) const;

  const AxisAnalysis &analysis;
};
} // namespace

static onnx::NodeOp asConcat(Operation *op) {
  auto node = dyn_cast_or_null<onnx::NodeOp>(op);
  return node && node.getDomain().empty() && node.getOpType() == "Concat"
             ? node
             : onnx::NodeOp();
}

/// One piece for each step, in their order or the other way round.
std::optional<Gather> Joiner::readGather(onnx::NodeOp node) const {
  const ValueAxes *axes = analysis.getAxes(node->getResult(0));
  if (!axes || node.getInputs().size() < kFewest ||
      int64_t(node.getInputs().size()) != analysis.getLength())
    return std::nullopt;
  auto time = llvm::find_if(*axes, isPlainTime);
  if (time == axes->end())
    return std::nullopt;
  auto runs = [&](bool reverse) {
    for (auto [k, piece] : llvm::enumerate(node.getInputs())) {
      StepRange range = analysis.getSteps(piece);
      if (!range.known() || (reverse ? range.first : range.last) != int64_t(k))
        return false;
    }
    return true;
  };
  bool forward = runs(false);
  if (!forward && !runs(true))
    return std::nullopt;
  Gather gather{node, unsigned(time - axes->begin()), !forward, {}};
  collectCarried(gather);
  if (gather.carried.empty())
    return std::nullopt;
  return gather;
}

void Joiner::collectCarried(Gather &gather) const {
  ValueRange pieces = gather.node.getInputs();
  SmallVector<Value> worklist{pieces[pieces.size() / 2]};
  llvm::DenseSet<Value> seen;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    StepRange range = analysis.getSteps(value);
    if (!range.known() || !value.getDefiningOp() || !seen.insert(value).second)
      continue;
    if (range.first < range.last)
      gather.carried.insert(value);
    llvm::append_range(worklist, value.getDefiningOp()->getOperands());
  }
}

bool Joiner::belongTogether(const Gather &a, const Gather &b) const {
  return a.axis == b.axis && a.reverse == b.reverse &&
         llvm::any_of(b.carried,
                      [&](Value value) { return a.carried.contains(value); });
}

/// Whether what the first one gathers follows from what the other one has
/// gathered: as one they would follow from themselves.
static bool follows(const Gather &gather, const Gather &other) {
  SmallVector<Operation *> worklist{gather.node};
  llvm::DenseSet<Operation *> seen;
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    if (op == other.node)
      return true;
    if (!op || !seen.insert(op).second)
      continue;
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        worklist.push_back(operand.getDefiningOp());
    });
  }
  return false;
}

/// What can be joined with the first gather.
SmallVector<Gather *> Joiner::groupFirst(std::vector<Gather> &gathers) const {
  SmallVector<Gather *> group{&gathers.front()};
  for (Gather &other : llvm::drop_begin(gathers))
    if (belongTogether(gathers.front(), other) &&
        llvm::none_of(group, [&](Gather *member) {
          return follows(other, *member) || follows(*member, other);
        }))
      group.push_back(&other);
  return group;
}

/// An axis of neither time nor batch along which their pieces fit together.
std::optional<unsigned> Joiner::findAxis(ArrayRef<Gather *> gathers) const {
  SmallVector<RankedTensorType> types;
  for (Gather *gather : gathers)
    types.push_back(
        dyn_cast<RankedTensorType>(gather->node->getResult(0).getType()));
  if (llvm::any_of(types, [&](RankedTensorType type) {
        return !type || type.getRank() != types.front().getRank() ||
               type.getElementType() != types.front().getElementType();
      }))
    return std::nullopt;
  for (unsigned axis = types.front().getRank(); axis-- > 0;) {
    bool fits = axis != gathers.front()->axis;
    for (auto [gather, type] : llvm::zip_equal(gathers, types)) {
      fits &=
          !type.isDynamicDim(axis) &&
          !isLabelled((*analysis.getAxes(gather->node->getResult(0)))[axis]);
      for (unsigned d = 0; d < type.getRank(); ++d)
        fits &= d == axis || type.getDimSize(d) == types.front().getDimSize(d);
    }
    if (fits)
      return axis;
  }
  return std::nullopt;
}

void Joiner::join(ArrayRef<Gather *> gathers, unsigned axis) const {
  onnx::NodeOp last = gathers.back()->node;
  OpBuilder builder(last);
  NodeWriter writer(builder, last);
  SmallVector<Value> joined;
  for (size_t k = 0; k < last.getInputs().size(); ++k) {
    SmallVector<Value> pieces;
    for (Gather *gather : gathers)
      pieces.push_back(gather->node.getInputs()[k]);
    joined.push_back(writer.concat(pieces, axis));
  }
  Value both = writer.concat(joined, gathers.front()->axis);
  both.getDefiningOp()->setAttr(kJoined, builder.getUnitAttr());
  int64_t first = 0;
  for (auto [i, gather] : llvm::enumerate(gathers)) {
    Value old = gather->node->getResult(0);
    int64_t end =
        first + cast<RankedTensorType>(old.getType()).getDimSize(axis);
    Value part = writer.slice(both, axis, first, end);
    part.getDefiningOp()->setAttr(kJoined, builder.getI64IntegerAttr(i));
    old.replaceAllUsesWith(part);
    first = end;
  }
  for (Gather *gather : gathers)
    gather->node->erase();
}

llvm::DenseSet<Operation *> Joiner::run(func::FuncOp func) {
  std::vector<Gather> gathers;
  for (auto node : func.getBody().front().getOps<onnx::NodeOp>())
    if (asConcat(node))
      if (std::optional<Gather> gather = readGather(node))
        gathers.push_back(std::move(*gather));
  llvm::DenseSet<Operation *> joined;
  while (!gathers.empty()) {
    SmallVector<Gather *> group = groupFirst(gathers);
    std::optional<unsigned> axis = findAxis(group);
    llvm::DenseSet<Operation *> done;
    for (Gather *gather : group)
      done.insert(gather->node);
    if (group.size() > 1 && axis) {
      join(group, *axis);
      joined.insert_range(done);
    }
    llvm::erase_if(gathers,
                   [&](Gather &gather) { return done.contains(gather.node); });
  }
  if (!joined.empty()) // what read the first gather may stand in front of the
                       // last one
    sortTopologically(&func.getBody().front());
  return joined;
}

llvm::DenseSet<Operation *> joinGathers(func::FuncOp func) {
  // Most graphs have none, which needs no analysis.
  llvm::DenseMap<size_t, int> counts;
  for (auto node : func.getBody().front().getOps<onnx::NodeOp>()) {
    node->removeAttr(kJoined); // of a file
    if (asConcat(node) && node.getInputs().size() >= kFewest)
      ++counts[node.getInputs().size()];
  }
  if (llvm::none_of(counts, [](const auto &c) { return c.second > 1; }))
    return {};
  llvm::StringSet<> lengths = AxisAnalysis::findLengths(func);
  Graph graph(func, Graph::findStretch(func, lengths), lengths);
  return Joiner(AxisAnalysis(graph)).run(func);
}

/// The pieces of number `number`.
static Value gatherAgain(NodeWriter &writer, onnx::NodeOp both,
                         unsigned number) {
  SmallVector<Value> pieces;
  for (Value joined : both.getInputs())
    pieces.push_back(joined.getDefiningOp()->getOperand(number));
  return writer.concat(pieces, both.getInt("axis", 0));
}

bool partGathers(func::FuncOp func) {
  SmallVector<onnx::NodeOp> parts;
  for (auto node : func.getBody().front().getOps<onnx::NodeOp>())
    if (auto number = node->getAttrOfType<IntegerAttr>(kJoined))
      parts.push_back(node);
  SmallVector<onnx::NodeOp> unused;
  bool changed = false;
  for (onnx::NodeOp part : parts) {
    auto number = cast<IntegerAttr>(part->removeAttr(kJoined));
    onnx::NodeOp both = asConcat(part.getInputs()[0].getDefiningOp());
    if (!both || !both->hasAttr(kJoined))
      continue;
    OpBuilder builder(part);
    NodeWriter writer(builder, part);
    part->getResult(0).replaceAllUsesWith(
        gatherAgain(writer, both, number.getInt()));
    part->erase();
    changed = true;
    if (both->use_empty()) {
      SmallVector<Value> joined(both.getInputs());
      both->erase();
      for (Value value : joined)
        if (value.use_empty())
          value.getDefiningOp()->erase();
    }
  }
  return changed;
}

} // namespace ssmc
