//===- Quasiseparable.cpp - ssm-lower-quasiseparable ----------------------===//
//
// One parallel iteration owns a head of a batch row. It walks over time forward
// and then back (SemiseparableBlocks.h), each with a state of its own in
// scratch; a token reads the state before it is taken in. The first walk leaves
// its outputs and the diagonal in y, the second adds to them.
//
// The floor is two multiply-adds for an element of the state, token and
// direction. From memory come queries, keys, decays, diagonal and values once,
// and the outputs go there once: of what both walks need, the values and the
// outputs of one head, the second takes first what the first has left last, so
// that it comes from the second-level cache as far as that holds. What it does
// not hold, 8 P bytes for a token, is moved twice; no order of work avoids that
// where the length is unbounded, as every token sees all others.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/SemiseparableBlocks.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERQUASISEPARABLE
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// Floats of a state, at most: it is on the stack.
constexpr int64_t maxState = 1 << 16;

/// One of the walks, but for its state.
SemiseparableWalk walkOf(ssm::QuasiseparableOp op, bool backward) {
  SemiseparableWalk walk;
  walk.y = op.getY();
  walk.heads = extentOf(op.getV(), 2);
  walk.decay = {backward ? op.getGb() : op.getGf(), op.getResets(),
                extentOf(op.getKf(), 3)};
  walk.reverse = backward;
  walk.delayed = true;
  walk.q = backward ? op.getQb() : op.getQf();
  walk.k = backward ? op.getKb() : op.getKf();
  walk.v = op.getV();
  if (!backward)
    walk.diagonal = op.getDiagonal();
  walk.adds = backward;
  return walk;
}

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::QuasiseparableOp op)
      : b(b), forward(walkOf(op, false)), backward(walkOf(op, true)) {}

  void emit() {
    b.parallel(
        {b.dim(forward.y, 0), b.idx(forward.heads)}, [&](ValueRange index) {
          Value state = b.scratch({forward.decay.keys, extentOf(forward.v, 3)});
          forward.state = backward.state = state;
          forward.begin = backward.begin = state;
          auto scratch = SemiseparableBlocks(b, forward).allocate();
          for (const SemiseparableWalk &walk : {forward, backward}) {
            clear(state);
            SemiseparableBlocks(b, walk).emitHead(index[0], index[1], scratch);
          }
        });
  }

private:
  KernelBuilder &b;
  SemiseparableWalk forward, backward;

  void clear(Value state) {
    Value columns = b.dim(state, 1);
    int64_t lanes = b.target.lanes;
    b.loop(b.idx(0), b.dim(state, 0), 1, [&](Value row) {
      b.loop(b.idx(0), columns, lanes, [&](Value column) {
        b.store(b.lanesOf(columns, column, lanes), b.splat(b.vec(), 0.0), state,
                {row, column});
      });
    });
  }
};

bool isSupported(ssm::QuasiseparableOp op, const CpuTarget &) {
  int64_t keys = extentOf(op.getKf(), 3), columns = extentOf(op.getV(), 3);
  return !ShapedType::isDynamic(keys) && !ShapedType::isDynamic(columns) &&
         keys * columns <= maxState && walkOf(op, false).isSupported() &&
         walkOf(op, true).isSupported();
}

struct LowerQuasiseparable
    : ssmc::impl::SsmLowerQuasiseparableBase<LowerQuasiseparable> {
  using SsmLowerQuasiseparableBase::SsmLowerQuasiseparableBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::QuasiseparableOp, Kernel>(getOperation(), cpu,
                                                        isSupported)))
      signalPassFailure();
  }
};

} // namespace
