//===- LaunchFewRows.cpp - ssm-launch-few-rows ----------------------------===//
//
// A product of up to `mostRows` rows is bound by reading the right operand,
// which is read once for the rows of a block, by vectors of 16 bytes, all
// threads of the block one beside the other:
//
//   columns lie side by side         a column's elements lie side by side
//     thread = (position, lane)        thread = position
//     lane:     `width` columns        `columns` columns, `width` positions
//     position: 1 of k
//
// A thread goes over k by as many as there are positions, with the sums of all
// rows in registers. Then lanes of a warp that have the same columns exchange
// their sums, and warps add theirs through shared memory: always in the same
// order.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/MatrixProduct.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHFEWROWS
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t mostRows = 16;
constexpr int64_t mostRowsOfBlock = 8;
constexpr int64_t shortestSum = 16;   // below, a thread to an element does
constexpr int64_t enoughBlocks = 132; // for each multiprocessor one
constexpr int64_t vectorBytes = 16;
constexpr int64_t shortestSegment = 64; // bytes of a row that a block reads

/// What a block and its threads do.
struct Shape {
  bool sideBySide;     // columns are; else the elements of one are
  int64_t rows;        // of a block
  int64_t width;       // elements of a vector
  int64_t lanes = 1;   // that read a row of the right operand
  int64_t columns = 1; // of a thread
  int64_t threads = 256;
  int64_t unrolled = 1; // vectors of a column on their way at once

  int64_t positions() const { return threads / lanes; }
  int64_t columnsOfBlock() const {
    return sideBySide ? lanes * width : columns;
  }
  int64_t sums() const { return rows * (sideBySide ? width : columns); }
};

class Kernel {
public:
  Kernel(LaunchBuilder &b, const MatrixProduct &product, Value start,
         Shape shape)
      : b(b), product(product), start(start), shape(shape) {}
  void emit();

private:
  using Sums = SmallVector<Value>;
  void locate(gpu::LaunchOp launch);
  Sums sumUp();
  Sums step(ArrayRef<Value> positions, ValueRange sums);
  Value loadLeft(unsigned row, Value k);
  SmallVector<Value> elementsOf(Value vector);
  void finish(gpu::LaunchOp launch, ValueRange sums);
  void store(Value number, Value value);

  LaunchBuilder &b;
  const MatrixProduct &product;
  Value start;
  Shape shape;
  Value rowCount, columnCount, sumCount;
  Value rowBlocks, columnBlocks;
  Value firstRow, firstColumn, batch; // of the block
  Value thread, lane, position;       // of the thread
  SmallVector<Value> leftAt, rightAt; // addresses at k = 0
  Value leftStride, rightStride;      // bytes from one k to the next
};

void Kernel::emit() {
  OpBuilder::InsertionGuard guard(b);
  // One row need not be counted; neither need blocks of up to so many.
  rowCount = shape.rows == 1 ? b.idx(1) : product.count(b, product.m);
  columnCount = product.count(b, product.n);
  sumCount = product.count(b, product.k);
  rowBlocks =
      shape.rows < mostRowsOfBlock ? b.idx(1) : b.ceilDiv(rowCount, shape.rows);
  columnBlocks = b.ceilDiv(columnCount, shape.columnsOfBlock());
  Value blocks =
      b.mul(b.mul(rowBlocks, columnBlocks), product.count(b, product.batch));
  gpu::LaunchOp launch = b.launch(blocks, b.idx(1), b.idx(1), shape.threads);
  locate(launch);
  finish(launch, sumUp());
}

