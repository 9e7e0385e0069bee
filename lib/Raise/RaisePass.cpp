//===- RaisePass.cpp - replaces recognised regions by mixers --------------===//

#include "lib/Fold/ShapeInference.h"
#include "lib/Loops/HoistSteps.h"
#include "lib/Raise/AttentionSites.h"
#include "lib/Raise/JoinGathers.h"
#include "lib/Raise/Proposal.h"
#include "lib/Raise/RaisePasses.h"
#include "lib/Raise/SequenceProblems.h"
#include "lib/Raise/SmallNumbers.h"

#include "dialects/ssm/SsmOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/FormatVariadic.h"

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
    kept.clear();
    count = 0;
    for (auto func : module.getOps<func::FuncOp>())
      if (!func.isPrivate() && !func.isExternal() &&
          llvm::hasSingleElement(func.getBody())) {
        round = Round::First;
        if (failed(simplifySteps(module, func)))
          return signalPassFailure();
        raise(func);
        round = Round::Joined;
        if (failed(raiseJoined(func)))
          return signalPassFailure();
        // A loop that was rolled up may be a mixer, now that its step is seen.
        round = Round::Again;
        if (!rerolled.empty()) {
          FailureOr<bool> changed = simplifySteps(module, func);
          if (failed(changed))
            return signalPassFailure();
          if (*changed)
            raise(func);
        }
        round = Round::First;
        if (mayHaveAttentionSites(func))
          raiseSites(func);
        noteKept();
      }
    releaseBlocks(); // of the regions' values
    module->setAttr("ssmc.report", builder.getArrayAttr(report));
  }

  void raise(func::FuncOp func);
  /// Loops of which several values are gathered.
  LogicalResult raiseJoined(func::FuncOp func);
  /// Attention that no sequence shows.
  void raiseSites(func::FuncOp func);
  void finish(const Graph &graph, ArrayRef<Proposal> proposals);
  /// Gives the nodes that are gone.
  llvm::DenseSet<Operation *> replaceAll(const Graph &graph,
                                         ArrayRef<Proposal> proposals);
  void replace(const Graph &graph, const Proposal &proposal);
  /// Notes what was found and not recognised.
  void noteLeft(func::FuncOp func, ArrayRef<Leftover> leftovers);
  /// Reports what mixes tokens and stays.
  void noteKept();
  /// What was `raised` since.
  void forgetKept(const llvm::DenseSet<Operation *> &raised);
  void noteRemaining(func::FuncOp func);
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
  /// Nodes that mix tokens and were not recognised, with their names.
  struct Kept {
    Location location;
    SmallVector<std::pair<Operation *, std::string>> nodes;
    std::string reason;
    bool isNear = false;
  };
  std::vector<Kept> kept;
  /// At first all; then loops with one exit for several values; then those
  /// that were rolled up, for what these are. What is refused is told at first.
  enum class Round { First, Joined, Again } round = Round::First;
  int64_t count = 0;
};
} // namespace

static LogicalResult infer(func::FuncOp func) {
  ShapeInference inference(func->getParentOfType<ModuleOp>());
  return inference.run(func);
}

/// What only the replaced regions needed is gone.
static void eraseUnused(const Graph &graph) {
  for (Operation *op : llvm::reverse(graph.getNodes()))
    if (op->use_empty() && isMemoryEffectFree(op))
      op->erase();
}

/// In front of what was found later, which is reported first.
llvm::DenseSet<Operation *>
SsmRaisePass::replaceAll(const Graph &graph, ArrayRef<Proposal> proposals) {
  size_t before = report.size();
  llvm::DenseSet<Operation *> raised;
  for (const Proposal &proposal : proposals) {
    if (proposal.verdict.accepted)
      if (auto cone = collectCone(graph, proposal.roots,
                                  proposal.raise.region.frontier))
        raised.insert_range(cone->nodes);
    replace(graph, proposal);
  }
  std::reverse(report.begin() + before, report.end());
  return raised;
}

void SsmRaisePass::raise(func::FuncOp func) {
  llvm::StringSet<> lengths = AxisAnalysis::findLengths(func);
  int64_t base = Graph::findStretch(func, lengths);
  Graph graph(func, base, lengths);
  AxisAnalysis analysis(graph);
  RegionFinder finder(analysis);
  Recogniser recogniser(analysis);
  recogniser.run();

  int64_t number = count + recogniser.raises.size();
  count = number;
  SequenceProblems problems(finder, analysis, base, lengths);
  // The last one first: what an earlier one replaces is then read by ops that
  // stand already.
  std::vector<Proposal> proposals;
  for (const Raise &raise : llvm::reverse(recogniser.raises)) {
    Proposal &proposal =
        proposals.emplace_back(raise, analysis, --number == plantError);
    LengthPlan plan;
    if (!proposal.values.empty()) {
      std::vector<Problem> own = problems.make(raise.region, plan);
      proposal.setProblems(std::move(own), std::move(plan));
    }
  }
  checkProposals(proposals);
  finish(graph, proposals);
  if (round == Round::Again)
    noteRemaining(func);
  else if (round == Round::First)
    noteLeft(func, recogniser.leftovers);
}

