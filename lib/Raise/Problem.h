//===- Problem.h - a region as a function to be recognised ------*- C++ -*-===//

#pragma once

#include "lib/Eval/Evaluator.h"
#include "lib/Raise/Region.h"

#include <random>

namespace ssmc {

/// Values of a region's frontier.
using Assignment = llvm::SmallDenseMap<mlir::Value, Tensor>;

/// Deterministic random numbers.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}
  /// Uniform in [0, 1).
  double uniform() { return (engine() >> 11) * 0x1.0p-53; }
  double normal();
  Tensor normals(mlir::Type type, llvm::ArrayRef<int64_t> shape, double scale);
  Tensor uniforms(mlir::Type type, llvm::ArrayRef<int64_t> shape, double low,
                  double high);

private:
  std::mt19937_64 engine;
};

class Problem {
public:
  Problem(const RegionFinder &finder, const AxisAnalysis &analysis,
          Region region)
      : finder(finder), analysis(analysis), graph(analysis.getGraph()),
        region(std::move(region)) {}

  const RegionFinder &finder;
  const AxisAnalysis &analysis;
  const Graph &graph;
  Region region;

  /// A value for every frontier value, all normal with deviation 0.5.
  Assignment sample(Random &random) const;
  /// `roots` computed from the assignment.
  mlir::FailureOr<llvm::SmallVector<Tensor>>
  evaluate(llvm::ArrayRef<mlir::Value> roots,
           const Assignment &assignment) const;
  /// The region's exit, then its states.
  mlir::FailureOr<llvm::SmallVector<Tensor>>
  evaluate(const Assignment &assignment) const;
  mlir::Type elementType(mlir::Value value) const {
    return mlir::cast<mlir::ShapedType>(value.getType()).getElementType();
  }
};

} // namespace ssmc