/// Blocks of the same columns, which read the same, follow one another. What is
/// behind the last row or column repeats it.
void Kernel::locate(gpu::LaunchOp launch) {
  thread = launch.getThreadIds().x;
  lane = b.rem(thread, shape.lanes);
  position = b.div(thread, shape.lanes);
  Value block = launch.getBlockIds().x;
  auto [rest, rowBlock] = b.divideSmall(block, rowBlocks);
  auto [batchOfBlock, columnBlock] = b.divideSmall(rest, columnBlocks);
  firstRow = b.mul(rowBlock, shape.rows);
  firstColumn = b.mul(columnBlock, shape.columnsOfBlock());
  batch = batchOfBlock;

  unsigned k = product.k.front();
  leftStride = product.left.byteStride(b, k);
  rightStride = product.right.byteStride(b, k);
  auto start = [&](const BufferOperand &operand, ArrayRef<unsigned> loops,
                   Value index) {
    Value at = b.add(operand.base(b),
                     product.offset(b, operand, product.batch, batch));
    return b.add(at, product.offset(b, operand, loops, index));
  };
  Value lastRow = b.sub(rowCount, b.idx(1));
  for (int64_t r = 0; r < shape.rows; ++r)
    leftAt.push_back(
        start(product.left, product.m, b.min(b.add(firstRow, r), lastRow)));
  Value mine = firstColumn;
  if (shape.sideBySide)
    mine = b.add(mine, b.mul(lane, shape.width));
  for (int64_t c = 0; c < shape.columns; ++c) {
    Value last = b.sub(columnCount, b.idx(shape.sideBySide ? shape.width : 1));
    rightAt.push_back(
        start(product.right, product.n, b.min(b.add(mine, c), last)));
  }
}

/// The thread's sums: of each row a vector of columns, or one for each column.
Kernel::Sums Kernel::sumUp() {
  Type vector = VectorType::get({shape.width}, b.getF32Type());
  Value zero = shape.sideBySide ? b.real(0.0, vector) : b.real(0.0);
  Sums sums(shape.sideBySide ? shape.rows : shape.sums(), zero);
  int64_t wide = shape.sideBySide ? 1 : shape.width;
  int64_t atOnce = shape.positions() * wide;
  Value whole = b.div(sumCount, atOnce * shape.unrolled);
  Value mine = b.mul(position, wide);
  ValueRange done =
      b.loop(b.idx(0), whole, 1, sums, [&](Value round, ValueRange carried) {
        Value first = b.add(b.mul(round, atOnce * shape.unrolled), mine);
        SmallVector<Value> positions;
        for (int64_t u = 0; u < shape.unrolled; ++u)
          positions.push_back(b.add(first, u * atOnce));
        return step(positions, carried);
      });
  sums.assign(done.begin(), done.end());
  Value rest = b.add(b.mul(whole, atOnce * shape.unrolled), mine);
  done = b.loop(rest, sumCount, atOnce, sums,
                [&](Value k, ValueRange carried) { return step(k, carried); });
  return Sums(done);
}

Value Kernel::loadLeft(unsigned row, Value k) {
  Value at = b.add(leftAt[row], b.mul(k, leftStride));
  return b.widen(b.loadAt(product.left.element(), b.globalAt(at),
                          product.left.elementBytes()));
}

SmallVector<Value> Kernel::elementsOf(Value vector) {
  SmallVector<Value> elements;
  for (int64_t i = 0; i < shape.width; ++i)
    elements.push_back(vector::ExtractOp::create(b, vector, i));
  return elements;
}

/// Adds the products of some positions; what they load is on its way together.
Kernel::Sums Kernel::step(ArrayRef<Value> positions, ValueRange carried) {
  Sums sums(carried);
  Type narrow = VectorType::get({shape.width}, product.right.element());
  int64_t bytes = shape.width * product.right.elementBytes();
  SmallVector<Value> rights, lefts;
  for (Value k : positions)
    for (Value at : rightAt)
      rights.push_back(b.loadAt(
          narrow, b.globalAt(b.add(at, b.mul(k, rightStride))), bytes));
  int64_t wide = shape.sideBySide ? 1 : shape.width;
  for (Value k : positions)
    for (int64_t r = 0; r < shape.rows; ++r)
      for (int64_t i = 0; i < wide; ++i)
        lefts.push_back(loadLeft(r, b.add(k, i)));
  for (size_t p = 0; p < positions.size(); ++p)
    for (int64_t r = 0; r < shape.rows; ++r) {
      ArrayRef<Value> left(lefts.data() + (p * shape.rows + r) * wide, wide);
      for (int64_t c = 0; c < shape.columns; ++c) {
        Value right = b.widen(rights[p * shape.columns + c]);
        if (shape.sideBySide) {
          Value all = vector::BroadcastOp::create(b, right.getType(), left[0]);
          sums[r] = b.fma(all, right, sums[r]);
          continue;
        }
        Value &sum = sums[r * shape.columns + c];
        for (auto [x, w] : llvm::zip_equal(left, elementsOf(right)))
          sum = b.fma(x, w, sum);
      }
    }
  return sums;
}

