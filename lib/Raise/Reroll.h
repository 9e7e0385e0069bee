//===- Reroll.h - an unrolled loop as one step ------------------*- C++ -*-===//
//
// A region whose exit joins one piece per token is an unrolled loop where the
// pieces are computed alike. The nodes of two neighbouring steps are walked in
// parallel from their pieces: what both read is an invariant, what is cut out
// of a sequence at either step is an input, and what both read from the step
// before is the carried state. One step in the middle is then the body of the
// loop. Nothing here proves that all steps do the same; comparing the loop with
// the region does.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/Problem.h"

namespace ssmc {

struct Rolled {
  /// A whole sequence of which each step reads one token.
  struct Sequence {
    mlir::Value value;
    unsigned axis;
  };
  /// A token of a sequence as the body has it.
  struct Cut {
    unsigned sequence;
    bool keepsAxis; // as an axis of extent one
  };
  struct State {
    mlir::Value before, after; // in the body
    mlir::Value initial;       // null: zero
    mlir::Value last;          // after the last step; null where not known
  };
  llvm::SmallVector<Sequence> sequences;
  llvm::SmallVector<State> states;
  llvm::MapVector<mlir::Value, Cut> cuts;
  llvm::SmallVector<mlir::Operation *> body; // in topological order
  /// What one step adds to `gathered`, with an axis of extent one for time.
  mlir::Value piece;
  mlir::Value gathered;
  unsigned axis; // of time, in both
  bool reverse = false;
  /// Nodes of all steps that are those of the step that is kept.
  llvm::DenseSet<mlir::Operation *> alike;
};

/// Nothing where the region is no such loop.
std::optional<Rolled> reroll(const Problem &problem);

} // namespace ssmc
