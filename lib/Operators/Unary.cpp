//===- Unary.cpp - elementwise functions of one tensor --------------------===//

#include "lib/Operators/Broadcast.h"
#include "lib/Operators/Families.h"

using namespace mlir;
using namespace ssmc;
using ssmc::scalar::Scalar;

namespace {
/// A formula of one element and of up to two attributes of the node.
struct UnaryFunction {
  template <typename Formula>
  UnaryFunction(StringRef name, Formula formula,
                std::pair<StringRef, double> first = {"", 0},
                std::pair<StringRef, double> second = {"", 0})
      : name(name), real(formula), emit(formula), first(first), second(second) {
  }
  /// The same formula holds for integers.
  template <typename Formula>
  static UnaryFunction number(StringRef name, Formula formula) {
    UnaryFunction function(name, formula);
    function.integer = formula;
    return function;
  }

  StringRef name;
  double (*real)(double x, double a, double b);
  int64_t (*integer)(int64_t x, double a, double b) = nullptr;
  Scalar (*emit)(Scalar x, double a, double b);
  std::pair<StringRef, double> first, second;
};
} // namespace

namespace ssmc::scalar {
// The least integer has no negative: it wraps to itself.
static int64_t negative(int64_t x) { return int64_t(-uint64_t(x)); }
template <typename T>
static T negative(T x) {
  return -x;
}
static int64_t magnitude(int64_t x) { return x < 0 ? negative(x) : x; }
template <typename T>
static T magnitude(T x) {
  return abs(x);
}

static const UnaryFunction unaryFunctions[] = {
    UnaryFunction::number("Abs",
                          [](auto x, double, double) { return magnitude(x); }),
    UnaryFunction::number("Neg",
                          [](auto x, double, double) { return negative(x); }),
    UnaryFunction::number(
        "Relu", [](auto x, double, double) { return max(x, literal(x, 0)); }),
    UnaryFunction::number("Sign",
                          [](auto x, double, double) {
                            auto zero = literal(x, 0);
                            return select(
                                less(zero, x), literal(x, 1),
                                select(less(x, zero), literal(x, -1), x));
                          }),
    {"Exp", [](auto x, double, double) { return exp(x); }},
    {"Log", [](auto x, double, double) { return log(x); }},
    {"Sqrt", [](auto x, double, double) { return sqrt(x); }},
    {"Reciprocal", [](auto x, double, double) { return literal(x, 1) / x; }},
    {"Sigmoid", [](auto x, double, double) { return sigmoid(x); }},
    {"Tanh", [](auto x, double, double) { return tanh(x); }},
    {"Erf", [](auto x, double, double) { return erf(x); }},
    {"Softplus", [](auto x, double, double) { return softplus(x); }},
    {"Softsign",
     [](auto x, double, double) { return x / (literal(x, 1) + abs(x)); }},
    {"Sin", [](auto x, double, double) { return sin(x); }},
    {"Cos", [](auto x, double, double) { return cos(x); }},
    {"Tan", [](auto x, double, double) { return tan(x); }},
    {"Asin", [](auto x, double, double) { return asin(x); }},
    {"Acos", [](auto x, double, double) { return acos(x); }},
    {"Atan", [](auto x, double, double) { return atan(x); }},
    {"Sinh", [](auto x, double, double) { return sinh(x); }},
    {"Cosh", [](auto x, double, double) { return cosh(x); }},
    {"Asinh", [](auto x, double, double) { return asinh(x); }},
    {"Acosh", [](auto x, double, double) { return acosh(x); }},
    {"Atanh", [](auto x, double, double) { return atanh(x); }},
    {"Floor", [](auto x, double, double) { return floor(x); }},
    {"Ceil", [](auto x, double, double) { return ceil(x); }},
    {"Round", [](auto x, double, double) { return roundEven(x); }},
    {"Mish", [](auto x, double, double) { return x * tanh(softplus(x)); }},
    {"HardSwish",
     [](auto x, double, double) {
       return x * max(literal(x, 0),
                      min(literal(x, 1),
                          x * literal(x, 1.0 / 6) + literal(x, 0.5)));
     }},
    {"HardSigmoid",
     [](auto x, double a, double b) {
       return max(literal(x, 0),
                  min(literal(x, 1), x * literal(x, a) + literal(x, b)));
     },
     {"alpha", 0.2},
     {"beta", 0.5}},
    {"Elu",
     [](auto x, double a, double) {
       return select(less(x, literal(x, 0)), literal(x, a) * expm1(x), x);
     },
     {"alpha", 1}},
    {"Celu",
     [](auto x, double a, double) {
       auto zero = literal(x, 0);
       return max(zero, x) +
              min(zero, literal(x, a) * expm1(x / literal(x, a)));
     },
     {"alpha", 1}},
    {"Selu",
     [](auto x, double a, double g) {
       return literal(x, g) *
              select(lessEqual(x, literal(x, 0)), literal(x, a) * expm1(x), x);
     },
     {"alpha", 1.67326319217681884765625},
     {"gamma", 1.05070102214813232421875}},
    {"LeakyRelu",
     [](auto x, double a, double) {
       return select(less(x, literal(x, 0)), literal(x, a) * x, x);
     },
     {"alpha", 0.01}},
    {"ThresholdedRelu",
     [](auto x, double a, double) {
       return select(less(literal(x, a), x), x, literal(x, 0));
     },
     {"alpha", 1}},
    {"Shrink",
     [](auto x, double l, double b) {
       auto limit = literal(x, l), bias = literal(x, b);
       return select(less(x, -limit), x + bias,
                     select(less(limit, x), x - bias, literal(x, 0)));
     },
     {"lambd", 0.5},
     {"bias", 0}},
    {"Swish",
     [](auto x, double a, double) { return x * sigmoid(literal(x, a) * x); },
     {"alpha", 1}},
};

/// Gelu has two formulas, chosen by an attribute.
static const UnaryFunction geluExact{
    "Gelu", [](auto x, double, double) {
      return literal(x, 0.5) * x *
             (literal(x, 1) + erf(x * literal(x, 0.70710678118654752440)));
    }};
static const UnaryFunction geluTanh{
    "Gelu", [](auto x, double, double) {
      auto inner = x + literal(x, 0.044715) * x * x * x;
      return literal(x, 0.5) * x *
             (literal(x, 1) + tanh(literal(x, 0.79788456080286535588) * inner));
    }};
} // namespace ssmc::scalar

