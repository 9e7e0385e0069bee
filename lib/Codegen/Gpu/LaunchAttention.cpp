//===- LaunchAttention.cpp - ssm-launch-attention -------------------------===//
//
// Attention of a few queries, as a decoder's step has them: tensor cores would
// be empty, and what takes time is the way of the keys and values. A block has
// a query of up to four heads that share keys. Its warps take the keys in
// turns, some at a time: a row is 16 bytes in each of some lanes, so that a
// warp has several keys side by side. Each of these groups of lanes keeps, for
// each head, the maximum m of its scores, and with it
//
//   l = sum_j 2^(s[j] - m)       acc = sum_j 2^(s[j] - m) v[j]
//
// scaled anew where m grows. Such sums are put together as
//
//   m = max_w m[w]   l = sum_w 2^(m[w] - m) l[w]   acc likewise
//
// those of a warp by shuffles, those of a block in shared memory, and y = acc /
// l. Where there are few queries and heads, the keys are cut into segments, a
// block each, and a second launch puts those together.
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

constexpr int64_t warps = 4, threads = warps * warpLanes;
constexpr int64_t atOnce = 4; // keys of a group of lanes; sums that are joined
constexpr int64_t mostHeads = 4, sharedBytes = 40 << 10; // of a block
constexpr int64_t mostQueries = 16, mostColumns = 512;
constexpr int64_t farAway = int64_t(1) << 62; // beyond every position
// Blocks that keep the memory busy, and the fewest keys of a segment.
constexpr int64_t enoughBlocks = 396, shortestSegment = 64;

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

/// Elements of 16 bytes, or fewer, that every row of `memref` is whole pieces
/// of.
int64_t pieceOf(Value memref) {
  MemRefType type = typeOf(memref);
  return rowAlignment(type, extentOf(memref, 3)) /
         (type.getElementTypeBitWidth() / 8);
}

/// How lanes share the columns of a row: `width` neighbours each, and as many
/// more behind those of all lanes.
struct Columns {
  int64_t count, width, lanes, passes;
  Columns(int64_t count, int64_t width, int64_t lanes)
      : count(count), width(width), lanes(lanes),
        passes(llvm::divideCeil(count, width * lanes)) {}
  int64_t perLane() const { return width * passes; }
  Value first(LaunchBuilder &b, Value lane, int64_t pass) const {
    return b.add(b.mul(lane, width), pass * width * lanes);
  }
};

/// Sums over keys: the maximum of scores, the sum of weights, and that of
/// weights times values.
struct Sums {
  Value most, total;
  Values values;
  Sums(ValueRange all)
      : most(all[0]), total(all[1]), values(all.drop_front(2)) {}
};

class Kernel {
public:
  Kernel(LaunchBuilder &b, ssm::AttentionOp op)
      : b(b), op(op), rowLanes(lanesOfRow(op)),
        queryColumns(extentOf(op.getQ(), 3),
                     std::min(pieceOf(op.getQ()), pieceOf(op.getK())),
                     rowLanes),
        valueColumns(extentOf(op.getV(), 3), pieceOf(op.getV()), rowLanes),
        size(valueColumns.count + 2), heads(headsOf(op)) {}
  void emit();

private:
  /// A key that a group of lanes looks at: its place, and whether it is one.
  struct Key {
    Value place, exists;
  };
  /// An element of the sums with a number: columns, the maximum, the total.
  using Part = llvm::function_ref<Value(Value number, Value element)>;

  static int64_t lanesOfRow(ssm::AttentionOp op) {
    int64_t width = std::min(pieceOf(op.getQ()), pieceOf(op.getK()));
    return std::min<int64_t>(warpLanes, llvm::PowerOf2Ceil(llvm::divideCeil(
                                            extentOf(op.getQ(), 3), width)));
  }
  static int64_t headsOf(ssm::AttentionOp op) {
    int64_t shared = extentOf(op.getQ(), 2) / extentOf(op.getK(), 2);
    int64_t most = std::min(
        mostHeads, sharedBytes / (4 * warps * (extentOf(op.getV(), 3) + 2)));
    while (shared % most != 0)
      --most;
    return most;
  }

