//===- Linear.cpp - ssm-lower-linear --------------------------------------===//
//
// out = f(x * w) with w in panels of R columns. A register tile of up to MR
// rows times one panel is accumulated over all of K, which at the sizes of
// these models beats blocking K: the panel streams from the second-level
// cache, rows of x are broadcast from memory. The rows are cut into the fewest
// tiles, all of the same size or one less, and each size has its own code: no
// number of rows falls off a cliff. With one to three rows the accumulators of
// one panel would not hide the latency of a multiply-add, so several panels
// share the loop over K. Sums are in the same order in every case, hence a row
// has the same bits however many rows there are.
//
// Where x and w are bf16 and the processor multiplies pairs of them, a summand
// is x[k] w[k] + x[k + 1] w[k + 1], and rows k and k + 1 of a panel have to be
// interleaved: in registers by each tile, or once for many tiles.
//
// While the tiles of a panel are summed, each fetches its share of the next
// panel into the second-level cache. A weight that comes from memory would
// otherwise hold up the first tile of every panel, and no other.
//
// A finished tile goes through a scratch in the first-level cache to a loop
// that applies f, so that f is emitted once and not once per tile size.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/KernelBuilder.h"
#include "lib/Codegen/Cpu/VectorizeRegion.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERLINEAR
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// Accumulators that hide the latency of a multiply-add, two per cycle.
constexpr int64_t accumulatorsInFlight = 8;
// Rows up to which several panels share a loop over K.
constexpr int64_t fewRows = 3;
// The rows of x that a parallel iteration owns stay in the second-level cache.
constexpr int64_t taskBytes = 512 * 1024;
// Summands of one register before they are added to the total: rounding errors
// grow with the length of a sum. A multiple of the unrolling.
constexpr int64_t sumLength = 256;
// A weight larger than this is read from memory: once, not per task of rows.
constexpr int64_t largeWeightBytes = 16 * 1024 * 1024;
constexpr int64_t lineBytes = 64;
// Tiles from which on a panel of bf16 is interleaved before the first of them,
// and the stack that it may take.
constexpr int64_t manyTiles = 3;
constexpr int64_t interleavedBytes = 512 * 1024;

/// What a tile fetches: `step` elements of `memory` from `from` on for each
/// round of its loop over K.
struct Prefetch {
  Value memory, from, step;
};

bool isBF16(Value memref) {
  return cast<MemRefType>(memref.getType()).getElementType().isBF16();
}

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::LinearOp op) : b(b), op(op) {
    auto w = cast<MemRefType>(op.getW().getType());
    panels = w.getDimSize(0);
    depth = w.getDimSize(1);
    width = w.getDimSize(2);
    lanes = std::min<int64_t>(b.target.lanes, width);
    vectors = width / lanes;
    // Beside the accumulators: one panel row and one broadcast.
    int64_t fit = (b.target.registers - vectors - 1) / vectors;
    maxRows = std::clamp<int64_t>(fit, 1, 12);
    tilesPerTask = std::max<int64_t>(
        1, taskBytes / (4 * std::max<int64_t>(1, depth)) / maxRows);
    columns = cast<MemRefType>(op.getOut().getType()).getDimSize(1);
    pairs = b.target.bf16Dot && lanes == 16 && vectors == 2 &&
            isBF16(op.getX()) && isBF16(op.getW()) &&
            isUnitStrideFloat(op.getX());
  }

  void emit() {
    rows = b.dim(op.getOut(), 0);
    Value tiles = b.ceilDiv(rows, maxRows);
    Value one = b.idx(1);
    tiles = b.createOrFold<arith::MaxUIOp>(tiles, one);
    Value tasks = b.ceilDiv(tiles, tilesPerTask);
    Value groups = b.idx(panels);
    for (int64_t few = fewRows; few > 0; --few)
      groups = b.createOrFold<arith::SelectOp>(
          isEqual(rows, few), b.idx(llvm::divideCeil(panels, sharing(few))),
          groups);
    groups =
        b.createOrFold<arith::SelectOp>(isEqual(rows, 0), b.idx(0), groups);
    // The last loop is the inner one where one thread runs several iterations.
    bool large = panels * depth * width * 4 > largeWeightBytes;
    SmallVector<Value> bounds{tasks, groups};
    if (large)
      std::swap(bounds[0], bounds[1]);
    b.parallel(bounds, [&](ValueRange index) {
      Value task = index[large ? 1 : 0], group = index[large ? 0 : 1];
      scratch = b.scratch({maxRows, width * sharing(1)});
      SmallVector<int64_t> few;
      for (int64_t count = 1; count <= std::min(fewRows, maxRows); ++count)
        few.push_back(count);
      dispatch(
          rows, few, [&](int64_t count) { emitFewRows(count, group); },
          [&] { emitTiles(group, task, tasks, tiles); });
    });
  }

