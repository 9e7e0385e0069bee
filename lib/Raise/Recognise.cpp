//===- Recognise.cpp - finds the mixers of a graph ------------------------===//

#include "lib/Raise/Recognise.h"

#include "lib/Raise/RegionHash.h"
#include "lib/Raise/Written.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
/// A candidate that deviates by less computes nearly the same.
constexpr double kNear = 1e-2;
} // namespace

Recogniser::Recogniser(const AxisAnalysis &analysis)
    : analysis(analysis), graph(analysis.getGraph()), finder(analysis) {}

void Recogniser::run() {
  if (analysis.getLength() < 2)
    return; // one token shows no recurrence
  for (const Group &group : finder.findGroups())
    solve(group);
  llvm::sort(raises, [&](const Raise &a, const Raise &b) {
    return graph.indexOf(a.region.exit.getDefiningOp()) <
           graph.indexOf(b.region.exit.getDefiningOp());
  });
}

/// Regions are what is left of a group when some of its first components are
/// peeled off; the largest that matches an entry of the catalogue wins. Where
/// none does, the smallest that is an unrolled loop. What was peeled off is
/// solved next; if there is none either, the last component is given up.
void Recogniser::solve(Group group) {
  Leftover leftover;
  auto finish = [&] {
    if (leftover.nodes)
      leftovers.push_back(std::move(leftover));
    leftover = Leftover();
    closest = {"", INFINITY};
  };
  finish();
  while (!group.empty()) {
    std::vector<llvm::SmallBitVector> peels = finder.listPeels(group);
    auto matches = [&](const llvm::SmallBitVector &peeled, Proposer propose) {
      Group left, rest;
      for (auto [i, component] : llvm::enumerate(group))
        (peeled.test(i) ? rest : left).push_back(component);
      std::optional<Region> region = finder.close(left);
      if (!region || !recognise(*region, propose))
        return false;
      group = std::move(rest);
      return true;
    };
    bool found = llvm::any_of(peels,
                              [&](const auto &peeled) {
                                return matches(peeled, proposeMixers);
                              }) ||
                 llvm::any_of(llvm::reverse(peels), [&](const auto &peeled) {
                   return matches(peeled, proposeRecurrences);
                 });
    if (found) {
      finish();
      continue;
    }
    give(group.back(), leftover);
    group.pop_back();
  }
  finish();
}

/// What is given up looks like a recurrence where its nodes see ever more
/// tokens, as unrolled steps and chunks do, or sum along time.
void Recogniser::give(const Component &component, Leftover &leftover) const {
  llvm::DenseSet<int64_t> spans;
  bool sums = false;
  for (Operation *op : component.nodes) {
    if (auto node = dyn_cast<onnx::NodeOp>(op))
      sums |= node.getOpType() == "CumSum" || node.getOpType() == "Loop";
    for (Value result : op->getResults())
      if (StepRange range = analysis.getSteps(result);
          range.known() && range.first != range.last)
        spans.insert(range.last - range.first);
  }
  leftover.first = component.nodes.front();
  if (!leftover.last)
    leftover.last = component.nodes.back();
  leftover.nodes += component.nodes.size();
  leftover.recurrent |= spans.size() > 2 || sums;
  leftover.reason = closest.text.empty()
                        ? "no entry of the catalogue has operands of its shapes"
                        : closest.text;
  leftover.isNear = closest.deviation < kNear;
}

void Recogniser::note(const Miss &miss) {
  if (!miss.text.empty() &&
      (closest.text.empty() || miss.deviation < closest.deviation))
    closest = miss;
}

bool Recogniser::recognise(const Region &region, Proposer propose) {
  Region merged = region;
  finder.mergeViews(merged.frontier);
  finder.absorbDominated(merged.frontier);
  finder.mergeViews(merged.frontier);
  Region straight = finder.straighten(merged);
  if ((straight.frontier != merged.frontier || straight.exit != merged.exit) &&
      tryFrontier(straight, propose))
    return true;
  if (tryFrontier(merged, propose))
    return true;
  return merged.frontier != region.frontier && tryFrontier(region, propose);
}

