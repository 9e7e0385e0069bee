//===- Scan.cpp - ssm-lower-scan ------------------------------------------===//
//
// h = a * h + b along one dimension. A parallel loop runs over all other
// dimensions, the last of them in blocks as wide as possible: memory is then
// read and written in its order, a few steps at a time, while the states lie in
// the first-level cache. Where time itself is the last
// dimension, the lanes are neighbouring rows: square tiles are transposed on
// their way in and out, and what does not fill a tile is scanned by scalars.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/Transpose.h"
#include "lib/Codegen/StateStart.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERSCAN
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// Columns of a block, at most. Blocks that are parts of rows lie in pages of
// which they use a part, which costs more than what threads gain by more blocks
// of one row.
constexpr int64_t maxColumns = 2048;
// Steps for which a vector of states is held in a register, and vectors that
// are unrolled.
constexpr int64_t tileSteps = 4;
constexpr int64_t groupVectors = 4;

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::ScanOp op)
      : b(b), op(op), begin(takeBegin(op, op.getState())),
        rank(cast<MemRefType>(op.getH().getType()).getRank()),
        time(op.getDimension()) {}

  void emit() {
    length = b.dim(op.getH(), time);
    bool rows = time == rank - 1;
    SmallVector<Value> bounds;
    for (int64_t d = 0; d < rank; ++d)
      if (d != time)
        bounds.push_back(b.dim(op.getH(), d));
    if (bounds.empty())
      bounds.push_back(b.idx(1));
    Value columns = bounds.back();
    bounds.back() = b.ceilDiv(columns, rows ? b.target.lanes : maxColumns);
    b.parallel(bounds, [&](ValueRange index) {
      SmallVector<Value> at(index);
      Value block = at.pop_back_val();
      if (rank == 1)
        return emitScalar({}, b.idx(0), begin);
      if (rows)
        return emitRows(at, b.mul(block, b.target.lanes), columns);
      Value width = blockWidth(columns, bounds.back());
      Value first = b.createOrFold<arith::MulIOp>(block, width);
      emitBlock(at, b.min(first, columns), b.min(b.add(first, width), columns));
    });
  }

