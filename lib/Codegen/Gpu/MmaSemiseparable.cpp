//===- MmaSemiseparable.cpp - ssm-mma-semiseparable -----------------------===//
//
// Matrix states that decay for each key, on tensor cores (mma.sync). A block
// has a head, or 128 of its columns of v, and walks over chunks of 16 tokens.
// With p the products of a chunk's decays up to and with a token, r those
// behind it:
//
//   all:    Q' = Q * p,  K' = K * r                    key by key, rounded
//           M[i, j] = sum_n Q[i, n] K[j, n] a[j+1, n] ... a[i, n]     j <= i
//   warps:  Y^T = S Q'^T + V^T M^T                      16 columns each
//           S   = S * p[15] + V^T K'
//
// S, transposed (columns of v by keys), stays in registers, in f32, and is the
// left operand of its product as it lies there. M is exact: for each j, a
// thread multiplies K[j] by one decay after the other, for four keys, and the
// lanes of a j add their sums. So there are products of decays alone, never
// quotients, which would overflow.
//
// While M is computed, the next chunk comes from memory into registers. Tokens
// behind the last one have zeros, and do not decay.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/LaunchBuilder.h"
#include "lib/Codegen/StateStart.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMMMASEMISEPARABLE
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

using Values = SmallVector<Value>;

constexpr int64_t chunk = 16, slice = 4;
constexpr int64_t piece = 8, pieceBytes = 16; // of 16 bits
constexpr int64_t warpColumns = 16, mostWarps = 8, mostOfThread = 4;

MemRefType typeOf(Value memref) { return cast<MemRefType>(memref.getType()); }
int64_t extentOf(Value memref, int64_t dim) {
  return typeOf(memref).getDimSize(dim);
}

/// What of an op its kernel is made for.
struct Shape {
  Type element;
  int64_t keys, columns, heads, keyHeads, queryHeads;
  int64_t warps, blocks; // of a block, of a head

  static std::optional<Shape> get(ssm::SemiseparableOp op);
  int64_t threads() const { return warps * warpLanes; }
  int64_t blockColumns() const { return warps * warpColumns; }
  /// Lanes that share a column of M, and how many of these they have.
  int64_t lanesOfColumn() const { return keys / slice; }
  int64_t columnsOfThread() const {
    return chunk * lanesOfColumn() / threads();
  }
};

std::optional<Shape> Shape::get(ssm::SemiseparableOp op) {
  if (op->getNumResults() != 0 || !op.getDecay() || op.getResets() ||
      typeOf(op.getDecay()).getRank() != 4 || !isDeviceFloat(op.getDecay()) ||
      !typeOf(op.getState()).getElementType().isF32())
    return std::nullopt;
  Type element = typeOf(op.getQ()).getElementType();
  if (!element.isF16() && !element.isBF16())
    return std::nullopt;
  for (Value memref : {op.getK(), op.getV(), op.getY()})
    if (typeOf(memref).getElementType() != element)
      return std::nullopt;
  int64_t length = extentOf(op.getV(), 1);
  Shape shape{element,
              extentOf(op.getState(), 2),
              extentOf(op.getState(), 3),
              extentOf(op.getV(), 2),
              extentOf(op.getK(), 2),
              extentOf(op.getQ(), 2),
              0,
              0};
  if ((shape.keys != 64 && shape.keys != 128) || shape.columns <= 0 ||
      shape.columns % warpColumns != 0 || shape.queryHeads > shape.heads ||
      (length >= 0 && length < chunk))
    return std::nullopt;
  int64_t warps = shape.columns / warpColumns;
  shape.blocks = llvm::divideCeil(warps, mostWarps);
  shape.warps = warps / shape.blocks;
  if (warps % shape.blocks != 0 || !llvm::isPowerOf2_64(shape.warps) ||
      shape.columnsOfThread() < 1 || shape.columnsOfThread() > mostOfThread)
    return std::nullopt;
  return shape;
}

class Kernel {
public:
  Kernel(LaunchBuilder &b, ssm::SemiseparableOp op)
      : b(b), op(op), shape(*Shape::get(op)),
        start(findJoinedStart(op, op.getState())) {}

