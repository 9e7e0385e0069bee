//===- DeltaChunk.cpp - the delta rule by chunks of 16 tokens -------------===//
//
// How a product's 16 x 8 sums lie in a warp: a lane has those of rows lane / 4
// and lane / 4 + 8, of columns 2 (lane % 4) and the next one. A product of
// columns of v by tokens thereby is a left operand of the next one, as it lies.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/DeltaChunk.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace ssmc;

using Values = SmallVector<Value>;
static constexpr int64_t tokens = DeltaShape::tokens;
static constexpr int64_t piece = 8; // elements of 16 bytes
static constexpr int64_t matrixBytes = tokens * tokens * 2,
                         vectorBytes = tokens * 4;
static constexpr int64_t matricesBytes = 2 * (matrixBytes + vectorBytes);
/// A decay of which nothing is left in f32, as a power of two: what is less
/// counts as this, and sums stay precise.
static constexpr double leastLog = -150.0;

static int64_t rankOf(Value memref) {
  return cast<MemRefType>(memref.getType()).getRank();
}
DeltaChunk::DeltaChunk(LaunchBuilder &b, ssm::DeltaRuleOp op,
                       const DeltaShape &shape, gpu::LaunchOp launch,
                       Value length)
    : b(b), op(op), shape(shape), length(length),
      thread(launch.getThreadIds().x) {
  lane = b.rem(thread, warpLanes);
  warp = b.div(thread, warpLanes);
  auto [rest, part] =
      b.divideSmall(launch.getBlockIds().x, b.idx(shape.blocks));
  std::tie(batch, head) = b.divideSmall(rest, b.idx(shape.heads));
  firstColumn = b.mul(part, shape.blockColumns());
  int64_t tileBytes = DeltaShape::stages * shape.stageBytes();
  Value memory =
      b.shared(launch, tileBytes + 2 * matricesBytes + tokens * vectorBytes,
               b.getI8Type());
  tiles = memref::ExtractAlignedPointerAsIndexOp::create(b, memory);
  matrices = b.add(tiles, tileBytes);
  substitution = b.add(matrices, 2 * matricesBytes);
  planCopies();
}

DeltaChunk::Matrices DeltaChunk::matricesOf(Value chunk) {
  Value first = b.add(
      matrices, b.mul(b.rem(chunk, DeltaShape::stages / 2), matricesBytes));
  Value decays = b.add(first, 2 * matrixBytes);
  return {first, b.add(first, matrixBytes), decays, b.add(decays, vectorBytes)};
}

/// Which pieces of a chunk a maker's thread copies. Where threads are left,
/// some copy the same.
void DeltaChunk::planCopies() {
  int64_t threads = DeltaShape::makers * warpLanes;
  Value number = b.rem(b.sub(thread, b.idx(shape.warps * warpLanes)), threads);
  auto plan = [&](Value memref, Value head, Value column, int64_t columns,
                  int64_t offset) {
    int64_t pieces = columns / piece, count = tokens * pieces;
    Value start = b.addressOf(memref, {batch, b.idx(0), head, column});
    for (int64_t first = 0; first < count; first += threads) {
      Value at = b.rem(b.add(number, first), count);
      Value row = b.div(at, pieces), ofRow = b.rem(at, pieces);
      copies.push_back({row, b.add(start, b.mul(ofRow, copyBytes)),
                        b.byteStride(memref, 1),
                        b.add(b.piecePlace(row, ofRow, pieces), offset)});
    }
  };
  auto headOf = [&](int64_t heads) {
    return b.div(b.mul(head, heads), shape.heads);
  };
  plan(op.getK(), headOf(shape.keyHeads), b.idx(0), shape.keys, keysAt());
  plan(op.getQ(), headOf(shape.queryHeads), b.idx(0), shape.keys, queriesAt());
  plan(op.getV(), head, firstColumn, shape.blockColumns(), valuesAt());
}

