//===- Concat.cpp - Concat and Split --------------------------------------===//

#include "lib/Operators/DataAxes.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"

using namespace mlir;
using namespace ssmc;

//===----------------------------------------------------------------------===//
// Concat
//===----------------------------------------------------------------------===//

static LogicalResult inferConcat(InferContext &ctx) {
  unsigned count = ctx.node.getInputs().size();
  ValueShape result = ctx.input(0);
  auto axis = normalizeAxis(ctx.node.getInt("axis", 1), result.dims.size());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its inputs");
  std::optional<SmallVector<AffineExpr>> elements = ctx.knownElements(0);
  for (unsigned i = 1; i < count; ++i) {
    if (!ctx.node.hasInput(i))
      return ctx.error("leaves out input " + Twine(i));
    const ValueShape &in = ctx.input(i);
    if (in.dims.size() != result.dims.size())
      return ctx.error("has inputs of different ranks");
    if (in.elementType != result.elementType)
      return ctx.error("has inputs of different element types");
    for (auto [d, extent] : llvm::enumerate(in.dims)) {
      if (static_cast<int64_t>(d) == *axis) {
        result.dims[d] = simplifyExtent(result.dims[d] + extent);
        continue;
      }
      if (extent == result.dims[d])
        continue;
      if (constantExtent(result.dims[d]) && constantExtent(extent))
        return ctx.error("has inputs of different extents " +
                         Twine(*constantExtent(result.dims[d])) + " and " +
                         Twine(*constantExtent(extent)) + " in axis " +
                         Twine(d));
      ctx.requireEqual(result.dims[d], extent);
      if (constantExtent(extent))
        result.dims[d] = extent;
    }
    auto more = elements ? ctx.knownElements(i) : std::nullopt;
    if (more && elements)
      elements->append(*more);
    else
      elements.reset();
  }
  ctx.setResult(0, result.elementType, result.dims);
  if (elements && result.dims.size() == 1)
    ctx.setElements(0, *elements);
  return success();
}

static LogicalResult evaluateConcat(EvalContext &ctx) {
  const Tensor &first = ctx.inputs[0];
  auto axis = normalizeAxis(ctx.node.getInt("axis", 1), first.getRank());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its inputs");
  SmallVector<int64_t> shape(first.getShape());
  for (const Tensor &in : ctx.inputs.drop_front()) {
    if (in.isNull() || in.getRank() != first.getRank() ||
        in.isFloat() != first.isFloat())
      return ctx.error("has inputs of different ranks or types");
    for (auto [d, extent] : llvm::enumerate(in.getShape())) {
      if (static_cast<int64_t>(d) == *axis)
        shape[d] += extent;
      else if (extent != shape[d])
        return ctx.error("has inputs of different extents");
    }
  }
  Tensor *result = ctx.makeUninitialized(0, first.getElementType(), shape);
  if (!result)
    return failure();
  // Runs of whole rows below the axis.
  int64_t outer = 1, inner = 1;
  for (int64_t d = 0; d < first.getRank(); ++d)
    (d < *axis ? outer : inner) *= d == *axis ? 1 : shape[d];
  int64_t row = inner * shape[*axis], offset = 0;
  for (const Tensor &in : ctx.inputs) {
    int64_t run = inner * in.getShape()[*axis];
    auto copy = [&](auto from, auto to) {
      for (int64_t o = 0; o < outer; ++o)
        std::copy_n(from.begin() + o * run, run, to.begin() + o * row + offset);
    };
    if (first.isFloat())
      copy(in.floats(), result->mutableFloats());
    else
      copy(in.ints(), result->mutableInts());
    offset += run;
  }
  return success();
}

static LogicalResult lowerConcat(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  RankedTensorType type = ctx.resultType(0);
  auto axis = normalizeAxis(ctx.node.getInt("axis", 1), type.getRank());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its inputs");
  Value result = ctx.emptyResult(0);
  AffineExpr s0, s1;
  bindSymbols(b.getContext(), s0, s1);
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = resultSizes(ctx, 0);
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i) {
    // Extents other than along the axis are those of the result: equal by the
    // shape rule, and then no copy leaves the result.
    OpFoldResult extent =
        tensor::getMixedSize(b, ctx.loc(), ctx.input(i), *axis);
    sizes[*axis] = extent;
    // Nothing may not be inserted at the end.
    if (llvm::any_of(sizes, [](OpFoldResult size) {
          return getConstantIntValue(size) == 0;
        }))
      continue;
    SmallVector<int64_t> pieceShape;
    SmallVector<Value> dynamic;
    dispatchIndexOpFoldResults(sizes, dynamic, pieceShape);
    Value piece =
        castTo(b, ctx.loc(), ctx.input(i),
               RankedTensorType::get(pieceShape, type.getElementType()));
    result = tensor::InsertSliceOp::create(b, ctx.loc(), piece, result, offsets,
                                           sizes, strides);
    offsets[*axis] = apply(b, ctx.loc(), s0 + s1, {offsets[*axis], extent});
  }
  ctx.setResult(0, result);
  return success();
}

//===----------------------------------------------------------------------===//
// Split
//===----------------------------------------------------------------------===//

// Lengths of the parts where they are not given: equal ones, the last smaller.
static SmallVector<int64_t> evenParts(int64_t extent, int64_t parts) {
  SmallVector<int64_t> lengths;
  int64_t length = (extent + parts - 1) / parts;
  for (int64_t i = 0; i < parts; ++i) {
    int64_t begin = std::min(extent, i * length);
    lengths.push_back(std::min(extent - begin, length));
  }
  return lengths;
}

