//===- Normalization.cpp - normalisation over the last dimensions ---------===//
//
// LayerNormalization, RMSNormalization and ONNX Runtime's fused forms of them:
// SimplifiedLayerNormalization (RMS), and with an added residual
// SkipLayerNormalization and SkipSimplifiedLayerNormalization.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

namespace {
/// Where a form of the operator has its operands and results.
struct Form {
  bool centred;       // subtracts the mean
  int skip = -1;      // input: added to x first
  int scale = 1;      // inputs
  int shift = -1;     //
  int bias = -1;      // input: added to x and skip
  int mean = -1;      // results: statistics
  int deviation = -1; // 1 / standard deviation
  int sum = -1;       // result: x + skip + bias
  double epsilon = 1e-5;
};
} // namespace

static Form formOf(onnx::NodeOp node) {
  StringRef name = node.getOpType();
  Form form{!name.contains("Simplified") && !name.starts_with("RMS")};
  if (name.starts_with("Skip")) {
    form.skip = 1;
    form.scale = 2;
    form.shift = form.centred ? 3 : -1;
    form.bias = form.centred ? 4 : 3;
    form.mean = 1;
    form.deviation = 2;
    form.sum = 3;
    form.epsilon = 1e-12;
  } else if (name == "LayerNormalization") {
    form.shift = 2;
    form.mean = 1;
    form.deviation = 2;
  } else if (name == "SimplifiedLayerNormalization") {
    form.deviation = 1;
  }
  return form;
}

static bool wants(onnx::NodeOp node, int result) {
  return result >= 0 && unsigned(result) < node->getNumResults();
}

/// Statistics are of `stash_type`, f32 unless told otherwise.
static LogicalResult inferNormalization(InferContext &ctx) {
  Form form = formOf(ctx.node);
  const ValueShape &x = ctx.input(0);
  int64_t rank = x.dims.size();
  auto axis = normalizeAxis(ctx.node.getInt("axis", -1), rank);
  if (!axis)
    return ctx.error("the axis is beyond the rank " + Twine(rank));
  if (!isa<FloatType>(x.elementType))
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  for (int i : {form.skip, form.scale, form.shift, form.bias})
    if (i >= 0 && ctx.node.hasInput(i)) {
      if (!isa<FloatType>(ctx.input(i).elementType))
        return ctx.error("input " + Twine(i) + " must be of floats");
      if (ctx.input(i).dims.size() > size_t(rank))
        return ctx.error("input " + Twine(i) +
                         " has a greater rank than the "
                         "first");
      auto dims = broadcastDims(ctx, {x.dims, ctx.input(i).dims});
      if (failed(dims))
        return failure();
      for (auto [a, b] : llvm::zip(*dims, x.dims))
        if (asConstant(a) && asConstant(b) && a != b)
          return ctx.error("input " + Twine(i) + " of shape " +
                           describeDims(ctx.input(i).dims) +
                           " does not broadcast to " + describeDims(x.dims));
    }
  ctx.setResult(0, x.elementType, x.dims);
  SmallVector<AffineExpr> reduced(x.dims);
  for (int64_t d = *axis; d < rank; ++d)
    reduced[d] = ctx.constantDim(1);
  Type statistic = Float32Type::get(ctx.getContext());
  for (int i : {form.mean, form.deviation})
    if (wants(ctx.node, i))
      ctx.setResult(i, statistic, reduced);
  if (wants(ctx.node, form.sum))
    ctx.setResult(form.sum, x.elementType, x.dims);
  return success();
}

