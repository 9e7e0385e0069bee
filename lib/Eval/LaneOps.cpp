//===- LaneOps.cpp - scalar ops on many elements at once ------------------===//

#include "lib/Eval/LaneOps.h"

#include "lib/Eval/Tensor.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;

namespace {
/// The value of `value`, held sign-extended, as an unsigned integer.
uint64_t asUnsigned(int64_t value, unsigned width) {
  return width == 0 || width >= 64
             ? uint64_t(value)
             : uint64_t(value) & llvm::maskTrailingOnes<uint64_t>(width);
}
/// The signed value: a boolean is held as 0 or 1, its sign bit as 1.
int64_t asSigned(int64_t value, unsigned width) {
  return width == 1 ? -value : value;
}
/// What fits into `width` bits.
int64_t wrap(int64_t value, unsigned width) {
  if (width == 0 || width >= 64)
    return value;
  uint64_t bits = uint64_t(value) & llvm::maskTrailingOnes<uint64_t>(width);
  return width == 1 ? int64_t(bits) : llvm::SignExtend64(bits, width);
}

template <double (*F)(double)>
void unary(const LaneOp &, Lane *out, const Lane *const *in, int64_t n) {
  for (int64_t l = 0; l < n; ++l)
    out[l].f = F(in[0][l].f);
}
template <double (*F)(double, double)>
void binary(const LaneOp &, Lane *out, const Lane *const *in, int64_t n) {
  for (int64_t l = 0; l < n; ++l)
    out[l].f = F(in[0][l].f, in[1][l].f);
}
template <int64_t (*F)(int64_t, int64_t, unsigned)>
void integer(const LaneOp &op, Lane *out, const Lane *const *in, int64_t n) {
  for (int64_t l = 0; l < n; ++l)
    out[l].i = wrap(F(in[0][l].i, in[1][l].i, op.inWidth), op.outWidth);
}

double addf(double x, double y) { return x + y; }
double subf(double x, double y) { return x - y; }
double mulf(double x, double y) { return x * y; }
double divf(double x, double y) { return x / y; }
double maximumf(double x, double y) {
  return std::isnan(x) || std::isnan(y) ? NAN : x > y ? x : y;
}
double minimumf(double x, double y) {
  return std::isnan(x) || std::isnan(y) ? NAN : x < y ? x : y;
}
double negf(double x) { return -x; }
double rsqrt(double x) { return 1.0 / std::sqrt(x); }
double same(double x) { return x; }

// Integer arithmetic wraps, and what C++ leaves undefined gives 0.
using I = int64_t;
using U = uint64_t;
I addi(I x, I y, unsigned) { return I(U(x) + U(y)); }
I subi(I x, I y, unsigned) { return I(U(x) - U(y)); }
I muli(I x, I y, unsigned) { return I(U(x) * U(y)); }
bool divides(I x, I y) {
  return y != 0 && !(y == -1 && x == std::numeric_limits<I>::min());
}
I divsi(I x, I y, unsigned) { return divides(x, y) ? x / y : 0; }
I remsi(I x, I y, unsigned) { return divides(x, y) ? x % y : 0; }
I floordivsi(I x, I y, unsigned) {
  return divides(x, y) ? llvm::divideFloorSigned(x, y) : 0;
}
I ceildivsi(I x, I y, unsigned) {
  return divides(x, y) ? llvm::divideCeilSigned(x, y) : 0;
}
I divui(I x, I y, unsigned w) {
  return y == 0 ? 0 : I(asUnsigned(x, w) / asUnsigned(y, w));
}
I remui(I x, I y, unsigned w) {
  return y == 0 ? 0 : I(asUnsigned(x, w) % asUnsigned(y, w));
}
I andi(I x, I y, unsigned) { return x & y; }
I ori(I x, I y, unsigned) { return x | y; }
I xori(I x, I y, unsigned) { return x ^ y; }
I shli(I x, I y, unsigned) { return U(y) < 64 ? I(U(x) << y) : 0; }
I shrsi(I x, I y, unsigned) { return x >> (U(y) < 64 ? y : 63); }
I shrui(I x, I y, unsigned w) {
  return U(y) < 64 ? I(asUnsigned(x, w) >> y) : 0;
}
I maxsi(I x, I y, unsigned w) {
  return asSigned(x, w) > asSigned(y, w) ? x : y;
}
I minsi(I x, I y, unsigned w) {
  return asSigned(x, w) < asSigned(y, w) ? x : y;
}
I maxui(I x, I y, unsigned w) {
  return asUnsigned(x, w) > asUnsigned(y, w) ? x : y;
}
I minui(I x, I y, unsigned w) {
  return asUnsigned(x, w) < asUnsigned(y, w) ? x : y;
}

bool compare(arith::CmpIPredicate predicate, I x, I y, unsigned w) {
  I a = asSigned(x, w), b = asSigned(y, w);
  U c = asUnsigned(x, w), d = asUnsigned(y, w);
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return x == y;
  case arith::CmpIPredicate::ne:
    return x != y;
  case arith::CmpIPredicate::slt:
    return a < b;
  case arith::CmpIPredicate::sle:
    return a <= b;
  case arith::CmpIPredicate::sgt:
    return a > b;
  case arith::CmpIPredicate::sge:
    return a >= b;
  case arith::CmpIPredicate::ult:
    return c < d;
  case arith::CmpIPredicate::ule:
    return c <= d;
  case arith::CmpIPredicate::ugt:
    return c > d;
  case arith::CmpIPredicate::uge:
    return c >= d;
  }
  return false;
}

