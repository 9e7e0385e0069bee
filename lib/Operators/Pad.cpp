//===- Pad.cpp - Pad ------------------------------------------------------===//
//
// Modes constant, edge, reflect and wrap. Amounts may be negative: then they
// cut. Attributes before version 11, inputs since; axes since 18.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxShape.h"
#include "lib/Operators/DataAxes.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"

using namespace mlir;
using namespace ssmc;

// Amounts before and after each dimension, from those of the axes given.
template <typename T>
static FailureOr<SmallVector<std::pair<T, T>>>
spread(ArrayRef<T> pads, std::optional<SmallVector<int64_t>> axes, int64_t rank,
       T zero) {
  SmallVector<int64_t> all;
  for (int64_t d = 0; d < rank; ++d)
    all.push_back(d);
  auto normal = normalizeAxes(axes ? *axes : all, rank);
  if (failed(normal) || pads.size() != 2 * normal->size())
    return failure();
  SmallVector<std::pair<T, T>> result(rank, {zero, zero});
  for (auto [i, axis] : llvm::enumerate(*normal))
    result[axis] = {pads[i], pads[i + normal->size()]};
  return result;
}

// More than any tensor is long: sums with it are far from the end of 64 bits.
static bool outOfRange(int64_t amount) {
  constexpr int64_t most = onnx::kMaxTensorBytes;
  return amount < -most || amount > most;
}

static LogicalResult inferPad(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  int64_t rank = in.dims.size();
  if (ctx.node.hasInput(2) && ctx.input(2).elementType != in.elementType)
    return ctx.error("has a value of another type than its data");
  std::optional<SmallVector<AffineExpr>> pads;
  if (auto attr = ctx.node.getInts("pads"))
    pads = getAffineConstantExprs(*attr, ctx.getContext());
  else if (ctx.node.hasInput(1))
    pads = ctx.knownElements(1);
  else
    return ctx.error("needs pads");
  SmallVector<AffineExpr> dims;
  if (ctx.node.hasInput(3) && !ctx.knownElements(3)) {
    for (int64_t d = 0; d < rank; ++d)
      dims.push_back(ctx.freshSymbol("pad"));
    ctx.setResult(0, in.elementType, dims);
    return success();
  }
  auto axes = intsOfAttrOrInput(ctx, "axes", 3);
  if (failed(axes))
    return failure();
  if (!pads) {
    for (int64_t d = 0; d < rank; ++d) {
      bool padded = !*axes || llvm::is_contained(**axes, d) ||
                    llvm::is_contained(**axes, d - rank);
      dims.push_back(padded ? ctx.freshSymbol("pad") : in.dims[d]);
    }
    ctx.setResult(0, in.elementType, dims);
    return success();
  }
  auto amounts = spread<AffineExpr>(*pads, *axes, rank, ctx.constantDim(0));
  if (failed(amounts))
    return ctx.error("has pads or axes that do not fit its input of rank " +
                     Twine(rank));
  for (AffineExpr amount : *pads)
    if (auto constant = constantExtent(amount);
        constant && outOfRange(*constant))
      return ctx.error("has an amount out of range: " + Twine(*constant));
  for (auto [extent, amount] : llvm::zip(in.dims, *amounts)) {
    dims.push_back(simplifyExtent(extent + amount.first + amount.second));
    if (constantExtent(dims.back()) && *constantExtent(dims.back()) < 0)
      return ctx.error("cuts more than there is");
  }
  ctx.setResult(0, in.elementType, dims);
  return success();
}

// The index that `i`, in an extent `n` > 0, stands for; -1 for the fill value.
static int64_t paddedIndex(StringRef mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n)
    return i;
  if (mode == "edge")
    return std::clamp<int64_t>(i, 0, n - 1);
  if (mode == "wrap")
    return ((i % n) + n) % n;
  if (mode != "reflect")
    return -1;
  if (n == 1)
    return 0;
  int64_t period = 2 * (n - 1);
  i = ((i % period) + period) % period;
  return i < n ? i : period - i;
}

static bool knownMode(StringRef mode) {
  return mode == "constant" || mode == "edge" || mode == "reflect" ||
         mode == "wrap";
}

