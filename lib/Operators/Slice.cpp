//===- Slice.cpp - Slice --------------------------------------------------===//
//
// Per axis, a slice is `start + step * i` for i in [0, length), after starts
// and ends have been counted from the front and moved into the input. Starts,
// ends, axes and steps are attributes before version 10, inputs since.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/DataAxes.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"

using namespace mlir;
using namespace ssmc;

namespace {
/// What is taken of an axis of constant extent.
struct Taken {
  int64_t start, length;
};
} // namespace

/// No extent is larger; sums with bounds and steps of it stay within 64 bits.
static constexpr int64_t kFarthest = int64_t(1) << 48;

/// Steps that take one element alone, however long they are.
static SmallVector<int64_t> boundSteps(ArrayRef<int64_t> steps) {
  return llvm::map_to_vector(steps, [](int64_t step) {
    return std::clamp(step, -kFarthest, kFarthest);
  });
}

static Taken take(int64_t start, int64_t end, int64_t step, int64_t extent) {
  auto fromFront = [&](int64_t at) { return at < 0 ? at + extent : at; };
  start = fromFront(start), end = fromFront(end);
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, extent);
    end = std::clamp<int64_t>(end, 0, extent);
    return {start, end > start ? (end - start - 1) / step + 1 : 0};
  }
  start = std::clamp<int64_t>(start, 0, std::max<int64_t>(extent - 1, 0));
  end = std::clamp<int64_t>(end, -1, extent - 1);
  return {start, extent > 0 && end < start ? (start - end - 1) / -step + 1 : 0};
}

//===----------------------------------------------------------------------===//
// Shape
//===----------------------------------------------------------------------===//

// A bound as an expression from the front, moved into [0, extent] where it is
// known how it lies; null where it is not.
static AffineExpr placeBound(AffineExpr bound, AffineExpr extent) {
  AffineExpr zero = getAffineConstantExpr(0, extent.getContext());
  if (auto constant = constantExtent(bound)) {
    if (*constant > (int64_t(1) << 31))
      return extent;
    if (*constant < -(int64_t(1) << 31))
      return zero;
    if (*constant < 0)
      bound = simplifyExtent(extent + *constant);
  } else if (provablyAtLeast(zero, bound)) {
    // -n counts n from the end. A symbol n is taken to be at least 1 here, as
    // exporters take it: -0 would not be from the end.
    bound = simplifyExtent(extent + bound);
  }
  if (provablyAtLeast(bound, extent))
    return extent;
  if (provablyAtLeast(extent, bound) && provablyAtLeast(bound, zero))
    return bound;
  if (provablyAtLeast(zero, bound))
    return zero;
  return nullptr;
}

// How many elements a step takes forward, or back from the last element to the
// first; null where the data decides that.
static AffineExpr knownLength(AffineExpr start, AffineExpr end, int64_t step,
                              AffineExpr extent) {
  if (step < 0) {
    auto first = constantExtent(start), last = constantExtent(end);
    constexpr int64_t most = int64_t(1) << 31;
    if (!first || !last || (*first != -1 && *first <= most) || *last >= -most)
      return nullptr;
    return simplifyExtent((extent + (-step - 1)).floorDiv(-step));
  }
  AffineExpr from = placeBound(start, extent), to = placeBound(end, extent);
  if (step <= 0 || !from || !to || !provablyAtLeast(to, from))
    return nullptr;
  return simplifyExtent(step == 1 ? to - from
                                  : (to - from + (step - 1)).floorDiv(step));
}

namespace {
struct SliceSpec {
  SmallVector<int64_t> axes, steps;
  std::optional<SmallVector<AffineExpr>> starts, ends;
};
} // namespace

