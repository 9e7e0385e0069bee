//===- Loss.cpp - losses over classes -------------------------------------===//
//
// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: of scores N x C x ...
// the one of the target's class, weighted, which is -log of its softmax for the
// latter. A target that is to be ignored counts for nothing, not even in the
// mean.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

static bool isSoftmax(onnx::NodeOp node) {
  return node.getOpType() == "SoftmaxCrossEntropyLoss";
}

static LogicalResult inferLoss(InferContext &ctx) {
  const ValueShape &x = ctx.input(0), &target = ctx.input(1);
  size_t rank = x.dims.size();
  if (rank < 2 || target.dims.size() + 1 != rank ||
      !isa<FloatType>(x.elementType) || !isa<IntegerType>(target.elementType))
    return ctx.error("expects scores N x C x ... of floats and targets N x ... "
                     "of integers, has " +
                     describeDims(x.dims) + " and " +
                     describeDims(target.dims));
  SmallVector<AffineExpr> kept(x.dims);
  kept.erase(kept.begin() + 1);
  auto require = [&](ArrayRef<AffineExpr> given, ArrayRef<AffineExpr> needed) {
    for (auto [a, b] : llvm::zip(given, needed)) {
      if (asConstant(a) && asConstant(b) && *asConstant(a) != *asConstant(b))
        return false;
      ctx.requireEqual(a, b);
    }
    return given.size() == needed.size();
  };
  if (!require(target.dims, kept))
    return ctx.error("the targets do not fit the scores");
  if (ctx.node.hasInput(2) && (ctx.input(2).elementType != x.elementType ||
                               !require(ctx.input(2).dims, x.dims[1])))
    return ctx.error("needs a weight for each class");
  StringRef reduction = ctx.node.getString("reduction", "mean");
  if (reduction != "none" && reduction != "mean" && reduction != "sum")
    return ctx.error("has the unknown reduction '" + reduction + "'");
  ctx.setResult(0, x.elementType,
                reduction == "none" ? kept : SmallVector<AffineExpr>());
  if (ctx.node->getNumResults() > 1)
    ctx.setResult(1, x.elementType, x.dims);
  return success();
}

template <typename B>
static typename B::Value logSoftmax(B &b, typename B::Value x, Type type) {
  using namespace scalar;
  using Operand = typename B::Operand;
  int64_t axis = 1;
  SmallVector<int64_t> all = allLoops(b.rank(x)),
                       kept = loopsWithout(b.rank(x), axis);
  auto top = reduceAxes(b, x, axis, type, -INFINITY,
                        [](auto x) { return max(x[1], x[0]); });
  auto shifted = mapLike<B>(b, x, {Operand{x, all}, Operand{top, kept}}, type,
                            [](auto x) { return x[0] - x[1]; });
  auto sum = reduceAxes(b, shifted, axis, type, 0,
                        [](auto x) { return x[1] + exp(x[0]); });
  return mapLike<B>(b, x, {Operand{shifted, all}, Operand{sum, kept}}, type,
                    [](auto x) { return x[0] - log(x[1]); });
}

/// The loss, and of the softmax the logarithms.
template <typename B>
static std::pair<typename B::Value, typename B::Value>
computeLoss(B &b, onnx::NodeOp node, typename B::Value x,
            typename B::Value target, std::optional<typename B::Value> weight) {
  using namespace scalar;
  using V = typename B::Value;
  using Operand = typename B::Operand;
  Type type = b.accumulatorType(x), resultType = b.elementType(x);
  if (isSoftmax(node))
    x = logSoftmax(b, x, type);
  int64_t rank = b.rank(x);
  SmallVector<int64_t> all = allLoops(rank), kept = loopsWithout(rank, 1);
  bool ignores = static_cast<bool>(node.getAttrs().get("ignore_index"));
  double ignored = node.getInt("ignore_index", 0);
  SmallVector<Operand> operands{{x, all}, {target, kept}};
  if (weight)
    operands.push_back({*weight, {1}});
  // What a class adds: its score or its weight, if it is the target's.
  auto pick = [&](bool score) {
    return b.generic(
        operands, sizesOf(b, x), kept, type, 0.0, [&](auto e, auto index) {
          auto sum = e[operands.size()];
          auto zero = literal(sum, 0), one = literal(sum, 1);
          auto factor = weight ? e[2] : one;
          auto value = score ? zero - e[0] * factor : factor;
          auto isClass = equal(e[1], toElement(e[1], index(1)));
          auto added = select(isClass, value, zero);
          if (ignores)
            added = select(equal(e[1], literal(e[1], ignored)), zero, added);
          return sum + added;
        });
  };
  auto total = [&](V each) {
    return reduceAxes(b, each, allLoops(b.rank(each)), type, 0,
                      [](auto x) { return x[1] + x[0]; });
  };
  StringRef reduction = node.getString("reduction", "mean");
  V loss = pick(true);
  if (reduction != "none")
    loss = total(loss);
  if (reduction == "mean")
    loss = mapLike<B>(b, loss,
                      {Operand{loss, {}}, Operand{total(pick(false)), {}}},
                      type, [](auto x) { return x[0] / x[1]; });
  return {convertElements(b, loss, resultType),
          convertElements(b, x, resultType)};
}

static LogicalResult evaluateLoss(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0], &target = ctx.inputs[1];
  SmallVector<int64_t> kept(x.getShape());
  if (kept.size() >= 2)
    kept.erase(kept.begin() + 1);
  std::optional<Tensor> weight;
  if (ctx.has(2))
    weight = ctx.inputs[2];
  if (x.getRank() < 2 || !x.isFloat() || target.isFloat() ||
      target.getShape() != ArrayRef(kept) ||
      (weight &&
       (!weight->isFloat() || weight->getShape() != x.getShape().slice(1, 1))))
    return ctx.error("operands that do not fit");
  Calculator calculator;
  auto [loss, logarithms] =
      computeLoss<Calculator>(calculator, ctx.node, x, target, weight);
  if (calculator.failed)
    return ctx.error("too large to evaluate");
  ctx.results[0] = loss;
  if (ctx.results.size() > 1)
    ctx.results[1] = logarithms;
  return success();
}

static LogicalResult lowerLoss(LowerContext &ctx) {
  Emitter emitter(ctx);
  std::optional<Value> weight;
  if (ctx.node.hasInput(2))
    weight = ctx.input(2);
  auto [loss, logarithms] = computeLoss<Emitter>(
      emitter, ctx.node, ctx.input(0), ctx.input(1), weight);
  setResult(ctx, 0, loss);
  if (ctx.node->getNumResults() > 1)
    setResult(ctx, 1, logarithms);
  return success();
}

void ssmc::registerLossOperators(OperatorTable &table) {
  table.add({"", "NegativeLogLikelihoodLoss", 12, inferLoss, evaluateLoss,
             lowerLoss, 2, 3});
  table.add({"", "SoftmaxCrossEntropyLoss", 12, inferLoss, evaluateLoss,
             lowerLoss, 2, 3, 1, 2});
}
