//===- AttentionScores.h - what a query makes of a key ----------*- C++ -*-===//
//
// The terms of a score besides the product of query and key, whether a query
// sees a key, for vectors whose lanes are queries or keys, and which keys have
// to be visited. Scores are logarithms to base 2: a weight is then one power of
// two.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/KernelBuilder.h"

namespace ssmc {

class AttentionScores {
public:
  using Value = mlir::Value;

  AttentionScores(KernelBuilder &b, mlir::ssm::AttentionOp op);

  Value numQueries, numKeys;

  /// The fields are vectors, or null where the op has no such term.
  struct Queries {
    Value position, segment, slope;
  };
  struct Keys {
    Value position, segment, bias, isThere;
  };

  /// What the product of query and key is multiplied by.
  double factor();
  /// A score of a product times `factor`.
  Value score(Value product, const Queries &queries, const Keys &keys);
  /// Whether queries see keys; null where all do.
  Value isSeen(const Queries &queries, const Keys &keys, Value prefix);

  /// The keys that queries first to last may see: those before `global` and
  /// those from `begin` to `end`.
  struct Range {
    Value global, begin, end;
  };
  Range visible(Value firstQuery, Value lastQuery, Value prefix);
  /// Tiles of up to `size` keys that cover a range.
  Value countTiles(const Range &range, int64_t size);
  /// The first key of tile i, and the key behind its last.
  std::pair<Value, Value> tileAt(const Range &range, int64_t size, Value i);
  /// Runs `body` on tiles `from` to `to` of those; on all of them.
  using TileBody = llvm::function_ref<void(Value first, Value end)>;
  void forEachTile(const Range &range, int64_t size, Value from, Value to,
                   TileBody body);
  void forEachTile(const Range &range, int64_t size, TileBody body) {
    forEachTile(range, size, b.idx(0), countTiles(range, size), body);
  }

  /// Whether numbers given for each key decide who sees it. Tiles that nobody
  /// sees, the free places of a cache or the other sequences of a packed row,
  /// are then found by those, and their keys and values not read.
  bool dependsOnKeys() { return op.getKeyPositions() || op.getKeySegments(); }
  /// Whether more than the place of a key decides who sees it.
  bool dependsOnData() {
    return op.getQueryPositions() || op.getQuerySegments() || op.getBias() ||
           op.getPrefix();
  }
  bool hasPositions() {
    return op.getLeft() || op.getRight() || op.getSlopes() ||
           op.getQueryPositions();
  }

  /// Positions, as vectors hold them: given ones may be of any size.
  mlir::Type positionType() {
    return op.getQueryPositions() ? b.getI64Type() : b.getI32Type();
  }
  /// An integer of a buffer, as i64.
  Value loadInteger(Value memref, mlir::ValueRange indices);
  /// Where query i stands: a scalar of `positionType`.
  Value queryPosition(Value batch, Value i);
  /// Keys below it all queries see; null where the op has none.
  Value getPrefix(Value batch);
  bool hasKeyPositions() { return hasPositions() || op.getPrefix(); }
  /// What the op's operands say of key j of a batch row, as scalars; of the
  /// last key beyond it.
  Keys dataOfKey(Value batch, Value j);
  /// What key j has, in all lanes; it is there if j < end.
  Keys key(Value batch, Value j, Value end);

private:
  KernelBuilder &b;
  mlir::ssm::AttentionOp op;
  Value shift; // from the index of a query to where it stands

  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y) {
    return mlir::arith::CmpIOp::create(b, predicate, x, y);
  }
};

} // namespace ssmc
