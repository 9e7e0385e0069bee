//===- UnitProduct.cpp - a state times the columns of a block -------------===//

#include "lib/Codegen/Gpu/UnitProduct.h"

using namespace mlir;
using namespace ssmc;

/// Terms that a lane has side by side, of the two kinds of products, and the
/// terms of a warp that begin together.
static constexpr int64_t kLaneTerms = 4, kTileTerms = 8, kTileDepth = 32;
static constexpr int64_t kTileRows = 16, kTileColumns = 8;
/// Vectors of the state that a lane has on their way.
static constexpr int64_t kInFlight = 16;

UnitProduct::UnitProduct(const UnitStep &step, int64_t units)
    : step(&step), units(units) {
  Type state = getElementTypeOrSelf(step.state().getType());
  Type weight = getElementTypeOrSelf(step.weight().getType());
  onTensorCores = state == weight && state.getIntOrFloatBitWidth() == 16 &&
                  step.depth() % kTileTerms == 0;
}

int64_t UnitProduct::place(int64_t ofBlock, int64_t tileRows, int64_t at) {
  blockUnits = ofBlock;
  rows = onTensorCores ? llvm::alignTo(tileRows, kTileRows) : tileRows;
  columns = blockUnits * step->gates;
  depth = llvm::alignTo(step->depth(),
                        warps * (onTensorCores ? kTileDepth : kLaneTerms));
  auto take = [&](int64_t bytes) {
    int64_t here = at;
    at += llvm::alignTo(bytes, copyBytes);
    return here;
  };
  weightsAt =
      take(onTensorCores ? 2 * depth * llvm::alignTo(columns, kTileColumns)
                         : 4 * depth * columns);
  partsAt = take(4 * warps * rows * columns);
  stateAt = onTensorCores ? at : take(warps * rows * rowBytes());
  return at;
}

static Value sharedAddress(LaunchBuilder &b, UnitProduct::Block block,
                           int64_t at, Value offset) {
  return b.sharedAt(b.add(b.add(block.base, at), offset));
}

/// A weight, or zero behind the last term and unit.
Value UnitProduct::weightAt(LaunchBuilder &b, Value group, Value k,
                            Value column) const {
  Value unit = b.add(b.mul(group, blockUnits), b.rem(column, blockUnits));
  Value gate = b.div(column, blockUnits);
  Value isThere = b.both(
      b.both(b.less(unit, b.idx(units)), b.less(k, b.idx(step->depth()))),
      b.less(column, b.idx(columns)));
  Value n = b.add(b.mul(b.min(gate, b.idx(step->gates - 1)), units),
                  b.min(unit, b.idx(units - 1)));
  Value term = b.min(k, b.idx(step->depth() - 1));
  Value found = memref::LoadOp::create(
      b, step->weight(),
      step->isTransposed() ? ValueRange{n, term} : ValueRange{term, n});
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(found.getType()));
  return b.select(isThere, found, zero);
}

void UnitProduct::loadWeights(LaunchBuilder &b, Block block,
                              Value group) const {
  int64_t terms = onTensorCores ? kTileTerms : kLaneTerms;
  int64_t width =
      onTensorCores ? llvm::alignTo(columns, kTileColumns) : columns;
  b.loop(block.thread, b.idx(depth / terms * width), warps * warpLanes, {},
         [&](Value i, ValueRange) {
           // By lanes: weight[k / 4][column]; by tiles: [k / 32][column / 8]
           // and then the lane, which has column / 8 and terms of its number
           // by 4.
           Value column = b.rem(i, width), k = b.mul(b.div(i, width), terms);
           if (onTensorCores) {
             Value lane = b.rem(i, warpLanes), tile = b.div(i, warpLanes);
             int64_t tiles = width / kTileColumns;
             column =
                 b.add(b.mul(b.rem(tile, tiles), kTileColumns), b.div(lane, 4));
             k = b.add(b.mul(b.div(tile, tiles), kTileDepth),
                       b.mul(b.rem(lane, 4), kTileTerms));
           }
           Type element = onTensorCores
                              ? getElementTypeOrSelf(step->weight().getType())
                              : Type(b.getF32Type());
           auto type = VectorType::get({terms}, element);
           Value vector = arith::ConstantOp::create(b, b.getZeroAttr(type));
           for (int64_t j = 0; j < terms; ++j) {
             Value weight = weightAt(b, group, b.add(k, j), column);
             if (!onTensorCores)
               weight = b.widen(weight);
             vector = vector::InsertOp::create(b, weight, vector, j);
           }
           b.storeAt(vector, sharedAddress(b, block, weightsAt, b.mul(i, 16)),
                     16);
           return SmallVector<Value>();
         });
}

