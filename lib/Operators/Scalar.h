//===- Scalar.h - formulas that are computed or emitted ---------*- C++ -*-===//
//
// A scalar formula is written once, as a generic lambda over `auto`. With
// double it is the operator's value in the evaluator; with `Scalar` it emits
// the arith and math ops of the operator's lowering. Write such lambdas inside
// namespace `ssmc::scalar`, where `exp`, `max`, `select`, ... mean both.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

namespace ssmc::scalar {

/// A scalar SSA value with the arithmetic of its type. Constants take the type
/// of the other operand. Integers are signed unless told otherwise.
struct Scalar {
  mlir::OpBuilder *builder;
  mlir::Location loc;
  mlir::Value value;
  bool isUnsigned = false;

  mlir::Type getType() const { return value.getType(); }
  bool isFloat() const { return mlir::isa<mlir::FloatType>(getType()); }
  Scalar with(mlir::Value other) const {
    return {builder, loc, other, isUnsigned};
  }
  /// A constant of the type of this value.
  Scalar constant(double constant) const;
  template <typename Op, typename... Args>
  Scalar make(Args... args) const {
    return with(Op::create(*builder, loc, args...).getResult());
  }
};

Scalar operator+(Scalar a, Scalar b);
Scalar operator-(Scalar a, Scalar b);
Scalar operator*(Scalar a, Scalar b);
/// Integers: towards zero; 0 where the divisor is 0, and the least integer
/// divided by -1 is itself.
Scalar operator/(Scalar a, Scalar b);
/// Remainder with the sign of the dividend; 0 where an integer divisor is 0.
Scalar remainder(Scalar a, Scalar b);
Scalar operator-(Scalar a);
Scalar max(Scalar a, Scalar b);
Scalar min(Scalar a, Scalar b);

// Comparisons yield i1; they are false where an operand is not a number,
// except `notEqual`.
Scalar less(Scalar a, Scalar b);
Scalar lessEqual(Scalar a, Scalar b);
Scalar equal(Scalar a, Scalar b);
Scalar notEqual(Scalar a, Scalar b);
Scalar select(Scalar condition, Scalar a, Scalar b);
Scalar logicalAnd(Scalar a, Scalar b);
Scalar logicalOr(Scalar a, Scalar b);

Scalar abs(Scalar x);
Scalar exp(Scalar x);
Scalar log(Scalar x);
Scalar log1p(Scalar x);
Scalar expm1(Scalar x);
Scalar sqrt(Scalar x);
Scalar tanh(Scalar x);
Scalar erf(Scalar x);
Scalar sin(Scalar x);
Scalar cos(Scalar x);
Scalar tan(Scalar x);
Scalar asin(Scalar x);
Scalar acos(Scalar x);
Scalar atan(Scalar x);
Scalar sinh(Scalar x);
Scalar cosh(Scalar x);
Scalar asinh(Scalar x);
Scalar acosh(Scalar x);
Scalar atanh(Scalar x);
Scalar floor(Scalar x);
Scalar ceil(Scalar x);
/// To the nearest integer, halves to even.
Scalar roundEven(Scalar x);
Scalar pow(Scalar x, Scalar y);

/// `x` converted to `type` as ONNX's Cast does, with the signs of both types.
Scalar convert(Scalar x, mlir::Type type, bool toUnsigned);

// The same names over doubles.
using std::abs, std::exp, std::log, std::log1p, std::expm1, std::sqrt,
    std::tanh, std::erf, std::sin, std::cos, std::tan, std::asin, std::acos,
    std::atan, std::sinh, std::cosh, std::asinh, std::acosh, std::atanh,
    std::floor, std::ceil, std::pow;
// As arith.maximumf: what is not a number wins.
inline double max(double a, double b) { return a > b || a != a ? a : b; }
inline double min(double a, double b) { return a < b || a != a ? a : b; }
inline double roundEven(double x) { return std::nearbyint(x); }
inline double remainder(double a, double b) { return std::fmod(a, b); }
template <typename T>
bool less(T a, T b) {
  return a < b;
}
template <typename T>
bool lessEqual(T a, T b) {
  return a <= b;
}
template <typename T>
bool equal(T a, T b) {
  return a == b;
}
template <typename T>
bool notEqual(T a, T b) {
  return a != b;
}
inline bool logicalAnd(bool a, bool b) { return a && b; }
inline bool logicalOr(bool a, bool b) { return a || b; }
template <typename T>
T select(bool condition, T a, T b) {
  return condition ? a : b;
}

// And over 64-bit integers: what wraps there is reduced to its type later.
inline int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }
inline int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

/// Quotient, as `operator/` of Scalar defines it for integers.
inline int64_t quotient(int64_t a, int64_t b) {
  return b == 0 ? 0 : b == -1 ? int64_t(-uint64_t(a)) : a / b;
}
template <typename T>
T quotient(T a, T b) {
  return a / b;
}

/// A constant of the type of `like`.
inline double literal(double, double constant) { return constant; }
inline int64_t literal(int64_t, double constant) { return int64_t(constant); }
inline Scalar literal(Scalar like, double constant) {
  return like.constant(constant);
}

/// `x` times a constant; of integers, rounded towards zero.
inline double scaled(double x, double factor) { return x * factor; }
inline int64_t scaled(int64_t x, double factor) {
  return int64_t(double(x) * factor);
}
Scalar scaled(Scalar x, double factor);
/// A loop counter in the type of `like`.
inline double toElement(double, int64_t counter) { return double(counter); }
inline int64_t toElement(int64_t, int64_t counter) { return counter; }
inline Scalar toElement(Scalar like, Scalar counter) {
  return convert(counter, like.getType(), false);
}

template <typename T>
T sigmoid(T x) {
  return literal(x, 1) / (literal(x, 1) + exp(-x));
}
/// max(x, 0) + log(1 + exp(-|x|)): no overflow, no loss for small exp.
template <typename T>
T softplus(T x) {
  return max(x, literal(x, 0)) + log1p(exp(-abs(x)));
}

} // namespace ssmc::scalar
