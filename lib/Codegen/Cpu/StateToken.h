//===- StateToken.h - one token on a matrix state ---------------*- C++ -*-===//
//
// Generation takes one token at a time, and its time is that of reading and
// writing the state. A block of one token would prepare more than it saves:
// here the rows of the state pass by once, in the order of memory, and are
// decayed as they do.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Cpu/DecaySegments.h"

namespace ssmc {

/// The only token of a head of a batch row.
class StateToken {
public:
  using Value = mlir::Value;
  /// Computes the decays.
  StateToken(KernelBuilder &b, const Decay &decay, Value batch, Value head);

  /// Neighbouring columns of the state.
  struct Panel {
    llvm::SmallVector<Value> starts;
    llvm::SmallVector<Lanes> access;
  };
  /// Runs `body` for panels of all columns, which hold `held` vectors in
  /// registers for each of their own.
  void forEachPanel(Value columns, int64_t held,
                    llvm::function_ref<void(const Panel &)> body);
  /// A vector of row n, decayed.
  Value decayed(Value x, Value n);
  /// A vector of the state as it was, or zeros where a sequence begins.
  Value kept(Value z);
  /// A number of a key of the token.
  Value keyOf(Value memref, Value ofHead, Value n);

private:
  KernelBuilder &b;
  Decay decay;
  Value batch, factors, factor, reset;
};

} // namespace ssmc
