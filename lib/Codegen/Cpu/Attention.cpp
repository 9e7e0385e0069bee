//===- Attention.cpp - ssm-lower-attention --------------------------------===//
//
// Flash attention (Dao et al., arXiv:2205.14135). One parallel iteration owns a
// block of queries of one batch row, with all heads that share a key head: its
// rows. Lanes are rows, so that maximum and sum over keys are plain vector
// instructions and neither keys nor values have to be transposed. A tile of
// keys is copied to scratch once for all rows; then, for a few vectors of rows
// in each register tile,
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

#include "lib/Codegen/Cpu/AttentionScores.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/Transpose.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERATTENTION
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// Rows of a block: many, for the copies of keys and values, but few enough to
// divide the work among threads. A multiple of all register tiles.
constexpr int64_t maxRows = 96;
// Keys of a tile, about: what a register tile of rows touches stays in the
// first-level cache.
constexpr int64_t keysOfTile = 64;
// Extents of which scratch is allocated, at most.
constexpr int64_t maxWidth = 512;

int64_t extent(Value memref, int64_t dim) {
  return cast<MemRefType>(memref.getType()).getDimSize(dim);
}

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::AttentionOp op)
      : b(b), op(op), scores(b, op), lanes(b.target.lanes),
        depth(extent(op.getQ(), 3)), width(extent(op.getV(), 3)),
        sharing(extent(op.getQ(), 2) / extent(op.getK(), 2)),
        vectors(b.target.registers == 32 ? 3 : 2),
        step(b.target.registers == 32 ? 8 : 6),
        tileKeys(keysOfTile / step * step),
        blockQueries(std::max<int64_t>(1, maxRows / sharing)),
        capacity(llvm::alignTo(std::max(maxRows, sharing), vectors * lanes)) {}

  void emit() {
    numQueries = b.dim(op.getQ(), 1);
    numKeys = b.dim(op.getK(), 1);
    shift = b.sub(numKeys, numQueries);
    Value blocks = b.ceilDiv(numQueries, blockQueries);
    Value groups = b.idx(extent(op.getK(), 2));
    b.parallel({b.dim(op.getQ(), 0), groups, blocks}, [&](ValueRange index) {
      batch = index[0];
      group = index[1];
      // The last queries see most keys: theirs is the longest work.
      Value block = b.sub(b.sub(blocks, b.idx(1)), index[2]);
      firstQuery = b.mul(block, blockQueries);
      Value queries = b.min(b.sub(numQueries, firstQuery), b.idx(blockQueries));
      rows = b.mul(queries, sharing);
      allocate();
      b.loop(b.idx(0), paddedRows(), lanes, [&](Value row) { prepare(row); });
      visitKeys();
      b.loop(b.idx(0), rows, lanes, [&](Value row) { finish(row); });
    });
  }

