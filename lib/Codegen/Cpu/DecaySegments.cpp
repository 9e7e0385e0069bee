//===- DecaySegments.cpp - decaying states without decaying them ----------===//

#include "lib/Codegen/Cpu/DecaySegments.h"

using namespace mlir;
using namespace ssmc;

bool Decay::isPerKey() const {
  if (!decay)
    return false;
  int64_t rank = cast<MemRefType>(decay.getType()).getRank();
  return rank == 2 || rank == 4;
}

DecaySegments::DecaySegments(KernelBuilder &b, const Decay &decay,
                             int64_t maxTokens)
    : b(b), decay(decay) {
  if (decay.isEmpty())
    return;
  numSegments = b.scratch({1}, b.getIndexType());
  starts = b.scratch({maxTokens + 2}, b.getIndexType());
  segmentOf = b.scratch({maxTokens}, b.getIndexType());
  auto scales = [&](int64_t rows) {
    if (decay.isPerKey())
      return b.scratch(
          {rows, int64_t(llvm::alignTo(decay.keys, b.target.lanes))});
    return b.scratch({rows});
  };
  factors = scales(maxTokens + 2);
  inputScales = scales(maxTokens);
  outputScales = scales(maxTokens);
}

void DecaySegments::emit(Value batch, Value head, Value tokens,
                         function_ref<Value(Value)> decayOf,
                         function_ref<Value(Value)> resetOf) {
  this->tokens = tokens;
  if (decay.isEmpty())
    return;
  if (decay.isPerKey())
    emitOfKeys(batch, head, decayOf, resetOf);
  else
    emitOfHead(batch, head, decayOf, resetOf);
}

static Value compare(KernelBuilder &b, arith::CmpFPredicate predicate, Value x,
                     double bound) {
  return arith::CmpFOp::create(b, predicate, x, b.splat(x.getType(), bound));
}
static Value either(KernelBuilder &b, Value x, Value y) {
  return arith::OrIOp::create(b, x, y);
}
static Value select(KernelBuilder &b, Value condition, Value x, Value y) {
  return arith::SelectOp::create(b, condition, x, y);
}

// Base-2 logarithm of the decay, of a head or of the keys from `key`.
static Value loadDecay(KernelBuilder &b, const Decay &decay, Value batch,
                       Value now, Value head, Value key) {
  SmallVector<Value> at;
  if (cast<MemRefType>(decay.decay.getType()).getRank() > 2)
    at = {batch, now};
  at.push_back(head);
  Value loaded;
  if (key) {
    at.push_back(key);
    loaded = b.load(b.lanesOf(b.idx(decay.keys), key, b.target.lanes),
                    decay.decay, at);
  } else {
    loaded = b.loadScalar(decay.decay, at);
  }
  return b.fmul(loaded, b.splat(loaded.getType(), log2e));
}

// 2^product, and zero where the exponential would stay above it.
static Value forgetting(KernelBuilder &b, Value product) {
  Value gone = compare(b, arith::CmpFPredicate::OLT, product, -126.0);
  return select(b, gone, b.splat(product.getType(), 0.0), b.exp2(product));
}

Value ssmc::decayFactor(KernelBuilder &b, const Decay &decay, Value batch,
                        Value now, Value head, Value key) {
  return forgetting(b, loadDecay(b, decay, batch, now, head, key));
}

/// Whether a product is beyond the range of a segment.
static Value isOutside(KernelBuilder &b, Value product) {
  double range = DecaySegments::range;
  return either(b, compare(b, arith::CmpFPredicate::OLT, product, -range),
                compare(b, arith::CmpFPredicate::OGT, product, range));
}