bool Recogniser::tryFrontier(Region region, Proposer propose) {
  for (Value value : region.frontier)
    if (!graph.getShape(value) || !analysis.getAxes(value))
      return false;
  bool rerolled = propose == proposeRecurrences;
  size_t structure = llvm::hash_combine(
      hashRegion(graph, region, /*weights=*/false), rerolled);
  if (auto it = hopeless.find(structure); it != hopeless.end()) {
    note(it->second);
    return false;
  }
  Problem problem(finder, analysis, region);
  MixerList mixers;
  propose(problem, mixers);
  if (mixers.empty())
    return false;

  // Equal layers become equal proposals. With the same constants there is
  // nothing left to compare, with others once is enough.
  size_t identity =
      llvm::hash_combine(hashRegion(graph, region, /*weights=*/true), rerolled);
  int64_t chosen = -1, likely = -1;
  double error = 0;
  if (auto it = known.find(structure); it != known.end())
    likely = it->second;
  if (auto it = proven.find(identity); it != proven.end())
    std::tie(chosen, error) = it->second;
  if (std::max(chosen, likely) >= int64_t(mixers.size()))
    return false;
  if (chosen < 0) {
    Random first(1), second(2);
    Assignment assignment = problem.sample(first), fresh;
    FailureOr<SmallVector<Tensor>> expected = problem.evaluate(assignment);
    if (failed(expected)) {
      note({"the region cannot be evaluated", INFINITY});
      return false;
    }
    FailureOr<SmallVector<Tensor>> again = failure();
    Miss nearest{"", INFINITY};
    auto matches = [&](size_t i) {
      const Mixer &mixer = *mixers[i];
      Candidate candidate(problem, mixer);
      double seen = candidate.deviation(assignment, *expected);
      if (seen < nearest.deviation)
        nearest = {(Twine("closest candidate ") + mixer.getName() +
                    " deviates by " + llvm::formatv("{0:e1}", seen).str())
                       .str(),
                   seen};
      if (!(seen <= kMixerTolerance))
        return false;
      if (int64_t(i) != likely) {
        if (failed(again)) {
          fresh = problem.sample(second);
          again = problem.evaluate(fresh);
        }
        if (failed(again) ||
            !(candidate.deviation(fresh, *again) <= kMixerTolerance))
          return false;
      }
      chosen = i;
      error = seen;
      return true;
    };
    if (likely < 0 || !matches(likely))
      for (size_t i = 0; i < mixers.size() && !matches(i);)
        ++i;
    if (chosen < 0) {
      note(nearest);
      hopeless[structure] = nearest;
      return false;
    }
    known[structure] = chosen;
    proven[identity] = {chosen, error};
  }

  Raise raise;
  raise.mixer = std::move(mixers[chosen]);
  if (std::unique_ptr<Mixer> wider = raise.mixer->combine(problem, region))
    raise.mixer = std::move(wider);
  region.frontier.clear();
  for (Role *role : raise.mixer->getRoles()) {
    skipViews(analysis, *role);
    if (!llvm::is_contained(region.frontier, role->value))
      region.frontier.push_back(role->value);
  }
  sortByDefinition(graph, region.frontier);
  SmallVector<Value> roots{region.exit};
  llvm::append_range(roots, region.states);
  std::optional<Cone> cone = collectCone(graph, roots, region.frontier);
  if (!cone)
    return false;
  raise.nodes = cone->nodes.size();
  raise.structure = hashRegion(graph, region, /*weights=*/false);
  raise.identity = hashRegion(graph, region, /*weights=*/true);
  raise.deviation = error;
  raise.region = std::move(region);
  raises.push_back(std::move(raise));
  return true;
}

} // namespace ssmc
