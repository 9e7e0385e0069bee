//===- LaunchTiles.cpp - ssm-launch-tiles ---------------------------------===//
//
// A product of many rows and columns, of f32 or extended to it. A block
// computes a tile of the result, a thread 8 x 8 of its elements, in two groups
// of four rows and columns, so that neighbours read neighbouring vectors of 16
// bytes:
//
//   for each `depth` of k:
//     next tiles of left and right -> registers
//     sums += left[k, rows] x right[k, columns]   for each k, from shared
//     memory registers -> the other half of shared memory barrier
//
// Both tiles lie with k as the first index in shared memory. A thread copies
// vectors of `width` elements along what lies side by side in memory. What is
// behind the last row or column repeats the last ones, and what is behind the
// last k is zero.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/Choice.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/MatrixProduct.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHTILES
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t depth = 16, unrolled = 4; // of k
constexpr int64_t perThread = 8, group = 4; // rows and columns of a thread
constexpr int64_t padding = 4;              // floats behind a row of a tile
constexpr int64_t largeTile = 128, smallTile = 64;
constexpr int64_t enoughBlocks =
    264; // of large tiles: two for a multiprocessor
constexpr int64_t floatBytes = 4;

/// An operand, of which vectors of `width` elements are copied along k or along
/// its rows (columns).
struct Side {
  BufferOperand operand;
  Loops loops; // of rows or columns
  bool alongSum;
  int64_t width = 1;

  Side(const MatrixProduct &product, const BufferOperand &operand,
       const Loops &loops)
      : operand(operand), loops(loops),
        alongSum(operand.isContiguous(product.k.front())) {
    unsigned loop = along(product);
    if (product.count(loop) && (alongSum || loops.size() == 1) &&
        product.canLoad(operand, loop, group))
      width = group;
  }
  unsigned along(const MatrixProduct &product) const {
    return alongSum ? product.k.front() : loops.back();
  }
};

/// One operand's way into shared memory, in a kernel.
class Copier {
public:
  Copier(LaunchBuilder &b, const MatrixProduct &product, const Side &side,
         int64_t tile, int64_t threads);
  int64_t rowFloats() const { return tile + padding; }
  int64_t floats() const { return depth * rowFloats(); }

  /// Where the thread's vectors begin, for rows (columns) from `first` on.
  void locate(Value thread, Value batch, Value first, Value shared);
  /// The thread's vectors of the tile that begins at `k`.
  SmallVector<Value> load(Value k);
  /// Stores them in a half of shared memory.
  void store(ArrayRef<Value> vectors, Value half);
  /// Four floats of a row of the tile in a half.
  Value read(Value half, Value k, Value position);

private:
  int64_t count() const { return depth * tile / side.width / threads; }
  Value sharedAt(Value half, Value k, Value position);

  LaunchBuilder &b;
  const MatrixProduct &product;
  const Side &side;
  int64_t tile, threads;
  Value shared, sumStride, sumCount;
  Value position, k;       // in the tile, of the first vector
  SmallVector<Value> from; // addresses of the vectors at k = 0
};

Copier::Copier(LaunchBuilder &b, const MatrixProduct &product, const Side &side,
               int64_t tile, int64_t threads)
    : b(b), product(product), side(side), tile(tile), threads(threads) {}

void Copier::locate(Value thread, Value batch, Value first, Value memory) {
  shared = memory;
  const BufferOperand &operand = side.operand;
  sumStride = operand.byteStride(b, product.k.front());
  sumCount = product.count(b, product.k);
  Value base =
      b.add(operand.base(b), product.offset(b, operand, product.batch, batch));
  Value last = b.sub(product.count(b, side.loops),
                     b.idx(side.alongSum ? 1 : side.width));
  auto addressOf = [&](Value at) {
    Value index = b.min(b.add(first, at), last);
    return b.add(base, product.offset(b, operand, side.loops, index));
  };
  if (!side.alongSum) {
    int64_t across = tile / side.width;
    position = b.mul(b.rem(thread, across), side.width);
    k = b.div(thread, across);
    from.push_back(addressOf(position));
    return;
  }
  int64_t across = depth / side.width;
  k = b.mul(b.rem(thread, across), side.width);
  position = b.div(thread, across);
  for (int64_t i = 0; i < count(); ++i)
    from.push_back(addressOf(b.add(position, i * threads / across)));
}

SmallVector<Value> Copier::load(Value first) {
  Type type = VectorType::get({side.width}, side.operand.element());
  Type wide = VectorType::get({side.width}, b.getF32Type());
  int64_t ahead = side.alongSum ? side.width : 1;
  Value last = b.sub(sumCount, b.idx(ahead));
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < count(); ++i) {
    Value at = b.add(first, k);
    if (!side.alongSum)
      at = b.add(at, i * threads / (tile / side.width));
    Value address =
        b.add(from[side.alongSum ? i : 0], b.mul(b.min(at, last), sumStride));
    Value vector = b.loadAt(type, b.globalAt(address),
                            side.width * side.operand.elementBytes());
    vectors.push_back(
        b.select(b.less(at, sumCount), b.widen(vector), b.real(0.0, wide)));
  }
  return vectors;
}

