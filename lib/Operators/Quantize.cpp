//===- Quantize.cpp - integers for floats ---------------------------------===//
//
// QuantizeLinear and DequantizeLinear with a scale and a zero point for all,
// for each entry of an axis, or for blocks along one; DynamicQuantizeLinear,
// whose scale is that of the range of its input.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxElementType.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

namespace ssmc::scalar {
/// A number in another type; on the evaluator every number is a double.
static double in(double x, Type, bool) { return x; }
static Scalar in(Scalar x, Type type, bool toUnsigned) {
  return convert(x, type, toUnsigned);
}
/// The nearest number that an integer type has.
template <typename T>
static T nearest(T x, T zero, Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  bool isUnsigned = type.isUnsignedInteger();
  double least = isUnsigned ? 0 : -std::ldexp(1, width - 1),
         most = std::ldexp(1, isUnsigned ? width : width - 1) - 1;
  T moved = roundEven(x) + zero;
  return max(min(moved, literal(moved, most)), literal(moved, least));
}
} // namespace ssmc::scalar

static bool isQuantized(Type type) {
  auto integer = dyn_cast_if_present<IntegerType>(type);
  return integer && (integer.getWidth() == 8 || integer.getWidth() == 16);
}

//===----------------------------------------------------------------------===//
// QuantizeLinear and DequantizeLinear
//===----------------------------------------------------------------------===//

/// The element type of the result; null for one that is not supported.
static Type resultTypeOf(onnx::NodeOp node, Type x, Type scale, Type zero) {
  Builder b(node->getContext());
  Type stated;
  if (int64_t number = node.getInt("output_dtype", 0)) {
    stated = elementTypeFromOnnx(node->getContext(), number);
    if (!stated)
      return {};
  }
  if (node.getOpType() == "DequantizeLinear") {
    Type type = stated ? stated : scale;
    return isa<IntegerType>(x) && isa<FloatType>(type) ? type : Type();
  }
  Type type = zero     ? zero
              : stated ? stated
                       : Type(b.getIntegerType(8, /*isSigned=*/false));
  return isQuantized(type) ? type : Type();
}

/// How scale and zero point are laid over an input of rank `rank`: the block
/// that each stands for along `axis`, 0 where it is one for each entry, or -1
/// where there is one for all.
static std::optional<int64_t> blockOf(onnx::NodeOp node, int64_t rank,
                                      int64_t scaleRank, int64_t &axis) {
  int64_t block = node.getInt("block_size", 0);
  auto normal =
      normalizeAxis(node.getInt("axis", 1), std::max<int64_t>(rank, 1));
  axis = normal.value_or(0);
  if (scaleRank == 0)
    return -1;
  if (!normal || block < 0)
    return std::nullopt;
  if (block == 0)
    return scaleRank == 1 ? std::optional<int64_t>(0) : std::nullopt;
  return scaleRank == rank ? std::optional(block) : std::nullopt;
}

static LogicalResult inferQuantize(InferContext &ctx) {
  const ValueShape &x = ctx.input(0), &scale = ctx.input(1);
  bool hasZero = ctx.node.hasInput(2);
  Type type = resultTypeOf(ctx.node, x.elementType, scale.elementType,
                           hasZero ? ctx.input(2).elementType : Type());
  if (!type || !isa<FloatType>(scale.elementType) ||
      !x.elementType.isIntOrFloat())
    return ctx.error("needs a scale of floats and integers of 8 or 16 bits");
  if (hasZero && (ctx.input(2).dims.size() != scale.dims.size() ||
                  !isa<IntegerType>(ctx.input(2).elementType)))
    return ctx.error("the zero point must be integers of the scale's shape");
  int64_t axis;
  auto block = blockOf(ctx.node, x.dims.size(), scale.dims.size(), axis);
  if (!block)
    return ctx.error("axis or block_size do not fit the scale");
  SmallVector<AffineExpr> expected;
  if (*block == 0)
    expected = {x.dims[axis]};
  if (*block > 0) {
    expected.assign(x.dims.begin(), x.dims.end());
    auto extent = asConstant(x.dims[axis]);
    if (!extent || *extent % *block != 0)
      return ctx.error("the blocks must divide a constant extent");
    expected[axis] = ctx.constantDim(*extent / *block);
  }
  bool single = *block == 0 && asConstant(scale.dims[0]) == 1;
  for (unsigned i = 1; i < (hasZero ? 3u : 2u) && !single; ++i)
    for (auto [a, b] : llvm::zip(ctx.input(i).dims, expected)) {
      if (asConstant(a) && asConstant(b) && *asConstant(a) != *asConstant(b))
        return ctx.error("scale or zero point do not fit the input");
      ctx.requireEqual(a, b);
    }
  ctx.setResult(0, type, x.dims);
  return success();
}

