//===- Binary.cpp - arithmetic on two tensors -----------------------------===//
//
// Integer arithmetic wraps. Division by zero of integers is undefined in ONNX;
// here quotient and remainder are then 0, in the evaluator and at run time.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Broadcast.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;
using ssmc::scalar::Scalar;

namespace ssmc::scalar {
// Integers wrap: computed as unsigned, where overflow is defined.
static int64_t add(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) + uint64_t(b));
}
static int64_t subtract(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) - uint64_t(b));
}
static int64_t multiply(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) * uint64_t(b));
}
static int64_t rest(int64_t a, int64_t b) {
  return b == 0 || b == -1 ? 0 : a % b;
}
/// `value` with the sign of the divisor, given the remainder of a division.
static int64_t floorRest(int64_t a, int64_t b) {
  int64_t r = rest(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static double floorRest(double a, double b) {
  double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static Scalar floorRest(Scalar a, Scalar b) {
  Scalar r = remainder(a, b);
  if (a.isUnsigned)
    return r;
  Scalar zero = a.constant(0);
  Scalar differ = notEqual(less(r, zero), less(b, zero));
  return select(logicalAnd(notEqual(r, zero), differ), r + b, r);
}
static int64_t power(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  uint64_t result = 1, factor = uint64_t(base);
  for (; exponent; exponent >>= 1, factor *= factor)
    if (exponent & 1)
      result *= factor;
  return int64_t(result);
}
/// A shift by the width or more, or by a negative amount, leaves nothing but
/// the copies of the sign that come in from the left.
static int64_t shift(int64_t a, int64_t b, bool left) {
  if (b < 0 || b > 63)
    return !left && a < 0 ? -1 : 0;
  return left ? int64_t(uint64_t(a) << b) : a >> b;
}
static Scalar shift(Scalar a, Scalar b, bool left) {
  int64_t bits = a.getType().getIntOrFloatBitWidth();
  b.isUnsigned = true; // a negative amount is a large one
  Scalar fits = less(b, b.constant(bits));
  Scalar amount = select(fits, b, b.constant(bits - 1));
  if (!left && !a.isUnsigned)
    return a.make<arith::ShRSIOp>(a.value, amount.value);
  Scalar shifted = left ? a.make<arith::ShLIOp>(a.value, amount.value)
                        : a.make<arith::ShRUIOp>(a.value, amount.value);
  return select(fits, shifted, a.constant(0));
}
} // namespace ssmc::scalar

namespace {
struct BinaryFunction {
  StringRef name;
  int64_t since;
  double (*real)(double, double); // null: integers only
  int64_t (*integer)(int64_t, int64_t);
  Scalar (*emit)(Scalar, Scalar);
  AffineExpr (*extent)(AffineExpr, AffineExpr) = nullptr;
};
} // namespace

namespace ssmc::scalar {
static const BinaryFunction binaryFunctions[] = {
    {"Add", 7, [](double a, double b) { return a + b; }, add,
     [](Scalar a, Scalar b) { return a + b; },
     [](AffineExpr a, AffineExpr b) { return a + b; }},
    {"Sub", 7, [](double a, double b) { return a - b; }, subtract,
     [](Scalar a, Scalar b) { return a - b; },
     [](AffineExpr a, AffineExpr b) { return a - b; }},
    {"Mul", 7, [](double a, double b) { return a * b; }, multiply,
     [](Scalar a, Scalar b) { return a * b; },
     [](AffineExpr a, AffineExpr b) { return a * b; }},
    {"Div", 7, [](double a, double b) { return a / b; }, quotient,
     [](Scalar a, Scalar b) { return a / b; }, divideExprs},
    {"PRelu", 7, [](double a, double b) { return a < 0 ? a * b : a; },
     [](int64_t a, int64_t b) { return a < 0 ? multiply(a, b) : a; },
     [](Scalar a, Scalar b) {
       return select(less(a, a.constant(0)), a * b, a);
     }},
    {"BitwiseAnd", 18, nullptr, [](int64_t a, int64_t b) { return a & b; },
     [](Scalar a, Scalar b) { return logicalAnd(a, b); }},
    {"BitwiseOr", 18, nullptr, [](int64_t a, int64_t b) { return a | b; },
     [](Scalar a, Scalar b) { return logicalOr(a, b); }},
    {"BitwiseXor", 18, nullptr, [](int64_t a, int64_t b) { return a ^ b; },
     [](Scalar a, Scalar b) {
       return a.make<arith::XOrIOp>(a.value, b.value);
     }},
};

// Chosen by attributes of the node.
static const BinaryFunction floorMod{
    "Mod",
    10,
    [](double a, double b) { return floorRest(a, b); },
    [](int64_t a, int64_t b) { return floorRest(a, b); },
    [](Scalar a, Scalar b) { return floorRest(a, b); },
    remainderExprs};
static const BinaryFunction truncatedMod{
    "Mod",
    10,
    [](double a, double b) { return remainder(a, b); },
    rest,
    [](Scalar a, Scalar b) { return remainder(a, b); },
    truncatedRemainderExprs};
static const BinaryFunction shiftLeft{
    "BitShift", 11, nullptr,
    [](int64_t a, int64_t b) { return shift(a, b, true); },
    [](Scalar a, Scalar b) { return shift(a, b, true); }};
static const BinaryFunction shiftRight{
    "BitShift", 11, nullptr,
    [](int64_t a, int64_t b) { return shift(a, b, false); },
    [](Scalar a, Scalar b) { return shift(a, b, false); }};
} // namespace ssmc::scalar

static const BinaryFunction *findFunction(onnx::NodeOp node) {
  StringRef name = node.getOpType();
  if (name == "Mod")
    return node.getInt("fmod", 0) ? &scalar::truncatedMod : &scalar::floorMod;
  if (name == "BitShift")
    return node.getString("direction", "") == "LEFT" ? &scalar::shiftLeft
                                                     : &scalar::shiftRight;
  static const llvm::StringMap<const BinaryFunction *> byName = [] {
    llvm::StringMap<const BinaryFunction *> map;
    for (const BinaryFunction &function : scalar::binaryFunctions)
      map[function.name] = &function;
    return map;
  }();
  return byName.lookup(name);
}

static LogicalResult inferBinary(InferContext &ctx) {
  const BinaryFunction *function = findFunction(ctx.node);
  Type type = ctx.input(0).elementType;
  if (type != ctx.input(1).elementType)
    return ctx.error(
        "operands have different element types: " + describeType(type) +
        " and " + describeType(ctx.input(1).elementType));
  bool isInteger = isa<IntegerType>(type) && !type.isInteger(1);
  if (!isInteger && !(isa<FloatType>(type) && function->real))
    return ctx.error("not defined for elements of type " + describeType(type));
  auto dims = broadcastInputs(ctx);
  if (failed(dims))
    return failure();
  ctx.setResult(0, type, *dims);
  if (isInteger && function->extent)
    propagateElements(ctx, 2, [&](ArrayRef<AffineExpr> x) {
      return function->extent(x[0], x[1]);
    });
  return success();
}

/// Quotient, remainder, right shift and PRelu of unsigned 64-bit integers are
/// the only results that differ from those of signed ones of 64 bits.
static int64_t applyInteger(const BinaryFunction &function, Type type,
                            int64_t a, int64_t b) {
  if (type.isUnsignedInteger(64)) {
    if (function.name == "PRelu")
      return a;
    if (function.name == "Div")
      return b == 0 ? 0 : int64_t(uint64_t(a) / uint64_t(b));
    if (function.name == "Mod")
      return b == 0 ? 0 : int64_t(uint64_t(a) % uint64_t(b));
    if (&function == &scalar::shiftRight)
      return uint64_t(b) > 63 ? 0 : int64_t(uint64_t(a) >> b);
  }
  return wrapInteger(function.integer(a, b), type);
}

static LogicalResult evaluateBinary(EvalContext &ctx) {
  const BinaryFunction *function = findFunction(ctx.node);
  const Tensor &a = ctx.inputs[0], &b = ctx.inputs[1];
  auto shape = broadcastShapes({a.getShape(), b.getShape()});
  if (!shape)
    return ctx.error("shapes do not broadcast");
  if (a.isFloat() != b.isFloat() || (a.isFloat() && !function->real))
    return ctx.error("operands of the wrong types");
  Tensor *y = ctx.makeUninitialized(0, a.getElementType(), *shape);
  if (!y)
    return failure();
  SmallVector<SmallVector<int64_t>> strides{
      broadcastStrides(a.getShape(), *shape),
      broadcastStrides(b.getShape(), *shape)};
  if (a.isFloat()) {
    double *to = y->mutableFloats().data();
    const double *left = a.floats().data(), *right = b.floats().data();
    auto real = function->real;
    forEachRun(*shape, strides,
               [=](int64_t i, int64_t length, ArrayRef<int64_t> at,
                   ArrayRef<int64_t> steps) {
                 const double *x = left + at[0], *z = right + at[1];
                 int64_t stepX = steps[0], stepZ = steps[1];
                 for (int64_t k = 0; k < length; ++k)
                   to[i + k] = real(x[k * stepX], z[k * stepZ]);
               });
    return success();
  }
  auto to = y->mutableInts();
  forEachBroadcast(*shape, strides, [&](int64_t i, ArrayRef<int64_t> at) {
    to[i] = applyInteger(*function, a.getElementType(), a.ints()[at[0]],
                         b.ints()[at[1]]);
  });
  return success();
}

static LogicalResult lowerBinary(LowerContext &ctx) {
  const BinaryFunction *function = findFunction(ctx.node);
  ctx.setResult(0, elementwise(ctx, 0, {ctx.input(0), ctx.input(1)},
                               [&](ArrayRef<Scalar> x) {
                                 return function->emit(x[0], x[1]);
                               }));
  return success();
}

//===----------------------------------------------------------------------===//
// Pow: the operands may have different types; the result has the base's.
//===----------------------------------------------------------------------===//

static LogicalResult inferPow(InferContext &ctx) {
  Type base = ctx.input(0).elementType, exponent = ctx.input(1).elementType;
  for (Type type : {base, exponent})
    if (!type.isIntOrFloat() || type.isInteger(1))
      return ctx.error("not defined for elements of type " +
                       describeType(type));
  auto dims = broadcastInputs(ctx);
  if (failed(dims))
    return failure();
  ctx.setResult(0, base, *dims);
  return success();
}

static LogicalResult evaluatePow(EvalContext &ctx) {
  const Tensor &a = ctx.inputs[0], &b = ctx.inputs[1];
  auto shape = broadcastShapes({a.getShape(), b.getShape()});
  if (!shape)
    return ctx.error("shapes do not broadcast");
  Tensor *y = ctx.makeResult(0, a.getElementType(), *shape);
  if (!y)
    return failure();
  SmallVector<SmallVector<int64_t>> strides{
      broadcastStrides(a.getShape(), *shape),
      broadcastStrides(b.getShape(), *shape)};
  forEachBroadcast(*shape, strides, [&](int64_t i, ArrayRef<int64_t> at) {
    if (a.isFloat())
      y->mutableFloats()[i] = std::pow(a.floats()[at[0]], b.at(at[1]));
    else if (b.isFloat())
      y->mutableInts()[i] = toInteger(std::pow(a.at(at[0]), b.floats()[at[1]]),
                                      a.getElementType());
    else
      y->mutableInts()[i] = wrapInteger(
          scalar::power(a.ints()[at[0]], b.ints()[at[1]]), a.getElementType());
  });
  return success();
}

/// The value of an exponent that is one number.
static std::optional<double> constantExponent(LowerContext &ctx) {
  ElementsAttr attr = ctx.constant(1);
  if (!attr || attr.getNumElements() == 0 || attr.getNumElements() > 64)
    return std::nullopt;
  FailureOr<Tensor> tensor = Tensor::fromAttr(attr);
  if (failed(tensor))
    return std::nullopt;
  for (int64_t i = 1; i < tensor->getNumElements(); ++i)
    if (tensor->at(i) != tensor->at(0))
      return std::nullopt;
  return tensor->at(0);
}

/// Exponentiation by squaring, unrolled over the bits of the exponent. With a
/// negative exponent the power is that of 1 / x, which is 0 but for 1 and -1.
static Scalar emitIntegerPower(Scalar x, Scalar y) {
  using namespace scalar;
  Scalar zero = x.constant(0), one = x.constant(1), result = one, factor = x;
  for (unsigned bit = 0, e = x.getType().getIntOrFloatBitWidth(); bit < e;
       ++bit) {
    APInt mask = APInt::getOneBitSet(e, bit);
    Scalar set = y.make<arith::AndIOp>(
        y.value, Value(arith::ConstantOp::create(
                     *x.builder, x.loc, IntegerAttr::get(x.getType(), mask))));
    result = select(notEqual(set, zero), result * factor, result);
    factor = factor * factor;
  }
  if (y.isUnsigned)
    return result;
  // 1 and -1 are their own inverses: their power is that of |y|, and all bits
  // of -y and y but the lowest are even exponents of them.
  Scalar unit = logicalOr(equal(x, one), equal(x, x.constant(-1)));
  return select(logicalAnd(less(y, zero), equal(unit, unit.constant(0))), zero,
                result);
}

/// x^e without a call where `e` is a small multiple of 1/2.
static Scalar emitPower(Scalar x, Scalar y, std::optional<double> e) {
  using namespace scalar;
  if (e && x.isFloat()) {
    if (*e == 0.5 || *e == -0.5) {
      // Where they differ: a power of -0 is 0, one of -infinity is infinite.
      Scalar root =
          select(equal(x, x.constant(-INFINITY)), x.constant(INFINITY),
                 scalar::sqrt(x) + x.constant(0));
      return *e == 0.5 ? root : x.constant(1) / root;
    }
    if (*e == 1 || *e == -1)
      return *e == 1 ? x : x.constant(1) / x;
    if (*e == 2 || *e == -2)
      return *e == 2 ? x * x : x.constant(1) / (x * x);
    if (*e == 3)
      return x * x * x;
  }
  Type type = x.getType();
  if (x.isFloat())
    return scalar::pow(x, convert(y, type, false));
  if (y.isFloat()) {
    Type wide = x.builder->getF64Type();
    return convert(
        scalar::pow(convert(x, wide, false), convert(y, wide, false)), type,
        x.isUnsigned);
  }
  return emitIntegerPower(x, convert(y, type, x.isUnsigned));
}

static LogicalResult lowerPow(LowerContext &ctx) {
  std::optional<double> exponent = constantExponent(ctx);
  ctx.setResult(0, elementwise(ctx, 0, {ctx.input(0), ctx.input(1)},
                               [&](ArrayRef<Scalar> x) {
                                 return emitPower(x[0], x[1], exponent);
                               }));
  return success();
}

void ssmc::registerBinaryOperators(OperatorTable &table) {
  auto add = [&](StringRef name, int64_t since) {
    table.add(
        {"", name, since, inferBinary, evaluateBinary, lowerBinary, 2, 2});
  };
  for (const BinaryFunction &function : scalar::binaryFunctions)
    add(function.name, function.since);
  add("Mod", 10);
  add("BitShift", 11);
  table.add({"", "Pow", 7, inferPow, evaluatePow, lowerPow, 2, 2});
}
