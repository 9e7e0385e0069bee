//===- Scatter.cpp - ScatterElements and ScatterND ------------------------===//
//
// Compiled code copies the data and writes the updates one after another, which
// gives duplicates the order ONNX asks for. Where the indices are constants
// that describe a box of the data, the updates are inserted as one slice:
// exporters spell the assignment of a row that way. An index outside of the
// data is an error in the evaluator; compiled code moves it to the nearest
// valid place.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Broadcast.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ssmc;

enum class Reduction { None, Add, Mul, Min, Max };

static std::optional<Reduction> reductionOf(onnx::NodeOp node) {
  return llvm::StringSwitch<std::optional<Reduction>>(
             node.getString("reduction", "none"))
      .Case("none", Reduction::None)
      .Case("add", Reduction::Add)
      .Case("mul", Reduction::Mul)
      .Case("min", Reduction::Min)
      .Case("max", Reduction::Max)
      .Default(std::nullopt);
}

namespace ssmc::scalar {
static uint64_t max(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t min(uint64_t a, uint64_t b) { return a < b ? a : b; }

/// Of doubles, integers that wrap around, or values to emit.
template <typename T>
static T reduce(Reduction reduction, T old, T update) {
  switch (reduction) {
  case Reduction::None:
    return update;
  case Reduction::Add:
    return old + update;
  case Reduction::Mul:
    return old * update;
  case Reduction::Min:
    return min(old, update);
  case Reduction::Max:
    return max(old, update);
  }
  return update;
}
} // namespace ssmc::scalar

// Integers wrap around as compiled code does.
static int64_t reduceInt(Reduction reduction, int64_t old, int64_t update,
                         Type type) {
  bool ordered = reduction == Reduction::Min || reduction == Reduction::Max;
  if (ordered && !type.isUnsignedInteger())
    return scalar::reduce(reduction, old, update);
  return wrapInteger(
      int64_t(scalar::reduce(reduction, uint64_t(old), uint64_t(update))),
      type);
}

// Writes `updates` into a copy of the data, at the positions `placeOf` gives
// for each index of the updates; -1 with an error reported.
static LogicalResult
scatter(EvalContext &ctx,
        function_ref<int64_t(ArrayRef<int64_t>, bool &)> placeOf) {
  const Tensor &data = ctx.inputs[0], &updates = ctx.inputs[2];
  auto reduction = reductionOf(ctx.node);
  if (!reduction)
    return ctx.error("has an unknown reduction");
  if (data.isFloat() != updates.isFloat())
    return ctx.error("has data and updates of different types");
  Tensor result = data;
  bool valid = true;
  auto write = [&](auto out, auto in, auto combine) {
    int64_t i = 0;
    forEachIndex(updates.getShape(), [&](ArrayRef<int64_t> index) {
      int64_t at = placeOf(index, valid);
      if (valid)
        out[at] = combine(out[at], in[i]);
      ++i;
    });
  };
  if (data.isFloat())
    write(result.mutableFloats(), updates.floats(),
          [&](double a, double b) { return scalar::reduce(*reduction, a, b); });
  else
    write(result.mutableInts(), updates.ints(), [&](int64_t a, int64_t b) {
      return reduceInt(*reduction, a, b, data.getElementType());
    });
  if (!valid)
    return ctx.error("has an index outside of its data");
  ctx.results[0] = std::move(result);
  return success();
}

// Writes the updates one after another at the places that `placeOf` builds.
static Value
buildScatter(LowerContext &ctx, Reduction reduction,
             function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange)>
                 placeOf) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value data = ctx.input(0), updates = ctx.input(2);
  auto dataType = cast<RankedTensorType>(data.getType());
  // Of booleans too, true is the greater one.
  bool isUnsigned =
      isUnsignedInput(ctx, 0) || dataType.getElementType().isInteger(1);
  SmallVector<Value> lower, upper, step;
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  for (OpFoldResult size : tensor::getMixedSizes(b, loc, updates)) {
    lower.push_back(zero);
    upper.push_back(indexValue(b, loc, size));
    step.push_back(one);
  }
  // Nothing can be written to empty data.
  Value any;
  for (int64_t d = 0; d < dataType.getRank(); ++d) {
    if (dataType.getDimSize(d) > 0)
      continue;
    Value extent = tensor::DimOp::create(b, loc, data, d);
    any = any ? arith::MinSIOp::create(b, loc, any, extent) : extent;
  }
  if (any && !upper.empty()) {
    Value none =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, any, zero);
    upper[0] = arith::SelectOp::create(b, loc, none, zero, upper[0]);
  }
  auto nest = scf::buildLoopNest(
      b, loc, lower, upper, step, data,
      [&](OpBuilder &b, Location loc, ValueRange index,
          ValueRange carried) -> scf::ValueVector {
        SmallVector<Value> place = placeOf(b, loc, index);
        Value update = tensor::ExtractOp::create(b, loc, updates, index);
        if (reduction != Reduction::None) {
          Value old = tensor::ExtractOp::create(b, loc, carried[0], place);
          update = scalar::reduce(reduction,
                                  scalar::Scalar{&b, loc, old, isUnsigned},
                                  scalar::Scalar{&b, loc, update, isUnsigned})
                       .value;
        }
        return {tensor::InsertOp::create(b, loc, update, carried[0], place)};
      });
  return nest.results.front();
}

