//===- Region.cpp - closing a region and choosing its frontier ------------===//

#include "lib/Raise/Region.h"

using namespace mlir;

namespace ssmc {

bool isView(Operation *op) {
  auto node = dyn_cast_or_null<onnx::NodeOp>(op);
  if (!node || !node.getDomain().empty() || node.getInputs().empty())
    return false;
  StringRef name = node.getOpType();
  if (name == "Cast") {
    auto from = dyn_cast<ShapedType>(node.getInputs()[0].getType());
    auto to = dyn_cast<ShapedType>(node->getResult(0).getType());
    return from && to && from.getElementType() == to.getElementType();
  }
  return name == "Reshape" || name == "Transpose" || name == "Squeeze" ||
         name == "Unsqueeze" || name == "Identity" || name == "Flatten";
}

void sortByDefinition(const Graph &graph, SmallVectorImpl<Value> &values) {
  auto key = [&](Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return std::make_pair(int64_t(-1), int64_t(argument.getArgNumber()));
    return std::make_pair(graph.indexOf(value.getDefiningOp()),
                          int64_t(cast<OpResult>(value).getResultNumber()));
  };
  llvm::sort(values, [&](Value a, Value b) { return key(a) < key(b); });
}

/// What no input reaches and follows from the frontier: a kernel may be given,
/// and its spectrum is computed from it.
static llvm::DenseSet<Value> findFollowers(const Graph &graph,
                                           ArrayRef<Value> frontier) {
  llvm::DenseSet<Value> followers;
  SmallVector<Value> worklist;
  llvm::copy_if(frontier, std::back_inserter(worklist),
                [&](Value value) { return !graph.dependsOnInput(value); });
  while (!worklist.empty())
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      auto node = dyn_cast<onnx::NodeOp>(user);
      if (!node || graph.indexOf(user) < 0 || node.getOpType() == "Shape" ||
          node.getOpType() == "Size") // the extents are known
        continue;
      for (Value result : user->getResults())
        if (!graph.dependsOnInput(result) && followers.insert(result).second)
          worklist.push_back(result);
    }
  return followers;
}

std::optional<Cone> collectCone(const Graph &graph, ArrayRef<Value> roots,
                                ArrayRef<Value> frontier, size_t limit) {
  llvm::SmallDenseSet<Value> stop(frontier.begin(), frontier.end());
  llvm::DenseSet<Value> followers = findFollowers(graph, frontier);
  llvm::DenseSet<Operation *> seen;
  llvm::SmallSetVector<Value, 8> constants;
  SmallVector<Value> worklist(roots);
  Cone cone;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (stop.contains(value) || isa<NoneType>(value.getType()))
      continue;
    if (!graph.dependsOnInput(value) && !followers.contains(value)) {
      constants.insert(value);
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (!op || graph.indexOf(op) < 0)
      return std::nullopt;
    if (!seen.insert(op).second)
      continue;
    cone.nodes.push_back(op);
    if (cone.nodes.size() > limit)
      return std::nullopt;
    llvm::append_range(worklist, op->getOperands());
  }
  llvm::sort(cone.nodes, [&](Operation *a, Operation *b) {
    return graph.indexOf(a) < graph.indexOf(b);
  });
  cone.constants.assign(constants.begin(), constants.end());
  return cone;
}

/// True where `user` takes data out of `hull`. A node that asks for the extents
/// of a value takes none.
bool RegionFinder::leaves(const llvm::SetVector<Operation *> &hull,
                          Operation *user) const {
  if (hull.contains(user))
    return false;
  return user->getNumResults() == 0 ||
         llvm::any_of(user->getResults(), [&](Value result) {
           return graph.dependsOnInput(result);
         });
}

SmallVector<Value>
RegionFinder::liveOut(const llvm::SetVector<Operation *> &hull) const {
  SmallVector<Value> live;
  for (Operation *op : hull)
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return leaves(hull, user); }))
        live.push_back(result);
  return live;
}

/// Adds the first node that follows: of all users of live values the one that
/// comes first can have no other unabsorbed producer among them.
bool RegionFinder::absorbConsumer(llvm::SetVector<Operation *> &hull,
                                  ArrayRef<Value> live) const {
  Operation *first = nullptr;
  for (Value value : live)
    for (Operation *user : value.getUsers()) {
      if (!leaves(hull, user))
        continue;
      int64_t index = graph.indexOf(user);
      if (index < 0)
        return false; // the value is a result of the graph
      if (!first || index < graph.indexOf(first))
        first = user;
    }
  if (!first || !isTransparent(first))
    return false;
  hull.insert(first);
  return true;
}