  void launchKeys(Value rows, Value segments, Value partial);
  void launchJoin(Value rows, Value segments, Value partial);
  Value mostKeys();
  void locateRow(Value row);
  Value sharedPlace(int64_t i, Value ofWarp, Value element) {
    return b.add(b.mul(b.add(ofWarp, i * warps), size), element);
  }
  void locateKeys(gpu::LaunchOp launch);
  Value headAt(int64_t i) { return headAt(b.idx(i)); }
  Value headAt(Value i) { return b.add(b.mul(headGroup, heads), i); }
  std::pair<Value, Value> bounds();
  Values lookAt(Value first, Value end, ValueRange before);
  Values lookAtHead(int64_t i, ArrayRef<Key> looked, ArrayRef<Values> k,
                    ArrayRef<Values> v, ValueRange before);
  Value score(int64_t i, Key key, Value product);
  Value isSeen(Key key, Value bias);
  Value biasOf(int64_t i, Key key);
  Values joinLanes(ValueRange own);
  void share(ValueRange own, int64_t i);
  Values add(ArrayRef<Sums> sums);
  Sums join(Value count, Value column, Part part);
  void putResult(Sums sums, Value column, Value i);
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
  int64_t rowLanes; // that have a row of keys and values
  Columns queryColumns, valueColumns;
  int64_t size;  // of the sums of a warp
  int64_t heads; // of a block
  Value keys;    // how many
  Value thread, lane, group, warp, batch, query, headGroup, keyHead;
  Value queryAt, prefix, segment, shared;
  Values slopes;
  SmallVector<Values> q;
};

} // namespace

