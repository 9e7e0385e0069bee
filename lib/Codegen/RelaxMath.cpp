//===- RelaxMath.cpp - reassociation and contraction ----------------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMRELAXMATH
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

static void allow(Operation *op, arith::FastMathFlags flags) {
  if (!isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::MaximumFOp,
           arith::MinimumFOp>(op))
    return;
  auto math = cast<arith::ArithFastMathInterface>(op);
  flags = flags | math.getFastMathFlagsAttr().getValue();
  op->setAttr(math.getFastMathAttrName(),
              arith::FastMathFlagsAttr::get(op->getContext(), flags));
}

namespace {
struct RelaxMath : ssmc::impl::SsmRelaxMathBase<RelaxMath> {
  void runOnOperation() override {
    getOperation().walk(
        [](Operation *op) { allow(op, arith::FastMathFlags::contract); });
    getOperation().walk([](linalg::LinalgOp op) {
      if (op.getNumReductionLoops() == 0)
        return;
      for (BlockArgument sum : op.getRegionOutputArgs())
        for (Operation *user : sum.getUsers())
          allow(user, arith::FastMathFlags::reassoc);
    });
  }
};
} // namespace
