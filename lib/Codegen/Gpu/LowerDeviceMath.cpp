//===- LowerDeviceMath.cpp - ssm-lower-device-math ------------------------===//
//
// There is no library of mathematics on the device. What a chip has as an
// instruction becomes LLVM's intrinsic; what `ssm-expand-math` left, the
// inverse trigonometric functions of f32, becomes upstream's polynomial; the
// rest, such as functions of f64, is refused.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Codegen/Gpu/GpuPasses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERDEVICEMATH
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;

static constexpr std::pair<StringLiteral, StringLiteral> intrinsics[] = {
    {"math.absf", "llvm.fabs"},
    {"math.ceil", "llvm.ceil"},
    {"math.copysign", "llvm.copysign"},
    {"math.floor", "llvm.floor"},
    {"math.fma", "llvm.fma"},
    {"math.round", "llvm.round"},
    {"math.roundeven", "llvm.roundeven"},
    {"math.sqrt", "llvm.sqrt"},
    {"math.trunc", "llvm.trunc"}};

/// f32, or v4f32: how the name of an intrinsic ends.
static std::string suffixOf(Type type) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto vector = dyn_cast<VectorType>(type)) {
    os << "v" << vector.getNumElements();
    type = vector.getElementType();
  }
  os << type;
  return text;
}

static bool lower(Operation *op) {
  for (auto [name, intrinsic] : intrinsics) {
    if (op->getName().getStringRef() != name)
      continue;
    OpBuilder b(op);
    Type type = op->getResult(0).getType();
    std::string full = (intrinsic + "." + suffixOf(type)).str();
    auto call = LLVM::CallIntrinsicOp::create(
        b, op->getLoc(), type, b.getStringAttr(full), op->getOperands());
    op->replaceAllUsesWith(call->getResults());
    op->erase();
    return true;
  }
  return false;
}

/// x - trunc(x / y) * y, with one rounding: a library's way for large quotients
/// does not exist here.
static void lowerRemainder(arith::RemFOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value quotient = arith::DivFOp::create(b, loc, op.getLhs(), op.getRhs());
  quotient = math::TruncOp::create(b, loc, quotient);
  Value negated = arith::NegFOp::create(b, loc, quotient);
  op.replaceAllUsesWith(
      math::FmaOp::create(b, loc, negated, op.getRhs(), op.getLhs())
          .getResult());
  op.erase();
}

namespace {
struct LowerDeviceMath : ssmc::impl::SsmLowerDeviceMathBase<LowerDeviceMath> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    static const StringRef approximated[] = {"math.acos", "math.asin",
                                             "math.atan", "math.atan2"};
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
      return llvm::is_contained(approximated, name);
    });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation()->walk([](arith::RemFOp op) { lowerRemainder(op); });
    WalkResult walk = getOperation()->walk([](Operation *op) {
      if (!isa<math::MathDialect>(op->getDialect()) || lower(op) ||
          !isa<FloatType>(getElementTypeOrSelf(op->getResult(0))))
        return WalkResult::advance();
      onnx::emitModelError(op->getLoc())
          << op->getName() << " of " << op->getResult(0).getType()
          << " is not available on a GPU: compile the model for the CPU, or "
             "export it in f32";
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
