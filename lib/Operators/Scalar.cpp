//===- Scalar.cpp - emits scalar formulas ---------------------------------===//

#include "lib/Operators/Scalar.h"

using namespace mlir;

namespace ssmc::scalar {

Scalar Scalar::constant(double constant) const {
  TypedAttr attr = isFloat()
                       ? TypedAttr(builder->getFloatAttr(getType(), constant))
                       : builder->getIntegerAttr(getType(), int64_t(constant));
  return with(arith::ConstantOp::create(*builder, loc, attr).getResult());
}

/// `FloatOp`, or the signed or unsigned integer op, of two values.
template <typename FloatOp, typename SignedOp, typename UnsignedOp>
static Scalar binary(Scalar a, Scalar b) {
  if (a.isFloat())
    return a.make<FloatOp>(a.value, b.value);
  // i1 is a boolean, where 1 is the greater.
  if (a.isUnsigned || a.getType().isInteger(1))
    return a.make<UnsignedOp>(a.value, b.value);
  return a.make<SignedOp>(a.value, b.value);
}

Scalar operator+(Scalar a, Scalar b) {
  return binary<arith::AddFOp, arith::AddIOp, arith::AddIOp>(a, b);
}
Scalar operator-(Scalar a, Scalar b) {
  return binary<arith::SubFOp, arith::SubIOp, arith::SubIOp>(a, b);
}
Scalar operator*(Scalar a, Scalar b) {
  return binary<arith::MulFOp, arith::MulIOp, arith::MulIOp>(a, b);
}
Scalar max(Scalar a, Scalar b) {
  return binary<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(a, b);
}
Scalar min(Scalar a, Scalar b) {
  return binary<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(a, b);
}

Scalar operator-(Scalar a) {
  if (a.isFloat())
    return a.make<arith::NegFOp>(a.value);
  return a.constant(0) - a;
}

/// A divisor that does not trap in place of `b`.
static Scalar safeDivisor(Scalar b) {
  Scalar unsafe = equal(b, b.constant(0));
  if (!b.isUnsigned)
    unsafe = logicalOr(unsafe, equal(b, b.constant(-1)));
  return select(unsafe, b.constant(1), b);
}

Scalar operator/(Scalar a, Scalar b) {
  if (a.isFloat())
    return a.make<arith::DivFOp>(a.value, b.value);
  Scalar quotient =
      binary<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>(a, safeDivisor(b));
  if (!a.isUnsigned)
    quotient = select(equal(b, b.constant(-1)), -a, quotient);
  return select(equal(b, b.constant(0)), a.constant(0), quotient);
}

Scalar remainder(Scalar a, Scalar b) {
  if (a.isFloat())
    return a.make<arith::RemFOp>(a.value, b.value);
  // The remainder by 1, which stands for 0 and -1, is 0.
  return binary<arith::RemFOp, arith::RemSIOp, arith::RemUIOp>(a,
                                                               safeDivisor(b));
}

static Scalar compare(Scalar a, Scalar b, arith::CmpFPredicate ordered,
                      arith::CmpIPredicate isSigned,
                      arith::CmpIPredicate isUnsigned) {
  if (a.isFloat())
    return a.make<arith::CmpFOp>(ordered, a.value, b.value);
  // i1 is a boolean, where 1 is the greater.
  bool plain = a.isUnsigned || a.getType().isInteger(1);
  return a.make<arith::CmpIOp>(plain ? isUnsigned : isSigned, a.value, b.value);
}

Scalar less(Scalar a, Scalar b) {
  return compare(a, b, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt,
                 arith::CmpIPredicate::ult);
}
Scalar lessEqual(Scalar a, Scalar b) {
  return compare(a, b, arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle,
                 arith::CmpIPredicate::ule);
}
Scalar equal(Scalar a, Scalar b) {
  return compare(a, b, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq,
                 arith::CmpIPredicate::eq);
}
Scalar notEqual(Scalar a, Scalar b) {
  return compare(a, b, arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne,
                 arith::CmpIPredicate::ne);
}
Scalar select(Scalar condition, Scalar a, Scalar b) {
  return a.make<arith::SelectOp>(condition.value, a.value, b.value);
}
Scalar logicalAnd(Scalar a, Scalar b) {
  return a.make<arith::AndIOp>(a.value, b.value);
}
Scalar logicalOr(Scalar a, Scalar b) {
  return a.make<arith::OrIOp>(a.value, b.value);
}

Scalar scaled(Scalar x, double factor) {
  if (x.isFloat())
    return x * x.constant(factor);
  Scalar wide = convert(x, x.builder->getF64Type(), false);
  return convert(wide * wide.constant(factor), x.getType(), x.isUnsigned);
}

Scalar abs(Scalar x) {
  if (x.isFloat())
    return x.make<math::AbsFOp>(x.value);
  return x.isUnsigned ? x : x.make<math::AbsIOp>(x.value);
}
Scalar exp(Scalar x) { return x.make<math::ExpOp>(x.value); }
Scalar log(Scalar x) { return x.make<math::LogOp>(x.value); }
Scalar log1p(Scalar x) { return x.make<math::Log1pOp>(x.value); }
Scalar expm1(Scalar x) { return x.make<math::ExpM1Op>(x.value); }
Scalar sqrt(Scalar x) { return x.make<math::SqrtOp>(x.value); }
Scalar tanh(Scalar x) { return x.make<math::TanhOp>(x.value); }
Scalar erf(Scalar x) { return x.make<math::ErfOp>(x.value); }
Scalar sin(Scalar x) { return x.make<math::SinOp>(x.value); }
Scalar cos(Scalar x) { return x.make<math::CosOp>(x.value); }
Scalar tan(Scalar x) { return x.make<math::TanOp>(x.value); }
Scalar asin(Scalar x) { return x.make<math::AsinOp>(x.value); }
Scalar acos(Scalar x) { return x.make<math::AcosOp>(x.value); }
Scalar atan(Scalar x) { return x.make<math::AtanOp>(x.value); }
Scalar sinh(Scalar x) { return x.make<math::SinhOp>(x.value); }
Scalar cosh(Scalar x) { return x.make<math::CoshOp>(x.value); }
Scalar asinh(Scalar x) { return x.make<math::AsinhOp>(x.value); }
Scalar acosh(Scalar x) { return x.make<math::AcoshOp>(x.value); }
Scalar atanh(Scalar x) { return x.make<math::AtanhOp>(x.value); }
Scalar floor(Scalar x) { return x.make<math::FloorOp>(x.value); }
Scalar ceil(Scalar x) { return x.make<math::CeilOp>(x.value); }
Scalar roundEven(Scalar x) { return x.make<math::RoundEvenOp>(x.value); }
Scalar pow(Scalar x, Scalar y) {
  return x.make<math::PowFOp>(x.value, y.value);
}

Scalar convert(Scalar x, Type type, bool toUnsigned) {
  Type from = x.getType();
  auto done = [&](Value value) {
    return Scalar{x.builder, x.loc, value, toUnsigned};
  };
  OpBuilder &b = *x.builder;
  if (from == type)
    return done(x.value);
  if (type.isInteger(1))
    return done(notEqual(x, x.constant(0)).value);
  bool fromBool = from.isInteger(1);
  if (x.isFloat()) {
    if (auto to = dyn_cast<FloatType>(type)) {
      if (to.getWidth() > cast<FloatType>(from).getWidth())
        return done(arith::ExtFOp::create(b, x.loc, type, x.value));
      // From f64 to 16 bits by way of f32, for which there are instructions.
      if (from.isF64() && to.getWidth() < 32)
        return convert(convert(x, b.getF32Type(), false), type, false);
      if (to.getWidth() < cast<FloatType>(from).getWidth())
        return done(arith::TruncFOp::create(b, x.loc, type, x.value));
      // f16 to bf16 and back: by way of f32.
      Value wide = arith::ExtFOp::create(b, x.loc, b.getF32Type(), x.value);
      return done(arith::TruncFOp::create(b, x.loc, type, wide));
    }
    // Through 64 bits, so that what does not fit wraps instead of being
    // undefined, as far as that goes.
    Value wide = arith::FPToSIOp::create(b, x.loc, b.getI64Type(), x.value);
    if (type.isInteger(64))
      return done(wide);
    return done(arith::TruncIOp::create(b, x.loc, type, wide));
  }
  if (isa<FloatType>(type)) {
    if (x.isUnsigned || fromBool)
      return done(arith::UIToFPOp::create(b, x.loc, type, x.value));
    return done(arith::SIToFPOp::create(b, x.loc, type, x.value));
  }
  if (from.isIndex() || type.isIndex())
    return done(arith::IndexCastOp::create(b, x.loc, type, x.value));
  if (type.getIntOrFloatBitWidth() < from.getIntOrFloatBitWidth())
    return done(arith::TruncIOp::create(b, x.loc, type, x.value));
  if (x.isUnsigned || fromBool)
    return done(arith::ExtUIOp::create(b, x.loc, type, x.value));
  return done(arith::ExtSIOp::create(b, x.loc, type, x.value));
}

} // namespace ssmc::scalar
