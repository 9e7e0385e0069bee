//===- AttentionScores.cpp - what a query makes of a key ------------------===//

#include "lib/Codegen/Cpu/AttentionScores.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ssmc;

AttentionScores::AttentionScores(KernelBuilder &b, ssm::AttentionOp op)
    : b(b), op(op) {}

double AttentionScores::factor() {
  int64_t width = cast<MemRefType>(op.getQ().getType()).getDimSize(3);
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

Value AttentionScores::integers(int64_t value) {
  auto type = VectorType::get({b.target.lanes}, positionType());
  // Positions of 32 bits reach no further than this.
  if (positionType().isInteger(32))
    value = std::min<int64_t>(value, INT32_MAX);
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             type, b.getIntegerAttr(type.getElementType(), value)));
}

Value AttentionScores::isSeen(const Queries &queries, const Keys &keys,
                              Value prefix) {
  using P = arith::CmpIPredicate;
  Value seen;
  auto both = [&](Value x) {
    seen = seen ? Value(arith::AndIOp::create(b, seen, x)) : x;
  };
  if (op.getRight())
    both(compare(P::sle,
                 arith::SubIOp::create(b, keys.position, queries.position),
                 integers(*op.getRight())));
  if (op.getLeft()) {
    Value isNear = compare(
        P::sle, arith::SubIOp::create(b, queries.position, keys.position),
        integers(*op.getLeft()));
    if (op.getGlobal() > 0)
      isNear = arith::OrIOp::create(
          b, isNear, compare(P::slt, keys.position, integers(op.getGlobal())));
    both(isNear);
  }
  if (seen && prefix)
    seen =
        arith::OrIOp::create(b, seen, compare(P::slt, keys.position, prefix));
  if (op.getKeyPositions())
    both(compare(P::sge, keys.position, integers(0)));
  if (op.getKeySegments())
    both(compare(P::eq, queries.segment, keys.segment));
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

Value AttentionScores::queryPosition(Value batch, Value i, Value shift) {
  if (op.getQueryPositions())
    return loadInteger(op.getQueryPositions(), {batch, i});
  return arith::IndexCastOp::create(b, positionType(), b.add(i, shift));
}

AttentionScores::Keys AttentionScores::key(Value batch, Value j, Value end,
                                           Value last) {
  auto repeat = [&](Value scalar) {
    return b.broadcast(VectorType::get({b.target.lanes}, scalar.getType()),
                       scalar);
  };
  Value at = b.min(j, b.sub(last, b.idx(1)));
  Keys keys;
  keys.isThere = repeat(b.less(j, end));
  if (op.getKeyPositions())
    keys.position = repeat(loadInteger(op.getKeyPositions(), {batch, at}));
  else if (needsPositions() || op.getPrefix())
    keys.position = repeat(arith::IndexCastOp::create(b, positionType(), j));
  if (op.getKeySegments())
    keys.segment = repeat(loadInteger(op.getKeySegments(), {batch, at}));
  if (op.getBias()) {
    bool ofBatch = cast<MemRefType>(op.getBias().getType()).getDimSize(0) != 1;
    keys.bias = repeat(b.loadScalar(
        op.getBias(), {ofBatch ? batch : b.idx(0), b.idx(0), b.idx(0), at}));
  }
  return keys;
}
