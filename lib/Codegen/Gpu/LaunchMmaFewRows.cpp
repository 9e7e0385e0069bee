//===- LaunchMmaFewRows.cpp - ssm-launch-mma-few-rows ---------------------===//
//
// A product of 2 to `mostRows` rows of bf16 or f16 is bound by reading the
// right operand, which is read once, from the global memory straight into
// fragments of tensor cores (mma.sync, which chips from sm_80 on have). In
// which order a sum is taken is free, so a lane of a fragment gets elements of
// k that it can load together: of 32 in a step, lane 4 g + t has 8 t to 8 t
// + 7.
//
//   left    the vectors of rows g and g + 8, for each 16 rows
//   right   where a column's elements lie side by side: those of column g of
//           each eight columns
//           where columns do: of each of the eight k the `wide` columns from
//           wide * g on; words of two k are made by exchanging halves
//
// A warp has the sums of all rows and 8 * `wide` columns, and takes every so
// many-th step. Then the warps add their sums through shared memory, always in
// the same order.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/MatrixProduct.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHMMAFEWROWS
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t mostRows = 64;
constexpr int64_t mostRowsTransposed = 16; // of what has as few columns
constexpr int64_t shortestSum = 16;        // below, a thread to an element does
constexpr int64_t enoughBlocks = 96;
constexpr int64_t tileRows = 16, tileColumns = 8; // of an instruction
constexpr int64_t ofLane = 8, stepOfSum = 32;     // elements of k
constexpr int64_t mostWords = 96; // of operands on their way to a thread

/// What a block and its warps do.
struct Shape {
  bool sideBySide; // columns are; else the elements of one are
  int64_t tiles;   // of 16 rows
  int64_t wide;    // eighths of the columns
  int64_t warps = 1;
  int64_t unrolled = 1; // steps on their way at once

  int64_t columns() const { return tileColumns * wide; }
  int64_t threads() const { return warps * warpLanes; }
  int64_t wordsOfStep() const { return 4 * wide + 8 * tiles; }
};

using Values = SmallVector<Value>;

/// Reads the operands of steps as words of fragments.
class Reader {
public:
  Reader(LaunchBuilder &b, const MatrixProduct &product, const Shape &shape)
      : b(b), product(product), shape(shape) {}

  void locate(Value lane, Value batch, Value firstColumn);
  /// What the lane has of a step from `k` on; zero behind the last k, where
  /// there may be a last one.
  struct Step {
    Values left;  // four words of each row
    Values right; // four words of each column, or wide / 2 of each k
  };
  Step load(Value k, bool isWhole);
  /// The two words of half a step for a fragment of eight columns.
  Values right(const Step &step, int64_t half, int64_t number);
  Values left(const Step &step, int64_t half, int64_t tile);

private:
  Values wordsAt(Value address, int64_t count, Value isThere);
  Value exchanged(Value low, Value high, bool upper);

  LaunchBuilder &b;
  const MatrixProduct &product;
  const Shape &shape;
  Value mine, sumCount, leftStride, rightStride;
  Values leftAt, rightAt; // addresses at k = 0
};

void Reader::locate(Value lane, Value batch, Value firstColumn) {
  Value group = b.div(lane, 4);
  mine = b.mul(b.rem(lane, 4), ofLane);
  sumCount = product.count(b, product.k);
  leftStride = product.left.byteStride(b, product.k.front());
  rightStride = product.right.byteStride(b, product.k.front());
  auto addressOf = [&](const BufferOperand &operand, const Loops &loops,
                       Value index, int64_t behind) {
    Value last = b.sub(product.count(b, loops), b.idx(behind));
    Value at = b.add(operand.base(b),
                     product.offset(b, operand, product.batch, batch));
    return b.add(at, product.offset(b, operand, loops, b.min(index, last)));
  };
  // What is behind the last row or column repeats it.
  for (int64_t r = 0; r < 2 * shape.tiles; ++r)
    leftAt.push_back(
        addressOf(product.left, product.m, b.add(group, 8 * r), 1));
  if (shape.sideBySide) {
    Value column = b.add(firstColumn, b.mul(group, shape.wide));
    rightAt.push_back(addressOf(product.right, product.n, column, shape.wide));
    return;
  }
  for (int64_t c = 0; c < shape.wide; ++c)
    rightAt.push_back(addressOf(product.right, product.n,
                                b.add(b.add(firstColumn, group), 8 * c), 1));
}