/// Terms k, k + 1, ... of a row. What is behind the last term meets weights of
/// zero, and must not be infinite.
Value UnitProduct::loadTerms(LaunchBuilder &b, const State &state, Value row,
                             Value k, int64_t count) const {
  int64_t terms = step->depth();
  auto memref = cast<MemRefType>(state.buffer.getType());
  Type element = memref.getElementType();
  auto type = VectorType::get({count}, element);
  Value at = b.min(b.add(state.firstRow, row), b.sub(state.rowCount, b.idx(1)));
  auto indices = [&](Value term) {
    SmallVector<Value> all{at, term};
    if (state.half)
      all.insert(all.begin(), state.half);
    return all;
  };
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  if (state.half && terms % count == 0) {
    Value first = terms < depth ? b.min(k, b.idx(terms - count)) : k;
    Value found =
        b.loadAt(type, b.globalAt(b.addressOf(state.buffer, indices(first))),
                 count * element.getIntOrFloatBitWidth() / 8);
    return terms < depth ? b.select(b.less(k, b.idx(terms)), found, zero)
                         : found;
  }
  Value none = arith::ConstantOp::create(b, b.getZeroAttr(element));
  for (int64_t j = 0; j < count; ++j) {
    Value term = b.add(k, j);
    Value found = memref::LoadOp::create(
        b, state.buffer, indices(b.min(term, b.idx(terms - 1))));
    found = b.select(b.less(term, b.idx(terms)), found, none);
    zero = vector::InsertOp::create(b, found, zero, j);
  }
  return zero;
}

void UnitProduct::storePart(LaunchBuilder &b, Block block, Value sum, Value row,
                            Value column) const {
  Value warp = b.div(block.thread, warpLanes);
  Value place = b.add(b.mul(b.add(b.mul(warp, rows), row), columns), column);
  b.storeAt(sum, sharedAddress(b, block, partsAt, b.mul(place, 4)), 4);
}

Value UnitProduct::sum(LaunchBuilder &b, Block block, Value row,
                       Value column) const {
  Value total;
  for (int64_t warp = 0; warp < warps; ++warp) {
    Value place = b.add(b.mul(b.add(row, warp * rows), columns), column);
    Value part = b.loadAt(b.getF32Type(),
                          sharedAddress(b, block, partsAt, b.mul(place, 4)), 4);
    total = total ? b.fadd(total, part) : part;
  }
  return total;
}

void UnitProduct::multiply(LaunchBuilder &b, Block block, State state) const {
  if (onTensorCores)
    multiplyByTiles(b, block, state);
  else
    multiplyByLanes(b, block, state);
}

/// A warp's terms of the state lie in shared memory as [row][k]. Where a block
/// has fewer columns than a warp has lanes, these share the rows: neighbouring
/// ones, so that they read from different banks.
void UnitProduct::multiplyByLanes(LaunchBuilder &b, Block block,
                                  State state) const {
  auto f32x4 = VectorType::get({kLaneTerms}, b.getF32Type());
  Value lane = b.rem(block.thread, warpLanes);
  Value warp = b.div(block.thread, warpLanes);
  int64_t vectors = perWarp() / kLaneTerms, count = rows * vectors;
  Value mine = b.mul(warp, rows * rowBytes());
  b.warpBarrier(); // all have read what was there
  for (int64_t begin = 0; begin < count; begin += kInFlight * warpLanes) {
    SmallVector<std::pair<Value, Value>> found; // and where it goes
    int64_t end = std::min(count, begin + kInFlight * warpLanes);
    for (int64_t first = begin; first < end; first += warpLanes) {
      Value i = b.add(lane, first);
      if (first + warpLanes > count)
        i = b.min(i, b.idx(count - 1)); // twice the same
      Value k =
          b.add(b.mul(warp, perWarp()), b.mul(b.rem(i, vectors), kLaneTerms));
      found.push_back(
          {loadTerms(b, state, b.div(i, vectors), k, kLaneTerms), i});
    }
    for (auto [value, i] : found) {
      Value place = b.add(b.mul(b.div(i, vectors), rowBytes()),
                          b.mul(b.rem(i, vectors), 16));
      b.storeAt(b.widen(value),
                sharedAddress(b, block, stateAt, b.add(mine, place)), 16);
    }
  }
  b.warpBarrier();
  int64_t side = std::min<int64_t>(warpLanes, llvm::PowerOf2Ceil(columns));
  int64_t groups = warpLanes / side, laneRows = llvm::divideCeil(rows, groups);
  for (int64_t begin = 0; begin < columns; begin += side) {
    Value column = b.add(b.rem(lane, side), begin);
    Value weightColumn = b.mul(b.min(column, b.idx(columns - 1)), 16);
    // Row r of a lane; both numbers of rows are powers of two.
    Value firstRow = b.min(b.div(lane, side), b.idx(rows - 1));
    Value rowAt = b.add(mine, b.mul(firstRow, rowBytes()));
    // The weight of the column and the terms of the rows.
    auto load = [&](Value k) {
      Value vector = b.add(b.mul(warp, vectors), k);
      SmallVector<Value> loaded{b.loadAt(
          f32x4,
          sharedAddress(b, block, weightsAt,
                        b.add(b.mul(vector, 16 * columns), weightColumn)),
          16)};
      for (int64_t r = 0; r < laneRows; ++r)
        loaded.push_back(
            b.loadAt(f32x4,
                     sharedAddress(b, block, stateAt + r * groups * rowBytes(),
                                   b.add(rowAt, b.mul(k, 16))),
                     16));
      return loaded;
    };
    // Those of the next step are on their way while this one's are multiplied.
    SmallVector<Value> carried(laneRows, b.real(0));
    llvm::append_range(carried, load(b.idx(0)));
    ValueRange done = b.loop(
        b.idx(0), b.idx(vectors), 1, carried, [&](Value k, ValueRange values) {
          SmallVector<Value> next(values.take_front(laneRows));
          ValueRange now = values.drop_front(laneRows);
          SmallVector<Value> later =
              load(b.min(b.add(k, 1), b.idx(vectors - 1)));
          for (int64_t r = 0; r < laneRows; ++r)
            for (int64_t j = 0; j < kLaneTerms; ++j)
              next[r] = b.fma(vector::ExtractOp::create(b, now[1 + r], j),
                              vector::ExtractOp::create(b, now[0], j), next[r]);
          llvm::append_range(next, later);
          return next;
        });
    b.when(b.less(column, b.idx(columns)), [&] {
      for (int64_t r = 0; r < laneRows; ++r)
        storePart(b, block, done[r], b.add(firstRow, r * groups), column);
    });
  }
}

