//===- AttentionMixer.h - softmax attention ---------------------*- C++ -*-===//
//
// Where every token attends with weights that are a softmax of scores:
// ssm.attention. Masks, slopes and sinks are read off the region at queries and
// keys of zero, scale and soft-cap at one score that is not. Queries may be
// fewer than keys, the last one then stands at the last key: what a cache of
// the tokens before holds comes first.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/HeadRoles.h"

namespace ssmc {

/// Which keys a query sees: those with key - query <= right and either
/// query - key <= left or key < global. Nothing: no limit.
struct AttentionWindow {
  std::optional<int64_t> left, right;
  int64_t global = 0;
  bool sees(int64_t query, int64_t key) const {
    return (!right || key - query <= *right) &&
           (!left || query - key <= *left || key < global);
  }
};

/// What is added to the scores and follows from data: a value that can be
/// broadcast to [batch, head, query, key], or one that says which keys are seen
/// or hidden.
struct ScoreBias {
  mlir::Value value;
  enum { Added, Seen, Hidden } kind = Added;
  double hiding = -INFINITY; // what is added to scores that are not to count
  /// [batch, head, query, key], of which all but the last may be one.
  llvm::SmallVector<mlir::AffineExpr, 4> extents;
};

/// Extents where queries and keys are no tokens of one sequence.
struct AttentionExtents {
  mlir::AffineExpr batch, queries;
  mlir::AffineExpr keys;  // all of them
  mlir::AffineExpr fresh; // ... but those of the past
};

class AttentionMixer : public Mixer {
public:
  explicit AttentionMixer(const HeadLayout &layout) : layout(layout) {}

  llvm::StringRef getName() const override { return "ssm.attention"; }
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emit(GraphWriter &writer) const override;
  std::unique_ptr<Mixer> clone() const override {
    return std::make_unique<AttentionMixer>(*this);
  }
  std::unique_ptr<Mixer> combine(const Problem &problem,
                                 Region &region) override;
  void listAssumptions(llvm::SmallVectorImpl<std::string> &) const override;
  llvm::SmallVector<Role *> getRoles() override {
    llvm::SmallVector<Role *> roles{&*q, &*k, &*v};
    if (bias)
      roles.push_back(&*bias);
    return roles;
  }
  int64_t countQueries() const { return shapeOf(*q)[1]; }
  /// Of those before and the new ones.
  int64_t countKeys() const { return countPast() + shapeOf(*k)[1]; }
  int64_t countPast() const { return pastKey ? shapeOf(*pastKey)[1] : 0; }

  HeadLayout layout;
  std::optional<Role> q, k, v; // [batch, time, head, feature]
  /// Added to the scores, a mask that follows from data for one: [batch, head,
  /// query, key], of which batch and head may be one.
  std::optional<Role> bias;
  std::vector<ScoreBias> masks;
  /// Keys and values in front of `k` and `v`: [batch, head, token, feature] in
  /// the graph. Both are then joined, and are the region's states.
  std::optional<Role> pastKey, pastValue;
  /// Null where all are tokens of one sequence.
  std::optional<AttentionExtents> lengths;
  AttentionWindow window;
  Tensor slopes, sinks; // [head] or null
  /// Of the scale, what each head has of its own: [head] or null.
  Tensor scales;
  double scale = 1;
  std::optional<double> softcap;

private:
  /// `fresh`, behind the tokens of `past`; `joined` is as `past` in the graph.
  mlir::FailureOr<mlir::Value> emitKeys(GraphWriter &writer, const Role &fresh,
                                        const std::optional<Role> &past,
                                        mlir::Value &joined) const;
  mlir::FailureOr<mlir::Value> emitBias(GraphWriter &writer,
                                        mlir::Type element) const;
};

} // namespace ssmc