  void emit() {
    length = b.dim(op.getV(), 1);
    b.when(
        b.less(b.idx(0), length), [&] { emitWalk(); },
        [&] {
          if (start.op)
            b.clone(*start.op);
        });
    if (start.op)
      start.op->erase();
  }

private:
  /// A key of q or of k whose elements of a chunk the thread brings along.
  struct Task {
    Value isQuery, key, address, stride, decayAddress;
  };

  void emitWalk();
  void locate(gpu::LaunchOp launch);
  Values fetch(Value chunkNumber);
  void stage(ValueRange fetched);
  void mix();
  Values consume(Value chunkNumber, ValueRange state);
  void writeOutput(Value chunkNumber, ArrayRef<Value> tile, int64_t token);
  Values transferState(ValueRange given);

  Value at(Value token) {
    return op.getReverse() ? b.sub(b.sub(length, b.idx(1)), token) : token;
  }
  Value placeOf(Value base, Value row, Value at, int64_t pieces) {
    return b.add(base, b.piecePlace(row, at, pieces));
  }
  Value sharedVector(Value base, Value row, Value bytes) {
    return b.loadAt(
        VectorType::get({slice}, b.getF32Type()),
        b.sharedAt(b.add(b.add(base, b.mul(row, shape.keys * 4)), bytes)), 16);
  }
  Values sumLanes(Values values, Value lane, int64_t lanes, Value &first);

  LaunchBuilder &b;
  ssm::SemiseparableOp op;
  Shape shape;
  StateStart start;
  Value length, thread, lane, warp, batch, head, firstColumn;
  SmallVector<Task> tasks;
  Value valueToken, valuePiece; // of v, that the thread brings
  // In shared memory: f32 by keys, and tiles of 16 bits.
  Value queries, keys, decays, total, decayedQueries, decayedKeys, values,
      mixed;
};

void Kernel::emitWalk() {
  OpBuilder::InsertionGuard guard(b);
  Value units = b.mul(b.dim(op.getV(), 0), shape.heads * shape.blocks);
  gpu::LaunchOp launch = b.launch(units, b.idx(1), b.idx(1), shape.threads());
  locate(launch);
  Values carried = transferState({});
  size_t numState = carried.size();
  llvm::append_range(carried, fetch(b.idx(0)));
  Value chunks = b.ceilDiv(length, chunk);
  ValueRange done = b.keepRolled(
      b.loop(b.idx(0), chunks, 1, carried, [&](Value c, ValueRange given) {
        stage(given.drop_front(numState));
        b.barrier();
        Values next = fetch(b.add(c, 1));
        mix();
        b.barrier();
        Values state = consume(c, given.take_front(numState));
        b.barrier();
        llvm::append_range(state, next);
        return state;
      }));
  transferState(done.take_front(numState));
}

void Kernel::locate(gpu::LaunchOp launch) {
  thread = launch.getThreadIds().x;
  lane = b.rem(thread, warpLanes);
  warp = b.div(thread, warpLanes);
  auto [rest, part] =
      b.divideSmall(launch.getBlockIds().x, b.idx(shape.blocks));
  std::tie(batch, head) = b.divideSmall(rest, b.idx(shape.heads));
  firstColumn = b.mul(part, shape.blockColumns());
  int64_t wide = chunk * shape.keys * 4, narrow = chunk * shape.keys * 2;
  int64_t bytes = 0;
  std::pair<Value *, int64_t> parts[] = {
      {&queries, wide},
      {&keys, wide},
      {&decays, wide},
      {&total, shape.keys * 4},
      {&decayedQueries, narrow},
      {&decayedKeys, narrow},
      {&values, chunk * shape.blockColumns() * 2},
      {&mixed, chunk * chunk * 2}};
  for (auto [value, size] : parts)
    bytes += size;
  Value memory = b.shared(launch, bytes, b.getI8Type());
  Value next = memref::ExtractAlignedPointerAsIndexOp::create(b, memory);
  for (auto [value, size] : parts) {
    *value = next;
    next = b.add(next, size);
  }
  for (int64_t first = 0; first < 2 * shape.keys; first += shape.threads()) {
    // Where there are more threads, some do the same.
    Value number = b.rem(b.add(thread, first), 2 * shape.keys);
    Task task;
    task.key = b.rem(number, shape.keys);
    task.isQuery = b.less(b.idx(shape.keys - 1), number);
    auto address = [&](Value memref, int64_t heads) {
      Value of = b.div(b.mul(head, heads), shape.heads);
      return b.addressOf(memref, {batch, b.idx(0), of, task.key});
    };
    task.address = b.select(task.isQuery, address(op.getQ(), shape.queryHeads),
                            address(op.getK(), shape.keyHeads));
    task.stride = b.select(task.isQuery, b.byteStride(op.getQ(), 1),
                           b.byteStride(op.getK(), 1));
    task.decayAddress = address(op.getDecay(), shape.heads);
    tasks.push_back(task);
  }
  int64_t pieces = shape.blockColumns() / piece;
  valueToken = b.div(thread, pieces);
  valuePiece = b.rem(thread, pieces);
}

