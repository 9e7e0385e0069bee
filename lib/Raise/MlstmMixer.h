//===- MlstmMixer.h - stabilised linear attention ---------------*- C++ -*-===//
//
// The cell of mLSTM (Beck et al., xLSTM, arXiv:2405.04517, section 2.3), whose
// input gates are exponentials: with i and g the logarithms of input and forget
// gate, in every head
//
//     m[t] = max(g[t] + m[t-1], i[t])
//     C[t] = exp(g[t] + m[t-1] - m[t]) C[t-1] + exp(i[t] - m[t]) k[t] v[t]^T
//     n[t] = the same of k[t]
//     y[t] = s C[t]^T q[t] / (max(|s n[t]^T q[t]|, exp(-m[t])) + eps)
//
// where m[-1] is zero, as in the recurrent form, or -inf, as where the maxima
// are those of a matrix: that shows beside eps only.
//
// It is written as an ssm.associative_scan for m and an ssm.semiseparable, in
// which n is one more column of values: ones.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/HeadRoles.h"

namespace ssmc {

class MlstmMixer : public Mixer {
public:
  explicit MlstmMixer(const HeadLayout &layout) : layout(layout) {}

  llvm::StringRef getName() const override { return "ssm.semiseparable"; }
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emit(GraphWriter &writer) const override;
  std::unique_ptr<Mixer> clone() const override {
    return std::make_unique<MlstmMixer>(*this);
  }
  llvm::SmallVector<Role *> getRoles() override {
    return {&*q, &*k, &*v, &*input, &*forget};
  }

  HeadLayout layout;
  std::optional<Role> q, k, v;       // [batch, time, head, feature]
  std::optional<Role> input, forget; // [batch, time, head]
  double scale = 1, epsilon = 0;
  bool startsAtZero = true;
};

} // namespace ssmc
