//===- SequenceProblems.cpp - a region at several lengths -----------------===//

#include "lib/Raise/SequenceProblems.h"

#include "lib/Raise/Continuation.h"

using namespace mlir;

namespace ssmc {

/// An odd length, and one that chunks of the first one's length permit.
static constexpr int64_t kUsual[] = {5, 16};

SequenceProblems::SequenceProblems(const RegionFinder &finder,
                                   const AxisAnalysis &analysis, int64_t base,
                                   const llvm::StringSet<> &lengths)
    : finder(finder), analysis(analysis), base(base), lengths(lengths),
      usual(std::begin(kUsual), std::end(kUsual)) {
  if (analysis.hasFreeLength() && !stretched(usual.back()).isValid())
    usual.push_back(analysis.getLength());
}

const Graph &SequenceProblems::stretched(int64_t stretch) {
  std::unique_ptr<Graph> &made = graphs[stretch];
  if (!made)
    made = std::make_unique<Graph>(analysis.getGraph().getFunc(),
                                   base + stretch, lengths);
  return *made;
}

std::vector<Problem> SequenceProblems::make(const Region &region,
                                            LengthPlan &plan) {
  std::vector<Problem> problems;
  problems.emplace_back(finder, analysis, region);
  const Graph &graph = analysis.getGraph();
  int64_t length = analysis.getLength();
  if (!analysis.hasFreeLength()) {
    plan.refuseEndingTables(graph, region, length);
    return problems;
  }
  plan = LengthPlanner(length, [&](int64_t stretch) -> const Graph & {
           return stretched(stretch);
         }).plan(region, findLengthLimit(graph, region, length + kUsual[1]));
  plan.bound(analysis.getFreeLength());
  for (int64_t stretch : usual)
    problems.emplace_back(finder, analysis, region, stretched(stretch));
  for (const Graph *needed : plan.needed) {
    problems.emplace_back(finder, analysis, region, *needed);
    problems.back().isNeeded = true;
  }
  return problems;
}

} // namespace ssmc
