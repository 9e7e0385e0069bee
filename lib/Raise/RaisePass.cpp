//===- RaisePass.cpp - replaces recognised regions by mixers --------------===//

#include "lib/Loops/HoistSteps.h"
#include "lib/Raise/LengthLimits.h"
#include "lib/Raise/Proposal.h"
#include "lib/Raise/RaisePasses.h"

#include "dialects/ssm/SsmOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/FormatVariadic.h"

#include <map>

namespace ssmc {
#define GEN_PASS_DEF_SSMRAISE
#include "lib/Raise/RaisePasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

/// The name that ONNX gave to a node.
static std::string nameOf(Operation *op) {
  if (auto name = dyn_cast<NameLoc>(op->getLoc()))
    if (!name.getName().empty())
      return name.getName().str();
  if (auto node = dyn_cast<onnx::NodeOp>(op))
    return "an unnamed " + node.getQualifiedName();
  return op->getName().getStringRef().str();
}

/// A node and those in its bodies.
static int64_t countNodes(Operation *op) {
  int64_t count = 0;
  op->walk([&](onnx::NodeOp) { ++count; });
  return count;
}

namespace {
struct SsmRaisePass : public ssmc::impl::SsmRaiseBase<SsmRaisePass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Builder builder(&getContext());
    report.clear();
    told.clear();
    rerolled.clear();
    count = 0;
    for (auto func : module.getOps<func::FuncOp>())
      if (!func.isPrivate() && !func.isExternal() &&
          llvm::hasSingleElement(func.getBody())) {
        isAgain = false;
        if (failed(simplifySteps(module, func)))
          return signalPassFailure();
        raise(func);
        // A loop that was rolled up may be a mixer, now that its step is seen.
        isAgain = true;
        if (rerolled.empty())
          continue;
        FailureOr<bool> changed = simplifySteps(module, func);
        if (failed(changed))
          return signalPassFailure();
        if (*changed)
          raise(func);
      }
    module->setAttr("ssmc.report", builder.getArrayAttr(report));
  }

  void raise(func::FuncOp func);
  void replace(const Graph &graph, const Proposal &proposal);
  DictionaryAttr takeRerolled(const Graph &graph, const ssmc::Region &region);
  void note(ArrayRef<NamedAttribute> entry) {
    report.push_back(DictionaryAttr::get(&getContext(), entry));
  }

  SmallVector<Attribute> report;
  /// What has an entry: what was to be replaced and was not, and what was
  /// written instead.
  DenseSet<Operation *> told;
  /// Loops that were rolled up, by name: their entries.
  llvm::StringMap<DictionaryAttr> rerolled;
  /// Once more, for what these are.
  bool isAgain = false;
  int64_t count = 0;
};
} // namespace

