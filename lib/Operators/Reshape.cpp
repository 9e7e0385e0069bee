//===- Reshape.cpp - the same elements under another shape ----------------===//
//
// Reshape, Flatten, Squeeze, Unsqueeze, Identity. All of them keep the elements
// in row-major order, so they share value and lowering: only the shape rules
// differ, and where a shape is computed in the evaluator.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/DataAxes.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ssmc;

// The elements of a small integer tensor stay what they are.
static void keepElements(InferContext &ctx, size_t rank) {
  if (rank > 1)
    return;
  if (auto elements = ctx.knownElements(0))
    ctx.setElements(0, *elements);
}

//===----------------------------------------------------------------------===//
// Reshape
//===----------------------------------------------------------------------===//

static LogicalResult inferReshape(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  std::optional<SmallVector<AffineExpr>> wanted;
  if (auto attr = ctx.node.getInts("shape")) {
    wanted.emplace();
    for (int64_t extent : *attr)
      wanted->push_back(ctx.constantDim(extent));
  } else {
    if (!ctx.node.hasInput(1))
      return ctx.error("needs a shape");
    wanted = ctx.knownElements(1);
  }
  if (!wanted) {
    // Only the rank is known, from the length of the shape.
    const ValueShape &shape = ctx.input(1);
    auto rank =
        shape.dims.size() == 1 ? constantExtent(shape.dims[0]) : std::nullopt;
    if (!rank || *rank < 0 || *rank > 64)
      return ctx.error("has a target of unknown rank");
    SmallVector<AffineExpr> dims;
    for (int64_t i = 0; i < *rank; ++i)
      dims.push_back(ctx.freshSymbol("reshape"));
    ctx.setResult(0, in.elementType, dims);
    return success();
  }
  bool allowZero = ctx.node.getInt("allowzero", 0) != 0;
  SmallVector<AffineExpr> dims, others;
  std::optional<size_t> open;
  for (auto [i, extent] : llvm::enumerate(*wanted)) {
    std::optional<int64_t> constant = constantExtent(extent);
    if (constant == 0 && !allowZero) {
      if (i >= in.dims.size())
        return ctx.error("copies extent " + Twine(i) + " of an input of rank " +
                         Twine(in.dims.size()));
      extent = in.dims[i];
    } else if (constant == -1) {
      if (open)
        return ctx.error("leaves two extents open");
      open = i;
      dims.push_back(extent);
      continue;
    } else if (constant && *constant < -1) {
      return ctx.error("has the negative extent " + Twine(*constant));
    }
    dims.push_back(extent);
    others.push_back(extent);
  }
  if (open) {
    dims[*open] = divideExtents(in.dims, others, ctx.getContext());
    if (!dims[*open])
      return ctx.error("cannot split its input evenly");
  }
  auto from = constantExtent(multiplyExtents(in.dims, ctx.getContext()));
  auto to = constantExtent(multiplyExtents(dims, ctx.getContext()));
  if (from && to && *from != *to)
    return ctx.error("has an input of " + Twine(*from) +
                     " elements and a target of " + Twine(*to));
  // An extent that is left open may leave a rest.
  if (!equalProducts(in.dims, dims))
    ctx.requireEqual(multiplyExtents(in.dims, ctx.getContext()),
                     multiplyExtents(dims, ctx.getContext()));
  ctx.setResult(0, in.elementType, dims);
  keepElements(ctx, dims.size());
  return success();
}

static LogicalResult lowerReshape(LowerContext &ctx) {
  Value shape = ctx.input(1);
  if (!shape || ctx.knownElements(1))
    return lowerAsReshape(ctx);
  // Every extent that data gives is that of the result, or stands for it.
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  bool allowZero = ctx.node.getInt("allowzero", 0) != 0;
  auto in = cast<RankedTensorType>(ctx.input(0).getType());
  for (int64_t d = 0, e = ctx.resultType(0).getRank(); d < e; ++d) {
    OpFoldResult expected = ctx.resultDim(0, d);
    if (!expected)
      continue;
    Value given = toIndex(b, loc, extractScalar(b, loc, shape, d));
    Value extent = indexValue(b, loc, expected);
    auto stands = [&](int64_t number) {
      Value is = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, given,
                                       indexConstant(b, loc, number));
      given = arith::SelectOp::create(b, loc, is, extent, given);
    };
    stands(-1);
    if (!allowZero && d < in.getRank())
      stands(0);
    checkExtent(ctx, given, 0, d);
  }
  return lowerAsReshape(ctx);
}