/// For each task the elements of a chunk and their decays, then the elements of
/// v.
Values Kernel::fetch(Value chunkNumber) {
  Values fetched;
  Value first = b.mul(chunkNumber, chunk), last = b.sub(length, b.idx(1));
  Type decayType = typeOf(op.getDecay()).getElementType();
  auto load = [&](Type type, Value address) {
    return b.widen(
        b.loadAt(type, b.globalAt(address), type.getIntOrFloatBitWidth() / 8));
  };
  Value decayStride = b.byteStride(op.getDecay(), 1), zero = b.real(0.0);
  for (const Task &task : tasks)
    for (int64_t i = 0; i < chunk; ++i) {
      Value token = b.add(first, i);
      Value exists = b.less(token, length), t = at(b.min(token, last));
      Value x = load(shape.element, b.add(task.address, b.mul(t, task.stride)));
      Value g =
          load(decayType, b.add(task.decayAddress, b.mul(t, decayStride)));
      fetched.push_back(b.select(exists, x, zero));
      fetched.push_back(b.select(exists, g, zero));
    }
  Value token = b.add(first, valueToken);
  Value exists = b.less(token, length), t = at(b.min(token, last));
  Value column = b.add(firstColumn, b.mul(valuePiece, piece));
  bool isWide = typeOf(op.getV()).getLayout().isIdentity();
  if (isWide) {
    auto type = VectorType::get({4}, b.getI32Type());
    Value all = b.loadAt(
        type, b.globalAt(b.addressOf(op.getV(), {batch, t, head, column})),
        pieceBytes);
    Value none = arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, APInt(32, 0)));
    fetched.push_back(b.select(exists, all, none));
    return fetched;
  }
  for (int64_t i = 0; i < piece; ++i)
    fetched.push_back(b.select(
        exists, b.load(op.getV(), {batch, t, head, b.add(column, i)}), zero));
  return fetched;
}

/// Stores what has been fetched: as it is, and with the chunk's decays.
void Kernel::stage(ValueRange fetched) {
  int64_t pieces = shape.keys / piece;
  for (const Task &task : tasks) {
    Values x, a, upTo(chunk), behind(chunk);
    for (int64_t i = 0; i < chunk; ++i) {
      x.push_back(fetched[2 * i]);
      a.push_back(b.exp2(b.fmul(fetched[2 * i + 1], b.real(log2e))));
    }
    fetched = fetched.drop_front(2 * chunk);
    upTo[0] = a[0];
    for (int64_t i = 1; i < chunk; ++i)
      upTo[i] = b.fmul(upTo[i - 1], a[i]);
    behind[chunk - 1] = b.real(1.0);
    for (int64_t i = chunk - 2; i >= 0; --i)
      behind[i] = b.fmul(behind[i + 1], a[i + 1]);
    Value wide = b.select(task.isQuery, queries, keys);
    Value narrow = b.select(task.isQuery, decayedQueries, decayedKeys);
    Value inPiece = b.mul(b.rem(task.key, piece), 2);
    for (int64_t i = 0; i < chunk; ++i) {
      Value place = b.add(b.idx(i * shape.keys * 4), b.mul(task.key, 4));
      b.storeAt(x[i], b.sharedAt(b.add(wide, place)), 4);
      Value factor = b.select(task.isQuery, upTo[i], behind[i]);
      Value to = placeOf(narrow, b.idx(i), b.div(task.key, piece), pieces);
      b.storeAt(b.narrow(b.fmul(x[i], factor), shape.element),
                b.sharedAt(b.add(to, inPiece)), 2);
      b.when(task.isQuery,
             [&] { b.storeAt(a[i], b.sharedAt(b.add(decays, place)), 4); });
    }
    b.when(task.isQuery, [&] {
      b.storeAt(upTo.back(), b.sharedAt(b.add(total, b.mul(task.key, 4))), 4);
    });
  }
  Value to =
      placeOf(values, valueToken, valuePiece, shape.blockColumns() / piece);
  if (fetched.size() == 1)
    return b.storeAt(fetched[0], b.sharedAt(to), pieceBytes);
  for (int64_t i = 0; i < piece; ++i)
    b.storeAt(b.narrow(fetched[i], shape.element), b.sharedAt(b.add(to, 2 * i)),
              2);
}

