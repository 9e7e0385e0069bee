//===- StateTile.cpp - a matrix state in the registers of a block ---------===//

#include "lib/Codegen/Gpu/StateTile.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ssmc;
using Values = StateLane::Values;

// Of the state in a thread's registers: as many as leave room for four blocks
// of a multiprocessor, and as many as there are.
static constexpr int64_t wantedElements = 64, mostElements = 128;
static constexpr int64_t usualKeyLanes = 8, mostColumns = 4;
static constexpr int64_t mostWarps = 8, mostWarpsOfStep = 2;

std::optional<StateTile> StateTile::get(int64_t keys, int64_t columns,
                                        bool isStep) {
  if (keys < 1 || columns < 1)
    return std::nullopt;
  StateTile tile{keys, columns, 0, 0, 0, 0};
  tile.laneColumns =
      std::min<int64_t>(llvm::PowerOf2Ceil(columns), mostColumns);
  tile.keyLanes = std::min<int64_t>(
      llvm::PowerOf2Ceil(llvm::divideCeil(keys, vectorKeys)), usualKeyLanes);
  while (tile.laneKeys() * tile.laneColumns > wantedElements &&
         tile.keyLanes < warpLanes)
    tile.keyLanes *= 2;
  if (tile.laneKeys() * tile.laneColumns > mostElements)
    return std::nullopt;
  int64_t allWarps = llvm::divideCeil(columns, tile.warpColumns());
  tile.blocks =
      llvm::divideCeil(allWarps, isStep ? mostWarpsOfStep : mostWarps);
  tile.warps = llvm::divideCeil(allWarps, tile.blocks);
  return tile;
}

StateLane::StateLane(LaunchBuilder &b, const StateTile &tile, Value thread,
                     Value part)
    : b(b), tile(tile),
      vec(VectorType::get({tile.laneColumns}, b.getF32Type())) {
  Value lane = b.rem(thread, warpLanes), warp = b.div(thread, warpLanes);
  keyLane = b.rem(lane, tile.keyLanes);
  inBlock = b.add(b.mul(warp, tile.warpColumns()),
                  b.mul(b.div(lane, tile.keyLanes), tile.laneColumns));
  ofBlock = b.mul(part, tile.blockColumns());
  // `sum` halves the columns of a lane with the upper bits of its number.
  firstSum = inBlock;
  int64_t count = tile.laneColumns;
  for (int64_t mask = tile.keyLanes / 2; mask && count > 1; mask /= 2) {
    count /= 2;
    Value isUpper = b.rem(b.div(keyLane, mask), 2);
    firstSum = b.add(firstSum, b.mul(isUpper, count));
  }
}

int64_t StateLane::summed() const {
  return std::max<int64_t>(tile.laneColumns / tile.keyLanes, 1);
}

Values StateLane::sum(Value ofLane) {
  Values sums;
  for (int64_t i = 0; i < tile.laneColumns; ++i)
    sums.push_back(vector::ExtractOp::create(b, ofLane, i));
  for (int64_t mask = tile.keyLanes / 2; mask; mask /= 2) {
    if (sums.size() == 1) {
      sums[0] = b.fadd(sums[0], b.shuffleXor(sums[0], mask));
      continue;
    }
    Value isLower = b.equal(b.rem(b.div(keyLane, mask), 2), b.idx(0));
    size_t half = sums.size() / 2;
    for (size_t i = 0; i < half; ++i) {
      Value mine = b.select(isLower, sums[i], sums[half + i]);
      Value other = b.select(isLower, sums[half + i], sums[i]);
      sums[i] = b.fadd(mine, b.shuffleXor(other, mask));
    }
    sums.resize(half);
  }
  return sums;
}

Value StateLane::sumAll(Value ofLane) {
  Values sums = sum(ofLane);
  // The halves of the columns, in the order in which they were given away last.
  int64_t last = tile.keyLanes * summed() / tile.laneColumns;
  for (int64_t mask = last;
       static_cast<int64_t>(sums.size()) < tile.laneColumns; mask *= 2) {
    Value isLower = b.equal(b.rem(b.div(keyLane, mask), 2), b.idx(0));
    Values lower, upper;
    for (Value mine : sums) {
      Value other = b.shuffleXor(mine, mask);
      lower.push_back(b.select(isLower, mine, other));
      upper.push_back(b.select(isLower, other, mine));
    }
    sums = lower;
    llvm::append_range(sums, upper);
  }
  return vector::FromElementsOp::create(b, vec, sums);
}

Value StateLane::keyOf(int64_t vector) {
  return b.mul(b.add(keyLane, vector * tile.keyLanes), StateTile::vectorKeys);
}

/// Buffers whose layout is the default one begin at a multiple of 16 bytes.
bool StateLane::isVector(Value memref) const {
  return cast<MemRefType>(memref.getType()).getLayout().isIdentity() &&
         tile.columns % tile.laneColumns == 0;
}

