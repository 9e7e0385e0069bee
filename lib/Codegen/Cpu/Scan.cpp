//===- Scan.cpp - ssm-lower-scan ------------------------------------------===//
//
// h = a * h + b along one dimension. A parallel loop runs over all other
// dimensions, the last of them in blocks of a cache line, whose states are
// registers carried through the loop over time. Where time itself is the last
// dimension, each row is scanned by scalars.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/KernelBuilder.h"

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
    int64_t lanes = b.target.lanes, block = lanes * vectors;
    SmallVector<Value> bounds;
    for (int64_t d = 0; d < rank; ++d)
      if (d != time)
        bounds.push_back(b.dim(op.getH(), d));
    if (bounds.empty())
      bounds.push_back(b.idx(1));
    Value columns = bounds.back();
    if (!rows)
      bounds.back() = b.ceilDiv(columns, block);
    b.parallel(bounds, [&](ValueRange index) {
      SmallVector<Value> at(index);
      if (rank == 1)
        at.clear();
      if (rows)
        return emitScalar(at);
      Value first = b.mul(at.back(), block);
      at.pop_back();
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

  void emitScalar(ArrayRef<Value> at) {
    Value initial = b.loadScalar(op.getState(), at);
    ValueRange last =
        b.loop(b.idx(0), length, 1, initial, [&](Value step, ValueRange h) {
          SmallVector<Value> index = withTime(at, step);
          Value next = b.fma(b.loadScalar(op.getA(), index), h[0],
                             b.loadScalar(op.getB(), index));
          memref::StoreOp::create(b, next, op.getH(), index);
          return SmallVector<Value>{next};
        });
    memref::StoreOp::create(b, last[0], op.getState(), at);
  }
};

bool isSupported(ssm::ScanOp op, const CpuTarget &) {
  return llvm::all_of(op->getOperands(), isUnitStrideF32);
}

struct LowerScan : ssmc::impl::SsmLowerScanBase<LowerScan> {
  using SsmLowerScanBase::SsmLowerScanBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::ScanOp, Kernel>(getOperation(), cpu, isSupported)))
      signalPassFailure();
  }
};

} // namespace
