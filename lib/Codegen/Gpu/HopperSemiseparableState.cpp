//===- HopperSemiseparableState.cpp - sums of decays, and states ----------===//

#include "lib/Codegen/Gpu/HopperSemiseparableKernel.h"

using namespace mlir;
using namespace ssmc;
using Values = HopperBuilder::Values;

/// The sums of a chunk at the columns of the lane's accumulators.
Values SemiseparableKernel::loadSums(HopperBuilder &b, Value sumsOfChunk) {
  Values result;
  for (int64_t j = 0; j < chunk / 8; ++j) {
    auto [a0, a1] =
        b.loadPair(b.at(sumsOfChunk, b.add(b.mul(quad, 8), 32 * j)));
    result.append({a0, a1});
  }
  return result;
}

/// Of a strict pass: the sum of the tokens that come before one.
Value SemiseparableKernel::sumBefore(HopperBuilder &b, Value sumsOfChunk,
                                     Value position) {
  Value at = shape.isReverse ? b.least(b.add(position, 1), chunk - 1)
                             : b.most(b.sub(position, 1), 0);
  Value sum =
      b.load(b.getF32Type(), b.at(sumsOfChunk, b.mul(at, sizeof(float))), 4);
  Value isFirst = b.isEqual(position, shape.isReverse ? chunk - 1 : 0);
  return b.select(isFirst, b.f32(0), sum);
}

/// What the state has decayed by where a token reads it, at these columns.
Values SemiseparableKernel::sumsRead(HopperBuilder &b, Value sumsOfChunk,
                                     ValueRange sumsOfLane) {
  Values result(sumsOfLane);
  if (!shape.isStrict)
    return result;
  for (int64_t j = 0; j < chunk / 8; ++j) {
    int64_t far = shape.isReverse ? 1 : 0; // whose neighbour is another lane's
    result[2 * j + 1 - far] = sumsOfLane[2 * j + far];
    Value position = b.add(b.mul(quad, 2), 8 * j + far);
    result[2 * j + far] = sumBefore(b, sumsOfChunk, position);
  }
  return result;
}

/// v^T with every token's decay to the end of the chunk, as a left operand.
Values SemiseparableKernel::decayed(HopperBuilder &b, Value tile,
                                    ValueRange sumsOfLane, Value last) {
  HopperBuilder::Lanes lanes = b.lanesOfColumns(b.mul(warpInGroup, 16));
  Value from = b.at(tile, b.pieceOf(lanes, 0));
  Values result;
  for (int64_t step = 0; step < chunk / 16; ++step) {
    Values matrices =
        b.loadMatrices(b.at(from, step * 16 * kBoxRowBytes), true);
    for (int64_t half = 0; half < 2; ++half) {
      ValueRange a = sumsOfLane.slice(4 * step + 2 * half, 2);
      Value w0 = b.exp2(b.fsub(last, a[0])), w1 = b.exp2(b.fsub(last, a[1]));
      for (int64_t i = 0; i < 2; ++i) {
        auto [low, high] = b.unpack(matrices[2 * half + i]);
        result.push_back(b.pack(b.fmul(low, w0), b.fmul(high, w1)));
      }
    }
  }
  return result;
}

/// Loads the thread's elements of the state, or stores them where some are
/// given.
Values SemiseparableKernel::transferState(HopperBuilder &b, ValueRange given) {
  if (!shape.hasState || (shape.startsAtZero && given.empty()))
    return Values(columns / 2, b.f32(0));
  Value head = headOf(b, group);
  Value isMine = b.isLess(head, shape.heads);
  head = b.least(head, shape.heads - 1);
  Value start = b.wideMulAdd(batch, stateStrides[0], b.i64(0));
  start = b.wideMulAdd(head, stateStrides[1], start);
  Type f32 = b.getF32Type();
  Values loaded;
  for (int64_t i = 0; i < columns / 2; ++i) {
    int64_t key = 8 * (i / 4) + (i & 1);
    Value n = b.add(b.mul(quad, 2), key);
    Value p = b.add(b.add(columnOf(b, group), row), 8 * (i >> 1 & 1));
    Value exists = isMine;
    if (shape.keySize % 16 != 0)
      exists = b.bitAnd(exists, b.isLess(n, shape.keySize));
    if (shape.valueSize % HopperSemiseparable::unitColumns != 0)
      exists = b.bitAnd(exists, b.isLess(p, shape.valueSize));
    n = b.least(n, shape.keySize - 1);
    p = b.least(p, shape.valueSize - 1);
    Value index = b.wideMulAdd(n, stateStrides[2], start);
    Value at = b.elementAt(f32, given.empty() ? begin : state,
                           b.wideMulAdd(p, b.i64(1), index));
    if (given.empty())
      loaded.push_back(b.select(exists, b.load(f32, at, 4), b.f32(0)));
    else
      b.when(exists, [&] { b.store(given[i], at); });
  }
  return loaded;
}

