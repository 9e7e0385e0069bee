//===- LaunchAttention.cpp - ssm-launch-attention -------------------------===//
//
// Attention of a few queries, as a decoder's step has them: tensor cores would
// be empty, and what takes time is the way of the keys and values. A block has
// a query of a head. Its warps take the keys in turns, some at a time; lanes
// have columns of them. Each warp keeps the maximum m of its scores, and with
// it
//
//   l = sum_j 2^(s[j] - m)       acc = sum_j 2^(s[j] - m) v[j]
//
// scaled anew where m grows. Such sums of several warps are put together as
//
//   m = max_w m[w]   l = sum_w 2^(m[w] - m) l[w]   acc likewise
//
// and y = acc / l. Where there are few queries and heads, the keys are cut into
// segments, a block each, and a second launch puts those together.
//
// Scores are logarithms to the base of 2. Keys outside of the query's window
// are not read, unless positions are given.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/AttentionMask.h"
#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/LaunchBuilder.h"
#include "lib/Codegen/Gpu/Ring.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHATTENTION
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

using Values = SmallVector<Value>;

constexpr int64_t warps = 8, threads = warps * warpLanes;
constexpr int64_t atOnce = 4; // keys of a warp
constexpr int64_t mostQueries = 16, mostColumns = 512;
constexpr int64_t farAway = int64_t(1) << 62; // beyond every position
// Blocks that keep the memory busy, and the fewest keys of a segment.
constexpr int64_t enoughBlocks = 264, shortestSegment = 128;

MemRefType typeOf(Value memref) { return cast<MemRefType>(memref.getType()); }
int64_t extentOf(Value memref, int64_t dim) {
  return typeOf(memref).getDimSize(dim);
}

/// Bytes that every row of `columns` begins at, and has, a multiple of, as far
/// as the type tells; buffers begin at multiples of 16.
int64_t rowAlignment(MemRefType type, int64_t columns) {
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  int64_t common = std::gcd(copyBytes, columns * bytes);
  if (type.getLayout().isIdentity())
    return common;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)) || strides.back() != 1)
    return bytes;
  strides.back() = offset;
  for (int64_t stride : strides)
    common = std::gcd(common,
                      ShapedType::isDynamic(stride) ? bytes : stride * bytes);
  return common;
}

/// How the lanes of a warp share the columns of a row: `width` neighbours each,
/// and as many more behind those of all lanes.
struct Columns {
  int64_t count, width, passes;
  Columns(int64_t count, ArrayRef<Value> memrefs) : count(count), width(1) {
    auto fits = [&](int64_t width) {
      return llvm::all_of(memrefs, [&](Value memref) {
        MemRefType type = typeOf(memref);
        int64_t bytes = type.getElementTypeBitWidth() / 8;
        return rowAlignment(type, extentOf(memref, 3)) % (width * bytes) == 0;
      });
    };
    while (2 * width * warpLanes <= count && fits(2 * width))
      width *= 2;
    passes = llvm::divideCeil(count, width * warpLanes);
  }
  int64_t perLane() const { return width * passes; }
  Value first(LaunchBuilder &b, Value lane, int64_t pass) const {
    return b.add(b.mul(lane, width), pass * width * warpLanes);
  }
};

/// Sums over keys: the maximum of scores, what they are measured from, the sum
/// of weights, and of weights times a column of values.
struct Sums {
  Value most, from, total;
  std::function<Value(Value column)> of;
};

class Kernel {
public:
  Kernel(LaunchBuilder &b, ssm::AttentionOp op)
      : b(b), op(op),
        queryColumns(extentOf(op.getQ(), 3), {op.getQ(), op.getK()}),
        valueColumns(extentOf(op.getV(), 3), {op.getV()}),
        size(valueColumns.count + 2) {}
  void emit();

private:
  /// A key that the warp looks at: its place, and whether it is one.
  struct Key {
    Value place, exists;
  };
  /// An element of the sums with a number: columns, the maximum, the total.
  using Part = std::function<Value(Value number, Value element)>;