void DeltaChunk::copy(Value chunk) {
  Value stage = stageOf(chunk), first = b.mul(chunk, tokens);
  Value all = arith::ConstantIntOp::create(b, b.getI32Type(), copyBytes);
  Value none = arith::ConstantIntOp::create(b, b.getI32Type(), 0);
  for (const Copy &copy : copies) {
    Value token = b.add(first, copy.row);
    // Of what does not exist nothing is read, and zeros are stored.
    Value count = b.select(b.less(token, length), all, none);
    Value from = b.add(copy.start, b.mul(at(token), copy.stride));
    NVVM::CpAsyncOp::create(b, b.sharedAt(b.add(stage, copy.place)),
                            b.globalAt(from), copyBytes,
                            NVVM::LoadCacheModifierKind::CG, count);
  }
  NVVM::CpAsyncCommitGroupOp::create(b);
}

void DeltaChunk::wait(int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, pending);
}

Values DeltaChunk::fetch(Value chunk) {
  Value token = b.add(b.mul(chunk, tokens), b.rem(lane, tokens));
  Value t = at(b.min(token, b.sub(length, b.idx(1))));
  Value decay = b.real(0.0), isNew = b.real(0.0);
  if (op.getDecay())
    decay = rankOf(op.getDecay()) == 1
                ? b.load(op.getDecay(), {head})
                : b.load(op.getDecay(), {batch, t, head});
  if (op.getResets()) {
    Value flag =
        memref::LoadOp::create(b, op.getResets(), ValueRange{batch, t});
    isNew = arith::UIToFPOp::create(b, b.getF32Type(), flag);
  }
  return {decay, isNew, b.load(op.getBeta(), {batch, t, head})};
}

void DeltaChunk::make(Value chunk, ValueRange fetched) {
  Value ofChunk = b.rem(lane, tokens), zero = b.real(0.0);
  Value exists = b.less(b.add(b.mul(chunk, tokens), ofChunk), length);
  Value least = b.real(leastLog), logs = b.fmul(fetched[0], b.real(log2e));
  auto isLess = [&](Value left, Value right) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, left, right);
  };
  logs = b.select(isLess(logs, least), least, logs);
  logs = b.select(isLess(zero, fetched[1]), least, logs);
  logs = b.select(exists, logs, zero);
  Value beta = b.select(exists, fetched[2], zero);
  for (int64_t n = 1; n < tokens; n *= 2) {
    Value before = b.shuffle(logs, b.sub(lane, b.idx(n)));
    logs = b.fadd(logs, b.select(b.less(ofChunk, b.idx(n)), zero, before));
  }
  Matrices to = matricesOf(chunk);
  Value keys = b.add(stageOf(chunk), keysAt());
  b.when(
      b.equal(warp, b.idx(shape.warps)),
      [&] { storeTransition(to, multiplyRows(keys, keys), logs, beta); },
      [&] {
        Value queries = b.add(stageOf(chunk), queriesAt());
        storeMixing(to, multiplyRows(queries, keys), logs);
        storeDecays(to, logs);
      });
}

/// The sums of rows of `left` times rows of `keys`.
DeltaChunk::Tiles DeltaChunk::multiplyRows(Value left, Value keys) {
  Tiles sums(2, Values(4, b.real(0.0)));
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    Values rows = loadTile(left, b.idx(s), shape.keys, true, false);
    Values columns = loadTile(keys, b.idx(s), shape.keys, false, false);
    for (int64_t n = 0; n < 2; ++n)
      sums[n] = multiply(rows, columns, n, sums[n]);
  }
  return sums;
}

