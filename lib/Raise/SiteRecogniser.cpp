//===- SiteRecogniser.cpp - compares sites with attention -----------------===//

#include "lib/Raise/AttentionSites.h"

#include "lib/Raise/AttentionReader.h"
#include "lib/Raise/Continuation.h"
#include "lib/Raise/RegionHash.h"
#include "lib/Raise/Written.h"

using namespace mlir;

namespace ssmc {

namespace {
/// Numbers of queries, and of keys before them, that are compared.
constexpr std::pair<int64_t, int64_t> kLengths[] = {
    {4, 6}, {1, 9}, {5, 1}, {3, 17}};
constexpr int64_t kLongest = 17;
/// Keys with which a window is read.
constexpr int64_t kMostRead = 256, kSome = 16;
/// As a site is evaluated many times to be read.
constexpr int64_t kMostProducts = 1 << 22;
} // namespace

/// The symbols of an extent, by their place in the module's table.
static void collectSymbols(AffineExpr extent,
                           llvm::SmallSetVector<unsigned, 4> &symbols) {
  extent.walk([&](AffineExpr part) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
      symbols.insert(symbol.getPosition());
  });
}

llvm::StringMap<int64_t> bindLengths(const Graph &graph,
                                     const AttentionSite &site, int64_t queries,
                                     int64_t past) {
  ModuleSymbols table(graph.getFunc()->getParentOfType<ModuleOp>());
  const AttentionExtents &lengths = *site.mixer.lengths;
  llvm::StringMap<int64_t> bound;
  llvm::SmallSetVector<unsigned, 4> own, others;
  collectSymbols(lengths.queries, own);
  collectSymbols(lengths.keys, others);
  bool areMore = llvm::any_of(
      others, [&](unsigned symbol) { return !own.contains(symbol); });
  for (unsigned symbol : own)
    bound[table.name(symbol)] =
        areMore || others.empty() ? queries : queries + past;
  for (unsigned symbol : others)
    if (!own.contains(symbol))
      bound[table.name(symbol)] = past;
  auto number = [&](AffineExpr extent) {
    SmallVector<AffineExpr> numbers;
    for (unsigned i = 0; i < table.size(); ++i) {
      auto known = bound.find(table.name(i));
      numbers.push_back(getAffineConstantExpr(
          known == bound.end() ? graph.getBinding(table.name(i))
                               : known->second,
          extent.getContext()));
    }
    return constantExtent(simplifyExtent(extent.replaceSymbols(numbers)));
  };
  for (auto [a, b] : site.equal) {
    if (a == b)
      continue;
    for (auto [free, other] : {std::pair(a, b), std::pair(b, a)}) {
      auto symbol = dyn_cast<AffineSymbolExpr>(free);
      if (!symbol || bound.contains(table.name(symbol.getPosition())))
        continue;
      if (std::optional<int64_t> known = number(other))
        bound[table.name(symbol.getPosition())] = *known;
      break;
    }
  }
  return bound;
}

const Graph &SiteRecogniser::bound(const llvm::StringMap<int64_t> &symbols) {
  if (symbols.empty())
    return graph;
  std::map<std::string, int64_t> sorted;
  for (const auto &symbol : symbols)
    sorted[symbol.getKey().str()] = symbol.getValue();
  std::string key;
  for (const auto &[name, number] : sorted)
    key += name + "\n" + std::to_string(number) + "\n";
  std::unique_ptr<Graph> &made = graphs[key];
  if (!made)
    made = std::make_unique<Graph>(graph.getFunc(), symbols);
  return *made;
}

/// Both agree on random values.
static bool agree(const Problem &problem, const AttentionMixer &mixer,
                  double &deviation) {
  Candidate candidate(problem, mixer);
  deviation = 0;
  for (uint64_t seed : {1, 2}) {
    Random random(seed);
    Assignment assignment = problem.sample(random);
    FailureOr<SmallVector<Tensor>> expected = problem.evaluate(assignment);
    if (failed(expected))
      return false;
    deviation = std::max(deviation, candidate.deviation(assignment, *expected));
  }
  return deviation <= mixer.tolerance;
}

/// With few keys, or where what positions give does not go on from some of
/// them, with more than positions are compared with, or as many as a table has.
const Graph &SiteRecogniser::findReadable(const AttentionSite &site) {
  auto [queries, past] = kLengths[0];
  int64_t number =
      std::min(findLengthLimit(graph, site.region, 0).number, kMostRead);
  const Graph &few = bound(bindLengths(graph, site, queries, past));
  if (number <= past)
    return few;
  const Graph &some = bound(bindLengths(graph, site, queries, past + kSome));
  for (int64_t keys : {number + 3, number - queries}) {
    if (keys <= past + kSome)
      continue;
    const Graph &there = bound(bindLengths(graph, site, queries, keys));
    if (!there.isValid())
      continue;
    std::optional<ArrayRef<int64_t>> shape = there.getShape(site.region.exit);
    if (shape && llvm::product_of(*shape) * *problemAt(site, there).length <=
                     kMostProducts)
      return goesOn(site.region,
                    {&few, &some, &there, past, past + kSome, keys})
                 ? few
                 : there;
  }
  return some.isValid() ? some : few;
}

