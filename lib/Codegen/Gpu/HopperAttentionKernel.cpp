//===- HopperAttentionKernel.cpp - attention on Hopper's tensor cores -----===//
//
// Flash attention (Dao et al., arXiv:2205.14135) by warp groups (Shah et al.,
// arXiv:2407.08608). A block owns 128 queries of one head: a producer thread
// copies tiles of keys and values into two rings, and two consumer warp groups
// own 64 queries each. Per tile j of keys, from the last one down:
//
//   S = Q K_j^T            issued
//   O += P V_(j+1)         issued: the tile before
//   m' = max(m, rows of S), P = 2^(c (S - m')), l = l 2^(c (m - m')) + sum P
//   O *= 2^(c (m - m'))
//
// so that the softmax of one tile hides behind the product of the other. The
// tiles end at the last key that the last query sees, so that one diagonal lies
// in the first tile; a tile that begins before key 0 is filled with zeros by
// the copy. Only tiles that some query sees in part are masked: those are in
// loops of their own. m begins at a number, not at -infinity: a query that sees
// nothing has l = 0.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/HopperAttention.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;
using Values = HopperBuilder::Values;

static constexpr int64_t warpGroup = 128, consumers = 2, rowsOfGroup = 64;
static constexpr int64_t producerRegisters = 24, consumerRegisters = 240;
// Blocks of so many heads at a time share keys and values in the L2 cache.
static constexpr int64_t headsTogether = 4;
static constexpr double log2e = 1.4426950408889634, ln2 = 0.6931471805599453;
// A power of two: its product with the factor is exact, so that a sum that
// stays at it is not scaled.
static constexpr double lowest = -0x1p100;

int64_t HopperAttention::queryBytes() const {
  return std::max(keyBoxes(), valueBoxes()) * rowsOfGroup * kBoxRowBytes;
}
int64_t HopperAttention::sharedBytes() const {
  constexpr int64_t barriers = 1024;
  return consumers * queryBytes() + stages * (keyBytes() + valueBytes()) +
         barriers;
}

namespace {

struct Rows { // of a thread: two, 8 apart
  Value h[2];
};

class Kernel {
public:
  Kernel(ssm::AttentionOp op, const HopperAttention &shape)
      : shape(shape), kernel(op, "ssm_attention", (consumers + 1) * warpGroup),
        queries(kernel.reserve(consumers * shape.queryBytes())),
        keys(kernel.reserve(shape.stages * shape.keyBytes())),
        values(kernel.reserve(shape.stages * shape.valueBytes())),
        queriesFull(kernel.reserve(8, 8)),
        keyRing(kernel, shape.stages, 1, 4 * consumers),
        valueRing(kernel, shape.stages, 1, 4 * consumers) {}

  SymbolRefAttr emit();
  int64_t sharedBytes() const { return kernel.sharedBytes(); }

private:
  void locate(HopperBuilder &b);
  void produce(HopperBuilder &b);
  void consume(HopperBuilder &b);
  Values scores(HopperBuilder &b, const HopperBuilder::Tile &q, Value tile);
  Values scoresAgain(HopperBuilder &b, Values s, Value tile, bool masked);
  Values softmax(HopperBuilder &b, ValueRange s, Rows &m, Rows &l,
                 Values &rescale);
  Values step(HopperBuilder &b, const HopperBuilder::Tile &q, Value tile,
              ValueRange carried, bool masked);
  Values addValues(HopperBuilder &b, ValueRange o, ValueRange p,
                   const TileRing::Use &use);
  void finish(HopperBuilder &b, ValueRange carried);
  TileRing::Use arriveEmpty(HopperBuilder &b, const TileRing::Use &use);
  Value firstKey(HopperBuilder &b, Value tile);

  const HopperAttention &shape;
  HopperKernel kernel;
  int64_t queries, keys, values, queriesFull;
  TileRing keyRing, valueRing;
  int64_t outputs() const { return llvm::alignTo(shape.valueSize, 16); }
  bool transforms() const {
    return shape.softcap > 0 || shape.slopes || shape.scale <= 0;
  }

