//===- Reduce.cpp - reductions along axes ---------------------------------===//
//
// A reduction is a function of each element, a combination, and a function of
// the combined value. The axes are an attribute, or since operator set 18
// (ReduceSum: 13) an input.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/DataAxes.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

namespace {
enum class Kind {
  Sum,
  Mean,
  Max,
  Min,
  Prod,
  SumSquare,
  L1,
  L2,
  LogSum,
  LogSumExp
};

/// Axes in ascending order, each once.
using Axes = SmallVector<int64_t>;
} // namespace

static Kind kindOf(onnx::NodeOp node) {
  return llvm::StringSwitch<Kind>(node.getOpType())
      .Case("ReduceMean", Kind::Mean)
      .Case("ReduceMax", Kind::Max)
      .Case("ReduceMin", Kind::Min)
      .Case("ReduceProd", Kind::Prod)
      .Case("ReduceSumSquare", Kind::SumSquare)
      .Case("ReduceL1", Kind::L1)
      .Case("ReduceL2", Kind::L2)
      .Case("ReduceLogSum", Kind::LogSum)
      .Case("ReduceLogSumExp", Kind::LogSumExp)
      .Default(Kind::Sum);
}

/// The axes to reduce, given those of the node. Without any, all of them, or
/// none with `noop_with_empty_axes`. Nothing where one is beyond the rank.
static std::optional<Axes> resolveAxes(onnx::NodeOp node,
                                       std::optional<ArrayRef<int64_t>> given,
                                       int64_t rank) {
  Axes axes;
  if (!given || given->empty()) {
    if (node.getInt("noop_with_empty_axes", 0) == 0)
      axes = allLoops(rank);
    return axes;
  }
  for (int64_t axis : *given) {
    auto normal = normalizeAxis(axis, rank);
    if (!normal)
      return std::nullopt;
    axes.push_back(*normal);
  }
  llvm::sort(axes);
  axes.erase(llvm::unique(axes), axes.end());
  return axes;
}

/// Reductions of so many dimensions have as many choices as there are sets.
static constexpr int64_t kMostDataDims = 8;

/// The shape of a reduction by axes that only data knows: an extent is that of
/// the input or 1, or where extents are left out one of the input.
static LogicalResult inferByData(InferContext &ctx, bool keep) {
  const ValueShape &x = ctx.input(0);
  ArrayRef<AffineExpr> list = ctx.input(1).dims;
  auto count = list.size() == 1 ? asConstant(list[0]) : std::nullopt;
  int64_t rank = x.dims.size();
  if (list.size() != 1 || (!count && !keep) || rank > kMostDataDims ||
      (count && (*count < 0 || *count > rank)))
    return ctx.error("axes that are no constants must be a vector of at most " +
                     Twine(std::min(rank, kMostDataDims)) + " elements");
  SmallVector<AffineExpr> dims;
  if (keep) {
    for (AffineExpr dim : x.dims)
      dims.push_back(asConstant(dim) == 1 ? dim : ctx.freshSymbol("reduced"));
  } else {
    for (int64_t d = *count; d < rank; ++d)
      dims.push_back(ctx.freshSymbol("reduced"));
  }
  ctx.setResult(0, x.elementType, dims);
  return success();
}

/// The axes as they are in the node, from the attribute or input 1 (whose
/// integers `constants` holds where known).
static FailureOr<std::optional<Axes>>
givenAxes(onnx::NodeOp node, std::optional<SmallVector<int64_t>> constants) {
  if (node.hasInput(1)) {
    if (!constants)
      return failure();
    return std::optional<Axes>(std::move(*constants));
  }
  return node.getInts("axes");
}