private:
  KernelBuilder &b;
  ssm::ScanOp op;
  Value begin; // where the state is read
  int64_t rank, time;
  Value length;

  // The position of a step, given that of the state.
  SmallVector<Value> withTime(ArrayRef<Value> at, Value step) {
    Value t = step;
    if (op.getReverse())
      t = b.sub(b.sub(length, b.idx(1)), step);
    SmallVector<Value> index(at);
    index.insert(index.begin() + time, t);
    return index;
  }

  /// Blocks are of equal width, but for the last, and begin at a cache line.
  Value blockWidth(Value columns, Value blocks) {
    Value rounded = b.add(columns, b.sub(blocks, b.idx(1)));
    Value width = b.createOrFold<arith::DivUIOp>(rounded, blocks);
    return b.mul(b.ceilDiv(width, cacheLineFloats), cacheLineFloats);
  }

  using EachVector = function_ref<void(Value column, Lanes access)>;

  /// The columns from `first` up to `end`: groups of whole vectors, then single
  /// ones.
  void forEachVector(Value first, Value end, EachVector body) {
    int64_t lanes = b.target.lanes, group = groupVectors * lanes;
    Value whole = b.add(first, b.mul(b.div(b.sub(end, first), group), group));
    b.loop(first, whole, group, [&](Value column) {
      for (int64_t v = 0; v < groupVectors; ++v)
        body(b.add(column, v * lanes), {b.vec(), {}});
    });
    b.loop(whole, end, lanes,
           [&](Value column) { body(column, b.lanesOf(end, column, lanes)); });
  }

  void emitBlock(ArrayRef<Value> at, Value first, Value end) {
    Lanes full{b.vec(), {}};
    Value state = b.scratch({maxColumns});
    auto inScratch = [&](Value column) { return b.sub(column, first); };
    forEachVector(first, end, [&](Value column, Lanes access) {
      b.store(full, b.load(access, begin, with(at, column)), state,
              inScratch(column));
    });
    auto emitSteps = [&](Value step, int64_t count) {
      forEachVector(first, end, [&](Value column, Lanes access) {
        Value h = b.load(full, state, inScratch(column));
        for (int64_t i = 0; i < count; ++i) {
          SmallVector<Value> index = withTime(with(at, column), b.add(step, i));
          h = b.fma(b.load(access, op.getA(), index), h,
                    b.load(access, op.getB(), index));
          b.store(access, h, op.getH(), index);
        }
        b.store(full, h, state, inScratch(column));
      });
    };
    Value whole = b.mul(b.div(length, tileSteps), tileSteps);
    b.loop(b.idx(0), whole, tileSteps,
           [&](Value step) { emitSteps(step, tileSteps); });
    b.loop(whole, length, 1, [&](Value step) { emitSteps(step, 1); });
    forEachVector(first, end, [&](Value column, Lanes access) {
      b.store(access, b.load(full, state, inScratch(column)), op.getState(),
              with(at, column));
    });
  }

  SmallVector<Value> with(ArrayRef<Value> at, Value last) {
    SmallVector<Value> index(at);
    index.push_back(last);
    return index;
  }

  // Rows first, first + 1, ... of `rows`, as many as there are lanes.
  void emitRows(ArrayRef<Value> at, Value first, Value rows) {
    int64_t lanes = b.target.lanes;
    b.branch(
        b.lessEqual(b.add(first, lanes), rows),
        [&] {
          Value whole = b.mul(b.div(length, lanes), lanes);
          emitTiles(at, first, whole);
          b.loop(first, b.add(first, lanes), 1, [&](Value row) {
            emitScalar(with(at, row), whole, op.getState());
          });
        },
        [&] {
          b.loop(first, rows, 1, [&](Value row) {
            emitScalar(with(at, row), b.idx(0), begin);
          });
        });
  }

  // The first `steps` steps, a multiple of the lanes.
  void emitTiles(ArrayRef<Value> at, Value row, Value steps) {
    int64_t lanes = b.target.lanes;
    Lanes full{b.vec(), {}};
    Value decay = b.scratch({lanes, lanes}), added = b.scratch({lanes, lanes});
    SmallVector<Value> state = with(at, row);
    SmallVector<Value> prefix(at);
    Value initial = b.load(full, begin, state);
    Value last = b.loop(
        b.idx(0), steps, lanes, initial, [&](Value step, ValueRange carried) {
          Value from = step;
          if (op.getReverse())
            from = b.sub(b.sub(length, b.idx(lanes)), step);
          auto block = [&](Value memref) {
            return RowBlock{memref, prefix, row, Value(), lanes, from};
          };
          loadTransposed(b, block(op.getA()), decay, 1.0);
          loadTransposed(b, block(op.getB()), added, 1.0);
          Value h = carried[0];
          for (int64_t i = 0; i < lanes; ++i) {
            Value line[] = {b.idx(op.getReverse() ? lanes - 1 - i : i),
                            b.idx(0)};
            h = b.fma(b.load(full, decay, line), h, b.load(full, added, line));
            b.store(full, h, added, line);
          }
          storeTransposed(b, block(op.getH()), added);
          return SmallVector<Value>{h};
        })[0];
    b.store(full, last, op.getState(), state);
  }

  // One row from step `first` on, in front of which `begin` holds the state.
  void emitScalar(ArrayRef<Value> at, Value first, Value begin) {
    Value initial = b.loadScalar(begin, at);
    ValueRange last =
        b.loop(first, length, 1, initial, [&](Value step, ValueRange h) {
          SmallVector<Value> index = withTime(at, step);
          Value next = b.fma(b.loadScalar(op.getA(), index), h[0],
                             b.loadScalar(op.getB(), index));
          b.storeScalar(next, op.getH(), index);
          return SmallVector<Value>{next};
        });
    b.storeScalar(last[0], op.getState(), at);
  }
};

bool isSupported(ssm::ScanOp op, const CpuTarget &) {
  return isF32MemRef(op.getState()) &&
         llvm::all_of(op->getOperands(), isUnitStrideFloat);
}

struct LowerScan : ssmc::impl::SsmLowerScanBase<LowerScan> {
  using SsmLowerScanBase::SsmLowerScanBase;
  void runOnOperation() override {
    if (failed(
            lowerEach<ssm::ScanOp, Kernel>(getOperation(), cpu, isSupported)))
      signalPassFailure();
  }
};

} // namespace