Values Reader::wordsAt(Value address, int64_t count, Value isThere) {
  Type type = VectorType::get({count}, b.getI32Type());
  Value vector = b.loadAt(type, b.globalAt(address), 4 * count);
  Values words;
  for (int64_t i = 0; i < count; ++i) {
    Value word = vector::ExtractOp::create(b, vector, i);
    Value none = arith::ConstantIntOp::create(b, b.getI32Type(), 0);
    words.push_back(isThere ? b.select(isThere, word, none) : word);
  }
  return words;
}

Reader::Step Reader::load(Value first, bool isWhole) {
  Value k = b.add(first, mine), isThere;
  if (!isWhole) {
    // Elements of k come in whole vectors.
    isThere = b.less(k, sumCount);
    k = b.min(k, b.sub(sumCount, b.idx(ofLane)));
  }
  Step step;
  for (int64_t i = 0; i < (shape.sideBySide ? ofLane : shape.wide); ++i) {
    Value at = rightAt[shape.sideBySide ? 0 : i];
    Value mineOfSum = shape.sideBySide ? b.add(k, i) : k;
    int64_t words = shape.sideBySide ? shape.wide / 2 : 4;
    at = b.add(at, b.mul(mineOfSum, rightStride));
    llvm::append_range(step.right, wordsAt(at, words, isThere));
  }
  for (Value row : leftAt)
    llvm::append_range(step.left,
                       wordsAt(b.add(row, b.mul(k, leftStride)), 4, isThere));
  return step;
}

/// The lower or the upper halves of two words.
Value Reader::exchanged(Value low, Value high, bool upper) {
  Type i32 = b.getI32Type();
  Value which = arith::ConstantIntOp::create(b, i32, upper ? 0x7632 : 0x5410);
  return LLVM::CallIntrinsicOp::create(b, i32,
                                       b.getStringAttr("llvm.nvvm.prmt"),
                                       ValueRange{low, high, which})
      .getResult(0);
}

Values Reader::right(const Step &step, int64_t half, int64_t number) {
  Values words;
  for (int64_t pair = 2 * half; pair < 2 * half + 2; ++pair) {
    if (!shape.sideBySide) {
      words.push_back(step.right[4 * number + pair]);
      continue;
    }
    auto wordOf = [&](int64_t k) {
      return step.right[k * shape.wide / 2 + number / 2];
    };
    words.push_back(
        exchanged(wordOf(2 * pair), wordOf(2 * pair + 1), number % 2));
  }
  return words;
}

Values Reader::left(const Step &step, int64_t half, int64_t tile) {
  auto wordOf = [&](int64_t row, int64_t pair) {
    return step.left[(2 * tile + row) * 4 + 2 * half + pair];
  };
  return {wordOf(0, 0), wordOf(1, 0), wordOf(0, 1), wordOf(1, 1)};
}

class Kernel {
public:
  Kernel(LaunchBuilder &b, const MatrixProduct &product, Value start,
         Shape shape)
      : b(b), product(product), start(start), shape(shape),
        reader(b, product, this->shape) {}
  void emit();

private:
  Values sumUp();
  void multiply(const Reader::Step &step, MutableArrayRef<Value> sums);
  void finish(gpu::LaunchOp launch, ArrayRef<Value> sums);
  void share(Value memory, ArrayRef<Value> sums);
  void store(Value row, Value column, Value sum);

  LaunchBuilder &b;
  const MatrixProduct &product;
  Value start;
  Shape shape;
  Reader reader;
  Value thread, lane, warp, batch, firstColumn;
};

void Kernel::emit() {
  OpBuilder::InsertionGuard guard(b);
  Value columnBlocks = b.ceilDiv(product.count(b, product.n), shape.columns());
  Value blocks = b.mul(columnBlocks, product.count(b, product.batch));
  gpu::LaunchOp launch = b.launch(blocks, b.idx(1), b.idx(1), shape.threads());
  thread = launch.getThreadIds().x;
  lane = b.rem(thread, warpLanes);
  warp = b.div(thread, warpLanes);
  auto [batchOfBlock, columnBlock] =
      b.divideSmall(launch.getBlockIds().x, columnBlocks);
  batch = batchOfBlock;
  firstColumn = b.mul(columnBlock, shape.columns());
  reader.locate(lane, batch, firstColumn);
  finish(launch, sumUp());
}

