//===- Gate.cpp - proves a raise before it is kept ------------------------===//
//
// Rounds differ in what the inputs are drawn from. At the traced length all of
// them are run; where the graph leaves its length free, ordinary inputs are
// drawn at other lengths too, odd ones among them. A region with very many
// inputs is compared in two rounds, of which the second draws every channel
// from another distribution. A region that differs in its weights only from one
// that has passed is compared on ordinary, large and very large inputs, or in
// that second round.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/Gate.h"

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Raise/Branches.h"
#include "lib/Raise/Written.h"

#include "mlir/IR/Threading.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
/// Beyond bounds that are there to be never reached, where smooth functions
/// (a softplus for a maximum) show what they are.
constexpr double kAmplified = 1e8;

/// What elements are drawn from.
enum class Range {
  Unit,    // between none and full decay, wherever the decay is
  Signed,  // of both signs
  NearOne, // decays next to one
  NearZero,
  Large, // large steps
};

/// What one input is, beside ordinary ones.
enum class Extreme {
  Amplified, // of both signs and very large
  Lowered,   // below zero: as logarithms of decays, no decay is next to one
};
constexpr Range kRanges[] = {Range::Unit, Range::Signed, Range::NearOne,
                             Range::NearZero, Range::Large};
} // namespace

static double drawOne(Random &random, Range range, double large) {
  switch (range) {
  case Range::Unit:
    return random.uniform();
  case Range::Signed:
    return random.normal();
  case Range::NearOne:
    return 0.999 + 0.001 * random.uniform();
  case Range::NearZero:
    return 1e-3 * random.uniform();
  case Range::Large:
    return large * random.uniform();
  }
  return 0;
}

/// Values for all of the frontier: from `range`, or without one every channel
/// from another; the `chosen` one is `extreme`.
static Assignment draw(const Problem &problem, uint64_t seed,
                       std::optional<Range> range,
                       std::optional<size_t> chosen = std::nullopt,
                       Extreme extreme = Extreme::Amplified) {
  Random random(1000 + seed);
  Assignment assignment;
  for (auto [i, value] : llvm::enumerate(problem.region.frontier)) {
    Type type = problem.elementType(value);
    ArrayRef<int64_t> shape = *problem.graph.getShape(value);
    if (!isa<FloatType>(type)) {
      assignment[value] = problem.drawIntegers(value, random);
    } else {
      Tensor tensor(type, shape);
      int64_t channels = shape.empty() ? 1 : shape.back(), at = 0;
      double large = i % 2 ? 2 : 10; // everything of different size
      if (i == chosen) {
        for (double &element : tensor.mutableFloats())
          element = extreme == Extreme::Amplified ? kAmplified * random.normal()
                                                  : -large * random.uniform();
        problem.keepInRange(value, tensor);
        assignment[value] = std::move(tensor);
        continue;
      }
      for (double &element : tensor.mutableFloats())
        element = drawOne(random,
                          range ? *range
                                : kRanges[at++ % channels % std::size(kRanges)],
                          large);
      problem.keepInRange(value, tensor);
      assignment[value] = std::move(tensor);
    }
  }
  return assignment;
}

namespace {
enum class Comparison { Same, Different, NoOriginal };
} // namespace

/// Compares once.
static Comparison compare(const Problem &problem,
                          const Replacement &replacement,
                          const Assignment &assignment, Branches &branches,
                          Verdict &verdict) {
  // Branches count where the comparison does.
  Branches seen = branches;
  FailureOr<SmallVector<Tensor>> before = failure(), after = failure();
  std::string error;
  auto evaluateBefore = [&] {
    if (branches.any())
      before = problem.evaluate(
          assignment, [&](Evaluator &values) { seen.observe(values); });
    else
      before = problem.evaluate(assignment);
  };
  // Neither needs the other.
  parallelFor(problem.region.exit.getContext(), 0, 2, [&](size_t which) {
    if (which == 0)
      evaluateBefore();
    else
      after =
          evaluateWritten(problem.graph, replacement.ops, replacement.values,
                          replacement.exact, assignment, error);
  });
  if (failed(before)) {
    verdict.reason = "the original cannot be evaluated";
    return Comparison::NoOriginal;
  }
  if (failed(after)) {
    verdict.reason = "the replacement cannot be evaluated: " + error;
    return Comparison::Different;
  }
  bool all = true;
  for (auto [expected, found] : llvm::zip_equal(*before, *after)) {
    // Where the original overflows, nothing is shown either way.
    if (!expected.isFloat() || !llvm::all_of(expected.floats(), [](double v) {
          return std::isfinite(v);
        })) {
      all = false;
      continue;
    }
    ++verdict.comparisons;
    verdict.deviation =
        std::max(verdict.deviation,
                 ssmc::deviation(expected, found, replacement.mixer.spreads));
  }
  if (all)
    branches = std::move(seen);
  return verdict.deviation <= replacement.mixer.tolerance
             ? Comparison::Same
             : Comparison::Different;
}

