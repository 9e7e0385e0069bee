//===- AxisClasses.cpp - which axes of the inputs are one -----------------===//

#include "lib/Raise/AxisClasses.h"

using namespace mlir;

namespace ssmc {

static AxisKind kindOf(unsigned axis) {
  return AxisKind(unsigned(AxisKind::Candidate) + axis);
}

AxisClasses::AxisClasses(const Graph &graph) {
  // Extents are expressions of symbols by name, not by their place in a type.
  Builder builder(graph.getFunc().getContext());
  llvm::StringMap<unsigned> symbols;
  for (BlockArgument argument : graph.getFunc().getArguments()) {
    auto shape = graph.getShape(argument);
    if (!shape)
      continue;
    auto dims = dyn_cast_or_null<onnx::DimsAttr>(
        cast<RankedTensorType>(argument.getType()).getEncoding());
    SmallVector<AffineExpr> names;
    if (dims)
      for (Attribute name : dims.getSymbols())
        names.push_back(builder.getAffineSymbolExpr(
            symbols
                .try_emplace(cast<StringAttr>(name).getValue(), symbols.size())
                .first->second));
    for (auto [d, extent] : llvm::enumerate(*shape)) {
      AffineExpr symbol;
      if (dims && d < dims.getMap().getValue().getNumResults())
        symbol = dims.getMap().getValue().getResult(d).replaceSymbols(names);
      if (symbol && isa<AffineConstantExpr>(symbol))
        symbol = {};
      unsigned number = axes.size(), same = number;
      for (unsigned other = 0; symbol && other < number; ++other)
        if (axes[other].symbol == symbol)
          same = find(other);
      axes.push_back(
          {{argument.getArgNumber(), unsigned(d)}, extent, symbol, same});
    }
  }
}

unsigned AxisClasses::find(unsigned axis) const {
  while (axes[axis].parent != axis)
    axis = axes[axis].parent;
  return axis;
}

bool AxisClasses::unite(AxisKind a, AxisKind b) {
  if (a < AxisKind::Candidate || b < AxisKind::Candidate)
    return false;
  unsigned x = find(unsigned(a) - unsigned(AxisKind::Candidate));
  unsigned y = find(unsigned(b) - unsigned(AxisKind::Candidate));
  // Pieces of one axis may have the extent of all of another.
  if (axes[x].extent != axes[y].extent)
    return false;
  if (x == y)
    return true;
  axes[std::max(x, y)].parent = std::min(x, y);
  changed = true;
  return true;
}

SmallVector<AxisSeed> AxisClasses::getSeeds() const {
  SmallVector<AxisSeed> seeds;
  for (auto [i, axis] : llvm::enumerate(axes))
    seeds.push_back({axis.place.first, axis.place.second, kindOf(find(i))});
  return seeds;
}

AxisAnalysis AxisClasses::run(const Graph &graph) {
  do {
    changed = false;
    AxisAnalysis analysis(graph, getSeeds(), this);
    if (!changed)
      return analysis;
  } while (true);
}

namespace {
/// What is known of one kind.
struct Candidate {
  AxisKind kind = AxisKind::Other;
  int64_t extent = 1;
  SequenceEvidence evidence;
  int64_t coverage = 0; // values that have all of it
  bool asked = false;