/// Whole steps as many at once as there are, then the others, guarded.
Values Kernel::sumUp() {
  Values sums(shape.tiles * shape.wide * 4, b.real(0.0));
  Value count = product.count(b, product.k);
  int64_t ofBlock = shape.warps * stepOfSum, ofRound = ofBlock * shape.unrolled;
  Value mine = b.mul(warp, stepOfSum);
  Value whole = b.mul(b.div(count, ofRound), ofRound);
  ValueRange done = b.loop(
      b.idx(0), whole, ofRound, sums, [&](Value round, ValueRange carried) {
        Values next(carried);
        SmallVector<Reader::Step> steps;
        for (int64_t u = 0; u < shape.unrolled; ++u)
          steps.push_back(reader.load(b.add(b.add(round, mine), u * ofBlock),
                                      /*isWhole=*/true));
        for (const Reader::Step &step : steps)
          multiply(step, next);
        return next;
      });
  sums.assign(done.begin(), done.end());
  done = b.loop(b.add(whole, mine), count, ofBlock, sums,
                [&](Value k, ValueRange carried) {
                  Values next(carried);
                  multiply(reader.load(k, /*isWhole=*/false), next);
                  return next;
                });
  return Values(b.keepRolled(done));
}

void Kernel::multiply(const Reader::Step &step, MutableArrayRef<Value> sums) {
  for (int64_t half = 0; half < 2; ++half)
    for (int64_t n = 0; n < shape.wide; ++n) {
      Values columns = reader.right(step, half, n);
      for (int64_t t = 0; t < shape.tiles; ++t) {
        size_t first = (t * shape.wide + n) * 4;
        Values next =
            b.multiplyTile(product.left.element(), reader.left(step, half, t),
                           columns, sums.slice(first, 4));
        llvm::copy(next, sums.begin() + first);
      }
    }
}

/// Adds up the sums of the warps, 16 rows at a time, and stores them.
void Kernel::finish(gpu::LaunchOp launch, ArrayRef<Value> sums) {
  int64_t numbers = tileRows * shape.columns();
  Value rowCount = product.count(b, product.m);
  Value columnCount = product.count(b, product.n);
  Value memory = b.shared(launch, shape.warps * numbers, b.getF32Type());
  for (int64_t t = 0; t < shape.tiles; ++t) {
    if (t > 0)
      b.barrier();
    share(memory, sums.slice(t * shape.wide * 4, shape.wide * 4));
    b.barrier();
    b.loop(thread, b.idx(numbers), shape.threads(), {},
           [&](Value number, ValueRange) -> Values {
             Value row = b.add(b.div(number, shape.columns()), t * tileRows);
             Value column = b.add(firstColumn, b.rem(number, shape.columns()));
             Value total = b.load(memory, number);
             for (int64_t w = 1; w < shape.warps; ++w)
               total =
                   b.fadd(total, b.load(memory, b.add(number, w * numbers)));
             b.when(b.both(b.less(row, rowCount), b.less(column, columnCount)),
                    [&] { store(row, column, total); });
             return {};
           });
  }
}

/// A fragment has columns 2 t and 2 t + 1 of its eight, of rows g and g + 8.
void Kernel::share(Value memory, ArrayRef<Value> sums) {
  Value row = b.div(lane, 4), pair = b.mul(b.rem(lane, 4), 2);
  Value first = b.mul(warp, tileRows * shape.columns());
  for (int64_t n = 0; n < shape.wide; ++n)
    for (int64_t e = 0; e < 4; ++e) {
      Value place = b.add(pair, e % 2);
      Value column = shape.sideBySide ? b.add(b.mul(place, shape.wide), n)
                                      : b.add(place, tileColumns * n);
      Value at = b.add(b.mul(b.add(row, e / 2 * 8), shape.columns()), column);
      b.store(sums[4 * n + e], memory, b.add(first, at));
    }
}

void Kernel::store(Value row, Value column, Value sum) {
  const BufferOperand &out = product.out;
  Value at = b.add(out.base(b), product.offset(b, out, product.batch, batch));
  at = b.add(at, product.offset(b, out, product.m, row));
  at = b.add(at, product.offset(b, out, product.n, column));
  Value pointer = b.globalAt(at);
  Value first = start ? start : b.loadAt(b.getF32Type(), pointer, 4);
  b.storeAt(b.fadd(first, sum), pointer, 4);
}

/// Chooses how a product is computed, as far as it is known before it runs.
class Planner {
public:
  Planner(LaunchBuilder &b, MatrixProduct product) : b(b), product(product) {}

  /// False where the product has no few rows, or lies in memory otherwise.
  bool plan();
  /// Whether a run has few rows, in memory that is aligned. On the host.
  Value fits();
  void emit(Value start);

private:
  Shape shapeFor(int64_t tiles) const;
  int64_t warpsFor(int64_t blocks) const;
  /// The most columns of a group for which there are enough blocks.
  int64_t wideFor(int64_t most) const;
  int64_t blocksFor(int64_t wide) const;