/// Adds up the sums of all threads that have the same columns, and stores them.
void Kernel::finish(gpu::LaunchOp launch, ValueRange vectors) {
  Sums sums;
  for (Value value : vectors) {
    if (shape.sideBySide)
      llvm::append_range(sums, elementsOf(value));
    else
      sums.push_back(value);
  }
  for (int64_t mask = shape.lanes; mask < warpLanes; mask *= 2)
    for (Value &sum : sums)
      sum = b.fadd(sum, b.shuffleXor(sum, mask));
  // Sum `s` of lane `l` of a warp is its number s * lanes + l.
  int64_t numbers = shape.sums() * shape.lanes;
  int64_t warps = shape.threads / warpLanes;
  Value shared = b.shared(launch, warps * numbers, b.getF32Type());
  Value warp = b.div(thread, warpLanes);
  b.when(b.less(b.rem(thread, warpLanes), b.idx(shape.lanes)), [&] {
    Value first = b.add(b.mul(warp, numbers), lane);
    for (auto [s, sum] : llvm::enumerate(sums))
      b.store(sum, shared, b.add(first, s * shape.lanes));
  });
  b.barrier();
  b.loop(thread, b.idx(numbers), shape.threads, {},
         [&](Value number, ValueRange) -> Sums {
           Value total = b.load(shared, number);
           for (int64_t w = 1; w < warps; ++w)
             total = b.fadd(total, b.load(shared, b.add(number, w * numbers)));
           store(number, total);
           return {};
         });
}

void Kernel::store(Value number, Value value) {
  int64_t across = shape.sideBySide ? shape.width : shape.columns;
  Value sum = b.div(number, shape.lanes);
  Value row = b.add(firstRow, b.div(sum, across));
  Value column = b.rem(sum, across);
  if (shape.sideBySide)
    column = b.add(column, b.mul(b.rem(number, shape.lanes), shape.width));
  column = b.add(firstColumn, column);
  b.when(b.both(b.less(row, rowCount), b.less(column, columnCount)), [&] {
    const BufferOperand &out = product.out;
    Value at = b.add(out.base(b), product.offset(b, out, product.batch, batch));
    at = b.add(at, product.offset(b, out, product.m, row));
    at = b.add(at, product.offset(b, out, product.n, column));
    Value pointer = b.globalAt(at);
    Value first = start ? start : b.loadAt(b.getF32Type(), pointer, 4);
    b.storeAt(b.fadd(first, value), pointer, 4);
  });
}

/// Chooses how a product is computed, as far as it is known before it runs.
class Planner {
public:
  Planner(LaunchBuilder &b, MatrixProduct product) : b(b), product(product) {}

  /// False where the product has no few rows, or lies in memory otherwise.
  bool plan();
  /// Whether a run has few rows, in memory that is aligned. On the host.
  Value fits();
  /// A kernel for up to so many rows, or for eight at a time.
  Shape shapeFor(int64_t rows) const;
  void emit(Value start);

private:
  /// The loop that vectors lie along.
  unsigned along() const {
    return sideBySide ? product.n.front() : product.k.front();
  }
  int64_t lanesFor(int64_t width) const;
  int64_t unrolledFor(const Shape &shape, int64_t most) const;

  LaunchBuilder &b;
  MatrixProduct product;
  bool sideBySide = false;
  int64_t width = 1;
};

