//===- AttentionOne.cpp - softmax attention of one query ------------------===//
//
// Keys and values are read once, where they lie; lanes run along the head.
// For a tile of keys and each head that shares it:
//
//   s[j] = sum_n q[n] * K[j][n]       a vector of keys at a time: their
//                                     products are summed in a tree, which
//                                     leaves one key in each lane
//   m' = max(m, max_j s[j]);  p[j] = 2^(s[j] - m')
//   Y[:] = 2^(m - m') * Y[:] + sum_j p[j] * V[j][:]
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Cpu/Attention.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ssmc;

namespace {

// Heads that share a key head, at most: more fill the lanes of a block.
constexpr int64_t maxHeads = 8;
// Keys of a tile: the second pass finds values of a tile near.
constexpr int64_t tileKeys = 64;

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::AttentionOp op, AttentionScores &scores,
         Value batch, Value group)
      : b(b), op(op), scores(scores), batch(batch), group(group),
        lanes(b.target.lanes), depth(extentOf(op.getQ(), 3)),
        width(extentOf(op.getV(), 3)), heads(getSharing(op)) {}

  void emit() {
    allocate();
    for (int64_t h = 0; h < heads; ++h)
      prepare(h);
    Value query = b.idx(0);
    auto range = scores.visible(query, query, scores.getPrefix(batch));
    scores.forEachTile(range, tileKeys,
                       [&](Value first, Value end) { visitTile(first, end); });
    for (int64_t h = 0; h < heads; ++h)
      finish(h);
  }

