//===- DecaySegments.cpp - decaying states without decaying them ----------===//

#include "lib/Codegen/Cpu/DecaySegments.h"

using namespace mlir;
using namespace ssmc;

static constexpr double log2e = 1.4426950408889634;

bool Decay::isPerKey() const {
  if (!decay)
    return false;
  int64_t rank = cast<MemRefType>(decay.getType()).getRank();
  return rank == 2 || rank == 4;
}

Value DecaySegments::makeScratch(ArrayRef<int64_t> shape, Type type) {
  return memref::AllocaOp::create(b, MemRefType::get(shape, type),
                                  b.getI64IntegerAttr(64));
}

DecaySegments::DecaySegments(KernelBuilder &b, const Decay &decay,
                             int64_t maxTokens)
    : b(b), decay(decay) {
  if (decay.isEmpty())
    return;
  Type f32 = b.getF32Type();
  numSegments = makeScratch({1}, b.getIndexType());
  starts = makeScratch({maxTokens + 2}, b.getIndexType());
  segmentOf = makeScratch({maxTokens}, b.getIndexType());
  if (decay.isPerKey()) {
    int64_t keys = llvm::alignTo(decay.keys, b.target.lanes);
    factors = makeScratch({maxTokens + 2, keys}, f32);
    inputScales = makeScratch({maxTokens, keys}, f32);
    outputScales = makeScratch({maxTokens, keys}, f32);
  } else {
    factors = makeScratch({maxTokens + 2}, f32);
    inputScales = makeScratch({maxTokens}, f32);
    outputScales = makeScratch({maxTokens}, f32);
  }
}

void DecaySegments::emit(Value batch, Value head, Value tokens,
                         function_ref<Value(Value)> now) {
  this->tokens = tokens;
  if (decay.isEmpty())
    return;
  if (decay.isPerKey())
    emitOfKeys(batch, head, now);
  else
    emitOfHead(batch, head, now);
}

