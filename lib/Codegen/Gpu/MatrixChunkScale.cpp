//===- MatrixChunkScale.cpp - queries and keys with decays of each key ----===//
//
// A lane has two keys of half of a chunk's tokens. It multiplies what is read
// and written by decays, and makes the factors of products between tokens:
// those of columns 8 h to 8 h + 7 refer to token 8 h + 3,
//
//   column:  k[j] p[8h + 3] / p[j]        row:  q[i] p[i] / p[8h + 3]
//
// What is behind that token is divided by decays, up to four of them. For these
// products alone, a decay is at least e^-16 (so factors are at most e^64, and
// no sum of bf16 overflows): what lies behind a smaller one is forgotten to
// 1e-7.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/MatrixChunk.h"

using namespace mlir;
using namespace ssmc;

using Values = SmallVector<Value>;
static constexpr int64_t half = MatrixShape::tokens / 2;
static constexpr int64_t reference = 3; // of a half
static constexpr double leastDecay = 1.1253517e-7, leastLog = -16.0 * log2e;

/// Where a lane's two elements lie in a row of a tile.
Value MatrixChunk::placeOfPair(Value row, Value key) {
  Value bytes = b.mul(key, 2);
  return b.add(b.piecePlace(row, b.div(bytes, 16), shape.keys / 8),
               b.rem(bytes, 16));
}

/// Rows of a tile, multiplied, in an order: each factor is the one before times
/// what `step` tells for the row, if anything, of two keys.
SmallVector<Value>
MatrixChunk::scaleRows(Value key, ArrayRef<int64_t> order, ValueRange start,
                       function_ref<Value(int64_t, int64_t)> step,
                       ArrayRef<Target> targets) {
  Values factors(start);
  for (int64_t i : order) {
    for (int64_t e = 0; e < 2; ++e)
      if (Value by = step(i, e))
        factors[e] = b.fmul(factors[e], by);
    for (const Target &target : targets) {
      Value both = b.widen(target.from[i]), element[2];
      for (int64_t e = 0; e < 2; ++e)
        element[e] = b.fmul(vector::ExtractOp::create(b, both, e), factors[e]);
      Value place = placeOfPair(b.add(target.first, i), key);
      b.storeAt(b.packWord(target.type, element[0], element[1]),
                b.sharedAt(b.add(target.tile, place)), 4);
    }
  }
  return factors;
}

/// The logarithms of the decays of a lane's keys, of its half of the tokens and
/// of the other one.
std::array<std::array<Values, 2>, 2>
MatrixChunk::loadLogs(Value chunk, Value first, Value key) {
  Type type = cast<MemRefType>(mixer.decay.getType()).getElementType();
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  auto pair = VectorType::get({2}, type);
  std::array<std::array<Values, 2>, 2> found;
  for (int64_t other = 0; other < 2; ++other)
    for (int64_t i = 0; i < half; ++i) {
      Value row = other ? b.sub(b.idx(half + i), first) : b.add(first, i);
      Value at = b.mul(b.add(b.mul(row, shape.keys), key), bytes);
      Value both = b.widen(b.loadAt(
          pair, b.sharedAt(b.add(addressOf(logs, chunk), at)), 2 * bytes));
      for (int64_t e = 0; e < 2; ++e)
        found[e][other].push_back(
            b.fmul(vector::ExtractOp::create(b, both, e), b.real(log2e)));
    }
  return found;
}