  // Arguments.
  Value mapQ, mapK, mapV, mapY, lse, slopes, sinks;
  Value numQueries, numKeys, numTiles, numHeads, lseStrides[3];
  // The block.
  Value base, batch, head, keyHead, query0, endKey, tiles, wholeFrom, wholeTo;
  // The thread, of a consumer.
  Value group, warpInGroup, lane, quad, isFirstLane, slope, factor;
  Rows positions;
};

} // namespace

/// Which queries the block owns, and which tiles of keys it visits.
void Kernel::locate(HopperBuilder &b) {
  const int64_t tile = shape.tileKeys, together = headsTogether;
  Value block = b.block();
  Value perGroup = b.mul(numTiles, together);
  Value set = b.div(block, perGroup), rest = b.rem(block, perGroup);
  Value first = b.mul(set, together);
  Value here = b.least(b.sub(numHeads, first), together);
  Value row = b.add(first, b.rem(rest, here));
  // The last queries see most keys: theirs is the longest work.
  query0 =
      b.mul(b.sub(b.sub(numTiles, 1), b.div(rest, here)), shape.tileQueries);
  batch = b.div(row, shape.heads);
  head = b.rem(row, shape.heads);
  keyHead = b.div(head, shape.heads / shape.keyHeads);
  Value shift = b.sub(numKeys, numQueries);
  Value position0 = b.add(query0, shift);
  endKey = numKeys;
  if (shape.right)
    endKey =
        b.least(endKey, b.add(position0, shape.tileQueries + *shape.right));
  Value seen = b.i32(0), whole = b.i32(0);
  if (shape.left) {
    seen = b.most(b.sub(position0, *shape.left), 0);
    whole = b.most(b.add(position0, shape.tileQueries - 1 - *shape.left), 0);
  }
  auto count = [&](Value from, int64_t up) {
    return b.div(b.add(b.most(b.sub(endKey, from), 0), up), tile);
  };
  tiles = b.most(count(seen, tile - 1), 1);
  // The first tile is masked, and with it those that a diagonal crosses.
  wholeFrom = b.i32(1);
  if (shape.right && tile < shape.tileQueries)
    wholeFrom = b.least(tiles, shape.tileQueries / tile);
  wholeTo = b.most(wholeFrom, b.least(count(whole, 0), tiles));
}

Value Kernel::firstKey(HopperBuilder &b, Value tile) {
  return b.sub(endKey, b.mul(b.add(tile, 1), shape.tileKeys));
}

void Kernel::produce(HopperBuilder &b) {
  Value full = b.at(base, queriesFull);
  b.expect(full, consumers * shape.keyBoxes() * rowsOfGroup * kBoxRowBytes);
  for (int64_t g = 0; g < consumers; ++g)
    for (int64_t c = 0; c < shape.keyBoxes(); ++c)
      b.copyIn(
          b.at(base, queries + g * shape.queryBytes() +
                         c * rowsOfGroup * kBoxRowBytes),
          mapQ,
          {b.i32(c * kBoxColumns), b.add(query0, g * rowsOfGroup), head, batch},
          full);
  b.loop(0, tiles, [&](Value i) {
    Value key = firstKey(b, i);
    auto copy = [&](TileRing &ring, int64_t offset, int64_t boxes, Value map) {
      int64_t box = shape.tileKeys * kBoxRowBytes;
      TileRing::Use use = ring.use(b, base, i);
      ring.waitEmpty(b, use);
      b.expect(use.full, boxes * box);
      Value to = b.at(base, b.add(b.mul(use.stage, boxes * box), offset));
      for (int64_t c = 0; c < boxes; ++c)
        b.copyIn(b.at(to, c * box), map,
                 {b.i32(c * kBoxColumns), key, keyHead, batch}, use.full);
    };
    copy(keyRing, keys, shape.keyBoxes(), mapK);
    copy(valueRing, values, shape.valueBoxes(), mapV);
  });
}

/// S = Q K^T of a tile, issued.
Values Kernel::scores(HopperBuilder &b, const HopperBuilder::Tile &q,
                      Value tile) {
  TileRing::Use use = keyRing.use(b, base, tile);
  keyRing.waitFull(b, use);
  HopperBuilder::Tile k =
      b.shifted(b.tile(b.at(base, keys), llvm::alignTo(shape.keySize, 16),
                       shape.tileKeys * kBoxRowBytes),
                b.mul(use.stage, shape.keyBytes()));
  return b.product(shape.tileKeys, {}, q, k);
}

