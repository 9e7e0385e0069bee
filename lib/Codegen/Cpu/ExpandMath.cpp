//===- ExpandMath.cpp - ssm-expand-math -----------------------------------===//
//
// A call of libm keeps a loop from being vectorised and costs as much as the
// rest of it. f32 functions become polynomials over scalars or vectors:
// upstream's where they are accurate, and our own.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMEXPANDMATH
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  ExpandExp2(MLIRContext *context, const CpuTarget &target)
      : OpRewritePattern(context), target(target) {}
  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    KernelBuilder b(op.getLoc(), rewriter, target);
    rewriter.replaceOp(op, b.exp2(op.getOperand()));
    return success();
  }
  const CpuTarget &target;
};

// sin and cos: x = n * pi/2 + r with pi/2 in three parts, so that r is right
// for the angles of rotary embeddings (thousands of turns), where upstream's
// single part is not; then the polynomial of sin or cos that the quadrant asks
// for.
template <typename Op>
struct ExpandSine : OpRewritePattern<Op> {
  ExpandSine(MLIRContext *context, const CpuTarget &target)
      : OpRewritePattern<Op>(context), target(target) {}
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    // Without a fused multiply-add the parts would be rounded.
    if (!getElementTypeOrSelf(type).isF32() || !target.fma)
      return failure();
    KernelBuilder b(op.getLoc(), rewriter, target);
    auto c = [&](double value) { return b.splat(type, value); };
    Value x = op.getOperand();
    Value n = math::RoundEvenOp::create(b, b.fmul(x, c(0.6366197723675814)));
    Value r = b.fma(n, c(-1.5707963705062866), x);
    r = b.fma(n, c(4.371138828673793e-08), r);
    r = b.fma(n, c(1.7151245100058819e-15), r);
    Value s = b.fmul(r, r);
    Value sine = b.fma(s, c(-0.00019514630548655987), c(0.008332155644893646));
    sine = b.fma(b.fma(sine, s, c(-0.16666655242443085)), b.fmul(r, s), r);
    Value cosine =
        b.fma(s, c(2.443241282890085e-05), c(-0.0013887309469282627));
    cosine = b.fma(cosine, s, c(0.04166664555668831));
    cosine = b.fma(cosine, b.fmul(s, s), b.fma(s, c(-0.5), c(1.0)));
    // cos(x) = sin(x + pi/2): one quadrant further.
    if constexpr (std::is_same_v<Op, math::CosOp>)
      n = b.fadd(n, c(1.0));
    // n mod 4 in floating point: halves and quarters are exact.
    auto isOdd = [&](Value v) -> Value {
      Value half = b.fmul(v, c(0.5));
      Value floor = math::FloorOp::create(b, half);
      return arith::CmpFOp::create(b, arith::CmpFPredicate::ONE, half, floor);
    };
    Value half = math::FloorOp::create(b, b.fmul(n, c(0.5)));
    Value value = arith::SelectOp::create(b, isOdd(n), cosine, sine);
    Value negated = arith::NegFOp::create(b, value);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isOdd(half), negated,
                                                 value);
    return success();
  }
  const CpuTarget &target;
};

struct ExpandMath : ssmc::impl::SsmExpandMathBase<ExpandMath> {
  using SsmExpandMathBase::SsmExpandMathBase;
  void runOnOperation() override {
    FailureOr<CpuTarget> target = findTarget(getOperation(), cpu);
    if (failed(target))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExp2, ExpandSine<math::SinOp>, ExpandSine<math::CosOp>>(
        &getContext(), *target);
    // What these expand to is expanded by the rest.
    math::populateExpansionPatterns(
        patterns,
        {"sinh", "cosh", "tan", "asinh", "acosh", "atanh", "powf", "rsqrt"});
    // Not those of the inverse trigonometric functions: off by 4e-6.
    static const StringRef approximated[] = {
        "math.tanh", "math.log", "math.log2",  "math.log1p", "math.erf",
        "math.erfc", "math.exp", "math.expm1", "math.cbrt"};
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
      return llvm::is_contained(approximated, name);
    });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