  void launchKeys(Value rows, Value segments, Value partial);
  void launchJoin(Value rows, Value segments, Value partial);
  Value mostKeys();
  void locate(gpu::LaunchOp launch);
  void locateRow(Value row);
  std::pair<Value, Value> bounds();
  Values lookAt(Value first, Value end, ValueRange before);
  Value score(Key key, Value product);
  Value isSeen(Key key, Value bias);
  Value biasOf(Key key);
  void share(ValueRange own);
  Sums join(Value count, Part part);
  void putResults(Sums &sums);
  void forColumns(llvm::function_ref<void(Value column)> body);

  /// Elements of a row that the lane has; zeros where it has none.
  Values loadRow(Value memref, ValueRange index, const Columns &columns);
  Value position(Value memref, ValueRange index) {
    Value found = memref::LoadOp::create(b, memref, index);
    Type wide = b.getI64Type();
    return found.getType() == wide
               ? found
               : arith::ExtSIOp::create(b, wide, found).getResult();
  }
  Value number(Value index) {
    return arith::IndexCastOp::create(b, b.getI64Type(), index);
  }
  Value maximum(Value x, Value y) { return arith::MaximumFOp::create(b, x, y); }
  Value isEqual(Value x, double y) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, b.real(y));
  }
  /// What scores are measured from: their maximum, or zero where there is none.
  Value origin(Value maximum) {
    return b.select(isEqual(maximum, -INFINITY), b.real(0.0), maximum);
  }
  Value power(Value x, Value origin) {
    return b.exp2(b.fadd(x, b.neg(origin)));
  }

  LaunchBuilder &b;
  ssm::AttentionOp op;
  Columns queryColumns, valueColumns;
  int64_t size; // of the sums of a warp
  Value keys;   // how many
  Value thread, lane, warp, batch, query, head, keyHead;
  Value queryAt, prefix, segment, slope, shared;
  Values q;
};

} // namespace

void Kernel::emit() {
  OpBuilder::InsertionGuard guard(b);
  keys = b.dim(op.getK(), 1);
  Value rows = b.mul(b.mul(b.dim(op.getQ(), 0), b.dim(op.getQ(), 1)),
                     extentOf(op.getQ(), 2));
  Value wanted = b.div(b.idx(enoughBlocks), b.max(rows, b.idx(1)));
  Segments cut(b, mostKeys(), wanted, shortestSegment);
  b.when(
      b.less(b.idx(1), cut.count),
      [&] {
        auto kept = MemRefType::get(
            {ShapedType::kDynamic, ShapedType::kDynamic, size}, b.getF32Type());
        Value partial =
            memref::AllocOp::create(b, kept, ValueRange{rows, cut.count});
        launchKeys(rows, cut.count, partial);
        launchJoin(rows, cut.count, partial);
      },
      [&] { launchKeys(rows, b.idx(1), Value()); });
}

/// How many keys a query may see, as far as indices tell.
Value Kernel::mostKeys() {
  if (!op.getLeft() || !op.getRight() || op.getKeyPositions() ||
      op.getPrefix() || op.getGlobal() != 0)
    return keys;
  auto limit = [](uint64_t given) { return std::min<int64_t>(given, 1 << 30); };
  return b.min(keys, b.idx(limit(*op.getLeft()) + limit(*op.getRight()) + 1));
}

