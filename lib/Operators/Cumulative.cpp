//===- Cumulative.cpp - running sums and products -------------------------===//
//
// Both are the recurrence h = a * h + b: with a = 1 and b the input for sums,
// with a the input and b = 0 for products.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Operators/DataAxes.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"

using namespace mlir;
using namespace ssmc;

/// The constant axis input. Nothing where it is not one integer in range.
static std::optional<int64_t> readAxis(ArrayRef<int64_t> values, int64_t rank) {
  if (values.size() != 1)
    return std::nullopt;
  return normalizeAxis(values[0], rank);
}

static LogicalResult inferCumulative(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  if (!x.elementType.isIntOrFloat() || x.elementType.isInteger(1))
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  if (auto axis = ctx.constantInts(1); axis && !readAxis(*axis, x.dims.size()))
    return ctx.error("the axis is beyond the rank " + Twine(x.dims.size()));
  ctx.setResult(0, x.elementType, x.dims);
  return success();
}

static LogicalResult evaluateCumulative(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  if (ctx.inputs[1].isFloat())
    return ctx.error("the axis must be an integer");
  auto axis = readAxis(ctx.inputs[1].ints(), x.getRank());
  if (!axis)
    return ctx.error("the axis is beyond the rank");
  bool exclusive = ctx.node.getInt("exclusive", 0) != 0;
  bool reverse = ctx.node.getInt("reverse", 0) != 0;
  bool isSum = ctx.node.getOpType() == "CumSum";
  Tensor *y = ctx.makeUninitialized(0, x.getElementType(), x.getShape());
  if (!y)
    return failure();
  int64_t length = x.getShape()[*axis],
          step = rowMajorStrides(x.getShape())[*axis];
  auto scan = [&](auto from, auto to, auto start, auto combine) {
    // Side by side for all that have the same place on the axis.
    std::vector<decltype(start)> totals(step);
    for (int64_t i = 0, e = x.getNumElements(); i < e; i += length * step) {
      llvm::fill(totals, start);
      for (int64_t t = 0; t < length; ++t) {
        int64_t at = i + (reverse ? length - 1 - t : t) * step;
        for (int64_t k = 0; k < step; ++k) {
          auto next = combine(totals[k], from[at + k]);
          to[at + k] = exclusive ? totals[k] : next;
          totals[k] = next;
        }
      }
    }
  };
  if (x.isFloat())
    scan(x.floats(), y->mutableFloats(), isSum ? 0.0 : 1.0,
         [&](double a, double b) { return isSum ? a + b : a * b; });
  else
    scan(x.ints(), y->mutableInts(), int64_t(!isSum),
         [&](int64_t a, int64_t b) {
           uint64_t u = a, v = b;
           return wrapInteger(int64_t(isSum ? u + v : u * v),
                              x.getElementType());
         });
  return success();
}

static Value lowerAlong(LowerContext &ctx, int64_t axis) {
  Emitter b(ctx);
  Value x = ctx.input(0);
  bool reverse = ctx.node.getInt("reverse", 0) != 0;
  bool isSum = ctx.node.getOpType() == "CumSum";
  Type type = b.elementType(x);
  SmallVector<OpFoldResult> sizes = sizesOf(b, x);
  // A slice of an empty axis does not verify, and has nothing to move.
  if (ctx.node.getInt("exclusive", 0) != 0 && !isZeroInteger(sizes[axis])) {
    // The sum before an element is the sum up to the element before it: all
    // but the last one, or where there is none, all of the axis, moved by one.
    AffineExpr extent = getAffineSymbolExpr(0, b.builder.getContext());
    AffineExpr oneExpr = getAffineConstantExpr(1, b.builder.getContext());
    OpFoldResult moved = affine::makeComposedFoldedAffineMin(
        b.builder, b.loc,
        AffineMap::get(0, 1, {extent, oneExpr}, b.builder.getContext()),
        sizes[axis]);
    SmallVector<OpFoldResult> none(sizes.size(), b.constant(0)), one = none;
    one[axis] = moved;
    Value shorter = b.slice(x, axis, reverse ? moved : b.constant(0),
                            b.subtract(sizes[axis], moved));
    x = b.pad(shorter, reverse ? none : one, reverse ? one : none,
              isSum ? 0 : 1);
  }
  SmallVector<OpFoldResult> stateSizes(sizes);
  stateSizes.erase(stateSizes.begin() + axis);
  auto filled = [&](ArrayRef<OpFoldResult> sizes, Type type, int64_t value) {
    TypedAttr attr = isa<FloatType>(type)
                         ? TypedAttr(b.builder.getFloatAttr(type, value))
                         : b.builder.getIntegerAttr(type, value);
    Value element = arith::ConstantOp::create(b.builder, b.loc, attr);
    Value empty = tensor::EmptyOp::create(b.builder, b.loc, sizes, type);
    return linalg::FillOp::create(b.builder, b.loc, element, empty)
        .getResult(0);
  };
  Value constant = filled(sizes, type, isSum ? 1 : 0);
  Value state = filled(stateSizes, b.accumulatorType(x), isSum ? 0 : 1);
  Value h = tensor::EmptyOp::create(b.builder, b.loc, sizes, type);
  auto scan = ssm::ScanOp::create(b.builder, b.loc,
                                  TypeRange{h.getType(), state.getType()},
                                  isSum ? constant : x, isSum ? x : constant, h,
                                  state, uint64_t(axis), reverse);
  return scan->getResult(0);
}

static LogicalResult lowerCumulative(LowerContext &ctx) {
  int64_t rank = cast<RankedTensorType>(ctx.input(0).getType()).getRank();
  if (ElementsAttr attr = ctx.constant(1)) {
    FailureOr<Tensor> tensor = Tensor::fromAttr(attr);
    auto axis = succeeded(tensor) && !tensor->isFloat()
                    ? readAxis(tensor->ints(), rank)
                    : std::nullopt;
    if (!axis)
      return ctx.error("the axis is beyond the rank");
    setResult(ctx, 0, lowerAlong(ctx, *axis));
    return success();
  }
  // Which axis it is, only data says: one of a few scans runs.
  constexpr int64_t most = 8;
  auto given = dyn_cast<RankedTensorType>(ctx.input(1).getType());
  if (rank == 0 || rank > most || !given || !given.hasStaticShape() ||
      given.getNumElements() != 1)
    return ctx.error("the axis must be one number for at most " + Twine(most) +
                     " dimensions");
  SmallVector<Value> flags = axisFlags(ctx, 1, rank);
  setResult(ctx, 0,
            choose(ctx, flags, "the axis is beyond the rank",
                   [&](unsigned d) { return lowerAlong(ctx, d); }));
  return success();
}

void ssmc::registerCumulativeOperators(OperatorTable &table) {
  table.add({"", "CumSum", 11, inferCumulative, evaluateCumulative,
             lowerCumulative, 2, 2});
  table.add({"", "CumProd", 26, inferCumulative, evaluateCumulative,
             lowerCumulative, 2, 2});
}
