//===- Probe.h - what a region gives for chosen values ----------*- C++ -*-===//
//
// The constants of a mixer show in what its region computes for simple values:
// an impulse, rest, one key. Values are chosen in the layouts that a hypothesis
// gives to its operands, and read in the one that it gives to the exit.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Mixer.h"

namespace ssmc {

class Probe {
public:
  explicit Probe(const Problem &problem) : problem(problem) {}

  /// The element at an index of a role's layout.
  using ElementFn = llvm::function_ref<double(llvm::ArrayRef<int64_t> index)>;
  Probe &set(const Role &role, ElementFn element);
  Probe &set(const Role &role, double number);
  /// ... of a value in no layout, of any type.
  Probe &set(mlir::Value value, double number);
  /// `number` at one token, zero at all others.
  Probe &setAt(const Role &role, int64_t token, double number);

  /// The region's exit; null where it cannot be computed.
  Tensor read() const;
  /// ... in the layout `exit`; nothing where it is no float of that layout.
  std::optional<Tensor> read(const View &exit) const;

private:
  const Problem &problem;
  Assignment assignment;
};

} // namespace ssmc
