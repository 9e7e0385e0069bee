//===- HeadRoles.h - a region's values as heads of features -----*- C++ -*-===//
//
// Mixers with matrix states and attention see their operands as heads of
// features: [batch, time, head, feature]. Which digits of a value are heads and
// which are features is not known; every order and every cut whose extents fit
// is proposed, the order in which they stand first.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Mixer.h"

#include <vector>

namespace ssmc {

/// More assignments of values with many digits than that are not tried.
constexpr size_t kMostProposals = 128;

/// One way to see the exit as [batch, time, head, feature].
struct HeadLayout {
  int64_t heads, features;
  View exit;
};

class HeadRoles {
public:
  /// Nothing where a frontier value is neither a float for each token of the
  /// sequence nor a state.
  static std::optional<HeadRoles> read(const Problem &problem);

  /// Frontier values, per token and not.
  llvm::SmallVector<mlir::Value> tokens, states;

  std::vector<HeadLayout> layouts() const;
  /// Every way to see `value` as [batch, time, head, feature]: what `fits`
  /// says of numbers of heads and features.
  using Fits = llvm::function_ref<bool(int64_t heads, int64_t features)>;
  std::vector<Role> features(mlir::Value value, Fits fits) const;
  /// ... as [batch, time, head].
  std::vector<Role> scalars(mlir::Value value, int64_t heads) const;
  /// ... of a value that has no time as [batch, head, keys, values].
  std::vector<Role> matrices(mlir::Value value, int64_t heads, int64_t keys,
                             int64_t values) const;
  /// The values in front of a role that have fewer heads, each of them repeated
  /// for as many neighbours in the role; the nearest first.
  std::vector<Role> sharedHeads(const Role &role) const;

private:
  explicit HeadRoles(const Problem &problem) : problem(problem) {}
  std::vector<View> views(mlir::Value value, bool hasTime, unsigned axes,
                          llvm::function_ref<bool(const View &)>) const;
  bool repeats(const Role &fewer, const Role &role) const;
  const Problem &problem;
};

} // namespace ssmc
