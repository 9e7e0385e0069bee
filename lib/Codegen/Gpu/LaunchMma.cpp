//===- LaunchMma.cpp - ssm-launch-mma -------------------------------------===//
//
// A product of many rows and columns of bf16 or f16, summed in f32 on tensor
// cores (mma.sync, which chips from sm_80 on have). A block computes a square
// tile of the result, a warp 32 columns of half its rows. Tiles of the operands
// are on their way through a ring of `stages` in shared memory:
//
//   for each `depth` of k:
//     wait for the oldest stage, all threads;  copy into the one before it
//     sums += left x right, in steps of 16, by fragments from shared memory
//
// An operand keeps its order in shared memory, in rows along what lies side by
// side: of `depth` elements of k (64 bytes), or of a tile's elements (128 or
// 256). The 16-byte piece p of row r is stored at p ^ (r / 2 % 4), or p ^ (r %
// 8), so that the eight rows of a matrix that is loaded lie in different banks.
//
// What is behind the last row or column repeats the last ones, and what is
// behind the last k is zero.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/Choice.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/MatrixProduct.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHMMA
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t depth = 32, stages = 3;
constexpr int64_t piece = 8; // elements of 16 bytes
constexpr int64_t elementBytes = 2, pieceBytes = piece * elementBytes;
constexpr int64_t warpColumns = 32, stepOfSum = 16;
constexpr int64_t largeTile = 128, smallTile = 64;
constexpr int64_t enoughBlocks = 132; // of large tiles

/// One operand's tiles in shared memory, and on their way there.
class Tiles {
public:
  Tiles(LaunchBuilder &b, const MatrixProduct &product,
        const BufferOperand &operand, const Loops &loops, int64_t tile)
      : b(b), product(product), operand(operand), loops(loops), tile(tile),
        threads(2 * tile), alongSum(operand.isContiguous(product.k.front())) {}
  int64_t bytes() const { return tile * depth * elementBytes; }

  void locate(Value thread, Value batch, Value first, Value shared);
  /// Copies the tile that begins at `k` into a stage.
  void copy(Value k, Value stage);
  /// Four matrices of 8 x 8 as fragments, of 16 rows (columns) from `row` on of
  /// the tile and 16 of its k from `k` on. They are in the order of a left
  /// operand: second rows before second k; or the other way.
  SmallVector<Value> load(Value stage, Value row, int64_t k, bool rowsFirst);

private:
  int64_t piecesOfRow() const { return (alongSum ? depth : tile) / piece; }
  int64_t copies() const { return tile * depth / piece / threads; }
  /// Where piece `at` of a row lies in a stage.
  Value placeOf(Value row, Value at);

  LaunchBuilder &b;
  const MatrixProduct &product;
  const BufferOperand &operand;
  const Loops &loops;
  int64_t tile, threads;
  bool alongSum;
  Value lane, shared, sumStride, sumCount;
  Value row, column;       // of the first piece that the thread copies
  SmallVector<Value> from; // addresses of its pieces at k = 0
};

void Tiles::locate(Value thread, Value batch, Value first, Value memory) {
  shared = memory;
  lane = b.rem(thread, warpLanes);
  row = b.div(thread, piecesOfRow());
  column = b.rem(thread, piecesOfRow());
  sumStride = operand.byteStride(b, product.k.front());
  sumCount = product.count(b, product.k);
  Value base =
      b.add(operand.base(b), product.offset(b, operand, product.batch, batch));
  Value last = b.sub(product.count(b, loops), b.idx(alongSum ? 1 : piece));
  auto addressOf = [&](Value at) {
    Value index = b.min(b.add(first, at), last);
    return b.add(base, product.offset(b, operand, loops, index));
  };
  if (!alongSum) {
    from.push_back(addressOf(b.mul(column, piece)));
    return;
  }
  for (int64_t i = 0; i < copies(); ++i)
    from.push_back(addressOf(b.add(row, i * threads / piecesOfRow())));
}

Value Tiles::placeOf(Value row, Value at) {
  return b.piecePlace(row, at, piecesOfRow());
}

void Tiles::copy(Value first, Value stage) {
  Value to = b.add(shared, b.mul(stage, bytes()));
  Type i32 = b.getI32Type();
  Value all = arith::ConstantIntOp::create(b, i32, pieceBytes);
  Value none = arith::ConstantIntOp::create(b, i32, 0);
  for (int64_t i = 0; i < copies(); ++i) {
    Value at = b.add(row, i * threads / piecesOfRow());
    Value k = b.add(first, alongSum ? b.mul(column, piece) : at);
    Value source = b.add(from[alongSum ? i : 0], b.mul(k, sumStride));
    // Of what does not exist nothing is read, and zeros are stored.
    Value count = b.select(b.less(k, sumCount), all, none);
    NVVM::CpAsyncOp::create(b, b.sharedAt(b.add(to, placeOf(at, column))),
                            b.globalAt(source), pieceBytes,
                            NVVM::LoadCacheModifierKind::CG, count);
  }
}

