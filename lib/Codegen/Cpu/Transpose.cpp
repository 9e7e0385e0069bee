//===- Transpose.cpp - rows of channels to vectors of channels ------------===//
//
// Square tiles are transposed in registers: log2(T) stages, each exchanging
// the off-diagonal halves of pairs of rows that lie s = T/2, T/4, ... 1 apart
// (Eklundh 1972). Ragged blocks are moved one element at a time: they occur
// once per op.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Cpu/Transpose.h"

using namespace mlir;
using namespace ssmc;

void ssmc::transposeTile(KernelBuilder &b, MutableArrayRef<Value> rows) {
  int64_t size = rows.size();
  for (int64_t s = size / 2; s > 0; s /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < size; ++lane) {
      low.push_back(lane & s ? size + lane - s : lane);
      high.push_back(lane & s ? size + lane : lane + s);
    }
    for (int64_t i = 0; i < size; ++i) {
      if (i & s)
        continue;
      Value first = rows[i], second = rows[i + s];
      rows[i] = vector::ShuffleOp::create(b, first, second, low);
      rows[i + s] = vector::ShuffleOp::create(b, first, second, high);
    }
  }
}

Value ssmc::addPairs(KernelBuilder &b, Value x, Value y, int64_t s) {
  int64_t lanes = cast<VectorType>(x.getType()).getNumElements();
  SmallVector<int64_t> low, high;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    low.push_back(lane & s ? lanes + lane - s : lane);
    high.push_back(lane & s ? lanes + lane : lane + s);
  }
  return b.fadd(vector::ShuffleOp::create(b, x, y, low),
                vector::ShuffleOp::create(b, x, y, high));
}

static SmallVector<Value> rowIndex(KernelBuilder &b, const RowBlock &rows,
                                   Value lane, Value state) {
  SmallVector<Value> index = rows.prefix;
  index.push_back(b.add(rows.row, lane));
  index.push_back(rows.from ? b.add(rows.from, state) : state);
  return index;
}

// The largest square tile that divides both the lanes and the states.
static int64_t tileSize(const RowBlock &rows, int64_t lanes) {
  if (rows.count || !isUnitStrideFloat(rows.memref))
    return 1;
  int64_t tile = lanes;
  while (rows.states % tile)
    tile /= 2;
  return tile;
}

static int64_t getLanes(Value scratch) {
  return cast<MemRefType>(scratch.getType()).getDimSize(1);
}

void ssmc::loadTransposed(KernelBuilder &b, const RowBlock &rows, Value scratch,
                          double scale) {
  int64_t lanes = getLanes(scratch), tile = tileSize(rows, lanes);
  if (tile == 1) {
    if (rows.count)
      b.loop(b.idx(0), b.idx(rows.states), 1, [&](Value n) {
        VectorType type = b.vec(lanes);
        b.store({type, {}}, b.splat(type, 0.0), scratch, {n, b.idx(0)});
      });
    Value count = rows.count ? rows.count : b.idx(lanes);
    b.loop(b.idx(0), count, 1, [&](Value lane) {
      b.loop(b.idx(0), b.idx(rows.states), 1, [&](Value n) {
        Value value = b.loadScalar(rows.memref, rowIndex(b, rows, lane, n));
        if (scale != 1.0)
          value = b.fmul(value, b.splat(value.getType(), scale));
        b.storeScalar(value, scratch, ValueRange{n, lane});
      });
    });
    return;
  }
  Lanes full{b.vec(tile), {}};
  b.loop(b.idx(0), b.idx(rows.states), tile, [&](Value n) {
    for (int64_t lane = 0; lane < lanes; lane += tile) {
      SmallVector<Value> values;
      for (int64_t i = 0; i < tile; ++i)
        values.push_back(
            b.load(full, rows.memref, rowIndex(b, rows, b.idx(lane + i), n)));
      transposeTile(b, values);
      for (auto [i, value] : llvm::enumerate(values)) {
        if (scale != 1.0)
          value = b.fmul(value, b.splat(full.type, scale));
        b.store(full, value, scratch, {b.add(n, i), b.idx(lane)});
      }
    }
  });
}

void ssmc::storeTransposed(KernelBuilder &b, const RowBlock &rows,
                           Value scratch) {
  int64_t lanes = getLanes(scratch), tile = tileSize(rows, lanes);
  if (tile == 1) {
    Value count = rows.count ? rows.count : b.idx(lanes);
    b.loop(b.idx(0), count, 1, [&](Value lane) {
      b.loop(b.idx(0), b.idx(rows.states), 1, [&](Value n) {
        Value value = b.loadScalar(scratch, {n, lane});
        b.storeScalar(value, rows.memref, rowIndex(b, rows, lane, n));
      });
    });
    return;
  }
  Lanes full{b.vec(tile), {}};
  b.loop(b.idx(0), b.idx(rows.states), tile, [&](Value n) {
    for (int64_t lane = 0; lane < lanes; lane += tile) {
      SmallVector<Value> values;
      for (int64_t i = 0; i < tile; ++i)
        values.push_back(b.load(full, scratch, {b.add(n, i), b.idx(lane)}));
      transposeTile(b, values);
      for (auto [i, value] : llvm::enumerate(values))
        b.store(full, value, rows.memref,
                rowIndex(b, rows, b.idx(lane + i), n));
    }
  });
}