std::optional<AttentionSite> SiteRecogniser::identify(onnx::NodeOp node,
                                                      double &deviation) {
  llvm::SmallPtrSet<const Graph *, 4> tried;
  for (const AttentionSite &way : readAttentionSite(graph, node)) {
    const Graph &there = findReadable(way);
    if (!tried.insert(&there).second)
      continue;
    for (AttentionSite &site : readAttentionSite(there, node))
      for (unsigned choice = 0, e = 1u << site.mixer.masks.size(); choice < e;
           ++choice)
        if (chooseSense(site.mixer, choice))
          if (auto found = compare(site, there, deviation))
            return found;
  }
  return std::nullopt;
}

/// Truth values say of scores that they are seen or that they are not: each bit
/// of `choice` one of these. False for one that differs in no truth value.
bool SiteRecogniser::chooseSense(AttentionMixer &mixer, unsigned choice) {
  for (auto [k, mask] : llvm::enumerate(mixer.masks)) {
    bool inverted = choice >> k & 1;
    if (mask.kind != ScoreBias::Added)
      mask.kind = inverted ? ScoreBias::Hidden : ScoreBias::Seen;
    else if (inverted)
      return false;
  }
  return true;
}

std::optional<AttentionSite> SiteRecogniser::compare(const AttentionSite &site,
                                                     const Graph &there,
                                                     double &deviation) {
  Problem problem(finder, analysis, site.region, there);
  AttentionSite read = site;
  read.mixer.tolerance = problem.toleranceOfTables();
  if (read.mixer.countKeys() < 3 || !readAttention(problem, read.mixer) ||
      !agree(problem, read.mixer, deviation))
    return std::nullopt;
  AttentionSite deep = deepenSite(problem, read);
  double own = 0;
  if (!agree(Problem(finder, analysis, deep.region, there), deep.mixer, own))
    return read;
  deviation = own;
  return deep;
}

void SiteRecogniser::run() {
  for (Operation *op : graph.getNodes()) {
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (!node || node->getNumResults() == 0 ||
        !graph.dependsOnInput(node->getResult(0)))
      continue;
    Raise raise;
    std::optional<AttentionSite> site = identify(node, raise.deviation);
    if (!site)
      continue;
    SmallVector<Value> roots{site->region.exit};
    llvm::append_range(roots, site->region.states);
    std::optional<Cone> cone = collectCone(graph, roots, site->region.frontier);
    if (!cone)
      continue;
    raise.nodes = cone->nodes.size();
    raise.structure = hashRegion(graph, site->region, /*weights=*/false);
    raise.identity = hashRegion(graph, site->region, /*weights=*/true);
    raise.region = site->region;
    raise.mixer = site->mixer.clone();
    raises.push_back(std::move(raise));
    sites.push_back(std::move(*site));
  }
}

Problem SiteRecogniser::problemAt(const AttentionSite &site,
                                  const Graph &there) const {
  Problem problem(finder, analysis, site.region, there);
  auto extentOf = [&](const Role &role) {
    for (auto [axis, digits] : llvm::enumerate(role.view.axes))
      if (llvm::any_of(digits, [](const Digit &digit) {
            return digit.kind == AxisKind::Time;
          }))
        return (*there.getShape(role.value))[axis];
    return int64_t(1);
  };
  const AttentionMixer &mixer = site.mixer;
  problem.length =
      extentOf(*mixer.k) + (mixer.pastKey ? extentOf(*mixer.pastKey) : 0);
  return problem;
}

std::vector<Problem> SiteRecogniser::problemsOf(size_t number,
                                                LengthPlan &plan) {
  const AttentionSite &site = sites[number];
  std::vector<Problem> problems;
  for (auto [queries, past] : kLengths)
    problems.push_back(
        problemAt(site, bound(bindLengths(graph, site, queries, past))));
  // Many keys, and where they are not the same, many queries.
  LengthLimit limit = findLengthLimit(graph, site.region, kLongest);
  for (bool more : {false, true}) {
    auto at = [&](int64_t stretch) -> const Graph & {
      auto [queries, past] = kLengths[0];
      (more ? queries : past) += stretch;
      return bound(bindLengths(graph, site, queries, past));
    };
    // Keys, or where these stay, queries.
    int64_t keys = *problems.front().length;
    bool grows = *problemAt(site, at(1)).length > keys;
    LengthPlan own = LengthPlanner(grows ? keys : kLengths[0].first, at)
                         .plan(site.region, limit);
    const AttentionExtents &lengths = *site.mixer.lengths;
    own.bound(grows ? lengths.keys : lengths.queries);
    plan.add(own);
  }
  plan.refuseEndingTables(graph, site.region, *problems.front().length);
  for (const Graph *needed : plan.needed) {
    problems.push_back(problemAt(site, *needed));
    problems.back().isNeeded = true;
  }
  return problems;
}

} // namespace ssmc