/// The decay from an element's column's token to its row's; zero where that is
/// before it, or with `below` not behind it.
DeltaChunk::Tiles DeltaChunk::weights(Value logs, bool below) {
  Value rows[2], ofRows[2];
  for (int64_t half = 0; half < 2; ++half) {
    rows[half] = b.add(b.div(lane, 4), 8 * half);
    ofRows[half] = b.shuffle(logs, rows[half]);
  }
  Tiles weights(2);
  for (int64_t n = 0; n < 2; ++n) {
    Value columns[2], ofColumns[2];
    for (int64_t e = 0; e < 2; ++e) {
      columns[e] = b.add(b.mul(b.rem(lane, 4), 2), 8 * n + e);
      ofColumns[e] = b.shuffle(logs, columns[e]);
    }
    for (int64_t e = 0; e < 4; ++e) {
      Value row = rows[e / 2], column = columns[e % 2];
      Value isWeighed = b.less(column, below ? row : b.add(row, 1));
      Value weight = b.exp2(b.fadd(ofRows[e / 2], b.neg(ofColumns[e % 2])));
      weights[n].push_back(b.select(isWeighed, weight, b.real(0.0)));
    }
  }
  return weights;
}

/// M.
void DeltaChunk::storeMixing(const Matrices &to, const Tiles &products,
                             Value logs) {
  Tiles weights = this->weights(logs, /*below=*/false);
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t half = 0; half < 2; ++half) {
      Value element[2];
      for (int64_t e = 0; e < 2; ++e)
        element[e] =
            b.fmul(products[n][2 * half + e], weights[n][2 * half + e]);
      Value row = b.add(b.div(lane, 4), 8 * half);
      Value place = b.add(b.piecePlace(row, b.idx(n), tokens / piece),
                          b.mul(b.rem(lane, 4), 4));
      b.storeAt(b.packWord(shape.element, element[0], element[1]),
                b.sharedAt(b.add(to.mixing, place)), 4);
    }
}

/// Products of decays up to each token, and behind it.
void DeltaChunk::storeDecays(const Matrices &to, Value logs) {
  Value last = b.shuffle(logs, b.idx(tokens - 1));
  Value place = b.mul(b.rem(lane, tokens), 4);
  b.storeAt(b.exp2(logs), b.sharedAt(b.add(to.decays, place)), 4);
  b.storeAt(b.exp2(b.fadd(last, b.neg(logs))),
            b.sharedAt(b.add(to.rest, place)), 4);
}

/// T. With N = beta A below the diagonal, its column j without beta[j] is x
/// with x[i] = (i = j) - sum_{m < i} N[i, m] x[m]; each lane finds one.
void DeltaChunk::storeTransition(const Matrices &to, const Tiles &products,
                                 Value logs, Value beta) {
  Tiles weights = this->weights(logs, /*below=*/true);
  auto pair = VectorType::get({2}, b.getF32Type());
  auto four = VectorType::get({4}, b.getF32Type());
  for (int64_t half = 0; half < 2; ++half) {
    Value row = b.add(b.div(lane, 4), 8 * half), size = b.shuffle(beta, row);
    for (int64_t n = 0; n < 2; ++n) {
      Values element;
      for (int64_t e = 2 * half; e < 2 * half + 2; ++e)
        element.push_back(b.fmul(b.fmul(products[n][e], weights[n][e]), size));
      Value place = b.add(b.mul(row, vectorBytes),
                          b.add(b.mul(b.rem(lane, 4), 8), 32 * n));
      b.storeAt(vector::FromElementsOp::create(b, pair, element),
                b.sharedAt(b.add(substitution, place)), 8);
    }
  }
  b.warpBarrier();
  Value column = b.rem(lane, tokens);
  Values x;
  for (int64_t i = 0; i < tokens; ++i) {
    Value isOwn = b.equal(column, b.idx(i));
    Value sum = b.select(isOwn, b.real(1.0), b.real(0.0));
    for (int64_t first = 0; first < i; first += 4) {
      Value of = b.loadAt(
          four, b.sharedAt(b.add(substitution, i * vectorBytes + first * 4)),
          16);
      for (int64_t m = first; m < std::min(first + 4, i); ++m)
        sum = b.fadd(
            sum,
            b.neg(b.fmul(vector::ExtractOp::create(b, of, m - first), x[m])));
    }
    x.push_back(sum);
  }
  // Half of the lanes store the second half of a column.
  Value isSecond = b.less(b.idx(tokens - 1), lane);
  Value begin = b.add(b.add(to.transition, b.mul(b.rem(column, piece), 2)),
                      b.mul(b.div(lane, tokens), matrixBytes / 2));
  for (int64_t i = 0; i < tokens / 2; ++i) {
    Value own = b.fmul(b.select(isSecond, x[i + tokens / 2], x[i]), beta);
    Value place = b.piecePlace(b.idx(i), b.div(column, piece), tokens / piece);
    b.storeAt(b.narrow(own, shape.element), b.sharedAt(b.add(begin, place)), 2);
  }
  b.warpBarrier();
}