template <typename B>
static typename B::Value
quantize(B &b, onnx::NodeOp node, typename B::Value x, typename B::Value scale,
         std::optional<typename B::Value> zero, Type type, Type storage,
         ArrayRef<bool> isUnsigned) {
  using namespace scalar;
  using Operand = typename B::Operand;
  int64_t rank = b.rank(x), axis;
  int64_t block = blockOf(node, rank, b.rank(scale), axis).value_or(-1);
  SmallVector<ReassociationIndices> groups;
  auto sizes = sizesOf(b, x);
  if (block > 0) {
    for (int64_t d = 0; d < rank; ++d)
      groups.push_back(d < axis    ? ReassociationIndices{d}
                       : d == axis ? ReassociationIndices{d, d + 1}
                                   : ReassociationIndices{d + 1});
    sizes[axis] = b.divide(sizes[axis], block);
    sizes.insert(sizes.begin() + axis + 1, b.constant(block));
    x = b.expand(x, groups, sizes);
  }
  SmallVector<int64_t> table;
  if (block == 0)
    table = {b.isOne(b.size(scale, 0)) ? kRepeated : axis};
  if (block > 0)
    table = loopsWithout(rank + 1, axis + 1);
  SmallVector<Operand> operands{{x, allLoops(b.rank(x)), isUnsigned[0]},
                                {scale, table}};
  if (zero)
    operands.push_back({*zero, table, isUnsigned[2]});
  // In the type of the scale, or f32 for narrower ones.
  Type inner = b.accumulatorType(scale);
  bool restores = node.getOpType() == "DequantizeLinear";
  auto y = b.generic(
      operands, sizes, allLoops(b.rank(x)), storage, std::nullopt, [&](auto e) {
        auto value = in(e[0], inner, false), step = in(e[1], inner, false);
        auto moved =
            zero ? in(e[operands.size() - 1], inner, false) : literal(value, 0);
        if (restores)
          return in((value - moved) * step, storage, false);
        return in(nearest(value / step, moved, type), storage,
                  type.isUnsignedInteger());
      });
  return block > 0 ? b.collapse(y, groups) : y;
}

static LogicalResult evaluateQuantize(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0], &scale = ctx.inputs[1];
  std::optional<Tensor> zero;
  if (ctx.has(2))
    zero = ctx.inputs[2];
  Type type = resultTypeOf(ctx.node, x.getElementType(), scale.getElementType(),
                           zero ? zero->getElementType() : Type());
  int64_t axis;
  auto block = blockOf(ctx.node, x.getRank(), scale.getRank(), axis);
  if (!type || !block || !scale.isFloat() ||
      (zero && (zero->isFloat() || zero->getShape() != scale.getShape())))
    return ctx.error("operands that do not fit");
  SmallVector<int64_t> expected(x.getShape());
  if (*block > 0) {
    if (expected[axis] % *block != 0)
      return ctx.error("operands that do not fit");
    expected[axis] /= *block;
  }
  if ((*block > 0 && scale.getShape() != ArrayRef(expected)) ||
      (*block == 0 && scale.getShape()[0] != 1 &&
       (x.getRank() == 0 || scale.getShape()[0] != expected[axis])))
    return ctx.error("operands that do not fit");
  Calculator calculator;
  ctx.results[0] = quantize<Calculator>(calculator, ctx.node, x, scale, zero,
                                        type, type, {false, false, false});
  return success();
}

