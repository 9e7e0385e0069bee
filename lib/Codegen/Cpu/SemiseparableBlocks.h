//===- SemiseparableBlocks.h - one direction of a matrix state --*- C++ -*-===//
//
// The walk over time that ssm.semiseparable is and ssm.quasiseparable has two
// of. Time is taken in blocks. A block is prepared once: its decays are cut
// into segments (DecaySegments.h), so that within one the state is only added
// to; keys, queries and values, scaled accordingly, are laid in scratch. Then,
// for a panel of columns p of the state and a tile of its rows n, held in
// registers over the whole block:
//
//   for t:  Z[n][p] += k'[t][n] * v'[t][p]       n rows, p vectors
//           y'[t][p] += sum over n of q'[t][n] * Z[n][p]
//
// Two multiply-adds for an element of the state and token, which is what
// products over chunks would take without the products of queries and keys.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Cpu/StateBlocks.h"

namespace ssmc {

struct SemiseparableWalk : StateWalk {
  mlir::Value q, k, v; // B x L x heads x N or P
  /// B x L x H, or null: what of v is added to y.
  mlir::Value diagonal = {};
  /// Whether y is added to, rather than written.
  bool adds = false;

  /// Queries that read one state.
  int64_t queries() const {
    return std::max<int64_t>(1, extentOf(q, 2) / heads);
  }
  /// Whether a kernel can be made: sizes that are not static, or too large for
  /// scratch on the stack, and element types without a kernel leave none.
  bool isSupported() const;
};

class SemiseparableBlocks : StateBlocks {
public:
  SemiseparableBlocks(KernelBuilder &b, const SemiseparableWalk &walk);

  /// Scratch of a thread, which several walks of one shape may share.
  struct Scratch {
    // keys[t][n], queries[r * maxTokens + t][n], values[t][p], and
    // outputs[r * maxTokens + t][p].
    mlir::Value keys, queries, values, outputs;
  };
  Scratch allocate();

  void emitHead(mlir::Value batch, mlir::Value head, const Scratch &scratch);
  /// The same where there is one token.
  void emitToken(mlir::Value batch, mlir::Value head);

private:
  SemiseparableWalk walk;
  int64_t tile, queries;
  Scratch scratch;

  Value queryRow(int64_t r, Value t) { return b.add(t, r * maxTokens); }
  Value queryHead(int64_t r);
  /// The position of an element of the state.
  llvm::SmallVector<Value> stateAt(Value row, Value column);
  /// Whether v and y, rather than k and q, are scaled.
  bool scalesColumns() const { return !decay.isEmpty() && !decay.isPerKey(); }

  void packKeys(DecaySegments &segments);
  /// The columns of a panel: where its vectors start, and which lanes exist.
  struct Panel {
    llvm::SmallVector<Value> starts;
    llvm::SmallVector<Lanes> access;
  };
  void emitPanel(DecaySegments &segments, Value column);
  void packValues(DecaySegments &segments, const Panel &panel);
  void emitTile(DecaySegments &segments, Value row, int64_t count,
                const Panel &panel);
  void readOut(Value queryRow, Value row, int64_t count,
               llvm::ArrayRef<Value> z);
  void storeOutputs(DecaySegments &segments, const Panel &panel);
};

} // namespace ssmc
