//===- HopperSemiseparableKernel.cpp - matrix states on tensor cores ------===//
//
// The chunked form (Dao and Gu, arXiv:2405.21060, section 6) in one pass over
// memory. A block walks over chunks of 64 tokens for two units, a unit being 64
// columns of v of one head; the units may share tiles of keys and queries. With
// a the running sum of log2 decays in a chunk and S the state before it,
// transposed (columns of v by keys), in f32 registers:
//
//   mixing group:  M = Q K^T * 2^(a[i] - a[j]), j <= i, for each unit
//   state groups:  Y^T = (S Q^T) * 2^(a[i]) + (c[j] v[j])^T M^T + d V^T
//                  S = 2^(a[63]) S + (c[j] v[j] 2^(a[63] - a[j]))^T K
//
// with c what scales values and d what is added of them, where they are given.
// S and V are left operands from registers, so that only M goes through shared
// memory, whose reads are what binds. A unit has a state group; the mixing
// group goes ahead of them. A fourth warp group copies tiles (one thread) and
// sums decays (a warp for each unit). What lies beyond the length is read as
// zeros, which leave the state alone, and is not written. A reset is a decay
// that is zero in f32. In reverse, chunks are walked over from the last one on,
// sums are of a token and those behind it, and j >= i.
//
// Where few units would leave multiprocessors idle, time is cut into segments
// of a block each. A first kernel ("ends") computes the states at the ends of
// all but the last one, each from zero but for the first; a block of the second
// kernel begins with what the segments before it sum up to.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/HopperSemiseparableKernel.h"

using namespace mlir;
using namespace ssmc;
using Values = HopperBuilder::Values;

static constexpr int64_t producerRegisters = 24, mixingRegisters = 104,
                         stateRegisters = 192;
static constexpr double log2e = 1.4426950408889634;
// A smaller power is taken for this one: 2^-200 is zero in f32, and sums stay
// exact enough.
static constexpr double leastLog = -200;

void SemiseparableKernel::copyTiles(HopperBuilder &b) {
  b.loop(0, chunks, [&](Value c) {
    Value token = tokenOf(b, c);
    auto copy = [&](int64_t offset, Value map, int64_t heads,
                    const TileRing::Use &use) {
      for (int64_t u = 0; u < keyTiles; ++u)
        for (int64_t box = 0; box < shape.keyBoxes(); ++box)
          b.copyIn(
              b.at(base, b.add(keyTile(b, use, u), offset + box * boxBytes)),
              map,
              {b.i32(box * kBoxColumns), token,
               b.div(headOf(b, u), shape.heads / heads), batch},
              use.full);
    };
    if (!isEnds) {
      TileRing::Use use = queryRing.use(b, base, c);
      queryRing.waitEmpty(b, use);
      b.expect(use.full, keyTiles * keyBytes);
      copy(queries, mapQ, shape.queryHeads, use);
    }
    TileRing::Use use = ring.use(b, base, c);
    ring.waitEmpty(b, use);
    b.expect(use.full, keyTiles * keyBytes + units * boxBytes);
    copy(keys, mapK, shape.keyHeads, use);
    for (int64_t u = 0; u < units; ++u)
      b.copyIn(b.at(base, b.add(unitTile(b, use, u), values)), mapV,
               {columnOf(b, u), token, headOf(b, u), batch}, use.full);
  });
}