static LogicalResult evaluateReshape(EvalContext &ctx) {
  auto target = intsOfAttrOrInput(ctx, "shape", 1);
  if (failed(target) || !*target)
    return ctx.error("needs a shape");
  const Tensor &in = ctx.inputs[0];
  bool allowZero = ctx.node.getInt("allowzero", 0) != 0;
  SmallVector<int64_t> shape = **target;
  int64_t known = 1;
  std::optional<size_t> open;
  for (auto [i, extent] : llvm::enumerate(shape)) {
    if (extent == 0 && !allowZero && i < in.getShape().size())
      extent = in.getShape()[i];
    if (extent == -1 && !open)
      open = i;
    else if (extent < 0 || llvm::MulOverflow(known, extent, known))
      return ctx.error("has an input and a target of different sizes");
  }
  if (open) {
    if (known == 0 || in.getNumElements() % known != 0)
      return ctx.error("cannot split its input evenly");
    shape[*open] = in.getNumElements() / known;
  } else if (known != in.getNumElements()) {
    return ctx.error("has an input and a target of different sizes");
  }
  ctx.results[0] = in.reshaped(shape);
  return success();
}

//===----------------------------------------------------------------------===//
// Flatten
//===----------------------------------------------------------------------===//

// The axis that splits the dimensions; it may equal the rank.
static std::optional<int64_t> flattenAxis(onnx::NodeOp node, int64_t rank) {
  int64_t axis = node.getInt("axis", 1);
  return axis == rank ? axis : normalizeAxis(axis, rank);
}

static LogicalResult inferFlatten(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  auto axis = flattenAxis(ctx.node, in.dims.size());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its input");
  ArrayRef<AffineExpr> dims = in.dims;
  ctx.setResult(0, in.elementType,
                {multiplyExtents(dims.take_front(*axis), ctx.getContext()),
                 multiplyExtents(dims.drop_front(*axis), ctx.getContext())});
  return success();
}

static LogicalResult evaluateFlatten(EvalContext &ctx) {
  const Tensor &in = ctx.inputs[0];
  auto axis = flattenAxis(ctx.node, in.getRank());
  if (!axis)
    return ctx.error("has an axis beyond the rank of its input");
  int64_t before = 1, after = 1;
  for (auto [i, extent] : llvm::enumerate(in.getShape()))
    (static_cast<int64_t>(i) < *axis ? before : after) *= extent;
  ctx.results[0] = in.reshaped({before, after});
  return success();
}

//===----------------------------------------------------------------------===//
// Squeeze and Unsqueeze
//===----------------------------------------------------------------------===//

// How many axes an input gives whose values only data knows. Fails where it is
// not such an input.
static FailureOr<int64_t> countDataAxes(InferContext &ctx) {
  if (!ctx.node.hasInput(1) || ctx.knownElements(1) ||
      !isa<IntegerType>(ctx.input(1).elementType))
    return failure();
  ArrayRef<AffineExpr> dims = ctx.input(1).dims;
  std::optional<int64_t> count = dims.empty()       ? std::optional<int64_t>(1)
                                 : dims.size() == 1 ? constantExtent(dims[0])
                                                    : std::nullopt;
  if (!count || *count < 0 || *count > 64)
    return failure();
  return *count;
}

// Sets a result of which only the rank is known.
static LogicalResult setRank(InferContext &ctx, int64_t rank) {
  if (rank < 0)
    return ctx.error("has more axes than its input");
  SmallVector<AffineExpr> dims;
  for (int64_t d = 0; d < rank; ++d)
    dims.push_back(ctx.freshSymbol("axis"));
  ctx.setResult(0, ctx.input(0).elementType, dims);
  return success();
}

// Elements stay where they are; the axes have extents of one.
static LogicalResult lowerByAxes(LowerContext &ctx) {
  Value axes = ctx.input(1);
  if (!axes || ctx.constant(1))
    return lowerAsReshape(ctx);
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  bool inserts = ctx.node.getOpType() == "Unsqueeze";
  SmallVector<OpFoldResult> sizes =
      inserts ? resultSizes(ctx, 0)
              : tensor::getMixedSizes(b, loc, ctx.input(0));
  if (llvm::is_contained(sizes, OpFoldResult()))
    return ctx.error("gives an extent that only data decides");
  for (auto [flag, size] : llvm::zip(axisFlags(ctx, 1, sizes.size()), sizes)) {
    Value one = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                      indexValue(b, loc, size),
                                      indexConstant(b, loc, 1));
    Value other = arith::XOrIOp::create(
        b, loc, flag, arith::ConstantIntOp::create(b, loc, 1, 1));
    checkHolds(b, loc, arith::OrIOp::create(b, loc, one, other),
               "an axis is not of extent 1");
  }
  return lowerAsReshape(ctx);
}