private:
  KernelBuilder &b;
  ssm::LinearOp op;
  int64_t panels, depth, width, lanes, vectors, maxRows, tilesPerTask, columns;
  bool pairs; // of products of bf16, by one instruction
  Value rows, scratch, interleaved;

  int64_t sharing(int64_t rows) {
    return std::max<int64_t>(
        1, std::min(accumulatorsInFlight / (rows * vectors), panels));
  }

  Value isEqual(Value a, int64_t c) {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, a, b.idx(c));
  }

  // Code for each value in `cases`, and code for all others; only the one
  // that is needed where the value is known.
  void dispatch(Value value, ArrayRef<int64_t> cases,
                function_ref<void(int64_t)> body,
                function_ref<void()> otherwise) {
    if (cases.empty())
      return otherwise();
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant))) {
      if (llvm::is_contained(cases, constant.getSExtValue()))
        return body(constant.getSExtValue());
      return otherwise();
    }
    auto op =
        scf::IndexSwitchOp::create(b, TypeRange(), value, cases, cases.size());
    auto fill = [&](Region &region, function_ref<void()> emit) {
      OpBuilder::InsertionGuard guard(b);
      b.createBlock(&region);
      emit();
      scf::YieldOp::create(b);
    };
    for (auto [i, value] : llvm::enumerate(cases))
      fill(op.getCaseRegions()[i], [&, value = value] { body(value); });
    fill(op.getDefaultRegion(), otherwise);
  }

  void emitFewRows(int64_t count, Value group) {
    int64_t shared = sharing(count), rest = panels % shared;
    Value first = b.mul(group, shared);
    auto tile = [&](int64_t panels) {
      emitTile(count, b.idx(0), first, panels);
      emitEpilogue(b.idx(count), b.idx(0), first, panels);
    };
    if (!rest)
      return tile(shared);
    b.branch(
        b.lessEqual(b.add(first, shared), b.idx(panels)), [&] { tile(shared); },
        [&] { tile(rest); });
  }

  // Tile i of T has M / T rows, and one more if i < M mod T.
  void emitTiles(Value panel, Value task, Value tasks, Value tiles) {
    Value size = b.createOrFold<arith::DivUIOp>(rows, tiles);
    Value larger = b.createOrFold<arith::RemUIOp>(rows, tiles);
    // Tasks differ by one tile at most: a task of few tiles would read the
    // whole weight for little work.
    auto startOf = [&](Value task) {
      Value product = b.createOrFold<arith::MulIOp>(task, tiles);
      return b.createOrFold<arith::DivUIOp>(product, tasks);
    };
    Value first = startOf(task), last = startOf(b.add(task, 1));
    Value count = b.sub(last, first);
    if (!pairs || depth * width * 2 > interleavedBytes)
      return emitTaskTiles(panel, first, last, size, larger);
    b.branch(
        b.less(count, b.idx(manyTiles)),
        [&] { emitTaskTiles(panel, first, last, size, larger); },
        [&] {
          interleave(panel);
          emitTaskTiles(panel, first, last, size, larger);
          interleaved = {};
        });
  }

  void emitTaskTiles(Value panel, Value first, Value last, Value size,
                     Value larger) {
    Prefetch panelAhead = nextPanel(panel, b.sub(last, first));
    b.loop(first, last, 1, [&](Value tile) {
      Prefetch ahead = shareOf(panelAhead, b.sub(tile, first));
      Value row =
          b.add(b.createOrFold<arith::MulIOp>(tile, size), b.min(tile, larger));
      Value extra = b.createOrFold<arith::SelectOp>(b.less(tile, larger),
                                                    b.idx(1), b.idx(0));
      Value count = b.add(size, extra);
      SmallVector<int64_t> sizes = tileSizes();
      int64_t fallback = sizes.pop_back_val();
      dispatch(
          count, sizes,
          [&](int64_t count) { emitTile(count, row, panel, 1, ahead); },
          [&] { emitTile(fallback, row, panel, 1, ahead); });
      emitEpilogue(count, row, panel, 1);
    });
  }

  // The sizes that tiles can have; the largest last.
  SmallVector<int64_t> tileSizes() {
    APInt known;
    if (matchPattern(rows, m_ConstantInt(&known))) {
      int64_t m = known.getSExtValue();
      int64_t tiles = std::max<int64_t>(1, llvm::divideCeil(m, maxRows));
      if (m % tiles == 0)
        return {m / tiles};
      return {m / tiles, m / tiles + 1};
    }
    SmallVector<int64_t> sizes;
    int64_t smallest = std::min(fewRows + 1, (maxRows + 1) / 2);
    for (int64_t size = std::max<int64_t>(1, smallest); size <= maxRows; ++size)
      sizes.push_back(size);
    return sizes;
  }

  int64_t unrolling(int64_t accumulators) {
    return b.target.registers - accumulators > 3 ? 4 : 1;
  }

  int64_t elementsOfLine() {
    auto type = cast<MemRefType>(op.getW().getType());
    return lineBytes / (type.getElementTypeBitWidth() / 8);
  }

  // The panel behind `panel`, in shares for as many tiles: a round of their
  // loops fetches two lines at most.
  Prefetch nextPanel(Value panel, Value tiles) {
    auto type = cast<MemRefType>(op.getW().getType());
    if (!type.getLayout().isIdentity() || panels < 2)
      return {};
    Value memory = memref::CollapseShapeOp::create(
        b, op.getW(), ArrayRef<ReassociationIndices>{{0, 1, 2}});
    Value next = b.rem(b.add(panel, 1), panels);
    Value round = b.idx(unrolling(maxRows * vectors) * width);
    Value share = b.createOrFold<arith::CeilDivUIOp>(round, tiles);
    return {memory, b.mul(next, depth * width),
            b.min(share, b.idx(2 * elementsOfLine()))};
  }

  Prefetch shareOf(Prefetch panel, Value tile) {
    if (!panel.memory)
      return {};
    Value share = b.mul(panel.step, depth / unrolling(maxRows * vectors));
    Value skipped = b.createOrFold<arith::MulIOp>(tile, share);
    return {panel.memory, b.add(panel.from, skipped), panel.step};
  }

  void fetch(const Prefetch &ahead, Value k, int64_t unroll) {
    if (!ahead.memory)
      return;
    Value skipped = b.createOrFold<arith::MulIOp>(b.div(k, unroll), ahead.step);
    // Shares are rounded up.
    int64_t end = panels * depth * width - 2 * elementsOfLine();
    Value at =
        b.min(b.add(ahead.from, skipped), b.idx(std::max<int64_t>(end, 0)));
    for (int64_t line : {0, 1})
      memref::PrefetchOp::create(b, ahead.memory,
                                 b.add(at, line * elementsOfLine()),
                                 /*isWrite=*/false, /*localityHint=*/2,
                                 /*isDataCache=*/true);
  }

  // The panel as vectors of pairs: what rows k and k + 1 make lies in their
  // places.
  void interleave(Value panel) {
    Value copy = b.scratch({depth, width}, b.getBF16Type());
    b.loop(b.idx(0), b.idx(depth / 2 * 2), 2, [&](Value k) {
      for (auto [v, pair] : llvm::enumerate(loadPairs(panel, k)))
        vector::StoreOp::create(b, pair, copy,
                                ValueRange{b.add(k, v), b.idx(0)});
    });
    interleaved = copy;
  }

  // Rows k and k + 1 of a panel, an element of the first beside that of the
  // second.
  SmallVector<Value> loadPairs(Value panel, Value k) {
    auto half = VectorType::get({2 * lanes}, b.getBF16Type());
    if (interleaved) {
      SmallVector<Value> result;
      for (int64_t v = 0; v < vectors; ++v)
        result.push_back(vector::LoadOp::create(
            b, half, interleaved, ValueRange{b.add(k, v), b.idx(0)}));
      return result;
    }
    Value first = vector::LoadOp::create(b, half, op.getW(),
                                         ValueRange{panel, k, b.idx(0)});
    Value second = vector::LoadOp::create(
        b, half, op.getW(), ValueRange{panel, b.add(k, 1), b.idx(0)});
    SmallVector<Value> result;
    for (int64_t v = 0; v < vectors; ++v) {
      SmallVector<int64_t> from;
      for (int64_t i = v * lanes; i < (v + 1) * lanes; ++i)
        llvm::append_values(from, i, i + 2 * lanes);
      result.push_back(vector::ShuffleOp::create(b, first, second, from));
    }
    return result;
  }

  // x[row][k] and x[row][k + 1] in every lane.
  Value broadcastPair(Value row, Value k) {
    auto pair = VectorType::get({2}, b.getBF16Type());
    auto word = VectorType::get({1}, b.getI32Type());
    auto words = VectorType::get({lanes}, b.getI32Type());
    auto all = VectorType::get({2 * lanes}, b.getBF16Type());
    Value x = vector::LoadOp::create(b, pair, op.getX(), ValueRange{row, k});
    x = vector::BitCastOp::create(b, word, x);
    x = vector::BroadcastOp::create(b, words, x);
    return vector::BitCastOp::create(b, all, x);
  }

  Value dotPairs(Value sum, Value x, Value w) {
    return LLVM::CallIntrinsicOp::create(
               b, sum.getType(),
               b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
               ValueRange{sum, x, w})
        .getResult(0);
  }

  // scratch[i][j] = sum_k x[row + i][k] * w[panel + j / R][k][j mod R]
  void emitTile(int64_t count, Value row, Value panel, int64_t panels,
                const Prefetch &ahead = {}) {
    VectorType type = b.vec(lanes);
    int64_t accumulators = count * panels * vectors;
    SmallVector<Value> zeros(accumulators, b.splat(type, 0.0));
    auto step = [&](Value k, SmallVectorImpl<Value> &sums) {
      SmallVector<Value> weights;
      for (int64_t p = 0; p < panels; ++p)
        for (int64_t v = 0; v < vectors; ++v)
          weights.push_back(b.load({type, {}}, op.getW(),
                                   {b.add(panel, p), k, b.idx(v * lanes)}));
      for (int64_t i = 0; i < count; ++i) {
        Value x =
            b.broadcast(type, b.loadScalar(op.getX(), {b.add(row, i), k}));
        for (auto [j, weight] : llvm::enumerate(weights)) {
          Value &sum = sums[i * weights.size() + j];
          sum = b.fma(x, weight, sum);
        }
      }
    };
    auto stepPair = [&](Value k, SmallVectorImpl<Value> &sums) {
      SmallVector<Value> weights;
      for (int64_t p = 0; p < panels; ++p)
        llvm::append_range(weights, loadPairs(b.add(panel, p), k));
      for (int64_t i = 0; i < count; ++i) {
        Value x = broadcastPair(b.add(row, i), k);
        for (auto [j, weight] : llvm::enumerate(weights)) {
          Value &sum = sums[i * weights.size() + j];
          sum = dotPairs(sum, x, weight);
        }
      }
    };
    auto steps = [&](Value k, int64_t count, SmallVectorImpl<Value> &sums) {
      int64_t done = 0;
      for (; pairs && done + 2 <= count; done += 2)
        stepPair(b.add(k, done), sums);
      for (; done < count; ++done)
        step(b.add(k, done), sums);
    };
    auto put = [&](ValueRange sums, bool accumulate) {
      for (auto [i, sum] : llvm::enumerate(sums)) {
        Value at[] = {b.idx(i / (panels * vectors)),
                      b.idx(i % (panels * vectors) * lanes)};
        Value total = sum;
        if (accumulate)
          total = b.fadd(b.load({type, {}}, scratch, at), sum);
        b.store({type, {}}, total, scratch, at);
      }
    };
    int64_t unroll = unrolling(accumulators);
    int64_t whole = depth / unroll * unroll;
    int64_t piece = sumLength * (pairs ? 2 : 1);
    auto sum = [&](Value from, Value to) {
      return b.loop(from, to, unroll, zeros, [&](Value k, ValueRange carried) {
        SmallVector<Value> next(carried);
        fetch(ahead, k, unroll);
        steps(k, unroll, next);
        return next;
      });
    };
    if (whole <= piece) {
      put(sum(b.idx(0), b.idx(whole)), /*accumulate=*/false);
    } else {
      put(zeros, /*accumulate=*/false);
      b.loop(b.idx(0), b.idx(whole), piece, [&](Value first) {
        Value last = b.min(b.add(first, piece), b.idx(whole));
        put(sum(first, last), /*accumulate=*/true);
      });
    }
    SmallVector<Value> rest = zeros;
    steps(b.idx(whole), depth - whole, rest);
    if (whole < depth)
      put(rest, /*accumulate=*/true);
  }

  void emitEpilogue(Value count, Value row, Value panel, int64_t panels) {
    b.loop(b.idx(0), count, 1, [&](Value i) {
      b.loop(b.idx(0), b.idx(panels * vectors), 1, [&](Value j) {
        Value offset = b.mul(j, lanes);
        Value column = b.add(b.mul(panel, width), offset);
        auto finish = [&](Lanes access) {
          emitMap(access, i, offset, b.add(row, i), column);
        };
        VectorType type = b.vec(lanes);
        if (columns == this->panels * width)
          return finish({type, {}});
        b.branch(
            b.lessEqual(b.add(column, lanes), b.idx(columns)),
            [&] {
              finish({type, {}});
            },
            [&] { finish(b.lanes(type, b.sub(b.idx(columns), column))); });
      });
    });
  }

  // out[row, column...] = f(scratch[i, offset...], extras)
  void emitMap(Lanes access, Value i, Value offset, Value row, Value column) {
    SmallVector<Value> arguments{
        b.load({access.type, {}}, scratch, {i, offset})};
    for (Value extra : op.getExtras()) {
      SmallVector<Value> index{row, column};
      if (cast<MemRefType>(extra.getType()).getRank() == 1)
        index = {column};
      arguments.push_back(b.load(access, extra, index));
    }
    Value result =
        vectorizeRegion(b, op.getEpilogue(), arguments, access.type)[0];
    b.store(access, result, op.getOut(), {row, column});
  }
};