void DecaySegments::emitOfHead(Value batch, Value head,
                               function_ref<Value(Value)> decayOf,
                               function_ref<Value(Value)> resetOf) {
  Type f32 = b.getF32Type();
  Value zero = b.splat(f32, 0.0), one = b.splat(f32, 1.0);
  auto store = [&](Value value, Value memref, Value at) {
    b.storeScalar(value, memref, at);
  };
  store(b.idx(0), starts, b.idx(0));
  store(one, factors, b.idx(0));
  ValueRange end = b.loop(
      b.idx(0), tokens, 1, {zero, b.idx(0)},
      [&](Value t, ValueRange carried) -> SmallVector<Value> {
        Value product = carried[0], segment = carried[1];
        if (decay.decay)
          product = b.fadd(
              product, loadDecay(b, decay, batch, decayOf(t), head, Value()));
        Value isNew = isOutside(b, product);
        Value scale = forgetting(b, product), factor = scale;
        if (decay.resets) {
          Value reset = b.loadScalar(decay.resets, {batch, resetOf(t)});
          isNew = either(b, isNew, reset);
          factor = select(b, reset, zero, factor);
        }
        // Overwritten until a segment does begin.
        Value next = b.add(segment, 1);
        store(t, starts, next);
        store(factor, factors, next);
        segment = select(b, isNew, next, segment);
        store(segment, segmentOf, t);
        product = select(b, isNew, zero, product);
        store(b.exp2(b.fsub(zero, product)), inputScales, t);
        store(select(b, isNew, one, scale), outputScales, t);
        return {product, segment};
      });
  Value next = b.add(end[1], 1);
  store(tokens, starts, next);
  store(b.exp2(end[0]), factors, next);
  store(next, numSegments, b.idx(0));
}

// As of a head, in vectors of keys; a segment ends for all of them at once. The
// row of the next factors holds the logarithms of the products meanwhile.
void DecaySegments::emitOfKeys(Value batch, Value head,
                               function_ref<Value(Value)> decayOf,
                               function_ref<Value(Value)> resetOf) {
  VectorType type = b.vec();
  Lanes full{type, {}};
  int64_t lanes = b.target.lanes;
  Value keys = b.idx(decay.keys), zero = b.splat(type, 0.0),
        one = b.splat(type, 1.0);
  auto maskType = VectorType::get(type.getShape(), b.getI1Type());
  auto splatFlag = [&](Value flag) { return b.broadcast(maskType, flag); };
  b.storeScalar(b.idx(0), starts, b.idx(0));
  b.loop(b.idx(0), keys, lanes, [&](Value n) {
    b.store(full, one, factors, {b.idx(0), n});
    b.store(full, zero, factors, {b.idx(1), n});
  });
  Value end =
      b.loop(b.idx(0), tokens, 1, b.idx(0),
             [&](Value t, ValueRange carried) -> SmallVector<Value> {
               Value at = decayOf(t), segment = carried[0];
               Value next = b.add(segment, 1);
               Value none = arith::ConstantOp::create(
                   b, DenseElementsAttr::get(maskType, false));
               Value outside =
                   b.loop(b.idx(0), keys, lanes, none,
                          [&](Value n, ValueRange any) -> SmallVector<Value> {
                            Value product =
                                b.fadd(b.load(full, factors, {next, n}),
                                       loadDecay(b, decay, batch, at, head, n));
                            b.store(full, product, factors, {next, n});
                            return {either(b, any[0], isOutside(b, product))};
                          })[0];
               Value isNew = vector::ReductionOp::create(
                   b, vector::CombiningKind::OR, outside);
               Value reset;
               if (decay.resets) {
                 reset = b.loadScalar(decay.resets, {batch, resetOf(t)});
                 isNew = either(b, isNew, reset);
               }
               b.storeScalar(t, starts, next);
               Value after = select(b, isNew, next, segment);
               b.storeScalar(after, segmentOf, t);
               Value row = b.add(after, 1);
               Value isNewLanes = splatFlag(isNew);
               b.loop(b.idx(0), keys, lanes, [&](Value n) {
                 Value product = b.load(full, factors, {next, n});
                 // A segment that begins has this factor and no product
                 // yet. Otherwise the row of the factor, which is the
                 // same, keeps the product.
                 Value scale = forgetting(b, product), factor = scale;
                 if (reset)
                   factor = select(b, splatFlag(reset), zero, factor);
                 b.store(full, factor, factors, {next, n});
                 b.store(full, select(b, isNewLanes, zero, product), factors,
                         {row, n});
                 Value inverse = b.exp2(b.fsub(zero, product));
                 b.store(full, select(b, isNewLanes, one, inverse), inputScales,
                         {t, n});
                 b.store(full, select(b, isNewLanes, one, scale), outputScales,
                         {t, n});
               });
               return {after};
             })[0];
  Value next = b.add(end, 1);
  b.loop(b.idx(0), keys, lanes, [&](Value n) {
    Value product = b.load(full, factors, {next, n});
    b.store(full, b.exp2(product), factors, {next, n});
  });
  b.storeScalar(tokens, starts, next);
  b.storeScalar(next, numSegments, b.idx(0));
}