Value Copier::sharedAt(Value half, Value k, Value position) {
  Value at = b.add(b.mul(half, floats()), b.mul(k, rowFloats()));
  at = b.add(at, position);
  return b.add(shared, b.mul(at, floatBytes));
}

void Copier::store(ArrayRef<Value> vectors, Value half) {
  for (auto [i, vector] : llvm::enumerate(vectors)) {
    int64_t step = i * threads;
    if (!side.alongSum) {
      Value to = sharedAt(half, b.add(k, step / (tile / side.width)), position);
      b.storeAt(vector, b.sharedAt(to), side.width * floatBytes);
      continue;
    }
    Value at = b.add(position, step / (depth / side.width));
    for (int64_t e = 0; e < side.width; ++e)
      b.storeAt(vector::ExtractOp::create(b, vector, e),
                b.sharedAt(sharedAt(half, b.add(k, e), at)), floatBytes);
  }
}

Value Copier::read(Value half, Value k, Value position) {
  Type type = VectorType::get({group}, b.getF32Type());
  return b.loadAt(type, b.sharedAt(sharedAt(half, k, position)),
                  group * floatBytes);
}

class Kernel {
public:
  Kernel(LaunchBuilder &b, const MatrixProduct &product, const Side &left,
         const Side &right, bool storesVectors, Value start, int64_t tile)
      : b(b), product(product), start(start), storesVectors(storesVectors),
        tile(tile), threads(tile * tile / (perThread * perThread)),
        left(b, product, left, tile, threads),
        right(b, product, right, tile, threads) {}
  void emit();

private:
  using Sums = SmallVector<Value>;
  void locate(gpu::LaunchOp launch);
  Sums sumUp();
  Sums multiply(Value half, ValueRange sums);
  void multiplyOne(Value half, Value k, MutableArrayRef<Value> sums);
  void store(ValueRange sums);
  void storeRow(Value row, ArrayRef<Value> sums);
  /// Rows (or columns) of a group of the thread, in the tile.
  Value groupAt(Value thread, int64_t number) {
    return b.add(b.mul(thread, group), number * tile / 2);
  }

  LaunchBuilder &b;
  const MatrixProduct &product;
  Value start;
  bool storesVectors;
  int64_t tile, threads;
  Copier left, right;
  Value batch, firstRow, firstColumn, rowCount, columnCount;
  Value threadRow, threadColumn;
};

void Kernel::emit() {
  OpBuilder::InsertionGuard guard(b);
  rowCount = product.count(b, product.m);
  columnCount = product.count(b, product.n);
  Value rowBlocks = b.ceilDiv(rowCount, tile);
  Value columnBlocks = b.ceilDiv(columnCount, tile);
  Value blocks =
      b.mul(b.mul(rowBlocks, columnBlocks), product.count(b, product.batch));
  gpu::LaunchOp launch = b.launch(blocks, b.idx(1), b.idx(1), threads);
  Value block = launch.getBlockIds().x;
  auto [rest, rowBlock] = b.divideSmall(block, rowBlocks);
  auto [batchOfBlock, columnBlock] = b.divideSmall(rest, columnBlocks);
  firstRow = b.mul(rowBlock, tile);
  firstColumn = b.mul(columnBlock, tile);
  batch = batchOfBlock;
  locate(launch);
  store(sumUp());
}

void Kernel::locate(gpu::LaunchOp launch) {
  Value thread = launch.getThreadIds().x;
  int64_t across = tile / perThread;
  threadRow = b.div(thread, across);
  threadColumn = b.rem(thread, across);
  auto reserve = [&](Copier &copier, Value first) {
    Value memory = b.shared(launch, 2 * copier.floats(), b.getF32Type());
    Value at = memref::ExtractAlignedPointerAsIndexOp::create(b, memory);
    copier.locate(thread, batch, first, at);
  };
  reserve(left, firstRow);
  reserve(right, firstColumn);
}

Kernel::Sums Kernel::sumUp() {
  Type vector = VectorType::get({group}, b.getF32Type());
  Sums sums(perThread * perThread / group, b.real(0.0, vector));
  auto load = [&](Value k) { return std::pair(left.load(k), right.load(k)); };
  auto keep = [&](const std::pair<Sums, Sums> &vectors, Value half) {
    left.store(vectors.first, half);
    right.store(vectors.second, half);
    b.barrier();
  };
  keep(load(b.idx(0)), b.idx(0));
  Value tiles = b.ceilDiv(product.count(b, product.k), depth);
  ValueRange done =
      b.loop(b.idx(0), tiles, 1, sums, [&](Value number, ValueRange carried) {
        Value half = b.rem(number, 2);
        auto next = load(b.mul(b.add(number, 1), depth));
        Sums sums = multiply(half, carried);
        keep(next, b.sub(b.idx(1), half));
        return sums;
      });
  return Sums(done);
}