bool compare(arith::CmpFPredicate predicate, double x, double y) {
  bool unordered = std::isnan(x) || std::isnan(y);
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::AlwaysTrue:
    return true;
  case P::ORD:
    return !unordered;
  case P::UNO:
    return unordered;
  case P::OEQ:
    return x == y;
  case P::OGT:
    return x > y;
  case P::OGE:
    return x >= y;
  case P::OLT:
    return x < y;
  case P::OLE:
    return x <= y;
  case P::ONE:
    return !unordered && x != y;
  case P::UEQ:
    return unordered || x == y;
  case P::UGT:
    return unordered || x > y;
  case P::UGE:
    return unordered || x >= y;
  case P::ULT:
    return unordered || x < y;
  case P::ULE:
    return unordered || x <= y;
  case P::UNE:
    return x != y;
  }
  return false;
}

void cmpi(const LaneOp &op, Lane *out, const Lane *const *in, int64_t n) {
  auto predicate = static_cast<arith::CmpIPredicate>(op.predicate);
  for (int64_t l = 0; l < n; ++l)
    out[l].i = compare(predicate, in[0][l].i, in[1][l].i, op.inWidth);
}
void cmpf(const LaneOp &op, Lane *out, const Lane *const *in, int64_t n) {
  auto predicate = static_cast<arith::CmpFPredicate>(op.predicate);
  for (int64_t l = 0; l < n; ++l)
    out[l].i = compare(predicate, in[0][l].f, in[1][l].f);
}
void select(const LaneOp &, Lane *out, const Lane *const *in, int64_t n) {
  for (int64_t l = 0; l < n; ++l)
    out[l] = in[0][l].i ? in[1][l] : in[2][l];
}
void fma(const LaneOp &, Lane *out, const Lane *const *in, int64_t n) {
  for (int64_t l = 0; l < n; ++l)
    out[l].f = std::fma(in[0][l].f, in[1][l].f, in[2][l].f);
}
void absi(const LaneOp &op, Lane *out, const Lane *const *in, int64_t n) {
  for (int64_t l = 0; l < n; ++l)
    out[l].i =
        wrap(in[0][l].i < 0 ? subi(0, in[0][l].i, 0) : in[0][l].i, op.outWidth);
}
void extendSigned(const LaneOp &op, Lane *out, const Lane *const *in,
                  int64_t n) {
  for (int64_t l = 0; l < n; ++l)
    out[l].i = wrap(asSigned(in[0][l].i, op.inWidth), op.outWidth);
}
void extendUnsigned(const LaneOp &op, Lane *out, const Lane *const *in,
                    int64_t n) {
  for (int64_t l = 0; l < n; ++l)
    out[l].i = wrap(int64_t(asUnsigned(in[0][l].i, op.inWidth)), op.outWidth);
}
void signedToFloat(const LaneOp &op, Lane *out, const Lane *const *in,
                   int64_t n) {
  for (int64_t l = 0; l < n; ++l)
    out[l].f = double(asSigned(in[0][l].i, op.inWidth));
}
void unsignedToFloat(const LaneOp &op, Lane *out, const Lane *const *in,
                     int64_t n) {
  for (int64_t l = 0; l < n; ++l)
    out[l].f = double(asUnsigned(in[0][l].i, op.inWidth));
}
void floatToInteger(const LaneOp &op, Lane *out, const Lane *const *in,
                    int64_t n) {
  for (int64_t l = 0; l < n; ++l) {
    double x = in[0][l].f;
    bool fits = x > -0x1p63 && x < 0x1p63;
    out[l].i = fits ? wrap(int64_t(x), op.outWidth) : 0;
  }
}

struct Entry {
  unsigned numInputs;
  LaneOp::Function function;
};