bool isSupported(ssm::LinearOp op, const CpuTarget &target) {
  // What the epilogue reads and writes has the types of its region.
  auto isRow = [](Value v) { return isF32MemRef(v) && isUnitStrideFloat(v); };
  auto w = cast<MemRefType>(op.getW().getType());
  auto out = cast<MemRefType>(op.getOut().getType());
  if (!isFloatMemRef(op.getX()) || !isUnitStrideFloat(op.getW()) ||
      !w.hasStaticShape() || !isRow(op.getOut()) || out.isDynamicDim(1))
    return false;
  int64_t lanes = std::min<int64_t>(target.lanes, w.getDimSize(2));
  if (w.getDimSize(2) % lanes || !llvm::isPowerOf2_64(lanes))
    return false;
  return op.getEpilogue().getArgument(0).getType().isF32() &&
         llvm::all_of(op.getExtras(), isRow) &&
         canVectorizeRegion(op.getEpilogue());
}

struct LowerLinear : ssmc::impl::SsmLowerLinearBase<LowerLinear> {
  using SsmLowerLinearBase::SsmLowerLinearBase;
  void runOnOperation() override {
    if (failed(
            lowerEach<ssm::LinearOp, Kernel>(getOperation(), cpu, isSupported)))
      signalPassFailure();
  }
};

} // namespace