/// What the op does to the scores before the softmax.
Values Kernel::scoresAgain(HopperBuilder &b, Values s, Value tile,
                           bool masked) {
  if (!transforms() && !masked)
    return s;
  Value first = b.add(firstKey(b, tile), b.mul(quad, 2));
  Value minusInfinity = b.f32(-INFINITY);
  for (int64_t h = 0; h < 2; ++h) {
    Value position = b.sub(positions.h[h], first); // minus the column
    Value distance;
    if (shape.slopes)
      distance = arith::SIToFPOp::create(b, b.getF32Type(), position);
    for (size_t i = 2 * h; i < s.size(); i += 4)
      for (size_t k : {i, i + 1}) {
        int64_t column = 8 * (k / 4) + (k & 1);
        if (shape.softcap > 0)
          s[k] =
              b.fmul(b.tanh(b.fmul(s[k], b.f32(shape.scale / shape.softcap))),
                     b.f32(shape.softcap * log2e));
        else if (transforms())
          s[k] = b.fmul(s[k], b.f32(shape.scale * log2e));
        if (shape.slopes) {
          Value d = b.fsub(distance, b.f32(column));
          d = b.fmax(d, b.fsub(b.f32(0), d));
          s[k] = b.fma(slope, d, s[k]);
        }
        if (!masked)
          continue;
        auto keep = [&](arith::CmpIPredicate predicate, Value limit) {
          s[k] = b.select(b.compare(predicate, limit, column), s[k],
                          minusInfinity);
        };
        if (shape.right)
          keep(arith::CmpIPredicate::sge, b.add(position, *shape.right));
        Value lowest = b.sub(0, first);
        if (shape.left)
          lowest = b.most(lowest, b.sub(position, *shape.left));
        keep(arith::CmpIPredicate::sle, lowest);
      }
  }
  return s;
}

/// P of the scores, the new m and l, and by what the former sums shrink.
Values Kernel::softmax(HopperBuilder &b, ValueRange s, Rows &m, Rows &l,
                       Values &rescale) {
  Values p(s.size());
  for (int64_t h = 0; h < 2; ++h) {
    SmallVector<size_t> mine;
    for (size_t k = 0; k < s.size(); ++k)
      if (int64_t(k >> 1 & 1) == h)
        mine.push_back(k);
    Values best;
    for (size_t k : mine)
      best.push_back(s[k]);
    while (best.size() > 1) {
      Values next;
      for (size_t k = 0; k + 1 < best.size(); k += 2)
        next.push_back(b.fmax(best[k], best[k + 1]));
      best = next;
    }
    Value most = b.fmax(best[0], b.shuffleXor(best[0], 1));
    most = b.fmax(m.h[h], b.fmax(most, b.shuffleXor(most, 2)));
    Value minus = b.fmul(most, b.fsub(b.f32(0), factor));
    rescale.push_back(b.exp2(b.fma(m.h[h], factor, minus)));
    Values sums(4);
    for (auto [i, k] : llvm::enumerate(mine)) {
      p[k] = b.exp2(b.fma(s[k], factor, minus));
      sums[i % 4] = i < 4 ? p[k] : b.fadd(sums[i % 4], p[k]);
    }
    Value sum = b.fadd(b.fadd(sums[0], sums[1]), b.fadd(sums[2], sums[3]));
    l.h[h] = b.fadd(b.fmul(l.h[h], rescale[h]), sum);
    m.h[h] = most;
  }
  return p;
}

TileRing::Use Kernel::arriveEmpty(HopperBuilder &b, const TileRing::Use &use) {
  b.when(isFirstLane, [&] { b.arrive(use.empty); });
  return use;
}

/// O += P V of a tile, issued.
Values Kernel::addValues(HopperBuilder &b, ValueRange o, ValueRange p,
                         const TileRing::Use &use) {
  valueRing.waitFull(b, use);
  HopperBuilder::Tile v =
      b.shifted(b.transposedTile(b.at(base, values), shape.tileKeys,
                                 shape.tileKeys * kBoxRowBytes),
                b.mul(use.stage, shape.valueBytes()));
  return b.product(outputs(), o, p, v);
}

