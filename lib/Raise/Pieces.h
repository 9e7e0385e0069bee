//===- Pieces.h - parts of a graph from token to token ----------*- C++ -*-===//
//
// What stands around a mixer maps tokens to tokens: it is compared with a
// formula on a sequence of three, or where its nodes do not allow that at the
// traced length.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Mixer.h"

namespace ssmc {

/// What a comparison showed. Where a piece cannot be computed at a length of
/// three, it is tried at the traced one.
enum class Answer { Unknown, Wrong, Right };

/// The largest deviation of pieces that are equal.
constexpr double kPieceTolerance = 1e-9;

/// Pieces of a graph that map tokens to tokens, evaluated in mixer layouts.
class Pieces {
public:
  Pieces(const Problem &problem, int64_t channels)
      : problem(problem), channels(channels) {}

  /// [batch, time, rest] for a value whose rest digits are one axis.
  std::optional<Role> flat(mlir::Value value) const;
  /// Elements of a value at one token.
  int64_t width(mlir::Value value) const;

  /// Computes `roots`, in their layouts, from roles given in theirs at a length
  /// of `time`.
  using Inputs = llvm::SmallVector<std::pair<const Role *, Tensor>>;
  mlir::FailureOr<llvm::SmallVector<Tensor>>
  run(llvm::ArrayRef<const Role *> roots, const Inputs &inputs,
      int64_t time) const;
  /// The layout of a role at this length.
  llvm::SmallVector<int64_t> shape(const Role &role, int64_t time) const;

  /// What `compare` says at the first length at which it can say anything.
  bool holds(llvm::function_ref<Answer(int64_t)> compare) const;

  const Problem &problem;
  int64_t channels;

private:
  std::optional<View> viewAt(const Role &role, int64_t time) const;
};

} // namespace ssmc
