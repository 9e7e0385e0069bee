//===- FirstStep.h - what the first step of a loop shares -------*- C++ -*-===//

#pragma once

#include "lib/Raise/Problem.h"

namespace ssmc {

/// The first step of an unrolled loop beside the second one.
struct FirstStep {
  struct Pair {
    mlir::Operation *node, *second; // of the first step and of the second one
    llvm::SmallVector<mlir::Value> own, other;
  };
  llvm::SmallVector<Pair> pairs;
  /// Tokens that the second step reads, and where the first one stands.
  struct Token {
    mlir::Value value, sequence;
    unsigned axis;
  };
  llvm::SmallVector<Token> tokens;
  int64_t position = 0;
  /// States that the second step reads, and what they are at first; null where
  /// that is zero.
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>> states;
};

/// Nodes of the first step that have the operands of those of the second.
llvm::DenseSet<mlir::Operation *> findAlike(const Problem &problem,
                                            const FirstStep &step);

} // namespace ssmc