/// True where the results are the same whatever the node gives: a maximum that
/// is subtracted before an exponential and divided out behind it.
static bool isIrrelevant(const Problem &problem, onnx::NodeOp node) {
  Value value = node->getResult(0);
  if (!isa<FloatType>(getElementTypeOrSelf(value.getType())))
    return false;
  for (uint64_t seed : {1, 2, 3}) {
    Assignment assignment = draw(problem, seed, Range::Signed);
    Tensor given;
    FailureOr<SmallVector<Tensor>> before =
        problem.evaluate(assignment, [&](Evaluator &values) {
          if (FailureOr<Tensor> own = values.get(value); succeeded(own))
            given = *own;
        });
    if (failed(before) || given.isNull())
      return false;
    // What saturates hides small changes; exponentials bear no larger ones.
    for (double size : {1e-3, 3.0, 300.0}) {
      Random random(seed);
      Tensor changed = given;
      for (double &element : changed.mutableFloats())
        element += size * (2 * random.uniform() - 1);
      assignment[value] = changed;
      FailureOr<SmallVector<Tensor>> after = problem.evaluate(assignment);
      if (failed(after))
        return false;
      for (auto [x, y] : llvm::zip_equal(*before, *after))
        if (!(ssmc::deviation(x, y) <= kMixerTolerance))
          return false;
    }
  }
  return true;
}

/// The extent of time under a graph's binding of symbols.
static int64_t lengthOf(const Problem &problem) {
  if (problem.length)
    return *problem.length;
  for (const AxisSeed &seed : problem.analysis.getSeeds())
    if (seed.kind == AxisKind::Time)
      if (auto shape = problem.graph.getShape(
              problem.graph.getFunc().getArgument(seed.argument)))
        return (*shape)[seed.axis];
  return problem.analysis.getLength();
}

static std::string describe(onnx::NodeOp node) {
  std::string known = onnx::describeNode(node->getLoc());
  return known.empty() ? "a " + node.getQualifiedName() : known;
}

Verdict checkRaise(ArrayRef<Problem> problems, const Replacement &replacement,
                   bool seen) {
  Verdict verdict;
  const Problem &traced = problems.front();
  Branches branches(traced);
  if (onnx::NodeOp node = branches.findUnknown()) {
    verdict.reason =
        describe(node) + " may compute by other formulas on other inputs";
    return verdict;
  }
  // Each round takes as long as one pass of the model at its traced size. What
  // weights do to a formula shows most where values are large.
  bool large = traced.isLarge(), onlyWeights = seen && !branches.any();
  SmallVector<std::optional<Range>> rounds(std::begin(kRanges),
                                           std::end(kRanges));
  if (large && onlyWeights)
    rounds = {std::nullopt, Range::Unit, Range::Signed, Range::NearOne};
  else if (large)
    rounds = {Range::Unit, std::nullopt, Range::Signed, Range::NearOne};
  else if (onlyWeights)
    rounds = {Range::Unit, Range::Large, Range::Signed, Range::NearOne};
  int64_t enough = (large && onlyWeights ? 1 : 2) * replacement.values.size();
  for (auto [seed, range] : llvm::enumerate(rounds)) {
    if ((large || onlyWeights) && verdict.comparisons >= enough)
      break;
    if (compare(traced, replacement, draw(traced, seed, range), branches,
                verdict) != Comparison::Same)
      return verdict;
  }
  // A linear recurrence stays one however large its drive or start is. Where
  // an input makes everything overflow, a decay for one, nothing is shown.
  for (size_t i = 0, e = traced.region.frontier.size(); i < e && !large; ++i)
    if (compare(traced, replacement,
                draw(traced, rounds.size() + i, Range::Unit, i), branches,
                verdict) != Comparison::Same)
      return verdict;
  // The maximum of what came before is the last token where the others decay.
  for (size_t i = 0, e = traced.region.frontier.size();
       i < e && branches.findUntaken(replacement.mixer); ++i)
    if (compare(traced, replacement,
                draw(traced, rounds.size() + e + i, Range::Unit, i,
                     Extreme::Lowered),
                branches, verdict) != Comparison::Same)
      return verdict;
  verdict.lengths.push_back(lengthOf(traced));
  for (const Problem &other : problems.drop_front()) {
    int64_t length = lengthOf(other);
    bool isSeen = llvm::is_contained(verdict.lengths, length);
    if (isSeen && !other.isNeeded)
      continue; // the length is fixed
    Verdict there;
    Comparison result = compare(
        other, replacement, draw(other, length, Range::Unit), branches, there);
    // Shapes may hold the traced length although the inputs do not.
    if (result == Comparison::NoOriginal) {
      if (!other.isNeeded)
        continue;
      verdict.reason = "it computes with positions, and cannot be evaluated "
                       "at a length of " +
                       std::to_string(length);
      return verdict;
    }
    verdict.deviation = std::max(verdict.deviation, there.deviation);
    if (result == Comparison::Different) {
      verdict.reason = there.reason;
      if (!there.reason.empty())
        verdict.reason += " at a length of " + std::to_string(length);
      return verdict;
    }
    if (!isSeen)
      verdict.lengths.push_back(length);
  }
  if (verdict.comparisons < enough) {
    verdict.reason = "the original has no finite values to compare with";
    return verdict;
  }
  while (onnx::NodeOp node = branches.findUntaken(replacement.mixer)) {
    if (isIrrelevant(traced, node)) {
      branches.forget(node);
      continue;
    }
    verdict.reason =
        describe(node) + " has a branch that no input of the check takes";
    return verdict;
  }
  ArrayRef<onnx::NodeOp> tests = branches.getFiniteTests();
  if (!tests.empty())
    verdict.assumptions.push_back(
        "what " + describe(tests.front()) +
        (tests.size() > 1 ? " and others test" : " tests") +
        " is always finite");
  verdict.accepted = true;
  return verdict;
}

} // namespace ssmc
