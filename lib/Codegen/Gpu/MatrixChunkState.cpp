//===- MatrixChunkState.cpp - a matrix state over a chunk -----------------===//
//
// A warp has 16 columns of v, and of the state, transposed, all keys, in
// registers:
//
//   U = S (p K)^T     Z = S (p Q)^T             columns by tokens
//   D = (V^T - U) T^T                           or V^T, without a delta rule
//   Y = Z + D M^T     S = p[15] S + D (p[15] / p K)
//
// With a decay for a token, its products are multiplied instead of keys and
// queries.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/MatrixChunk.h"

using namespace mlir;
using namespace ssmc;

using Values = SmallVector<Value>;
static constexpr int64_t tokens = MatrixShape::tokens;

/// The numbers of the tokens that are the lane's columns of two tiles.
Values MatrixChunk::loadOfTokens(Value vector) {
  Values numbers;
  for (int64_t n = 0; n < 2; ++n)
    llvm::append_range(numbers,
                       loadPair(b.add(vector, b.mul(columnOf(n, 0), 4))));
  return numbers;
}

/// A left operand whose elements are changed, given those of two neighbouring
/// tokens' and the number of their sums in two tiles.
Values MatrixChunk::changeWords(
    ValueRange words, function_ref<Value(Value, int64_t n, int64_t e)> change) {
  auto pair = VectorType::get({2}, shape.element);
  Values changed;
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t half = 0; half < 2; ++half) {
      Value both =
          b.widen(LLVM::BitcastOp::create(b, pair, words[2 * n + half]));
      Value element[2];
      for (int64_t e = 0; e < 2; ++e)
        element[e] =
            change(vector::ExtractOp::create(b, both, e), n, 2 * half + e);
      changed.push_back(b.packWord(shape.element, element[0], element[1]));
    }
  return changed;
}

Values MatrixChunk::consume(Value chunk, ValueRange state) {
  bool isDelta = bool(mixer.beta), ofKey = shape.ofKey;
  Value column = b.sub(warp, b.idx(shape.makers)); // of the warps'
  Value k = addressOf(ofKey ? writtenKeys : keys, chunk);
  Value q = addressOf(ofKey ? readQueries : queries, chunk);
  Value asked = addressOf(ofKey ? readKeys : keys, chunk);
  Tiles held(2, Values(4, b.real(0.0))), outputs = held;
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    Values left = pack(state.slice(8 * s, 8));
    Values ofQueries = loadTile(q, b.idx(s), shape.keys, false, false), ofKeys;
    if (isDelta)
      ofKeys = loadTile(asked, b.idx(s), shape.keys, false, false);
    for (int64_t n = 0; n < 2; ++n) {
      if (isDelta)
        held[n] = multiply(left, ofKeys, n, held[n]);
      outputs[n] = multiply(left, ofQueries, n, outputs[n]);
    }
  }
  Values products, behind;
  if (!ofKey) {
    products = loadOfTokens(addressOf(decays, chunk));
    behind = loadOfTokens(addressOf(rest, chunk));
    for (int64_t n = 0; n < 2; ++n)
      for (int64_t e = 0; e < 4; ++e) {
        Value decay = products[2 * n + e % 2];
        outputs[n][e] = b.fmul(outputs[n][e], decay);
        held[n][e] = b.fmul(held[n][e], decay);
      }
  }
  Values written = loadTile(addressOf(values, chunk), column,
                            shape.blockColumns(), true, true);
  if (isDelta)
    written = correct(chunk, written, held);
  Values mixed =
      loadTile(addressOf(mixing, chunk), b.idx(0), tokens, false, false);
  for (int64_t n = 0; n < 2; ++n)
    writeOutput(chunk, multiply(written, mixed, n, outputs[n]), 8 * n);
  if (!ofKey)
    written = changeWords(written, [&](Value x, int64_t n, int64_t e) {
      return b.fmul(x, behind[2 * n + e % 2]);
    });
  Value total = addressOf(decays, chunk);
  Values last(2, ofKey
                     ? Value()
                     : b.loadAt(b.getF32Type(),
                                b.sharedAt(b.add(total, 4 * (tokens - 1))), 4));
  Values next;
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    Values right = loadTile(k, b.idx(s), shape.keys, false, true);
    for (int64_t n = 0; n < 2; ++n) {
      if (ofKey)
        last = loadPair(b.add(total, b.mul(columnOf(2 * s + n, 0), 4)));
      Values sums;
      for (auto [e, element] : llvm::enumerate(state.slice(8 * s + 4 * n, 4)))
        sums.push_back(b.fmul(element, last[e % 2]));
      llvm::append_range(next, multiply(written, right, n, sums));
    }
  }
  return next;
}

/// What delta rules write, of values and of what the state holds.
Values MatrixChunk::correct(Value chunk, ValueRange values, const Tiles &held) {
  Values errors = changeWords(values, [&](Value x, int64_t n, int64_t e) {
    return b.fadd(x, b.neg(held[n][e]));
  });
  Values right =
      loadTile(addressOf(transition, chunk), b.idx(0), tokens, false, false);
  Values written;
  for (int64_t n = 0; n < 2; ++n)
    llvm::append_range(written,
                       multiply(errors, right, n, Values(4, b.real(0.0))));
  return pack(written);
}

/// Eight tokens of a chunk, from `first` on, of the warp's columns.
void MatrixChunk::writeOutput(Value chunk, ArrayRef<Value> tile,
                              int64_t first) {
  Value column = stateIndex(0)[3];
  for (int64_t e = 0; e < 2; ++e) {
    Value token = b.add(b.mul(chunk, tokens), columnOf(first / 8, e));
    b.when(b.less(token, length), [&] {
      for (int64_t half = 0; half < 2; ++half)
        b.store(tile[2 * half + e], mixer.y,
                {batch, at(token), head, b.add(column, 8 * half)});
    });
  }
}

/// Where element `i` of the thread's lies in the state.
Values MatrixChunk::stateIndex(int64_t i) {
  Value ofWarp = b.mul(b.sub(warp, b.idx(shape.makers)), 16);
  return {batch, head, columnOf(i / 4, i % 2),
          b.add(b.add(firstColumn, ofWarp), rowOf(i % 4 / 2))};
}

Values MatrixChunk::loadState(Value memref) {
  Values state;
  for (int64_t i = 0; i < shape.keys / 2; ++i)
    state.push_back(memref ? b.load(memref, stateIndex(i)) : b.real(0.0));
  return state;
}

void MatrixChunk::storeState(ValueRange state) {
  for (auto [i, element] : llvm::enumerate(state))
    b.store(element, mixer.state, stateIndex(i));
}