Kernel::Sums Kernel::multiply(Value half, ValueRange carried) {
  ValueRange done = b.loop(b.idx(0), b.idx(depth), unrolled, carried,
                           [&](Value k, ValueRange carried) {
                             Sums sums(carried);
                             for (int64_t i = 0; i < unrolled; ++i)
                               multiplyOne(half, b.add(k, i), sums);
                             return sums;
                           });
  return Sums(b.keepRolled(done));
}

void Kernel::multiplyOne(Value half, Value k, MutableArrayRef<Value> sums) {
  Value rows[2], columns[2];
  for (int64_t g = 0; g < 2; ++g) {
    rows[g] = left.read(half, k, groupAt(threadRow, g));
    columns[g] = right.read(half, k, groupAt(threadColumn, g));
  }
  for (int64_t r = 0; r < perThread; ++r) {
    Value x = vector::ExtractOp::create(b, rows[r / group], r % group);
    Value all = vector::BroadcastOp::create(b, columns[0].getType(), x);
    for (int64_t g = 0; g < 2; ++g)
      sums[2 * r + g] = b.fma(all, columns[g], sums[2 * r + g]);
  }
}

void Kernel::store(ValueRange sums) {
  Sums all(sums);
  for (int64_t r = 0; r < perThread; ++r) {
    Value row = b.add(firstRow, groupAt(threadRow, r / group));
    row = b.add(row, r % group);
    b.when(b.less(row, rowCount),
           [&] { storeRow(row, ArrayRef(all).slice(2 * r, 2)); });
  }
}

void Kernel::storeRow(Value row, ArrayRef<Value> sums) {
  const BufferOperand &out = product.out;
  Value base = b.add(out.base(b), product.offset(b, out, product.batch, batch));
  base = b.add(base, product.offset(b, out, product.m, row));
  auto storeTo = [&](Value column, Value sum, int64_t width) {
    Value at = b.add(base, product.offset(b, out, product.n, column));
    Value pointer = b.globalAt(at);
    Value first;
    if (!start)
      first = b.loadAt(sum.getType(), pointer, width * floatBytes);
    else if (width > 1)
      first = vector::BroadcastOp::create(b, sum.getType(), start);
    else
      first = start;
    b.storeAt(b.fadd(first, sum), pointer, width * floatBytes);
  };
  for (int64_t g = 0; g < 2; ++g) {
    Value column = b.add(firstColumn, groupAt(threadColumn, g));
    if (storesVectors) {
      b.when(b.less(column, columnCount),
             [&] { storeTo(column, sums[g], group); });
      continue;
    }
    for (int64_t e = 0; e < group; ++e) {
      Value at = b.add(column, e);
      b.when(b.less(at, columnCount),
             [&] { storeTo(at, vector::ExtractOp::create(b, sums[g], e), 1); });
    }
  }
}

void emit(LaunchBuilder &b, const MatrixProduct &product, const Side &left,
          const Side &right, bool storesVectors, Value start) {
  auto launch = [&](int64_t tile) {
    Kernel(b, product, left, right, storesVectors, start, tile).emit();
  };
  Value large = b.mul(b.ceilDiv(product.count(b, product.m), largeTile),
                      b.ceilDiv(product.count(b, product.n), largeTile));
  large = b.mul(large, product.count(b, product.batch));
  Value isSmall = b.less(large, b.idx(enoughBlocks));
  if (std::optional<int64_t> given = givenChoice(b, "tile"))
    isSmall = b.isTrue(*given == smallTile);
  b.when(
      isSmall, [&] { launch(smallTile); }, [&] { launch(largeTile); });
}

struct LaunchTiles : ssmc::impl::SsmLaunchTilesBase<LaunchTiles> {
  void runOnOperation() override {
    launchGenerics(getOperation(), [](LaunchBuilder &b, linalg::GenericOp op,
                                      linalg::FillOp start,
                                      function_ref<void()> leave) {
      std::optional<MatrixProduct> product = MatrixProduct::get(op);
      if (!product || product->k.size() != 1 || product->m.empty() ||
          product->n.empty())
        return false;
      Side left(*product, product->left, product->m);
      Side right(*product, product->right, product->n);
      // What is stored lies like an operand.
      Side out(*product, product->out, product->n);
      Value fits = b.both(product->isCountable(b),
                          b.less(b.idx(0), product->count(b, product->k)));
      for (const Side *side : {&left, &right, &out})
        if (side->width > 1)
          fits = b.both(fits, product->isAligned(b, side->operand,
                                                 side->along(*product), group));
      b.when(
          fits,
          [&] {
            emit(b, *product, left, right, out.width > 1,
                 start ? start.getInputs()[0] : Value());
          },
          leave);
      return true;
    });
  }
};

} // namespace