/// A warp sums the decays of its unit, and brings its scales: a lane has two
/// tokens, of which those of the next chunk are on their way.
void SemiseparableKernel::sumDecays(HopperBuilder &b) {
  Value unit = b.sub(warpInGroup, 1);
  Value head = b.least(headOf(b, unit), shape.heads - 1);
  Value zero = b.f32(0);
  auto fetch = [&](Value c) -> Values {
    Values pair;
    for (int64_t i = 0; i < 2; ++i) {
      if (!decay && !resets) {
        pair.push_back(zero);
        continue;
      }
      Value token = b.add(b.add(tokenOf(b, c), b.mul(lane, 2)), i);
      Value exists = b.isLess(token, length);
      token = b.least(token, b.sub(length, 1));
      Value g = zero;
      if (decay) {
        Value index = b.wideMulAdd(batch, decayStrides[0], b.i64(0));
        index = b.wideMulAdd(token, decayStrides[1], index);
        index = b.wideMulAdd(head, decayStrides[2], index);
        g = b.fmul(b.loadFloat(shape.decay, decay, index), b.f32(log2e));
        g = b.fmax(g, b.f32(leastLog));
      }
      if (resets) {
        Value index = b.wideMulAdd(batch, resetStrides[0], b.i64(0));
        index = b.wideMulAdd(token, resetStrides[1], index);
        Value begins =
            b.load(b.getI8Type(), b.elementAt(b.getI8Type(), resets, index), 1);
        begins = arith::CmpIOp::create(
            b, arith::CmpIPredicate::ne, begins,
            arith::ConstantIntOp::create(b, b.getI8Type(), 0));
        g = b.select(begins, b.f32(leastLog), g);
      }
      pair.push_back(b.select(exists, g, zero));
    }
    for (int64_t i = 0; scale && i < 2; ++i) {
      Value token = b.add(b.add(tokenOf(b, c), b.mul(lane, 2)), i);
      token = b.least(token, b.sub(length, 1));
      Value index = b.wideMulAdd(batch, scaleStrides[0], b.i64(0));
      index = b.wideMulAdd(token, scaleStrides[1], index);
      index = b.wideMulAdd(head, scaleStrides[2], index);
      pair.push_back(b.loadFloat(shape.scale, scale, index));
    }
    return pair;
  };
  b.loop(0, chunks, fetch(b.i32(0)), [&](Value c, ValueRange pair) {
    Values next = fetch(b.add(c, 1));
    Value total = b.fadd(pair[0], pair[1]);
    for (int64_t step = 1; step < warp; step *= 2) {
      Value before = shape.isReverse ? b.shuffleDown(total, step)
                                     : b.shuffleUp(total, step);
      Value has = shape.isReverse
                      ? b.isLess(lane, warp - step)
                      : b.compare(arith::CmpIPredicate::sge, lane, step);
      total = b.fadd(total, b.select(has, before, zero));
    }
    TileRing::Use use = ring.use(b, base, c);
    ring.waitEmpty(b, use);
    if (scale) {
      Value to = b.at(numbersAt(b, use, unit, scales), b.mul(lane, 8));
      b.store(pair[2], to);
      b.store(pair[3], b.at(to, sizeof(float)));
    }
    Value to = b.at(sumsAt(b, use, unit), b.mul(lane, 8));
    b.store(shape.isReverse ? total : b.fsub(total, pair[1]), to);
    b.store(shape.isReverse ? b.fsub(total, pair[0]) : total,
            b.at(to, sizeof(float)));
    b.syncWarp();
    b.when(isFirstLane, [&] { b.arrive(use.full); });
    return next;
  });
}

/// The diagonal at the thread's two rows of a chunk, for each unit.
Values SemiseparableKernel::loadDiagonal(HopperBuilder &b, Value c) {
  Values result;
  for (int64_t i = 0; diagonal && i < 2 * units; ++i) {
    Value token = b.add(b.add(tokenOf(b, c), row), 8 * (i & 1));
    token = b.least(token, b.sub(length, 1));
    Value head = b.least(headOf(b, i / 2), shape.heads - 1);
    Value index = b.wideMulAdd(batch, diagonalStrides[0], b.i64(0));
    index = b.wideMulAdd(token, diagonalStrides[1], index);
    index = b.wideMulAdd(head, diagonalStrides[2], index);
    result.push_back(b.loadFloat(shape.diagonal, diagonal, index));
  }
  return result;
}

