//===- SsmLowerStrategies.cpp - ssm ops by the strategies they carry ------===//

#include "dialects/ssm/SsmPasses.h"
#include "dialects/ssm/SsmStrategy.h"

namespace mlir::ssm {
#define GEN_PASS_DEF_SSMLOWERSTRATEGIES
#include "dialects/ssm/SsmPasses.h.inc"
} // namespace mlir::ssm

using namespace mlir;
using namespace mlir::ssm;

/// Up to so many tokens are few.
static constexpr int64_t fewTokens = 16;

namespace {
struct SsmLowerStrategies
    : ssm::impl::SsmLowerStrategiesBase<SsmLowerStrategies> {
  using SsmLowerStrategiesBase::SsmLowerStrategiesBase;
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    // What an op is lowered to may carry a strategy, too.
    for (SmallVector<Operation *> ops = collect(); !ops.empty();
         ops = collect())
      if (failed(lower(rewriter, ops)))
        return signalPassFailure();
  }

  SmallVector<Operation *> collect() {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](MixerOpInterface op) {
      StrategyAttr strategy = getStrategy(op);
      if (strategy && !hasKernel(op, strategy))
        ops.push_back(op);
    });
    return ops;
  }

  static LogicalResult lower(IRRewriter &rewriter, ArrayRef<Operation *> ops) {
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      FailureOr<SmallVector<Value>> values =
          lowerByStrategy(rewriter, op, getStrategy(op));
      if (failed(values)) {
        return op->emitOpError("on buffers has no strategies left: run "
                               "ssm-lower-strategies before bufferization");
      }
      rewriter.replaceOp(op, *values);
    }
    return success();
  }

  /// Kernels are for single precision and below, or for floats of as many bits
  /// as their name ends in, or for a few tokens. What a target does step by
  /// step it does for all types.
  bool hasKernel(Operation *op, StrategyAttr strategy) {
    std::string name = (op->getName().getStringRef() + ":" +
                        stringifyStrategy(strategy.getKind()))
                           .str();
    Type element = getElementTypeOrSelf(op->getOperand(0).getType());
    if (auto type = dyn_cast<FloatType>(element);
        type && llvm::is_contained(
                    kernels, name + "@" + std::to_string(type.getWidth())))
      return true;
    if (llvm::is_contained(kernels, name + "@few")) {
      int64_t tokens =
          cast<ShapedType>(op->getOperand(0).getType()).getDimSize(1);
      if (tokens >= 1 && tokens <= fewTokens)
        return true;
    }
    if (!llvm::is_contained(kernels, name))
      return false;
    // A past and a ring are made part of the operands.
    if (auto conv = dyn_cast<LongConvOp>(op);
        conv && strategy.getKind() == Strategy::Fft &&
        (conv.getState() || conv.getCircular()))
      return false;
    return strategy.getKind() == Strategy::Recurrent ||
           llvm::none_of(op->getOperandTypes(), [](Type type) {
             return cast<ShapedType>(type).getElementType().isF64();
           });
  }
};
} // namespace