/// A launch of a block for each query of a head and each segment of keys.
void Kernel::launchKeys(Value rows, Value segments, Value partial) {
  OpBuilder::InsertionGuard guard(b);
  gpu::LaunchOp launch = b.launch(rows, segments, b.idx(1), threads);
  locate(launch);
  Value begin, end;
  std::tie(begin, end) = bounds();
  if (partial) {
    Value steps = b.ceilDiv(b.max(b.sub(end, begin), b.idx(0)), segments);
    begin = b.add(begin, b.mul(launch.getBlockIds().y, steps));
    end = b.min(end, b.add(begin, steps));
  }
  Values carried{b.real(-INFINITY), b.real(0.0)};
  carried.append(valueColumns.perLane(), b.real(0.0));
  Value first = b.add(begin, b.mul(warp, atOnce));
  share(b.keepRolled(b.loop(
      first, end, warps * atOnce, carried,
      [&](Value key, ValueRange before) { return lookAt(key, end, before); })));
  Sums sums = join(b.idx(warps), [&](Value of, Value element) {
    return b.load(shared, b.add(b.mul(of, size), element));
  });
  if (!partial)
    return putResults(sums);
  Value row = launch.getBlockIds().x, piece = launch.getBlockIds().y;
  auto put = [&](Value x, Value element) {
    memref::StoreOp::create(b, x, partial, ValueRange{row, piece, element});
  };
  forColumns([&](Value column) { put(sums.of(column), column); });
  b.when(b.equal(thread, b.idx(0)), [&] {
    put(sums.most, b.idx(valueColumns.count));
    put(sums.total, b.idx(valueColumns.count + 1));
  });
}

void Kernel::launchJoin(Value rows, Value segments, Value partial) {
  OpBuilder::InsertionGuard guard(b);
  gpu::LaunchOp launch = b.launch(rows, b.idx(1), b.idx(1), threads);
  thread = launch.getThreadIds().x;
  Value row = launch.getBlockIds().x;
  locateRow(row);
  Sums sums = join(segments, [&](Value of, Value element) -> Value {
    return memref::LoadOp::create(b, partial, ValueRange{row, of, element});
  });
  putResults(sums);
}

void Kernel::locateRow(Value row) {
  Value rest;
  std::tie(rest, head) = b.divideSmall(row, b.idx(extentOf(op.getQ(), 2)));
  std::tie(batch, query) = b.divideSmall(rest, b.dim(op.getQ(), 1));
}

void Kernel::locate(gpu::LaunchOp launch) {
  thread = launch.getThreadIds().x;
  lane = b.rem(thread, warpLanes);
  warp = b.div(thread, warpLanes);
  locateRow(launch.getBlockIds().x);
  keyHead = b.div(b.mul(head, extentOf(op.getK(), 2)), extentOf(op.getQ(), 2));
  shared = b.shared(launch, warps * size, b.getF32Type());
  q = loadRow(op.getQ(), {batch, query, head}, queryColumns);
  queryAt = op.getQueryPositions()
                ? position(op.getQueryPositions(), {batch, query})
                : number(b.add(query, b.sub(keys, b.dim(op.getQ(), 1))));
  if (op.getPrefix())
    prefix = position(op.getPrefix(), batch);
  if (op.getQuerySegments())
    segment = position(op.getQuerySegments(), {batch, query});
  if (op.getSlopes())
    slope = b.load(op.getSlopes(), head);
}

/// The keys that the query may see, as far as indices tell.
std::pair<Value, Value> Kernel::bounds() {
  Value begin = b.idx(0), end = keys;
  if (op.getKeyPositions() || op.getPrefix())
    return {begin, end};
  Value at = arith::IndexCastOp::create(b, b.getIndexType(), queryAt);
  auto limit = [](uint64_t given) {
    return std::min<uint64_t>(given, farAway);
  };
  if (op.getRight())
    end = b.max(begin, b.min(end, b.add(at, limit(*op.getRight()) + 1)));
  if (op.getLeft() && op.getGlobal() == 0)
    begin = b.max(begin, b.sub(at, b.idx(limit(*op.getLeft()))));
  return {begin, end};
}

Values Kernel::loadRow(Value memref, ValueRange index, const Columns &columns) {
  Values row;
  Type element = typeOf(memref).getElementType();
  for (int64_t pass = 0; pass < columns.passes; ++pass) {
    Value column = columns.first(b, lane, pass), exists;
    if ((pass + 1) * columns.width * warpLanes > columns.count) {
      exists = b.less(column, b.idx(columns.count));
      column = b.min(column, b.idx(columns.count - columns.width));
    }
    Values place(index);
    place.push_back(column);
    auto add = [&](Value x) {
      row.push_back(exists ? b.select(exists, x, b.real(0.0)) : x);
    };
    if (columns.width == 1) {
      add(b.load(memref, place));
      continue;
    }
    int64_t bytes = columns.width * element.getIntOrFloatBitWidth() / 8;
    Value loaded =
        b.widen(b.loadAt(VectorType::get(columns.width, element),
                         b.globalAt(b.addressOf(memref, place)), bytes));
    for (int64_t i = 0; i < columns.width; ++i)
      add(vector::ExtractOp::create(b, loaded, i));
  }
  return row;
}

