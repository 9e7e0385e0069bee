//===- LaunchFewRows.cpp - ssm-launch-few-rows ----------------------------===//
//
// A product of up to `mostRows` rows is bound by reading the right operand,
// which is read once for the rows of a block, by vectors of 16 bytes, all
// threads of the block one beside the other. A thread has a position and a
// lane; the lane has `columns` columns, and the position `terms` elements of k:
//
//   columns lie side by side         `terms` vectors, each of the columns
//   a column's elements do           `columns` vectors, each of the terms
//
// A thread goes over k by as much as all positions have, with the sums of all
// rows in registers. Then lanes of a warp that have the same columns exchange
// their sums, each keeping some, and warps add theirs through shared memory:
// always in the same order.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/Choice.h"
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
constexpr int64_t fewRows = 4;      // of a kernel for fewer rows than the most
constexpr int64_t shortestSum = 16; // below, a thread to an element does
constexpr int64_t enoughBlocks = 132; // for each multiprocessor one
constexpr int64_t vectorBytes = 16;
constexpr int64_t group = 4; // columns and terms of a thread, of more rows
constexpr int64_t sharedFloats = 8192;  // of a block
constexpr int64_t shortestSegment = 64; // bytes of a row that a block reads

/// What a block and its threads do.
struct Shape {
  bool sideBySide; // columns are; else the elements of one are
  int64_t rows;    // of a block
  int64_t columns; // of a lane
  int64_t terms;   // of a position
  int64_t lanes = 1;
  int64_t threads = 256;
  int64_t unrolled = 1; // vectors of a column on their way at once
  bool leftVectors = false;

  int64_t positions() const { return threads / lanes; }
  int64_t termsOfBlock() const { return positions() * terms; }
  int64_t columnsOfBlock() const { return lanes * columns; }
  int64_t sums() const { return rows * columns; }
  /// Elements of a vector of the right operand, and vectors of a step.
  int64_t width() const { return sideBySide ? columns : terms; }
  int64_t vectors() const { return sideBySide ? terms : columns; }
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
  Sums loadRight(Value k);
  Sums loadLeft(unsigned row, Value k);
  void multiply(ArrayRef<Value> left, ArrayRef<Value> right,
                MutableArrayRef<Value> sums);
  Sums elementsOf(Value vector);
  Value exchange(Sums &sums);
  void finish(gpu::LaunchOp launch, ValueRange sums);
  void store(Value number, Value value);

  LaunchBuilder &b;
  const MatrixProduct &product;
  Value start;
  Shape shape;
  Value rowCount, columnCount, sumCount;
  Value columnBlocks;
  Value firstColumn, batch;           // of the block
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
  columnBlocks = b.ceilDiv(columnCount, shape.columnsOfBlock());
  Value blocks = b.mul(columnBlocks, product.count(b, product.batch));
  gpu::LaunchOp launch = b.launch(blocks, b.idx(1), b.idx(1), shape.threads);
  locate(launch);
  finish(launch, sumUp());
}

/// What is behind the last row or column repeats it.
void Kernel::locate(gpu::LaunchOp launch) {
  thread = launch.getThreadIds().x;
  lane = b.rem(thread, shape.lanes);
  position = b.div(thread, shape.lanes);
  Value block = launch.getBlockIds().x;
  auto [batchOfBlock, columnBlock] = b.divideSmall(block, columnBlocks);
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
    leftAt.push_back(start(product.left, product.m, b.min(b.idx(r), lastRow)));
  Value mine = b.add(firstColumn, b.mul(lane, shape.columns));
  Value last = b.sub(columnCount, b.idx(shape.sideBySide ? shape.columns : 1));
  for (int64_t c = 0; c < (shape.sideBySide ? 1 : shape.columns); ++c)
    rightAt.push_back(
        start(product.right, product.n, b.min(b.add(mine, c), last)));
}

