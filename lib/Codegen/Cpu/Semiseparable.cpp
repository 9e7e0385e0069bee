//===- Semiseparable.cpp - ssm-lower-semiseparable ------------------------===//
//
// One parallel iteration owns a head of a batch row and walks over time
// (SemiseparableBlocks.h); one token has code of its own (StateToken.h).
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/SemiseparableBlocks.h"
#include "lib/Codegen/StateStart.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERSEMISEPARABLE
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

SemiseparableWalk walkOf(ssm::SemiseparableOp op) {
  SemiseparableWalk walk;
  walk.y = op.getY();
  walk.heads = extentOf(op.getState(), 1);
  walk.decay = {op.getDecay(), op.getResets(), extentOf(op.getState(), 2)};
  walk.reverse = op.getReverse();
  walk.q = op.getQ();
  walk.k = op.getK();
  walk.v = op.getV();
  walk.state = op.getState();
  return walk;
}

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::SemiseparableOp op) : b(b), walk(walkOf(op)) {
    walk.begin = takeBegin(op, walk.state);
  }

  void emit() {
    b.parallel({b.dim(walk.y, 0), b.idx(walk.heads)}, [&](ValueRange index) {
      SemiseparableBlocks blocks(b, walk);
      b.branch(
          b.isOne(b.dim(walk.y, 1)),
          [&] { blocks.emitToken(index[0], index[1]); },
          [&] { blocks.emitHead(index[0], index[1], blocks.allocate()); });
    });
  }

private:
  KernelBuilder &b;
  SemiseparableWalk walk;
};

bool isSupported(ssm::SemiseparableOp op, const CpuTarget &) {
  return !op.getScale() && !op.getSkip() && walkOf(op).isSupported();
}

struct LowerSemiseparable
    : ssmc::impl::SsmLowerSemiseparableBase<LowerSemiseparable> {
  using SsmLowerSemiseparableBase::SsmLowerSemiseparableBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::SemiseparableOp, Kernel>(getOperation(), cpu,
                                                       isSupported)))
      signalPassFailure();
  }
};

} // namespace