static FailureOr<SliceSpec> readSpec(InferContext &ctx) {
  SliceSpec spec;
  int64_t rank = ctx.input(0).dims.size();
  auto known = [&](StringRef name,
                   unsigned i) -> std::optional<SmallVector<AffineExpr>> {
    if (auto attr = ctx.node.getInts(name)) {
      SmallVector<AffineExpr> exprs;
      for (int64_t value : *attr)
        exprs.push_back(ctx.constantDim(value));
      return exprs;
    }
    return ctx.node.hasInput(i) ? ctx.knownElements(i) : std::nullopt;
  };
  spec.starts = known("starts", 1);
  spec.ends = known("ends", 2);
  std::optional<size_t> count;
  if (spec.starts)
    count = spec.starts->size();
  else if (ctx.node.hasInput(1) && ctx.input(1).dims.size() == 1)
    count = constantExtent(ctx.input(1).dims[0]);
  if (!count)
    return ctx.error("needs starts of a known number");
  auto axes = intsOfAttrOrInput(ctx, "axes", 3);
  auto steps = intsOfAttrOrInput(ctx, "steps", 4);
  if (failed(axes) || failed(steps))
    return failure();
  SmallVector<int64_t> all;
  for (size_t i = 0; i < std::min<size_t>(*count, 64); ++i)
    all.push_back(i);
  auto normal = normalizeAxes(*axes ? **axes : all, rank);
  spec.steps =
      *steps ? boundSteps(**steps) : SmallVector<int64_t>(all.size(), 1);
  if (failed(normal) || normal->size() != *count ||
      spec.steps.size() != *count || (spec.ends && spec.ends->size() != *count))
    return ctx.error("has axes, bounds or steps that do not fit each other or "
                     "the rank of its input");
  if (llvm::is_contained(spec.steps, 0))
    return ctx.error("has a step of zero");
  spec.axes = *normal;
  return spec;
}

static LogicalResult inferSlice(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  for (unsigned i : {3, 4}) {
    if (!ctx.node.hasInput(i) || ctx.knownElements(i))
      continue;
    // Any axis may be cut.
    for (unsigned k = 1; k < ctx.node.getInputs().size(); ++k)
      if (ctx.node.hasInput(k) && (ctx.input(k).dims.size() != 1 ||
                                   ctx.input(k).dims != ctx.input(1).dims ||
                                   !constantExtent(ctx.input(k).dims[0]) ||
                                   !isa<IntegerType>(ctx.input(k).elementType)))
        return ctx.error("needs vectors of integers of one known length for "
                         "bounds, axes and steps");
    SmallVector<AffineExpr> dims;
    for (size_t d = 0; d < in.dims.size(); ++d)
      dims.push_back(ctx.freshSymbol("slice"));
    ctx.setResult(0, in.elementType, dims);
    return success();
  }
  auto spec = readSpec(ctx);
  if (failed(spec))
    return failure();
  SmallVector<AffineExpr> dims(in.dims);
  for (auto [i, axis] : llvm::enumerate(spec->axes)) {
    AffineExpr &dim = dims[axis];
    AffineExpr length;
    if (spec->starts && spec->ends) {
      AffineExpr start = (*spec->starts)[i], end = (*spec->ends)[i];
      auto a = constantExtent(start), b = constantExtent(end),
           extent = constantExtent(dim);
      if (a && b && extent) {
        length = ctx.constantDim(take(*a, *b, spec->steps[i], *extent).length);
      } else {
        length = knownLength(start, end, spec->steps[i], dim);
        // The first or the last one is there, or the call is refused: an extent
        // of zero is no reason to know nothing.
        constexpr int64_t most = int64_t(1) << 31;
        if (!length && a && b && spec->steps[i] == 1 &&
            ((*a == 0 && *b == 1) || (*a == -1 && *b > most)))
          length = ctx.constantDim(1);
      }
    }
    dim = length ? length : ctx.freshSymbol("slice");
  }
  ctx.setResult(0, in.elementType, dims);
  auto elements = ctx.knownElements(0);
  if (!elements || dims.size() != 1 || !spec->starts || !spec->ends)
    return success();
  if (spec->axes.empty()) {
    ctx.setElements(0, *elements);
    return success();
  }
  auto a = constantExtent((*spec->starts)[0]),
       b = constantExtent((*spec->ends)[0]);
  if (!a || !b)
    return success();
  Taken taken = take(*a, *b, spec->steps[0], elements->size());
  SmallVector<AffineExpr> picked;
  for (int64_t i = 0; i < taken.length; ++i)
    picked.push_back((*elements)[taken.start + i * spec->steps[0]]);
  ctx.setElements(0, picked);
  return success();
}

