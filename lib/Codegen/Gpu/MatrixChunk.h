//===- MatrixChunk.h - matrix states by chunks of 16 tokens -----*- C++ -*-===//
//
// With p[i] the product of a chunk's decays up to and with token i, of each key
// or the same for all, and d[i] what token i writes for its key,
//
//   S[i] = p[i] S + sum_{j <= i} p[i] / p[j] k[j] d[j]^T
//   y[i] = S^T (p[i] q[i]) + sum_{j <= i} M[i, j] d[j]
//   M[i, j] = sum_n q[i, n] k[j, n] p[i, n] / p[j, n]
//
// with S as it was before the chunk and d = v, or of delta rules
//
//   d[i] = beta[i] (v[i] - S^T (p[i] k[i]) - sum_{j < i} A[i, j] d[j])
//   A[i, j] = sum_n k[i, n] k[j, n] p[i, n] / p[j, n]
//
// so d = T (V - (p K) S) with T = (1 + beta A)^-1 beta, A below its diagonal,
// which is lower triangular and is found by substitution, in f32.
//
// Some warps of a block, the makers, compute T and M of the next chunk, while
// the others, 16 columns of v each, keep S, consume one, and bring chunks from
// memory. What decays of each key make of queries and keys is made, too.
//
// Sources: Yang et al., arXiv:2312.06635, arXiv:2406.06484, arXiv:2412.06464.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/LaunchBuilder.h"

namespace ssmc {

/// Operands of a matrix state; those that an op does not have are null.
struct MatrixMixer {
  mlir::Operation *op;
  mlir::Value q, k, v, beta, decay, resets, y, state;
  bool reverse;
  explicit MatrixMixer(mlir::ssm::SemiseparableOp op);
  explicit MatrixMixer(mlir::ssm::DeltaRuleOp op);
};

/// What of a mixer its kernel is made for.
struct MatrixShape {
  static constexpr int64_t tokens = 16;

  mlir::Type element;
  int64_t keys, columns, heads, keyHeads, queryHeads;
  bool ofKey;            // decays
  int64_t warps, blocks; // that consume, of a block; of a head
  int64_t makers;        // warps of a block

  static std::optional<MatrixShape> get(const MatrixMixer &mixer);
  int64_t threads() const { return (warps + makers) * warpLanes; }
  int64_t makerThreads() const { return makers * warpLanes; }
  int64_t copyThreads() const { return warps * warpLanes; } // the others
  int64_t blockColumns() const { return warps * 16; }
  /// By how many chunks copies are ahead of those that are consumed, at least
  /// two.
  int64_t ahead() const { return ofKey ? 2 : 3; }
};

/// Part of the block's shared memory: `copies` in turn, one for a chunk.
struct ChunkPart {
  int64_t offset, bytes, copies;
};

/// A block's work on the chunks of a head, in the body of its launch.
class MatrixChunk {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  MatrixChunk(LaunchBuilder &b, const MatrixMixer &mixer,
              const MatrixShape &shape, mlir::gpu::LaunchOp launch,
              Value length);

  Value isMaker() { return b.less(warp, b.idx(shape.makers)); }

  // Makers.
  /// Of the lane's token the decay, whether it resets, and beta.
  Values fetch(Value chunk);
  /// What the others need of a chunk that is there beside its tokens.
  void make(Value chunk, mlir::ValueRange fetched);

  // Others.
  /// Begins to copy a chunk; waits for those that are needed next.
  void copy(Value chunk);
  void wait();
  /// Writes the outputs of a chunk; the state behind it.
  Values consume(Value chunk, mlir::ValueRange state);
  /// The thread's elements of the state, of each 8 keys two, of two columns;
  /// zeros where there is no buffer.
  Values loadState(Value memref);
  void storeState(mlir::ValueRange state);

private:
  using Tiles = llvm::SmallVector<Values, 2>; // two of 16 x 8 sums
  /// What a thread copies of a part: a piece of some rows, the first of
  /// which is `row`.
  struct Copy {
    const ChunkPart *part;
    Value start, stride, row, piece;
    int64_t pieces; // of a row
    bool isMixed;
  };
  /// Where rows go that are scaled: `from` holds two elements of each.
  struct Target {
    Value tile, first;
    Values from;
    mlir::Type type;
  };

