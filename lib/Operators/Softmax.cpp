//===- Softmax.cpp - softmax, its logarithm, and places of extremes -------===//

#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"

using namespace mlir;
using namespace ssmc;

//===----------------------------------------------------------------------===//
// Softmax and LogSoftmax
//===----------------------------------------------------------------------===//

/// Up to operator set 12 all dimensions from `axis` on are normalised together;
/// from 13 on, `axis` alone. Nothing where the axis is beyond the rank.
static std::optional<SmallVector<int64_t>> softmaxAxes(onnx::NodeOp node,
                                                       int64_t rank) {
  bool together = node.getVersion() < 13;
  int64_t axis = node.getInt("axis", together ? 1 : -1);
  SmallVector<int64_t> axes;
  if (rank == 0 && (axis == 0 || axis == -1))
    return axes;
  if (together && axis == rank)
    return axes;
  auto normal = normalizeAxis(axis, rank);
  if (!normal)
    return std::nullopt;
  for (int64_t d = *normal; d < (together ? rank : *normal + 1); ++d)
    axes.push_back(d);
  return axes;
}

static LogicalResult inferSoftmax(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  if (!isa<FloatType>(x.elementType))
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  if (!softmaxAxes(ctx.node, x.dims.size()))
    return ctx.error("the axis is beyond the rank " + Twine(x.dims.size()));
  ctx.setResult(0, x.elementType, x.dims);
  return success();
}

/// exp(x - m) / sum(exp(x - m)) with m the maximum, which keeps the exponential
/// in range; or x - m - log(sum(exp(x - m))).
template <typename B>
static typename B::Value softmax(B &b, typename B::Value x,
                                 ArrayRef<int64_t> axes, bool logarithm) {
  using namespace scalar;
  int64_t rank = b.rank(x);
  SmallVector<int64_t> all = allLoops(rank), kept = loopsWithout(rank, axes);
  Type type = b.accumulatorType(x), resultType = b.elementType(x);
  auto top = reduceAxes(b, x, axes, type, -INFINITY,
                        [](auto x) { return max(x[1], x[0]); });
  using Operand = typename B::Operand;
  if (logarithm) {
    auto shifted = mapLike<B>(b, x, {Operand{x, all}, Operand{top, kept}}, type,
                              [](auto x) { return x[0] - x[1]; });
    auto sum = reduceAxes(b, shifted, axes, type, 0,
                          [](auto x) { return x[1] + exp(x[0]); });
    return mapLike<B>(b, x, {Operand{shifted, all}, Operand{sum, kept}},
                      resultType, [](auto x) { return x[0] - log(x[1]); });
  }
  auto raised = mapLike<B>(b, x, {Operand{x, all}, Operand{top, kept}}, type,
                           [](auto x) { return exp(x[0] - x[1]); });
  auto sum =
      reduceAxes(b, raised, axes, type, 0, [](auto x) { return x[1] + x[0]; });
  return mapLike<B>(b, x, {Operand{raised, all}, Operand{sum, kept}},
                    resultType, [](auto x) { return x[0] / x[1]; });
}

static LogicalResult evaluateSoftmax(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  auto axes = softmaxAxes(ctx.node, x.getRank());
  if (!axes || !x.isFloat())
    return ctx.error("an operand that does not fit");
  Calculator calculator;
  ctx.results[0] =
      softmax(calculator, x, *axes, ctx.node.getOpType() == "LogSoftmax");
  return success();
}

static LogicalResult lowerSoftmax(LowerContext &ctx) {
  Emitter emitter(ctx);
  Value x = ctx.input(0);
  auto axes = softmaxAxes(ctx.node, emitter.rank(x));
  if (!axes)
    return ctx.error("the axis is beyond the rank");
  setResult(ctx, 0,
            softmax(emitter, x, *axes, ctx.node.getOpType() == "LogSoftmax"));
  return success();
}