/// `inputs` are those of the node, `results` take the place of its results.
template <typename B>
static void
normalize(B &b, onnx::NodeOp node, const Form &form,
          ArrayRef<std::optional<typename B::Value>> inputs,
          MutableArrayRef<std::optional<typename B::Value>> results) {
  using namespace scalar;
  using V = typename B::Value;
  using Operand = typename B::Operand;
  V x = *inputs[0];
  int64_t rank = b.rank(x);
  int64_t axis = *normalizeAxis(node.getInt("axis", -1), rank);
  double epsilon = node.getFloat("epsilon", form.epsilon);
  Type type = b.accumulatorType(x), resultType = b.elementType(x);
  auto loops = sizesOf(b, x);
  SmallVector<int64_t> all = allLoops(rank), axes, kept;
  for (int64_t d = 0; d < rank; ++d)
    (d < axis ? kept : axes).push_back(d);
  auto input = [&](int i) -> std::optional<V> {
    return i >= 0 && size_t(i) < inputs.size() ? inputs[i] : std::nullopt;
  };

  if (auto skip = input(form.skip)) {
    SmallVector<Operand> parts{{x, all}, aligned<B>(b, *skip, loops)};
    if (auto bias = input(form.bias))
      parts.push_back(aligned<B>(b, *bias, loops));
    x = mapLike<B>(b, x, parts, resultType, [](auto x) {
      auto sum = x[0] + x[1];
      return x.size() > 2 ? sum + x[2] : sum;
    });
    if (wants(node, form.sum))
      results[form.sum] = x;
  }

  auto size = b.constant(1);
  for (int64_t d : axes)
    size = b.multiply(size, loops[d]);
  V count = b.scalar(size, type);
  auto average = [&](V sum) {
    return mapLike<B>(b, sum,
                      {Operand{sum, allLoops(axis)}, Operand{count, {}}}, type,
                      [](auto x) { return x[0] / x[1]; });
  };
  std::optional<V> mean;
  if (form.centred)
    mean = average(
        reduceAxes(b, x, axes, type, 0, [](auto x) { return x[1] + x[0]; }));
  SmallVector<Operand> centred{{x, all}};
  if (mean)
    centred.push_back({*mean, kept});
  V squares = b.generic(centred, loops, kept, type, 0.0, [&](auto x) {
    auto difference = x.size() > 2 ? x[0] - x[1] : x[0];
    return x[x.size() - 1] + difference * difference;
  });
  V deviation = mapLike<B>(
      b, squares, {Operand{squares, allLoops(axis)}, Operand{count, {}}}, type,
      [&](auto x) {
        return literal(x[0], 1) / sqrt(x[0] / x[1] + literal(x[0], epsilon));
      });

  SmallVector<Operand> parts{{x, all}, {deviation, kept}};
  if (mean)
    parts.push_back({*mean, kept});
  parts.push_back(aligned<B>(b, *input(form.scale), loops));
  bool shifted = input(form.shift).has_value();
  if (shifted)
    parts.push_back(aligned<B>(b, *input(form.shift), loops));
  bool isCentred = form.centred;
  V y = mapLike<B>(b, x, parts, type, [&](auto x) {
    auto scaled = isCentred ? (x[0] - x[2]) * x[1] * x[3] : x[0] * x[1] * x[2];
    return shifted ? scaled + x[x.size() - 1] : scaled;
  });
  results[0] = convertElements(b, y, resultType);
  if (wants(node, form.mean) && mean)
    results[form.mean] = insertOnes(b, *mean, axes);
  if (wants(node, form.deviation))
    results[form.deviation] = insertOnes(b, deviation, axes);
}

/// Results that ONNX Runtime declares but never computes are absent.
static LogicalResult evaluateNormalization(EvalContext &ctx) {
  Form form = formOf(ctx.node);
  SmallVector<std::optional<Tensor>> inputs, results(ctx.results.size());
  for (const Tensor &input : ctx.inputs) {
    inputs.push_back(input.isNull() ? std::nullopt : std::optional(input));
    if (!input.isNull()) {
      auto shape =
          broadcastShapes({ctx.inputs[0].getShape(), input.getShape()});
      if (!input.isFloat() || !shape ||
          ArrayRef(*shape) != ctx.inputs[0].getShape())
        return ctx.error("operands that do not fit");
    }
  }
  if (!normalizeAxis(ctx.node.getInt("axis", -1), ctx.inputs[0].getRank()))
    return ctx.error("the axis is beyond the rank");
  Calculator calculator;
  normalize(calculator, ctx.node, form, inputs, results);
  for (auto [to, from] : llvm::zip(ctx.results, results))
    if (from)
      to = *from;
  return success();
}

static LogicalResult lowerNormalization(LowerContext &ctx) {
  Form form = formOf(ctx.node);
  SmallVector<std::optional<Value>> inputs, results(ctx.node->getNumResults());
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
    inputs.push_back(ctx.node.hasInput(i) ? std::optional(ctx.input(i))
                                          : std::nullopt);
  Emitter emitter(ctx);
  if (!normalizeAxis(ctx.node.getInt("axis", -1), emitter.rank(ctx.input(0))))
    return ctx.error("the axis is beyond the rank");
  normalize(emitter, ctx.node, form, inputs, results);
  for (unsigned i = 0; i < results.size(); ++i) {
    if (results[i])
      setResult(ctx, i,
                convertElements(emitter, *results[i],
                                ctx.resultType(i).getElementType()));
    else if (!ctx.node->getResult(i).use_empty())
      return ctx.error("result " + Twine(i) + " is not computed");
  }
  return success();
}

void ssmc::registerNormalizationOperators(OperatorTable &table) {
  auto add = [&](StringRef domain, StringRef name, int64_t since,
                 unsigned least, unsigned most, unsigned outputs) {
    table.add({domain, name, since, inferNormalization, evaluateNormalization,
               lowerNormalization, least, most, 1, outputs});
  };
  add("", "LayerNormalization", 17, 2, 3, 3);
  add("", "RMSNormalization", 23, 2, 2, 1);
  add("", "SimplifiedLayerNormalization", 1, 2, 2, 2);
  add("com.microsoft", "SkipLayerNormalization", 1, 3, 5, 4);
  add("com.microsoft", "SkipSimplifiedLayerNormalization", 1, 3, 4, 4);
}
