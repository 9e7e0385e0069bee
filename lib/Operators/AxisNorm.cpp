//===- AxisNorm.cpp - normalisation along axes ----------------------------===//
//
// Hardmax, LpNormalization, MeanVarianceNormalization and LRN: each element by
// a reduction of those around it. The result has the shape of the input.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

/// The axes that are reduced. Nothing where one is beyond the rank, or LRN has
/// no channels or a bad size.
static std::optional<SmallVector<int64_t>> normAxes(onnx::NodeOp node,
                                                    int64_t rank) {
  StringRef name = node.getOpType();
  SmallVector<int64_t> given{node.getInt("axis", -1)};
  if (name == "MeanVarianceNormalization")
    given = node.getInts("axes").value_or(SmallVector<int64_t>{0, 2, 3});
  if (name == "LRN")
    given = {1};
  if (name == "LRN" &&
      (node.getInt("size", 0) < 1 || node.getInt("size", 0) > (1 << 20)))
    return std::nullopt;
  if (name == "LpNormalization" && node.getInt("p", 2) != 1 &&
      node.getInt("p", 2) != 2)
    return std::nullopt;
  SmallVector<int64_t> axes;
  for (int64_t axis : given) {
    auto normal = normalizeAxis(axis, rank);
    if (!normal || llvm::is_contained(axes, *normal))
      return std::nullopt;
    axes.push_back(*normal);
  }
  return axes;
}

static LogicalResult inferAxisNorm(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  if (!isa<FloatType>(x.elementType))
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  if (!normAxes(ctx.node, x.dims.size()))
    return ctx.error("attributes that do not fit an input of rank " +
                     Twine(x.dims.size()));
  ctx.setResult(0, x.elementType, x.dims);
  return success();
}

namespace {
template <typename B>
struct AxisNorm {
  using V = typename B::Value;
  using Operand = typename B::Operand;

  B &b;
  onnx::NodeOp node;
  SmallVector<int64_t> axes;
  SmallVector<int64_t> all, kept;
  Type type;

  V hardmax(V x) {
    using namespace scalar;
    V top = reduceAxes(b, x, axes, type, -INFINITY,
                       [](auto x) { return max(x[1], x[0]); });
    Type integer = IntegerType::get(node.getContext(), 64);
    V first =
        b.generic({Operand{x, all}, Operand{top, kept}}, sizesOf(b, x), kept,
                  integer, 0x1p53, [&](auto x, auto index) {
                    auto here = toElement(x[2], index(axes[0]));
                    return select(equal(x[0], x[1]), min(x[2], here), x[2]);
                  });
    return mapLike<B>(b, x, {Operand{x, all}, Operand{first, kept}}, type,
                      [&](auto x, auto index) {
                        auto here = toElement(x[1], index(axes[0]));
                        return select(equal(x[1], here), literal(x[0], 1),
                                      literal(x[0], 0));
                      });
  }

  V unitLength(V x) {
    using namespace scalar;
    bool absolute = node.getInt("p", 2) == 1;
    V sum = reduceAxes(b, x, axes, type, 0, [&](auto x) {
      return x[1] + (absolute ? abs(x[0]) : x[0] * x[0]);
    });
    return mapLike<B>(b, x, {Operand{x, all}, Operand{sum, kept}}, type,
                      [&](auto x) {
                        auto zero = literal(x[0], 0), one = literal(x[0], 1);
                        auto norm = absolute ? x[1] : sqrt(x[1]);
                        // A vector of zeros stays one.
                        return x[0] / select(equal(norm, zero), one, norm);
                      });
  }

