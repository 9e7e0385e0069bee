//===- Problem.h - a region as a function to be recognised ------*- C++ -*-===//

#pragma once

#include "lib/Eval/Evaluator.h"
#include "lib/Raise/Region.h"

#include <cmath>

namespace ssmc {

/// Values of a region's frontier.
using Assignment = llvm::SmallDenseMap<mlir::Value, Tensor>;

/// Deterministic random numbers.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  /// Uniform in [0, 1).
  double uniform() { return (next() >> 11) * 0x1.0p-53; }
  /// Near enough: the sum of four uniform numbers, of deviation 1.
  double normal() {
    uint64_t bits = next();
    int64_t sum = (bits & 0xffff) + (bits >> 16 & 0xffff) +
                  (bits >> 32 & 0xffff) + (bits >> 48);
    return (sum - 131070) * 2.6429e-5;
  }
  Tensor normals(mlir::Type type, llvm::ArrayRef<int64_t> shape, double scale);
  Tensor uniforms(mlir::Type type, llvm::ArrayRef<int64_t> shape, double low,
                  double high);

private:
  /// SplitMix64.
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  uint64_t state;
};

inline double silu(double x) { return x / (1 + std::exp(-x)); }

/// The values a region reads, where all are floats.
struct Frontier {
  llvm::SmallVector<mlir::Value> tokens; // one of every token of the sequence
  llvm::SmallVector<mlir::Value> states; // without time
};

/// Which tokens a region's output at one depends on.
enum class Direction {
  Forward, // itself and earlier ones
  Reverse, // itself and later ones
  Both
};

class Problem {
public:
  Problem(const RegionFinder &finder, const AxisAnalysis &analysis,
          Region region)
      : Problem(finder, analysis, std::move(region), analysis.getGraph()) {}
  /// The same region with the extents that `graph` gives to free symbols.
  Problem(const RegionFinder &finder, const AxisAnalysis &analysis,
          Region region, const Graph &graph)
      : finder(finder), analysis(analysis), graph(graph),
        region(std::move(region)) {}

  const RegionFinder &finder;
  const AxisAnalysis &analysis;
  const Graph &graph;
  Region region;
  /// Where no length of a sequence tells one evaluation from another: the
  /// number of keys.
  std::optional<int64_t> length;
  /// What cannot be compared here is not raised.
  bool isNeeded = false;
  /// What has been found, see Direction.h.
  mutable std::optional<std::optional<Direction>> direction;

  /// Nothing where a value is neither, or no float.
  std::optional<Frontier> splitFrontier() const;
  /// Integers that the nodes that read the value permit: positions along an
  /// axis where they are indices; else 0 and 1 above all, which may be masks,
  /// and others, on which products of masks are more than masks.
  Tensor drawIntegers(mlir::Value value, Random &random) const;
  /// Puts what was drawn for a float value where it may be: a sigmoid has no
  /// sign.
  void keepInRange(mlir::Value value, Tensor &drawn) const;
  /// A value for every frontier value, floats normal with deviation 0.5.
  Assignment sample(Random &random) const;
  /// Values and what the region gives for them: its exit, then its states.
  struct Example {
    Assignment values;
    llvm::SmallVector<Tensor> results;
  };
  /// One on which all questions may be asked that need no other: it is
  /// evaluated once. Null where it cannot be. Not for several threads.
  const Example *getExample() const;
  using Observer = llvm::function_ref<void(Evaluator &)>;
  /// `roots` computed from the assignment.
  mlir::FailureOr<llvm::SmallVector<Tensor>>
  evaluate(llvm::ArrayRef<mlir::Value> roots, const Assignment &assignment,
           Observer observe = nullptr) const;
  /// The region's exit, then its states. `observe` sees the values of all
  /// nodes.
  mlir::FailureOr<llvm::SmallVector<Tensor>>
  evaluate(const Assignment &assignment, Observer observe = nullptr) const;
  /// Whether the frontier has so many elements that it takes long to evaluate.
  bool isLarge() const;
  /// What a mixer may deviate whose constants were read off: where the region
  /// has tables of numbers for each token in single precision, their rounding.
  double toleranceOfTables() const;
  mlir::Type elementType(mlir::Value value) const {
    return mlir::cast<mlir::ShapedType>(value.getType()).getElementType();
  }

private:
  mutable std::optional<Example> example;
  mutable bool exampleFails = false;
};

} // namespace ssmc