const llvm::StringMap<Entry> &getTable() {
  static const llvm::StringMap<Entry> table = {
      {"arith.addf", {2, binary<addf>}},
      {"arith.subf", {2, binary<subf>}},
      {"arith.mulf", {2, binary<mulf>}},
      {"arith.divf", {2, binary<divf>}},
      {"arith.remf", {2, binary<std::fmod>}},
      {"arith.maximumf", {2, binary<maximumf>}},
      {"arith.minimumf", {2, binary<minimumf>}},
      {"arith.maxnumf", {2, binary<std::fmax>}},
      {"arith.minnumf", {2, binary<std::fmin>}},
      {"arith.negf", {1, unary<negf>}},
      {"arith.extf", {1, unary<same>}},
      {"arith.truncf", {1, unary<same>}},
      {"arith.addi", {2, integer<addi>}},
      {"arith.subi", {2, integer<subi>}},
      {"arith.muli", {2, integer<muli>}},
      {"arith.divsi", {2, integer<divsi>}},
      {"arith.divui", {2, integer<divui>}},
      {"arith.remsi", {2, integer<remsi>}},
      {"arith.remui", {2, integer<remui>}},
      {"arith.floordivsi", {2, integer<floordivsi>}},
      {"arith.ceildivsi", {2, integer<ceildivsi>}},
      {"arith.andi", {2, integer<andi>}},
      {"arith.ori", {2, integer<ori>}},
      {"arith.xori", {2, integer<xori>}},
      {"arith.shli", {2, integer<shli>}},
      {"arith.shrsi", {2, integer<shrsi>}},
      {"arith.shrui", {2, integer<shrui>}},
      {"arith.maxsi", {2, integer<maxsi>}},
      {"arith.minsi", {2, integer<minsi>}},
      {"arith.maxui", {2, integer<maxui>}},
      {"arith.minui", {2, integer<minui>}},
      {"arith.cmpi", {2, cmpi}},
      {"arith.cmpf", {2, cmpf}},
      {"arith.select", {3, select}},
      {"arith.extsi", {1, extendSigned}},
      {"arith.extui", {1, extendUnsigned}},
      {"arith.trunci", {1, extendSigned}},
      {"arith.index_cast", {1, extendSigned}},
      {"arith.index_castui", {1, extendUnsigned}},
      {"arith.sitofp", {1, signedToFloat}},
      {"arith.uitofp", {1, unsignedToFloat}},
      {"arith.fptosi", {1, floatToInteger}},
      {"arith.fptoui", {1, floatToInteger}},
      {"math.absf", {1, unary<std::fabs>}},
      {"math.absi", {1, absi}},
      {"math.acos", {1, unary<std::acos>}},
      {"math.acosh", {1, unary<std::acosh>}},
      {"math.asin", {1, unary<std::asin>}},
      {"math.asinh", {1, unary<std::asinh>}},
      {"math.atan", {1, unary<std::atan>}},
      {"math.atan2", {2, binary<std::atan2>}},
      {"math.atanh", {1, unary<std::atanh>}},
      {"math.cbrt", {1, unary<std::cbrt>}},
      {"math.ceil", {1, unary<std::ceil>}},
      {"math.copysign", {2, binary<std::copysign>}},
      {"math.cos", {1, unary<std::cos>}},
      {"math.cosh", {1, unary<std::cosh>}},
      {"math.erf", {1, unary<std::erf>}},
      {"math.erfc", {1, unary<std::erfc>}},
      {"math.exp", {1, unary<std::exp>}},
      {"math.exp2", {1, unary<std::exp2>}},
      {"math.expm1", {1, unary<std::expm1>}},
      {"math.floor", {1, unary<std::floor>}},
      {"math.fma", {3, fma}},
      {"math.log", {1, unary<std::log>}},
      {"math.log10", {1, unary<std::log10>}},
      {"math.log1p", {1, unary<std::log1p>}},
      {"math.log2", {1, unary<std::log2>}},
      {"math.powf", {2, binary<std::pow>}},
      {"math.round", {1, unary<std::round>}},
      {"math.roundeven", {1, unary<std::nearbyint>}},
      {"math.rsqrt", {1, unary<rsqrt>}},
      {"math.sin", {1, unary<std::sin>}},
      {"math.sinh", {1, unary<std::sinh>}},
      {"math.sqrt", {1, unary<std::sqrt>}},
      {"math.tan", {1, unary<std::tan>}},
      {"math.tanh", {1, unary<std::tanh>}},
      {"math.trunc", {1, unary<std::trunc>}},
  };
  return table;
}

unsigned getIntegerWidth(Type type) {
  auto integer = dyn_cast<IntegerType>(getElementTypeOrSelf(type));
  return integer ? integer.getWidth() : 0;
}
} // namespace

LaneOp ssmc::getLaneOp(Operation *op) {
  LaneOp result;
  auto entry = getTable().find(op->getName().getStringRef());
  if (entry == getTable().end() || op->getNumResults() != 1 ||
      op->getNumOperands() != entry->second.numInputs)
    return result;
  result.function = entry->second.function;
  result.numInputs = entry->second.numInputs;
  result.inWidth = getIntegerWidth(op->getOperand(0).getType());
  result.outWidth = getIntegerWidth(op->getResult(0).getType());
  if (auto cmp = dyn_cast<arith::CmpIOp>(op))
    result.predicate = static_cast<int64_t>(cmp.getPredicate());
  else if (auto cmp = dyn_cast<arith::CmpFOp>(op))
    result.predicate = static_cast<int64_t>(cmp.getPredicate());
  return result;
}