static LogicalResult inferReduce(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  Kind kind = kindOf(ctx.node);
  bool isBoolean = x.elementType.isInteger(1);
  if (!x.elementType.isIntOrFloat() ||
      (isBoolean && kind != Kind::Max && kind != Kind::Min))
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  int64_t rank = x.dims.size();
  bool keep = ctx.node.getInt("keepdims", 1) != 0;
  std::optional<SmallVector<int64_t>> constants;
  if (ctx.node.hasInput(1)) {
    constants = ctx.constantInts(1);
    if (!isa<IntegerType>(ctx.input(1).elementType))
      return ctx.error("the axes must be integers");
    if (llvm::equal(ctx.input(1).dims, ArrayRef{ctx.constantDim(0)}))
      constants.emplace();
    if (!constants)
      return inferByData(ctx, keep);
  }
  auto given = givenAxes(ctx.node, constants);
  auto axes = resolveAxes(ctx.node, *given, rank);
  if (!axes)
    return ctx.error("an axis is beyond the rank " + Twine(rank));
  SmallVector<AffineExpr> dims;
  for (int64_t d = 0; d < rank; ++d) {
    if (!llvm::is_contained(*axes, d))
      dims.push_back(x.dims[d]);
    else if (keep)
      dims.push_back(ctx.constantDim(1));
  }
  ctx.setResult(0, x.elementType, dims);

  // Products and sums of extents.
  if (isa<IntegerType>(x.elementType) && rank == 1 && axes->size() == 1)
    if (auto known = ctx.knownElements(0)) {
      AffineExpr total = ctx.constantDim(kind == Kind::Prod ? 1 : 0);
      if (kind != Kind::Prod && kind != Kind::Sum)
        return success();
      for (AffineExpr element : *known)
        total = kind == Kind::Prod ? total * element : total + element;
      ctx.setElements(0, total);
    }
  return success();
}

namespace ssmc::scalar {
// On integers sums and products wrap, and the functions that leave the
// integers go by way of double.
static int64_t plus(int64_t a, int64_t b) { return uint64_t(a) + uint64_t(b); }
static int64_t times(int64_t a, int64_t b) { return uint64_t(a) * uint64_t(b); }
template <typename T>
static T plus(T a, T b) {
  return a + b;
}
template <typename T>
static T times(T a, T b) {
  return a * b;
}
template <double (*value)(double), Scalar (*emit)(Scalar)>
static Scalar viaDouble(Scalar x) {
  if (x.isFloat())
    return emit(x);
  return convert(emit(convert(x, x.builder->getF64Type(), false)), x.getType(),
                 x.isUnsigned);
}
template <double (*value)(double), Scalar (*emit)(Scalar)>
static double viaDouble(double x) {
  return value(x);
}
template <double (*value)(double), Scalar (*emit)(Scalar)>
static int64_t viaDouble(int64_t x) {
  return int64_t(value(double(x)));
}
template <typename T>
static T root(T x) {
  return viaDouble<std::sqrt, scalar::sqrt>(x);
}
template <typename T>
static T logarithm(T x) {
  return viaDouble<std::log, scalar::log>(x);
}
template <typename T>
static T exponential(T x) {
  return viaDouble<std::exp, scalar::exp>(x);
}
} // namespace ssmc::scalar