Value DecaySegments::scaled(Value vector, Value segment, Value key) {
  Type type = vector.getType();
  Value scalar = loadScale(factors, segment, key, b.getF32Type());
  Value result = b.fmul(vector, b.broadcast(type, scalar));
  if (!decay.resets)
    return result;
  // A state of infinities is dropped too.
  Value dropped = compare(b, arith::CmpFPredicate::OEQ, scalar, 0.0);
  return select(b, dropped, b.splat(type, 0.0), result);
}

SmallVector<Value> DecaySegments::forEach(
    ValueRange state, function_ref<Value(unsigned)> keyOf,
    function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  if (decay.isEmpty())
    return body(b.idx(0), tokens, state);
  auto scaleAll = [&](ValueRange state, Value segment) {
    SmallVector<Value> next;
    for (auto [i, vector] : llvm::enumerate(state))
      next.push_back(scaled(vector, segment, keyOf(i)));
    return next;
  };
  Value count = b.loadScalar(numSegments, {b.idx(0)});
  ValueRange last =
      b.loop(b.idx(0), count, 1, state, [&](Value segment, ValueRange state) {
        Value first = b.loadScalar(starts, {segment});
        Value end = b.loadScalar(starts, {b.add(segment, 1)});
        return body(first, end, scaleAll(state, segment));
      });
  return scaleAll(last, count);
}

// A number of the head may be asked for as a vector.
Value DecaySegments::loadScale(Value scales, Value row, Value key, Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (vector && decay.isPerKey())
    return b.load({vector, {}}, scales, {row, key});
  Value scalar = decay.isPerKey() ? b.loadScalar(scales, {row, key})
                                  : b.loadScalar(scales, {row});
  return vector ? b.broadcast(type, scalar) : scalar;
}

Value DecaySegments::inputScale(Value t, Value key, Type type) {
  return loadScale(inputScales, t, key, type);
}

Value DecaySegments::outputScale(Value t, Value key, Type type) {
  return loadScale(outputScales, t, key, type);
}

Value DecaySegments::startsAt(Value t) {
  Value segment = b.loadScalar(segmentOf, {t});
  auto equal = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, predicate, x, y);
  };
  Value isFirst =
      equal(arith::CmpIPredicate::eq, b.loadScalar(starts, {segment}), t);
  Value isLater = equal(arith::CmpIPredicate::ne, segment, b.idx(0));
  return arith::AndIOp::create(b, isFirst, isLater);
}

Value DecaySegments::startScale(Value t, Value key, Type type) {
  return loadScale(factors, b.loadScalar(segmentOf, {t}), key, type);
}

Value DecaySegments::readScale(Value t, Value key, Type type) {
  return select(b, startsAt(t), startScale(t, key, type),
                outputScale(t, key, type));
}

Value DecaySegments::endScale(Value key, Type type) {
  return loadScale(factors, b.loadScalar(numSegments, {b.idx(0)}), key, type);
}
