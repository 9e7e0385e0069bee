//===- MatrixStateMixer.h - linear attention and delta rules ----*- C++ -*-===//
//
// S = exp(g) S + k v^T, y = S^T q: ssm.semiseparable; with a correction of the
// state before: ssm.delta_rule. A region gives the correction either as beta,
// or as the vectors that erase, which have beta in them already.
//
// RWKV reads the state before the token is added to it, and the token itself
// with a bonus: y[t] = S[t-1]^T q[t] + (q[t] . (u * k[t])) v[t]. That is the
// first one of keys, values and decays a token late, beside a product.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/HeadRoles.h"

namespace ssmc {

class MatrixStateMixer : public Mixer {
public:
  explicit MatrixStateMixer(const HeadLayout &layout) : layout(layout) {}

  llvm::StringRef getName() const override {
    return beta || erase ? "ssm.delta_rule" : "ssm.semiseparable";
  }
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emit(GraphWriter &writer) const override;
  std::unique_ptr<Mixer> clone() const override {
    return std::make_unique<MatrixStateMixer>(*this);
  }
  std::unique_ptr<Mixer> combine(const Problem &problem,
                                 Region &region) override;
  llvm::SmallVector<Role *> getRoles() override;

  HeadLayout layout;
  /// Keys and queries may have fewer heads than values.
  std::optional<Role> q, k, v; // [batch, time, head, feature]
  /// What gives the decay: [batch, time, head] or [batch, time, head, key].
  std::optional<Role> decay;
  /// It is the logarithm, or a logit, of which the decay is the sigmoid, or the
  /// decay itself, which is known to have no sign.
  enum class DecayForm { Log, Logit, Factor };
  DecayForm decayForm = DecayForm::Log;
  /// ... where no token decides it: [head] or [head, key]. Null: nothing
  /// decays.
  Tensor constantDecay;
  /// The state before the token is read.
  bool late = false;
  /// u of such a read-out: [head, key]. Null: nothing of the token is read.
  Tensor bonus;
  std::optional<Role> beta; // [batch, time, head]
  /// The values have beta in them already.
  bool scaledValues = false;
  /// What is erased, of S after its decay: [batch, time, head, key].
  std::optional<Role> erase;
  /// ... of S before it, where that is added along other vectors than the keys.
  std::optional<Role> along;
  /// What is read there is subtracted.
  bool subtracted = false;
  std::optional<Role> initial; // [batch, head, key, value]
  llvm::SmallVector<View, 1> states;
  /// Of what is read out.
  double scale = 1;
  /// What is read out is divided by what is read of a value of one, plus this.
  std::optional<double> normalised;
  bool reverse = false;

private:
  /// The operands of the op, written.
  struct Operands {
    mlir::Value queries, keys, values, decays, rates, erased, directions, start;
  };
  /// The op; its read-out and its state.
  std::pair<mlir::Value, mlir::Value> emitOp(GraphWriter &writer,
                                             const Operands &operands) const;
  /// ... where the state before the token is read.
  std::pair<mlir::Value, mlir::Value> emitLate(GraphWriter &writer,
                                               Operands operands) const;
  mlir::Value decayOfTokens(GraphWriter &writer, mlir::Value values) const;
  mlir::Value emitBonus(GraphWriter &writer, const Operands &operands) const;
  /// The read-out of `op`, whose values have ones in a last column, divided by
  /// that of the ones.
  mlir::Value divided(GraphWriter &writer, mlir::Value y) const;
  /// Vectors [batch, time, head, key] times numbers [batch, time, head].
  mlir::Value scaled(GraphWriter &writer, mlir::Value vectors,
                     const View &numbersView, mlir::Value numbers) const;
  /// The logarithm of the decay.
  mlir::Value logarithm(GraphWriter &writer, mlir::Value decays) const;
  mlir::FailureOr<mlir::Value>
  emitErased(GraphWriter &writer, mlir::Value erased, mlir::Value decays) const;
};

} // namespace ssmc