/// The thread's sums: of each row a vector of columns, or one for each column.
Kernel::Sums Kernel::sumUp() {
  Type vector = VectorType::get({shape.columns}, b.getF32Type());
  Value zero = shape.sideBySide ? b.real(0.0, vector) : b.real(0.0);
  Sums sums(shape.sideBySide ? shape.rows : shape.sums(), zero);
  int64_t atOnce = shape.termsOfBlock();
  Value whole = b.div(sumCount, atOnce * shape.unrolled);
  Value mine = b.mul(position, shape.terms);
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

Kernel::Sums Kernel::loadRight(Value k) {
  Type narrow = VectorType::get({shape.width()}, product.right.element());
  int64_t bytes = shape.width() * product.right.elementBytes();
  Sums vectors;
  for (int64_t i = 0; i < shape.vectors(); ++i) {
    Value at = rightAt[shape.sideBySide ? 0 : i];
    Value term = shape.sideBySide ? b.add(k, i) : k;
    at = b.add(at, b.mul(term, rightStride));
    vectors.push_back(b.loadAt(narrow, b.globalAt(at), bytes));
  }
  return vectors;
}

Kernel::Sums Kernel::loadLeft(unsigned row, Value k) {
  Type element = product.left.element();
  int64_t bytes = product.left.elementBytes();
  Value at = b.add(leftAt[row], b.mul(k, leftStride));
  if (shape.leftVectors)
    return {b.loadAt(VectorType::get({shape.terms}, element), b.globalAt(at),
                     shape.terms * bytes)};
  Sums terms;
  for (int64_t i = 0; i < shape.terms; ++i)
    terms.push_back(b.loadAt(
        element, b.globalAt(b.add(at, b.mul(b.idx(i), leftStride))), bytes));
  return terms;
}

Kernel::Sums Kernel::elementsOf(Value vector) {
  Sums elements;
  for (int64_t i = 0; i < cast<VectorType>(vector.getType()).getDimSize(0); ++i)
    elements.push_back(vector::ExtractOp::create(b, vector, i));
  return elements;
}

/// Adds the products of some positions; what they load is on its way together.
Kernel::Sums Kernel::step(ArrayRef<Value> positions, ValueRange carried) {
  Sums sums(carried);
  SmallVector<Sums> rights, lefts;
  for (Value k : positions)
    rights.push_back(loadRight(k));
  for (Value k : positions)
    for (int64_t r = 0; r < shape.rows; ++r)
      lefts.push_back(loadLeft(r, k));
  int64_t ofRow = shape.sideBySide ? 1 : shape.columns;
  for (auto [p, right] : llvm::enumerate(rights)) {
    Sums wide;
    for (Value vector : right)
      wide.push_back(b.widen(vector));
    for (int64_t r = 0; r < shape.rows; ++r) {
      Sums left;
      for (Value value : lefts[p * shape.rows + r])
        left.push_back(b.widen(value));
      if (shape.leftVectors)
        left = elementsOf(left.front());
      multiply(left, wide, MutableArrayRef(sums).slice(r * ofRow, ofRow));
    }
  }
  return sums;
}

/// Adds the products of one row's terms.
void Kernel::multiply(ArrayRef<Value> left, ArrayRef<Value> right,
                      MutableArrayRef<Value> sums) {
  if (shape.sideBySide) {
    for (auto [x, w] : llvm::zip_equal(left, right))
      sums[0] =
          b.fma(vector::BroadcastOp::create(b, w.getType(), x), w, sums[0]);
    return;
  }
  for (auto [sum, vector] : llvm::zip_equal(sums, right))
    for (auto [x, w] : llvm::zip_equal(left, elementsOf(vector)))
      sum = b.fma(x, w, sum);
}

/// Adds up the sums of the lanes of a warp that have the same columns: of two
/// lanes each takes over half of what both have, as long as there are several.
/// The number of the first one that is left.
Value Kernel::exchange(Sums &sums) {
  Value first = b.idx(0);
  for (int64_t mask = shape.lanes; mask < warpLanes; mask *= 2) {
    size_t half = sums.size() / 2;
    if (sums.size() % 2 != 0) {
      for (Value &sum : sums)
        sum = b.fadd(sum, b.shuffleXor(sum, mask));
      continue;
    }
    Value bit = b.rem(b.div(thread, mask), 2);
    Value isUpper = b.equal(bit, b.idx(1));
    for (size_t i = 0; i < half; ++i) {
      Value kept = b.select(isUpper, sums[half + i], sums[i]);
      Value given = b.select(isUpper, sums[i], sums[half + i]);
      sums[i] = b.fadd(kept, b.shuffleXor(given, mask));
    }
    sums.truncate(half);
    first = b.add(first, b.mul(bit, half));
  }
  return first;
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
  Value number = exchange(sums);
  // Sum `s` of lane `l` of a warp is its number s * lanes + l. Lanes that have
  // the same store the same.
  int64_t numbers = shape.sums() * shape.lanes;
  int64_t warps = shape.threads / warpLanes;
  Value shared = b.shared(launch, warps * numbers, b.getF32Type());
  Value warp = b.div(thread, warpLanes);
  Value first =
      b.add(b.add(b.mul(warp, numbers), lane), b.mul(number, shape.lanes));
  for (auto [s, sum] : llvm::enumerate(sums))
    b.store(sum, shared, b.add(first, s * shape.lanes));
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
  Value sum = b.div(number, shape.lanes);
  Value row = b.div(sum, shape.columns);
  Value column = b.add(b.rem(sum, shape.columns),
                       b.mul(b.rem(number, shape.lanes), shape.columns));
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
  void emit(Value start);

private:
  /// The loop that vectors lie along.
  unsigned along() const {
    return sideBySide ? product.n.front() : product.k.front();
  }
  /// A kernel for up to so many rows.
  Shape shapeFor(int64_t rows) const;
  Shape shapeForOne() const;
  /// Blocks of so many columns, where that is known.
  std::optional<int64_t> blocksFor(int64_t columns) const;
  int64_t lanesFor(int64_t columns, int64_t most, int64_t least) const;
  int64_t threadsFor(const Shape &shape, int64_t most) const;
  int64_t unrolledFor(const Shape &shape, int64_t most) const;

  LaunchBuilder &b;
  MatrixProduct product;
  bool sideBySide = false;
  int64_t width = 1;
  bool leftVectors = false; // for more than one row
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
  leftVectors = product.canLoad(product.left, k, group);
  return true;
}

Value Planner::fits() {
  Value aligned = product.isAligned(b, product.right, along(), width);
  Value rows = product.count(b, product.m);
  if (leftVectors) {
    Value vectors =
        product.isAligned(b, product.left, product.k.front(), group);
    Value isOne = b.equal(rows, b.idx(1));
    aligned = b.both(aligned, b.createOrFold<arith::OrIOp>(vectors, isOne));
  }
  Value few = b.both(b.less(b.idx(0), rows), b.less(rows, b.idx(mostRows + 1)));
  return b.both(b.both(aligned, few), product.isCountable(b));
}

std::optional<int64_t> Planner::blocksFor(int64_t columns) const {
  std::optional<int64_t> all = product.count(product.n);
  if (!all)
    return std::nullopt;
  return *all * product.count(product.batch).value_or(1) / columns;
}

/// As many lanes side by side as leave a block to each multiprocessor.
int64_t Planner::lanesFor(int64_t columns, int64_t most, int64_t least) const {
  int64_t lanes = most;
  while (lanes > least &&
         blocksFor(lanes * columns).value_or(enoughBlocks) < enoughBlocks)
    lanes /= 2;
  return lanes;
}

/// So many that all have something to sum, and memory to share it.
int64_t Planner::threadsFor(const Shape &shape, int64_t most) const {
  int64_t threads = most;
  int64_t ofWarp = shape.sums() * shape.lanes;
  while (threads > 128 && threads / warpLanes * ofWarp > sharedFloats)
    threads /= 2;
  int64_t sum = product.count(product.k).value_or(threads * shape.terms);
  while (threads > 128 && threads / shape.lanes * shape.terms > sum)
    threads /= 2;
  return threads;
}

/// Vectors on their way at once, so many that none is left for the end, if it
/// can be.
int64_t Planner::unrolledFor(const Shape &shape, int64_t most) const {
  std::optional<int64_t> sum = product.count(product.k);
  int64_t rounds = sum ? *sum / shape.termsOfBlock() : most;
  for (int64_t unrolled = most; unrolled > most / 2; --unrolled)
    if (rounds % unrolled == 0 && rounds > 0)
      return unrolled;
  return std::clamp<int64_t>(rounds, 1, most);
}

Shape Planner::shapeForOne() const {
  Shape shape{sideBySide, 1, width, 1};
  if (!sideBySide) {
    std::optional<int64_t> columns = product.count(product.n);
    shape.columns = !columns || *columns >= 8 * enoughBlocks ? 4 : 1;
    shape.terms = width;
    shape.threads = 128;
    shape.unrolled = unrolledFor(shape, shape.columns > 1 ? 1 : 4);
    return shape;
  }
  int64_t least = shortestSegment / (width * product.right.elementBytes());
  shape.lanes = lanesFor(width, warpLanes, least);
  shape.threads = threadsFor(shape, shape.lanes <= 8 ? 512 : 256);
  shape.unrolled = unrolledFor(shape, 8);
  return shape;
}

Shape Planner::shapeFor(int64_t rows) const {
  if (rows == 1)
    return shapeForOne();
  // Sums of all rows stay in registers, those of a block in shared memory.
  int64_t narrow = std::min(width, group);
  Shape shape{sideBySide, rows, group, narrow};
  if (sideBySide) {
    int64_t least = shortestSegment / (narrow * product.right.elementBytes());
    shape.columns = narrow;
    shape.terms = leftVectors ? group : 1;
    shape.lanes = lanesFor(narrow, warpLanes, least);
  } else {
    std::optional<int64_t> columns = product.count(product.n);
    if (columns && *columns < 8 * enoughBlocks)
      shape.columns = 1;
    shape.lanes = lanesFor(shape.columns, 8, 1);
  }
  shape.leftVectors = leftVectors && shape.terms == group;
  if (rows <= fewRows) {
    shape.threads = threadsFor(shape, shape.lanes <= 8 ? 512 : 256);
    shape.unrolled = unrolledFor(shape, 4);
    return shape;
  }
  // Registers are for few warps: those of many blocks, if there are.
  bool many = blocksFor(shape.columnsOfBlock()).value_or(0) >= 2 * enoughBlocks;
  shape.threads = threadsFor(shape, many ? 128 : 256);
  shape.unrolled = unrolledFor(shape, 2);
  return shape;
}

void Planner::emit(Value start) {
  auto launch = [&](int64_t most) {
    Kernel(b, product, start, shapeFor(most)).emit();
  };
  Value count = product.count(b, product.m);
  b.when(
      b.equal(count, b.idx(1)), [&] { launch(1); },
      [&] {
        b.when(
            b.less(count, b.idx(fewRows + 1)), [&] { launch(fewRows); },
            [&] { launch(mostRows); });
      });
}

struct LaunchFewRows : ssmc::impl::SsmLaunchFewRowsBase<LaunchFewRows> {
  void runOnOperation() override {
    launchGenerics(getOperation(), [](LaunchBuilder &b, linalg::GenericOp op,
                                      linalg::FillOp start,
                                      function_ref<void()> leave) {
      std::optional<MatrixProduct> product = MatrixProduct::get(op);
      if (!product || givenChoice(op, "few_rows") == 0)
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