  V standard(V x) {
    using namespace scalar;
    auto count = b.constant(1);
    for (int64_t d : axes)
      count = b.multiply(count, b.size(x, d));
    V number = b.scalar(count, type);
    auto average = [&](V sum) {
      return mapLike<B>(
          b, sum, {Operand{sum, allLoops(kept.size())}, Operand{number, {}}},
          type, [](auto x) { return x[0] / x[1]; });
    };
    V mean = average(
        reduceAxes(b, x, axes, type, 0, [](auto x) { return x[1] + x[0]; }));
    V variance = average(b.generic({Operand{x, all}, Operand{mean, kept}},
                                   sizesOf(b, x), kept, type, 0.0, [](auto x) {
                                     auto difference = x[0] - x[1];
                                     return x[2] + difference * difference;
                                   }));
    return mapLike<B>(
        b, x, {Operand{x, all}, Operand{mean, kept}, Operand{variance, kept}},
        type, [](auto x) {
          return (x[0] - x[1]) / (sqrt(x[2]) + literal(x[2], 1e-9));
        });
  }

  V localResponse(V x) {
    using namespace scalar;
    int64_t size = node.getInt("size", 1), before = (size - 1) / 2;
    double alpha = node.getFloat("alpha", 1e-4),
           beta = node.getFloat("beta", 0.75), bias = node.getFloat("bias", 1);
    SmallVector<typename B::Size> low(b.rank(x), b.constant(0)), high = low;
    low[1] = b.constant(before);
    high[1] = b.constant(size - 1 - before);
    V padded = b.pad(x, low, high, 0);
    // Gives the loop over a window its extent.
    V one = b.scalar(b.constant(1), type);
    V frame = b.generic({Operand{one, {}}}, {b.constant(size)}, {0}, type,
                        std::nullopt, [](auto x) { return x[0]; });
    SmallVector<typename B::Size> loops = sizesOf(b, x);
    int64_t window = loops.size();
    loops.push_back(b.constant(size));
    Operand input{padded, all};
    input.windows.push_back({1, 1, window, 1});
    V squares = b.generic({input, Operand{frame, {window}}}, loops, all, type,
                          0.0, [](auto x) { return x[2] + x[0] * x[0]; });
    return mapLike<B>(b, x, {Operand{x, all}, Operand{squares, all}}, type,
                      [&](auto x) {
                        auto base = literal(x[1], bias) +
                                    literal(x[1], alpha / double(size)) * x[1];
                        return x[0] / pow(base, literal(x[1], beta));
                      });
  }

  V run(V x) {
    all = allLoops(b.rank(x));
    kept = loopsWithout(b.rank(x), axes);
    type = b.accumulatorType(x);
    StringRef name = node.getOpType();
    V y = name == "Hardmax"           ? hardmax(x)
          : name == "LpNormalization" ? unitLength(x)
          : name == "LRN"             ? localResponse(x)
                                      : standard(x);
    return convertElements(b, y, b.elementType(x));
  }
};
} // namespace

static LogicalResult evaluateAxisNorm(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  auto axes = normAxes(ctx.node, x.getRank());
  if (!axes || !x.isFloat())
    return ctx.error("an operand that does not fit");
  Calculator calculator;
  ctx.results[0] =
      AxisNorm<Calculator>{calculator, ctx.node, *axes, {}, {}, {}}.run(x);
  if (calculator.failed)
    return ctx.error("too large to evaluate");
  return success();
}

static LogicalResult lowerAxisNorm(LowerContext &ctx) {
  Emitter emitter(ctx);
  auto axes = normAxes(ctx.node, emitter.rank(ctx.input(0)));
  if (!axes)
    return ctx.error("attributes that do not fit the input");
  AxisNorm<Emitter> norm{emitter, ctx.node, *axes, {}, {}, {}};
  setResult(ctx, 0, norm.run(ctx.input(0)));
  return success();
}

void ssmc::registerAxisNormOperators(OperatorTable &table) {
  auto add = [&](StringRef name, int64_t since) {
    table.add(
        {"", name, since, inferAxisNorm, evaluateAxisNorm, lowerAxisNorm});
  };
  add("Hardmax", 13);
  add("LpNormalization", 1);
  add("MeanVarianceNormalization", 9);
  add("LRN", 1);
}