SmallVector<Value> Tiles::load(Value stage, Value first, int64_t k,
                               bool rowsFirst) {
  // Lanes 8 i to 8 i + 7 name the eight rows of matrix i.
  Value number = b.div(lane, 8), inside = b.rem(lane, 8);
  Value low = b.mul(b.rem(number, 2), 8), high = b.mul(b.div(number, 2), 8);
  Value ofRow = rowsFirst ? low : high, ofSum = rowsFirst ? high : low;
  Value rows = b.add(first, ofRow), sums = b.add(ofSum, k);
  Value place = alongSum ? placeOf(b.add(rows, inside), b.div(sums, piece))
                         : placeOf(b.add(sums, inside), b.div(rows, piece));
  Value at = b.add(b.add(shared, b.mul(stage, bytes())), place);
  return b.loadMatrices(at, !alongSum);
}

class Kernel {
public:
  Kernel(LaunchBuilder &b, const MatrixProduct &product, bool storesPairs,
         Value start, int64_t tile)
      : b(b), product(product), start(start), storesPairs(storesPairs),
        tile(tile), left(b, product, product.left, product.m, tile),
        right(b, product, product.right, product.n, tile) {}
  void emit();

private:
  using Values = SmallVector<Value>;
  int64_t rowSteps() const { return tile / 2 / 16; }
  Values sumUp();
  Values multiply(Value stage, ValueRange sums);
  void store(ValueRange sums);
  void storeRow(Value row, ArrayRef<Value> pairs);
  void storeAt(Value base, Value column, Value sum, int64_t width);

  LaunchBuilder &b;
  const MatrixProduct &product;
  Value start;
  bool storesPairs;
  int64_t tile;
  Tiles left, right;
  Value lane, batch, firstRow, firstColumn, rowCount, columnCount;
  Value warpRow, warpColumn; // in the tile
};

void Kernel::emit() {
  OpBuilder::InsertionGuard guard(b);
  rowCount = product.count(b, product.m);
  columnCount = product.count(b, product.n);
  Value rowBlocks = b.ceilDiv(rowCount, tile);
  Value columnBlocks = b.ceilDiv(columnCount, tile);
  Value blocks =
      b.mul(b.mul(rowBlocks, columnBlocks), product.count(b, product.batch));
  gpu::LaunchOp launch = b.launch(blocks, b.idx(1), b.idx(1), 2 * tile);
  Value block = launch.getBlockIds().x, thread = launch.getThreadIds().x;
  auto [rest, rowBlock] = b.divideSmall(block, rowBlocks);
  auto [batchOfBlock, columnBlock] = b.divideSmall(rest, columnBlocks);
  firstRow = b.mul(rowBlock, tile);
  firstColumn = b.mul(columnBlock, tile);
  batch = batchOfBlock;
  lane = b.rem(thread, warpLanes);
  Value warp = b.div(thread, warpLanes);
  warpRow = b.mul(b.rem(warp, 2), tile / 2);
  warpColumn = b.mul(b.div(warp, 2), warpColumns);
  auto reserve = [&](Tiles &tiles, Value first) {
    Value memory = b.shared(launch, stages * tiles.bytes(), b.getI8Type());
    Value at = memref::ExtractAlignedPointerAsIndexOp::create(b, memory);
    tiles.locate(thread, batch, first, at);
  };
  reserve(left, firstRow);
  reserve(right, firstColumn);
  store(sumUp());
}

Kernel::Values Kernel::sumUp() {
  auto copy = [&](Value number, Value stage) {
    Value k = b.mul(number, depth);
    left.copy(k, stage);
    right.copy(k, stage);
    NVVM::CpAsyncCommitGroupOp::create(b);
  };
  for (int64_t s = 0; s + 1 < stages; ++s)
    copy(b.idx(s), b.idx(s));
  Value tiles = b.ceilDiv(product.count(b, product.k), depth);
  Values sums(rowSteps() * warpColumns / 8 * 4, b.real(0.0));
  ValueRange done =
      b.loop(b.idx(0), tiles, 1, sums, [&](Value number, ValueRange carried) {
        NVVM::CpAsyncWaitGroupOp::create(b, stages - 2);
        b.barrier();
        Value ahead = b.add(number, stages - 1);
        copy(ahead, b.rem(ahead, stages));
        return multiply(b.rem(number, stages), carried);
      });
  NVVM::CpAsyncWaitGroupOp::create(b, 0);
  return Values(b.keepRolled(done));
}

Kernel::Values Kernel::multiply(Value stage, ValueRange carried) {
  Values sums(carried);
  for (int64_t k = 0; k < depth; k += stepOfSum) {
    // Two groups of eight columns at a time: k 0-7 and 8-15 of each.
    Values columns;
    for (int64_t c = 0; c < warpColumns; c += 16)
      llvm::append_range(columns, right.load(stage, b.add(warpColumn, c), k,
                                             /*rowsFirst=*/false));
    for (int64_t r = 0; r < rowSteps(); ++r) {
      Values rows = left.load(stage, b.add(warpRow, 16 * r), k,
                              /*rowsFirst=*/true);
      for (int64_t c = 0; c < warpColumns / 8; ++c) {
        size_t first = (r * warpColumns / 8 + c) * 4;
        SmallVector<Value> next = b.multiplyTile(
            product.left.element(), rows, ArrayRef(columns).slice(2 * c, 2),
            ArrayRef(sums).slice(first, 4));
        llvm::copy(next, sums.begin() + first);
      }
    }
  }
  return sums;
}