//===----------------------------------------------------------------------===//
// Value
//===----------------------------------------------------------------------===//

static LogicalResult evaluateSlice(EvalContext &ctx) {
  const Tensor &in = ctx.inputs[0];
  auto starts = intsOfAttrOrInput(ctx, "starts", 1);
  auto ends = intsOfAttrOrInput(ctx, "ends", 2);
  auto axes = intsOfAttrOrInput(ctx, "axes", 3);
  auto steps = intsOfAttrOrInput(ctx, "steps", 4);
  if (failed(starts) || failed(ends) || failed(axes) || failed(steps))
    return failure();
  if (!*starts || !*ends)
    return ctx.error("needs starts and ends");
  size_t count = (*starts)->size();
  SmallVector<int64_t> all;
  for (size_t i = 0; i < count; ++i)
    all.push_back(i);
  auto normal = normalizeAxes(*axes ? **axes : all, in.getRank());
  SmallVector<int64_t> step =
      *steps ? boundSteps(**steps) : SmallVector<int64_t>(count, 1);
  if (failed(normal) || normal->size() != count || step.size() != count ||
      (*ends)->size() != count || llvm::is_contained(step, 0))
    return ctx.error("has axes, bounds or steps that do not fit its input");
  SmallVector<int64_t> shape(in.getShape());
  SmallVector<int64_t> strides = rowMajorStrides(in.getShape());
  int64_t base = 0;
  for (auto [i, axis] : llvm::enumerate(*normal)) {
    Taken taken = take((**starts)[i], (**ends)[i], step[i], shape[axis]);
    base += taken.start * strides[axis];
    // One element needs no step, and a large one would overflow.
    strides[axis] *= taken.length > 1 ? step[i] : 0;
    shape[axis] = taken.length;
  }
  return finish(ctx, pickStrided(ctx, in, shape, base, strides));
}

//===----------------------------------------------------------------------===//
// Lowering
//===----------------------------------------------------------------------===//

// min(max(value, low), high).
static Value clampValue(OpBuilder &b, Location loc, Value value, Value low,
                        Value high) {
  value = arith::MaxSIOp::create(b, loc, value, low);
  return arith::MinSIOp::create(b, loc, value, high);
}

// `take` at run time. Of a step that is only known there, `step` is the sign
// and `stride` the magnitude.
static std::pair<Value, Value> takeValue(OpBuilder &b, Location loc,
                                         Value start, Value end, int64_t step,
                                         Value extent, Value stride = {}) {
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  auto fromFront = [&](Value at) -> Value {
    Value negative =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, at, zero);
    Value wrapped = arith::AddIOp::create(b, loc, at, extent);
    return arith::SelectOp::create(b, loc, negative, wrapped, at);
  };
  start = fromFront(start), end = fromFront(end);
  Value last = arith::SubIOp::create(b, loc, extent, one);
  Value span;
  if (step > 0) {
    start = clampValue(b, loc, start, zero, extent);
    end = clampValue(b, loc, end, zero, extent);
    span = arith::SubIOp::create(b, loc, end, start);
  } else {
    end = clampValue(b, loc, end, indexConstant(b, loc, -1), last);
    start = clampValue(b, loc, start, indexConstant(b, loc, -1), last);
    span = arith::SubIOp::create(b, loc, start, end);
  }
  span = arith::MaxSIOp::create(b, loc, span, zero);
  if (!stride)
    stride = indexConstant(b, loc, step > 0 ? step : -step);
  Value length = arith::CeilDivSIOp::create(b, loc, span, stride);
  return {start, length};
}

// Bounds, axes or steps of a node being lowered, where they are known.
static std::optional<SmallVector<AffineExpr>>
knownList(LowerContext &ctx, StringRef name, unsigned i) {
  if (auto attr = ctx.node.getInts(name))
    return getAffineConstantExprs(*attr, ctx.node->getContext());
  return ctx.node.hasInput(i) ? ctx.knownElements(i) : std::nullopt;
}