std::optional<Region>
RegionFinder::close(ArrayRef<Component> components) const {
  llvm::DenseSet<Operation *> core;
  int64_t low = INT64_MAX, high = -1;
  for (const Component &component : components)
    for (Operation *op : component.nodes) {
      core.insert(op);
      low = std::min(low, graph.indexOf(op));
      high = std::max(high, graph.indexOf(op));
    }
  if (high < 0)
    return std::nullopt;

  // The nodes on a path from core to core, between the first and the last.
  ArrayRef<Operation *> window = graph.getNodes().slice(low, high - low + 1);
  std::vector<bool> below(window.size()), above(window.size());
  for (auto [i, op] : llvm::enumerate(window)) {
    below[i] = core.contains(op);
    for (Value operand : op->getOperands()) {
      int64_t at = operand.getDefiningOp()
                       ? graph.indexOf(operand.getDefiningOp()) - low
                       : -1;
      if (at >= 0 && below[at] && graph.dependsOnInput(operand))
        below[i] = true;
    }
  }
  llvm::SetVector<Operation *> hull;
  for (int64_t i = window.size() - 1; i >= 0; --i) {
    above[i] = core.contains(window[i]);
    for (Operation *user : window[i]->getUsers()) {
      int64_t at = graph.indexOf(user) - low;
      if (at >= 0 && at < int64_t(window.size()) && above[at])
        above[i] = true;
    }
    if (above[i] && below[i])
      hull.insert(window[i]);
  }

  Region region;
  SmallVector<Value> tokens;
  auto classify = [&] {
    tokens.clear();
    region.states.clear();
    for (Value value : liveOut(hull)) {
      if (analysis.getClass(value) == TokenClass::PerToken)
        tokens.push_back(value);
      else
        region.states.push_back(value);
    }
  };
  classify();
  auto closed = [&] {
    const ValueAxes *axes =
        tokens.size() == 1 ? analysis.getAxes(tokens.front()) : nullptr;
    return axes && timeExtent(*axes) == analysis.getLength();
  };
  for (unsigned i = 0; i < 64 && !closed() && !tokens.empty(); ++i) {
    if (!absorbConsumer(hull, tokens))
      return std::nullopt;
    classify();
  }
  if (!closed())
    return std::nullopt;
  for (Value state : region.states)
    if (llvm::any_of(state.getUsers(), [&](Operation *user) {
          return leaves(hull, user) && !user->hasTrait<OpTrait::IsTerminator>();
        }))
      return std::nullopt;
  region.exit = tokens.front();

  llvm::SetVector<Value> frontier;
  for (Operation *op : hull)
    for (Value operand : op->getOperands())
      if (graph.dependsOnInput(operand) &&
          (!operand.getDefiningOp() || !hull.contains(operand.getDefiningOp())))
        frontier.insert(operand);
  region.frontier.assign(frontier.begin(), frontier.end());
  sortByDefinition(graph, region.frontier);
  return region;
}

bool RegionFinder::expand(SmallVectorImpl<Value> &frontier, Value value) const {
  Operation *op = value.getDefiningOp();
  if (!op || !isTransparent(op))
    return false;
  llvm::erase(frontier, value);
  for (Value operand : op->getOperands())
    if (graph.dependsOnInput(operand) && !llvm::is_contained(frontier, operand))
      frontier.push_back(operand);
  return true;
}

Value RegionFinder::nextExit(Value exit, SmallVectorImpl<Value> &others,
                             unsigned limit) const {
  llvm::SetVector<Operation *> hull;
  SmallVector<Value> live{exit};
  for (unsigned i = 0; i < limit; ++i) {
    if (!absorbConsumer(hull, live))
      return {};
    live = liveOut(hull);
    if (llvm::any_of(exit.getUsers(),
                     [&](Operation *user) { return leaves(hull, user); }))
      live.push_back(exit);
    if (live.size() != 1 || live.front() == exit)
      continue;
    for (Operation *op : hull)
      for (Value operand : op->getOperands())
        if (operand != exit && graph.dependsOnInput(operand) &&
            !(operand.getDefiningOp() &&
              hull.contains(operand.getDefiningOp())) &&
            !llvm::is_contained(others, operand))
          others.push_back(operand);
    return live.front();
  }
  return {};
}

