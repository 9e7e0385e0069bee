//===- AttentionOne.cpp - softmax attention of one query ------------------===//
//
// One query is limited by reading keys and values, so they are read once, in
// the order of memory, for all heads: of a cache B x L x heads x N a head's own
// rows would lie far apart. One parallel iteration owns a part of the keys of a
// batch row. For a tile of keys and each head, with lanes along the head,
//
//   s[j] = sum_n q[n] * K[j][n]       a vector of keys at a time: their
//                                     products are summed in a tree, which
//                                     leaves one key in each lane
//   m' = max(m, max_j s[j]);  p[j] = 2^(s[j] - m');  c = 2^(m - m')
//   l = c * l + sum_j p[j];   Y[:] = c * Y[:] + sum_j p[j] * V[j][:]
//
// and then, of all parts i of a head and its sink, with M the maximum of all,
//
//   y[:] = sum_i 2^(m[i] - M) Y[i][:] / (2^(sink - M) + sum_i 2^(m[i] - M)
//   l[i])
//
// The parts depend on the extents alone, so that results are the same for any
// number of threads.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Cpu/Attention.h"
#include "lib/Codegen/Cpu/Transpose.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ssmc;

namespace {

// Heads that share a key head, at most: more fill the lanes of a block.
constexpr int64_t maxSharing = 8;
// Keys of a tile: the second pass finds values of a tile near.
constexpr int64_t tileKeys = 64;
// Floats of the keys and values of a part, about, and its tiles at least:
// enough that putting parts together costs little, few enough to keep several
// threads busy.
constexpr int64_t partFloats = 256 * 1024;
constexpr int64_t partTiles = 4;
// Floats of all heads on the stack, at most.
constexpr int64_t maxScratch = 128 * 1024;

int64_t tilesOfPart(ssm::AttentionOp op) {
  int64_t ofKey = extentOf(op.getK(), 2) *
                  (extentOf(op.getK(), 3) + extentOf(op.getV(), 3));
  return std::max<int64_t>(partTiles, partFloats / ofKey / tileKeys);
}

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::AttentionOp op, AttentionScores &scores)
      : b(b), op(op), scores(scores), lanes(b.target.lanes),
        depth(extentOf(op.getQ(), 3)), width(extentOf(op.getV(), 3)),
        groups(extentOf(op.getK(), 2)), sharing(getSharing(op)) {}

  void emit() {
    int64_t heads = groups * sharing;
    Value batches = b.dim(op.getQ(), 0);
    Value parts = countParts();
    auto ofParts = [&](int64_t inner) -> Value {
      int64_t dynamic = ShapedType::kDynamic;
      auto type =
          MemRefType::get({dynamic, dynamic, heads, inner}, b.getF32Type());
      return memref::AllocOp::create(b, type, ValueRange{batches, parts},
                                     b.getI64IntegerAttr(64));
    };
    outputs = ofParts(llvm::alignTo(width, lanes));
    maxima = ofParts(1);
    sums = ofParts(1);
    b.parallel({batches, parts}, [&](ValueRange index) {
      batch = index[0];
      part = index[1];
      emitPart(heads);
    });
    b.parallel({batches, b.idx(heads)}, [&](ValueRange index) {
      batch = index[0];
      putTogether(parts, index[1]);
    });
    for (Value memory : {outputs, maxima, sums})
      memref::DeallocOp::create(b, memory);
  }

