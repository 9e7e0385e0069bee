//===- AttentionBlock.cpp - softmax attention of a block of queries -------===//
//
// The heads that share a key head make rows of each query. Lanes are rows, so
// that maximum and sum over keys are plain vector instructions and neither keys
// nor values have to be transposed. A tile of keys is copied to scratch once
// for all rows; then, for a few vectors of rows in each register tile,
//
//   S[j][r] = sum_n K[j][n] * Q[n][r]          Q scaled, transposed once
//   m'[r]   = max(m[r], max_j S[j][r]);  c[r] = 2^(m[r] - m'[r])
//   P[j][r] = 2^(S[j][r] - m'[r]);       l[r] = c[r] * l[r] + sum_j P[j][r]
//   Y[p][r] = c[r] * Y[p][r] + sum_j V[j][p] * P[j][r]
//
// in both products a vector times elements of K or V that are broadcast. Rows
// visit the keys between the first and the last that one of them sees, in
// steps of a register tile; code with masks runs only where some row does not
// see some key, and there skips weights of 0 only if a value is not finite.
// Rows that fill no vector repeat the last one.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Cpu/Attention.h"
#include "lib/Codegen/Cpu/Transpose.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ssmc;

namespace {

// Rows of a block: many, for the copies of keys and values, but few enough to
// divide the work among threads. A multiple of all register tiles.
constexpr int64_t maxRows = 96;
// Keys of a tile, about: what a register tile of rows touches stays in the
// first-level cache.
constexpr int64_t keysOfTile = 64;
class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::AttentionOp op, AttentionScores &scores,
         Value batch, Value group)
      : b(b), op(op), scores(scores), batch(batch), group(group),
        lanes(b.target.lanes), depth(extentOf(op.getQ(), 3)),
        width(extentOf(op.getV(), 3)), sharing(getSharing(op)),
        vectors(b.target.registers == 32 ? 3 : 2),
        step(b.target.registers == 32 ? 8 : 6),
        tileKeys(keysOfTile / step * step),
        capacity(llvm::alignTo(std::max(maxRows, sharing), vectors * lanes)) {}

  void emit(Value first) {
    int64_t most = attentionBlockQueries(op);
    firstQuery = first;
    Value queries = b.min(b.sub(scores.numQueries, first), b.idx(most));
    rows = b.mul(queries, sharing);
    lastRow = b.sub(rows, b.idx(1));
    allocate();
    b.loop(b.idx(0), paddedRows(), lanes, [&](Value row) { prepare(row); });
    visitKeys();
    b.loop(b.idx(0), rows, lanes, [&](Value row) { finish(row); });
  }