void Kernel::emit() {
  OpBuilder::InsertionGuard guard(b);
  keys = b.dim(op.getK(), 1);
  Value rows = b.mul(b.mul(b.dim(op.getQ(), 0), b.dim(op.getQ(), 1)),
                     extentOf(op.getQ(), 2) / heads);
  Value wanted = b.div(b.idx(enoughBlocks), b.max(rows, b.idx(1)));
  Segments cut(b, mostKeys(), wanted, shortestSegment);
  b.when(
      b.less(b.idx(1), cut.count),
      [&] {
        auto kept = MemRefType::get(
            {ShapedType::kDynamic, ShapedType::kDynamic, heads, size},
            b.getF32Type());
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

/// A launch of a block for each query of some heads and each segment of keys.
void Kernel::launchKeys(Value rows, Value segments, Value partial) {
  OpBuilder::InsertionGuard guard(b);
  gpu::LaunchOp launch = b.launch(rows, segments, b.idx(1), threads);
  Value row = launch.getBlockIds().x, piece = launch.getBlockIds().y;
  thread = launch.getThreadIds().x;
  locateRow(row);
  locateKeys(launch);
  Value begin, end;
  std::tie(begin, end) = bounds();
  if (partial) {
    Value steps = b.ceilDiv(b.max(b.sub(end, begin), b.idx(0)), segments);
    begin = b.add(begin, b.mul(piece, steps));
    end = b.min(end, b.add(begin, steps));
  }
  Values carried;
  for (int64_t i = 0; i < heads; ++i) {
    carried.append({b.real(-INFINITY), b.real(0.0)});
    carried.append(valueColumns.perLane(), b.real(0.0));
  }
  int64_t ofWarp = atOnce * (warpLanes / rowLanes);
  Value first = b.add(begin, b.mul(warp, ofWarp));
  ValueRange all = b.keepRolled(b.loop(
      first, end, warps * ofWarp, carried,
      [&](Value key, ValueRange before) { return lookAt(key, end, before); }));
  size_t own = all.size() / heads;
  for (int64_t i = 0; i < heads; ++i)
    share(joinLanes(all.slice(i * own, own)), i);
  b.barrier();
  for (int64_t i = 0; i < heads; ++i)
    forColumns([&](Value column) {
      Sums sums = join(b.idx(warps), column, [&](Value of, Value element) {
        return b.load(shared, sharedPlace(i, of, element));
      });
      if (!partial)
        return putResult(sums, column, b.idx(i));
      auto put = [&](Value x, Value element) {
        memref::StoreOp::create(b, x, partial,
                                ValueRange{row, piece, b.idx(i), element});
      };
      put(sums.values[0], column);
      b.when(b.equal(column, b.idx(0)), [&] {
        put(sums.most, b.idx(valueColumns.count));
        put(sums.total, b.idx(valueColumns.count + 1));
      });
    });
}

/// A launch of a block for each query of a head.
void Kernel::launchJoin(Value rows, Value segments, Value partial) {
  OpBuilder::InsertionGuard guard(b);
  gpu::LaunchOp launch = b.launch(rows, b.idx(heads), b.idx(1), threads);
  thread = launch.getThreadIds().x;
  Value row = launch.getBlockIds().x, i = launch.getBlockIds().y;
  locateRow(row);
  forColumns([&](Value column) {
    putResult(join(segments, column,
                   [&](Value of, Value element) {
                     return b.load(partial, {row, of, i, element});
                   }),
              column, i);
  });
}

void Kernel::locateRow(Value row) {
  Value rest;
  std::tie(rest, headGroup) =
      b.divideSmall(row, b.idx(extentOf(op.getQ(), 2) / heads));
  std::tie(batch, query) = b.divideSmall(rest, b.dim(op.getQ(), 1));
}

void Kernel::locateKeys(gpu::LaunchOp launch) {
  Value inWarp = b.rem(thread, warpLanes);
  warp = b.div(thread, warpLanes);
  lane = b.rem(inWarp, rowLanes);
  group = b.div(inWarp, rowLanes);
  int64_t shares = extentOf(op.getQ(), 2) / extentOf(op.getK(), 2);
  keyHead = b.div(headGroup, shares / heads);
  shared = b.shared(launch, heads * warps * size, b.getF32Type());
  q.clear();
  slopes.clear();
  for (int64_t i = 0; i < heads; ++i) {
    q.push_back(loadRow(op.getQ(), {batch, query, headAt(i)}, queryColumns));
    if (op.getSlopes())
      slopes.push_back(b.load(op.getSlopes(), headAt(i)));
  }
  queryAt = op.getQueryPositions()
                ? position(op.getQueryPositions(), {batch, query})
                : number(b.add(query, b.sub(keys, b.dim(op.getQ(), 1))));
  if (op.getPrefix())
    prefix = position(op.getPrefix(), batch);
  if (op.getQuerySegments())
    segment = position(op.getQuerySegments(), {batch, query});
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
    if ((pass + 1) * columns.width * columns.lanes > columns.count) {
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

/// The sums of the heads behind some keys more.
Values Kernel::lookAt(Value first, Value end, ValueRange before) {
  SmallVector<Key> looked;
  SmallVector<Values> k, v;
  for (int64_t i = 0; i < atOnce; ++i) {
    Value place = b.add(b.add(first, group), i * (warpLanes / rowLanes));
    looked.push_back({b.min(place, b.sub(keys, b.idx(1))), b.less(place, end)});
    Values index{batch, looked[i].place, keyHead};
    k.push_back(loadRow(op.getK(), index, queryColumns));
    v.push_back(loadRow(op.getV(), index, valueColumns));
  }
  Values next;
  size_t own = before.size() / heads;
  for (int64_t i = 0; i < heads; ++i)
    llvm::append_range(next,
                       lookAtHead(i, looked, k, v, before.slice(i * own, own)));
  return next;
}

Values Kernel::lookAtHead(int64_t i, ArrayRef<Key> looked, ArrayRef<Values> k,
                          ArrayRef<Values> v, ValueRange before) {
  Value most = before[0];
  Values scores, seen;
  for (auto [key, row] : llvm::zip(looked, k)) {
    Value product = b.real(0.0);
    for (auto [x, y] : llvm::zip(q[i], row))
      product = b.fma(x, y, product);
    for (int64_t mask = rowLanes / 2; mask; mask /= 2)
      product = b.fadd(product, b.shuffleXor(product, mask));
    Value bias = biasOf(i, key), x = score(i, key, product);
    if (bias)
      x = b.fadd(x, bias);
    seen.push_back(isSeen(key, bias));
    scores.push_back(
        b.select(seen.back(), b.fmul(x, b.real(log2e)), b.real(-INFINITY)));
    most = maximum(most, scores.back());
  }
  Value from = origin(most), shrink = power(before[0], from);
  Values next{most};
  for (Value x : before.drop_front())
    next.push_back(b.fmul(x, shrink));
  for (auto [score, isKey, row] : llvm::zip(scores, seen, v)) {
    Value weight = power(score, from);
    next[1] = b.fadd(next[1], weight);
    for (auto [sum, x] : llvm::zip(MutableArrayRef(next).drop_front(2), row))
      sum = b.fma(weight, b.select(isKey, x, b.real(0.0)), sum);
  }
  return next;
}

/// Without the bias.
Value Kernel::score(int64_t i, Key key, Value product) {
  double scale = op.getScale() ? op.getScale()->convertToDouble()
                               : 1.0 / std::sqrt(double(queryColumns.count));
  Value x = b.fmul(product, b.real(scale));
  if (op.getSoftcap()) {
    double cap = op.getSoftcap()->convertToDouble();
    x = b.fmul(math::TanhOp::create(b, b.fmul(x, b.real(1.0 / cap))),
               b.real(cap));
  }
  if (!slopes.empty()) {
    Value at = op.getKeyPositions()
                   ? position(op.getKeyPositions(), {batch, key.place})
                   : number(key.place);
    Value away = arith::SIToFPOp::create(b, b.getF32Type(),
                                         arith::SubIOp::create(b, at, queryAt));
    x = b.fadd(x, b.neg(b.fmul(math::AbsFOp::create(b, away), slopes[i])));
  }
  return x;
}

Value Kernel::biasOf(int64_t i, Key key) {
  if (!op.getBias())
    return Value();
  Values index{batch, headAt(i), query, key.place};
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

/// Sums put together, of which those without a key change nothing.
Values Kernel::add(ArrayRef<Sums> sums) {
  Value most = sums[0].most;
  for (const Sums &more : sums.drop_front())
    most = maximum(most, more.most);
  Value from = origin(most);
  Values result{most};
  result.append(sums[0].values.size() + 1, b.real(0.0));
  for (const Sums &more : sums) {
    Value shrink = power(more.most, from);
    result[1] = b.fma(shrink, more.total, result[1]);
    for (auto [sum, x] :
         llvm::zip(MutableArrayRef(result).drop_front(2), more.values))
      sum = b.fma(shrink, x, sum);
  }
  return result;
}

/// The sums of all groups of lanes of the warp.
Values Kernel::joinLanes(ValueRange own) {
  Values sums(own);
  for (int64_t mask = rowLanes; mask < warpLanes; mask *= 2) {
    Values others;
    for (Value x : sums)
      others.push_back(b.shuffleXor(x, mask));
    sums = add({Sums(sums), Sums(others)});
  }
  return sums;
}

/// The warp's sums of a head in shared memory, for all warps.
void Kernel::share(ValueRange own, int64_t i) {
  auto put = [&](Value x, Value element) {
    memref::StoreOp::create(b, x, shared, sharedPlace(i, warp, element));
  };
  b.when(b.equal(group, b.idx(0)), [&] {
    for (int64_t pass = 0; pass < valueColumns.passes; ++pass) {
      Value column = valueColumns.first(b, lane, pass);
      b.when(b.less(column, b.idx(valueColumns.count)), [&] {
        for (int64_t e = 0; e < valueColumns.width; ++e)
          put(own[2 + pass * valueColumns.width + e], b.add(column, e));
      });
    }
    b.when(b.equal(lane, b.idx(0)), [&] {
      put(own[0], b.idx(valueColumns.count));
      put(own[1], b.idx(valueColumns.count + 1));
    });
  });
}

/// The sums, of one column, of `count` parts, some at once.
Sums Kernel::join(Value count, Value column, Part part) {
  Value mostAt = b.idx(valueColumns.count), last = b.sub(count, b.idx(1));
  Value totalAt = b.idx(valueColumns.count + 1);
  Values none{b.real(-INFINITY), b.real(0.0), b.real(0.0)};
  return Sums(b.loop(
      b.idx(0), count, atOnce, none, [&](Value first, ValueRange before) {
        SmallVector<Sums> sums{Sums(before)};
        for (int64_t i = 0; i < atOnce; ++i) {
          Value of = b.min(b.add(first, i), last);
          Value most = b.select(b.less(b.add(first, i), count),
                                part(of, mostAt), b.real(-INFINITY));
          sums.push_back(Sums({most, part(of, totalAt), part(of, column)}));
        }
        return add(sums);
      }));
}

void Kernel::forColumns(llvm::function_ref<void(Value column)> body) {
  for (int64_t first = 0; first < valueColumns.count; first += threads) {
    Value column = b.add(thread, first);
    b.when(b.less(column, b.idx(valueColumns.count)), [&] { body(column); });
  }
}

void Kernel::putResult(Sums sums, Value column, Value i) {
  Value from = origin(sums.most), total = sums.total, y = sums.values[0];
  if (op.getSinks()) {
    Value sink = b.fmul(b.load(op.getSinks(), headAt(i)), b.real(log2e));
    from = origin(maximum(sums.most, sink));
    Value shrink = power(sums.most, from);
    total = b.fma(total, shrink, power(sink, from));
    y = b.fmul(y, shrink);
  }
  b.when(b.equal(column, b.idx(0)), [&] {
    Value lse = b.fmul(b.fadd(from, b.log2(total)), b.real(1.0 / log2e));
    b.store(lse, op.getLse(), {batch, query, headAt(i)});
  });
  y = b.select(isEqual(total, 0.0), y, arith::DivFOp::create(b, y, total));
  b.store(y, op.getY(), {batch, query, headAt(i), column});
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
