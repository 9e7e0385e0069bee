//===- ScanMixers.h - linear recurrences of the catalogue -------*- C++ -*-===//

#pragma once

#include "lib/Raise/Mixer.h"

namespace ssmc {

/// h = a h + u: ssm.scan. The decay may be a constant, or the same for all
/// states of a channel.
class ScanMixer : public Mixer {
public:
  llvm::StringRef getName() const override { return "ssm.scan"; }
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emit(GraphWriter &writer) const override;
  std::unique_ptr<Mixer> clone() const override {
    return std::make_unique<ScanMixer>(*this);
  }
  std::unique_ptr<Mixer> combine(const Problem &problem,
                                 Region &region) override;
  llvm::SmallVector<Role *> getRoles() override;

  const AxisAnalysis *analysis = nullptr;
  /// Layout [batch, time, channel], or with a last axis of states. `a` may lack
  /// that axis.
  std::optional<Role> a, u;
  /// Of the decays `a` has the logarithms.
  bool logarithmic = false;
  /// ... and of the drives `u`.
  bool logarithmicDrive = false;
  /// The decay where no token decides it: [channel].
  Tensor decay;
  /// What the drive is scaled by: [channel] or null.
  Tensor gain;
  /// The states are divided by those that a drive of one would give.
  bool averages = false;
  /// Reads the states: [batch, time, state] or [batch, time, channel, state].
  std::optional<Role> c;
  std::optional<Role> initial; // [batch, channel (, state)]
  /// The initial state where it is a constant other than zero.
  Tensor start;
  std::optional<View> exit;
  llvm::SmallVector<View, 1> states;
  bool reverse = false;
  /// Each token is given the state before it.
  bool late = false;

private:
  mlir::FailureOr<mlir::Value> emitDecay(GraphWriter &writer,
                                         mlir::Value drive) const;
  /// The scan to where the token joins the state before it, if it does.
  std::unique_ptr<Mixer> withOwnToken(const Problem &problem,
                                      Region &region) const;
};

/// Mamba's scan with discretisation, read-out and, where they are there, skip
/// and gate: ssm.selective_scan.
class SelectiveScanMixer : public Mixer {
public:
  llvm::StringRef getName() const override { return "ssm.selective_scan"; }
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emit(GraphWriter &writer) const override;
  llvm::SmallVector<Role *> getRoles() override;

  const AxisAnalysis *analysis = nullptr;
  std::optional<Role> x, delta, B, C, z, initial;
  Tensor A, D; // [channel, state]; [channel] or null
  std::optional<View> exit;
  llvm::SmallVector<View, 1> states;
  bool reverse = false;
};

/// Whether a region gives its first token nothing, and later ones something.
bool givesStateBefore(const Problem &problem, const View &exit, bool reverse);

/// All orders in which `rest` becomes `target`.
llvm::SmallVector<llvm::SmallVector<unsigned>>
matchOrders(llvm::ArrayRef<int64_t> rest, llvm::ArrayRef<int64_t> target);

} // namespace ssmc