/// Of 16 x 16 elements of 16 bits in shared memory what the lane has as an
/// operand of a product: from column 16 `number` on of rows of `columns`, which
/// lie along the sum, or across it where `transposed`.
Values DeltaChunk::loadTile(Value base, Value number, int64_t columns,
                            bool isLeft, bool transposed) {
  // The four matrices of 8 x 8: of a left operand, second rows come before
  // second columns.
  Value matrix = b.div(lane, 8), inside = b.rem(lane, 8);
  Value low = b.rem(matrix, 2), high = b.div(matrix, 2);
  bool rowsFirst = isLeft != transposed;
  Value row = b.add(inside, b.mul(rowsFirst ? low : high, 8));
  Value at = b.add(b.mul(number, 2), rowsFirst ? high : low);
  return b.loadMatrices(b.add(base, b.piecePlace(row, at, columns / piece)),
                        transposed);
}

/// sums + left x columns 8 n to 8 n + 7 of right.
Values DeltaChunk::multiply(ArrayRef<Value> left, ArrayRef<Value> right,
                            int64_t n, ArrayRef<Value> sums) {
  return b.multiplyTile(shape.element, left, right.slice(2 * n, 2), sums);
}

/// Sums of two tiles, or elements of the state, as a left operand.
Values DeltaChunk::pack(ValueRange sums) {
  Values words;
  for (size_t i = 0; i < sums.size(); i += 2)
    words.push_back(b.packWord(shape.element, sums[i], sums[i + 1]));
  return words;
}

/// The numbers of the tokens that are the lane's columns of two tiles.
Values DeltaChunk::loadOfTokens(Value vector) {
  auto pair = VectorType::get({2}, b.getF32Type());
  Values numbers;
  for (int64_t n = 0; n < 2; ++n) {
    Value place = b.add(b.mul(b.rem(lane, 4), 8), 32 * n);
    Value two = b.loadAt(pair, b.sharedAt(b.add(vector, place)), 8);
    for (int64_t e = 0; e < 2; ++e)
      numbers.push_back(vector::ExtractOp::create(b, two, e));
  }
  return numbers;
}

/// v - p held, columns by tokens, as a left operand.
Values DeltaChunk::errorsOf(Value values, const Tiles &held,
                            ArrayRef<Value> decays) {
  auto pair = VectorType::get({2}, shape.element);
  Values words = loadTile(values, warp, shape.blockColumns(),
                          /*isLeft=*/true, /*transposed=*/true);
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t half = 0; half < 2; ++half) {
      Value &word = words[2 * n + half];
      Value both = b.widen(LLVM::BitcastOp::create(b, pair, word));
      Value element[2];
      for (int64_t e = 0; e < 2; ++e)
        element[e] =
            b.fadd(vector::ExtractOp::create(b, both, e),
                   b.neg(b.fmul(decays[2 * n + e], held[n][2 * half + e])));
      word = b.packWord(shape.element, element[0], element[1]);
    }
  return words;
}

