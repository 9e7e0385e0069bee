//===- Variadic.cpp - Max, Min, Sum, Mean and Clip ------------------------===//

#include "lib/Operators/Broadcast.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;
using ssmc::scalar::Scalar;

namespace {
struct Combiner {
  double (*real)(double, double);
  int64_t (*integer)(int64_t, int64_t);
  Scalar (*emit)(Scalar, Scalar);
  AffineExpr (*extent)(AffineExpr, AffineExpr);
};
} // namespace

static const Combiner &findCombiner(StringRef name) {
  static const Combiner maximum{scalar::max, scalar::max, scalar::max,
                                maxExprs};
  static const Combiner minimum{scalar::min, scalar::min, scalar::min,
                                minExprs};
  static const Combiner sum{
      [](double a, double b) { return a + b; },
      [](int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); },
      [](Scalar a, Scalar b) { return a + b; },
      [](AffineExpr a, AffineExpr b) { return a + b; }};
  return name == "Max" ? maximum : name == "Min" ? minimum : sum;
}

static LogicalResult inferVariadic(InferContext &ctx) {
  Type type = ctx.input(0).elementType;
  unsigned count = ctx.node.getInputs().size();
  bool numbers =
      isa<FloatType>(type) || (isa<IntegerType>(type) && !type.isInteger(1));
  if (!numbers || (ctx.node.getOpType() == "Mean" && !isa<FloatType>(type)))
    return ctx.error("not defined for elements of type " + describeType(type));
  for (unsigned i = 0; i < count; ++i) {
    if (!ctx.node.hasInput(i))
      return ctx.error("input " + Twine(i) + " must not be left out");
    if (ctx.input(i).elementType != type)
      return ctx.error("operands have different element types");
  }
  auto dims = broadcastInputs(ctx);
  if (failed(dims))
    return failure();
  ctx.setResult(0, type, *dims);
  if (isa<IntegerType>(type))
    propagateElements(ctx, count, [&](ArrayRef<AffineExpr> x) {
      AffineExpr result = x[0];
      for (AffineExpr other : x.drop_front())
        result = result
                     ? findCombiner(ctx.node.getOpType()).extent(result, other)
                     : result;
      return result;
    });
  return success();
}

static LogicalResult evaluateVariadic(EvalContext &ctx) {
  const Combiner &combiner = findCombiner(ctx.node.getOpType());
  SmallVector<ArrayRef<int64_t>> shapes;
  for (const Tensor &input : ctx.inputs) {
    if (input.isNull() || input.isFloat() != ctx.inputs[0].isFloat())
      return ctx.error("operands of different types");
    shapes.push_back(input.getShape());
  }
  auto shape = broadcastShapes(shapes);
  if (!shape)
    return ctx.error("shapes do not broadcast");
  Type type = ctx.inputs[0].getElementType();
  Tensor *y = ctx.makeResult(0, type, *shape);
  if (!y)
    return failure();
  SmallVector<SmallVector<int64_t>> strides;
  for (ArrayRef<int64_t> own : shapes)
    strides.push_back(broadcastStrides(own, *shape));
  size_t count = ctx.inputs.size();
  if (y->isFloat()) {
    double scale = ctx.node.getOpType() == "Mean" ? 1.0 / double(count) : 1.0;
    auto to = y->mutableFloats();
    forEachBroadcast(*shape, strides, [&](int64_t i, ArrayRef<int64_t> at) {
      double value = ctx.inputs[0].floats()[at[0]];
      for (size_t k = 1; k < count; ++k)
        value = combiner.real(value, ctx.inputs[k].floats()[at[k]]);
      to[i] = value * scale;
    });
    return success();
  }
  // The order of unsigned 64-bit integers is not that of their bit patterns.
  bool flip = type.isUnsignedInteger(64) && ctx.node.getOpType() != "Sum";
  int64_t bias = flip ? std::numeric_limits<int64_t>::min() : 0;
  auto to = y->mutableInts();
  forEachBroadcast(*shape, strides, [&](int64_t i, ArrayRef<int64_t> at) {
    int64_t value = ctx.inputs[0].ints()[at[0]] ^ bias;
    for (size_t k = 1; k < count; ++k)
      value = combiner.integer(value, ctx.inputs[k].ints()[at[k]] ^ bias);
    to[i] = wrapInteger(value ^ bias, type);
  });
  return success();
}