private:
  KernelBuilder &b;
  ssm::AttentionOp op;
  AttentionScores scores;
  int64_t lanes, depth, width, sharing, vectors, step, tileKeys, blockQueries,
      capacity;
  Value numQueries, numKeys, shift, batch, group, firstQuery, rows;
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
    auto scratch = [&](ArrayRef<int64_t> shape, Type type) -> Value {
      return memref::AllocaOp::create(b, MemRefType::get(shape, type),
                                      b.getI64IntegerAttr(64));
    };
    Type f32 = b.getF32Type();
    queryColumns = scratch({depth, capacity}, f32);
    outputs = scratch({width, capacity}, f32);
    weights = scratch({tileKeys, vectors * lanes}, f32);
    maxima = scratch({capacity}, f32);
    sums = scratch({capacity}, f32);
    keyRows = scratch({tileKeys, (int64_t)llvm::alignTo(depth, lanes)}, f32);
    valueRows = scratch({tileKeys, (int64_t)llvm::alignTo(width, lanes)}, f32);
    if (scores.needsPositions())
      positions = scratch({capacity}, scores.positionType());
    if (op.getQuerySegments())
      segments = scratch({capacity}, b.getI64Type());
    if (op.getSlopes())
      slopes = scratch({capacity}, f32);
    if (op.getPrefix()) {
      Value end = scores.loadInteger(op.getPrefix(), {batch});
      if (scores.positionType().isInteger(32)) {
        auto bound = [&](int64_t value) -> Value {
          return arith::ConstantIntOp::create(b, value, 64);
        };
        end = minS(maxS(end, bound(0)), bound(INT32_MAX));
        end = arith::TruncIOp::create(b, b.getI32Type(), end);
      }
      prefix = end;
    }
  }

  struct Row {
    Value query, head;
  };
  Row rowAt(Value row) {
    row = b.min(row, b.sub(rows, b.idx(1)));
    return {b.add(firstQuery, b.div(row, sharing)),
            b.add(b.mul(group, sharing), b.rem(row, sharing))};
  }

  /// The lanes of elements first... of `total`.
  Lanes some(int64_t first, int64_t total) {
    if (first + lanes <= total)
      return full();
    return b.lanes(b.vec(), b.idx(total - first));
  }

  /// A vector of rows: queries to columns, nothing summed yet.
  void prepare(Value row) {
    SmallVector<Row> at;
    for (int64_t i = 0; i < lanes; ++i)
      at.push_back(rowAt(b.add(row, i)));
    Value factor = b.splat(b.vec(), scores.factor());
    for (int64_t n = 0; n < depth; n += lanes) {
      SmallVector<Value> tile;
      for (Row r : at)
        tile.push_back(b.load(some(n, depth), op.getQ(),
                              {batch, r.query, r.head, b.idx(n)}));
      transposeTile(b, tile);
      for (int64_t i = 0; i < std::min(lanes, depth - n); ++i)
        b.store(full(), b.fmul(tile[i], factor), queryColumns,
                {b.idx(n + i), row});
    }
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
        memref::StoreOp::create(b, value, scratch, ValueRange{here});
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
        put(scores.queryPosition(batch, r.query, shift), positions);
      if (segments)
        put(scores.loadInteger(op.getQuerySegments(), {batch, r.query}),
            segments);
    });
  }

  /// The keys that queries first to last may see: those before `global` and
  /// those from `begin` to `end`.
  struct Range {
    Value global, begin, end;
  };
  Range visible(Value firstQuery, Value lastQuery) {
    Value zero = b.idx(0);
    Range range{zero, zero, numKeys};
    if (op.getQueryPositions())
      return range;
    auto limit = [](int64_t value) {
      return std::min<int64_t>(value, 1 << 30);
    };
    auto clamp = [&](Value x) { return minS(maxS(x, zero), numKeys); };
    if (op.getRight())
      range.end =
          clamp(b.add(b.add(lastQuery, shift), limit(*op.getRight()) + 1));
    if (prefix)
      range.end =
          maxS(range.end,
               clamp(arith::IndexCastOp::create(b, b.getIndexType(), prefix)));
    if (op.getLeft() && !prefix) {
      range.begin =
          clamp(b.add(b.add(firstQuery, shift), -limit(*op.getLeft())));
      range.global = minS(b.idx(limit(op.getGlobal())), range.begin);
      range.global = minS(range.global, range.end);
    }
    return range;
  }

  void visitKeys() {
    Value lastRow = b.sub(rows, b.idx(1));
    Range range = visible(firstQuery, rowAt(lastRow).query);
    Value globals = b.ceilDiv(range.global, tileKeys);
    Value rest =
        b.ceilDiv(maxS(b.sub(range.end, range.begin), b.idx(0)), tileKeys);
    b.loop(b.idx(0), b.add(globals, rest), 1, [&](Value i) {
      Value isGlobal = b.less(i, globals);
      Value first =
          select(isGlobal, b.mul(i, tileKeys),
                 b.add(range.begin, b.mul(b.sub(i, globals), tileKeys)));
      Value end = minS(b.add(first, tileKeys),
                       select(isGlobal, range.global, range.end));
      isFinite = copy(first, end);
      b.loop(b.idx(0), rows, vectors * lanes, [&](Value row) {
        b.branch(
            b.lessEqual(b.sub(rows, row), b.idx(lanes)),
            [&] { visitTile(row, 1, first, end); },
            [&] { visitTile(row, vectors, first, end); });
      });
    });
  }

  /// Keys and values of a tile, rounded up to a register tile. Returns whether
  /// all values are finite.
  Value copy(Value first, Value end) {
    Value count = b.mul(b.ceilDiv(b.sub(end, first), step), step);
    Value zero = b.splat(b.vec(), 0.0);
    SmallVector<Value> zeros(std::min<int64_t>(4, width), zero);
    auto body = [&](Value j, ValueRange carried) {
      Value at = b.min(b.add(first, j), b.sub(end, b.idx(1)));
      SmallVector<Value> next(carried);
      for (int64_t n = 0; n < depth; n += lanes)
        b.store(full(),
                b.load(some(n, depth), op.getK(), {batch, at, group, b.idx(n)}),
                keyRows, {j, b.idx(n)});
      for (int64_t p = 0; p < width; p += lanes) {
        Value x =
            b.load(some(p, width), op.getV(), {batch, at, group, b.idx(p)});
        b.store(full(), x, valueRows, {j, b.idx(p)});
        // 0 times what is not finite is not a number.
        Value &sum = next[p / lanes % next.size()];
        sum = b.fma(x, zero, sum);
      }
      return next;
    };
    SmallVector<Value> rest(b.loop(b.idx(0), count, 1, zeros, body));
    Value all = rest[0];
    for (Value sum : ArrayRef<Value>(rest).drop_front())
      all = b.fadd(all, sum);
    // Reduced as one number, in which the order does not matter.
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
    Value lastRow = b.min(b.add(row, count * lanes - 1), b.sub(rows, b.idx(1)));
    Value early = rowAt(row).query, late = rowAt(lastRow).query;
    Range some = visible(early, late);
    Value zero = b.idx(0);
    Value isEarly = b.less(first, b.idx(op.getGlobal()));
    Value from = select(isEarly, zero, maxS(b.sub(some.begin, first), zero));
    Value to = maxS(b.sub(minS(end, some.end), first), zero);
    Tile tile{row, count, first, end, b.div(from, step), b.ceilDiv(to, step)};
    auto emit = [&](bool masked) {
      if (scores.dependsOnData() || op.getPrefix())
        return emitTile(tile, /*masked=*/true);
      emitTile(tile, masked);
    };
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
          if (scores.dependsOnData() || op.getPrefix())
            return emit(true);
          Range each = visible(late, early);
          if (op.getRight())
            require(lessEqual(highest, each.end));
          if (op.getLeft())
            require(arith::OrIOp::create(
                b, lessEqual(each.begin, lowest),
                b.lessEqual(highest, b.idx(op.getGlobal()))));
          b.branch(
              isInside, [&] { emit(false); }, [&] { emit(true); });
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
          key = scores.key(batch, b.add(tile.first, at), tile.end, numKeys);
        for (int64_t v = 0; v < count; ++v) {
          Value x = sums[c * count + v];
          if (masked || op.getSlopes() || op.getSoftcap()) {
            AttentionScores::Queries queries = queriesAt(starts[v]);
            x = scores.score(x, queries, key);
            if (masked) {
              Value end;
              if (prefix)
                end = b.broadcast(VectorType::get({lanes}, prefix.getType()),
                                  prefix);
              x = select(scores.isSeen(queries, key, end), x,
                         b.splat(b.vec(), -infinity));
            }
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
    for (int64_t p = 0; p < width; p += lanes) {
      SmallVector<Value> tile;
      for (int64_t i = 0; i < lanes; ++i)
        tile.push_back(
            p + i < width
                ? b.fmul(scale, b.load(full(), outputs, {b.idx(p + i), row}))
                : zero);
      transposeTile(b, tile);
      for (auto [r, value] : llvm::zip(at, tile))
        b.store(some(p, width), value, op.getY(),
                {batch, r.query, r.head, b.idx(p)});
    }
    Value most = b.load(full(), maxima, {row});
    Value lse =
        b.fma(most, b.splat(b.vec(), 1 / log2e), math::LogOp::create(b, sum));
    lse = select(isEmpty, b.splat(b.vec(), -infinity), lse);
    b.store(full(), lse, maxima, {row});
    b.loop(b.idx(0), b.idx(lanes), 1, [&](Value i) {
      Value here = b.add(row, i);
      Row r = rowAt(here);
      memref::StoreOp::create(b, b.loadScalar(maxima, {here}), op.getLse(),
                              ValueRange{batch, r.query, r.head});
    });
  }
};

bool isSupported(ssm::AttentionOp op, const CpuTarget &) {
  for (Value v : {op.getQ(), op.getK(), op.getV(), op.getY()})
    if (!isUnitStrideF32(v) || ShapedType::isDynamic(extent(v, 3)) ||
        extent(v, 3) > maxWidth || extent(v, 3) == 0)
      return false;
  for (Value v : {op.getLse(), op.getSlopes(), op.getSinks(), op.getBias()})
    if (v && !isF32MemRef(v))
      return false;
  // One bias for all queries and heads, as of keys that only fill up a batch.
  if (op.getBias() &&
      (extent(op.getBias(), 1) != 1 || extent(op.getBias(), 2) != 1 ||
       extent(op.getBias(), 3) == 1))
    return false;
  return extent(op.getQ(), 2) / extent(op.getK(), 2) <= maxWidth;
}

struct LowerAttention : ssmc::impl::SsmLowerAttentionBase<LowerAttention> {
  using SsmLowerAttentionBase::SsmLowerAttentionBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::AttentionOp, Kernel>(getOperation(), cpu,
                                                   isSupported)))
      signalPassFailure();
  }
};

} // namespace
