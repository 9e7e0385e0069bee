//===- AttentionScores.cpp - what a query makes of a key ------------------===//

#include "lib/Codegen/Cpu/AttentionScores.h"

#include "dialects/ssm/AttentionMask.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ssmc;

AttentionScores::AttentionScores(KernelBuilder &b, ssm::AttentionOp op)
    : numQueries(b.dim(op.getQ(), 1)), numKeys(b.dim(op.getK(), 1)), b(b),
      op(op), shift(b.sub(numKeys, numQueries)) {}

double AttentionScores::factor() {
  int64_t width = extentOf(op.getQ(), 3);
  double scale = op.getScale() ? op.getScale()->convertToDouble()
                               : 1.0 / std::sqrt(double(width));
  // 2^factor is e^(2 x / cap) where a score is capped.
  if (op.getSoftcap())
    return 2 * log2e * scale / op.getSoftcap()->convertToDouble();
  return log2e * scale;
}

Value AttentionScores::score(Value product, const Queries &queries,
                             const Keys &keys) {
  Value x = product;
  auto c = [&](double value) { return b.splat(x.getType(), value); };
  if (op.getSoftcap()) {
    // tanh(y) = 1 - 2 / (e^2y + 1)
    double cap = op.getSoftcap()->convertToDouble() * log2e;
    x = b.fsub(c(cap), b.fdiv(c(2 * cap), b.fadd(b.exp2(x), c(1.0))));
  }
  if (keys.bias)
    x = b.fma(keys.bias, c(log2e), x);
  if (queries.slope) {
    // By the difference as an integer: a slope times a position would round.
    Value away = arith::SubIOp::create(b, keys.position, queries.position);
    away = arith::SIToFPOp::create(b, x.getType(), away);
    away = math::AbsFOp::create(b, away);
    x = b.fma(away, queries.slope, x);
  }
  return x;
}

Value AttentionScores::isSeen(const Queries &queries, const Keys &keys,
                              Value prefix) {
  Value seen = ssm::buildIsSeen(b, b.getLoc(), op, queries.position,
                                keys.position, prefix);
  auto both = [&](Value x) {
    seen = seen ? Value(arith::AndIOp::create(b, seen, x)) : x;
  };
  if (op.getKeySegments())
    both(compare(arith::CmpIPredicate::eq, queries.segment, keys.segment));
  // Adding -infinity would not hide a score that is no number.
  if (keys.bias)
    both(arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, keys.bias,
                               b.splat(keys.bias.getType(), -INFINITY)));
  if (keys.isThere)
    both(keys.isThere);
  return seen;
}

Value AttentionScores::loadInteger(Value memref, ValueRange indices) {
  Value value = b.loadScalar(memref, indices);
  if (value.getType().isInteger(64))
    return value;
  return arith::ExtSIOp::create(b, b.getI64Type(), value);
}

Value AttentionScores::queryPosition(Value batch, Value i) {
  if (op.getQueryPositions())
    return loadInteger(op.getQueryPositions(), {batch, i});
  return arith::IndexCastOp::create(b, positionType(), b.add(i, shift));
}

Value AttentionScores::getPrefix(Value batch) {
  if (!op.getPrefix())
    return {};
  Value prefix = loadInteger(op.getPrefix(), {batch});
  if (positionType().isInteger(64))
    return prefix;
  auto bound = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(b, value, 64);
  };
  prefix = arith::MaxSIOp::create(b, prefix, bound(0));
  prefix = arith::MinSIOp::create(b, prefix, bound(INT32_MAX));
  return arith::TruncIOp::create(b, b.getI32Type(), prefix);
}

AttentionScores::Range AttentionScores::visible(Value firstQuery,
                                                Value lastQuery, Value prefix) {
  Value zero = b.idx(0);
  Range range{zero, zero, numKeys};
  if (op.getQueryPositions())
    return range;
  auto larger = [&](Value x, Value y) {
    return b.createOrFold<arith::MaxSIOp>(x, y);
  };
  auto smaller = [&](Value x, Value y) {
    return b.createOrFold<arith::MinSIOp>(x, y);
  };
  auto limit = [](int64_t value) { return std::min<int64_t>(value, 1 << 30); };
  auto clamp = [&](Value x) { return smaller(larger(x, zero), numKeys); };
  if (op.getRight())
    range.end =
        clamp(b.add(b.add(lastQuery, shift), limit(*op.getRight()) + 1));
  if (prefix)
    range.end =
        larger(range.end,
               clamp(arith::IndexCastOp::create(b, b.getIndexType(), prefix)));
  if (op.getLeft() && !prefix) {
    range.begin = clamp(b.add(b.add(firstQuery, shift), -limit(*op.getLeft())));
    range.global =
        smaller(b.idx(limit(op.getGlobal())), smaller(range.begin, range.end));
  }
  return range;
}

Value AttentionScores::countTiles(const Range &range, int64_t size) {
  Value begin = b.min(range.begin, range.end);
  return b.add(b.ceilDiv(range.global, size),
               b.ceilDiv(b.sub(range.end, begin), size));
}

std::pair<Value, Value> AttentionScores::tileAt(const Range &range,
                                                int64_t size, Value i) {
  Value globals = b.ceilDiv(range.global, size);
  Value begin = b.min(range.begin, range.end);
  Value isGlobal = b.less(i, globals);
  auto select = [&](Value x, Value y) {
    return b.createOrFold<arith::SelectOp>(isGlobal, x, y);
  };
  Value first =
      select(b.mul(i, size), b.add(begin, b.mul(b.sub(i, globals), size)));
  Value end = select(range.global, range.end);
  return {first, b.min(b.add(first, size), end)};
}

void AttentionScores::forEachTile(const Range &range, int64_t size, Value from,
                                  Value to, TileBody body) {
  b.loop(from, to, 1, [&](Value i) {
    auto [first, end] = tileAt(range, size, i);
    body(first, end);
  });
}

AttentionScores::Keys AttentionScores::dataOfKey(Value batch, Value j) {
  Value at = b.min(j, b.sub(numKeys, b.idx(1)));
  Keys keys;
  if (op.getKeyPositions())
    keys.position = loadInteger(op.getKeyPositions(), {batch, at});
  if (op.getKeySegments())
    keys.segment = loadInteger(op.getKeySegments(), {batch, at});
  if (op.getBias()) {
    bool ofBatch = extentOf(op.getBias(), 0) != 1;
    keys.bias = b.loadScalar(
        op.getBias(), {ofBatch ? batch : b.idx(0), b.idx(0), b.idx(0), at});
  }
  return keys;
}

AttentionScores::Keys AttentionScores::key(Value batch, Value j, Value end) {
  Keys keys = dataOfKey(batch, j);
  keys.isThere = b.less(j, end);
  if (!keys.position && hasKeyPositions())
    keys.position = arith::IndexCastOp::create(b, positionType(), j);
  for (Value *value :
       {&keys.position, &keys.segment, &keys.bias, &keys.isThere})
    if (*value)
      *value = b.broadcast(VectorType::get({b.target.lanes}, value->getType()),
                           *value);
  return keys;
}