static bool isExponential(Operation *op) {
  auto node = dyn_cast_or_null<onnx::NodeOp>(op);
  return node && node.getDomain().empty() && node.getOpType() == "Exp";
}

std::optional<Region> RegionFinder::exponentiate(const Region &region) const {
  Region result = region;
  SmallVector<Value> others;
  result.exit = nextExit(region.exit, others, 1);
  if (!result.exit || !isExponential(result.exit.getDefiningOp()))
    return std::nullopt;
  return result;
}

RegionFinder::Straight RegionFinder::howStraight(Value value) const {
  const ValueAxes *axes = analysis.getAxes(value);
  if (!axes)
    return Straight::No;
  auto shape = symbols.shapeOf(value.getType(), "dim");
  for (auto [d, axis] : llvm::enumerate(*axes))
    if (isPlainTime(axis) && axis.front().extent == analysis.getLength()) {
      if (!length || !shape || shape->dims[d] == length)
        return Straight::Exactly;
      return constantExtent(shape->dims[d]) ? Straight::AsTraced
                                            : Straight::Padded;
    }
  return Straight::No;
}

Region RegionFinder::straighten(const Region &region) const {
  constexpr unsigned kMostSteps = 32;
  Region result = region;
  for (Straight least :
       {Straight::Exactly, Straight::Padded, Straight::AsTraced}) {
    SmallVector<Value> frontier = region.frontier;
    auto bent = [&] {
      return llvm::find_if(frontier, [&](Value value) {
        return analysis.getClass(value) == TokenClass::PerToken &&
               howStraight(value) < least;
      });
    };
    unsigned steps = 0;
    for (auto it = bent(); it != frontier.end() && steps < kMostSteps;
         it = bent(), ++steps)
      if (!expand(frontier, Value(*it)))
        steps = kMostSteps;
    if (steps >= kMostSteps)
      continue;
    mergeViews(frontier);
    result.frontier = frontier;
    break;
  }
  // As far as where nothing is left of the padding; else to the first one.
  Value exit = region.exit;
  SmallVector<Value> others;
  Straight best = Straight::No;
  for (unsigned i = 0;
       i < kMostSteps && exit && others.empty() && best != Straight::Exactly;
       ++i) {
    if (Straight straight = howStraight(exit); straight > best) {
      best = straight;
      result.exit = exit;
    }
    exit = nextExit(exit, others, 1);
  }
  return result;
}

SmallVector<Region> RegionFinder::listClosedExits(const Region &region) const {
  constexpr unsigned kMostSteps = 8;
  SmallVector<Region> regions;
  Region next = region;
  for (unsigned i = 0; i < kMostSteps; ++i) {
    SmallVector<Value> others;
    next.exit = nextExit(next.exit, others);
    if (!next.exit || !collectCone(graph, next.exit, region.frontier))
      break;
    if (!others.empty())
      regions.push_back(next);
  }
  return regions;
}

Region RegionFinder::deepen(const Region &region) const {
  constexpr unsigned kMostSteps = 32;
  auto sizeOf = [&](Value value) {
    auto shape = graph.getShape(value);
    return shape ? llvm::product_of(*shape) : 0;
  };
  // The exponential that `value` is a view of.
  auto isViewOfExponential = [&](Value value) {
    Operation *op = value.getDefiningOp();
    while (op && isView(op) && isTransparent(op))
      op = op->getOperand(0).getDefiningOp();
    return isExponential(op);
  };
  Region result = region;
  // Vectors may have more elements than the exit, too.
  int64_t most = sizeOf(region.exit);
  llvm::SmallDenseSet<Value> bottom;
  auto shallow = [&](Value value) {
    return !bottom.contains(value) &&
           analysis.getClass(value) == TokenClass::PerToken &&
           (sizeOf(value) > most || isViewOfExponential(value));
  };
  for (unsigned i = 0; i < kMostSteps; ++i) {
    auto *it = llvm::find_if(result.frontier, shallow);
    if (it == result.frontier.end())
      break;
    Value value = *it;
    if (expand(result.frontier, value))
      continue;
    bottom.insert(value);
    if (sizeOf(value) > most) {
      most = sizeOf(value);
      result.frontier = region.frontier;
    }
  }
  mergeViews(result.frontier);
  return result;
}

