//===- WideExp.cpp - exponentials of complex numbers in f64 ---------------===//
//
// exp(x): x = n ln 2 + f; a Taylor series of f, whose exponent n is added to.
// cos and sin of y: y = q pi/2 + f; Taylor series of f, exchanged and negated
// as the quadrant q says. The constants to reduce by are cut in parts of 33
// bits, whose products with q are exact with or without a fused multiply-add.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Cpu/WideExp.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ssmc;

namespace {
class Wide {
public:
  Wide(KernelBuilder &b, Type type) : b(b), type(cast<VectorType>(type)) {
    bits = VectorType::get(this->type.getShape(), b.getI64Type());
  }
  Value exp(Value x);
  ComplexLanes circle(Value y);

private:
  Value real(double value) { return b.splat(type, value); }
  Value integer(int64_t value) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(bits, b.getI64IntegerAttr(value)));
  }
  Value toBits(Value x) { return arith::BitcastOp::create(b, bits, x); }
  /// x in units of 1 / `scale`, rounded: as a number, and in the low bits of
  /// the second.
  std::pair<Value, Value> round(Value x, double scale);
  /// x - n (parts[0] + parts[1] + ...)
  Value reduce(Value x, Value n, ArrayRef<double> parts);
  /// 1 + t1 + t2 + ..: each of the `terms` is the one before, times `sign` x,
  /// over the next `step` of the numbers from `first` on.
  Value series(Value x, int first, int step, int terms, double sign);
  Value isSet(Value n, int64_t bit);

  KernelBuilder &b;
  VectorType type, bits;
};
} // namespace

std::pair<Value, Value> Wide::round(Value x, double scale) {
  Value magic = real(6755399441055744.0); // 1.5 * 2^52
  Value shifted = b.fadd(b.fmul(x, real(scale)), magic);
  return {b.fsub(shifted, magic), toBits(shifted)};
}

Value Wide::reduce(Value x, Value n, ArrayRef<double> parts) {
  for (double part : parts)
    x = b.fma(n, real(-part), x);
  return x;
}

Value Wide::series(Value x, int first, int step, int terms, double sign) {
  // Horner's rule, from the smallest coefficient on.
  SmallVector<double> coefficients = {1.0};
  for (int term = 0, factor = first; term < terms; ++term) {
    double next = sign * coefficients.back();
    for (int i = 0; i < step; ++i)
      next /= factor++;
    coefficients.push_back(next);
  }
  Value sum = real(coefficients.back());
  for (double coefficient : llvm::reverse(ArrayRef(coefficients).drop_back()))
    sum = b.fma(sum, x, real(coefficient));
  return sum;
}

Value Wide::exp(Value x) {
  auto is = [&](arith::CmpFPredicate predicate, double bound) -> Value {
    return arith::CmpFOp::create(b, predicate, x, real(bound));
  };
  Value isSmall = is(arith::CmpFPredicate::OLT, -708.0);
  Value isLarge = is(arith::CmpFPredicate::OGT, 709.0);
  auto [n, low] = round(x, log2e);
  // ln 2
  Value f = reduce(x, n, {0x1.62e42fef00000p-1, 0x1.473de6af278edp-34});
  Value p = series(f, 1, 1, 13, 1.0);
  Value shift = arith::ShLIOp::create(b, low, integer(52));
  Value scaled = arith::BitcastOp::create(
      b, type, arith::AddIOp::create(b, toBits(p), shift));
  scaled = arith::SelectOp::create(b, isSmall, real(0.0), scaled);
  double infinity = std::numeric_limits<double>::infinity();
  return arith::SelectOp::create(b, isLarge, real(infinity), scaled);
}

Value Wide::isSet(Value n, int64_t bit) {
  Value masked = arith::AndIOp::create(b, n, integer(bit));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, masked, integer(0));
}

ComplexLanes Wide::circle(Value y) {
  auto [q, quadrant] = round(y, 2.0 / M_PI);
  // pi / 2
  Value f = reduce(
      y, q,
      {0x1.921fb54400000p+0, 0x1.0b4611a600000p-34, 0x1.3198a2e037073p-69});
  Value square = b.fmul(f, f);
  Value sin = b.fmul(f, series(square, 2, 2, 7, -1.0));
  Value cos = series(square, 1, 2, 8, -1.0);
  Value isOdd = isSet(quadrant, 1);
  auto select = [&](Value condition, Value x, Value y) -> Value {
    return arith::SelectOp::create(b, condition, x, y);
  };
  auto negateIf = [&](Value condition, Value x) {
    return select(condition, arith::NegFOp::create(b, x), x);
  };
  // Quadrants 1 and 2 have a negative cosine, 2 and 3 a negative sine.
  Value next = arith::AddIOp::create(b, quadrant, integer(1));
  return {negateIf(isSet(next, 2), select(isOdd, sin, cos)),
          negateIf(isSet(quadrant, 2), select(isOdd, cos, sin))};
}

ComplexLanes ssmc::wideExp(KernelBuilder &b, ComplexLanes z) {
  Wide wide(b, z.re.getType());
  Value radius = wide.exp(z.re);
  if (!z.im)
    return {radius, {}};
  ComplexLanes turn = wide.circle(z.im);
  return {b.fmul(radius, turn.re), b.fmul(radius, turn.im)};
}

ComplexLanes ssmc::multiply(KernelBuilder &b, ComplexLanes x, ComplexLanes y) {
  Value re = b.fmul(x.re, y.re);
  if (!x.im || !y.im) {
    assert(!x.im && !y.im && "both are real or none");
    return {re, {}};
  }
  Value minus = arith::NegFOp::create(b, x.im);
  return {b.fma(minus, y.im, re), b.fma(x.im, y.re, b.fmul(x.re, y.im))};
}