Values DeltaChunk::consume(Value chunk, ValueRange state) {
  Matrices of = matricesOf(chunk);
  Value stage = stageOf(chunk), keys = b.add(stage, keysAt()),
        queries = b.add(stage, queriesAt());
  // What the state holds for keys and queries, columns by tokens.
  Tiles held(2, Values(4, b.real(0.0))), outputs = held, written = held;
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    Values left = pack(state.slice(8 * s, 8));
    Values ofKeys = loadTile(keys, b.idx(s), shape.keys, false, false);
    Values ofQueries = loadTile(queries, b.idx(s), shape.keys, false, false);
    for (int64_t n = 0; n < 2; ++n) {
      held[n] = multiply(left, ofKeys, n, held[n]);
      outputs[n] = multiply(left, ofQueries, n, outputs[n]);
    }
  }
  Values decays = loadOfTokens(of.decays), rest = loadOfTokens(of.rest);
  Values errors = errorsOf(b.add(stage, valuesAt()), held, decays);
  Values transition = loadTile(of.transition, b.idx(0), tokens, false, false);
  Values mixing = loadTile(of.mixing, b.idx(0), tokens, false, false);
  Values flat, weighed;
  for (int64_t n = 0; n < 2; ++n) {
    written[n] = multiply(errors, transition, n, written[n]);
    for (int64_t e = 0; e < 4; ++e) {
      flat.push_back(written[n][e]);
      weighed.push_back(b.fmul(written[n][e], rest[2 * n + e % 2]));
      outputs[n][e] = b.fmul(outputs[n][e], decays[2 * n + e % 2]);
    }
  }
  flat = pack(flat);
  weighed = pack(weighed);
  for (int64_t n = 0; n < 2; ++n)
    writeOutput(chunk, multiply(flat, mixing, n, outputs[n]), 8 * n);
  Value last = b.loadAt(b.getF32Type(),
                        b.sharedAt(b.add(of.decays, (tokens - 1) * 4)), 4);
  Values next;
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    Values right = loadTile(keys, b.idx(s), shape.keys, false, true);
    for (int64_t n = 0; n < 2; ++n) {
      Values sums;
      for (Value element : state.slice(8 * s + 4 * n, 4))
        sums.push_back(b.fmul(element, last));
      llvm::append_range(next, multiply(weighed, right, n, sums));
    }
  }
  return next;
}

/// Eight tokens of a chunk, from `first` on, of the warp's columns.
void DeltaChunk::writeOutput(Value chunk, ArrayRef<Value> tile, int64_t first) {
  Value column = b.add(firstColumn, b.add(b.mul(warp, 16), b.div(lane, 4)));
  for (int64_t e = 0; e < 2; ++e) {
    Value token =
        b.add(b.mul(chunk, tokens), b.add(b.mul(b.rem(lane, 4), 2), first + e));
    b.when(b.less(token, length), [&] {
      for (int64_t half = 0; half < 2; ++half)
        b.store(tile[2 * half + e], op.getY(),
                {batch, at(token), head, b.add(column, 8 * half)});
    });
  }
}

/// Where element `i` of the thread's lies in the state.
Values DeltaChunk::stateIndex(int64_t i) {
  Value key = b.add(b.mul(b.rem(lane, 4), 2), 8 * (i / 4) + i % 2);
  Value column = b.add(b.mul(warp, 16), b.div(lane, 4));
  return {batch, head, key, b.add(b.add(firstColumn, column), i % 4 / 2 * 8)};
}

Values DeltaChunk::loadState(Value memref) {
  Values state;
  for (int64_t i = 0; i < shape.keys / 2; ++i)
    state.push_back(memref ? b.load(memref, stateIndex(i)) : b.real(0.0));
  return state;
}

void DeltaChunk::storeState(ValueRange state) {
  for (auto [i, element] : llvm::enumerate(state))
    b.store(element, op.getState(), stateIndex(i));
}