/// The reduction without the reduced dimensions, in the type to accumulate in.
template <typename S, typename B>
static typename B::Value reduce(B &b, Kind kind, typename B::Value x,
                                const Axes &axes, bool isUnsigned) {
  using namespace scalar;
  Type type = b.accumulatorType(x);
  auto run = [&](double identity, auto body) {
    return reduceAxes<S>(b, x, axes, type, identity, body, isUnsigned);
  };
  // A function of every element of a reduced tensor.
  auto map = [&](typename B::Value r, auto body) {
    typename B::Operand operand{r, allLoops(b.rank(r)), isUnsigned};
    return b.template generic<S>(operand, sizesOf(b, r), allLoops(b.rank(r)),
                                 type, std::nullopt, body);
  };
  auto sum = [&] { return run(0, [](auto x) { return plus(x[1], x[0]); }); };
  auto sumOfSquares = [&] {
    return run(0, [](auto x) { return plus(x[1], times(x[0], x[0])); });
  };
  switch (kind) {
  case Kind::Sum:
    return sum();
  case Kind::Max:
    return run(-INFINITY, [](auto x) { return max(x[1], x[0]); });
  case Kind::Min:
    return run(INFINITY, [](auto x) { return min(x[1], x[0]); });
  case Kind::Prod:
    return run(1, [](auto x) { return times(x[1], x[0]); });
  case Kind::SumSquare:
    return sumOfSquares();
  case Kind::L1:
    return run(0, [](auto x) {
      return plus(x[1], max(x[0], literal(x[0], 0) - x[0]));
    });
  case Kind::L2:
    return map(sumOfSquares(), [](auto x) { return root(x[0]); });
  case Kind::LogSum:
    return map(sum(), [](auto x) { return logarithm(x[0]); });
  case Kind::LogSumExp: {
    // max + log(sum(exp(x - max))), where a maximum that is infinite is 0.
    auto top = run(-INFINITY, [](auto x) { return max(x[1], x[0]); });
    top = map(top, [](auto x) {
      auto zero = literal(x[0], 0);
      return select(equal(x[0] - x[0], zero), x[0], zero);
    });
    int64_t rank = b.rank(x);
    Axes kept = loopsWithout(rank, axes);
    typename B::Operand operands[] = {{x, allLoops(rank), isUnsigned},
                                      {top, kept, isUnsigned}};
    auto total = b.template generic<S>(
        operands, sizesOf(b, x), kept, type, 0.0,
        [](auto x) { return plus(x[2], exponential(x[0] - x[1])); });
    typename B::Operand parts[] = {{total, allLoops(kept.size()), isUnsigned},
                                   {top, allLoops(kept.size()), isUnsigned}};
    return b.template generic<S>(parts, sizesOf(b, total),
                                 allLoops(kept.size()), type, std::nullopt,
                                 [](auto x) { return logarithm(x[0]) + x[1]; });
  }
  case Kind::Mean:
    break;
  }
  // Mean: the sum divided by the number of elements, which may be an extent
  // known at run time only.
  auto total = sum();
  auto count = b.constant(1);
  for (int64_t axis : axes)
    count = b.multiply(count, b.size(x, axis));
  auto divisor = b.scalar(count, type);
  typename B::Operand operands[] = {
      {total, allLoops(b.rank(total)), isUnsigned}, {divisor, {}, isUnsigned}};
  return b.template generic<S>(operands, sizesOf(b, total),
                               allLoops(b.rank(total)), type, std::nullopt,
                               [](auto x) { return quotient(x[0], x[1]); });
}

static LogicalResult evaluateReduce(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  std::optional<SmallVector<int64_t>> constants;
  if (ctx.has(1)) {
    if (ctx.inputs[1].isFloat())
      return ctx.error("the axes must be integers");
    constants = SmallVector<int64_t>(ctx.inputs[1].ints());
  }
  auto axes =
      resolveAxes(ctx.node, *givenAxes(ctx.node, constants), x.getRank());
  if (!axes)
    return ctx.error("an axis is beyond the rank " + Twine(x.getRank()));
  Calculator calculator;
  Kind kind = kindOf(ctx.node);
  bool isUnsigned = x.getElementType().isUnsignedInteger();
  Tensor y = x.isFloat()
                 ? reduce<double>(calculator, kind, x, *axes, isUnsigned)
                 : reduce<int64_t>(calculator, kind, x, *axes, isUnsigned);
  if (calculator.failed)
    return ctx.error("too large to evaluate");
  if (ctx.node.getInt("keepdims", 1) != 0)
    y = insertOnes(calculator, y, *axes);
  ctx.results[0] = std::move(y);
  return success();
}

