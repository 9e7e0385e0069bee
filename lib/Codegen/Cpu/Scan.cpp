//===- Scan.cpp - ssm-lower-scan ------------------------------------------===//
//
// h = a * h + b along one dimension. A parallel loop runs over all other
// dimensions, the last of them in blocks of a cache line, whose states are
// registers carried through the loop over time. Where time itself is the last
// dimension, the lanes are neighbouring rows: square tiles are transposed on
// their way in and out, and what does not fill a tile is scanned by scalars.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/Transpose.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERSCAN
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t cacheLineFloats = 16;

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::ScanOp op)
      : b(b), op(op), rank(cast<MemRefType>(op.getH().getType()).getRank()),
        time(op.getDimension()),
        vectors(std::max<int64_t>(1, cacheLineFloats / b.target.lanes)) {}

  void emit() {
    length = b.dim(op.getH(), time);
    bool rows = time == rank - 1;
    int64_t lanes = b.target.lanes, block = rows ? lanes : lanes * vectors;
    SmallVector<Value> bounds;
    for (int64_t d = 0; d < rank; ++d)
      if (d != time)
        bounds.push_back(b.dim(op.getH(), d));
    if (bounds.empty())
      bounds.push_back(b.idx(1));
    Value columns = bounds.back();
    bounds.back() = b.ceilDiv(columns, block);
    b.parallel(bounds, [&](ValueRange index) {
      SmallVector<Value> at(index);
      Value first = b.mul(at.back(), block);
      at.pop_back();
      if (rank == 1)
        return emitScalar({}, b.idx(0));
      if (rows)
        return emitRows(at, first, columns);
      b.branch(
          b.lessEqual(b.add(first, block), columns),
          [&] { emitBlock(at, first, vectors, Value()); },
          [&] {
            b.loop(first, columns, lanes, [&](Value column) {
              emitBlock(at, column, 1,
                        b.min(b.sub(columns, column), b.idx(lanes)));
            });
          });
    });
  }

private:
  KernelBuilder &b;
  ssm::ScanOp op;
  int64_t rank, time, vectors;
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

  void emitBlock(ArrayRef<Value> at, Value column, int64_t vectors,
                 Value count) {
    Lanes access{b.vec(), {}};
    if (count)
      access = b.lanes(b.vec(), count);
    SmallVector<SmallVector<Value>> states;
    SmallVector<Value> initial;
    for (int64_t v = 0; v < vectors; ++v) {
      states.emplace_back(at);
      states[v].push_back(b.add(column, v * b.target.lanes));
      initial.push_back(b.load(access, op.getState(), states[v]));
    }
    ValueRange last =
        b.loop(b.idx(0), length, 1, initial, [&](Value step, ValueRange h) {
          SmallVector<Value> next;
          for (int64_t v = 0; v < vectors; ++v) {
            SmallVector<Value> index = withTime(states[v], step);
            next.push_back(b.fma(b.load(access, op.getA(), index), h[v],
                                 b.load(access, op.getB(), index)));
            b.store(access, next[v], op.getH(), index);
          }
          return next;
        });
    for (int64_t v = 0; v < vectors; ++v)
      b.store(access, last[v], op.getState(), states[v]);
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
          b.loop(first, b.add(first, lanes), 1,
                 [&](Value row) { emitScalar(with(at, row), whole); });
        },
        [&] {
          b.loop(first, rows, 1,
                 [&](Value row) { emitScalar(with(at, row), b.idx(0)); });
        });
  }

  // The first `steps` steps, a multiple of the lanes.
  void emitTiles(ArrayRef<Value> at, Value row, Value steps) {
    int64_t lanes = b.target.lanes;
    Lanes full{b.vec(), {}};
    Value decay = b.scratch({lanes, lanes}), added = b.scratch({lanes, lanes});
    SmallVector<Value> state = with(at, row);
    SmallVector<Value> prefix(at);
    Value initial = b.load(full, op.getState(), state);
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

  // One row from step `first` on.
  void emitScalar(ArrayRef<Value> at, Value first) {
    Value initial = b.loadScalar(op.getState(), at);
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