/// The maximum, the sum and the columns of the values behind some keys more.
Values Kernel::lookAt(Value first, Value end, ValueRange before) {
  SmallVector<Key> looked;
  SmallVector<Values> values;
  Values scores;
  for (int64_t i = 0; i < atOnce; ++i) {
    Value place = b.add(first, i);
    looked.push_back({b.min(place, b.sub(keys, b.idx(1))), b.less(place, end)});
    Values index{batch, looked[i].place, keyHead};
    Value product = b.real(0.0);
    for (auto [x, y] : llvm::zip(q, loadRow(op.getK(), index, queryColumns)))
      product = b.fma(x, y, product);
    scores.push_back(product);
    values.push_back(loadRow(op.getV(), index, valueColumns));
  }
  Value most = before[0];
  Values seen;
  for (auto [key, product] : llvm::zip(looked, scores)) {
    for (int64_t mask = warpLanes / 2; mask; mask /= 2)
      product = b.fadd(product, b.shuffleXor(product, mask));
    Value bias = biasOf(key);
    seen.push_back(isSeen(key, bias));
    Value x = score(key, product);
    if (bias)
      x = b.fadd(x, bias);
    product =
        b.select(seen.back(), b.fmul(x, b.real(log2e)), b.real(-INFINITY));
    most = maximum(most, product);
  }
  Value from = origin(most), shrink = power(before[0], from);
  Values next{most};
  for (Value x : before.drop_front())
    next.push_back(b.fmul(x, shrink));
  for (int64_t i = 0; i < atOnce; ++i) {
    Value weight = power(scores[i], from);
    next[1] = b.fadd(next[1], weight);
    for (auto [sum, v] :
         llvm::zip(MutableArrayRef(next).drop_front(2), values[i]))
      sum = b.fma(weight, b.select(seen[i], v, b.real(0.0)), sum);
  }
  return next;
}

/// Without the bias.
Value Kernel::score(Key key, Value product) {
  double scale = op.getScale() ? op.getScale()->convertToDouble()
                               : 1.0 / std::sqrt(double(queryColumns.count));
  Value x = b.fmul(product, b.real(scale));
  if (op.getSoftcap()) {
    double cap = op.getSoftcap()->convertToDouble();
    x = b.fmul(math::TanhOp::create(b, b.fmul(x, b.real(1.0 / cap))),
               b.real(cap));
  }
  if (slope) {
    Value at = op.getKeyPositions()
                   ? position(op.getKeyPositions(), {batch, key.place})
                   : number(key.place);
    Value away = arith::SIToFPOp::create(b, b.getF32Type(),
                                         arith::SubIOp::create(b, at, queryAt));
    x = b.fadd(x, b.neg(b.fmul(math::AbsFOp::create(b, away), slope)));
  }
  return x;
}

Value Kernel::biasOf(Key key) {
  if (!op.getBias())
    return Value();
  Values index{batch, head, query, key.place};
  for (auto [d, place] : llvm::enumerate(index))
    if (extentOf(op.getBias(), d) == 1)
      place = b.idx(0);
  return b.load(op.getBias(), index);
}

Value Kernel::isSeen(Key key, Value bias) {
  Value seen = key.exists;
  Value at = op.getKeyPositions()
                 ? position(op.getKeyPositions(), {batch, key.place})
                 : number(key.place);
  if (Value near = ssm::buildIsSeen(b, b.getLoc(), op, queryAt, at, prefix))
    seen = b.both(seen, near);
  if (segment)
    seen = b.both(seen, b.equal(segment, position(op.getKeySegments(),
                                                  {batch, key.place})));
  // Adding -infinity would not hide a score that is no number.
  if (bias)
    seen = b.both(seen, arith::CmpFOp::create(b, arith::CmpFPredicate::UNE,
                                              bias, b.real(-INFINITY)));
  return seen;
}