// Base-2 logarithm of the decay, of a head or of the keys from `key`.
Value DecaySegments::loadDecay(Value batch, Value now, Value head, Value key,
                               Type type) {
  SmallVector<Value> at;
  if (cast<MemRefType>(decay.decay.getType()).getRank() > 2)
    at = {batch, now};
  at.push_back(head);
  Value loaded;
  if (key) {
    at.push_back(key);
    Lanes lanes{cast<VectorType>(type), {}};
    if (decay.keys % b.target.lanes != 0)
      lanes = b.lanes(lanes.type, b.min(b.sub(b.idx(decay.keys), key),
                                        b.idx(b.target.lanes)));
    loaded = b.load(lanes, decay.decay, at);
  } else {
    loaded = b.loadScalar(decay.decay, at);
  }
  return b.fmul(loaded, b.splat(type, log2e));
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

// 2^product, and zero where the exponential would stay above it.
Value DecaySegments::forgetting(Value product) {
  Value gone = compare(b, arith::CmpFPredicate::OLT, product, -126.0);
  return select(b, gone, b.splat(product.getType(), 0.0), b.exp2(product));
}

void DecaySegments::emitOfHead(Value batch, Value head,
                               function_ref<Value(Value)> now) {
  Type f32 = b.getF32Type();
  Value zero = b.splat(f32, 0.0), one = b.splat(f32, 1.0);
  auto store = [&](Value value, Value memref, Value at) {
    memref::StoreOp::create(b, value, memref, at);
  };
  store(b.idx(0), starts, b.idx(0));
  store(one, factors, b.idx(0));
  ValueRange end = b.loop(
      b.idx(0), tokens, 1, {zero, b.idx(0)},
      [&](Value t, ValueRange carried) -> SmallVector<Value> {
        Value at = now(t), product = carried[0], segment = carried[1];
        if (decay.decay)
          product = b.fadd(product, loadDecay(batch, at, head, Value(), f32));
        Value isNew =
            either(b, compare(b, arith::CmpFPredicate::OLT, product, -range),
                   compare(b, arith::CmpFPredicate::OGT, product, range));
        Value factor = forgetting(product);
        if (decay.resets) {
          Value reset = b.loadScalar(decay.resets, {batch, at});
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
        store(b.exp2(product), outputScales, t);
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
                               function_ref<Value(Value)> now) {
  VectorType type = b.vec();
  Lanes full{type, {}};
  int64_t lanes = b.target.lanes;
  Value keys = b.idx(decay.keys), zero = b.splat(type, 0.0),
        one = b.splat(type, 1.0);
  auto maskType = VectorType::get(type.getShape(), b.getI1Type());
  auto splatFlag = [&](Value flag) { return b.broadcast(maskType, flag); };
  memref::StoreOp::create(b, b.idx(0), starts, b.idx(0));
  b.loop(b.idx(0), keys, lanes, [&](Value n) {
    b.store(full, one, factors, {b.idx(0), n});
    b.store(full, zero, factors, {b.idx(1), n});
  });
  Value end = b.loop(
      b.idx(0), tokens, 1, b.idx(0),
      [&](Value t, ValueRange carried) -> SmallVector<Value> {
        Value at = now(t), segment = carried[0];
        Value next = b.add(segment, 1);
        Value none = arith::ConstantOp::create(
            b, DenseElementsAttr::get(maskType, false));
        Value outside = b.loop(
            b.idx(0), keys, lanes, none,
            [&](Value n, ValueRange any) -> SmallVector<Value> {
              Value product = b.fadd(b.load(full, factors, {next, n}),
                                     loadDecay(batch, at, head, n, type));
              b.store(full, product, factors, {next, n});
              return {either(
                  b, any[0],
                  either(
                      b, compare(b, arith::CmpFPredicate::OLT, product, -range),
                      compare(b, arith::CmpFPredicate::OGT, product, range)))};
            })[0];
        Value isNew =
            vector::ReductionOp::create(b, vector::CombiningKind::OR, outside);
        Value reset;
        if (decay.resets) {
          reset = b.loadScalar(decay.resets, {batch, at});
          isNew = either(b, isNew, reset);
        }
        memref::StoreOp::create(b, t, starts, next);
        Value after = select(b, isNew, next, segment);
        memref::StoreOp::create(b, after, segmentOf, t);
        Value row = b.add(after, 1);
        Value isNewLanes = splatFlag(isNew);
        b.loop(b.idx(0), keys, lanes, [&](Value n) {
          Value product = b.load(full, factors, {next, n});
          // A segment that begins has this factor and no product yet. Otherwise
          // the row of the factor, which is the same, keeps the product.
          Value scale = forgetting(product), factor = scale;
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
  memref::StoreOp::create(b, tokens, starts, next);
  memref::StoreOp::create(b, next, numSegments, b.idx(0));
}

Value DecaySegments::scaled(Value vector, Value segment, Value key) {
  Type type = vector.getType();
  Value scalar = factor(segment, key, b.getF32Type());
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
static Value loadScale(KernelBuilder &b, bool isPerKey, Value scales, Value t,
                       Value key, Type type) {
  if (isPerKey)
    return b.load({cast<VectorType>(type), {}}, scales, {t, key});
  Value scalar = b.loadScalar(scales, {t});
  return isa<VectorType>(type) ? b.broadcast(type, scalar) : scalar;
}

Value DecaySegments::inputScale(Value t, Value key, Type type) {
  return loadScale(b, decay.isPerKey(), inputScales, t, key, type);
}

Value DecaySegments::outputScale(Value t, Value key, Type type) {
  return loadScale(b, decay.isPerKey(), outputScales, t, key, type);
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

Value DecaySegments::factor(Value segment, Value key, Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (vector && decay.isPerKey())
    return b.load({vector, {}}, factors, {segment, key});
  Value scalar = decay.isPerKey() ? b.loadScalar(factors, {segment, key})
                                  : b.loadScalar(factors, {segment});
  return vector ? b.broadcast(type, scalar) : scalar;
}

Value DecaySegments::startScale(Value t, Value key, Type type) {
  return factor(b.loadScalar(segmentOf, {t}), key, type);
}

Value DecaySegments::readScale(Value t, Value key, Type type) {
  return select(b, startsAt(t), startScale(t, key, type),
                outputScale(t, key, type));
}

Value DecaySegments::endScale(Value key, Type type) {
  return factor(b.loadScalar(numSegments, {b.idx(0)}), key, type);
}