  /// How much says that it is a sequence.
  int64_t weight() const {
    if (extent < 2)
      return 0;
    int64_t sum = 2 * (evidence.gathered + 2 * evidence.sequential +
                       (evidence.chained > 1)) +
                  evidence.compared;
    return evidence.scanned ? INT64_MAX : sum;
  }
};
} // namespace

static bool has(const ValueAxes &axes, AxisKind kind) {
  return llvm::any_of(axes, [&](const Digits &d) { return hasKind(d, kind); });
}

/// True where some value has both kinds and one more axis: what is computed for
/// every row of a batch is itself more than a number.
static bool leavesChannels(const AxisAnalysis &analysis, AxisKind batch,
                           AxisKind time) {
  auto shows = [&](Value value) {
    const ValueAxes *axes = analysis.getAxes(value);
    return axes && has(*axes, batch) && has(*axes, time) &&
           llvm::any_of(*axes, [&](const Digits &axis) {
             return llvm::any_of(axis, [&](const Digit &digit) {
               return digit.extent > 1 && digit.kind != batch &&
                      digit.kind != time;
             });
           });
  };
  return llvm::any_of(analysis.getGraph().getFunc().getArguments(), shows) ||
         llvm::any_of(analysis.getGraph().getNodes(), [&](Operation *op) {
           return llvm::any_of(op->getResults(), shows);
         });
}

static SmallVector<Candidate> listCandidates(const AxisAnalysis &analysis,
                                             ArrayRef<InputAxis> asked) {
  // In the order of the inputs and their axes.
  SmallVector<Candidate> candidates;
  auto find = [&](AxisKind kind) {
    return llvm::find_if(candidates,
                         [&](const Candidate &c) { return c.kind == kind; });
  };
  for (const AxisSeed &seed : analysis.getSeeds()) {
    auto *known = find(seed.kind);
    if (known == candidates.end()) {
      Candidate candidate;
      candidate.kind = seed.kind;
      candidate.extent = analysis.extentOf(seed.kind);
      candidate.evidence = analysis.getEvidence(seed.kind);
      candidates.push_back(candidate);
      known = std::prev(candidates.end());
    }
    known->asked |=
        llvm::is_contained(asked, InputAxis(seed.argument, seed.axis));
  }
  auto count = [&](Value value) {
    const ValueAxes *axes = analysis.getAxes(value);
    if (!axes)
      return;
    llvm::SmallDenseSet<AxisKind> kinds;
    for (const Digits &axis : *axes)
      for (const Digit &digit : axis)
        if (digit.kind >= AxisKind::Candidate)
          kinds.insert(digit.kind);
    for (AxisKind kind : kinds)
      if (tiles(*axes, kind, analysis.extentOf(kind)))
        ++find(kind)->coverage;
  };
  llvm::for_each(analysis.getGraph().getFunc().getArguments(), count);
  for (Operation *op : analysis.getGraph().getNodes())
    llvm::for_each(op->getResults(), count);
  return candidates;
}

llvm::StringSet<> AxisAnalysis::findLengths(func::FuncOp func) {
  llvm::StringSet<> names;
  Graph graph(func, Graph::findStretch(func));
  for (const AxisSeed &seed : findSeeds(graph)) {
    auto type =
        cast<RankedTensorType>(func.getArgument(seed.argument).getType());
    auto dims = dyn_cast_or_null<onnx::DimsAttr>(type.getEncoding());
    if (seed.kind != AxisKind::Time || !dims)
      continue;
    AffineExpr extent = dims.getMap().getValue().getResult(seed.axis);
    for (auto [i, name] : llvm::enumerate(dims.getSymbols()))
      if (extent.isFunctionOfSymbol(i))
        names.insert(cast<StringAttr>(name).getValue());
  }
  return names;
}

SmallVector<AxisSeed> AxisAnalysis::findSeeds(const Graph &graph,
                                              ArrayRef<InputAxis> asked) {
  AxisClasses classes(graph);
  AxisAnalysis analysis = classes.run(graph);
  SmallVector<Candidate> candidates = listCandidates(analysis, asked);
  // The first one of the best.
  auto best = [&](llvm::function_ref<bool(const Candidate &)> may, auto key) {
    const Candidate *found = nullptr;
    for (const Candidate &candidate : candidates)
      if (may(candidate) && (!found || key(candidate) > key(*found)))
        found = &candidate;
    return found;
  };
  const Candidate *batch = nullptr;
  const Candidate *time =
      best([](const Candidate &c) { return c.weight() > 0; },
           [](const Candidate &c) {
             return std::make_pair(c.weight(), c.coverage);
           });
  // What only compares positions may be about channels: a request says more.
  if (time && (time->weight() > 1 || asked.empty())) {
    batch = best(
        [&](const Candidate &c) {
          return &c != time && leavesChannels(analysis, c.kind, time->kind);
        },
        [](const Candidate &c) { return c.coverage; });
  } else if (!asked.empty()) {
    auto key = [](const Candidate &c) {
      return std::make_tuple(c.asked, c.weight(), c.coverage);
    };
    batch = best([](const Candidate &) { return true; }, key);
    time = best([&](const Candidate &c) { return &c != batch; }, key);
    if (batch && time && time->coverage > batch->coverage)
      std::swap(batch, time);
    else if (batch && time && time->coverage == batch->coverage && time < batch)
      std::swap(batch, time);
  }
  SmallVector<AxisSeed> seeds;
  for (AxisSeed seed : analysis.getSeeds()) {
    if (time && seed.kind == time->kind)
      seed.kind = AxisKind::Time;
    else if (batch && seed.kind == batch->kind)
      seed.kind = AxisKind::Batch;
    else
      continue;
    seeds.push_back(seed);
  }
  return seeds;
}

} // namespace ssmc