/// Of each 16 x 8 a lane has two neighbours of row lane / 4, and of that 8
/// further on.
void Kernel::store(ValueRange carried) {
  Values sums(carried);
  for (int64_t r = 0; r < rowSteps(); ++r)
    for (int64_t half = 0; half < 2; ++half) {
      Value row = b.add(b.add(firstRow, warpRow), b.div(lane, 4));
      row = b.add(row, 16 * r + 8 * half);
      Values pairs;
      for (int64_t c = 0; c < warpColumns / 8; ++c)
        for (int64_t e = 0; e < 2; ++e)
          pairs.push_back(sums[(r * warpColumns / 8 + c) * 4 + 2 * half + e]);
      b.when(b.less(row, rowCount), [&] { storeRow(row, pairs); });
    }
}

void Kernel::storeRow(Value row, ArrayRef<Value> pairs) {
  const BufferOperand &out = product.out;
  Value base = b.add(out.base(b), product.offset(b, out, product.batch, batch));
  base = b.add(base, product.offset(b, out, product.m, row));
  Type type = VectorType::get({2}, b.getF32Type());
  for (size_t c = 0; 2 * c < pairs.size(); ++c) {
    Value column = b.add(b.add(firstColumn, warpColumn),
                         b.add(b.mul(b.rem(lane, 4), 2), 8 * c));
    if (storesPairs) {
      Value pair =
          vector::FromElementsOp::create(b, type, pairs.slice(2 * c, 2));
      b.when(b.less(column, columnCount),
             [&] { storeAt(base, column, pair, 2); });
      continue;
    }
    for (int64_t e = 0; e < 2; ++e) {
      Value at = b.add(column, e);
      b.when(b.less(at, columnCount),
             [&] { storeAt(base, at, pairs[2 * c + e], 1); });
    }
  }
}

void Kernel::storeAt(Value base, Value column, Value sum, int64_t width) {
  Value at = b.add(base, product.offset(b, product.out, product.n, column));
  Value pointer = b.globalAt(at);
  Value first = start;
  if (!start)
    first = b.loadAt(sum.getType(), pointer, 4 * width);
  else if (width > 1)
    first = vector::BroadcastOp::create(b, sum.getType(), start);
  b.storeAt(b.fadd(first, sum), pointer, 4 * width);
}

/// Which loop of an operand its pieces lie along; none where they cannot.
std::optional<unsigned> findAlong(const MatrixProduct &product,
                                  const BufferOperand &operand,
                                  const Loops &loops) {
  unsigned k = product.k.front();
  if (product.canLoad(operand, k, piece))
    return k;
  if (loops.size() == 1 && product.canLoad(operand, loops.front(), piece))
    return loops.front();
  return std::nullopt;
}

bool launch(LaunchBuilder &b, linalg::GenericOp op, linalg::FillOp fill,
            function_ref<void()> leave) {
  std::optional<MatrixProduct> product = MatrixProduct::get(op);
  if (!product || product->k.size() != 1 || product->m.empty() ||
      product->n.empty())
    return false;
  Type type = product->left.element();
  auto left = findAlong(*product, product->left, product->m);
  auto right = findAlong(*product, product->right, product->n);
  if (type.isF32() || type != product->right.element() || !left || !right)
    return false;
  Value fits = b.both(product->isAligned(b, product->left, *left, piece),
                      product->isAligned(b, product->right, *right, piece));
  fits = b.both(fits, product->isCountable(b));
  bool pairs = product->n.size() == 1 && product->count(product->n) &&
               product->canLoad(product->out, product->n.front(), 2);
  if (pairs)
    fits = b.both(fits,
                  product->isAligned(b, product->out, product->n.front(), 2));
  Value start = fill ? fill.getInputs()[0] : Value();
  auto emit = [&](int64_t tile) {
    Kernel(b, *product, pairs, start, tile).emit();
  };
  Value blocks = b.mul(b.ceilDiv(product->count(b, product->m), largeTile),
                       b.ceilDiv(product->count(b, product->n), largeTile));
  blocks = b.mul(blocks, product->count(b, product->batch));
  Value isSmall = b.less(blocks, b.idx(enoughBlocks));
  if (std::optional<int64_t> given = givenChoice(op, "tile"))
    isSmall = b.isTrue(*given == smallTile);
  b.when(
      fits,
      [&] {
        b.when(
            isSmall, [&] { emit(smallTile); }, [&] { emit(largeTile); });
      },
      leave);
  return true;
}

struct LaunchMma : ssmc::impl::SsmLaunchMmaBase<LaunchMma> {
  void runOnOperation() override { launchGenerics(getOperation(), launch); }
};

} // namespace