static LogicalResult lowerQuantize(LowerContext &ctx) {
  Emitter emitter(ctx);
  std::optional<Value> zero;
  if (ctx.node.hasInput(2))
    zero = ctx.input(2);
  Type type = getElementTypeOrSelf(ctx.node->getResult(0).getType());
  setResult(ctx, 0,
            quantize<Emitter>(emitter, ctx.node, ctx.input(0), ctx.input(1),
                              zero, type, ctx.resultType(0).getElementType(),
                              {isUnsignedInput(ctx, 0), false,
                               zero.has_value() && isUnsignedInput(ctx, 2)}));
  return success();
}

//===----------------------------------------------------------------------===//
// DynamicQuantizeLinear
//===----------------------------------------------------------------------===//

static LogicalResult inferDynamic(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  if (!x.elementType.isF32())
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  Type byte = IntegerType::get(ctx.getContext(), 8, IntegerType::Unsigned);
  ctx.setResult(0, byte, x.dims);
  ctx.setResult(1, x.elementType, {});
  ctx.setResult(2, byte, {});
  return success();
}

template <typename B>
static SmallVector<typename B::Value> quantizeByRange(B &b, typename B::Value x,
                                                      Type byte, Type storage) {
  using namespace scalar;
  using V = typename B::Value;
  using Operand = typename B::Operand;
  Type type = b.elementType(x);
  SmallVector<int64_t> all = allLoops(b.rank(x));
  V most =
      reduceAxes(b, x, all, type, 0, [](auto x) { return max(x[1], x[0]); });
  V least =
      reduceAxes(b, x, all, type, 0, [](auto x) { return min(x[1], x[0]); });
  V scale =
      mapLike<B>(b, most, {Operand{most, {}}, Operand{least, {}}}, type,
                 [](auto x) { return (x[0] - x[1]) / literal(x[0], 255); });
  V zero = mapLike<B>(
      b, least, {Operand{least, {}}, Operand{scale, {}}}, type,
      [&](auto x) { return nearest(-x[0] / x[1], literal(x[0], 0), byte); });
  V y =
      mapLike<B>(b, x, {Operand{x, all}, Operand{scale, {}}, Operand{zero, {}}},
                 storage, [&](auto x) {
                   return in(nearest(x[0] / x[1], x[2], byte), storage, true);
                 });
  V point = mapLike<B>(b, zero, {Operand{zero, {}}}, storage,
                       [&](auto x) { return in(x[0], storage, true); });
  return {y, scale, point};
}

static LogicalResult evaluateDynamic(EvalContext &ctx) {
  if (!ctx.inputs[0].isFloat())
    return ctx.error("an operand that does not fit");
  Type byte =
      IntegerType::get(ctx.node->getContext(), 8, IntegerType::Unsigned);
  Calculator calculator;
  auto results =
      quantizeByRange<Calculator>(calculator, ctx.inputs[0], byte, byte);
  for (auto [to, from] : llvm::zip(ctx.results, results))
    to = from;
  return success();
}

static LogicalResult lowerDynamic(LowerContext &ctx) {
  Emitter emitter(ctx);
  Type byte =
      IntegerType::get(ctx.node->getContext(), 8, IntegerType::Unsigned);
  auto results = quantizeByRange<Emitter>(emitter, ctx.input(0), byte,
                                          ctx.builder.getI8Type());
  for (unsigned i = 0, e = ctx.node->getNumResults(); i < e; ++i)
    setResult(ctx, i, results[i]);
  return success();
}

void ssmc::registerQuantizeOperators(OperatorTable &table) {
  for (auto [name, since] :
       {std::pair<StringRef, int64_t>("QuantizeLinear", 10),
        {"DequantizeLinear", 10}})
    table.add({"", name, since, inferQuantize, evaluateQuantize, lowerQuantize,
               2, 3});
  table.add({"", "DynamicQuantizeLinear", 11, inferDynamic, evaluateDynamic,
             lowerDynamic, 1, 1, 3, 3});
}
