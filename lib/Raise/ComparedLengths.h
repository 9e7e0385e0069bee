//===- ComparedLengths.h - how long a region must be seen -------*- C++ -*-===//
//
// Where a graph leaves its length free, ordinary lengths are short. A region
// that computes with positions, or shifts data far, is compared at a long one,
// too, which the graph must be defined at: one that is cut into chunks has not
// all lengths, one that adds a table of positions ends with it. What positions
// alone give must go on beyond that length, as far as the numbers of the region
// reach; where it does not, the region is compared there, or is not raised.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/ExtentBounds.h"
#include "lib/Raise/LengthLimits.h"

namespace ssmc {

struct LengthPlan {
  /// The graph at lengths at which the region must be compared.
  llvm::SmallVector<const Graph *, 2> needed;
  /// The graph at the last length at which it is defined; null where none is
  /// known.
  const Graph *last = nullptr;
  /// What that is for the inputs, and how many tokens it is.
  struct End {
    ExtentBound bound;
    int64_t tokens;
  };
  llvm::SmallVector<End, 1> ends;
  /// Why the region cannot be compared as far as it must; empty if it can.
  std::string refusal;
  /// Equal for regions that are equal at all of these lengths.
  size_t identity = 0;

  /// Where the length is fixed: a table of more positions, out of which as many
  /// are cut, must go on as they do.
  void refuseEndingTables(const Graph &graph, const Region &region,
                          int64_t length);
  /// Where there is a last length: it is that of `extent`, and what replaces
  /// the region is bounded by it, or is not written.
  void bound(mlir::AffineExpr extent);
  /// Both.
  void add(const LengthPlan &other);
};

class LengthPlanner {
public:
  /// The graph at `stretch` more tokens than the first length.
  using Stretched = std::function<const Graph &(int64_t stretch)>;
  LengthPlanner(int64_t first, Stretched at)
      : first(first), at(std::move(at)) {}

  /// Of a region with this limit beyond the lengths that are compared anyway.
  LengthPlan plan(const Region &region, const LengthLimit &limit) const;

private:
  bool isDefined(const Region &region, const LengthLimit &limit,
                 int64_t stretch) const;
  std::optional<int64_t>
  findFrom(const Region &region, const LengthLimit &limit, int64_t least) const;
  int64_t findLast(const Region &region, const LengthLimit &limit,
                   int64_t below) const;
  void planFar(const Region &region, const LengthLimit &limit, int64_t near,
               LengthPlan &plan) const;

  int64_t first;
  Stretched at;
};

} // namespace ssmc
