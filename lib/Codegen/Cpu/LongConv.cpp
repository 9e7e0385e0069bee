//===- LongConv.cpp - ssm-lower-long-conv ---------------------------------===//

#include "lib/Codegen/Cpu/LongConv.h"

#include "dialects/ssm/SsmStrategy.h"
#include "lib/Codegen/Cpu/CpuPasses.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERLONGCONV
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

bool isFft(ssm::LongConvOp op) {
  ssm::StrategyAttr strategy = ssm::getStrategy(op);
  return strategy && strategy.getKind() == ssm::Strategy::Fft;
}

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::LongConvOp op) : b(b), op(op) {}
  void emit() { (isFft(op) ? emitTransforms : emitDirect)(b, op); }

private:
  KernelBuilder &b;
  ssm::LongConvOp op;
};

bool isSupported(ssm::LongConvOp op, const CpuTarget &) {
  return !op.getCircular() && !(isFft(op) && op.getState()) &&
         llvm::all_of(op->getOperands(), isUnitStrideFloat);
}

struct LowerLongConv : ssmc::impl::SsmLowerLongConvBase<LowerLongConv> {
  using SsmLowerLongConvBase::SsmLowerLongConvBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::LongConvOp, Kernel>(getOperation(), cpu,
                                                  isSupported)))
      signalPassFailure();
  }
};

} // namespace