void SsmRaisePass::raise(func::FuncOp func) {
  llvm::StringSet<> lengths = AxisAnalysis::findLengths(func);
  int64_t base = Graph::findStretch(func, lengths);
  Graph graph(func, base, lengths);
  AxisAnalysis analysis(graph);
  RegionFinder finder(analysis);
  Recogniser recogniser(analysis);
  recogniser.run();

  size_t before = report.size();
  int64_t number = count + recogniser.raises.size();
  count = number;
  // The same graph with its length free to be longer: what is not, is not.
  constexpr int64_t kMostStretch = 256;
  int64_t length = analysis.getLength(), longest = length + 16;
  std::map<int64_t, std::unique_ptr<Graph>> longer;
  auto stretched = [&](int64_t stretch) -> const Graph & {
    std::unique_ptr<Graph> &made = longer[stretch];
    if (!made)
      made = std::make_unique<Graph>(func, base + stretch, lengths);
    return *made;
  };
  // An odd length, and one that chunks of the first one's length permit.
  SmallVector<int64_t> usual{5, 16};
  if (analysis.hasFreeLength() && !stretched(usual.back()).isValid())
    usual.push_back(length);
  std::vector<int64_t> limits;
  // The last one first: what an earlier one replaces is then read by ops that
  // stand already.
  std::vector<Proposal> proposals;
  for (const Raise &raise : llvm::reverse(recogniser.raises)) {
    std::vector<Problem> problems;
    problems.emplace_back(finder, analysis, raise.region);
    int64_t limit = 0;
    if (analysis.hasFreeLength()) {
      SmallVector<int64_t> stretches = usual;
      limit = findLengthLimit(graph, raise.region, longest);
      // A length at which the limit is passed: where it is that of chunks, of
      // two of them.
      if (limit && limit <= kMostStretch)
        stretches.push_back(
            stretched(limit + 2).isValid() ? limit + 2 : 2 * limit - length);
      for (int64_t stretch : stretches)
        problems.emplace_back(finder, analysis, raise.region,
                              stretched(stretch));
    }
    proposals.emplace_back(raise, std::move(problems), --number == plantError);
    limits.push_back(limit);
    if (limit > kMostStretch)
      proposals.back().refuse("it compares positions with " +
                              std::to_string(limit) +
                              ", which no length of the check reaches");
  }
  checkProposals(proposals);
  for (auto [proposal, limit] : llvm::zip_equal(proposals, limits)) {
    Verdict &verdict = proposal.verdict;
    if (limit && verdict.accepted &&
        llvm::all_of(verdict.lengths, [limit = limit](int64_t compared) {
          return compared <= limit;
        })) {
      verdict.accepted = false;
      verdict.reason = "it compares positions with " + std::to_string(limit) +
                       ", and cannot be evaluated at more";
    }
  }
  for (const Proposal &proposal : proposals)
    replace(graph, proposal);
  std::reverse(report.begin() + before, report.end());
  // What only the replaced regions needed is gone now.
  for (Operation *op : llvm::reverse(graph.getNodes()))
    if (op->use_empty() && isMemoryEffectFree(op))
      op->erase();

  if (isAgain)
    return;
  Builder builder(&getContext());
  // A Scan of the model that was not replaced is compiled as the recurrence
  // that it is.
  for (auto node : func.getBody().front().getOps<onnx::NodeOp>())
    if (node.getOpType() == "Scan" && !told.contains(node))
      note({builder.getNamedAttr("site", builder.getStringAttr(nameOf(node))),
            builder.getNamedAttr("op", builder.getStringAttr("")),
            builder.getNamedAttr(
                "nodes_before",
                builder.getI64IntegerAttr(countNodes(node.getOperation()))),
            builder.getNamedAttr(
                "reason", builder.getStringAttr(
                              "a Scan of the model, a recurrence already"))});
  for (const Leftover &leftover : recogniser.leftovers) {
    if (!leftover.recurrent && !leftover.isNear)
      continue;
    std::string site = nameOf(leftover.first);
    if (leftover.last != leftover.first)
      site += " to " + nameOf(leftover.last);
    if (leftover.isNear)
      emitWarning(leftover.first->getLoc())
          << "the nodes '" << site
          << "' are nearly a mixer, and are kept: " << leftover.reason;
    note({builder.getNamedAttr("site", builder.getStringAttr(site)),
          builder.getNamedAttr("op", builder.getStringAttr("")),
          builder.getNamedAttr("nodes_before",
                               builder.getI64IntegerAttr(leftover.nodes)),
          builder.getNamedAttr("reason",
                               builder.getStringAttr(leftover.reason))});
  }
}

/// The entry of the loop that the region consists of, where it was rolled up
/// before; it is no entry any more.
DictionaryAttr SsmRaisePass::takeRerolled(const Graph &graph,
                                          const ssmc::Region &region) {
  SmallVector<Value> roots{region.exit};
  llvm::append_range(roots, region.states);
  std::optional<Cone> cone = collectCone(graph, roots, region.frontier);
  for (Operation *op : cone ? ArrayRef(cone->nodes) : ArrayRef<Operation *>()) {
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (!node || node.getOpType() != "Scan")
      continue;
    if (DictionaryAttr entry = rerolled.lookup(nameOf(op))) {
      llvm::erase(report, entry);
      return entry;
    }
  }
  return nullptr;
}

