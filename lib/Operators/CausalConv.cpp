//===- CausalConv.cpp - causal convolution with its tail ------------------===//
//
// CausalConvWithState is ssm.short_conv. ONNX has channels before time, the op
// time before channels: operands are transposed on either side.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

namespace {
enum Input { X, Weight, Bias, Past };

struct Convolution {
  bool silu, channelsLast;
  int64_t dilation;
};
} // namespace

/// Reads the attributes. Returns what is wrong with them.
static std::optional<std::string> readConvolution(onnx::NodeOp node,
                                                  Convolution &conv) {
  StringRef activation = node.getString("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish")
    return ("activation '" + activation + "' is not one that ONNX defines")
        .str();
  conv.silu = activation != "none";
  // Those of com.microsoft.
  conv.channelsLast = node.getInt("channels_last", 0) != 0;
  conv.dilation = node.getInt("dilation", 1);
  if (conv.dilation < 1 || conv.dilation > (1 << 20))
    return "the dilation must be positive";
  if (node.getInt("ndim", 1) != 1)
    return "only one dimension is supported";
  if (node.getInt("state_window", 0) != 0)
    return "a window of states is not supported";
  return std::nullopt;
}

static LogicalResult inferCausalConv(InferContext &ctx) {
  Convolution conv;
  if (auto message = readConvolution(ctx.node, conv))
    return ctx.error(*message);
  const ValueShape &x = ctx.input(X), &w = ctx.input(Weight);
  if (x.dims.size() != 3 || w.dims.size() != 3)
    return ctx.error("input and weight must have 3 dimensions");
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
    if (ctx.node.hasInput(i) && (ctx.input(i).elementType != x.elementType ||
                                 !isa<FloatType>(x.elementType)))
      return ctx.error("all inputs must be floats of one type");
  auto taps = asConstant(w.dims[2]);
  if (!taps || *taps < 1 || *taps > (1 << 20))
    return ctx.error("the number of taps must be a positive constant");
  AffineExpr batch = x.dims[0], channels = x.dims[conv.channelsLast ? 2 : 1];
  AffineExpr tail = ctx.constantDim((*taps - 1) * conv.dilation);
  SmallVector<AffineExpr> state{batch, channels, tail},
      weight{channels, ctx.constantDim(1), w.dims[2]};
  SmallVector<AffineExpr> expected[] = {
      SmallVector<AffineExpr>(x.dims), weight, {channels}, state};
  for (unsigned i = Weight, e = ctx.node.getInputs().size(); i < e; ++i) {
    if (!ctx.node.hasInput(i))
      continue;
    ArrayRef<AffineExpr> given = ctx.input(i).dims;
    bool fits = given.size() == expected[i].size();
    for (auto [a, b] : llvm::zip(given, expected[i])) {
      auto found = asConstant(a), needed = asConstant(b);
      fits &= !found || !needed || *found == *needed;
    }
    if (!fits)
      return ctx.error("input " + Twine(i) + " of shape " +
                       describeDims(given) + " must have the shape " +
                       describeDims(expected[i]));
    for (auto [a, b] : llvm::zip(given, expected[i]))
      ctx.requireEqual(a, b);
  }
  ctx.setResult(0, x.elementType, x.dims);
  if (ctx.node->getNumResults() > 1)
    ctx.setResult(1, x.elementType, state);
  return success();
}

