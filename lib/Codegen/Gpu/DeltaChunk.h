//===- DeltaChunk.h - the delta rule by chunks of 16 tokens -----*- C++ -*-===//
//
// With one decay for all keys of a token, p[i] the product of a chunk's decays
// up to and with token i, and d[i] what token i writes for its key,
//
//   S[i] = p[i] S + sum_{j <= i} p[i] / p[j] k[j] d[j]^T       S before the
//   chunk d[i] = beta[i] (v[i] - p[i] S^T k[i] - sum_{j < i} A[i, j] d[j]) y[i]
//   = p[i] S^T q[i] + sum_{j <= i} M[i, j] d[j]
//
// with A[i, j] = p[i] / p[j] k[i] . k[j] and M[i, j] = p[i] / p[j] q[i] . k[j].
// So d = T (V - p K S) with T = (1 + beta A)^-1 beta, A below its diagonal,
// which is lower triangular and is found by substitution, in f32.
//
// Two warps, the makers, bring chunks from memory and compute T and M of the
// next one, while the others, 16 columns of v each, keep S and consume one.
// Quotients are powers of differences of sums of logarithms: none overflows.
//
// Sources: Yang et al., arXiv:2406.06484 and arXiv:2412.06464.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/LaunchBuilder.h"

namespace ssmc {

/// What of an op its kernel is made for.
struct DeltaShape {
  static constexpr int64_t tokens = 16, makers = 2, stages = 4;

  mlir::Type element;
  int64_t keys, columns, heads, keyHeads, queryHeads;
  int64_t warps, blocks; // that consume, of a block; of a head

  static std::optional<DeltaShape> get(mlir::ssm::DeltaRuleOp op);
  int64_t threads() const { return (warps + makers) * warpLanes; }
  int64_t blockColumns() const { return warps * tokens; }
  int64_t stageBytes() const {
    return tokens * (2 * keys + blockColumns()) * 2;
  }
};

/// A block's work on the chunks of a head, in the body of its launch.
class DeltaChunk {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  DeltaChunk(LaunchBuilder &b, mlir::ssm::DeltaRuleOp op,
             const DeltaShape &shape, mlir::gpu::LaunchOp launch, Value length);

  Value isMaker() { return b.less(b.idx(shape.warps - 1), warp); }
  /// Makers: begins to copy a chunk's keys, queries and values.
  void copy(Value chunk);
  /// Waits for all copies of this thread but those of the `pending` last
  /// chunks.
  void wait(int64_t pending);
  /// Makers: of the lane's token the decay, whether it resets, and beta.
  Values fetch(Value chunk);
  /// Makers: T, M and the products of decays of a chunk that is there.
  void make(Value chunk, mlir::ValueRange fetched);
  /// Others: the outputs of a chunk, and the state behind it.
  Values consume(Value chunk, mlir::ValueRange state);
  /// Others: the thread's elements of the state, of each 8 keys two, of two
  /// columns; zeros where there is no buffer.
  Values loadState(Value memref);
  void storeState(mlir::ValueRange state);

private:
  using Tiles = llvm::SmallVector<Values, 2>; // two of 16 x 8 sums
  struct Copy {
    Value row, start, stride, place;
  };
  struct Matrices {
    Value transition, mixing, decays, rest; // T, M, p[i], p[15] / p[i]
  };

  void planCopies();
  Tiles multiplyRows(Value left, Value keys);
  Tiles weights(Value logs, bool below);
  void storeTransition(const Matrices &to, const Tiles &products, Value logs,
                       Value beta);
  void storeMixing(const Matrices &to, const Tiles &products, Value logs);
  void storeDecays(const Matrices &to, Value logs);

  Values loadTile(Value base, Value number, int64_t columns, bool isLeft,
                  bool transposed);
  Values multiply(llvm::ArrayRef<Value> left, llvm::ArrayRef<Value> right,
                  int64_t n, llvm::ArrayRef<Value> sums);
  Values pack(mlir::ValueRange sums);
  Values loadOfTokens(Value vector);
  Values errorsOf(Value values, const Tiles &held,
                  llvm::ArrayRef<Value> decays);
  void writeOutput(Value chunk, llvm::ArrayRef<Value> tile, int64_t first);
  Values stateIndex(int64_t i);

  Value at(Value token) {
    return op.getReverse() ? b.sub(b.sub(length, b.idx(1)), token) : token;
  }
  // Addresses in shared memory, and in a chunk's stage.
  Value stageOf(Value chunk) {
    return b.add(tiles,
                 b.mul(b.rem(chunk, DeltaShape::stages), shape.stageBytes()));
  }
  Matrices matricesOf(Value chunk);
  int64_t keysAt() const { return 0; }
  int64_t queriesAt() const { return DeltaShape::tokens * shape.keys * 2; }
  int64_t valuesAt() const { return 2 * queriesAt(); }

  LaunchBuilder &b;
  mlir::ssm::DeltaRuleOp op;
  const DeltaShape &shape;
  Value length, thread, lane, warp, batch, head, firstColumn;
  Value tiles, matrices, substitution;
  llvm::SmallVector<Copy> copies;
};

} // namespace ssmc
