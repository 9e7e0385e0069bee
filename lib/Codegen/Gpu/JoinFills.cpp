//===- JoinFills.cpp - ssm-join-fills -------------------------------------===//
//
// A sum begins with a fill. Outlined by themselves they were two launches, the
// first of which writes what the second reads back: in one region, which is
// outlined as a whole, a kernel for both can begin with the number.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/MatrixProduct.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMJOINFILLS
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {
struct JoinFills : ssmc::impl::SsmJoinFillsBase<JoinFills> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> ops;
    getOperation().walk([&](linalg::GenericOp op) {
      if (op.hasPureBufferSemantics() && op.getNumReductionLoops() > 0)
        ops.push_back(op);
    });
    for (linalg::GenericOp op : ops) {
      linalg::FillOp start = findStart(op);
      if (!start)
        continue;
      OpBuilder b(op);
      auto region = scf::ExecuteRegionOp::create(b, op.getLoc(), TypeRange());
      b.createBlock(&region.getRegion());
      Operation *end = scf::YieldOp::create(b, op.getLoc());
      start->moveBefore(end);
      op->moveBefore(end);
    }
  }
};
} // namespace