static LogicalResult evaluateCausalConv(EvalContext &ctx) {
  Convolution conv;
  if (auto message = readConvolution(ctx.node, conv))
    return ctx.error(*message);
  const Tensor &x = ctx.inputs[X], &w = ctx.inputs[Weight];
  if (x.getRank() != 3 || w.getRank() != 3 || !x.isFloat() || !w.isFloat())
    return ctx.error("operands that do not fit");
  int64_t B = x.getShape()[0], C = x.getShape()[conv.channelsLast ? 2 : 1],
          L = x.getShape()[conv.channelsLast ? 1 : 2], W = w.getShape()[2],
          S = (W - 1) * conv.dilation;
  auto has = [&](unsigned i, ArrayRef<int64_t> shape) {
    return !ctx.has(i) ||
           (ctx.inputs[i].isFloat() && ctx.inputs[i].getShape() == shape);
  };
  if (w.getShape() != ArrayRef<int64_t>({C, 1, W}) || W < 1 ||
      !has(Bias, {C}) || !has(Past, {B, C, S}))
    return ctx.error("operands that do not fit");
  auto place = [&](int64_t b, int64_t c, int64_t t) {
    return conv.channelsLast ? (b * L + t) * C + c : (b * C + c) * L + t;
  };
  auto before = [&](int64_t b, int64_t c, int64_t t) {
    if (t >= 0)
      return x.floats()[place(b, c, t)];
    return ctx.has(Past) ? ctx.inputs[Past].floats()[(b * C + c) * S + S + t]
                         : 0.0;
  };
  Tensor y(x.getElementType(), x.getShape());
  SmallVector<int64_t> tail{B, C, S};
  if (!Tensor::fits(tail))
    return ctx.error("too large to evaluate");
  Tensor state(x.getElementType(), tail);
  auto out = y.mutableFloats(), last = state.mutableFloats();
  for (int64_t b = 0; b < B; ++b)
    for (int64_t c = 0; c < C; ++c) {
      for (int64_t t = 0; t < L; ++t) {
        double sum = ctx.has(Bias) ? ctx.inputs[Bias].floats()[c] : 0;
        for (int64_t j = 0; j < W; ++j)
          sum += w.floats()[c * W + W - 1 - j] *
                 before(b, c, t - j * conv.dilation);
        out[place(b, c, t)] = conv.silu ? sum * scalar::sigmoid(sum) : sum;
      }
      for (int64_t i = 0; i < S; ++i)
        last[(b * C + c) * S + i] = before(b, c, L - S + i);
    }
  ctx.results[0] = y;
  if (ctx.results.size() > 1)
    ctx.results[1] = state;
  return success();
}

static LogicalResult lowerCausalConv(LowerContext &ctx) {
  using Operand = Emitter::Operand;
  Convolution conv;
  if (auto message = readConvolution(ctx.node, conv))
    return ctx.error(*message);
  Emitter b(ctx);
  OpBuilder &builder = ctx.builder;
  auto exchange = [&](Value x) {
    SmallVector<OpFoldResult> sizes = sizesOf(b, x);
    std::swap(sizes[1], sizes[2]);
    return b.generic({Operand{x, {0, 2, 1}}}, sizes, allLoops(3),
                     b.elementType(x), std::nullopt,
                     [](auto x) { return x[0]; });
  };
  // Of no rows or channels there is nothing to slice.
  if (llvm::is_contained(
          {ctx.resultType(0).getDimSize(0),
           ctx.resultType(0).getDimSize(conv.channelsLast ? 2 : 1)},
          0)) {
    for (unsigned i = 0, e = ctx.node->getNumResults(); i < e; ++i)
      ctx.setResult(i, ctx.emptyResult(i));
    return success();
  }
  Value x = ctx.input(X), bias = ctx.input(Bias);
  Type type = b.elementType(x), inner = b.accumulatorType(x);
  if (!conv.channelsLast)
    x = exchange(x);
  Value w =
      convertElements(b, b.collapse(ctx.input(Weight), {{0, 1}, {2}}), inner);
  auto taps = cast<RankedTensorType>(w.getType()).getDimSize(1);
  if (ShapedType::isDynamic(taps))
    return ctx.error("the number of taps must be a constant");
  if (bias)
    bias = convertElements(b, bias, inner);
  Value state;
  if (Value past = ctx.input(Past)) {
    state = exchange(past);
  } else {
    SmallVector<OpFoldResult> sizes{
        b.size(x, 0), b.constant((taps - 1) * conv.dilation), b.size(x, 2)};
    Value empty = tensor::EmptyOp::create(builder, b.loc, sizes, type);
    Value zero = zeroOf(builder, b.loc, type);
    state = linalg::FillOp::create(builder, b.loc, zero, empty).getResult(0);
  }
  Value y = tensor::EmptyOp::create(builder, b.loc, sizesOf(b, x), type);
  auto op = ssm::ShortConvOp::create(
      builder, b.loc, TypeRange{y.getType(), state.getType()}, x, w, bias,
      Value(), y, state,
      conv.silu ? ssm::Activation::Silu : ssm::Activation::None, conv.dilation,
      /*reverse=*/false);
  Value result = op->getResult(0);
  setResult(ctx, 0, conv.channelsLast ? result : exchange(result));
  if (ctx.node->getNumResults() > 1)
    setResult(ctx, 1, exchange(op->getResult(1)));
  return success();
}

void ssmc::registerCausalConvOperators(OperatorTable &table) {
  auto add = [&](StringRef domain, int64_t since) {
    table.add({domain, "CausalConvWithState", since, inferCausalConv,
               evaluateCausalConv, lowerCausalConv, 2, 4, 1, 2});
  };
  add("", 27);
  add("com.microsoft", 1);
}
