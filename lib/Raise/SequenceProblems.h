//===- SequenceProblems.h - a region at several lengths ---------*- C++ -*-===//

#pragma once

#include "lib/Raise/ComparedLengths.h"
#include "lib/Raise/Problem.h"

#include <map>

namespace ssmc {

/// The regions of a graph at the lengths of the check. Graphs of other lengths
/// are made once.
class SequenceProblems {
public:
  /// The analysed graph is `base` tokens longer than the shortest; symbols in
  /// `lengths` are lengths.
  SequenceProblems(const RegionFinder &finder, const AxisAnalysis &analysis,
                   int64_t base, const llvm::StringSet<> &lengths);

  /// At the traced length, and at others where that is free; `plan` says what
  /// of it was needed.
  std::vector<Problem> make(const Region &region, LengthPlan &plan);

private:
  const Graph &stretched(int64_t stretch);

  const RegionFinder &finder;
  const AxisAnalysis &analysis;
  int64_t base;
  const llvm::StringSet<> &lengths;
  std::map<int64_t, std::unique_ptr<Graph>> graphs;
  llvm::SmallVector<int64_t> usual;
};

} // namespace ssmc