static LogicalResult lowerVariadic(LowerContext &ctx) {
  const Combiner &combiner = findCombiner(ctx.node.getOpType());
  SmallVector<Value> inputs;
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
    inputs.push_back(ctx.input(i));
  bool isMean = ctx.node.getOpType() == "Mean";
  ctx.setResult(0, elementwise(ctx, 0, inputs, [&](ArrayRef<Scalar> x) {
                  Scalar value = x[0];
                  for (Scalar other : x.drop_front())
                    value = combiner.emit(value, other);
                  return isMean ? value * value.constant(1.0 / double(x.size()))
                                : value;
                }));
  return success();
}

//===----------------------------------------------------------------------===//
// Clip: bounds are attributes up to operator set 10, then scalar inputs.
//===----------------------------------------------------------------------===//

static LogicalResult inferClip(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  if (!x.elementType.isIntOrFloat() || x.elementType.isInteger(1))
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  for (unsigned i : {1, 2})
    if (ctx.node.hasInput(i)) {
      if (ctx.input(i).elementType != x.elementType)
        return ctx.error("a bound has another element type than the input");
      for (AffineExpr dim : ctx.input(i).dims)
        if (asConstant(dim) != 1)
          return ctx.error("a bound must be a scalar");
    }
  ctx.setResult(0, x.elementType, x.dims);
  return success();
}

static LogicalResult evaluateClip(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  Tensor *y = ctx.makeResult(0, x.getElementType(), x.getShape());
  if (!y)
    return failure();
  for (unsigned i : {1, 2})
    if (ctx.has(i) && (ctx.inputs[i].getNumElements() != 1 ||
                       ctx.inputs[i].isFloat() != x.isFloat()))
      return ctx.error("a bound must be a scalar of the input's type");
  if (x.isFloat()) {
    double low = ctx.has(1) ? ctx.inputs[1].floats()[0]
                            : ctx.node.getFloat("min", -INFINITY);
    double high = ctx.has(2) ? ctx.inputs[2].floats()[0]
                             : ctx.node.getFloat("max", INFINITY);
    for (auto [to, from] : llvm::zip(y->mutableFloats(), x.floats()))
      to = scalar::min(scalar::max(from, low), high);
    return success();
  }
  bool flip = x.getElementType().isUnsignedInteger(64);
  int64_t bias = flip ? std::numeric_limits<int64_t>::min() : 0;
  for (auto [to, from] : llvm::zip(y->mutableInts(), x.ints())) {
    int64_t value = from ^ bias;
    if (ctx.has(1))
      value = std::max(value, ctx.inputs[1].ints()[0] ^ bias);
    if (ctx.has(2))
      value = std::min(value, ctx.inputs[2].ints()[0] ^ bias);
    to = value ^ bias;
  }
  return success();
}

static LogicalResult lowerClip(LowerContext &ctx) {
  SmallVector<Value> inputs{ctx.input(0)};
  for (unsigned i : {1, 2})
    if (ctx.node.hasInput(i)) {
      // Exporters write [1] for a scalar, whatever the rank of the input.
      auto type = cast<RankedTensorType>(ctx.input(i).getType());
      inputs.push_back(tensor::CollapseShapeOp::create(
          ctx.builder, ctx.loc(),
          RankedTensorType::get({}, type.getElementType()), ctx.input(i),
          ArrayRef<ReassociationIndices>()));
    }
  onnx::NodeOp node = ctx.node;
  bool isUnsigned = isUnsignedInput(ctx, 0);
  ctx.setResult(
      0, elementwise(ctx, 0, inputs, [&](ArrayRef<Scalar> x) {
        Scalar value = x[0];
        value.isUnsigned = isUnsigned;
        unsigned next = 1;
        if (node.hasInput(1))
          value = scalar::max(value, x[next++]);
        else if (node.getAttrs().contains("min"))
          value = scalar::max(value, value.constant(node.getFloat("min", 0)));
        if (node.hasInput(2))
          value = scalar::min(value, x[next]);
        else if (node.getAttrs().contains("max"))
          value = scalar::min(value, value.constant(node.getFloat("max", 0)));
        return value;
      }));
  return success();
}

void ssmc::registerVariadicOperators(OperatorTable &table) {
  for (StringRef name : {"Max", "Min", "Sum", "Mean"})
    table.add({"", name, 6, inferVariadic, evaluateVariadic, lowerVariadic, 1,
               Operator::kAny});
  table.add({"", "Clip", 6, inferClip, evaluateClip, lowerClip, 1, 1});
  table.add({"", "Clip", 11, inferClip, evaluateClip, lowerClip, 1, 3});
}
