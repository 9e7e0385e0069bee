//===- AxisClasses.h - which axes of the inputs are one ---------*- C++ -*-===//
//
// At first every axis of every input is of a kind of its own. The axis analysis
// carries these kinds through the graph. Where axes of two kinds are aligned -
// in an elementwise op, along the sum of a product, in the pieces that one
// unrolled loop gathers - they are one: the kinds are united, and the analysis
// is run again until nothing changes. Extents that the file calls by one symbol
// are one, too. Equal numbers say nothing.
//
// On the way the analysis notes what is done along every kind. Time is the kind
// along which something runs: whose steps are taken apart, follow from each
// other and are gathered again, or are summed up, convolved, compared. Batch is
// the kind that most values keep beside it.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/AxisAnalysis.h"

namespace ssmc {

class AxisClasses {
public:
  explicit AxisClasses(const Graph &graph);

  /// Makes the kinds one; false where that cannot be.
  bool unite(AxisKind a, AxisKind b);
  /// Runs the analysis until it unites no more.
  AxisAnalysis run(const Graph &graph);
  /// The kind of every axis of every input.
  llvm::SmallVector<AxisSeed> getSeeds() const;

private:
  struct Axis {
    InputAxis place;
    int64_t extent;
    mlir::AffineExpr symbol; // null where it is a number
    unsigned parent;         // of the same class
  };
  unsigned find(unsigned axis) const;

  llvm::SmallVector<Axis> axes;
  bool changed = false;
};

} // namespace ssmc