static const UnaryFunction *findFunction(onnx::NodeOp node) {
  if (node.getOpType() == "Gelu")
    return node.getString("approximate", "none") == "tanh" ? &scalar::geluTanh
                                                           : &scalar::geluExact;
  static const llvm::StringMap<const UnaryFunction *> byName = [] {
    llvm::StringMap<const UnaryFunction *> map;
    for (const UnaryFunction &function : scalar::unaryFunctions)
      map[function.name] = &function;
    return map;
  }();
  return byName.lookup(node.getOpType());
}

static LogicalResult inferUnary(InferContext &ctx) {
  const ValueShape &input = ctx.input(0);
  const UnaryFunction *function = findFunction(ctx.node);
  bool isInteger =
      isa<IntegerType>(input.elementType) && !input.elementType.isInteger(1);
  if (!isa<FloatType>(input.elementType) && !(isInteger && function->integer))
    return ctx.error("not defined for elements of type " +
                     describeType(input.elementType));
  ctx.setResult(0, input.elementType, input.dims);
  if (ctx.node.getOpType() == "Neg")
    if (auto known = ctx.knownElements(0)) {
      for (AffineExpr &element : *known)
        element = -element;
      ctx.setElements(0, *known);
    }
  return success();
}

// The functions of integers, where none is negative: the sign bit is a digit.
static int64_t applyUnsigned(StringRef name, int64_t x) {
  return name == "Neg" ? scalar::negative(x) : name == "Sign" ? x != 0 : x;
}

static LogicalResult evaluateUnary(EvalContext &ctx) {
  const UnaryFunction *function = findFunction(ctx.node);
  const Tensor &x = ctx.inputs[0];
  double a = ctx.node.getFloat(function->first.first, function->first.second);
  double b = ctx.node.getFloat(function->second.first, function->second.second);
  Tensor *y = ctx.makeUninitialized(0, x.getElementType(), x.getShape());
  if (!y)
    return failure();
  if (x.isFloat()) {
    for (auto [to, from] : llvm::zip(y->mutableFloats(), x.floats()))
      to = function->real(from, a, b);
    return success();
  }
  if (!function->integer)
    return ctx.error("no such function of integers");
  bool isUnsigned = x.getElementType().isUnsignedInteger();
  for (auto [to, from] : llvm::zip(y->mutableInts(), x.ints()))
    to = wrapInteger(isUnsigned ? applyUnsigned(function->name, from)
                                : function->integer(from, a, b),
                     x.getElementType());
  return success();
}

static LogicalResult lowerUnary(LowerContext &ctx) {
  const UnaryFunction *function = findFunction(ctx.node);
  double a = ctx.node.getFloat(function->first.first, function->first.second);
  double b = ctx.node.getFloat(function->second.first, function->second.second);
  ctx.setResult(0, elementwise(ctx, 0, ctx.input(0), [&](ArrayRef<Scalar> x) {
                  return function->emit(x[0], a, b);
                }));
  return success();
}

void ssmc::registerUnaryOperators(OperatorTable &table) {
  for (const UnaryFunction &function : scalar::unaryFunctions)
    table.add({"", function.name, 1, inferUnary, evaluateUnary, lowerUnary});
  table.add({"", "Gelu", 20, inferUnary, evaluateUnary, lowerUnary});
}