// The constant integers of input `i`.
static std::optional<Tensor> constantTensor(LowerContext &ctx, unsigned i) {
  ElementsAttr attr = ctx.constant(i);
  if (!attr || !attr.getElementType().isInteger())
    return std::nullopt;
  FailureOr<Tensor> tensor = Tensor::fromAttr(attr);
  return succeeded(tensor) ? std::optional<Tensor>(*tensor) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// ScatterElements
//===----------------------------------------------------------------------===//

static LogicalResult inferScatterElements(InferContext &ctx) {
  const ValueShape &data = ctx.input(0), &indices = ctx.input(1),
                   &updates = ctx.input(2);
  if (!normalizeAxis(ctx.node.getInt("axis", 0), data.dims.size()))
    return ctx.error("has an axis beyond the rank of its data");
  if (indices.dims.size() != data.dims.size() ||
      updates.dims.size() != data.dims.size() ||
      !indices.elementType.isIntOrIndex())
    return ctx.error(
        "needs integer indices and updates of the rank of its data");
  if (updates.elementType != data.elementType)
    return ctx.error("has updates of another type than its data");
  for (auto [a, b] : llvm::zip(indices.dims, updates.dims)) {
    if (constantExtent(a) && constantExtent(b) && a != b)
      return ctx.error("has indices and updates of different shapes");
    ctx.requireEqual(a, b);
  }
  int64_t axis = *normalizeAxis(ctx.node.getInt("axis", 0), data.dims.size());
  for (size_t d = 0; d < data.dims.size(); ++d) {
    auto own = constantExtent(data.dims[d]),
         other = constantExtent(updates.dims[d]);
    if (!other)
      other = constantExtent(indices.dims[d]);
    if (own && other && *other > *own && int64_t(d) != axis)
      return ctx.error(
          "has indices that are larger than its data in dimension " + Twine(d));
  }
  if (!reductionOf(ctx.node))
    return ctx.error("has an unknown reduction");
  ctx.setResult(0, data.elementType, data.dims);
  return success();
}

static LogicalResult evaluateScatterElements(EvalContext &ctx) {
  const Tensor &data = ctx.inputs[0];
  auto indices = inputInts(ctx, 1);
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), data.getRank());
  if (failed(indices) || !axis ||
      ctx.inputs[1].getShape() != ctx.inputs[2].getShape() ||
      ctx.inputs[1].getRank() != data.getRank())
    return ctx.error("has indices or updates that do not fit its data");
  for (int64_t d = 0; d < data.getRank(); ++d)
    if (d != *axis && ctx.inputs[1].getShape()[d] > data.getShape()[d])
      return ctx.error("has indices that are larger than its data");
  SmallVector<int64_t> strides = rowMajorStrides(data.getShape());
  int64_t i = 0;
  return scatter(ctx, [&](ArrayRef<int64_t> index, bool &valid) {
    auto row = normalizeAxis((*indices)[i++], data.getShape()[*axis]);
    valid &= row.has_value();
    return linearize(index, strides) +
           (row.value_or(0) - index[*axis]) * strides[*axis];
  });
}

