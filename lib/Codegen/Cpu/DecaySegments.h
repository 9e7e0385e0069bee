//===- DecaySegments.h - decaying states without decaying them --*- C++ -*-===//
//
// A state that decays at every token, S[t] = d[t] * S[t-1] + k[t] v[t]^T, would
// be multiplied at every token. With the product D[t] = d[1] ... d[t] of the
// decays since some token it is S[t] = D[t] * Z[t], and
//
//   Z[t] = Z[t-1] + (k[t] / D[t]) v[t]^T       S[t]^T q[t] = Z[t]^T (D[t] *
//   q[t])
//
// so that a token costs the state one multiply-add, and another one to be read.
// D must stay in the range of floats: a block of tokens is cut into segments in
// which |log2 D| is at most `range`, and the state is multiplied by D (or by
// zero, where a sequence begins) at the start of each. Decays as they occur
// give one or two segments for a block, extreme ones one for each token, which
// costs what multiplying at every token does; no value is lost.
//
// A decay is one number for a head or one for each key. The first scales the
// rows of v and y, the second those of k and q.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Cpu/KernelBuilder.h"

namespace ssmc {

/// The decays of the ops with a matrix state, and where they are reset.
struct Decay {
  mlir::Value decay;  // H, H x N, B x L x H or B x L x H x N, or null
  mlir::Value resets; // B x L, or null
  int64_t keys;       // N

  bool isEmpty() const { return !decay && !resets; }
  /// One decay for each key.
  bool isPerKey() const;
};

/// The decay of the token at `now` in memory: of a head, or of the keys from
/// `key`.
mlir::Value decayFactor(KernelBuilder &b, const Decay &decay, mlir::Value batch,
                        mlir::Value now, mlir::Value head, mlir::Value key);

class DecaySegments {
public:
  using Value = mlir::Value;
  /// log2 of the largest product, or smallest, in a segment. A sum of
  /// logarithms is rounded to 2^-21 there for every token of the segment, which
  /// is the relative error of D.
  static constexpr double range = 16;

  /// Allocates scratch for blocks of up to `maxTokens`.
  DecaySegments(KernelBuilder &b, const Decay &decay, int64_t maxTokens);

  /// Computes the segments of a block. `decayOf` and `resetOf` give the index
  /// in memory of the decay and the flag of token t of the block.
  void emit(Value batch, Value head, Value tokens,
            llvm::function_ref<Value(Value)> decayOf,
            llvm::function_ref<Value(Value)> resetOf);

  /// Runs `body` for every segment, from token `first` up to `end`, after it
  /// has scaled what is carried, vectors of the state of which number i is of
  /// key `keyOf(i)`; after the last segment it scales them to the true state.
  llvm::SmallVector<Value>
  forEach(mlir::ValueRange state, llvm::function_ref<Value(unsigned)> keyOf,
          llvm::function_ref<llvm::SmallVector<Value>(Value first, Value end,
                                                      mlir::ValueRange state)>
              body);

  /// 1 / D[t] and D[t], as a vector for the keys from `key` or as a scalar.
  /// Not to be asked for where the decay is empty.
  Value inputScale(Value t, Value key, mlir::Type type);
  Value outputScale(Value t, Value key, mlir::Type type);

  /// For mixers that read the state before they change it. Whether a segment
  /// begins at token t, so that the state is to be scaled by `startScale` when
  /// it is changed; and D[t] on the state as it is before that.
  Value startsAt(Value t);
  Value startScale(Value t, Value key, mlir::Type type);
  Value readScale(Value t, Value key, mlir::Type type);
  /// What the state is to be scaled by after the block.
  Value endScale(Value key, mlir::Type type);

private:
  KernelBuilder &b;
  Decay decay;
  Value tokens;
  Value numSegments;     // scratch of one index
  Value starts, factors; // of the segments, and of the end
  Value segmentOf;       // of every token
  Value inputScales, outputScales;

  void emitOfHead(Value batch, Value head,
                  llvm::function_ref<Value(Value)> decayOf,
                  llvm::function_ref<Value(Value)> resetOf);
  void emitOfKeys(Value batch, Value head,
                  llvm::function_ref<Value(Value)> decayOf,
                  llvm::function_ref<Value(Value)> resetOf);
  Value loadScale(Value scales, Value row, Value key, mlir::Type type);
  Value scaled(Value vector, Value segment, Value key);
};

} // namespace ssmc