void UnitProduct::multiplyByTiles(LaunchBuilder &b, Block block,
                                  State state) const {
  Type element = getElementTypeOrSelf(step->state().getType());
  auto words = VectorType::get({4}, b.getI32Type());
  auto bits = [&](Value vector) {
    Value all = vector::BitCastOp::create(b, words, vector);
    SmallVector<Value, 4> each;
    for (int64_t j = 0; j < 4; ++j)
      each.push_back(vector::ExtractOp::create(b, all, j));
    return each;
  };
  Value lane = b.rem(block.thread, warpLanes);
  Value warp = b.div(block.thread, warpLanes);
  int64_t rowTiles = rows / kTileRows,
          columnTiles = llvm::divideCeil(columns, kTileColumns),
          steps = perWarp() / kTileDepth;
  SmallVector<SmallVector<Value>> sums(rowTiles * columnTiles,
                                       SmallVector<Value>(4, b.real(0)));
  int64_t atOnce = std::max<int64_t>(1, kInFlight / (2 * rowTiles));
  for (int64_t begin = 0; begin < steps; begin += atOnce) {
    int64_t end = std::min(steps, begin + atOnce);
    SmallVector<Value> rowsOfState;
    for (int64_t s = begin; s < end; ++s)
      for (int64_t r = 0; r < 2 * rowTiles; ++r) {
        Value k = b.add(b.add(b.mul(warp, perWarp()), s * kTileDepth),
                        b.mul(b.rem(lane, 4), kTileTerms));
        rowsOfState.push_back(
            loadTerms(b, state, b.add(b.div(lane, 4), 8 * r), k, kTileTerms));
      }
    for (int64_t s = begin; s < end; ++s)
      for (int64_t c = 0; c < columnTiles; ++c) {
        Value tile = b.add(b.mul(b.add(b.mul(warp, steps), s), columnTiles), c);
        Value place = b.mul(b.add(b.mul(tile, warpLanes), lane), 16);
        auto type = VectorType::get({kTileTerms}, element);
        auto weight =
            bits(b.loadAt(type, sharedAddress(b, block, weightsAt, place), 16));
        for (int64_t r = 0; r < rowTiles; ++r) {
          size_t first = (s - begin) * 2 * rowTiles + 2 * r;
          auto upper = bits(rowsOfState[first]);
          auto lower = bits(rowsOfState[first + 1]);
          SmallVector<Value> &sum = sums[r * columnTiles + c];
          for (int64_t part = 0; part < 4; part += 2)
            sum = b.multiplyTile(
                element,
                {upper[part], lower[part], upper[part + 1], lower[part + 1]},
                {weight[part], weight[part + 1]}, sum);
        }
      }
  }
  for (int64_t r = 0; r < rowTiles; ++r)
    for (int64_t c = 0; c < columnTiles; ++c)
      for (int64_t e = 0; e < 4; ++e) {
        Value row = b.add(b.div(lane, 4), r * kTileRows + e / 2 * 8);
        Value column =
            b.add(b.mul(b.rem(lane, 4), 2), c * kTileColumns + e % 2);
        b.when(b.less(column, b.idx(columns)), [&] {
          storePart(b, block, sums[r * columnTiles + c][e], row, column);
        });
      }
}