  // Parts of shared memory.
  int64_t layOut();
  Value addressOf(const ChunkPart &part, Value chunk) {
    return b.add(b.add(memory, part.offset),
                 b.mul(b.rem(chunk, part.copies), part.bytes));
  }
  ChunkPart keys, queries, values, logs; // as they are in memory
  ChunkPart decays, rest;       // p of tokens, or p[15] of keys; p[15] / p
  ChunkPart mixing, transition; // M, T
  ChunkPart readKeys, readQueries, writtenKeys; // p K, p Q, p[15] / p K
  ChunkPart keyColumns, keyRows, queryRows;     // factors of A and M
  ChunkPart substitution;

  // Copies.
  void planCopies();
  void planTile(const ChunkPart &part, Value start, Value stride,
                int64_t rowBytes, bool isMixed);

  // Making.
  Value sumLogs(Value chunk, mlir::ValueRange fetched);
  Tiles multiplyRows(Value left, Value right);
  Tiles multiplyFactors(Value rows, Value columns);
  Tiles productsOf(const ChunkPart &plain, const ChunkPart &factors,
                   Value chunk, Value logs);
  void storeMixing(Value to, const Tiles &products);
  void storeTransition(Value to, const Tiles &products, Value beta);
  void storeDecays(Value chunk, Value logs);
  Value rowOf(int64_t half) { return b.add(b.div(lane, 4), 8 * half); }
  Value columnOf(int64_t tile, int64_t e) {
    return b.add(b.mul(b.rem(lane, 4), 2), 8 * tile + e);
  }

  // Scaling, with decays of each key.
  void scale(Value chunk);
  std::array<std::array<Values, 2>, 2> loadLogs(Value chunk, Value first,
                                                Value key);
  Value placeOfPair(Value row, Value key);
  Values scaleRows(Value key, llvm::ArrayRef<int64_t> order,
                   mlir::ValueRange start,
                   llvm::function_ref<Value(int64_t row, int64_t key)> step,
                   llvm::ArrayRef<Target> targets);

  // Consuming.
  std::pair<Tiles, Tiles> readState(Value chunk, mlir::ValueRange state);
  Values correct(llvm::ArrayRef<Value> errors, llvm::ArrayRef<Value> right);
  Values changeState(Value chunk, mlir::ValueRange state,
                     llvm::ArrayRef<Value> written,
                     llvm::ArrayRef<Value> masks);
  Value isZero(Value x) {
    return mlir::arith::CmpFOp::create(b, mlir::arith::CmpFPredicate::OEQ, x,
                                       b.real(0.0));
  }
  Value shrink(Value x, Value decay);
  Values maskTokens(mlir::ValueRange behind);
  Values mask(mlir::ValueRange words, llvm::ArrayRef<Value> masks, bool isLeft);
  Values changeWords(
      mlir::ValueRange words,
      llvm::function_ref<Value(Value element, int64_t tile, int64_t e)> change);
  void writeOutput(Value chunk, llvm::ArrayRef<Value> tile, int64_t first);
  Values loadOfTokens(Value vector);
  Values stateIndex(int64_t i);

  // Operands of products.
  Values loadTile(Value base, Value number, int64_t columns, bool isLeft,
                  bool transposed, int64_t halfRows = 8);
  Values multiply(llvm::ArrayRef<Value> left, llvm::ArrayRef<Value> right,
                  int64_t n, llvm::ArrayRef<Value> sums);
  Values loadPair(Value address);
  Values pack(mlir::ValueRange sums);
  mlir::Type factorType() { return b.getBF16Type(); }

  Value at(Value token) {
    return mixer.reverse ? b.sub(b.sub(length, b.idx(1)), token) : token;
  }

  LaunchBuilder &b;
  const MatrixMixer &mixer;
  const MatrixShape &shape;
  Value length, thread, lane, warp, batch, head, firstColumn;
  Value memory; // an address
  llvm::SmallVector<Copy> copies;
};

} // namespace ssmc