/// Carried: O, m, l, and P of the tile before.
Values Kernel::step(HopperBuilder &b, const HopperBuilder::Tile &q, Value tile,
                    ValueRange carried, bool masked) {
  size_t count = outputs() / 2;
  ValueRange o = carried.take_front(count), p = carried.drop_front(count + 4);
  Rows m{{carried[count], carried[count + 1]}};
  Rows l{{carried[count + 2], carried[count + 3]}};
  Values s = scores(b, q, tile);
  TileRing::Use before = valueRing.use(b, base, b.sub(tile, 1));
  Values next = addValues(b, o, p, before);
  s = b.waitProducts(1, s);
  arriveEmpty(b, keyRing.use(b, base, tile));
  Values rescale;
  Values nextP = softmax(b, scoresAgain(b, s, tile, masked), m, l, rescale);
  next = b.waitProducts(0, next);
  arriveEmpty(b, before);
  for (size_t k = 0; k < count; ++k)
    next[k] = b.fmul(next[k], rescale[k >> 1 & 1]);
  next.append({m.h[0], m.h[1], l.h[0], l.h[1]});
  next.append(b.packAll(nextP));
  return next;
}

void Kernel::finish(HopperBuilder &b, ValueRange carried) {
  size_t count = outputs() / 2;
  ValueRange p = carried.drop_front(count + 4);
  Values o = addValues(b, carried.take_front(count), p,
                       valueRing.use(b, base, b.sub(tiles, 1)));
  Values inverse, logs;
  Value zero = b.f32(0);
  for (int64_t h = 0; h < 2; ++h) {
    Value m = carried[count + h], l = carried[count + 2 + h];
    l = b.fadd(l, b.shuffleXor(l, 1));
    l = b.fadd(l, b.shuffleXor(l, 2));
    Value sees = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, l, zero);
    inverse.push_back(b.select(sees, b.reciprocal(l), zero));
    Value log = b.fmul(b.fma(m, factor, b.log2(l)), b.f32(ln2));
    logs.push_back(b.select(sees, log, b.f32(-INFINITY)));
  }
  o = b.waitProducts(0, o);
  for (size_t k = 0; k < count; ++k)
    o[k] = b.fmul(o[k], inverse[k >> 1 & 1]);

  // Rows of lse, one lane of four.
  Value shift = b.sub(numKeys, numQueries);
  for (int64_t h = 0; h < 2; ++h) {
    Value query = b.sub(positions.h[h], shift);
    Value mine = b.bitAnd(b.isEqual(quad, 0), b.isLess(query, numQueries));
    b.when(mine, [&] {
      Value index = b.wideMulAdd(batch, lseStrides[0], b.i64(0));
      index = b.wideMulAdd(query, lseStrides[1], index);
      index = b.wideMulAdd(head, lseStrides[2], index);
      b.store(logs[h], b.elementAt(b.getF32Type(), lse, index));
    });
  }
  // The outputs take the place of the warp group's queries.
  Value to = b.at(base, b.add(b.mul(group, shape.queryBytes()), queries));
  HopperBuilder::Lanes lanes = b.lanesOfRows(b.mul(warpInGroup, 16));
  b.sync(b.add(group, 1), warpGroup);
  b.storeTile(to, rowsOfGroup * kBoxRowBytes, lanes, b.packAll(o));
  b.fenceStores();
  b.sync(b.add(group, 1), warpGroup);
  b.when(b.isEqual(b.rem(b.thread(), warpGroup), 0), [&] {
    for (int64_t c = 0; c < shape.valueBoxes(); ++c)
      b.copyOut(mapY,
                {b.i32(c * kBoxColumns),
                 b.add(query0, b.mul(group, rowsOfGroup)), head, batch},
                b.at(to, c * rowsOfGroup * kBoxRowBytes));
    b.commitCopies();
    b.waitCopies(0);
  });
}