static LogicalResult inferSqueeze(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  if (auto count = countDataAxes(ctx); succeeded(count))
    return setRank(ctx, in.dims.size() - *count);
  auto given = intsOfAttrOrInput(ctx, "axes", 1);
  if (failed(given))
    return failure();
  SmallVector<int64_t> axes;
  if (*given) {
    auto normal = normalizeAxes(**given, in.dims.size());
    if (failed(normal))
      return ctx.error("has axes that do not fit its input");
    axes = *normal;
  } else {
    for (auto [i, extent] : llvm::enumerate(in.dims)) {
      if (!constantExtent(extent))
        return ctx.error("without axes needs static extents");
      if (constantExtent(extent) == 1)
        axes.push_back(i);
    }
  }
  SmallVector<AffineExpr> dims;
  for (auto [i, extent] : llvm::enumerate(in.dims)) {
    if (!llvm::is_contained(axes, static_cast<int64_t>(i)))
      dims.push_back(extent);
    else if (constantExtent(extent) && constantExtent(extent) != 1)
      return ctx.error("removes axis " + Twine(i) + " of extent " +
                       Twine(*constantExtent(extent)));
  }
  ctx.setResult(0, in.elementType, dims);
  keepElements(ctx, dims.size());
  return success();
}

static LogicalResult evaluateSqueeze(EvalContext &ctx) {
  const Tensor &in = ctx.inputs[0];
  auto given = intsOfAttrOrInput(ctx, "axes", 1);
  if (failed(given))
    return failure();
  FailureOr<SmallVector<int64_t>> axes = SmallVector<int64_t>();
  if (*given)
    axes = normalizeAxes(**given, in.getRank());
  if (failed(axes))
    return ctx.error("has axes that do not fit its input");
  SmallVector<int64_t> shape;
  for (auto [i, extent] : llvm::enumerate(in.getShape())) {
    bool remove = *given ? llvm::is_contained(*axes, static_cast<int64_t>(i))
                         : extent == 1;
    if (remove && extent != 1)
      return ctx.error("removes an axis whose extent is not 1");
    if (!remove)
      shape.push_back(extent);
  }
  ctx.results[0] = in.reshaped(shape);
  return success();
}

static LogicalResult inferUnsqueeze(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  if (auto count = countDataAxes(ctx); succeeded(count))
    return setRank(ctx, in.dims.size() + *count);
  auto given = intsOfAttrOrInput(ctx, "axes", 1);
  if (failed(given))
    return failure();
  if (!*given)
    return ctx.error("needs axes");
  auto axes = normalizeAxes(**given, in.dims.size() + (*given)->size());
  if (failed(axes))
    return ctx.error("has axes that do not fit its result");
  SmallVector<AffineExpr> dims;
  for (size_t i = 0, taken = 0; i < in.dims.size() + axes->size(); ++i)
    dims.push_back(llvm::is_contained(*axes, static_cast<int64_t>(i))
                       ? ctx.constantDim(1)
                       : in.dims[taken++]);
  ctx.setResult(0, in.elementType, dims);
  keepElements(ctx, dims.size());
  return success();
}

static LogicalResult evaluateUnsqueeze(EvalContext &ctx) {
  const Tensor &in = ctx.inputs[0];
  auto given = intsOfAttrOrInput(ctx, "axes", 1);
  if (failed(given))
    return failure();
  if (!*given)
    return ctx.error("needs axes");
  auto axes = normalizeAxes(**given, in.getRank() + (*given)->size());
  if (failed(axes))
    return ctx.error("has axes that do not fit its result");
  SmallVector<int64_t> shape;
  for (size_t i = 0, taken = 0; i < in.getShape().size() + axes->size(); ++i)
    shape.push_back(llvm::is_contained(*axes, static_cast<int64_t>(i))
                        ? 1
                        : in.getShape()[taken++]);
  ctx.results[0] = in.reshaped(shape);
  return success();
}

//===----------------------------------------------------------------------===//
// Identity
//===----------------------------------------------------------------------===//

static LogicalResult inferIdentity(InferContext &ctx) {
  const ValueShape &in = ctx.input(0);
  ctx.setResult(0, in.elementType, in.dims);
  keepElements(ctx, in.dims.size());
  return success();
}

static LogicalResult evaluateIdentity(EvalContext &ctx) {
  ctx.results[0] = ctx.inputs[0];
  return success();
}

static LogicalResult lowerIdentity(LowerContext &ctx) {
  ctx.setResult(0, ctx.input(0));
  return success();
}

namespace ssmc {
void registerReshapeOperators(OperatorTable &table) {
  table.add(
      {"", "Reshape", 1, inferReshape, evaluateReshape, lowerReshape, 1, 2});
  table.add({"", "Flatten", 1, inferFlatten, evaluateFlatten, lowerAsReshape});
  table.add(
      {"", "Squeeze", 1, inferSqueeze, evaluateSqueeze, lowerByAxes, 1, 2});
  table.add({"", "Unsqueeze", 1, inferUnsqueeze, evaluateUnsqueeze, lowerByAxes,
             1, 2});
  table.add(
      {"", "Identity", 1, inferIdentity, evaluateIdentity, lowerIdentity});
}
} // namespace ssmc