static std::optional<SmallVector<int64_t>>
constantList(LowerContext &ctx, StringRef name, unsigned i,
             SmallVector<int64_t> otherwise) {
  if (!ctx.node.getInts(name) && !ctx.node.hasInput(i))
    return otherwise;
  auto known = knownList(ctx, name, i);
  SmallVector<int64_t> values;
  if (!known)
    return std::nullopt;
  for (AffineExpr expr : *known) {
    if (!constantExtent(expr))
      return std::nullopt;
    values.push_back(*constantExtent(expr));
  }
  return values;
}

// A slice whose axes or steps only data knows: every dimension is read from a
// start on with a step, which are 0 and 1 where it is not among the axes.
static LogicalResult lowerByData(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value in = ctx.input(0), empty = ctx.emptyResult(0);
  if (!empty)
    return ctx.error("gives an extent that only data decides");
  int64_t rank = cast<RankedTensorType>(in.getType()).getRank();
  int64_t count = cast<RankedTensorType>(ctx.input(1).getType()).getDimSize(0);
  SmallVector<Value> axes;
  if (ctx.input(3))
    axes = axisNumbers(ctx, 3, rank);
  else
    for (int64_t d = 0; d < std::min(count, rank); ++d)
      axes.push_back(indexConstant(b, loc, d));
  auto read = [&](unsigned input, int64_t i) {
    Value value = toIndex(b, loc, extractScalar(b, loc, ctx.input(input), i));
    return clampValue(b, loc, value, indexConstant(b, loc, -kFarthest),
                      indexConstant(b, loc, kFarthest));
  };
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  SmallVector<OpFoldResult> extents = tensor::getMixedSizes(b, loc, in);
  SmallVector<Value> starts, steps;
  for (int64_t d = 0; d < rank; ++d) {
    Value extent = indexValue(b, loc, extents[d]);
    Value start = zero, step = one, length = extent;
    for (size_t i = 0; i < axes.size(); ++i) {
      Value here = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                         axes[i], indexConstant(b, loc, d));
      Value given = ctx.input(4) ? read(4, i) : one;
      Value isForward =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, given, zero);
      Value magnitude = arith::MaxSIOp::create(
          b, loc, given, arith::SubIOp::create(b, loc, zero, given));
      checkHolds(b, loc,
                 arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                       magnitude, zero),
                 "a step is zero");
      magnitude = arith::MaxSIOp::create(b, loc, magnitude, one);
      auto forward =
          takeValue(b, loc, read(1, i), read(2, i), 1, extent, magnitude);
      auto back =
          takeValue(b, loc, read(1, i), read(2, i), -1, extent, magnitude);
      auto pick = [&](Value a, Value c, Value otherwise) -> Value {
        Value taken = arith::SelectOp::create(b, loc, isForward, a, c);
        return arith::SelectOp::create(b, loc, here, taken, otherwise);
      };
      start = pick(forward.first, back.first, start);
      length = pick(forward.second, back.second, length);
      step = arith::SelectOp::create(b, loc, here, given, step);
    }
    checkExtent(ctx, length, 0, d);
    starts.push_back(start);
    steps.push_back(step);
  }
  Value picked = buildElements(
      b, loc, empty, {}, {},
      [&](OpBuilder &b, Location loc, ValueRange index, ValueRange) {
        SmallVector<Value> at;
        for (auto [d, i] : llvm::enumerate(index)) {
          Value moved = arith::MulIOp::create(b, loc, i, steps[d]);
          moved = arith::AddIOp::create(b, loc, moved, starts[d]);
          at.push_back(
              wrapAndClamp(b, loc, moved, indexValue(b, loc, extents[d])));
        }
        return readElement(b, loc, in, at);
      });
  ctx.setResult(0, castTo(b, loc, picked, ctx.resultType(0)));
  return success();
}

