//===- ScanNode.h - a Scan to be written anew -------------------*- C++ -*-===//
//
// The states, the sequences read and those written of a Scan, in terms of the
// values of its body. A token may be any value of the body: what it was
// computed from is then left out. Only what is needed is written.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Loops/NodeWriter.h"
#include "mlir/IR/IRMapping.h"

namespace ssmc {

struct ScanNode {
  struct State {
    mlir::Value initial;
    mlir::Value before, after; // in the body
    mlir::Value last;          // the result that is replaced
  };
  struct Read {
    mlir::Value sequence;
    int64_t axis;
    bool reverse;
    mlir::Value token; // in the body
  };
  struct Write {
    mlir::Value token;    // in the body
    mlir::Value sequence; // the result that is replaced; null: a new one
    int64_t axis;
    bool reverse;
  };
  mlir::Block *body = nullptr;
  llvm::SmallVector<State> states;
  llvm::SmallVector<Read> reads;
  llvm::SmallVector<Write> writes;

  /// Nothing where its parts do not fit together or have no ranks.
  static std::optional<ScanNode> read(mlir::onnx::NodeOp scan);

  /// The reads that what is yielded needs. Values of the body that `outside`
  /// maps are taken from there.
  llvm::SmallVector<Read> neededReads(const mlir::IRMapping &outside) const;
  /// The states before a step that a value of the body follows from.
  llvm::SmallDenseSet<mlir::Value> statesBehind(mlir::Value value) const;
  /// Drops results that nobody uses, and states that do not matter for what is
  /// left; true where there were some.
  bool prune();
  /// Parts that have no state in common, in order of their first states.
  std::vector<ScanNode> split() const;
  /// Writes the Scan and replaces the old results; returns what is written for
  /// each of `writes`.
  llvm::SmallVector<mlir::Value> write(NodeWriter &writer,
                                       const mlir::IRMapping &outside) const;

private:
  using Values = llvm::SmallDenseSet<mlir::Value>;
  /// The ops of the body that `roots` need, in order, stopping at tokens and
  /// at what is outside; `met` gets all tokens and states on the way.
  llvm::SmallVector<mlir::Operation *> slice(llvm::ArrayRef<mlir::Value> roots,
                                             const mlir::IRMapping &outside,
                                             Values &met) const;
};

} // namespace ssmc
