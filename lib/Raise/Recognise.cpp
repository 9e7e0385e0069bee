//===- Recognise.cpp - finds the mixers of a graph ------------------------===//

#include "lib/Raise/Recognise.h"

#include "lib/Raise/RegionHash.h"
#include "lib/Raise/Written.h"

#include "llvm/ADT/StringSet.h"
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
    if (!leftover.ops.empty())
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

/// Tokens are taken, joined and moved, and nothing is computed of them.
static bool onlyMoves(ArrayRef<Operation *> ops) {
  static const llvm::StringSet<> names = {
      "Slice",   "Split",     "Gather",  "GatherND", "GatherElements",
      "Concat",  "Pad",       "Reshape", "Expand",   "Transpose",
      "Squeeze", "Unsqueeze", "Tile",    "Identity"};
  return llvm::all_of(ops, [](Operation *op) {
    auto node = dyn_cast<onnx::NodeOp>(op);
    return node && node.getDomain().empty() && names.contains(node.getOpType());
  });
}

void Recogniser::give(const Component &component, Leftover &leftover) const {
  leftover.ops.insert(leftover.ops.begin(), component.nodes.begin(),
                      component.nodes.end());
  leftover.reason = onlyMoves(leftover.ops)
                        ? "it takes tokens, and computes nothing of them"
                    : closest.text.empty()
                        ? "no entry of the catalogue has operands of its shapes"
                        : closest.text;
  leftover.isNear = closest.deviation < kNear;
}

void Recogniser::note(const Miss &miss) {
  if (!miss.text.empty() &&
      (closest.text.empty() || miss.deviation < closest.deviation))
    closest = miss;
}

/// With each of the tables that it reads for an operand.
bool Recogniser::tryKernels(const Region &region) {
  const ValueAxes *axes = region.frontier.size() == 1
                              ? analysis.getAxes(region.frontier.front())
                              : nullptr;
  if (!axes || timeExtent(*axes) != analysis.getLength())
    return false;
  int64_t channels = llvm::product_of(restExtents(*axes));
  for (Value table : finder.listTables(region, channels)) {
    Region other = region;
    other.frontier.push_back(table);
    sortByDefinition(graph, other.frontier);
    if (tryFrontier(std::move(other), proposeKernelConvs))
      return true;
  }
  return false;
}

bool Recogniser::recognise(const Region &region, Proposer propose) {
  Region merged = region;
  finder.mergeViews(merged.frontier);
  finder.absorbDominated(merged.frontier);
  finder.mergeViews(merged.frontier);
  if (Region deep = finder.deepen(merged);
      propose == proposeMixers && deep.frontier != merged.frontier &&
      tryFrontier(deep, proposeMatrixStates))
    return true;
  // A state of all tokens at once is read out behind it.
  Region wide = finder.widen(merged, /*behind=*/true);
  if (wide.exit != merged.exit && tryFrontier(wide, propose))
    return true;
  Region straight = finder.straighten(merged);
  if ((straight.frontier != merged.frontier || straight.exit != merged.exit) &&
      tryFrontier(straight, propose))
    return true;
  if (tryFrontier(merged, propose))
    return true;
  if (propose == proposeMixers && tryKernels(straight))
    return true;
  if (auto sums = finder.exponentiate(merged);
      sums && propose == proposeMixers && tryFrontier(*sums, propose))
    return true;
  Region narrow = finder.widen(merged, /*behind=*/false);
  if (narrow.frontier != merged.frontier && tryFrontier(narrow, propose))
    return true;
  if (merged.frontier != region.frontier && tryFrontier(region, propose))
    return true;
  // A loop is rolled up as it stands.
  if (propose == proposeRecurrences)
    return false;
  for (auto &frontier : finder.inFrontOfFactors(merged.frontier)) {
    Region other = merged;
    other.frontier = std::move(frontier);
    if (tryFrontier(std::move(other), propose))
      return true;
  }
  return false;
}