/// M of every unit, one chunk after the other.
void SemiseparableKernel::mix(HopperBuilder &b) {
  HopperBuilder::Tile q = b.tile(b.at(base, queries), columns, boxBytes);
  HopperBuilder::Tile k = b.tile(b.at(base, keys), columns, boxBytes);
  HopperBuilder::Lanes lanes = b.lanesOfRows(b.mul(warpInGroup, 16));
  // Row less column, of the thread's first element.
  Value distance = b.sub(row, b.mul(quad, 2)), zero = b.f32(0);
  using Predicate = arith::CmpIPredicate;
  Predicate isSeen = shape.isReverse
                         ? (shape.isStrict ? Predicate::slt : Predicate::sle)
                         : (shape.isStrict ? Predicate::sgt : Predicate::sge);
  auto issue = [&](Value c, int64_t unit) {
    TileRing::Use query = queryRing.use(b, base, c);
    TileRing::Use use = ring.use(b, base, c);
    if (unit == 0) {
      queryRing.waitFull(b, query);
      ring.waitFull(b, use);
    }
    return b.product(chunk, {}, b.shifted(q, keyTile(b, query, unit)),
                     b.shifted(k, keyTile(b, use, unit)));
  };
  auto weigh = [&](const TileRing::Use &use, const TileRing::Use &slot,
                   int64_t unit, ValueRange products, ValueRange ofDiagonal) {
    Value chunkSums = sumsAt(b, use, unit);
    Value ofRow[2];
    for (int64_t h = 0; h < 2; ++h)
      ofRow[h] = shape.isStrict
                     ? sumBefore(b, chunkSums, b.add(row, 8 * h))
                     : b.load(b.getF32Type(),
                              b.at(chunkSums, b.add(b.mul(row, 4), 32 * h)), 4);
    Values m(products.size()), sums = loadOfLane(b, chunkSums);
    for (int64_t i = 0; i < static_cast<int64_t>(m.size()); ++i) {
      int64_t j = i / 4, h = i >> 1 & 1, e = i & 1;
      Value weight = b.exp2(b.fsub(ofRow[h], sums[2 * j + e]));

      int64_t own = 8 * j + e - 8 * h;
      Value isPast = b.compare(isSeen, distance, own);
      Value other = zero;
      if (diagonal)
        other =
            b.select(b.isEqual(distance, own), ofDiagonal[2 * unit + h], zero);
      m[i] = b.select(isPast, b.fmul(products[i], weight), other);
    }

    b.storeTile(b.at(base, b.add(unitTile(b, slot, unit), mixed)), boxBytes,
                lanes, b.packAll(m));
  };
  // The first products of the next chunk are under way while this one's are
  // weighted, where there are stages for that.
  bool ahead = keyTiles == 1;
  Value lastChunk = b.sub(chunks, 1);
  b.when(b.isLess(0, chunks), [&] {
    Values carried;
    if (ahead)
      carried = b.waitProducts(0, issue(b.i32(0), 0));
    size_t numProducts = carried.size();
    carried.append(loadDiagonal(b, b.i32(0)));
    b.loop(0, chunks, carried, [&](Value c, ValueRange given) {
      TileRing::Use use = ring.use(b, base, c);
      TileRing::Use slot = mixedRing.use(b, base, c);
      mixedRing.waitEmpty(b, slot);
      Values products = given.take_front(numProducts), next;
      ValueRange ofDiagonal = given.drop_front(numProducts);
      // The last chunk's are computed twice, which needs no branch.
      Value following = b.least(b.add(c, 1), lastChunk);
      Values nextDiagonal = loadDiagonal(b, following);
      if (ahead)
        next = issue(following, 0);
      for (int64_t unit = 0; unit < units; ++unit) {
        if (!ahead)
          products = b.waitProducts(0, issue(c, unit));
        weigh(use, slot, unit, products, ofDiagonal);
      }
      b.fenceStores();
      b.arrive(slot.full);
      if (ahead)
        next = b.waitProducts(0, next);
      b.when(isFirstLane, [&] {
        b.arrive(queryRing.use(b, base, c).empty);
        b.arrive(use.empty);
      });
      next.append(nextDiagonal);
      return next;
    });
  });
}

/// Y of a chunk, transposed and packed, by way of shared memory: a warp's 16
/// columns in a box of rows of 32 bytes, whose pieces of 16 bit 2 of the row
/// swizzles.
void SemiseparableKernel::writeOutput(HopperBuilder &b, ValueRange packed,
                                      Value c) {
  constexpr int64_t rowBytes = 32, bytes = chunk * rowBytes;
  Value ofWarp = b.add(b.mul(group, 4), warpInGroup);
  Value box = b.at(base, b.add(b.mul(ofWarp, bytes), outputs));
  Value row8 = b.bitAnd(lane, 7), matrix = b.shiftRight(lane, 3);
  Value tokenOfLane = b.add(b.mul(b.shiftRight(matrix, 1), 8), row8);
  Value piece = b.bitXor(b.bitAnd(matrix, 1), b.shiftRight(row8, 2));
  Value to = b.at(box, b.add(b.mul(tokenOfLane, rowBytes), b.mul(piece, 16)));
  // The copy of the chunk before must have been read.
  b.when(isFirstLane, [&] { b.waitCopies(0); });
  b.syncWarp();
  for (int64_t step = 0; step < chunk / 16; ++step)
    b.storeMatrices(b.at(to, step * 16 * rowBytes), packed.slice(4 * step, 4),
                    true);
  b.fenceStores();
  b.syncWarp();
  b.when(isFirstLane, [&] {
    Value column = b.add(columnOf(b, group), b.mul(warpInGroup, 16));
    Value corner[] = {column, tokenOf(b, c), headOf(b, group), batch};
    if (shape.addsToOutput)
      b.addOut(mapY, corner, box);
    else
      b.copyOut(mapY, corner, box);
    b.commitCopies();
  });
}

