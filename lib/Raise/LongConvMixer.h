//===- LongConvMixer.h - convolutions along all of a sequence ---*- C++ -*-===//

#pragma once

#include "lib/Raise/Mixer.h"

namespace ssmc {

/// How a table that no input reaches is a kernel: which of its axes is time, of
/// which the others but the channels' have extent one, and whether the last
/// element is that of the token itself, as Conv has it.
struct KernelLayout {
  unsigned time, channel;
  bool flipped;
};

/// y[t] = sum of k[j] x[t-j], of what comes later where there is `ahead`, or
/// around a ring: ssm.long_conv.
class LongConvMixer : public Mixer {
public:
  llvm::StringRef getName() const override { return "ssm.long_conv"; }
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emit(GraphWriter &writer) const override;
  std::unique_ptr<Mixer> clone() const override {
    return std::make_unique<LongConvMixer>(*this);
  }
  void listAssumptions(llvm::SmallVectorImpl<std::string> &list) const override;
  int64_t getMostTokens() const override { return most; }
  llvm::SmallVector<Role *> getRoles() override;

  std::optional<Role> x;
  std::optional<View> exit;
  /// The kernel: of data; with a layout, of a table.
  std::optional<Role> k;
  std::optional<KernelLayout> layout;
  /// ... or numbers, [lag, channel], as what comes later has them.
  Tensor taps, ahead;
  Tensor bias; // [channel] or null
  bool circular = false;
  /// The traced length where the kernel is as long: it may go on.
  int64_t most = 0;

private:
  mlir::FailureOr<mlir::Value> emitKernel(GraphWriter &writer,
                                          mlir::Type element) const;
};

} // namespace ssmc