void MatrixChunk::scale(Value chunk) {
  Value isSecond = b.less(b.idx(shape.keys / 2 - 1), thread);
  Value first = b.select(isSecond, b.idx(half), b.idx(0));
  Value key = b.mul(b.rem(thread, shape.keys / 2), 2);
  auto logs = loadLogs(chunk, first, key);
  Value zero = b.real(0.0), one = b.real(1.0), least = b.real(leastDecay);
  Values a[2], c[2], inverse[2], before, behind, tail, ones(2, one);
  for (int64_t e = 0; e < 2; ++e) {
    for (Value log : logs[e][0]) {
      a[e].push_back(b.exp2(log));
      c[e].push_back(
          b.select(b.isBelow(a[e].back(), least), least, a[e].back()));
      inverse[e].push_back(b.reciprocal(c[e].back()));
    }
    Value all = zero, end = zero, leastOf = b.real(leastLog);
    for (auto [i, log] : llvm::enumerate(logs[e][1])) {
      all = b.fadd(all, log);
      if (int64_t(i) > reference)
        end = b.fadd(end, b.select(b.isBelow(log, leastOf), leastOf, log));
    }
    all = b.exp2(all);
    before.push_back(b.select(isSecond, all, one));
    behind.push_back(b.select(isSecond, one, all));
    tail.push_back(b.exp2(end));
  }
  // Elements are loaded again for each pass: registers do not suffice.
  auto load = [&](const ChunkPart &part) {
    Values pairs;
    for (int64_t i = 0; i < half; ++i)
      pairs.push_back(
          b.loadAt(VectorType::get({2}, shape.element),
                   b.sharedAt(b.add(addressOf(part, chunk),
                                    placeOfPair(b.add(first, i), key))),
                   4));
    return pairs;
  };
  auto pass = [&](ArrayRef<int64_t> order, ValueRange start,
                  function_ref<Value(int64_t, int64_t)> step,
                  const ChunkPart *ofQueries, const ChunkPart *ofKeys,
                  Value firstRow, Type type) {
    SmallVector<Target> targets;
    if (ofQueries)
      targets.push_back(
          {addressOf(*ofQueries, chunk), firstRow, load(queries), type});
    if (ofKeys)
      targets.push_back(
          {addressOf(*ofKeys, chunk), firstRow, load(keys), type});
    return scaleRows(key, order, start, step, targets);
  };
  const ChunkPart *ofReadKeys = mixer.beta ? &readKeys : nullptr;
  const ChunkPart *ofKeyRows = mixer.beta ? &keyRows : nullptr;
  Type factor = factorType();
  Value ofRows = b.mul(first, 2);
  constexpr int64_t forward[] = {0, 1, 2, 3, 4, 5, 6, 7},
                    backward[] = {7, 6, 5, 4, 3, 2, 1, 0};
  auto up = ArrayRef(forward).drop_front(reference),
       down = ArrayRef(backward).take_back(reference);
  Values last = pass(
      forward, before, [&](int64_t i, int64_t e) { return a[e][i]; },
      &readQueries, ofReadKeys, first, shape.element);
  pass(
      backward, behind,
      [&](int64_t i, int64_t e) {
        return i + 1 < half ? a[e][i + 1] : Value();
      },
      nullptr, &writtenKeys, first, shape.element);
  // Of the first half these rows are not needed, and are stored again below.
  pass(
      forward, tail, [&](int64_t i, int64_t e) { return c[e][i]; }, &queryRows,
      ofKeyRows, first, factor);
  auto above = [&](Values(&of)[2]) {
    return [&](int64_t i, int64_t e) {
      return i > reference ? of[e][i] : Value();
    };
  };
  auto below = [&](Values(&of)[2]) {
    return [&](int64_t i, int64_t e) { return of[e][i + 1]; };
  };
  pass(up, ones, above(c), &queryRows, ofKeyRows, ofRows, factor);
  pass(down, ones, below(inverse), &queryRows, ofKeyRows, ofRows, factor);
  pass(up, ones, above(inverse), nullptr, &keyColumns, first, factor);
  pass(down, ones, below(c), nullptr, &keyColumns, first, factor);
  Value both = vector::FromElementsOp::create(
      b, VectorType::get({2}, b.getF32Type()), last);
  b.when(isSecond, [&] {
    b.storeAt(both, b.sharedAt(b.add(addressOf(decays, chunk), b.mul(key, 4))),
              8);
  });
}
