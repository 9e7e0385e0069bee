//===- MatrixChunkMake.cpp - what the tokens of a chunk do to each other --===//
//
// M and T. With a decay for a token, sums of logarithms weigh the products of
// queries and of keys with keys: what is between two tokens is a power of their
// difference, and none overflows. With decays of each key the factors have them
// already (MatrixChunkScale.cpp).
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/MatrixChunk.h"

using namespace mlir;
using namespace ssmc;

using Values = SmallVector<Value>;
static constexpr int64_t tokens = MatrixShape::tokens;
static constexpr int64_t pieces = 2;            // of 16 bytes, of a row of M
static constexpr int64_t rowBytes = 4 * tokens; // of what is substituted
/// A decay of which nothing is left in f32, as a power of two: what is less
/// counts as this, and sums stay precise.
static constexpr double leastLog = -150.0;

Values MatrixChunk::fetch(Value chunk) {
  Value token = b.add(b.mul(chunk, tokens), b.rem(lane, tokens));
  Value t = at(b.min(token, b.sub(length, b.idx(1))));
  Value decay = b.real(0.0), isNew = decay, beta = decay;
  if (mixer.decay && !shape.ofKey)
    decay = cast<MemRefType>(mixer.decay.getType()).getRank() == 1
                ? b.load(mixer.decay, {head})
                : b.load(mixer.decay, {batch, t, head});
  if (mixer.resets) {
    Value flag = memref::LoadOp::create(b, mixer.resets, ValueRange{batch, t});
    isNew = arith::UIToFPOp::create(b, b.getF32Type(), flag);
  }
  if (mixer.beta)
    beta = b.load(mixer.beta, {batch, t, head});
  return {decay, isNew, beta};
}

void MatrixChunk::make(Value chunk, ValueRange fetched) {
  Value logs;
  if (shape.ofKey) {
    scale(chunk);
    b.barrierOf(shape.makerThreads());
  } else {
    logs = sumLogs(chunk, fetched);
  }
  Value exists =
      b.less(b.add(b.mul(chunk, tokens), b.rem(lane, tokens)), length);
  b.when(b.equal(warp, b.idx(0)), [&] {
    storeMixing(addressOf(mixing, chunk),
                productsOf(queries, queryRows, chunk, logs));
    if (!shape.ofKey)
      storeDecays(chunk, logs);
  });
  if (mixer.beta)
    b.when(b.equal(warp, b.idx(1)), [&] {
      storeTransition(addressOf(transition, chunk),
                      productsOf(keys, keyRows, chunk, logs),
                      b.select(exists, fetched[2], b.real(0.0)));
    });
}

/// Of the lane's token log2 p.
Value MatrixChunk::sumLogs(Value chunk, ValueRange fetched) {
  Value ofChunk = b.rem(lane, tokens), zero = b.real(0.0);
  Value exists = b.less(b.add(b.mul(chunk, tokens), ofChunk), length);
  Value least = b.real(leastLog), logs = b.fmul(fetched[0], b.real(log2e));
  logs = b.select(b.isBelow(logs, least), least, logs);
  logs = b.select(b.isBelow(zero, fetched[1]), least, logs);
  logs = b.select(exists, logs, zero);
  for (int64_t n = 1; n < tokens; n *= 2) {
    Value before = b.shuffle(logs, b.sub(lane, b.idx(n)));
    logs = b.fadd(logs, b.select(b.less(ofChunk, b.idx(n)), zero, before));
  }
  return logs;
}

/// Products of rows, queries or keys, with keys, weighed by the decays between
/// their tokens; anything where a row is before its column.
MatrixChunk::Tiles MatrixChunk::productsOf(const ChunkPart &plain,
                                           const ChunkPart &factors,
                                           Value chunk, Value logs) {
  if (shape.ofKey)
    return multiplyFactors(addressOf(factors, chunk),
                           addressOf(keyColumns, chunk));
  Tiles products =
      multiplyRows(addressOf(plain, chunk), addressOf(keys, chunk));
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t e = 0; e < 4; ++e) {
      Value ofRow = b.shuffle(logs, rowOf(e / 2));
      Value ofColumn = b.shuffle(logs, columnOf(n, e % 2));
      Value weight = b.exp2(b.fadd(ofRow, b.neg(ofColumn)));
      products[n][e] = shrink(products[n][e], weight);
    }
  return products;
}

MatrixChunk::Tiles MatrixChunk::multiplyRows(Value left, Value right) {
  Tiles sums(2, Values(4, b.real(0.0)));
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    Values rows = loadTile(left, b.idx(s), shape.keys, true, false);
    Values columns = loadTile(right, b.idx(s), shape.keys, false, false);
    for (int64_t n = 0; n < 2; ++n)
      sums[n] = multiply(rows, columns, n, sums[n]);
  }
  return sums;
}

