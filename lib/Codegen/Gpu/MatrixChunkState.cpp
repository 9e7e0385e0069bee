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

/// What the state holds for the tokens' keys, of delta rules, and what their
/// queries find in it.
std::pair<MatrixChunk::Tiles, MatrixChunk::Tiles>
MatrixChunk::readState(Value chunk, ValueRange state) {
  bool isDelta = bool(mixer.beta), ofKey = shape.ofKey;
  Value q = addressOf(ofKey ? readQueries : queries, chunk);
  Value k = addressOf(ofKey ? readKeys : keys, chunk);
  Tiles held(2, Values(4, b.real(0.0))), found = held;
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    Values left = pack(state.slice(8 * s, 8));
    Values ofQueries = loadTile(q, b.idx(s), shape.keys, false, false), ofKeys;
    if (isDelta)
      ofKeys = loadTile(k, b.idx(s), shape.keys, false, false);
    for (int64_t n = 0; n < 2; ++n) {
      if (isDelta)
        held[n] = multiply(left, ofKeys, n, held[n]);
      found[n] = multiply(left, ofQueries, n, found[n]);
    }
  }
  if (ofKey)
    return {held, found};
  Values products = loadOfTokens(addressOf(decays, chunk));
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t e = 0; e < 4; ++e)
      for (Tiles *tiles : {&found, &held})
        (*tiles)[n][e] = shrink((*tiles)[n][e], products[2 * n + e % 2]);
  return {held, found};
}

Values MatrixChunk::consume(Value chunk, ValueRange state) {
  Value column = b.sub(warp, b.idx(shape.makers)); // of the warps'
  auto [held, outputs] = readState(chunk, state);
  Values behind;
  if (!shape.ofKey)
    behind = loadOfTokens(addressOf(rest, chunk));
  Values masks = maskTokens(behind);
  Values written = loadTile(addressOf(values, chunk), column,
                            shape.blockColumns(), true, true);
  Values kept = written;
  if (mixer.beta) {
    Values errors =
        changeWords(written, [&, &held = held](Value x, int64_t n, int64_t e) {
          return b.fadd(x, b.neg(held[n][e]));
        });
    Values right =
        loadTile(addressOf(transition, chunk), b.idx(0), tokens, false, false);
    kept = written = correct(errors, right);
    if (mixer.resets)
      kept = correct(mask(errors, masks, /*isLeft=*/true),
                     mask(right, masks, /*isLeft=*/false));
  }
  Values mixed =
      loadTile(addressOf(mixing, chunk), b.idx(0), tokens, false, false);
  for (int64_t n = 0; n < 2; ++n)
    writeOutput(chunk, multiply(written, mixed, n, outputs[n]), 8 * n);
  if (!shape.ofKey)
    kept = changeWords(kept, [&](Value x, int64_t n, int64_t e) {
      return shrink(x, behind[2 * n + e % 2]);
    });
  return changeState(chunk, state, kept, masks);
}

/// The state behind a chunk, of what its tokens write.
Values MatrixChunk::changeState(Value chunk, ValueRange state,
                                ArrayRef<Value> written,
                                ArrayRef<Value> masks) {
  Value k = addressOf(shape.ofKey ? writtenKeys : keys, chunk);
  Value total = addressOf(decays, chunk);
  Values last(2), next;
  if (!shape.ofKey)
    last.assign(2, b.loadAt(b.getF32Type(),
                            b.sharedAt(b.add(total, 4 * (tokens - 1))), 4));
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    Values right = mask(loadTile(k, b.idx(s), shape.keys, false, true), masks,
                        /*isLeft=*/false);
    for (int64_t n = 0; n < 2; ++n) {
      if (shape.ofKey)
        last = loadPair(b.add(total, b.mul(columnOf(2 * s + n, 0), 4)));
      Values sums;
      for (auto [e, element] : llvm::enumerate(state.slice(8 * s + 4 * n, 4)))
        sums.push_back(shrink(element, last[e % 2]));
      llvm::append_range(next, multiply(written, right, n, sums));
    }
  }
  return next;
}

/// What is left of x, which is nothing across a reset, of a NaN neither.
Value MatrixChunk::shrink(Value x, Value decay) {
  Value left = b.fmul(x, decay);
  return mixer.resets ? b.select(isZero(decay), b.real(0.0), left) : left;
}

/// Where there are resets: of the words of two tokens each that the lane has in
/// the two halves of a chunk the bits of those that reach its end.
Values MatrixChunk::maskTokens(ValueRange behind) {
  Values masks;
  auto bits = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(b, b.getI32Type(), value);
  };
  for (size_t i = 0; mixer.resets && i < behind.size(); i += 2) {
    Value low = b.select(isZero(behind[i]), bits(0), bits(0xffff));
    Value high = b.select(isZero(behind[i + 1]), bits(0), bits(-65536));
    masks.push_back(arith::OrIOp::create(b, low, high));
  }
  return masks;
}

/// An operand, with tokens along the sum, without those before a reset.
Values MatrixChunk::mask(ValueRange words, ArrayRef<Value> masks, bool isLeft) {
  Values result(words);
  for (size_t i = 0; !masks.empty() && i < result.size(); ++i)
    result[i] =
        arith::AndIOp::create(b, result[i], masks[isLeft ? i / 2 : i % 2]);
  return result;
}

/// What delta rules write, of what the state holds too little.
Values MatrixChunk::correct(ArrayRef<Value> errors, ArrayRef<Value> right) {
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
