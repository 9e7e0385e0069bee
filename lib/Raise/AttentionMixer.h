//===- AttentionMixer.h - softmax attention ---------------------*- C++ -*-===//
//
// Where every token attends with weights that are a softmax of scores:
// ssm.attention. Masks, slopes and sinks are read off the region at queries and
// keys of zero, scale and soft-cap at one score that is not.
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

  HeadLayout layout;
  std::optional<Role> q, k, v; // [batch, time, head, feature]
  /// Added to the scores, a mask that follows from data for one: [batch, head,
  /// query, key], of which batch and head may be one.
  std::optional<Role> bias;
  AttentionWindow window;
  Tensor slopes, sinks; // [head] or null
  /// Of the scale, what each head has of its own: [head] or null.
  Tensor scales;
  double scale = 1;
  std::optional<double> softcap;
};

} // namespace ssmc