void StateLane::forEach(ValueRange index, Value memref,
                        function_ref<void(int64_t, Value, ValueRange)> body) {
  bool areAllKeys = tile.paddedKeys() == tile.keys;
  Value column = b.add(ofBlock, inBlock);
  for (int64_t key = 0; key < tile.laneKeys(); ++key) {
    Value n =
        b.add(keyOf(key / StateTile::vectorKeys), key % StateTile::vectorKeys);
    Value exists;
    if (!areAllKeys) {
      exists = b.less(n, b.idx(tile.keys));
      n = b.min(n, b.idx(tile.keys - 1));
    }
    SmallVector<Value> at(index);
    at.append({n, column});
    body(key, exists, at);
  }
}

Values StateLane::load(Value memref, ValueRange index) {
  Values state;
  bool isWide = isVector(memref);
  Value last = b.idx(tile.columns - 1);
  forEach(index, memref, [&](int64_t, Value exists, ValueRange at) {
    SmallVector<Value> place(at);
    Value column = place.back(), loaded;
    if (isWide) {
      if (!isWhole())
        place.back() = b.min(column, b.idx(tile.columns - tile.laneColumns));
      loaded = b.loadAt(vec, b.globalAt(b.addressOf(memref, place)),
                        tile.laneColumns * sizeof(float));
    } else {
      Values elements;
      for (int64_t i = 0; i < tile.laneColumns; ++i) {
        place.back() = b.min(b.add(column, i), last);
        elements.push_back(b.load(memref, place));
      }
      loaded = vector::FromElementsOp::create(b, vec, elements);
    }
    if (exists)
      loaded = b.select(exists, loaded, b.real(0.0, vec));
    state.push_back(loaded);
  });
  return state;
}

void StateLane::store(ValueRange state, Value memref, ValueRange index) {
  bool isWide = isVector(memref);
  forEach(index, memref, [&](int64_t key, Value exists, ValueRange at) {
    SmallVector<Value> place(at);
    Value column = place.back();
    auto guarded = [&](Value at, function_ref<void()> body) {
      Value condition = exists;
      if (!isWhole()) {
        Value inside = b.less(at, b.idx(tile.columns));
        condition = condition ? b.both(condition, inside) : inside;
      }
      condition ? b.when(condition, body) : body();
    };
    if (isWide)
      return guarded(column, [&] {
        b.storeAt(state[key], b.globalAt(b.addressOf(memref, place)),
                  tile.laneColumns * sizeof(float));
      });
    for (int64_t i = 0; i < tile.laneColumns; ++i) {
      place.back() = b.add(column, i);
      guarded(place.back(), [&] {
        b.store(vector::ExtractOp::create(b, state[key], i), memref, place);
      });
    }
  });
}

Values StateLane::zeros() { return Values(tile.laneKeys(), b.real(0.0, vec)); }

Values StateLane::loadKeys(Value memref, ValueRange index) {
  auto ofKeys = VectorType::get({StateTile::vectorKeys}, b.getF32Type());
  Values result;
  for (int64_t v = 0; v < tile.laneVectors(); ++v) {
    Values elements;
    for (int64_t e = 0; e < StateTile::vectorKeys; ++e) {
      SmallVector<Value> at(index);
      at.push_back(b.min(b.add(keyOf(v), e), b.idx(tile.keys - 1)));
      elements.push_back(b.load(memref, at));
    }
    result.push_back(vector::FromElementsOp::create(b, ofKeys, elements));
  }
  return result;
}

void StateLane::storeKeys(ValueRange numbers, Value memref, ValueRange index) {
  for (int64_t v = 0; v < tile.laneVectors(); ++v)
    for (int64_t e = 0; e < StateTile::vectorKeys; ++e) {
      SmallVector<Value> at(index);
      at.push_back(b.add(keyOf(v), e));
      b.when(b.less(at.back(), b.idx(tile.keys)), [&] {
        b.store(vector::ExtractOp::create(b, numbers[v], e), memref, at);
      });
    }
}

bool ssmc::isDecayOfKey(Value decay) {
  return cast<MemRefType>(decay.getType()).getRank() % 2 == 0;
}

StagedSteps::Sequence ssmc::stageDecay(LaunchBuilder &b, StagedSteps &staged,
                                       Value decay, const StateTile &tile,
                                       Value batch, Value head) {
  auto type = cast<MemRefType>(decay.getType());
  bool isOfKey = isDecayOfKey(decay);
  int64_t size = isOfKey ? tile.paddedKeys() : 1;
  Values index;
  if (type.getRank() > 2)
    index = {batch, b.idx(0)};
  if (isOfKey)
    index.push_back(head);
  auto sequence = staged.add(decay, size, 1.0, /*isLog=*/true);
  staged.addElements(sequence, index, isOfKey ? b.idx(0) : head, size,
                     isOfKey ? tile.keys : type.getShape().back());
  return sequence;
}