//===----------------------------------------------------------------------===//
// ArgMax and ArgMin
//===----------------------------------------------------------------------===//

static LogicalResult inferArg(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), x.dims.size());
  if (!axis)
    return ctx.error("the axis is beyond the rank " + Twine(x.dims.size()));
  if (!x.elementType.isIntOrFloat() || x.elementType.isInteger(1))
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  SmallVector<AffineExpr> dims(x.dims);
  if (ctx.node.getInt("keepdims", 1) != 0)
    dims[*axis] = ctx.constantDim(1);
  else
    dims.erase(dims.begin() + *axis);
  ctx.setResult(0, IntegerType::get(ctx.getContext(), 64), dims);
  return success();
}

/// First the extreme value of each row, then the least (or greatest) position
/// at which it stands: two plain reductions.
template <typename S, typename B>
static typename B::Value position(B &b, onnx::NodeOp node, typename B::Value x,
                                  int64_t axis, bool isUnsigned) {
  using namespace scalar;
  bool isMax = node.getOpType() == "ArgMax";
  bool last = node.getInt("select_last_index", 0) != 0;
  int64_t rank = b.rank(x);
  SmallVector<int64_t> kept = loopsWithout(rank, axis);
  auto extreme = isMax
                     ? reduceAxes<S>(
                           b, x, axis, b.elementType(x), -INFINITY,
                           [](auto x) { return max(x[1], x[0]); }, isUnsigned)
                     : reduceAxes<S>(
                           b, x, axis, b.elementType(x), INFINITY,
                           [](auto x) { return min(x[1], x[0]); }, isUnsigned);
  Type indexType = IntegerType::get(node.getContext(), 64);
  using Operand = typename B::Operand;
  Operand operands[] = {{x, allLoops(rank), isUnsigned},
                        {extreme, kept, isUnsigned}};
  return b.template generic<S>(
      operands, sizesOf(b, x), kept, indexType, last ? -1.0 : 0x1p53,
      [&](auto x, auto index) {
        auto here = toElement(x[2], index(axis));
        auto better = last ? max(x[2], here) : min(x[2], here);
        // What is not a number wins, and is not equal to itself.
        auto wins =
            select(equal(x[0], x[0]), equal(x[0], x[1]), notEqual(x[0], x[0]));
        return select(wins, better, x[2]);
      });
}

static LogicalResult evaluateArg(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), x.getRank());
  if (!axis || x.getShape()[*axis] == 0)
    return ctx.error("an axis that is beyond the rank or empty");
  Calculator calculator;
  bool isUnsigned = x.getElementType().isUnsignedInteger();
  Tensor y =
      x.isFloat()
          ? position<double>(calculator, ctx.node, x, *axis, isUnsigned)
          : position<int64_t>(calculator, ctx.node, x, *axis, isUnsigned);
  if (ctx.node.getInt("keepdims", 1) != 0)
    y = insertOnes(calculator, y, *axis);
  ctx.results[0] = std::move(y);
  return success();
}

static LogicalResult lowerArg(LowerContext &ctx) {
  Emitter emitter(ctx);
  Value x = ctx.input(0);
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), emitter.rank(x));
  if (!axis)
    return ctx.error("the axis is beyond the rank");
  Value y =
      position<double>(emitter, ctx.node, x, *axis, isUnsignedInput(ctx, 0));
  if (ctx.node.getInt("keepdims", 1) != 0)
    y = insertOnes(emitter, y, *axis);
  setResult(ctx, 0, y);
  return success();
}

void ssmc::registerSoftmaxOperators(OperatorTable &table) {
  for (StringRef name : {"Softmax", "LogSoftmax"})
    table.add({"", name, 1, inferSoftmax, evaluateSoftmax, lowerSoftmax});
  for (StringRef name : {"ArgMax", "ArgMin"})
    table.add({"", name, 1, inferArg, evaluateArg, lowerArg});
}