/// Sums over `lanes` neighbouring lanes, of which each gets some of the sums,
/// from number `first` on.
Values Kernel::sumLanes(Values sums, Value ofLanes, int64_t lanes,
                        Value &first) {
  first = b.idx(0);
  for (int64_t mask = lanes / 2; mask; mask /= 2) {
    Value isUpper = b.rem(b.div(ofLanes, mask), 2);
    Value isLower = b.equal(isUpper, b.idx(0));
    int64_t half = sums.size() / 2;
    for (int64_t i = 0; i < half; ++i) {
      Value mine = b.select(isLower, sums[i], sums[half + i]);
      Value other = b.select(isLower, sums[half + i], sums[i]);
      sums[i] = b.fadd(mine, b.shuffleXor(other, mask));
    }
    sums.resize(half);
    first = b.add(first, b.mul(isUpper, half));
  }
  return sums;
}

void Kernel::mix() {
  int64_t lanes = shape.lanesOfColumn(), mine = shape.columnsOfThread();
  Value ofLanes = b.rem(thread, lanes);
  Value firstColumn = b.mul(b.div(thread, lanes), mine);
  Value bytes = b.mul(ofLanes, slice * 4);
  auto vec = VectorType::get({slice}, b.getF32Type());
  Values k, weighted(mine, b.real(0.0, vec)), sums(mine * chunk);
  for (int64_t u = 0; u < mine; ++u)
    k.push_back(sharedVector(keys, b.add(firstColumn, u), bytes));
  for (int64_t i = 0; i < chunk; ++i) {
    Value a = sharedVector(decays, b.idx(i), bytes);
    Value q = sharedVector(queries, b.idx(i), bytes);
    for (int64_t u = 0; u < mine; ++u) {
      Value isOwn = b.equal(b.add(firstColumn, u), b.idx(i));
      weighted[u] = b.select(isOwn, k[u], b.fmul(weighted[u], a));
      Value products = b.fmul(weighted[u], q), sum;
      for (int64_t n = 0; n < slice; ++n) {
        Value one = vector::ExtractOp::create(b, products, n);
        sum = sum ? b.fadd(sum, one) : one;
      }
      sums[u * chunk + i] = sum;
    }
  }
  Value first;
  sums = sumLanes(sums, ofLanes, lanes, first);
  for (auto [n, sum] : llvm::enumerate(sums)) {
    Value number = b.add(first, n);
    Value row = b.rem(number, chunk);
    Value column = b.add(firstColumn, b.div(number, chunk));
    Value to = b.add(b.mul(row, chunk * 2), b.mul(column, 2));
    b.storeAt(b.narrow(sum, shape.element), b.sharedAt(b.add(mixed, to)), 2);
  }
}

