//===- ComparedLengths.cpp - how long a region must be seen ---------------===//

#include "lib/Raise/ComparedLengths.h"

#include "lib/Raise/Continuation.h"
#include "lib/Raise/RegionHash.h"

using namespace mlir;

namespace ssmc {

namespace {
/// More tokens than the first length has: of the long one that is compared, and
/// as far as what positions give is looked at, if it is not too large. Lengths
/// that differ by a round number are of equal rest where they are cut into
/// chunks.
constexpr int64_t kNear = 256, kFar[] = {1024, 768, 512, 384}, kRound = 128;
/// Elements of a value of positions, and of a region that is compared.
constexpr int64_t kMostPositions = 1 << 23, kMostElements = 1 << 23;
/// No longer graphs are made.
constexpr int64_t kMostLength = 1 << 15;
} // namespace

void LengthPlan::add(const LengthPlan &other) {
  for (const Graph *graph : other.needed)
    if (!llvm::is_contained(needed, graph))
      needed.push_back(graph);
  llvm::append_range(ends, other.ends);
  if (refusal.empty())
    refusal = other.refusal;
  identity = llvm::hash_combine(identity, other.identity);
}

void LengthPlan::bound(AffineExpr extent) {
  if (!last)
    return;
  std::optional<int64_t> most = last->getExtent(extent);
  auto found =
      most ? findExtentBound(last->getFunc(), extent, *most) : std::nullopt;
  if (found)
    ends.push_back({*found, *most});
  else if (refusal.empty())
    refusal = "the graph ends at a length that cannot be told from its inputs";
}

void LengthPlan::refuseEndingTables(const Graph &graph, const Region &region,
                                    int64_t length) {
  if (cutsEndingTable(graph, region, length))
    refusal = "a table that it cuts to " + std::to_string(length) +
              " positions does not go on as they do";
}

/// The elements of the largest value of the region whose extents are free; with
/// `positions`, of those that follow from no data.
static int64_t findLargest(const Graph &graph, const Region &region,
                           bool positions) {
  llvm::DenseSet<Value> stop(region.frontier.begin(), region.frontier.end());
  llvm::DenseSet<Operation *> seen;
  SmallVector<Value> worklist{region.exit};
  llvm::append_range(worklist, region.states);
  int64_t largest = 0;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (stop.contains(value) || !op || !seen.insert(op).second)
      continue;
    bool isConstant = !graph.dependsOnInput(value);
    auto type = dyn_cast<RankedTensorType>(value.getType());
    auto shape = graph.getShape(value);
    if (shape && type && !type.hasStaticShape() && (!positions || isConstant))
      largest = std::max(largest, llvm::product_of(*shape));
    // The data of which extents are asked is not computed for them.
    for (Value operand : op->getOperands())
      if (!isConstant || !graph.dependsOnInput(operand))
        worklist.push_back(operand);
  }
  return largest;
}

/// Whether the nodes permit the extents, and what the region computes from
/// positions: a table that is looked up has an end that no extent shows.
bool LengthPlanner::isDefined(const Region &region, const LengthLimit &limit,
                              int64_t stretch) const {
  const Graph &graph = at(stretch);
  if (!graph.isValid() || !limit.looksUp)
    return graph.isValid();
  if (findLargest(graph, region, /*positions=*/true) > kMostPositions)
    return true; // as far as it is known
  SmallVector<Value> roots{region.exit};
  llvm::append_range(roots, region.states);
  std::optional<Cone> cone = collectCone(graph, roots, region.frontier);
  return cone && llvm::all_of(cone->constants, [&](Value value) {
           return value.getDefiningOp<onnx::ConstantOp>() ||
                  succeeded(graph.evaluateOnce(value));
         });
}

/// The least known length of at least `least`; nothing where the graph ends
/// before. Chunks of one length, which the first length is a multiple of,
/// permit one of as many neighbours as the first length has tokens.
std::optional<int64_t> LengthPlanner::findFrom(const Region &region,
                                               const LengthLimit &limit,
                                               int64_t least) const {
  int64_t round = llvm::divideCeil(least, kRound) * kRound;
  int64_t multiple = llvm::divideCeil(least, first) * first;
  for (int64_t stretch : {round, multiple})
    if (isDefined(region, limit, stretch))
      return stretch;
  for (int64_t stretch = least; stretch < least + first; ++stretch)
    if (isDefined(region, limit, stretch))
      return stretch;
  return std::nullopt;
}

/// The last defined one below `below`, of a graph that ends before; 0 where it
/// is defined at none. One that is cut into chunks is defined at every so many.
int64_t LengthPlanner::findLast(const Region &region, const LengthLimit &limit,
                                int64_t below) const {
  int64_t step = 1;
  while (step <= first && !isDefined(region, limit, step))
    ++step;
  if (step > first)
    return 0;
  int64_t good = 1, bad = llvm::divideCeil(below, step);
  while (good + 1 < bad) {
    int64_t middle = (good + bad) / 2;
    (isDefined(region, limit, middle * step) ? good : bad) = middle;
  }
  return good * step;
}

void LengthPlanner::planFar(const Region &region, const LengthLimit &limit,
                            int64_t near, LengthPlan &plan) const {
  int64_t number = std::max(limit.number, limit.shift);
  auto holds = [&](int64_t stretch) {
    return findLargest(at(stretch), region, /*positions=*/true) <=
           kMostPositions;
  };
  // Beyond all numbers; where there are none, as far as memory reaches.
  const int64_t *least = llvm::find_if(kFar, holds);
  if (least == std::end(kFar))
    --least;
  int64_t reach = std::max(*least, std::min(number, kMostLength) + 2 - first);
  std::optional<int64_t> far = findFrom(region, limit, reach);
  if (!far) {
    far = std::max(near, findLast(region, limit, reach));
    plan.last = &at(*far);
  }
  if (*far <= near)
    return;
  const Graph &graph = at(*far);
  bool isShifted = std::min(limit.shift, first + *far) > first + near;
  bool isReached = holds(*far) && (plan.last || number < first + *far);
  if (isReached) {
    if (!isShifted && goesOn(region, {&at(0), &at(near), &graph, first,
                                      first + near, first + *far}))
      return;
    isReached =
        findLargest(graph, region, /*positions=*/false) <= kMostElements;
  }
  if (isReached) {
    plan.needed.push_back(&graph);
    plan.identity =
        llvm::hash_combine(plan.identity, hashRegion(graph, region, true));
  } else if (number > first + near) {
    plan.refusal = "it compares positions with " + std::to_string(number) +
                   ", which no length of the check reaches";
  } else {
    plan.refusal = "what it computes from positions does not go on as it does "
                   "at " +
                   std::to_string(first + near) + " tokens";
  }
}

LengthPlan LengthPlanner::plan(const Region &region,
                               const LengthLimit &limit) const {
  LengthPlan plan;
  if (limit.isNone() || &at(kNear) == &at(0)) // or of fixed length
    return plan;
  std::optional<int64_t> near = findFrom(region, limit, kNear);
  if (!near) {
    near = findLast(region, limit, kNear);
    plan.last = &at(*near);
  }
  if (*near == 0) {
    plan.refusal = "it computes with positions, and is defined at no length "
                   "beyond " +
                   std::to_string(first) + " that could be compared";
    return plan;
  }
  plan.needed.push_back(&at(*near));
  plan.identity = hashRegion(at(*near), region, /*weights=*/true);
  if (!plan.last)
    planFar(region, limit, *near, plan);
  return plan;
}

} // namespace ssmc
