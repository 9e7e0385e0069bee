//===- ChannelNorm.cpp - normalisation per channel ------------------------===//
//
// BatchNormalization (inference), InstanceNormalization, GroupNormalization:
// inputs N x C x spatial, a factor and a summand per channel. The statistics
// are given, or those of a group of channels of one sample.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

static LogicalResult inferChannelNorm(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  if (!isa<FloatType>(x.elementType))
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  if (x.dims.size() < 2)
    return ctx.error("the input must have a channel dimension");
  bool isGroup = ctx.node.getOpType() == "GroupNormalization";
  if (ctx.node.getInt("training_mode", 0) != 0)
    return ctx.error("training mode is not supported");
  int64_t groups = isGroup ? ctx.node.getInt("num_groups", 0) : 1;
  auto channels = asConstant(x.dims[1]);
  if (isGroup && (groups <= 0 || (channels && *channels % groups != 0)))
    return ctx.error("num_groups must divide the number of channels");
  for (unsigned i = 1, e = ctx.node.getInputs().size(); i < e; ++i) {
    ArrayRef<AffineExpr> dims = ctx.input(i).dims;
    if (dims.size() != 1 || !isa<FloatType>(ctx.input(i).elementType))
      return ctx.error("input " + Twine(i) + " must be a vector of floats");
    auto size = asConstant(dims[0]);
    // Up to operator set 20 GroupNormalization has one factor per group.
    bool fits = !size || !channels || *size == *channels ||
                (isGroup && ctx.node.getVersion() < 21 && *size == groups);
    if (!fits)
      return ctx.error("input " + Twine(i) +
                       " does not have one element per "
                       "channel");
  }
  ctx.setResult(0, x.elementType, x.dims);
  return success();
}

template <typename B>
static typename B::Value channelNorm(B &b, onnx::NodeOp node,
                                     ArrayRef<typename B::Value> inputs) {
  using namespace scalar;
  using V = typename B::Value;
  using Operand = typename B::Operand;
  V x = inputs[0];
  Type type = b.accumulatorType(x), resultType = b.elementType(x);
  double epsilon = node.getFloat("epsilon", 1e-5);
  int64_t rank = b.rank(x);
  if (node.getOpType() == "BatchNormalization") {
    V y = mapLike<B>(b, x,
                     {Operand{x, allLoops(rank)}, Operand{inputs[1], {1}},
                      Operand{inputs[2], {1}}, Operand{inputs[3], {1}},
                      Operand{inputs[4], {1}}},
                     type, [&](auto x) {
                       auto deviation = sqrt(x[4] + literal(x[4], epsilon));
                       return (x[0] - x[3]) / deviation * x[1] + x[2];
                     });
    return convertElements(b, y, resultType);
  }

  // View the channels as groups: N x G x C/G x spatial. The result has the
  // shape of the input again.
  auto sizes = sizesOf(b, x);
  int64_t channels = node.getOpType() == "GroupNormalization"
                         ? node.getInt("num_groups", 1)
                         : 0;
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < rank; ++d) {
    ReassociationIndices group;
    if (d == 1)
      group = {1, 2};
    else
      group = {d == 0 ? 0 : d + 1};
    groups.push_back(group);
  }
  auto split = [&](typename B::Size extent) {
    SmallVector<typename B::Size> parts{extent, b.constant(1)};
    if (channels)
      parts = {b.constant(channels), b.divide(extent, channels)};
    return parts;
  };
  SmallVector<typename B::Size> grouped = split(sizes[1]);
  grouped.insert(grouped.begin(), sizes[0]);
  grouped.append(sizes.begin() + 2, sizes.end());
  V g = b.expand(x, groups, grouped);
  SmallVector<int64_t> axes, all = allLoops(rank + 1);
  for (int64_t d = 2; d <= rank; ++d)
    axes.push_back(d);
  auto size = b.constant(1);
  for (int64_t d : axes)
    size = b.multiply(size, grouped[d]);
  V count = b.scalar(size, type);
  auto average = [&](V sum) {
    return mapLike<B>(b, sum, {Operand{sum, {0, 1}}, Operand{count, {}}}, type,
                      [](auto x) { return x[0] / x[1]; });
  };
  V mean = average(
      reduceAxes(b, g, axes, type, 0, [](auto x) { return x[1] + x[0]; }));
  V variance = average(b.generic({Operand{g, all}, Operand{mean, {0, 1}}},
                                 grouped, {0, 1}, type, 0.0, [](auto x) {
                                   auto difference = x[0] - x[1];
                                   return x[2] + difference * difference;
                                 }));
  auto perChannel = [&](V v) -> Operand {
    // One per group already, or one per channel.
    if (channels && b.isEqual(b.size(v, 0), b.constant(channels)) &&
        !b.isEqual(sizes[1], b.constant(channels)))
      return {v, {1}};
    auto parts = split(b.size(v, 0));
    return {b.expand(v, {{0, 1}}, parts), {1, 2}};
  };
  V y = mapLike<B>(
      b, g,
      {Operand{g, all}, Operand{mean, {0, 1}}, Operand{variance, {0, 1}},
       perChannel(inputs[1]), perChannel(inputs[2])},
      resultType, [&](auto x) {
        return (x[0] - x[1]) / sqrt(x[2] + literal(x[2], epsilon)) * x[3] +
               x[4];
      });
  return b.collapse(y, groups);
}

static LogicalResult evaluateChannelNorm(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  if (x.getRank() < 2 || !x.isFloat())
    return ctx.error("an operand that does not fit");
  bool isGroup = ctx.node.getOpType() == "GroupNormalization";
  int64_t groups = isGroup ? ctx.node.getInt("num_groups", 0) : 1;
  if (groups <= 0 || x.getShape()[1] % groups != 0)
    return ctx.error("num_groups must divide the number of channels");
  for (const Tensor &input : ctx.inputs.drop_front())
    if (input.isNull() || !input.isFloat() || input.getRank() != 1 ||
        (input.getShape()[0] != x.getShape()[1] &&
         !(isGroup && input.getShape()[0] == groups)))
      return ctx.error("operands that do not fit");
  Calculator calculator;
  ctx.results[0] = channelNorm(calculator, ctx.node, ctx.inputs);
  return success();
}

static LogicalResult lowerChannelNorm(LowerContext &ctx) {
  Emitter emitter(ctx);
  SmallVector<Value> inputs;
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
    inputs.push_back(ctx.input(i));
  setResult(ctx, 0, channelNorm<Emitter>(emitter, ctx.node, inputs));
  return success();
}

void ssmc::registerChannelNormOperators(OperatorTable &table) {
  auto add = [&](StringRef name, int64_t since, unsigned count) {
    table.add({"", name, since, inferChannelNorm, evaluateChannelNorm,
               lowerChannelNorm, count, count});
  };
  add("BatchNormalization", 7, 5);
  add("InstanceNormalization", 6, 3);
  add("GroupNormalization", 18, 3);
}