// Where the indices are those of consecutive rows of axis `axis`: the first.
static std::optional<int64_t> consecutiveRows(const Tensor &indices,
                                              int64_t axis, int64_t extent) {
  if (indices.getNumElements() == 0)
    return std::nullopt;
  auto first = normalizeAxis(indices.ints()[0], extent);
  if (!first || *first + indices.getShape()[axis] > extent)
    return std::nullopt;
  bool consecutive = true;
  int64_t i = 0;
  forEachIndex(indices.getShape(), [&](ArrayRef<int64_t> index) {
    consecutive &=
        normalizeAxis(indices.ints()[i++], extent) == *first + index[axis];
  });
  return consecutive ? first : std::nullopt;
}

// The one value of all elements of a tensor of integers, seen through ops that
// only repeat it: its extents may be symbolic.
static std::optional<int64_t> splatValue(Value value) {
  while (auto node = value.getDefiningOp<onnx::NodeOp>()) {
    StringRef type = node.getOpType();
    if (!node.getDomain().empty() ||
        !(type == "Expand" || type == "Reshape" || type == "Unsqueeze" ||
          type == "Squeeze" || type == "Identity" || type == "Tile"))
      return std::nullopt;
    value = node.getInputs()[0];
  }
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (!constant || !constant.getValue().getElementType().isInteger(64))
    return std::nullopt;
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!dense || !dense.isSplat())
    return std::nullopt;
  return dense.getSplatValue<APInt>().getSExtValue();
}

static LogicalResult lowerScatterElements(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Value data = ctx.input(0), updates = ctx.input(2);
  auto type = cast<RankedTensorType>(data.getType());
  auto updatesType = cast<RankedTensorType>(updates.getType());
  auto axis = normalizeAxis(ctx.node.getInt("axis", 0), type.getRank());
  auto reduction = reductionOf(ctx.node);
  if (!axis || !reduction)
    return ctx.error("has an axis beyond the rank of its data");
  int64_t extent = type.getDimSize(*axis);
  std::optional<int64_t> row;
  if (*reduction == Reduction::None && !ShapedType::isDynamic(extent)) {
    if (auto indices = constantTensor(ctx, 1))
      row = consecutiveRows(*indices, *axis, extent);
    else if (auto splat = splatValue(ctx.node.getInputs()[1]);
             splat && updatesType.getDimSize(*axis) == 1)
      row = normalizeAxis(*splat, extent);
  }
  if (row) {
    SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
    offsets[*axis] = b.getIndexAttr(*row);
    ctx.setResult(0,
                  tensor::InsertSliceOp::create(
                      b, ctx.loc(), updates, data, offsets,
                      tensor::getMixedSizes(b, ctx.loc(), updates), strides));
    return success();
  }
  Value indices = ctx.input(1);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, ctx.loc(), data);
  checkIndices(ctx, 1, *axis, sizes[*axis]);
  checkIndexExtents(ctx, indices, data, *axis);
  ctx.setResult(0,
                buildScatter(ctx, *reduction,
                             [&](OpBuilder &b, Location loc, ValueRange index) {
                               SmallVector<Value> place(index);
                               Value at = readElement(b, loc, indices, index);
                               place[*axis] = toIndex(b, loc, at);
                               for (auto [d, i] : llvm::enumerate(place))
                                 i = wrapAndClamp(b, loc, i,
                                                  indexValue(b, loc, sizes[d]));
                               return place;
                             }));
  return success();
}