/// Carried: the state, and the outputs of the chunk before, which are written
/// while the first product is under way.
void SemiseparableKernel::carryState(HopperBuilder &b) {
  HopperBuilder::Tile q = b.tile(b.at(base, queries), columns, boxBytes);
  HopperBuilder::Tile k = b.transposedTile(b.at(base, keys), chunk, boxBytes);

  HopperBuilder::Tile m = b.tile(b.at(base, mixed), chunk, boxBytes);
  size_t elements = columns / 2;
  Value ofSkip = loadSkip(b);
  Values carried = firstState(b);
  carried.append(chunk / 4, b.i32(0));
  carried = b.loop(0, chunks, carried, [&](Value c, ValueRange given) {
    ValueRange before = given.take_front(elements);
    TileRing::Use query = queryRing.use(b, base, c);
    TileRing::Use use = ring.use(b, base, c);
    TileRing::Use slot = mixedRing.use(b, base, c);
    Values operand = b.packAll(before);
    queryRing.waitFull(b, query);
    ring.waitFull(b, use);
    Value unitOffset = unitTile(b, use, group);
    Value chunkSums = sumsAt(b, use, group);
    Value last = lastSum(b, chunkSums);
    Value decay = b.exp2(last);
    // With a product under way, ptxas would wait for it first (C7517).
    Values next;
    for (Value element : before)
      next.push_back(b.fmul(element, decay));
    next = b.pin(next);
    Values y =
        b.product(chunk, {}, operand, b.shifted(q, keyTile(b, query, group)));

    // Meanwhile: the outputs before, and what the other products need.
    b.when(b.isLess(0, c),
           [&] { writeOutput(b, given.drop_front(elements), b.sub(c, 1)); });
    Values ofLane = loadOfLane(b, chunkSums);
    Value tile = b.at(base, b.add(unitOffset, values));
    Values own = loadValues(b, tile), weights = decays(b, ofLane, last);
    if (scale)
      own = scaled(b, own, loadOfLane(b, numbersAt(b, use, group, scales)));
    Values left = scaled(b, own, weights);
    Values grown = sumsRead(b, chunkSums, ofLane);
    for (Value &sum : grown)
      sum = b.exp2(sum);
    mixedRing.waitFull(b, slot);
    y = b.waitProducts(0, y);
    b.when(isFirstLane, [&] { b.arrive(query.empty); });
    for (size_t i = 0; i < y.size(); ++i)
      y[i] = b.fmul(y[i], grown[i / 4 * 2 + i % 2]);
    y = b.product(chunk, y, own, b.shifted(m, unitTile(b, slot, group)));
    next = b.product(columns, next, left, b.shifted(k, keyTile(b, use, group)));
    y = b.waitProducts(1, y);
    b.when(isFirstLane, [&] { b.arrive(slot.empty); });
    if (skip)
      y = addSkipped(b, y, tile, ofSkip);
    Values packed = b.packAll(y);
    next = b.waitProducts(0, next);
    b.when(isFirstLane, [&] { b.arrive(use.empty); });
    next.append(packed);
    return next;
  });
  ValueRange all(carried);
  b.when(b.isLess(0, chunks),
         [&] { writeOutput(b, all.drop_front(elements), b.sub(chunks, 1)); });
  b.when(isFirstLane, [&] { b.waitCopies(0); });
  b.when(b.isEqual(segment, b.sub(segments, 1)),
         [&] { transferState(b, all.take_front(elements)); });
}