static LogicalResult evaluatePad(EvalContext &ctx) {
  const Tensor &in = ctx.inputs[0];
  auto pads = intsOfAttrOrInput(ctx, "pads", 1);
  auto axes = intsOfAttrOrInput(ctx, "axes", 3);
  StringRef mode = ctx.node.getString("mode", "constant");
  if (failed(pads) || failed(axes))
    return failure();
  if (!*pads || !knownMode(mode))
    return ctx.error("needs pads and a known mode");
  auto amounts = spread<int64_t>(**pads, *axes, in.getRank(), 0);
  if (failed(amounts) || llvm::any_of(**pads, outOfRange))
    return ctx.error("has pads or axes that do not fit its input");
  SmallVector<int64_t> shape;
  for (auto [extent, amount] : llvm::zip(in.getShape(), *amounts)) {
    int64_t sum = extent + amount.first + amount.second;
    if (sum < 0)
      return ctx.error("has a result of an impossible size");
    if (extent == 0 && sum > 0 && mode != "constant")
      return ctx.error("repeats an element of an empty input");
    shape.push_back(sum);
  }
  double fill = ctx.node.getFloat("value", 0);
  bool given = ctx.has(2) && ctx.inputs[2].getNumElements() == 1;
  if (given && ctx.inputs[2].isFloat() != in.isFloat())
    return ctx.error("has a value of another type than its data");
  if (given)
    fill = ctx.inputs[2].at(0);
  SmallVector<int64_t> strides = rowMajorStrides(in.getShape());
  SmallVector<int64_t> filled;
  int64_t position = 0;
  auto result = pickElements(ctx, in, shape, [&](ArrayRef<int64_t> index) {
    int64_t from = 0;
    for (auto [d, i] : llvm::enumerate(index)) {
      int64_t at = paddedIndex(mode, i - (*amounts)[d].first, in.getShape()[d]);
      from = at < 0 || from < 0 ? -1 : from + at * strides[d];
    }
    if (from < 0)
      filled.push_back(position);
    ++position;
    return from;
  });
  if (failed(result))
    return failure();
  if (result->isFloat())
    for (int64_t at : filled)
      result->mutableFloats()[at] = fill;
  else if (int64_t exact = given ? ctx.inputs[2].ints()[0]
                                 : toInteger(fill, result->getElementType()))
    for (int64_t at : filled)
      result->mutableInts()[at] = exact;
  ctx.results[0] = std::move(*result);
  return success();
}

// `paddedIndex` at run time for the modes that repeat elements.
static Value repeatedIndex(OpBuilder &b, Location loc, StringRef mode, Value i,
                           Value n) {
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  Value last = arith::SubIOp::create(b, loc, n, one);
  auto modulo = [&](Value value, Value period) -> Value {
    period = arith::MaxSIOp::create(b, loc, period, one);
    Value rest = arith::RemSIOp::create(b, loc, value, period);
    Value negative =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, rest, zero);
    Value wrapped = arith::AddIOp::create(b, loc, rest, period);
    return arith::SelectOp::create(b, loc, negative, wrapped, rest);
  };
  if (mode == "wrap") {
    i = modulo(i, n);
  } else if (mode == "reflect") {
    Value period = arith::AddIOp::create(b, loc, last, last);
    i = modulo(i, period);
    Value mirrored = arith::SubIOp::create(b, loc, period, i);
    i = arith::MinSIOp::create(b, loc, i, mirrored);
  }
  i = arith::MinSIOp::create(b, loc, i, last);
  return arith::MaxSIOp::create(b, loc, i, zero);
}

// `spread` where the axes are only known at run time.
static FailureOr<SmallVector<std::pair<OpFoldResult, OpFoldResult>>>
spreadByData(LowerContext &ctx, ArrayRef<OpFoldResult> pads, int64_t count,
             int64_t rank) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  SmallVector<std::pair<OpFoldResult, OpFoldResult>> result;
  Value zero = indexConstant(b, loc, 0);
  auto numbers = axisNumbers(ctx, 3, rank);
  for (int64_t d = 0; d < rank; ++d) {
    auto sum = [&](int64_t from) {
      Value total = zero;
      for (int64_t i = 0; i < count; ++i) {
        Value here =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, numbers[i],
                                  indexConstant(b, loc, d));
        total = arith::SelectOp::create(
            b, loc, here, indexValue(b, loc, pads[from + i]), total);
      }
      return total;
    };
    result.push_back({sum(0), sum(count)});
  }
  return result;
}