/// Reduces by axes that only data knows: one of the sets of axes that give the
/// result's shape. Whether an extent of one is reduced makes no difference.
static LogicalResult lowerByData(LowerContext &ctx) {
  Emitter b(ctx);
  Value x = ctx.input(0);
  auto from = inputExtents(ctx, 0), to = resultExtents(ctx, 0);
  if (failed(from) || failed(to))
    return failure();
  bool keep = ctx.node.getInt("keepdims", 1) != 0;
  int64_t rank = b.rank(x);
  if (rank > kMostDataDims)
    return ctx.error("has axes that are no constants and too many dimensions");
  AffineExpr one = getAffineConstantExpr(1, b.builder.getContext());
  SmallVector<Axes> sets;
  for (unsigned bits = 0; bits < 1u << rank; ++bits) {
    Axes axes;
    SmallVector<AffineExpr> shape;
    bool isFirst = true;
    for (int64_t d = 0; d < rank; ++d) {
      bool reduced = bits >> d & 1;
      isFirst &= !reduced || !keep || (*from)[d] != one;
      if (reduced)
        axes.push_back(d);
      if (!reduced || keep)
        shape.push_back(reduced ? one : (*from)[d]);
    }
    if (isFirst && ArrayRef(shape) == ArrayRef(*to))
      sets.push_back(axes);
  }
  if (sets.empty())
    return ctx.error("has a result that no set of axes gives");
  SmallVector<Value> flags = axisFlags(ctx, 1, rank), conditions;
  Value yes = arith::ConstantIntOp::create(b.builder, b.loc, 1, 1);
  for (const Axes &axes : sets) {
    Value all = yes;
    for (int64_t d = 0; d < rank; ++d) {
      if ((*from)[d] == one)
        continue;
      Value flag = flags[d];
      if (!llvm::is_contained(axes, d))
        flag = arith::XOrIOp::create(b.builder, b.loc, flag, yes);
      all = arith::AndIOp::create(b.builder, b.loc, all, flag);
    }
    conditions.push_back(all);
  }
  bool isUnsigned = isUnsignedInput(ctx, 0);
  setResult(
      ctx, 0,
      choose(ctx, conditions, "the axes give another shape than the model says",
             [&](unsigned i) {
               Value y =
                   reduce<double>(b, kindOf(ctx.node), x, sets[i], isUnsigned);
               y = convertElements(b, y, b.elementType(x));
               return keep ? insertOnes(b, y, sets[i]) : y;
             }));
  return success();
}

static LogicalResult lowerReduce(LowerContext &ctx) {
  std::optional<SmallVector<int64_t>> constants;
  if (ctx.node.hasInput(1)) {
    ElementsAttr attr = ctx.constant(1);
    auto type = cast<RankedTensorType>(ctx.input(1).getType());
    FailureOr<Tensor> tensor = failure();
    if (attr)
      tensor = Tensor::fromAttr(attr);
    bool isEmpty = type.hasStaticShape() && type.getNumElements() == 0;
    if (failed(tensor) && !isEmpty)
      return lowerByData(ctx);
    constants.emplace();
    if (succeeded(tensor) && !tensor->isFloat())
      llvm::append_range(*constants, tensor->ints());
  }
  Emitter emitter(ctx);
  Value x = ctx.input(0);
  auto axes =
      resolveAxes(ctx.node, *givenAxes(ctx.node, constants), emitter.rank(x));
  if (!axes)
    return ctx.error("an axis is beyond the rank");
  Value y = reduce<double>(emitter, kindOf(ctx.node), x, *axes,
                           isUnsignedInput(ctx, 0));
  y = convertElements(emitter, y, emitter.elementType(x));
  if (ctx.node.getInt("keepdims", 1) != 0)
    y = insertOnes(emitter, y, *axes);
  setResult(ctx, 0, y);
  return success();
}

void ssmc::registerReduceOperators(OperatorTable &table) {
  for (StringRef name : {"ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd",
                         "ReduceSumSquare", "ReduceL1", "ReduceL2",
                         "ReduceLogSum", "ReduceLogSumExp", "ReduceSum"}) {
    table.add({"", name, 1, inferReduce, evaluateReduce, lowerReduce});
    table.add({"", name, name == "ReduceSum" ? 13 : 18, inferReduce,
               evaluateReduce, lowerReduce, 1, 2});
  }
}