/// An equal layer is the same mixer of its own values, where the axes of these
/// are the same.
std::unique_ptr<Mixer> Recogniser::transfer(const Proof &proof,
                                            const Region &region) const {
  auto values = [](const Region &region) {
    SmallVector<Value> all(region.frontier);
    all.push_back(region.exit);
    llvm::append_range(all, region.states);
    return all;
  };
  SmallVector<Value> before = values(proof.region), now = values(region);
  if (before.size() != now.size())
    return nullptr;
  for (auto [from, to] : llvm::zip(before, now)) {
    const ValueAxes *own = analysis.getAxes(from),
                    *other = analysis.getAxes(to);
    if (!own || !other || *own != *other)
      return nullptr;
  }
  std::unique_ptr<Mixer> mixer = proof.mixer->clone();
  for (Role *role : mixer->getRoles()) {
    auto it = llvm::find(proof.region.frontier, role->value);
    if (it == proof.region.frontier.end())
      return nullptr;
    role->value = region.frontier[it - proof.region.frontier.begin()];
  }
  return mixer;
}

std::unique_ptr<Mixer> Recogniser::identify(const Region &region,
                                            Proposer propose,
                                            double &deviation) {
  // Weights may make one layer look like nothing, but hardly two.
  constexpr unsigned kEnough = 2;
  bool rerolled = propose == proposeRecurrences;
  size_t structure = llvm::hash_combine(
      hashRegion(graph, region, /*weights=*/false), rerolled);
  if (auto it = hopeless.find(structure);
      it != hopeless.end() && it->second.regions >= kEnough) {
    note(it->second);
    return nullptr;
  }
  size_t identity =
      llvm::hash_combine(hashRegion(graph, region, /*weights=*/true), rerolled);
  if (auto it = proven.find(identity); it != proven.end())
    if (std::unique_ptr<Mixer> mixer = transfer(it->second, region)) {
      deviation = it->second.deviation;
      return mixer;
    }

  Problem problem(finder, analysis, region);
  MixerList mixers;
  propose(problem, mixers);
  if (mixers.empty())
    return nullptr;
  const Problem::Example *example = problem.getExample();
  if (!example) {
    note({"the region cannot be evaluated", INFINITY});
    return nullptr;
  }
  Random second(2);
  Assignment fresh;
  FailureOr<SmallVector<Tensor>> again = failure();
  Miss nearest{"", INFINITY};
  // What was right for another layer is right where it agrees once; at large
  // sizes so is everything, as the gate compares it once more anyway.
  auto matches = [&](size_t i, bool likely) {
    Candidate candidate(problem, *mixers[i]);
    deviation = candidate.deviation(example->values, example->results);
    if (deviation < nearest.deviation)
      nearest = {(Twine("closest candidate ") + mixers[i]->getName() +
                  " deviates by " + llvm::formatv("{0:e1}", deviation).str())
                     .str(),
                 deviation};
    if (!(deviation <= mixers[i]->tolerance))
      return false;
    if (likely || problem.isLarge())
      return true;
    if (failed(again)) {
      fresh = problem.sample(second);
      again = problem.evaluate(fresh);
    }
    return succeeded(again) &&
           candidate.deviation(fresh, *again) <= mixers[i]->tolerance;
  };
  auto likely = known.find(structure);
  size_t chosen = mixers.size();
  if (likely != known.end() && likely->second < mixers.size() &&
      matches(likely->second, /*likely=*/true))
    chosen = likely->second;
  for (size_t i = 0; i < mixers.size() && chosen == mixers.size(); ++i)
    if (matches(i, /*likely=*/false))
      chosen = i;
  if (chosen == mixers.size()) {
    note(nearest);
    nearest.regions = hopeless.lookup(structure).regions + 1;
    hopeless[structure] = nearest;
    return nullptr;
  }
  known[structure] = chosen;
  if (std::unique_ptr<Mixer> copy = mixers[chosen]->clone())
    proven[identity] = {region, std::move(copy), deviation};
  return std::move(mixers[chosen]);
}

bool Recogniser::tryFrontier(Region region, Proposer propose) {
  for (Value value : region.frontier)
    if (!graph.getShape(value) || !analysis.getAxes(value))
      return false;
  Raise raise;
  raise.mixer = identify(region, propose, raise.deviation);
  if (!raise.mixer)
    return false;
  Problem problem(finder, analysis, region);
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
  raise.region = std::move(region);
  raises.push_back(std::move(raise));
  return true;
}

} // namespace ssmc