void Kernel::consume(HopperBuilder &b) {
  quad = b.bitAnd(lane, 3);
  isFirstLane = b.isEqual(lane, 0);
  factor = b.f32(transforms() ? 1.0 : shape.scale * log2e);
  Value row = b.add(b.mul(group, rowsOfGroup),
                    b.add(b.mul(warpInGroup, 16), b.shiftRight(lane, 2)));
  Value position = b.add(b.add(query0, b.sub(numKeys, numQueries)), row);
  positions = {{position, b.add(position, 8)}};
  if (slopes)
    slope = b.fmul(b.loadFloat(shape.slopes, slopes, head), b.f32(-log2e));
  Value m0 = b.f32(lowest), l0 = b.f32(0);
  if (sinks) {
    double unit = transforms() ? log2e : 1.0 / shape.scale;
    m0 = b.fmul(b.loadFloat(shape.sinks, sinks, head), b.f32(unit));
    m0 = b.fmax(m0, b.f32(lowest));
    l0 = b.select(b.isEqual(quad, 0), b.f32(1), l0);
  }

  HopperBuilder::Tile q =
      b.tile(b.at(base, b.add(b.mul(group, shape.queryBytes()), queries)),
             llvm::alignTo(shape.keySize, 16), rowsOfGroup * kBoxRowBytes);
  b.wait(b.at(base, queriesFull), 0);
  Value tile0 = b.i32(0);
  Values s = b.waitProducts(0, scores(b, q, tile0));
  arriveEmpty(b, keyRing.use(b, base, tile0));
  Rows m{{m0, m0}}, l{{l0, l0}};
  Values rescale;
  Values p = softmax(b, scoresAgain(b, s, tile0, true), m, l, rescale);

  Values carried(outputs() / 2, b.f32(0));
  carried.append({m.h[0], m.h[1], l.h[0], l.h[1]});
  carried.append(b.packAll(p));
  auto visit = [&](Value from, Value to, bool masked) {
    carried = b.loop(from, to, carried, [&](Value tile, ValueRange values) {
      return step(b, q, tile, values, masked);
    });
  };
  if (shape.right && shape.tileKeys < shape.tileQueries)
    visit(b.i32(1), wholeFrom, true);
  visit(wholeFrom, wholeTo, false);
  visit(wholeTo, tiles, true);
  finish(b, carried);
}

SymbolRefAttr Kernel::emit() {
  for (int64_t i = 0; i < 4; ++i)
    kernel.addMap();
  kernel.addPointer();
  if (shape.slopes)
    kernel.addPointer();
  if (shape.sinks)
    kernel.addPointer();
  MLIRContext *context = shape.element.getContext();
  for (int64_t i = 0; i < 4; ++i)
    kernel.addNumber(IntegerType::get(context, 32));
  for (int64_t i = 0; i < 3; ++i)
    kernel.addNumber(IntegerType::get(context, 64));
  return kernel.build(shape.element, [&](HopperBuilder &b, ValueRange args,
                                         Value shared) {
    base = shared;
    auto next = [&]() {
      Value value = args.front();
      args = args.drop_front();
      return value;
    };
    for (Value *value : {&mapQ, &mapK, &mapV, &mapY, &lse})
      *value = next();
    if (shape.slopes)
      slopes = next();
    if (shape.sinks)
      sinks = next();
    for (Value *value : {&numQueries, &numKeys, &numTiles, &numHeads})
      *value = next();
    for (Value &stride : lseStrides)
      stride = next();

    Value thread = b.thread();
    Value warp = b.uniform(b.shiftRight(thread, 5));
    group = b.shiftRight(warp, 2);
    warpInGroup = b.bitAnd(warp, 3);
    lane = b.bitAnd(thread, 31);
    locate(b);
    b.when(b.isEqual(thread, 0), [&] {
      b.initBarrier(b.at(base, queriesFull), 1);
      keyRing.init(b, base);
      valueRing.init(b, base);
      b.fenceBarriers();
    });
    b.syncBlock();
    b.branch(
        b.isEqual(group, consumers),
        [&] {
          b.setRegisters(producerRegisters, /*increase=*/false);
          b.when(b.isEqual(thread, consumers * warpGroup), [&] { produce(b); });
        },
        [&] {
          b.setRegisters(consumerRegisters, /*increase=*/true);
          consume(b);
        });
  });
}

std::pair<SymbolRefAttr, int64_t>
ssmc::emitHopperAttention(ssm::AttentionOp op, const HopperAttention &shape) {
  Kernel kernel(op, shape);
  SymbolRefAttr symbol = kernel.emit();
  return {symbol, kernel.sharedBytes()};
}