private:
  KernelBuilder &b;
  ssm::AttentionOp op;
  AttentionScores &scores;
  int64_t lanes, depth, width, groups, sharing;
  // Of parts and heads: Y[i][h][p], m[i][h], l[i][h].
  Value outputs, maxima, sums;
  Value batch, part, lastKey;
  // Of a part, by head: q[h][n], s[h][j] which becomes p, m[h] and l[h] in
  // lanes.
  Value queryRows, weights, mostNow, sumNow;
  Value partial; // sums of products by head of a group, a few keys in each
  Value prefix;  // in lanes
  AttentionScores::Queries query;
  AttentionScores::Keys keyData; // of a vector of keys

  Lanes full() { return {b.vec(), {}}; }
  /// Head h of those that share a key head.
  Value headOf(Value group, int64_t h) {
    return b.add(b.mul(group, sharing), h);
  }
  Value equals(Value x, double value) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x,
                                 b.splat(x.getType(), value));
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value larger(Value x, Value y) {
    Value is = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y);
    return select(is, x, y);
  }
  Value repeat(Value scalar) {
    return b.broadcast(VectorType::get({lanes}, scalar.getType()), scalar);
  }
  Value reduce(vector::CombiningKind kind, Value x) {
    return vector::ReductionOp::create(b, kind, x,
                                       arith::FastMathFlags::reassoc);
  }
  static constexpr double infinity = std::numeric_limits<double>::infinity();

  /// Parts of the keys that a batch row visits, at most.
  Value countParts() {
    Value query = b.idx(0);
    AttentionScores::Range range{query, query, scores.numKeys};
    if (!op.getPrefix())
      range = scores.visible(query, query, {});
    return b.ceilDiv(scores.countTiles(range, tileKeys), tilesOfPart(op));
  }

  void emitPart(int64_t heads) {
    allocate(heads);
    b.loop(b.idx(0), b.idx(heads), 1, [&](Value head) { prepare(head); });
    Value first = b.idx(0);
    AttentionScores::Range range =
        scores.visible(first, first, scores.getPrefix(batch));
    Value from = b.mul(part, tilesOfPart(op));
    Value to =
        b.min(b.add(from, tilesOfPart(op)), scores.countTiles(range, tileKeys));
    Value last = b.sub(b.createOrFold<arith::MaxUIOp>(to, b.idx(1)), b.idx(1));
    lastKey = b.sub(scores.tileAt(range, tileKeys, last).second, b.idx(1));
    scores.forEachTile(range, tileKeys, from, to, [&](Value first, Value end) {
      if (!scores.dependsOnKeys())
        return visitTile(first, end);
      b.branch(
          isSomeSeen(first, end), [&] { visitTile(first, end); }, [] {});
    });
    b.loop(b.idx(0), b.idx(heads), 1, [&](Value head) {
      Value all = b.load(full(), sumNow, {head, first});
      b.storeScalar(reduce(vector::CombiningKind::ADD, all), sums,
                    {batch, part, head, first});
      b.storeScalar(b.loadScalar(mostNow, {head, first}), maxima,
                    {batch, part, head, first});
    });
  }

  void allocate(int64_t heads) {
    auto ofHeads = [&](int64_t count) {
      return b.scratch({heads, (int64_t)llvm::alignTo(count, lanes)});
    };
    queryRows = ofHeads(depth);
    weights = ofHeads(tileKeys);
    mostNow = ofHeads(lanes);
    sumNow = ofHeads(lanes);
    partial = b.scratch({sharing, lanes / keysAtOnce(), lanes});
    if (op.getKeyPositions())
      keyData.position = b.scratch({lanes}, b.getI64Type());
    if (op.getKeySegments())
      keyData.segment = b.scratch({lanes}, b.getI64Type());
    if (op.getBias())
      keyData.bias = b.scratch({lanes});
    prefix = scores.getPrefix(batch);
    if (prefix)
      prefix = b.broadcast(VectorType::get({lanes}, prefix.getType()), prefix);
    if (scores.hasPositions())
      query.position = repeat(scores.queryPosition(batch, b.idx(0)));
    if (op.getQuerySegments())
      query.segment =
          repeat(scores.loadInteger(op.getQuerySegments(), {batch, b.idx(0)}));
  }

  void prepare(Value head) {
    Value first = b.idx(0), zero = b.splat(b.vec(), 0.0);
    Value factor = b.splat(b.vec(), scores.factor());
    forEachVector(b, depth, [&](Value n, Lanes some, int64_t) {
      Value q = b.load(some, op.getQ(), {batch, first, head, n});
      b.store(full(), b.fmul(q, factor), queryRows, {head, n});
    });
    forEachVector(b, width, [&](Value p, Lanes, int64_t) {
      b.store(full(), zero, outputs, {batch, part, head, p});
    });
    b.store(full(), zero, sumNow, {head, first});
    b.store(full(), b.splat(b.vec(), -infinity), mostNow, {head, first});
  }

  /// Whether the query sees one of the keys.
  Value isSomeSeen(Value first, Value end) {
    auto type = VectorType::get({lanes}, b.getI1Type());
    Value none =
        arith::ConstantOp::create(b, DenseElementsAttr::get(type, false));
    Value seen =
        b.loop(first, end, lanes, none, [&](Value key, ValueRange seen) {
          Value here = scores.isSeen(query, keysFrom(key, end), prefix);
          return SmallVector<Value>{arith::OrIOp::create(b, seen[0], here)};
        })[0];
    return vector::ReductionOp::create(b, vector::CombiningKind::OR, seen);
  }

  void visitTile(Value first, Value end) {
    Value count = b.sub(end, first), all = b.idx(groups);
    b.loop(b.idx(0), count, lanes, [&](Value j) {
      Value key = b.add(first, j);
      AttentionScores::Keys keys = keysFrom(key, end);
      b.loop(b.idx(0), all, 1, [&](Value group) {
        SmallVector<Value> found = products(group, key, end);
        for (int64_t h = 0; h < sharing; ++h) {
          Value head = headOf(group, h);
          if (op.getSlopes())
            query.slope = b.fmul(repeat(b.loadScalar(op.getSlopes(), {head})),
                                 b.splat(b.vec(), -log2e));
          Value x = scores.score(found[h], query, keys);
          x = select(scores.isSeen(query, keys, prefix), x,
                     b.splat(b.vec(), -infinity));
          b.store(full(), x, weights, {head, j});
        }
      });
    });
    b.loop(b.idx(0), b.idx(groups * sharing), 1,
           [&](Value head) { weigh(head, count); });
    b.loop(b.idx(0), count, lanes, [&](Value j) {
      Value to = b.min(b.add(j, lanes), count);
      b.loop(b.idx(0), all, 1,
             [&](Value group) { addValues(group, first, j, to); });
    });
  }

  /// Adds keys from `from` to `to` of a tile to the outputs of a group.
  void addValues(Value group, Value first, Value from, Value to) {
    // As many vectors of all heads as registers hold.
    int64_t vectors = llvm::divideCeil(width, lanes);
    int64_t panel = std::clamp<int64_t>(b.target.registers / 2 / sharing, 1,
                                        std::min<int64_t>(8, vectors));
    int64_t whole = width / (panel * lanes) * panel * lanes;
    b.loop(b.idx(0), b.idx(whole), panel * lanes, [&](Value p) {
      emitOutputs(group, first, from, to, p, SmallVector<Lanes>(panel, full()));
    });
    SmallVector<Lanes> rest;
    for (int64_t p = whole; p < width; p += lanes)
      rest.push_back(p + lanes <= width ? full()
                                        : b.lanes(b.vec(), b.idx(width - p)));
    if (!rest.empty())
      emitOutputs(group, first, from, to, b.idx(whole), rest);
  }

  /// A vector of keys from `first` on.
  AttentionScores::Keys keysFrom(Value first, Value end) {
    AttentionScores::Keys keys;
    auto copy = [&](Value scratch, Value scalar, Value i) {
      if (scratch)
        b.storeScalar(scalar, scratch, ValueRange{i});
    };
    auto load = [&](Value scratch) -> Value {
      if (!scratch)
        return {};
      Type type = cast<MemRefType>(scratch.getType()).getElementType();
      return b.load({VectorType::get({lanes}, type), {}}, scratch, {b.idx(0)});
    };
    if (keyData.position || keyData.segment || keyData.bias)
      b.loop(b.idx(0), b.idx(lanes), 1, [&](Value i) {
        AttentionScores::Keys one = scores.dataOfKey(batch, b.add(first, i));
        copy(keyData.position, one.position, i);
        copy(keyData.segment, one.segment, i);
        copy(keyData.bias, one.bias, i);
      });
    keys = {
        load(keyData.position), load(keyData.segment), load(keyData.bias), {}};
    if (!keys.position && scores.hasKeyPositions()) {
      SmallVector<Attribute> steps;
      for (int64_t i = 0; i < lanes; ++i)
        steps.push_back(b.getIntegerAttr(scores.positionType(), i));
      auto type = VectorType::get({lanes}, scores.positionType());
      Value offsets =
          arith::ConstantOp::create(b, DenseElementsAttr::get(type, steps));
      Value start = arith::IndexCastOp::create(b, scores.positionType(), first);
      keys.position = arith::AddIOp::create(b, repeat(start), offsets);
    }
    keys.isThere =
        b.lanes(b.vec(), b.min(b.sub(end, first), b.idx(lanes))).mask;
    return keys;
  }

  /// Products of the queries of a group and a vector of keys, by head. A few
  /// keys at a time are multiplied with all heads.
  SmallVector<Value> products(Value group, Value first, Value end) {
    int64_t few = keysAtOnce();
    b.loop(b.idx(0), b.idx(lanes / few), 1, [&](Value step) {
      SmallVector<Value> rows;
      Value from = b.add(first, b.mul(step, few));
      for (int64_t i = 0; i < few; ++i)
        rows.push_back(b.min(b.add(from, i), b.sub(end, b.idx(1))));
      // The rows of one head lie too far apart for the processor to ask for
      // them by itself: here of the values, with them of the next keys.
      b.loop(b.idx(0), b.idx(few), 1, [&](Value i) {
        Value row = b.min(b.add(from, i), b.sub(end, b.idx(1)));
        for (int64_t p = 0; p < width; p += cacheLineFloats)
          b.prefetch(op.getV(), {batch, row, group, b.idx(p)});
      });
      auto add = [&](Value n, Lanes some, ValueRange sums) {
        SmallVector<Value> next(sums), q;
        for (int64_t h = 0; h < sharing; ++h)
          q.push_back(b.load(full(), queryRows, {headOf(group, h), n}));
        for (auto [i, row] : llvm::enumerate(rows)) {
          Value k = b.load(some, op.getK(), {batch, row, group, n});
          for (int64_t h = 0; h < sharing; ++h) {
            Value &sum = next[h * few + i];
            sum = b.fma(q[h], k, sum);
          }
        }
        return next;
      };
      SmallVector<Value> sums(few * sharing, b.splat(b.vec(), 0.0));
      int64_t whole = depth / lanes * lanes;
      sums = SmallVector<Value>(b.loop(
          b.idx(0), b.idx(whole), lanes, sums,
          [&](Value n, ValueRange sums) { return add(n, full(), sums); }));
      if (whole < depth)
        sums = add(b.idx(whole), b.lanes(b.vec(), b.idx(depth - whole)), sums);
      for (int64_t h = 0; h < sharing; ++h)
        b.store(full(), sumPairs(ArrayRef(sums).slice(h * few, few), 1),
                partial, {b.idx(h), step, b.idx(0)});
    });
    SmallVector<Value> found;
    for (int64_t h = 0; h < sharing; ++h) {
      SmallVector<Value> sums;
      for (int64_t i = 0; i < lanes / few; ++i)
        sums.push_back(b.load(full(), partial, {b.idx(h), b.idx(i), b.idx(0)}));
      found.push_back(sumPairs(sums, few));
    }
    return found;
  }

  /// Keys whose products with all heads of a group are summed at once.
  int64_t keysAtOnce() {
    int64_t few = lanes;
    while (few > 1 && few * sharing > lanes)
      few /= 2;
    return few;
  }

  /// Lanes of neighbouring vectors summed as far as there are pairs.
  Value sumPairs(ArrayRef<Value> vectors, int64_t s) {
    SmallVector<Value> sums(vectors);
    for (; sums.size() > 1; s *= 2) {
      for (size_t i = 0; i < sums.size() / 2; ++i)
        sums[i] = addPairs(b, sums[2 * i], sums[2 * i + 1], s);
      sums.truncate(sums.size() / 2);
    }
    return sums[0];
  }

  /// Scores of a head to weights; scales what is summed already.
  void weigh(Value head, Value count) {
    Value first = b.idx(0), zero = b.splat(b.vec(), 0.0);
    Value old = b.load(full(), mostNow, {head, first});
    Value most =
        b.loop(first, count, lanes, old, [&](Value j, ValueRange most) {
          Value x = b.load(full(), weights, {head, j});
          return SmallVector<Value>{larger(x, most[0])};
        })[0];
    most = repeat(reduce(vector::CombiningKind::MAXNUMF, most));
    b.store(full(), most, mostNow, {head, first});
    Value base = select(equals(most, -infinity), zero, most);
    Value scale = b.exp2(b.fsub(old, base));
    forEachVector(b, width, [&](Value p, Lanes, int64_t) {
      Value at[] = {batch, part, head, p};
      Value y = b.load(full(), outputs, at);
      b.store(full(), b.fmul(scale, y), outputs, at);
    });
    Value sum = b.fmul(scale, b.load(full(), sumNow, {head, first}));
    sum = b.loop(first, count, lanes, sum, [&](Value j, ValueRange sum) {
      Value x = b.load(full(), weights, {head, j});
      Value weight = b.exp2(b.fsub(x, base));
      // Powers of two may be a little above 0.
      weight = select(equals(x, -infinity), zero, weight);
      b.store(full(), weight, weights, {head, j});
      return SmallVector<Value>{b.fadd(sum[0], weight)};
    })[0];
    b.store(full(), sum, sumNow, {head, first});
  }

  /// Y[h][p...] of the heads of a group. A weight of 0 adds nothing, even to a
  /// value that is not finite.
  void emitOutputs(Value group, Value first, Value from, Value to, Value p,
                   ArrayRef<Lanes> access) {
    int64_t panel = access.size();
    auto column = [&](int64_t v) { return b.add(p, v * lanes); };
    auto place = [&](int64_t i) -> SmallVector<Value> {
      return {batch, part, headOf(group, i / panel), column(i % panel)};
    };
    SmallVector<Value> totals;
    for (int64_t i = 0; i < sharing * panel; ++i)
      totals.push_back(b.load(full(), outputs, place(i)));
    auto body = [&](Value j, ValueRange carried) {
      SmallVector<Value> next(carried), x;
      Value ahead = b.min(b.add(b.add(first, j), tileKeys), lastKey);
      for (int64_t v = 0; v < panel; ++v)
        b.prefetch(op.getK(),
                   {batch, ahead, group, b.min(column(v), b.idx(depth - 1))});
      for (int64_t v = 0; v < panel; ++v)
        x.push_back(b.load(access[v], op.getV(),
                           {batch, b.add(first, j), group, column(v)}));
      for (int64_t h = 0; h < sharing; ++h) {
        Value weight = repeat(b.loadScalar(weights, {headOf(group, h), j}));
        Value isZero = equals(weight, 0.0);
        for (int64_t v = 0; v < panel; ++v) {
          Value &total = next[h * panel + v];
          total = select(isZero, total, b.fma(x[v], weight, total));
        }
      }
      return next;
    };
    ValueRange found = b.loop(from, to, 1, totals, body);
    for (auto [i, value] : llvm::enumerate(found))
      b.store(full(), value, outputs, place(i));
  }

  /// The parts of a head, and its sink, to memory.
  void putTogether(Value parts, Value head) {
    Value first = b.idx(0), zero = b.splat(b.vec(), 0.0);
    Value none = b.splat(b.vec(), -infinity), sink = none;
    if (op.getSinks())
      sink = b.fmul(repeat(b.loadScalar(op.getSinks(), {head})),
                    b.splat(b.vec(), log2e));
    auto load = [&](Value memref, Value i) {
      return repeat(b.loadScalar(memref, {batch, i, head, first}));
    };
    Value most = b.loop(first, parts, 1, sink, [&](Value i, ValueRange most) {
      return SmallVector<Value>{larger(load(maxima, i), most[0])};
    })[0];
    Value base = select(equals(most, -infinity), zero, most);
    // A part, or a sink, of no weight.
    auto weightOf = [&](Value x) {
      return select(equals(x, -infinity), zero, b.exp2(b.fsub(x, base)));
    };
    Value sum =
        b.loop(first, parts, 1, weightOf(sink), [&](Value i, ValueRange sum) {
          Value weight = weightOf(load(maxima, i));
          b.storeScalar(vector::ExtractOp::create(b, weight, 0), maxima,
                        {batch, i, head, first});
          return SmallVector<Value>{b.fma(weight, load(sums, i), sum[0])};
        })[0];
    Value isEmpty = equals(sum, 0.0);
    Value scale = select(isEmpty, zero, b.fdiv(b.splat(b.vec(), 1.0), sum));
    forEachVector(b, width, [&](Value p, Lanes some, int64_t) {
      Value y = b.loop(first, parts, 1, zero, [&](Value i, ValueRange y) {
        Value weight = load(maxima, i);
        Value x = b.load(full(), outputs, {batch, i, head, p});
        return SmallVector<Value>{b.fma(weight, x, y[0])};
      })[0];
      b.store(some, b.fmul(scale, y), op.getY(), {batch, first, head, p});
    });
    Value lse =
        b.fma(most, b.splat(b.vec(), 1 / log2e), math::LogOp::create(b, sum));
    lse = select(isEmpty, none, lse);
    b.storeScalar(vector::ExtractOp::create(b, lse, 0), op.getLse(),
                  ValueRange{batch, first, head});
  }
};

} // namespace

bool ssmc::hasAttentionOfOne(ssm::AttentionOp op) {
  int64_t heads = extentOf(op.getQ(), 2), most = 1 << 20;
  int64_t ofHead = std::min(extentOf(op.getQ(), 3), most) + tileKeys + 64;
  return getSharing(op) <= maxSharing && heads <= maxScratch / ofHead;
}

void ssmc::emitAttentionOfOne(KernelBuilder &b, ssm::AttentionOp op,
                              AttentionScores &scores) {
  Kernel(b, op, scores).emit();
}