int64_t RegionFinder::widthOf(Value value) const {
  const ValueAxes *axes = analysis.getAxes(value);
  if (!axes || analysis.getClass(value) != TokenClass::PerToken)
    return 0;
  int64_t width = 1;
  for (const Digits &axis : *axes)
    for (const Digit &digit : axis)
      if (digit.kind == AxisKind::Other)
        width *= digit.extent;
  return width;
}

SmallVector<Value> RegionFinder::narrow(Value value) const {
  constexpr unsigned kMostSteps = 8;
  int64_t width = widthOf(value);
  SmallVector<Value> sources{value};
  for (unsigned i = 0; i < kMostSteps && width; ++i) {
    // The widest one first.
    auto widest = llvm::max_element(
        sources, [&](Value a, Value b) { return widthOf(a) < widthOf(b); });
    if (widest == sources.end() || !expand(sources, Value(*widest)))
      return {};
    int64_t sum = 0;
    for (Value source : sources)
      sum += widthOf(source) ? widthOf(source) : width;
    if (sum < width)
      return sources;
  }
  return {};
}

Region RegionFinder::widen(const Region &region, bool behind) const {
  constexpr unsigned kMostSteps = 8;
  Region result = region;
  SmallVector<Value> worklist(region.frontier), frontier;
  Value exit = region.exit;
  for (unsigned i = 0; i < kMostSteps && behind; ++i) {
    SmallVector<Value> others;
    exit = nextExit(exit, others);
    if (!exit)
      break;
    llvm::append_range(worklist, others);
    const ValueAxes *axes = analysis.getAxes(exit);
    if (widthOf(exit) && widthOf(exit) < widthOf(result.exit) &&
        timeExtent(*axes) == analysis.getLength()) {
      result.exit = exit;
      llvm::append_range(result.frontier, worklist);
    }
  }
  llvm::SetVector<Value> all(result.frontier.begin(), result.frontier.end());
  worklist.assign(all.begin(), all.end());
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    SmallVector<Value> sources = narrow(value);
    if (sources.empty()) {
      if (!llvm::is_contained(frontier, value))
        frontier.push_back(value);
    } else {
      llvm::append_range(worklist, sources);
    }
  }
  result.frontier = frontier;
  sortByDefinition(graph, result.frontier);
  absorbDominated(result.frontier);
  mergeViews(result.frontier);
  return result;
}

void RegionFinder::mergeViews(SmallVectorImpl<Value> &frontier) const {
  // The chain of values of which each is a view of the next.
  auto chainOf = [&](Value value) {
    SmallVector<Value> chain{value};
    while (Operation *op = chain.back().getDefiningOp()) {
      if (!isView(op) || analysis.mixesTime(op) ||
          analysis.getClass(op->getOperand(0)) != analysis.getClass(value))
        break;
      chain.push_back(op->getOperand(0));
    }
    return chain;
  };
  bool changed = true;
  while (changed) {
    changed = false;
    for (unsigned i = 0; i < frontier.size() && !changed; ++i)
      for (unsigned j = i + 1; j < frontier.size() && !changed; ++j) {
        SmallVector<Value> a = chainOf(frontier[i]), b = chainOf(frontier[j]);
        auto common = llvm::find_if(
            a, [&](Value value) { return llvm::is_contained(b, value); });
        if (common == a.end())
          continue;
        Value source = *common;
        frontier.erase(frontier.begin() + j);
        frontier[i] = source;
        changed = true;
      }
  }
  sortByDefinition(graph, frontier);
}

void RegionFinder::absorbDominated(SmallVectorImpl<Value> &frontier) const {
  for (int64_t i = frontier.size() - 1; i >= 0; --i) {
    SmallVector<Value> others(frontier.begin(), frontier.end());
    Value value = others[i];
    others.erase(others.begin() + i);
    std::optional<Cone> cone = collectCone(graph, value, others, 64);
    if (!cone || !llvm::all_of(cone->nodes, [&](Operation *op) {
          return isTransparent(op);
        }))
      continue;
    frontier = others;
  }
}

} // namespace ssmc