/// The warp's sums in shared memory, for all warps.
void Kernel::share(ValueRange own) {
  Value begin = b.mul(warp, size);
  auto put = [&](Value x, Value element) {
    memref::StoreOp::create(b, x, shared, ValueRange{b.add(begin, element)});
  };
  for (int64_t pass = 0; pass < valueColumns.passes; ++pass) {
    Value column = valueColumns.first(b, lane, pass);
    b.when(b.less(column, b.idx(valueColumns.count)), [&] {
      for (int64_t i = 0; i < valueColumns.width; ++i)
        put(own[2 + pass * valueColumns.width + i], b.add(column, i));
    });
  }
  b.when(b.equal(lane, b.idx(0)), [&] {
    put(own[0], b.idx(valueColumns.count));
    put(own[1], b.idx(valueColumns.count + 1));
  });
  b.barrier();
}

Sums Kernel::join(Value count, Part part) {
  Value mostAt = b.idx(valueColumns.count);
  Value totalAt = b.idx(valueColumns.count + 1);
  auto sumUp = [this, count](Value start, auto next) -> Value {
    return b.loop(b.idx(0), count, 1, start,
                  [&](Value of, ValueRange before) -> Values {
                    return {next(of, before[0])};
                  })[0];
  };
  Sums sums;
  sums.most = sumUp(b.real(-INFINITY), [&](Value of, Value most) {
    return maximum(most, part(of, mostAt));
  });
  sums.from = origin(sums.most);
  auto sumOf = [=](Value element) {
    return sumUp(b.real(0.0), [&](Value of, Value sum) {
      return b.fma(power(part(of, mostAt), sums.from), part(of, element), sum);
    });
  };
  sums.total = sumOf(totalAt);
  sums.of = sumOf;
  return sums;
}

void Kernel::forColumns(llvm::function_ref<void(Value column)> body) {
  for (int64_t first = 0; first < valueColumns.count; first += threads) {
    Value column = b.add(thread, first);
    b.when(b.less(column, b.idx(valueColumns.count)), [&] { body(column); });
  }
}

void Kernel::putResults(Sums &sums) {
  Value from = sums.from, total = sums.total, shrink = b.real(1.0);
  if (op.getSinks()) {
    Value sink = b.fmul(b.load(op.getSinks(), head), b.real(log2e));
    from = origin(maximum(sums.most, sink));
    shrink = power(sums.most, from);
    total = b.fma(total, shrink, power(sink, from));
  }
  b.when(b.equal(thread, b.idx(0)), [&] {
    Value lse = b.fmul(b.fadd(from, b.log2(total)), b.real(1.0 / log2e));
    b.store(lse, op.getLse(), {batch, query, head});
  });
  forColumns([&](Value column) {
    Value y = b.fmul(sums.of(column), shrink);
    y = b.select(isEqual(total, 0.0), y, arith::DivFOp::create(b, y, total));
    b.store(y, op.getY(), {batch, query, head, column});
  });
}

static bool isSupported(ssm::AttentionOp op) {
  if (op->getNumResults() != 0 || !typeOf(op.getLse()).getElementType().isF32())
    return false;
  for (Value memref : {op.getQ(), op.getK(), op.getV(), op.getY(), op.getBias(),
                       op.getSlopes(), op.getSinks()})
    if (memref && !isDeviceFloat(memref))
      return false;
  auto isWithin = [](int64_t extent, int64_t most) {
    return extent >= 1 && extent <= most;
  };
  return isWithin(extentOf(op.getQ(), 1), mostQueries) &&
         isWithin(extentOf(op.getQ(), 3), mostColumns) &&
         isWithin(extentOf(op.getV(), 3), mostColumns);
}

namespace {
struct LaunchAttention : ssmc::impl::SsmLaunchAttentionBase<LaunchAttention> {
  void runOnOperation() override {
    launchEach<ssm::AttentionOp, Kernel>(getOperation(), isSupported);
  }
};
} // namespace