bool Planner::plan() {
  auto isSmall = [&](const Loops &loops) {
    std::optional<int64_t> count = product.count(loops);
    return count && *count <= mostRows;
  };
  if (!isSmall(product.m) && isSmall(product.n))
    product.transpose();
  std::optional<int64_t> rows = product.count(product.m);
  std::optional<int64_t> sum = product.count(product.k);
  if ((rows && *rows > mostRows) || product.k.size() != 1 ||
      (sum && *sum < shortestSum))
    return false;
  unsigned k = product.k.front();
  sideBySide =
      product.n.size() == 1 && product.right.isContiguous(product.n.front());
  if (!sideBySide && !product.right.isContiguous(k))
    return false;
  width = vectorBytes / product.right.elementBytes();
  while (!product.canLoad(product.right, along(), width))
    width /= 2;
  return true;
}

Value Planner::fits() {
  Value aligned = product.isAligned(b, product.right, along(), width);
  Value rows = product.count(b, product.m);
  Value few = b.both(b.less(b.idx(0), rows), b.less(rows, b.idx(mostRows + 1)));
  return b.both(b.both(aligned, few), product.isCountable(b));
}

/// As many lanes side by side as leave a block to each multiprocessor.
int64_t Planner::lanesFor(int64_t width) const {
  std::optional<int64_t> columns = product.count(product.n);
  std::optional<int64_t> batches = product.count(product.batch);
  int64_t least = shortestSegment / (width * product.right.elementBytes()),
          lanes = 32;
  auto blocks = [&] {
    return columns.value_or(1) * batches.value_or(1) / (lanes * width);
  };
  while (lanes > least && columns && blocks() < enoughBlocks)
    lanes /= 2;
  return lanes;
}

/// Vectors on their way at once, so many that none is left for the end, if it
/// can be.
int64_t Planner::unrolledFor(const Shape &shape, int64_t most) const {
  std::optional<int64_t> sum = product.count(product.k);
  int64_t wide = shape.sideBySide ? 1 : shape.width;
  int64_t rounds = sum ? *sum / (shape.positions() * wide) : most;
  for (int64_t unrolled = most; unrolled > most / 2; --unrolled)
    if (rounds % unrolled == 0 && rounds > 0)
      return unrolled;
  return std::clamp<int64_t>(rounds, 1, most);
}

Shape Planner::shapeFor(int64_t rows) const {
  Shape shape{sideBySide, rows, width};
  if (!sideBySide) {
    std::optional<int64_t> columns = product.count(product.n);
    shape.columns = !columns || *columns >= 8 * enoughBlocks ? 4 : 1;
    shape.threads = 128;
    shape.unrolled = unrolledFor(shape, shape.columns > 1 ? 1 : 4);
    return shape;
  }
  // Sums of all rows stay in registers, those of a block in shared memory.
  if (rows > 4)
    shape.width = std::min<int64_t>(width, 4);
  shape.lanes = lanesFor(shape.width);
  shape.threads = shape.lanes <= 8 ? 512 : 256;
  std::optional<int64_t> sum = product.count(product.k);
  while (sum && shape.threads > 128 && shape.positions() > *sum)
    shape.threads /= 2;
  shape.unrolled = unrolledFor(shape, rows == 1 ? 8 : rows <= 4 ? 4 : 2);
  return shape;
}

void Planner::emit(Value start) {
  std::optional<int64_t> rows = product.count(product.m);
  auto launch = [&](int64_t most) {
    Kernel(b, product, start, shapeFor(most)).emit();
  };
  if (rows) {
    int64_t most = *rows == 1 ? 1 : *rows <= 4 ? 4 : mostRowsOfBlock;
    return launch(most);
  }
  Value count = product.count(b, product.m);
  b.when(
      b.equal(count, b.idx(1)), [&] { launch(1); },
      [&] {
        b.when(
            b.less(count, b.idx(5)), [&] { launch(4); },
            [&] { launch(mostRowsOfBlock); });
      });
}

struct LaunchFewRows : ssmc::impl::SsmLaunchFewRowsBase<LaunchFewRows> {
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