static LogicalResult inferSplit(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), in.dims.size());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its input");
  int64_t parts = ctx.node->getNumResults();
  if (ctx.node.hasInput(1) && !ctx.knownElements(1)) {
    const ValueShape &list = ctx.input(1);
    if (list.dims.size() != 1 || constantExtent(list.dims[0]) != parts ||
        !isa<IntegerType>(list.elementType))
      return ctx.error("needs a length for each output");
    for (int64_t i = 0; i < parts; ++i) {
      SmallVector<AffineExpr> dims(in.dims);
      dims[*axis] = ctx.freshSymbol("split");
      ctx.setResult(i, in.elementType, dims);
    }
    return success();
  }
  auto lengths = intsOfAttrOrInput(ctx, "split", 1);
  if (failed(lengths))
    return failure();
  auto extent = constantExtent(in.dims[*axis]);
  SmallVector<AffineExpr> extents;
  if (*lengths) {
    if (static_cast<int64_t>((*lengths)->size()) != parts)
      return ctx.error("has " + Twine(parts) + " outputs and " +
                       Twine((*lengths)->size()) + " lengths");
    int64_t total = 0;
    for (int64_t length : **lengths) {
      if (length < 0 || length > (int64_t(1) << 48))
        return ctx.error("has a length out of range");
      total += length;
      extents.push_back(ctx.constantDim(length));
    }
    if (extent && total != *extent)
      return ctx.error("splits an extent of " + Twine(*extent) +
                       " into parts of sum " + Twine(total));
    ctx.requireEqual(in.dims[*axis], ctx.constantDim(total));
  } else if (extent) {
    for (int64_t length : evenParts(*extent, parts))
      extents.push_back(ctx.constantDim(length));
  } else {
    AffineExpr part = divideExtents({in.dims[*axis]}, {ctx.constantDim(parts)},
                                    ctx.getContext());
    if (!part || simplifyExtent(part * parts) != in.dims[*axis])
      return ctx.error(
          "splits an extent that is not known to be divisible by " +
          Twine(parts));
    extents.assign(parts, part);
  }
  for (int64_t i = 0; i < parts; ++i) {
    SmallVector<AffineExpr> dims(in.dims);
    dims[*axis] = extents[i];
    ctx.setResult(i, in.elementType, dims);
  }
  if (auto elements = ctx.knownElements(0); elements && in.dims.size() == 1) {
    ArrayRef<AffineExpr> rest = *elements;
    for (int64_t i = 0; i < parts; ++i) {
      auto length = constantExtent(extents[i]);
      if (!length || *length > static_cast<int64_t>(rest.size()))
        break;
      ctx.setElements(i, rest.take_front(*length));
      rest = rest.drop_front(*length);
    }
  }
  return success();
}

static LogicalResult evaluateSplit(EvalContext &ctx) {
  const Tensor &in = ctx.inputs[0];
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), in.getRank());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its input");
  auto given = intsOfAttrOrInput(ctx, "split", 1);
  if (failed(given))
    return failure();
  int64_t extent = in.getShape()[*axis], parts = ctx.results.size();
  SmallVector<int64_t> lengths = *given ? **given : evenParts(extent, parts);
  int64_t total = 0;
  for (int64_t length : lengths) {
    if (length < 0 || length > extent - total)
      return ctx.error("has parts that do not fit its input");
    total += length;
  }
  if (static_cast<int64_t>(lengths.size()) != parts || total != extent)
    return ctx.error("has parts that do not fit its input");
  SmallVector<int64_t> strides = rowMajorStrides(in.getShape());
  int64_t begin = 0;
  for (auto [i, length] : llvm::enumerate(lengths)) {
    SmallVector<int64_t> shape(in.getShape());
    shape[*axis] = length;
    auto part = pickElements(ctx, in, shape, [&](ArrayRef<int64_t> index) {
      return linearize(index, strides) + begin * strides[*axis];
    });
    if (failed(part))
      return failure();
    ctx.results[i] = std::move(*part);
    begin += length;
  }
  return success();
}

static LogicalResult lowerSplit(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Value in = ctx.input(0);
  int64_t rank = cast<RankedTensorType>(in.getType()).getRank();
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), rank);
  if (!axis)
    return ctx.error("has an axis beyond the rank of its input");
  AffineExpr s0, s1;
  bindSymbols(b.getContext(), s0, s1);
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
  for (unsigned i = 0, e = ctx.node->getNumResults(); i < e; ++i) {
    SmallVector<OpFoldResult> sizes = resultSizes(ctx, i);
    if (llvm::is_contained(sizes, OpFoldResult()))
      return ctx.error("has parts whose lengths only data decides");
    if (ctx.node.hasInput(1) && !ctx.constant(1))
      checkExtent(
          ctx,
          toIndex(b, ctx.loc(), extractScalar(b, ctx.loc(), ctx.input(1), i)),
          i, *axis);
    Value part = takeSlice(b, ctx.loc(), in, offsets, sizes, strides);
    ctx.setResult(i, castTo(b, ctx.loc(), part, ctx.resultType(i)));
    offsets[*axis] =
        apply(b, ctx.loc(), s0 + s1, {offsets[*axis], sizes[*axis]});
  }
  checkEqual(b, ctx.loc(), tensor::getMixedSize(b, ctx.loc(), in, *axis),
             offsets[*axis], "the parts are not as long as the input");
  return success();
}

namespace ssmc {
void registerConcatOperators(OperatorTable &table) {
  table.add({"", "Concat", 1, inferConcat, evaluateConcat, lowerConcat, 1,
             Operator::kAny});
  table.add({"", "Split", 1, inferSplit, evaluateSplit, lowerSplit, 1, 2, 1,
             Operator::kAny});
}
} // namespace ssmc