/// The same of factors, whose first eight columns have rows of all tokens, and
/// whose others have rows of the others, which come third.
MatrixChunk::Tiles MatrixChunk::multiplyFactors(Value rows, Value columns) {
  Tiles sums(2, Values(4, b.real(0.0)));
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    Values right = loadTile(columns, b.idx(s), shape.keys, false, false);
    for (int64_t n = 0; n < 2; ++n) {
      Values left = loadTile(rows, b.idx(s), shape.keys, true, false,
                             /*halfRows=*/n == 0 ? 8 : 16);
      sums[n] = b.multiplyTile(factorType(), left,
                               ArrayRef(right).slice(2 * n, 2), sums[n]);
    }
  }
  return sums;
}

void MatrixChunk::storeMixing(Value to, const Tiles &products) {
  Value zero = b.real(0.0);
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t half = 0; half < 2; ++half) {
      Value row = rowOf(half), element[2];
      for (int64_t e = 0; e < 2; ++e)
        element[e] = b.select(b.less(row, columnOf(n, e)), zero,
                              products[n][2 * half + e]);
      Value place =
          b.add(b.piecePlace(row, b.idx(n), pieces), b.mul(b.rem(lane, 4), 4));
      b.storeAt(b.packWord(shape.element, element[0], element[1]),
                b.sharedAt(b.add(to, place)), 4);
    }
}

/// p and p[15] / p.
void MatrixChunk::storeDecays(Value chunk, Value logs) {
  Value last = b.shuffle(logs, b.idx(tokens - 1));
  Value place = b.mul(b.rem(lane, tokens), 4);
  b.storeAt(b.exp2(logs), b.sharedAt(b.add(addressOf(decays, chunk), place)),
            4);
  b.storeAt(b.exp2(b.fadd(last, b.neg(logs))),
            b.sharedAt(b.add(addressOf(rest, chunk), place)), 4);
}

/// Column j of (1 + N)^-1, whose element i is (i = j) - sum_{m < i} N[i, m]
/// x[m]: each that is known is subtracted from those below.
static Values substitute(LaunchBuilder &b, Value from, Value column) {
  auto four = VectorType::get({4}, b.getF32Type());
  Values x;
  for (int64_t i = 0; i < tokens; ++i)
    x.push_back(b.select(b.equal(column, b.idx(i)), b.real(1.0), b.real(0.0)));
  for (int64_t first = 0; first < tokens; first += 4) {
    Values rows(tokens);
    for (int64_t i = first + 1; i < tokens; ++i)
      rows[i] =
          b.loadAt(four, b.sharedAt(b.add(from, i * rowBytes + first * 4)), 16);
    for (int64_t m = first; m < first + 4; ++m)
      for (int64_t i = m + 1; i < tokens; ++i) {
        Value element = vector::ExtractOp::create(b, rows[i], m - first);
        x[i] = b.fadd(x[i], b.neg(b.fmul(element, x[m])));
      }
  }
  return x;
}

static Value isFinite(LaunchBuilder &b, Value x) {
  return b.both(b.isBelow(x, b.real(INFINITY)),
                b.isBelow(b.real(-INFINITY), x));
}

/// T: with N = beta A below the diagonal, each lane finds a column.
void MatrixChunk::storeTransition(Value to, const Tiles &products, Value beta) {
  auto pair = VectorType::get({2}, b.getF32Type());
  Value from = b.add(memory, substitution.offset);
  for (int64_t half = 0; half < 2; ++half) {
    Value row = rowOf(half), size = b.shuffle(beta, row);
    for (int64_t n = 0; n < 2; ++n) {
      Values element;
      for (int64_t e = 0; e < 2; ++e) {
        Value x = b.fmul(products[n][2 * half + e], size);
        // It would reach all columns; what is read and written is none itself.
        if (mixer.resets)
          x = b.select(isFinite(b, x), x, b.real(0.0));
        element.push_back(
            b.select(b.less(columnOf(n, e), row), x, b.real(0.0)));
      }
      Value place = b.add(b.mul(row, rowBytes), b.mul(columnOf(n, 0), 4));
      b.storeAt(vector::FromElementsOp::create(b, pair, element),
                b.sharedAt(b.add(from, place)), 8);
    }
  }
  b.warpBarrier();
  Value column = b.rem(lane, tokens);
  Values x = substitute(b, from, column);
  // Half of the lanes store the second half of a column.
  Value isSecond = b.less(b.idx(tokens - 1), lane);
  Value begin = b.add(to, b.add(b.mul(b.rem(column, 8), 2),
                                b.mul(b.div(lane, tokens), tokens * tokens)));
  for (int64_t i = 0; i < tokens / 2; ++i) {
    Value own = b.fmul(b.select(isSecond, x[i + tokens / 2], x[i]), beta);
    Value place = b.piecePlace(b.idx(i), b.div(column, 8), pieces);
    b.storeAt(b.narrow(own, shape.element), b.sharedAt(b.add(begin, place)), 2);
  }
  b.warpBarrier();
}