/// The same of a slot of what is kept between the kernels: the state before all
/// segments, then those at the ends. Threads have their elements in a row.
Values SemiseparableKernel::transferKept(HopperBuilder &b, Value slot,
                                         ValueRange given) {
  Value unit =
      b.add(b.mul(b.add(b.mul(slot, blocks), blockOfSegment), units), group);
  Value thread = b.bitAnd(b.thread(), warpGroup - 1);
  Value first = b.wideMulAdd(unit, b.i64(shape.keptElements()), thread);
  Type f32 = b.getF32Type();
  Value at = b.elementAt(f32, kept, first);
  Values loaded;
  for (int64_t i = 0; i < columns / 2; ++i) {
    Value element = b.at(at, i * warpGroup * sizeof(float));
    if (given.empty())
      loaded.push_back(b.load(f32, element, sizeof(float)));
    else
      b.store(given[i], element);
  }
  return loaded;
}

/// Where the log2 of a segment's decay is kept: behind the slots.
Value SemiseparableKernel::keptDecay(HopperBuilder &b, Value slot) {
  Value unit =
      b.add(b.mul(b.add(b.mul(slot, blocks), blockOfSegment), units), group);
  Value all = b.mul(b.mul(segments, blocks), units);
  Value index = b.wideMulAdd(all, b.i64(shape.keptElements()), unit);
  return b.elementAt(b.getF32Type(), kept, index);
}

/// The state before the block's segment.
Values SemiseparableKernel::firstState(HopperBuilder &b) {
  return b.choose(
      b.isEqual(segments, 1), [&] { return transferState(b, {}); },
      [&] {
        Values sum = transferKept(b, b.least(segment, 1), {});
        return b.loop(
            2, b.add(segment, 1), sum, [&](Value slot, ValueRange before) {
              Value log =
                  b.load(b.getF32Type(), keptDecay(b, slot), sizeof(float));
              Value shrink = b.exp2(log);
              Values next = transferKept(b, slot, {});
              for (auto [end, earlier] : llvm::zip(next, before))
                end = b.fma(shrink, earlier, end);
              return next;
            });
      });
}

/// The state at the end of a segment, and what it decays by.
void SemiseparableKernel::findEnds(HopperBuilder &b) {
  HopperBuilder::Tile k = b.transposedTile(b.at(base, keys), chunk, boxBytes);
  Value isFirst = b.isEqual(segment, 0), zero = b.f32(0);
  Values carried = transferState(b, {});
  b.when(isFirst, [&] { transferKept(b, b.i32(0), carried); });
  for (Value &element : carried)
    element = b.select(isFirst, element, zero);
  carried.push_back(zero);
  carried = b.loop(0, chunks, carried, [&](Value c, ValueRange before) {
    TileRing::Use use = ring.use(b, base, c);
    ring.waitFull(b, use);
    Value chunkSums = sumsAt(b, use, group);
    Value last = lastSum(b, chunkSums);
    Value decay = b.exp2(last);
    Values next;
    for (Value element : before.drop_back())
      next.push_back(b.fmul(element, decay));
    Value tile = b.at(base, b.add(unitTile(b, use, group), values));
    Values left = decayed(b, tile, loadSums(b, chunkSums), last);
    next = b.product(columns, next, left, b.shifted(k, keyTile(b, use, group)));
    next = b.waitProducts(0, next);
    b.when(isFirstLane, [&] { b.arrive(use.empty); });
    next.push_back(b.fadd(before.back(), last));
    return next;
  });
  Value slot = b.add(segment, 1), total = carried.pop_back_val();
  transferKept(b, slot, carried);
  b.when(isFirstThread, [&] { b.store(total, keptDecay(b, slot)); });
}