static LogicalResult lowerSlice(LowerContext &ctx) {
  for (unsigned i : {3, 4})
    if (ctx.node.hasInput(i) && !ctx.knownElements(i))
      return lowerByData(ctx);

  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value in = ctx.input(0);
  auto inType = cast<RankedTensorType>(in.getType());
  int64_t rank = inType.getRank();
  auto extents = inputExtents(ctx, 0);
  if (failed(extents))
    return failure();
  auto starts = knownList(ctx, "starts", 1), ends = knownList(ctx, "ends", 2);
  if ((!starts && !ctx.node.hasInput(1)) || (!ends && !ctx.node.hasInput(2)))
    return ctx.error("needs starts and ends");
  size_t count =
      starts ? starts->size()
             : cast<RankedTensorType>(ctx.input(1).getType()).getDimSize(0);
  SmallVector<int64_t> all;
  for (int64_t i = 0; i < std::min<int64_t>(count, rank); ++i)
    all.push_back(i);
  auto axes = constantList(ctx, "axes", 3, all);
  auto steps = constantList(ctx, "steps", 4, SmallVector<int64_t>(count, 1));
  if (!axes || !steps)
    return ctx.error("needs constant axes and steps");
  auto normal = normalizeAxes(*axes, rank);
  if (failed(normal) || normal->size() != count || steps->size() != count)
    return ctx.error("has axes or steps that do not fit its input");

  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, in);
  SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
  bool backwards = false;
  for (size_t i = 0; i < normal->size(); ++i) {
    int64_t axis = (*normal)[i], step = boundSteps(*steps)[i];
    AffineExpr extent = (*extents)[axis];
    strides[axis] = b.getIndexAttr(step);
    backwards |= step < 0;
    auto constantOf = [&](auto &list) {
      return list ? constantExtent((*list)[i]) : std::nullopt;
    };
    auto a = constantOf(starts), e = constantOf(ends);
    if (a && e && constantExtent(extent)) {
      Taken taken = take(*a, *e, step, *constantExtent(extent));
      offsets[axis] = b.getIndexAttr(taken.start);
      sizes[axis] = b.getIndexAttr(taken.length);
      continue;
    }
    // Where the shape rule has proved the length, the offset is as it was
    // placed there; what the model says of it is checked.
    OpFoldResult length = ctx.resultDim(0, axis), offset;
    if (length && starts && ends &&
        knownLength((*starts)[i], (*ends)[i], step, extent))
      offset = ctx.materialize(step < 0 ? simplifyExtent(extent - 1)
                                        : placeBound((*starts)[i], extent));
    if (!offset) {
      auto bound = [&](auto &list, unsigned input) -> Value {
        OpFoldResult known = list ? ctx.materialize((*list)[i]) : nullptr;
        if (auto attr = dyn_cast_if_present<Attribute>(known)) {
          // Beyond any extent is as good as at the extent.
          int64_t limit = int64_t(1) << 48;
          return indexConstant(
              b, loc,
              std::clamp(cast<IntegerAttr>(attr).getInt(), -limit, limit));
        }
        if (known)
          return indexValue(b, loc, known);
        return toIndex(b, loc, extractScalar(b, loc, ctx.input(input), i));
      };
      auto [start, taken] = takeValue(b, loc, bound(starts, 1), bound(ends, 2),
                                      step, indexValue(b, loc, sizes[axis]));
      offset = start;
      // A length known otherwise is not trusted with a start that is not.
      if (length)
        checkExtent(ctx, taken, 0, axis);
      else
        length = taken;
    }
    offsets[axis] = offset;
    sizes[axis] = length;
  }
  if (!backwards) {
    Value slice = takeSlice(b, loc, in, offsets, sizes, strides);
    ctx.setResult(0, castTo(b, loc, slice, ctx.resultType(0)));
    return success();
  }
  Value empty = tensor::EmptyOp::create(b, loc, sizes, inType.getElementType());
  Value picked = buildElements(
      b, loc, empty, {}, {},
      [&](OpBuilder &b, Location loc, ValueRange index, ValueRange) {
        SmallVector<Value> at;
        for (auto [d, i] : llvm::enumerate(index)) {
          Value step = indexValue(b, loc, strides[d]);
          Value moved = arith::MulIOp::create(b, loc, i, step);
          at.push_back(arith::AddIOp::create(b, loc, moved,
                                             indexValue(b, loc, offsets[d])));
        }
        return readElement(b, loc, in, at);
      });
  ctx.setResult(0, castTo(b, loc, picked, ctx.resultType(0)));
  return success();
}

namespace ssmc {
void registerSliceOperators(OperatorTable &table) {
  table.add({"", "Slice", 1, inferSlice, evaluateSlice, lowerSlice, 1, 5});
}
} // namespace ssmc