//===----------------------------------------------------------------------===//
// ScatterND
//===----------------------------------------------------------------------===//

static LogicalResult inferScatterND(InferContext &ctx) {
  const ValueShape &data = ctx.input(0), &indices = ctx.input(1),
                   &updates = ctx.input(2);
  auto depth =
      indices.dims.empty() ? std::nullopt : constantExtent(indices.dims.back());
  if (!depth || *depth < 1 || *depth > static_cast<int64_t>(data.dims.size()) ||
      !indices.elementType.isIntOrIndex())
    return ctx.error("needs integer indices with a static last extent of at "
                     "most the rank of its data");
  SmallVector<AffineExpr> wanted(indices.dims.begin(), indices.dims.end() - 1);
  wanted.append(data.dims.begin() + *depth, data.dims.end());
  if (updates.dims.size() != wanted.size())
    return ctx.error("has updates of rank " + Twine(updates.dims.size()) +
                     " where " + Twine(wanted.size()) + " is needed");
  for (auto [a, b] : llvm::zip(wanted, updates.dims)) {
    if (constantExtent(a) && constantExtent(b) && a != b)
      return ctx.error("has updates of a shape that its indices do not give");
    ctx.requireEqual(a, b);
  }
  if (updates.elementType != data.elementType)
    return ctx.error("has updates of another type than its data");
  if (!reductionOf(ctx.node))
    return ctx.error("has an unknown reduction");
  ctx.setResult(0, data.elementType, data.dims);
  return success();
}

static LogicalResult evaluateScatterND(EvalContext &ctx) {
  const Tensor &data = ctx.inputs[0], &at = ctx.inputs[1],
               &updates = ctx.inputs[2];
  auto indices = inputInts(ctx, 1);
  if (failed(indices))
    return failure();
  int64_t spread = at.getRank() - 1;
  int64_t depth = spread >= 0 ? at.getShape().back() : 0;
  if (depth < 1 || depth > data.getRank())
    return ctx.error("has indices that do not fit its data");
  SmallVector<int64_t> wanted(at.getShape().drop_back());
  llvm::append_range(wanted, data.getShape().drop_front(depth));
  if (updates.getShape() != ArrayRef(wanted))
    return ctx.error("has updates of a shape that its indices do not give");
  SmallVector<int64_t> strides = rowMajorStrides(data.getShape());
  SmallVector<int64_t> indexStrides = rowMajorStrides(at.getShape());
  return scatter(ctx, [&](ArrayRef<int64_t> index, bool &valid) {
    int64_t tuple = linearize(index.take_front(spread), indexStrides);
    int64_t place = linearize(index.drop_front(spread),
                              ArrayRef(strides).drop_front(depth));
    for (int64_t k = 0; k < depth; ++k) {
      auto row = normalizeAxis((*indices)[tuple + k], data.getShape()[k]);
      valid &= row.has_value();
      place += row.value_or(0) * strides[k];
    }
    return place;
  });
}

namespace {
/// A box in the leading dimensions of the data.
struct Box {
  SmallVector<int64_t> offsets, sizes;
};
} // namespace

// The box that tuples of indices run over in row-major order: each component
// is constant, or counts up along one dimension of the tuples' shape; those
// dimensions are taken in order, and no other is longer than 1.
static std::optional<Box> boxOf(const Tensor &indices,
                                ArrayRef<int64_t> extents) {
  ArrayRef<int64_t> shape = indices.getShape().drop_back();
  int64_t depth = indices.getShape().back();
  if (indices.getNumElements() == 0)
    return std::nullopt;
  SmallVector<int64_t> strides = rowMajorStrides(indices.getShape());
  Box box;
  size_t next = 0;
  for (int64_t k = 0; k < depth; ++k) {
    auto base = normalizeAxis(indices.ints()[k], extents[k]);
    if (!base)
      return std::nullopt;
    // The dimension along which this component changes, if any.
    size_t along = next;
    while (along < shape.size() &&
           (shape[along] == 1 ||
            indices.ints()[strides[along] + k] == indices.ints()[k]))
      ++along;
    bool moves = along < shape.size();
    for (; moves && next < along; ++next)
      if (shape[next] != 1)
        return std::nullopt;
    int64_t size = moves ? shape[along] : 1;
    bool fits = *base + size <= extents[k];
    forEachIndex(shape, [&](ArrayRef<int64_t> index) {
      int64_t at = indices.ints()[linearize(index, strides) + k];
      fits &=
          normalizeAxis(at, extents[k]) == *base + (moves ? index[along] : 0);
    });
    if (!fits)
      return std::nullopt;
    next += moves;
    box.offsets.push_back(*base);
    box.sizes.push_back(size);
  }
  for (; next < shape.size(); ++next)
    if (shape[next] != 1)
      return std::nullopt;
  return box;
}