static LogicalResult lowerPad(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value in = ctx.input(0);
  RankedTensorType type = ctx.resultType(0);
  int64_t rank = type.getRank();
  StringRef mode = ctx.node.getString("mode", "constant");
  if (!knownMode(mode))
    return ctx.error("has the unknown mode '" + mode + "'");
  std::optional<SmallVector<AffineExpr>> known;
  if (auto attr = ctx.node.getInts("pads"))
    known = getAffineConstantExprs(*attr, b.getContext());
  else if (ctx.node.hasInput(1))
    known = ctx.knownElements(1);
  std::optional<SmallVector<int64_t>> axes = ctx.node.getInts("axes");
  bool dataAxes = false;
  if (ctx.node.hasInput(3)) {
    auto given = ctx.knownElements(3);
    dataAxes = !given;
    axes.emplace();
    if (given)
      for (AffineExpr axis : *given)
        axes->push_back(constantExtent(axis).value_or(rank));
    else
      axes->resize(std::max<int64_t>(
          0, cast<RankedTensorType>(ctx.input(3).getType()).getDimSize(0)));
  }
  // Amounts as values; where they are data, the result's extents are too.
  SmallVector<OpFoldResult> list;
  size_t count = 2 * (axes ? axes->size() : rank);
  for (size_t i = 0; i < count; ++i) {
    OpFoldResult amount =
        known && i < known->size() ? ctx.materialize((*known)[i]) : nullptr;
    if (!amount && ctx.node.hasInput(1))
      amount = toIndex(b, loc, extractScalar(b, loc, ctx.input(1), i));
    if (!amount)
      return ctx.error("needs pads");
    list.push_back(amount);
  }
  auto amounts = dataAxes
                     ? spreadByData(ctx, list, axes->size(), rank)
                     : spread<OpFoldResult>(list, axes, rank,
                                            OpFoldResult(b.getIndexAttr(0)));
  if (failed(amounts))
    return ctx.error("has pads or axes that do not fit its input");
  SmallVector<OpFoldResult> extents = tensor::getMixedSizes(b, loc, in), sizes;
  AffineExpr s0, s1, s2;
  bindSymbols(b.getContext(), s0, s1, s2);
  Value zero = indexConstant(b, loc, 0);
  for (int64_t d = 0; d < rank; ++d) {
    OpFoldResult size = ctx.resultDim(0, d);
    if (size && (!known || dataAxes))
      checkExtent(
          ctx,
          apply(b, loc, s0 + s1 + s2,
                {extents[d], (*amounts)[d].first, (*amounts)[d].second}),
          0, d);
    if (!size) {
      Value sum = indexValue(
          b, loc,
          apply(b, loc, s0 + s1 + s2,
                {extents[d], (*amounts)[d].first, (*amounts)[d].second}));
      size = arith::MaxSIOp::create(b, loc, sum, zero).getResult();
    }
    sizes.push_back(size);
  }
  Type element = type.getElementType();
  Value empty = tensor::EmptyOp::create(b, loc, sizes, element);
  if (mode != "constant") {
    Value padded = buildElements(
        b, loc, empty, {}, {},
        [&](OpBuilder &b, Location loc, ValueRange index, ValueRange) {
          SmallVector<Value> at;
          for (auto [d, i] : llvm::enumerate(index)) {
            Value before = indexValue(b, loc, (*amounts)[d].first);
            Value moved = arith::SubIOp::create(b, loc, i, before);
            at.push_back(repeatedIndex(b, loc, mode, moved,
                                       indexValue(b, loc, extents[d])));
          }
          return readElement(b, loc, in, at);
        });
    ctx.setResult(0, castTo(b, loc, padded, type));
    return success();
  }

  Value fill;
  if (ctx.node.hasInput(2))
    fill = extractScalar(b, loc, ctx.input(2));
  else if (isa<FloatType>(element))
    fill = arith::ConstantOp::create(
        b, loc, b.getFloatAttr(element, ctx.node.getFloat("value", 0)));
  else
    fill = zeroOf(b, loc, element);
  // What is cut is left out of the piece; the rest is where the piece lies.
  SmallVector<OpFoldResult> cut, place, length;
  SmallVector<OpFoldResult> ones(rank, b.getIndexAttr(1));
  auto positive = [&](OpFoldResult amount, int64_t sign) -> OpFoldResult {
    if (auto attr = dyn_cast<Attribute>(amount))
      return b.getIndexAttr(
          std::max<int64_t>(sign * cast<IntegerAttr>(attr).getInt(), 0));
    Value value = indexValue(b, loc, apply(b, loc, s0 * sign, {amount}));
    return arith::MaxSIOp::create(b, loc, value, zero).getResult();
  };
  for (int64_t d = 0; d < rank; ++d) {
    auto [before, after] = (*amounts)[d];
    cut.push_back(positive(before, -1));
    place.push_back(positive(before, 1));
    OpFoldResult rest =
        apply(b, loc, s0 - s1 - s2, {extents[d], cut[d], positive(after, -1)});
    length.push_back(isa<Attribute>(rest) ? rest : positive(rest, 1));
  }
  Value piece = takeSlice(b, loc, in, cut, length, ones);
  Value filled = linalg::FillOp::create(b, loc, fill, empty).getResult(0);
  if (piece.getDefiningOp<tensor::EmptyOp>()) {
    ctx.setResult(0, castTo(b, loc, filled, type));
    return success();
  }
  Value padded =
      tensor::InsertSliceOp::create(b, loc, piece, filled, place, length, ones);
  ctx.setResult(0, castTo(b, loc, padded, type));
  return success();
}

namespace ssmc {
void registerPadOperators(OperatorTable &table) {
  table.add({"", "Pad", 1, inferPad, evaluatePad, lowerPad, 1, 4});
}
} // namespace ssmc
