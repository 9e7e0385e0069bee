//===- Plan.cpp - ssm-plan ------------------------------------------------===//

#include "lib/Plan/PlanPasses.h"

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Plan/Work.h"

#include "llvm/ADT/MapVector.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMPLAN
#include "lib/Plan/PlanPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;
using ssm::Strategy;
using ssm::StrategyAttr;

static constexpr StringLiteral planAttr = "ssmc.plan";

/// Sizes of chunks that are weighed where loops compute them.
static constexpr int64_t chunkSizes[] = {16, 32, 64, 128, 256};

namespace {
struct Estimate {
  StrategyAttr strategy;
  bool isKernel;
  Work work;
  double cycles;
};

class Planner {
public:
  Planner(MLIRContext *context, const Machine &machine,
          const Assumptions &assumptions)
      : b(context), machine(machine), assumptions(assumptions) {}

  /// The cheapest of a strategy's sizes of chunks.
  Estimate estimate(Operation *op, Strategy strategy, const Extents &extents);
  Estimate estimate(Operation *op, StrategyAttr strategy,
                    const Extents &extents);
  /// The entry of `ssmc.plan`.
  DictionaryAttr describe(Operation *op, const Estimate &chosen, bool isGiven);

private:
  DictionaryAttr describe(const Estimate &estimate);
  Attribute number(double value) {
    return b.getI64IntegerAttr(std::llround(std::min(value, 9e18)));
  }

  Builder b;
  const Machine &machine;
  const Assumptions &assumptions;
};
} // namespace

Estimate Planner::estimate(Operation *op, StrategyAttr strategy,
                           const Extents &extents) {
  Estimate result{strategy, hasKernel(op, strategy.getKind()), {}, 0};
  result.work =
      countWork(op, strategy.getKind(), strategy.getChunk(), extents, machine);
  result.cycles = estimateCycles(result.work, op, strategy.getKind(), machine);
  return result;
}

Estimate Planner::estimate(Operation *op, Strategy strategy,
                           const Extents &extents) {
  auto of = [&](int64_t chunk) {
    return estimate(op, StrategyAttr::get(b.getContext(), strategy, chunk),
                    extents);
  };
  bool hasChunks = (strategy == Strategy::Chunked ||
                    strategy == Strategy::AssociativeScan) &&
                   !hasKernel(op, strategy);
  if (!hasChunks)
    return of(0);
  auto sizes = llvm::to_vector(ArrayRef(chunkSizes));
  // As many pieces as threads, and one more, of which one waits (the scan by a
  // combiner).
  if (strategy == Strategy::AssociativeScan && machine.threads > 1)
    for (double pieces : {machine.threads, machine.threads + 1})
      sizes.push_back(std::ceil(extents["L"] / pieces));
  Estimate best = of(sizes[0]);
  for (int64_t chunk : ArrayRef(sizes).drop_front()) {
    Estimate next = of(chunk);
    if (next.cycles < best.cycles)
      best = next;
  }
  return best;
}

DictionaryAttr Planner::describe(const Estimate &estimate) {
  SmallVector<NamedAttribute> entries = {
      b.getNamedAttr("strategy", b.getStringAttr(stringifyStrategy(
                                     estimate.strategy.getKind()))),
      b.getNamedAttr("kernel", b.getBoolAttr(estimate.isKernel)),
      b.getNamedAttr("flops", number(2 * estimate.work.macs)),
      b.getNamedAttr("exps", number(estimate.work.exps)),
      b.getNamedAttr("bytes", number(estimate.work.bytes)),
      b.getNamedAttr("cycles", number(estimate.cycles))};
  if (estimate.strategy.getChunk())
    entries.push_back(b.getNamedAttr(
        "chunk", b.getI64IntegerAttr(estimate.strategy.getChunk())));
  return b.getDictionaryAttr(entries);
}

DictionaryAttr Planner::describe(Operation *op, const Estimate &chosen,
                                 bool isGiven) {
  Extents extents(cast<ssm::MixerOpInterface>(op), assumptions);
  SmallVector<Attribute> estimates, assumed;
  double leastMacs = HUGE_VAL, leastBytes = HUGE_VAL;
  for (Strategy strategy : ssm::getStrategies(op)) {
    Estimate each = strategy == chosen.strategy.getKind()
                        ? chosen
                        : estimate(op, strategy, extents);
    leastMacs = std::min(leastMacs,
                         each.work.macs + each.work.exps * machine.macsPerExp);
    leastBytes = std::min(leastBytes, each.work.bytes);
    estimates.push_back(describe(each));
  }
  for (StringRef text : extents.getAssumed())
    assumed.push_back(b.getStringAttr(text));
  NamedAttribute floor[] = {b.getNamedAttr("bytes", number(leastBytes)),
                            b.getNamedAttr("flops", number(2 * leastMacs))};
  SmallVector<NamedAttribute> entries = {
      b.getNamedAttr("op", b.getStringAttr(op->getName().getStringRef())),
      b.getNamedAttr("chosen", describe(chosen)),
      b.getNamedAttr("given", b.getBoolAttr(isGiven)),
      b.getNamedAttr("estimates", b.getArrayAttr(estimates)),
      b.getNamedAttr("floor", b.getDictionaryAttr(floor)),
      b.getNamedAttr("assumptions", b.getArrayAttr(assumed))};
  return b.getDictionaryAttr(entries);
}