SymbolRefAttr SemiseparableKernel::emit() {
  MLIRContext *context = shape.element.getContext();
  for (int64_t i = 0; i < 4; ++i)
    kernel.addMap();
  for (int64_t i = 0;
       i < 3 + bool(shape.decay) + shape.hasResets + bool(shape.scale) +
               bool(shape.skip) + bool(shape.diagonal);
       ++i)
    kernel.addPointer();
  for (int64_t i = 0; i < 5; ++i)
    kernel.addNumber(IntegerType::get(context, 32));
  for (int64_t i = 0; i < 15; ++i)
    kernel.addNumber(IntegerType::get(context, 64));
  return kernel.build(shape.element, [&](HopperBuilder &b, ValueRange args,
                                         Value shared) {
    base = shared;
    auto next = [&]() {
      Value value = args.front();
      args = args.drop_front();
      return value;
    };
    for (Value *value : {&mapQ, &mapK, &mapV, &mapY, &begin, &state, &kept})
      *value = next();
    if (shape.decay)
      decay = next();
    if (shape.hasResets)
      resets = next();
    if (shape.scale)
      scale = next();
    if (shape.skip)
      skip = next();
    if (shape.diagonal)
      diagonal = next();
    for (Value *value :
         {&length, &blocksOfRow, &blocks, &segments, &chunksOfSegment})
      *value = next();
    auto strides = [&](ArrayRef<int64_t> known, Value *values) {
      for (int64_t stride : known) {
        Value argument = next();
        *values++ = ShapedType::isDynamic(stride) ? argument : b.i64(stride);
      }
    };
    strides(shape.stateStrides, stateStrides);
    strides(shape.decayStrides, decayStrides);
    strides(shape.resetStrides, resetStrides);
    strides(shape.scaleStrides, scaleStrides);
    strides(shape.skipStrides, skipStrides);
    strides(shape.diagonalStrides, diagonalStrides);

    Value thread = b.thread(), block = b.block();
    Value warpOfBlock = b.uniform(b.shiftRight(thread, 5));
    group = b.shiftRight(warpOfBlock, 2);
    warpInGroup = b.bitAnd(warpOfBlock, 3);
    lane = b.bitAnd(thread, 31);
    quad = b.bitAnd(lane, 3);
    row = b.add(b.mul(warpInGroup, 16), b.shiftRight(lane, 2));
    isFirstLane = b.isEqual(lane, 0);
    isFirstThread = b.isEqual(b.bitAnd(thread, warpGroup - 1), 0);
    segment = b.div(block, blocks);
    blockOfSegment = b.rem(block, blocks);
    batch = b.div(blockOfSegment, blocksOfRow);
    unit0 = b.mul(b.rem(blockOfSegment, blocksOfRow), units);
    firstChunk = b.mul(segment, chunksOfSegment);
    allChunks = b.div(b.add(length, chunk - 1), chunk);
    chunks = b.least(b.sub(allChunks, firstChunk), chunksOfSegment);
    b.when(b.isEqual(thread, 0), [&] {
      queryRing.init(b, base);
      ring.init(b, base);
      mixedRing.init(b, base);
      b.fenceBarriers();
    });
    b.syncBlock();

    b.branch(
        b.isEqual(group, producer),
        [&] {
          b.setRegisters(producerRegisters, /*increase=*/false);
          b.branch(
              b.isEqual(warpInGroup, 0),
              [&] { b.when(isFirstLane, [&] { copyTiles(b); }); },
              [&] {
                b.when(b.isLess(warpInGroup, 1 + units), [&] { sumDecays(b); });
              });
        },
        [&] {
          b.branch(
              b.isEqual(group, mixing),
              [&] {
                b.setRegisters(isEnds ? producerRegisters : mixingRegisters,
                               /*increase=*/false);
                if (!isEnds)
                  mix(b);
              },
              [&] {
                b.setRegisters(stateRegisters, /*increase=*/true);
                if (isEnds)
                  findEnds(b);
                else
                  carryState(b);
              });
        });
  });
}

HopperKernelOf ssmc::emitHopperSemiseparable(Operation *op,
                                             const HopperSemiseparable &shape,
                                             bool isEnds) {
  SemiseparableKernel kernel(op, shape, isEnds);
  SymbolRefAttr symbol = kernel.emit();
  return {symbol, kernel.sharedBytes()};
}