void SsmRaisePass::finish(const Graph &graph, ArrayRef<Proposal> proposals) {
  forgetKept(replaceAll(graph, proposals));
  eraseUnused(graph);
  if (llvm::any_of(proposals,
                   [](const Proposal &proposal) {
                     return proposal.verdict.accepted &&
                            proposal.renamesExtents;
                   }) &&
      failed(infer(graph.getFunc())))
    signalPassFailure();
}

LogicalResult SsmRaisePass::raiseJoined(func::FuncOp func) {
  llvm::DenseSet<Operation *> joined = joinGathers(func);
  if (joined.empty())
    return success();
  if (failed(infer(func)))
    return failure();
  raise(func);
  if (partGathers(func))
    return infer(func);
  forgetKept(joined);
  return success();
}

void SsmRaisePass::noteLeft(func::FuncOp func, ArrayRef<Leftover> leftovers) {
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
  for (const Leftover &leftover : leftovers) {
    Kept &entry = kept.emplace_back(Kept{
        leftover.ops.front()->getLoc(), {}, leftover.reason, leftover.isNear});
    for (Operation *op : leftover.ops)
      if (auto node = dyn_cast<onnx::NodeOp>(op);
          !node || node.getOpType() != "Scan") // they have entries of their own
        entry.nodes.push_back({op, nameOf(op)});
  }
}

/// A part of a loop that was rolled up may be a recurrence still.
void SsmRaisePass::noteRemaining(func::FuncOp func) {
  for (auto node : func.getBody().front().getOps<onnx::NodeOp>())
    if (node.getOpType() == "Scan")
      if (DictionaryAttr entry = rerolled.lookup(nameOf(node));
          entry && !llvm::is_contained(report, entry))
        report.push_back(entry);
}

void SsmRaisePass::forgetKept(const llvm::DenseSet<Operation *> &raised) {
  for (Kept &entry : kept)
    llvm::erase_if(entry.nodes, [&](const auto &node) {
      return raised.contains(node.first);
    });
}

void SsmRaisePass::noteKept() {
  Builder builder(&getContext());
  for (Kept &entry : kept) {
    if (entry.nodes.empty()) // Scans, which have entries of their own
      continue;
    std::string site = entry.nodes.front().second;
    if (entry.nodes.size() > 1)
      site += " to " + entry.nodes.back().second;
    if (entry.isNear)
      emitWarning(entry.location)
          << "the nodes '" << site
          << "' are nearly a mixer, and are kept: " << entry.reason;
    note({builder.getNamedAttr("site", builder.getStringAttr(site)),
          builder.getNamedAttr("op", builder.getStringAttr("")),
          builder.getNamedAttr("nodes_before",
                               builder.getI64IntegerAttr(entry.nodes.size())),
          builder.getNamedAttr("reason", builder.getStringAttr(entry.reason))});
  }
  kept.clear();
}

void SsmRaisePass::raiseSites(func::FuncOp func) {
  Graph graph(func);
  AxisAnalysis analysis(graph);
  RegionFinder finder(analysis);
  SiteRecogniser recogniser(finder, analysis);
  recogniser.run();
  std::vector<Proposal> proposals;
  for (size_t i = recogniser.raises.size(); i-- > 0;) {
    Proposal &proposal = proposals.emplace_back(
        recogniser.raises[i], analysis, count + int64_t(i) == plantError);
    LengthPlan plan;
    if (!proposal.values.empty()) {
      std::vector<Problem> problems = recogniser.problemsOf(i, plan);
      proposal.setProblems(std::move(problems), std::move(plan));
    }
  }
  count += recogniser.raises.size();
  checkProposals(proposals);
  finish(graph, proposals);
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

/// The first input that has a sequence has at most so many tokens.
static ExtentBound boundOfTokens(const Problem &problem, int64_t most) {
  const AxisSeed *seed =
      llvm::find_if(problem.analysis.getSeeds(), [](const AxisSeed &seed) {
        return seed.kind == AxisKind::Time;
      });
  return {{{seed->argument, seed->axis}}, most};
}

void SsmRaisePass::replace(const Graph &graph, const Proposal &proposal) {
  const Raise &raise = proposal.raise;
  const ssmc::Region &region = raise.region;
  const Verdict &verdict = proposal.verdict;
  Operation *last = region.exit.getDefiningOp();
  std::string site = nameOf(last);
  Builder attrs(&getContext());
  if (round != Round::First && !verdict.accepted) {
    for (Operation *op : llvm::reverse(proposal.written))
      op->erase();
    return;
  }
  DictionaryAttr before;
  int64_t nodes = raise.nodes;
  double deviation = std::max(verdict.deviation, raise.deviation);
  if (round == Round::Again && (before = takeRerolled(graph, region))) {
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
  // Which node it is stands in the report: equal layers have their own.
  llvm::append_range(assumptions, listSmallNumbers(proposal.problems.front(),
                                                   raise.mixer->tolerance));
  llvm::append_range(assumptions, verdict.assumptions);
  SmallVector<LengthPlan::End> ends(proposal.plan.ends);
  if (int64_t most = raise.mixer->getMostTokens())
    ends.push_back({boundOfTokens(proposal.problems.front(), most), most});
  for (const LengthPlan::End &end : ends) {
    addExtentBound(graph.getFunc(), end.bound);
    assumptions.push_back("the graph is defined for at most " +
                          std::to_string(end.tokens) +
                          " tokens: more end the run with an error");
  }
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
