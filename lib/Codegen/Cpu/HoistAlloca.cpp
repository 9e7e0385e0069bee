//===- HoistAlloca.cpp - ssm-hoist-alloca ---------------------------------===//

#include "lib/Codegen/Cpu/CpuPasses.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMHOISTALLOCA
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;

namespace {
struct HoistAlloca : ssmc::impl::SsmHoistAllocaBase<HoistAlloca> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isExternal())
      return;
    Block &entry = func.getBody().front();
    func.walk([&](memref::AllocaOp alloca) {
      // No operands: the size is static.
      if (alloca->getNumOperands() == 0 && alloca->getBlock() != &entry)
        alloca->moveBefore(&entry, entry.begin());
    });
  }
};
} // namespace