  LaunchBuilder &b;
  MatrixProduct product;
  bool sideBySide = false;
};

bool Planner::plan() {
  auto isFew = [&](const Loops &loops, int64_t most) {
    std::optional<int64_t> count = product.count(loops);
    return count && *count <= most;
  };
  if (!isFew(product.m, mostRowsTransposed) &&
      isFew(product.n, mostRowsTransposed))
    product.transpose();
  std::optional<int64_t> rows = product.count(product.m);
  Type type = product.left.element();
  if ((rows && (*rows > mostRows || *rows < 2)) || product.k.size() != 1 ||
      product.n.empty() || type.isF32() || type != product.right.element())
    return false;
  unsigned k = product.k.front();
  std::optional<int64_t> sum = product.count(product.k);
  if (!product.canLoad(product.left, k, ofLane) || (sum && *sum < shortestSum))
    return false;
  sideBySide = product.n.size() == 1 &&
               product.canLoad(product.right, product.n.front(), ofLane);
  return sideBySide || product.canLoad(product.right, k, ofLane);
}

Value Planner::fits() {
  unsigned k = product.k.front();
  unsigned along = sideBySide ? product.n.front() : k;
  Value aligned = b.both(product.isAligned(b, product.left, k, ofLane),
                         product.isAligned(b, product.right, along, ofLane));
  Value rows = product.count(b, product.m);
  Value few = b.both(b.less(b.idx(1), rows), b.less(rows, b.idx(mostRows + 1)));
  few = b.both(few, b.less(b.idx(0), product.count(b, product.k)));
  return b.both(b.both(aligned, few), product.isCountable(b));
}

int64_t Planner::blocksFor(int64_t wide) const {
  int64_t columns = product.count(product.n).value_or(1 << 20);
  int64_t batches = product.count(product.batch).value_or(1);
  return columns / (tileColumns * wide) * batches;
}

int64_t Planner::wideFor(int64_t most) const {
  int64_t least = sideBySide ? 2 : 1, wide = most;
  while (wide > least && blocksFor(wide) < enoughBlocks)
    wide /= 2;
  return wide;
}

/// So many that a block has enough on its way where blocks are few, but none
/// without a step.
int64_t Planner::warpsFor(int64_t blocks) const {
  int64_t steps =
      llvm::divideCeil(product.count(product.k).value_or(1 << 20), stepOfSum);
  int64_t warps = blocks < 2 * enoughBlocks ? 16 : 4;
  while (warps > 1 && warps > steps)
    warps /= 2;
  // Rather fewer than such that wait for others.
  if (warps == 16 && steps % 16 != 0 && steps < 64 && steps % 8 == 0)
    warps = 8;
  return warps;
}

Shape Planner::shapeFor(int64_t tiles) const {
  Shape shape{sideBySide, tiles, wideFor(sideBySide ? 8 : 4)};
  shape.warps = warpsFor(blocksFor(shape.wide));
  int64_t most = std::max<int64_t>(mostWords / shape.wordsOfStep(), 1);
  int64_t steps = product.count(product.k).value_or(1 << 20) / stepOfSum;
  int64_t rounds = std::max<int64_t>(steps / shape.warps, 1);
  shape.unrolled = std::min({most, rounds, int64_t(4)});
  while (rounds < 16 && rounds % shape.unrolled != 0)
    --shape.unrolled;
  return shape;
}

void Planner::emit(Value start) {
  auto launch = [&](int64_t tiles) {
    Kernel(b, product, start, shapeFor(tiles)).emit();
  };
  Value rows = product.count(b, product.m);
  b.when(
      b.less(rows, b.idx(tileRows + 1)), [&] { launch(1); },
      [&] {
        b.when(
            b.less(rows, b.idx(2 * tileRows + 1)), [&] { launch(2); },
            [&] { launch(4); });
      });
}

struct LaunchMmaFewRows
    : ssmc::impl::SsmLaunchMmaFewRowsBase<LaunchMmaFewRows> {
  void runOnOperation() override {
    launchGenerics(getOperation(), [](LaunchBuilder &b, linalg::GenericOp op,
                                      linalg::FillOp start,
                                      function_ref<void()> leave) {
      std::optional<MatrixProduct> product = MatrixProduct::get(op);
      if (!product)
        return false;
      Planner planner(b, *product);
      if (!planner.plan())
        return false;
      b.when(
          planner.fits(),
          [&] { planner.emit(start ? start.getInputs()[0] : Value()); }, leave);
      return true;
    });
  }
};

} // namespace
