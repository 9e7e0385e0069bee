//===- HopperSemiseparableState.cpp - sums of decays, and states ----------===//

#include "lib/Codegen/Gpu/HopperSemiseparableKernel.h"

using namespace mlir;
using namespace ssmc;
using Values = HopperBuilder::Values;

/// Numbers of a chunk's tokens at the columns of the lane's accumulators.
Values SemiseparableKernel::loadOfLane(HopperBuilder &b, Value ofChunk) {
  Values result;
  for (int64_t j = 0; j < chunk / 8; ++j) {
    auto [a0, a1] = b.loadPair(b.at(ofChunk, b.add(b.mul(quad, 8), 32 * j)));
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

/// v^T of the warp's 16 columns, packed as a left operand.
Values SemiseparableKernel::loadValues(HopperBuilder &b, Value tile) {
  HopperBuilder::Lanes lanes = b.lanesOfColumns(b.mul(warpInGroup, 16));
  Value from = b.at(tile, b.pieceOf(lanes, 0));
  Values result;
  for (int64_t step = 0; step < chunk / 16; ++step)
    llvm::append_range(
        result, b.loadMatrices(b.at(from, step * 16 * kBoxRowBytes), true));
  return result;
}

/// What a left operand holds of every token times a number of the token.
Values SemiseparableKernel::scaled(HopperBuilder &b, ValueRange packed,
                                   ValueRange ofLane) {
  Values result;
  for (auto [i, word] : llvm::enumerate(packed)) {
    auto [low, high] = b.unpack(word);
    ValueRange numbers = ofLane.slice(i / 2 * 2, 2);
    result.push_back(b.pack(b.fmul(low, numbers[0]), b.fmul(high, numbers[1])));
  }
  return result;
}

/// Every token's decay to the end of the chunk.
Values SemiseparableKernel::decays(HopperBuilder &b, ValueRange sumsOfLane,
                                   Value last) {
  Values result;
  for (Value sum : sumsOfLane)
    result.push_back(b.exp2(b.fsub(last, sum)));
  return result;
}

/// y^T + factor * v^T: an operand on the left and sums lie in the same lanes.
Values SemiseparableKernel::addSkipped(HopperBuilder &b, ValueRange y,
                                       Value tile, Value factor) {
  Values result(y);
  for (auto [i, word] : llvm::enumerate(loadValues(b, tile))) {
    auto [low, high] = b.unpack(word);
    result[2 * i] = b.fma(factor, low, result[2 * i]);
    result[2 * i + 1] = b.fma(factor, high, result[2 * i + 1]);
  }
  return result;
}

Value SemiseparableKernel::loadSkip(HopperBuilder &b) {
  if (!skip)
    return Value();
  Value head = b.least(headOf(b, group), shape.heads - 1);
  return b.loadFloat(shape.skip, skip,
                     b.wideMulAdd(head, skipStrides[0], b.i64(0)));
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

/// The left operand of what a chunk writes to the state, and the chunk's decay
/// as log2.
Values SemiseparableKernel::written(HopperBuilder &b, Value c) {
  TileRing::Use use = ring.use(b, base, c);
  ring.waitFull(b, use);
  Value chunkSums = sumsAt(b, use, group);
  Value last = lastSum(b, chunkSums);
  Value tile = b.at(base, b.add(unitTile(b, use, group), values));
  Values weights = decays(b, loadOfLane(b, chunkSums), last);
  if (scale)
    for (auto [weight, number] :
         llvm::zip(weights, loadOfLane(b, numbersAt(b, use, group, scales))))
      weight = b.fmul(weight, number);
  Values left = scaled(b, loadValues(b, tile), weights);
  left.push_back(last);
  return left;
}

/// The state at the end of a segment, and what it decays by. What the next
/// chunk writes is prepared while the product of one is under way.
void SemiseparableKernel::findEnds(HopperBuilder &b) {
  HopperBuilder::Tile k = b.transposedTile(b.at(base, keys), chunk, boxBytes);
  Value isFirst = b.isEqual(segment, 0), zero = b.f32(0);
  Values carried = transferState(b, {});
  b.when(isFirst, [&] { transferKept(b, b.i32(0), carried); });
  for (Value &element : carried)
    element = b.select(isFirst, element, zero);
  size_t elements = carried.size();
  carried.push_back(zero);
  llvm::append_range(carried, written(b, b.i32(0)));
  Value lastChunk = b.sub(chunks, 1);
  carried = b.loop(0, chunks, carried, [&](Value c, ValueRange before) {
    TileRing::Use use = ring.use(b, base, c);
    Value total = before[elements], last = before.back();
    Value decay = b.exp2(last);
    Values next;
    for (Value element : before.take_front(elements))
      next.push_back(b.fmul(element, decay));
    next = b.product(columns, next, before.slice(elements + 1, chunk / 4),
                     b.shifted(k, keyTile(b, use, group)));
    Values following = written(b, b.least(b.add(c, 1), lastChunk));
    next = b.waitProducts(0, next);
    b.when(isFirstLane, [&] { b.arrive(use.empty); });
    next.push_back(b.fadd(total, last));
    llvm::append_range(next, following);
    return next;
  });
  Value slot = b.add(segment, 1);
  transferKept(b, slot, ValueRange(carried).take_front(elements));
  b.when(isFirstThread,
         [&] { b.store(carried[elements], keptDecay(b, slot)); });
}