void SsmRaisePass::replace(const Graph &graph, const Proposal &proposal) {
  const Raise &raise = proposal.raise;
  const ssmc::Region &region = raise.region;
  const Verdict &verdict = proposal.verdict;
  Operation *last = region.exit.getDefiningOp();
  std::string site = nameOf(last);
  Builder attrs(&getContext());
  if (isAgain && !verdict.accepted) {
    for (Operation *op : llvm::reverse(proposal.written))
      op->erase();
    return;
  }
  DictionaryAttr before;
  int64_t nodes = raise.nodes;
  double deviation = std::max(verdict.deviation, raise.deviation);
  if (isAgain && (before = takeRerolled(graph, region))) {
    site = before.getAs<StringAttr>("site").str();
    nodes = before.getAs<IntegerAttr>("nodes_before").getInt();
    deviation = std::max(
        deviation, before.getAs<FloatAttr>("deviation").getValueAsDouble());
  }
  SmallVector<NamedAttribute> entry{
      attrs.getNamedAttr("site", attrs.getStringAttr(site)),
      attrs.getNamedAttr("op", attrs.getStringAttr(verdict.accepted
                                                       ? raise.mixer->getName()
                                                       : StringRef())),
      attrs.getNamedAttr("nodes_before", attrs.getI64IntegerAttr(nodes)),
      attrs.getNamedAttr("deviation", attrs.getF64FloatAttr(deviation))};
  if (!verdict.accepted) {
    told.insert(last);
    for (Operation *op : llvm::reverse(proposal.written))
      op->erase();
    std::string reason =
        verdict.reason.empty()
            ? llvm::formatv("deviates by {0:e1}", verdict.deviation).str()
            : verdict.reason;
    std::string first = nameOf(region.frontier.empty() ||
                                       !region.frontier.front().getDefiningOp()
                                   ? region.exit.getDefiningOp()
                                   : region.frontier.front().getDefiningOp());
    emitWarning(region.exit.getLoc())
        << "the nodes from '" << first << "' to '" << site << "' looked like "
        << raise.mixer->getName() << " but the check refused it (" << reason
        << "); they are kept";
    entry.push_back(attrs.getNamedAttr(
        "reason",
        attrs.getStringAttr(raise.mixer->getName().str() + ": " + reason)));
    return note(entry);
  }

  told.insert_range(proposal.written);
  for (auto [from, to] : llvm::zip_equal(proposal.roots, proposal.values))
    Value(from).replaceAllUsesWith(to);
  int64_t left = llvm::count_if(proposal.written, [](Operation *op) {
    return !isa<onnx::ConstantOp, arith::ConstantOp, onnx::SymbolOp,
                tensor::EmptyOp, linalg::FillOp>(op);
  });
  SmallVector<std::string> assumptions;
  raise.mixer->listAssumptions(assumptions);
  if (before)
    for (Attribute text : before.getAs<ArrayAttr>("assumptions"))
      assumptions.push_back(cast<StringAttr>(text).str());
  else if (verdict.lengths.size() == 1)
    assumptions.push_back("what holds at the traced length of " +
                          std::to_string(verdict.lengths.front()) +
                          " holds at every length");
  entry.push_back(
      attrs.getNamedAttr("nodes_after", attrs.getI64IntegerAttr(left)));
  SmallVector<StringRef> texts(assumptions.begin(), assumptions.end());
  entry.push_back(
      attrs.getNamedAttr("assumptions", attrs.getStrArrayAttr(texts)));
  // The loop was compared at these.
  entry.push_back(before ? attrs.getNamedAttr("lengths", before.get("lengths"))
                         : attrs.getNamedAttr("lengths", attrs.getI64ArrayAttr(
                                                             verdict.lengths)));
  note(entry);
  for (Operation *op : proposal.written)
    if (auto node = dyn_cast<onnx::NodeOp>(op))
      if (node.getOpType() == "Scan")
        rerolled[nameOf(op)] = cast<DictionaryAttr>(report.back());
}