private:
  KernelBuilder &b;
  ssm::AttentionOp op;
  AttentionScores &scores;
  Value batch, group;
  int64_t lanes, depth, width, heads;
  // By head: q[h][n], Y[h][p], s[h][j] which becomes p, m[h] and l[h] and
  // 2^(m - m') in lanes.
  Value queryRows, outputs, weights, maxima, sums, scales;
  Value prefix;                   // in lanes
  AttentionScores::Queries query; // slope by head
  AttentionScores::Keys keyData;  // of a vector of keys

  Lanes full() { return {b.vec(), {}}; }
  Value head(int64_t h) { return b.add(b.mul(group, heads), h); }
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

  void allocate() {
    auto ofHeads = [&](int64_t count) {
      return b.scratch({heads, (int64_t)llvm::alignTo(count, lanes)});
    };
    queryRows = ofHeads(depth);
    outputs = ofHeads(width);
    weights = ofHeads(tileKeys);
    maxima = ofHeads(lanes);
    sums = ofHeads(lanes);
    scales = ofHeads(lanes);
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

  void prepare(int64_t h) {
    Value row = b.idx(h), first = b.idx(0), zero = b.splat(b.vec(), 0.0);
    Value factor = b.splat(b.vec(), scores.factor());
    forEachVector(b, depth, [&](Value n, Lanes some, int64_t) {
      Value q = b.load(some, op.getQ(), {batch, first, head(h), n});
      b.store(full(), b.fmul(q, factor), queryRows, {row, n});
    });
    forEachVector(b, width, [&](Value p, Lanes, int64_t) {
      b.store(full(), zero, outputs, {row, p});
    });
    b.store(full(), zero, sums, {row, first});
    Value most = b.splat(b.vec(), -infinity);
    if (op.getSinks()) {
      Value one = b.splat(b.getF32Type(), 1.0);
      b.storeScalar(one, sums, ValueRange{row, first});
      most = b.fmul(repeat(b.loadScalar(op.getSinks(), {head(h)})),
                    b.splat(b.vec(), log2e));
    }
    b.store(full(), most, maxima, {row, first});
  }

  void visitTile(Value first, Value end) {
    Value count = b.sub(end, first);
    b.loop(b.idx(0), count, lanes, [&](Value j) {
      AttentionScores::Keys keys = keysFrom(b.add(first, j), end);
      for (int64_t h = 0; h < heads; ++h) {
        if (op.getSlopes())
          query.slope = b.fmul(repeat(b.loadScalar(op.getSlopes(), {head(h)})),
                               b.splat(b.vec(), -log2e));
        Value x = scores.score(products(h, b.add(first, j), end), query, keys);
        x = select(scores.isSeen(query, keys, prefix), x,
                   b.splat(b.vec(), -infinity));
        b.store(full(), x, weights, {b.idx(h), j});
      }
    });
    for (int64_t h = 0; h < heads; ++h)
      weigh(h, count);
    // As many vectors of all heads as registers hold.
    int64_t vectors = llvm::divideCeil(width, lanes);
    int64_t panel = std::clamp<int64_t>(b.target.registers / 2 / heads, 1,
                                        std::min<int64_t>(8, vectors));
    int64_t whole = width / (panel * lanes) * panel * lanes;
    b.loop(b.idx(0), b.idx(whole), panel * lanes, [&](Value p) {
      emitOutputs(first, count, p, SmallVector<Lanes>(panel, full()));
    });
    SmallVector<Lanes> rest;
    for (int64_t p = whole; p < width; p += lanes)
      rest.push_back(p + lanes <= width ? full()
                                        : b.lanes(b.vec(), b.idx(width - p)));
    if (!rest.empty())
      emitOutputs(first, count, b.idx(whole), rest);
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

  /// Products of the query and a vector of keys.
  Value products(int64_t h, Value first, Value end) {
    SmallVector<Value> rows;
    for (int64_t i = 0; i < lanes; ++i)
      rows.push_back(b.min(b.add(first, i), b.sub(end, b.idx(1))));
    auto add = [&](Value n, Lanes some, ValueRange sums) {
      Value q = b.load(full(), queryRows, {b.idx(h), n});
      SmallVector<Value> next(sums);
      for (auto [sum, row] : llvm::zip(next, rows))
        sum = b.fma(q, b.load(some, op.getK(), {batch, row, group, n}), sum);
      return next;
    };
    SmallVector<Value> sums(lanes, b.splat(b.vec(), 0.0));
    int64_t whole = depth / lanes * lanes;
    sums = SmallVector<Value>(
        b.loop(b.idx(0), b.idx(whole), lanes, sums,
               [&](Value n, ValueRange sums) { return add(n, full(), sums); }));
    if (whole < depth)
      sums = add(b.idx(whole), b.lanes(b.vec(), b.idx(depth - whole)), sums);
    // Of vectors i and i + s, lanes without and with bit s hold the sums of
    // pairs of lanes s apart.
    for (int64_t s = lanes / 2; s > 0; s /= 2) {
      SmallVector<int64_t> low, high;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        low.push_back(lane & s ? lanes + lane - s : lane);
        high.push_back(lane & s ? lanes + lane : lane + s);
      }
      for (int64_t i = 0; i < s; ++i)
        sums[i] =
            b.fadd(vector::ShuffleOp::create(b, sums[i], sums[i + s], low),
                   vector::ShuffleOp::create(b, sums[i], sums[i + s], high));
    }
    return sums[0];
  }

  /// Scores of a head to weights.
  void weigh(int64_t h, Value count) {
    Value row = b.idx(h), first = b.idx(0), zero = b.splat(b.vec(), 0.0);
    Value old = b.load(full(), maxima, {row, first});
    Value most =
        b.loop(first, count, lanes, old, [&](Value j, ValueRange most) {
          Value x = b.load(full(), weights, {row, j});
          return SmallVector<Value>{larger(x, most[0])};
        })[0];
    most = repeat(reduce(vector::CombiningKind::MAXNUMF, most));
    b.store(full(), most, maxima, {row, first});
    Value base = select(equals(most, -infinity), zero, most);
    Value scale = b.exp2(b.fsub(old, base));
    b.store(full(), scale, scales, {row, first});
    Value sum = b.fmul(scale, b.load(full(), sums, {row, first}));
    sum = b.loop(first, count, lanes, sum, [&](Value j, ValueRange sum) {
      Value x = b.load(full(), weights, {row, j});
      Value weight = b.exp2(b.fsub(x, base));
      // Powers of two may be a little above 0.
      weight = select(equals(x, -infinity), zero, weight);
      b.store(full(), weight, weights, {row, j});
      return SmallVector<Value>{b.fadd(sum[0], weight)};
    })[0];
    b.store(full(), sum, sums, {row, first});
  }

  /// Y[h][p...] of all heads. A weight of 0 adds nothing, even to a value that
  /// is not finite.
  void emitOutputs(Value first, Value count, Value p, ArrayRef<Lanes> access) {
    int64_t panel = access.size();
    auto column = [&](int64_t v) { return b.add(p, v * lanes); };
    SmallVector<Value> totals;
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t v = 0; v < panel; ++v)
        totals.push_back(
            b.fmul(b.load(full(), scales, {b.idx(h), b.idx(0)}),
                   b.load(full(), outputs, {b.idx(h), column(v)})));
    auto body = [&](Value j, ValueRange carried) {
      SmallVector<Value> next(carried), x;
      for (int64_t v = 0; v < panel; ++v)
        x.push_back(b.load(access[v], op.getV(),
                           {batch, b.add(first, j), group, column(v)}));
      for (int64_t h = 0; h < heads; ++h) {
        Value weight = repeat(b.loadScalar(weights, {b.idx(h), j}));
        Value isZero = equals(weight, 0.0);
        for (int64_t v = 0; v < panel; ++v) {
          Value &total = next[h * panel + v];
          total = select(isZero, total, b.fma(x[v], weight, total));
        }
      }
      return next;
    };
    ValueRange found = b.loop(b.idx(0), count, 1, totals, body);
    for (auto [i, value] : llvm::enumerate(found))
      b.store(full(), value, outputs, {b.idx(i / panel), column(i % panel)});
  }

  void finish(int64_t h) {
    Value row = b.idx(h), first = b.idx(0), zero = b.splat(b.vec(), 0.0);
    Value sum = repeat(
        reduce(vector::CombiningKind::ADD, b.load(full(), sums, {row, first})));
    Value isEmpty = equals(sum, 0.0);
    Value scale = select(isEmpty, zero, b.fdiv(b.splat(b.vec(), 1.0), sum));
    forEachVector(b, width, [&](Value p, Lanes some, int64_t) {
      Value y = b.load(full(), outputs, {row, p});
      b.store(some, b.fmul(scale, y), op.getY(), {batch, first, head(h), p});
    });
    Value most = b.load(full(), maxima, {row, first});
    Value lse =
        b.fma(most, b.splat(b.vec(), 1 / log2e), math::LogOp::create(b, sum));
    lse = select(isEmpty, b.splat(b.vec(), -infinity), lse);
    b.store(full(), lse, maxima, {row, first});
    b.storeScalar(b.loadScalar(maxima, {row, first}), op.getLse(),
                  ValueRange{batch, first, head(h)});
  }
};

} // namespace

bool ssmc::hasAttentionOfOne(ssm::AttentionOp op) {
  return getSharing(op) <= maxHeads;
}

void ssmc::emitAttentionOfOne(KernelBuilder &b, ssm::AttentionOp op,
                              AttentionScores &scores, Value batch,
                              Value group) {
  Kernel(b, op, scores, batch, group).emit();
}