namespace {
struct SsmPlan : ssmc::impl::SsmPlanBase<SsmPlan> {
  using SsmPlanBase::SsmPlanBase;

  void runOnOperation() override {
    Assumptions assumptions;
    for (StringRef text : assume)
      if (!assumptions.add(text)) {
        getOperation()->emitError("'")
            << text << "' assumes nothing: write EXTENT=NUMBER, as in L=512";
        return signalPassFailure();
      }
    FailureOr<CpuTarget> target = CpuTarget::get(cpu);
    if (failed(target)) {
      getOperation()->emitError("unknown processor '") << cpu << "'";
      return signalPassFailure();
    }
    Machine machine = Machine::of(*target, std::max(1u, threads.getValue()));
    Planner planner(&getContext(), machine, assumptions);
    llvm::MapVector<DictionaryAttr, int64_t> decisions;
    WalkResult walked = getOperation()->walk([&](ssm::MixerOpInterface op) {
      return plan(op, planner, assumptions, decisions);
    });
    if (walked.wasInterrupted())
      return signalPassFailure();
    write(decisions);
  }

  WalkResult plan(ssm::MixerOpInterface op, Planner &planner,
                  const Assumptions &assumptions,
                  llvm::MapVector<DictionaryAttr, int64_t> &decisions) {
    auto dps = cast<DestinationStyleOpInterface>(op.getOperation());
    SmallVector<Strategy> strategies = ssm::getStrategies(op);
    StrategyAttr given = ssm::getStrategy(op);
    if (std::optional<Strategy> asked = getAsked(op)) {
      std::string reason = ssm::whyNotApplicable(op, *asked);
      if (!reason.empty()) {
        onnx::emitModelError(op->getLoc())
            << op->getName() << " cannot be computed by strategy "
            << stringifyStrategy(*asked) << ": " << reason
            << "; it has: " << ssm::listStrategies(strategies);
        return WalkResult::interrupt();
      }
      if (!given || given.getKind() != *asked)
        given = StrategyAttr::get(&getContext(), *asked, 0);
    }
    if (!dps.hasPureTensorSemantics() ||
        (!given && (strategies.size() < 2 || !choose)))
      return WalkResult::advance();
    Extents extents(op, assumptions);
    bool hasAnyKernel = llvm::any_of(
        strategies, [&](Strategy strategy) { return hasKernel(op, strategy); });
    std::optional<Estimate> best;
    if (given && (given.getChunk() || ssm::getStrategy(op)))
      best = planner.estimate(op, given, extents);
    else if (given)
      best = planner.estimate(op, given.getKind(), extents);
    else
      for (Strategy strategy : strategies) {
        if (hasAnyKernel && multipliesByZero(op, strategy))
          continue;
        Estimate next = planner.estimate(op, strategy, extents);
        if (!best || next.cycles < best->cycles)
          best = next;
      }
    // What an earlier run has decided and told stays as it is.
    if (given && ssm::getStrategy(op) == given &&
        getOperation()->hasAttr(planAttr))
      return WalkResult::advance();
    op->setAttr(ssm::kStrategyAttr, best->strategy);
    ++decisions[planner.describe(op, *best, bool(given))];
    return WalkResult::advance();
  }

  /// Whether steps that others do not see are multiplied by zero, which makes
  /// NaN of infinite ones. Kernels leave them alone, which is worth some time.
  static bool multipliesByZero(Operation *op, Strategy strategy) {
    return !hasKernel(op, strategy) &&
           (strategy == Strategy::Dense || strategy == Strategy::Chunked);
  }

  /// What `strategies` wants of an op; the last entry counts.
  std::optional<Strategy> getAsked(Operation *op) {
    std::optional<Strategy> asked;
    for (StringRef text : strategies) {
      auto [mixer, name] = text.split(':');
      if (op->getName().stripDialect() == mixer)
        asked = ssm::symbolizeStrategy(name);
    }
    return asked;
  }

  void write(const llvm::MapVector<DictionaryAttr, int64_t> &decisions) {
    Builder b(&getContext());
    SmallVector<Attribute> entries;
    if (auto earlier = getOperation()->getAttrOfType<ArrayAttr>(planAttr))
      llvm::append_range(entries, earlier);
    for (auto [decision, count] : decisions) {
      NamedAttrList entry(decision);
      entry.set("count", b.getI64IntegerAttr(count));
      entries.push_back(entry.getDictionary(&getContext()));
    }
    getOperation()->setAttr(planAttr, b.getArrayAttr(entries));
  }
};
} // namespace