static LogicalResult lowerScatterND(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value data = ctx.input(0), updates = ctx.input(2), indices = ctx.input(1);
  auto type = cast<RankedTensorType>(data.getType());
  auto indexType = cast<RankedTensorType>(indices.getType());
  int64_t spread = indexType.getRank() - 1, depth = indexType.getShape().back();
  auto reduction = reductionOf(ctx.node);
  if (!reduction || ShapedType::isDynamic(depth) || depth > type.getRank())
    return ctx.error("has indices that do not fit its data");
  ArrayRef<int64_t> leading = type.getShape().take_front(depth);
  auto constant = constantTensor(ctx, 1);
  std::optional<Box> box;
  if (constant && *reduction == Reduction::None &&
      llvm::none_of(leading, ShapedType::isDynamic))
    box = boxOf(*constant, leading);
  if (box) {
    auto from = inputExtents(ctx, 2), whole = inputExtents(ctx, 0);
    if (failed(from) || failed(whole))
      return failure();
    SmallVector<OpFoldResult> offsets,
        sizes = tensor::getMixedSizes(b, loc, data);
    SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
    SmallVector<int64_t> shape(type.getShape());
    for (int64_t k = 0; k < depth; ++k) {
      offsets.push_back(b.getIndexAttr(box->offsets[k]));
      sizes[k] = b.getIndexAttr(box->sizes[k]);
      shape[k] = box->sizes[k];
      (*whole)[k] = b.getAffineConstantExpr(box->sizes[k]);
    }
    offsets.resize(type.getRank(), b.getIndexAttr(0));
    Value piece = buildReshape(
        b, loc, updates, *from,
        RankedTensorType::get(shape, type.getElementType()), *whole, sizes);
    ctx.setResult(0, tensor::InsertSliceOp::create(b, loc, piece, data, offsets,
                                                   sizes, strides));
    return success();
  }
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, data);
  checkIndices(ctx, 1, 0, ArrayRef(sizes).take_front(depth));
  ctx.setResult(
      0,
      buildScatter(
          ctx, *reduction, [&](OpBuilder &b, Location loc, ValueRange index) {
            SmallVector<Value> tuple(index.take_front(spread)), place;
            for (int64_t k = 0; k < depth; ++k) {
              tuple.push_back(indexConstant(b, loc, k));
              Value at = readElement(b, loc, indices, tuple);
              tuple.pop_back();
              place.push_back(toIndex(b, loc, at));
            }
            llvm::append_range(place, index.drop_front(spread));
            for (auto [d, i] : llvm::enumerate(place))
              i = wrapAndClamp(b, loc, i, indexValue(b, loc, sizes[d]));
            return place;
          }));
  return success();
}

namespace ssmc {
void registerScatterOperators(OperatorTable &table) {
  for (StringRef name : {"ScatterElements", "Scatter"})
    table.add({"", name, 1, inferScatterElements, evaluateScatterElements,
               lowerScatterElements, 3, 3});
  table.add({"", "ScatterND", 11, inferScatterND, evaluateScatterND,
             lowerScatterND, 3, 3});
}
} // namespace ssmc