/// The outputs of a chunk, and the state behind it.
Values Kernel::consume(Value chunkNumber, ValueRange given) {
  Value number = b.div(lane, 8), inside = b.rem(lane, 8);
  Value low = b.rem(number, 2), high = b.div(number, 2);
  Value rowHigh = b.add(inside, b.mul(high, 8));
  Value rowLow = b.add(inside, b.mul(low, 8));
  int64_t pieces = shape.keys / piece;
  auto multiply = [&](ArrayRef<Value> left, ArrayRef<Value> right,
                      ArrayRef<Value> sums) {
    return b.multiplyTile(shape.element, left, right, sums);
  };
  Values tiles[2] = {Values(4, b.real(0.0)), Values(4, b.real(0.0))};
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    ValueRange of = given.slice(8 * s, 8);
    Values left;
    for (int64_t i = 0; i < 8; i += 2)
      left.push_back(b.packWord(shape.element, of[i], of[i + 1]));
    Values right = b.loadMatrices(
        placeOf(decayedQueries, rowHigh, b.add(low, 2 * s), pieces), false);
    for (int64_t n = 0; n < 2; ++n)
      tiles[n] = multiply(left, ArrayRef(right).slice(2 * n, 2), tiles[n]);
  }
  Values v = b.loadMatrices(placeOf(values, rowHigh, b.add(b.mul(warp, 2), low),
                                    shape.blockColumns() / piece),
                            true);
  Values m = b.loadMatrices(
      b.add(mixed, b.add(b.mul(rowHigh, chunk * 2), b.mul(low, pieceBytes))),
      false);
  for (int64_t n = 0; n < 2; ++n) {
    tiles[n] = multiply(v, ArrayRef(m).slice(2 * n, 2), tiles[n]);
    writeOutput(chunkNumber, tiles[n], 8 * n);
  }
  Values state;
  auto pair = VectorType::get({2}, b.getF32Type());
  Value ofLane = b.add(total, b.mul(b.rem(lane, 4), 8));
  for (int64_t s = 0; s < shape.keys / 16; ++s) {
    Values right = b.loadMatrices(
        placeOf(decayedKeys, rowLow, b.add(high, 2 * s), pieces), true);
    for (int64_t n = 0; n < 2; ++n) {
      int64_t tile = 2 * s + n;
      Value decay = b.loadAt(pair, b.sharedAt(b.add(ofLane, tile * 8 * 4)), 8);
      Values sums;
      for (int64_t i = 0; i < 4; ++i)
        sums.push_back(
            b.fmul(given[4 * tile + i],
                   vector::ExtractOp::create(b, decay, i % 2).getResult()));
      llvm::append_range(state,
                         multiply(v, ArrayRef(right).slice(2 * n, 2), sums));
    }
  }
  return state;
}

/// Eight tokens of a chunk, from `first` on, of the warp's columns.
void Kernel::writeOutput(Value chunkNumber, ArrayRef<Value> tile,
                         int64_t first) {
  Value column =
      b.add(firstColumn, b.add(b.mul(warp, warpColumns), b.div(lane, 4)));
  for (int64_t e = 0; e < 2; ++e) {
    Value token = b.add(b.mul(chunkNumber, chunk),
                        b.add(b.mul(b.rem(lane, 4), 2), first + e));
    b.when(b.less(token, length), [&] {
      for (int64_t half = 0; half < 2; ++half)
        b.store(tile[2 * half + e], op.getY(),
                {batch, at(token), head, b.add(column, 8 * half)});
    });
  }
}

/// Loads the thread's elements of the state, or stores them where some are
/// given: of each 8 keys two, of two columns.
Values Kernel::transferState(ValueRange given) {
  Value column =
      b.add(firstColumn, b.add(b.mul(warp, warpColumns), b.div(lane, 4)));
  Value key = b.mul(b.rem(lane, 4), 2);
  Values loaded;
  for (int64_t i = 0; i < shape.keys / 2; ++i) {
    Value n = b.add(key, 8 * (i / 4) + i % 2);
    Value p = b.add(column, i % 4 / 2 * 8);
    Values index{batch, head, n, p};
    if (!given.empty())
      b.store(given[i], op.getState(), index);
    else if (start.isZero())
      loaded.push_back(b.real(0.0));
    else
      loaded.push_back(b.load(start.bufferOr(op.getState()), index));
  }
  return loaded;
}

bool isSupported(ssm::SemiseparableOp op) { return Shape::get(op).has_value(); }

struct MmaSemiseparable
    : ssmc::impl::SsmMmaSemiseparableBase<MmaSemiseparable> {
  void runOnOperation() override {
    launchEach<ssm::SemiseparableOp, Kernel>(getOperation(), isSupported);
  }
};

} // namespace