private:
  KernelBuilder &b;
  ssm::AttentionOp op;
  AttentionScores &scores;
  Value batch, group;
  int64_t lanes, depth, width, sharing, vectors, step, tileKeys, capacity;
  Value firstQuery, rows, lastRow;
  // Of rows: Q[n][r], Y[p][r], S[j][r] which becomes P, m[r], l[r].
  Value queryColumns, outputs, weights, maxima, sums;
  Value positions, segments, slopes, prefix;
  // Of keys: K[j][n], V[j][p].
  Value keyRows, valueRows, isFinite;

  Lanes full() { return {b.vec(), {}}; }
  Value maxS(Value x, Value y) { return b.createOrFold<arith::MaxSIOp>(x, y); }
  Value minS(Value x, Value y) { return b.createOrFold<arith::MinSIOp>(x, y); }
  Value larger(Value x, Value y) {
    Value is = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y);
    return arith::SelectOp::create(b, is, x, y);
  }
  Value equals(Value x, double value) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x,
                                 b.splat(x.getType(), value));
  }
  Value select(Value condition, Value x, Value y) {
    return b.createOrFold<arith::SelectOp>(condition, x, y);
  }
  static constexpr double infinity = std::numeric_limits<double>::infinity();

  /// Short of a tile, one vector of rows has its own code.
  Value paddedRows() {
    return select(b.lessEqual(rows, b.idx(lanes)), b.idx(lanes),
                  b.mul(b.ceilDiv(rows, vectors * lanes), vectors * lanes));
  }

  void allocate() {
    queryColumns = b.scratch({depth, capacity});
    outputs = b.scratch({width, capacity});
    weights = b.scratch({tileKeys, vectors * lanes});
    maxima = b.scratch({capacity});
    sums = b.scratch({capacity});
    keyRows = b.scratch({tileKeys, (int64_t)llvm::alignTo(depth, lanes)});
    valueRows = b.scratch({tileKeys, (int64_t)llvm::alignTo(width, lanes)});
    if (scores.hasPositions())
      positions = b.scratch({capacity}, scores.positionType());
    if (op.getQuerySegments())
      segments = b.scratch({capacity}, b.getI64Type());
    if (op.getSlopes())
      slopes = b.scratch({capacity});
    prefix = scores.getPrefix(batch);
  }

  struct Row {
    Value query, head;
  };
  Row rowAt(Value row) {
    row = b.min(row, lastRow);
    return {b.add(firstQuery, b.div(row, sharing)),
            b.add(b.mul(group, sharing), b.rem(row, sharing))};
  }

  /// A vector of rows: queries to columns, nothing summed yet.
  void prepare(Value row) {
    SmallVector<Row> at;
    for (int64_t i = 0; i < lanes; ++i)
      at.push_back(rowAt(b.add(row, i)));
    Value factor = b.splat(b.vec(), scores.factor());
    forEachVector(b, depth, [&](Value n, Lanes some, int64_t count) {
      SmallVector<Value> tile;
      for (Row r : at)
        tile.push_back(b.load(some, op.getQ(), {batch, r.query, r.head, n}));
      transposeTile(b, tile);
      for (int64_t i = 0; i < count; ++i)
        b.store(full(), b.fmul(tile[i], factor), queryColumns,
                {b.add(n, i), row});
    });
    Value zero = b.splat(b.vec(), 0.0);
    b.loop(b.idx(0), b.idx(width), 1, [&](Value p) {
      b.store(full(), zero, outputs, {p, row});
    });
    b.store(full(), b.splat(b.vec(), op.getSinks() ? 1.0 : 0.0), sums, {row});
    if (!op.getSinks())
      b.store(full(), b.splat(b.vec(), -infinity), maxima, {row});
    b.loop(b.idx(0), b.idx(lanes), 1, [&](Value i) {
      Value here = b.add(row, i);
      Row r = rowAt(here);
      auto put = [&](Value value, Value scratch) {
        b.storeScalar(value, scratch, ValueRange{here});
      };
      auto ofHead = [&](Value memref, double scale, Value scratch) {
        Value value = b.loadScalar(memref, {r.head});
        put(b.fmul(value, b.splat(value.getType(), scale)), scratch);
      };
      if (op.getSinks())
        ofHead(op.getSinks(), log2e, maxima);
      if (slopes)
        ofHead(op.getSlopes(), -log2e, slopes);
      if (positions)
        put(scores.queryPosition(batch, r.query), positions);
      if (segments)
        put(scores.loadInteger(op.getQuerySegments(), {batch, r.query}),
            segments);
    });
  }

  void visitKeys() {
    auto range = scores.visible(firstQuery, rowAt(lastRow).query, prefix);
    scores.forEachTile(range, tileKeys, [&](Value first, Value end) {
      if (!scores.dependsOnKeys())
        return visitRows(first, end);
      b.branch(
          isSomeSeen(first, end), [&] { visitRows(first, end); }, [] {});
    });
  }

  /// Whether a row sees one of the keys.
  Value isSomeSeen(Value first, Value end) {
    auto type = VectorType::get({lanes}, b.getI1Type());
    Value none =
        arith::ConstantOp::create(b, DenseElementsAttr::get(type, false));
    Value seen = b.loop(first, end, 1, none, [&](Value j, ValueRange carried) {
      AttentionScores::Keys key = scores.key(batch, j, end);
      return SmallVector<Value>(b.loop(
          b.idx(0), rows, lanes, carried[0], [&](Value row, ValueRange seen) {
            Value here = scores.isSeen(queriesAt(row), key, repeatPrefix());
            return SmallVector<Value>{arith::OrIOp::create(b, seen[0], here)};
          }));
    })[0];
    return vector::ReductionOp::create(b, vector::CombiningKind::OR, seen);
  }

  /// In lanes; null where the op has none.
  Value repeatPrefix() {
    if (!prefix)
      return {};
    return b.broadcast(VectorType::get({lanes}, prefix.getType()), prefix);
  }

  void visitRows(Value first, Value end) {
    isFinite = copy(first, end);
    b.loop(b.idx(0), rows, vectors * lanes, [&](Value row) {
      b.branch(
          b.lessEqual(b.sub(rows, row), b.idx(lanes)),
          [&] { visitTile(row, 1, first, end); },
          [&] { visitTile(row, vectors, first, end); });
    });
  }

  /// Keys and values of a tile, rounded up to a register tile. Returns whether
  /// all values are finite.
  Value copy(Value first, Value end) {
    Value count = b.mul(b.ceilDiv(b.sub(end, first), step), step);
    Value zero = b.splat(b.vec(), 0.0);
    auto body = [&](Value j, ValueRange carried) {
      Value at = b.min(b.add(first, j), b.sub(end, b.idx(1)));
      forEachVector(b, depth, [&](Value n, Lanes some, int64_t) {
        b.store(full(), b.load(some, op.getK(), {batch, at, group, n}), keyRows,
                {j, n});
      });
      // 0 times what is not finite is not a number.
      Value sum = zero;
      sum = sumVectors(b, width, sum, [&](Value p, Lanes some, Value sum) {
        Value x = b.load(some, op.getV(), {batch, at, group, p});
        b.store(full(), x, valueRows, {j, p});
        return b.fma(x, zero, sum);
      });
      return SmallVector<Value>{b.fadd(carried[0], sum)};
    };
    Value all = b.loop(b.idx(0), count, 1, zero, body)[0];
    // Of zeros, so that their order does not matter.
    all = vector::ReductionOp::create(b, vector::CombiningKind::ADD, all,
                                      arith::FastMathFlags::reassoc);
    return equals(all, 0.0);
  }

  /// A register tile of `count` vectors of rows, and the part of a tile of keys
  /// that its rows see.
  struct Tile {
    Value row;
    int64_t count;
    Value first, end;       // keys of the tile
    Value fromStep, toStep; // of them, in steps
  };

  void visitTile(Value row, int64_t count, Value first, Value end) {
    Value last = b.min(b.add(row, count * lanes - 1), lastRow);
    Value early = rowAt(row).query, late = rowAt(last).query;
    auto some = scores.visible(early, late, prefix);
    Value zero = b.idx(0);
    Value isEarly = b.less(first, b.idx(op.getGlobal()));
    Value from = select(isEarly, zero, maxS(b.sub(some.begin, first), zero));
    Value to = maxS(b.sub(minS(end, some.end), first), zero);
    Tile tile{row, count, first, end, b.div(from, step), b.ceilDiv(to, step)};
    b.branch(
        b.less(from, to),
        [&] {
          // What every row sees.
          Value lowest = b.add(first, b.mul(tile.fromStep, step));
          Value highest = b.add(first, b.mul(tile.toStep, step));
          Value isInside = b.lessEqual(highest, end);
          auto require = [&](Value condition) {
            isInside = arith::AndIOp::create(b, isInside, condition);
          };
          auto lessEqual = [&](Value x, Value y) -> Value {
            return arith::CmpIOp::create(b, arith::CmpIPredicate::sle, x, y);
          };
          if (scores.dependsOnData())
            return emitTile(tile, /*masked=*/true);
          auto each = scores.visible(late, early, prefix);
          if (op.getRight())
            require(lessEqual(highest, each.end));
          if (op.getLeft())
            require(arith::OrIOp::create(
                b, lessEqual(each.begin, lowest),
                b.lessEqual(highest, b.idx(op.getGlobal()))));
          b.branch(
              isInside, [&] { emitTile(tile, /*masked=*/false); },
              [&] { emitTile(tile, /*masked=*/true); });
        },
        [] {});
  }

  AttentionScores::Queries queriesAt(Value row) {
    auto load = [&](Value scratch) -> Value {
      if (!scratch)
        return {};
      Type type = cast<MemRefType>(scratch.getType()).getElementType();
      return b.load({VectorType::get({lanes}, type), {}}, scratch, {row});
    };
    return {load(positions), load(segments), load(slopes)};
  }

  void emitTile(const Tile &tile, bool masked) {
    int64_t count = tile.count;
    SmallVector<Value> starts, old, base, scale;
    for (int64_t v = 0; v < count; ++v) {
      starts.push_back(b.add(tile.row, v * lanes));
      old.push_back(b.load(full(), maxima, {starts[v]}));
    }
    SmallVector<Value> most = emitScores(tile, starts, old, masked);
    Value zero = b.splat(b.vec(), 0.0);
    for (int64_t v = 0; v < count; ++v) {
      b.store(full(), most[v], maxima, {starts[v]});
      // Where nothing is seen yet.
      base.push_back(select(equals(most[v], -infinity), zero, most[v]));
      scale.push_back(b.exp2(b.fsub(old[v], base[v])));
    }
    SmallVector<Value> zeros(count, zero);
    Value from = b.mul(tile.fromStep, step), to = b.mul(tile.toStep, step);
    ValueRange sum =
        b.loop(from, to, 1, zeros, [&](Value j, ValueRange carried) {
          SmallVector<Value> next(carried);
          for (int64_t v = 0; v < count; ++v) {
            Value at[] = {j, b.idx(v * lanes)};
            Value x = b.load(full(), weights, at);
            Value weight = b.exp2(b.fsub(x, base[v]));
            // Powers of two may be a little above 0.
            if (masked)
              weight = select(equals(x, -infinity), zero, weight);
            b.store(full(), weight, weights, at);
            next[v] = b.fadd(next[v], weight);
          }
          return next;
        });
    for (int64_t v = 0; v < count; ++v) {
      Value total = b.load(full(), sums, {starts[v]});
      b.store(full(), b.fma(total, scale[v], sum[v]), sums, {starts[v]});
    }
    auto emitAll = [&](bool skipsZeros) {
      int64_t whole = width / step * step;
      b.loop(b.idx(0), b.idx(whole), step, [&](Value p) {
        emitOutputs(tile, starts, scale, p, step, skipsZeros);
      });
      if (whole < width)
        emitOutputs(tile, starts, scale, b.idx(whole), width - whole,
                    skipsZeros);
    };
    if (masked)
      b.branch(
          isFinite, [&] { emitAll(false); }, [&] { emitAll(true); });
    else
      emitAll(false);
  }

  /// Stores the scores; returns their maxima and `old`.
  SmallVector<Value> emitScores(const Tile &tile, ArrayRef<Value> starts,
                                ArrayRef<Value> old, bool masked) {
    int64_t count = tile.count;
    auto body = [&](Value group, ValueRange carried) {
      Value j = b.mul(group, step);
      SmallVector<Value> most(carried);
      SmallVector<Value> sums = product(
          SmallVector<Value>(step * count, b.splat(b.vec(), 0.0)), count,
          b.idx(0), b.idx(depth), depth % 4 ? 1 : 4,
          [&](Value n, int64_t v) {
            return b.load(full(), queryColumns, {n, starts[v]});
          },
          [&](Value n, int64_t c) {
            return b.loadScalar(keyRows, {b.add(j, c), n});
          });
      for (int64_t c = 0; c < step; ++c) {
        Value at = b.add(j, c);
        AttentionScores::Keys key;
        if (masked || op.getSlopes())
          key = scores.key(batch, b.add(tile.first, at), tile.end);
        for (int64_t v = 0; v < count; ++v) {
          Value x = sums[c * count + v];
          if (masked || op.getSlopes() || op.getSoftcap()) {
            AttentionScores::Queries queries = queriesAt(starts[v]);
            x = scores.score(x, queries, key);
            if (masked)
              x = select(scores.isSeen(queries, key, repeatPrefix()), x,
                         b.splat(b.vec(), -infinity));
          }
          b.store(full(), x, weights, {at, b.idx(v * lanes)});
          most[v] = larger(x, most[v]);
        }
      }
      return most;
    };
    return SmallVector<Value>(b.loop(tile.fromStep, tile.toStep, 1, old, body));
  }

  /// Y[p...][r] for `outputs` values of p.
  void emitOutputs(const Tile &tile, ArrayRef<Value> starts,
                   ArrayRef<Value> scale, Value p, int64_t outputCount,
                   bool skipsZeros) {
    int64_t count = tile.count;
    SmallVector<Value> sums;
    for (int64_t c = 0; c < outputCount; ++c)
      for (int64_t v = 0; v < count; ++v)
        sums.push_back(b.fmul(
            scale[v], b.load(full(), outputs, {b.add(p, c), starts[v]})));
    sums = product(
        sums, count, b.mul(tile.fromStep, step), b.mul(tile.toStep, step),
        skipsZeros ? 1 : step / 2,
        [&](Value j, int64_t v) {
          return b.load(full(), weights, {j, b.idx(v * lanes)});
        },
        [&](Value j, int64_t c) {
          return b.loadScalar(valueRows, {j, b.add(p, c)});
        },
        skipsZeros);
    for (int64_t c = 0; c < outputCount; ++c)
      for (int64_t v = 0; v < count; ++v)
        b.store(full(), sums[c * count + v], outputs, {b.add(p, c), starts[v]});
  }

  /// sums[c][v] += sum over k of element(k, c) * vector(k, v). A weight of 0
  /// adds nothing, even to a value that is not finite.
  SmallVector<Value> product(ArrayRef<Value> sums, int64_t count, Value from,
                             Value to, int64_t unroll,
                             function_ref<Value(Value, int64_t)> vector,
                             function_ref<Value(Value, int64_t)> element,
                             bool skipsZeros = false) {
    auto body = [&](Value first, ValueRange carried) {
      SmallVector<Value> next(carried);
      for (int64_t u = 0; u < unroll; ++u) {
        Value k = b.add(first, u);
        SmallVector<Value> x, isZero;
        for (int64_t v = 0; v < count; ++v) {
          x.push_back(vector(k, v));
          if (skipsZeros)
            isZero.push_back(equals(x[v], 0.0));
        }
        for (int64_t c = 0; c < (int64_t)sums.size() / count; ++c) {
          Value y = b.broadcast(b.vec(), element(k, c));
          for (int64_t v = 0; v < count; ++v) {
            Value &sum = next[c * count + v];
            Value more = b.fma(x[v], y, sum);
            sum = skipsZeros ? select(isZero[v], sum, more) : more;
          }
        }
      }
      return next;
    };
    return SmallVector<Value>(b.loop(from, to, unroll, sums, body));
  }

  /// A vector of rows, to memory.
  void finish(Value row) {
    SmallVector<Row> at;
    for (int64_t i = 0; i < lanes; ++i)
      at.push_back(rowAt(b.add(row, i)));
    Value zero = b.splat(b.vec(), 0.0), one = b.splat(b.vec(), 1.0);
    Value sum = b.load(full(), sums, {row});
    Value isEmpty = equals(sum, 0.0);
    Value scale = select(isEmpty, zero, b.fdiv(one, sum));
    forEachVector(b, width, [&](Value p, Lanes some, int64_t count) {
      SmallVector<Value> tile(lanes, zero);
      for (int64_t i = 0; i < count; ++i)
        tile[i] = b.fmul(scale, b.load(full(), outputs, {b.add(p, i), row}));
      transposeTile(b, tile);
      for (auto [r, value] : llvm::zip(at, tile))
        b.store(some, value, op.getY(), {batch, r.query, r.head, p});
    });
    Value most = b.load(full(), maxima, {row});
    Value lse =
        b.fma(most, b.splat(b.vec(), 1 / log2e), math::LogOp::create(b, sum));
    lse = select(isEmpty, b.splat(b.vec(), -infinity), lse);
    b.store(full(), lse, maxima, {row});
    b.loop(b.idx(0), b.idx(lanes), 1, [&](Value i) {
      Value here = b.add(row, i);
      Row r = rowAt(here);
      b.storeScalar(b.loadScalar(maxima, {here}), op.getLse(),
                    ValueRange{batch, r.query, r.head});
    });
  }
};

} // namespace

int64_t ssmc::attentionBlockQueries(ssm::AttentionOp op) {
  return std::max<int64_t>(1, maxRows / getSharing(op));
}

int64_t ssmc::attentionBlockScratch(ssm::AttentionOp op) {
  int64_t rows = std::max(maxRows, getSharing(op)) + keysOfTile;
  // Widths of a model's file may be of any size.
  int64_t depth = std::min<int64_t>(extentOf(op.getQ(), 3), 1 << 20);
  int64_t width = std::min<int64_t>(extentOf(op.getV(), 3), 1 << 20);
  return (depth + width) * rows;
}

void ssmc::emitAttentionBlock(KernelBuilder &b, ssm::AttentionOp op,
                              AttentionScores &scores, Value batch, Value group,
                              Value firstQuery) {
  Kernel(b, op, scores, batch, group).emit(firstQuery);
}
