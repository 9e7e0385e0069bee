//===- TensorScatter.cpp - rows written into caches -----------------------===//
//
// Each row of the batch gets its update at an index of its own along one axis:
//
//   present[b, ..., (at[b] + t) mod capacity, ...] = update[b, ..., t, ...]
//
// The modulus is that of the mode "circular"; otherwise all must fit. An update
// is no longer than the cache, so it is one slice, or two where it goes around.
// What is written is a slice of the cache that was given: where that is not
// read again, nothing else of it is copied.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/TensorScatter.h"

#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ssmc;

static bool isCircular(onnx::NodeOp node) {
  return node.getString("mode", "linear") == "circular";
}

static std::optional<int64_t> axisOf(onnx::NodeOp node, int64_t rank) {
  auto axis = normalizeAxis(node.getInt("axis", -2), rank);
  return axis && *axis > 0 ? axis : std::nullopt;
}

static LogicalResult inferTensorScatter(InferContext &ctx) {
  const ValueShape &past = ctx.input(0), &update = ctx.input(1);
  auto axis = axisOf(ctx.node, past.dims.size());
  if (!axis)
    return ctx.error("has an axis that is none of its cache, or the batch");
  StringRef mode = ctx.node.getString("mode", "linear");
  if (mode != "linear" && mode != "circular")
    return ctx.error("has the unknown mode '" + mode + "'");
  if (update.dims.size() != past.dims.size() ||
      update.elementType != past.elementType)
    return ctx.error("has an update of another rank or type than its cache");
  for (size_t d = 0; d < past.dims.size(); ++d) {
    auto whole = constantExtent(past.dims[d]),
         part = constantExtent(update.dims[d]);
    bool isAxis = d == size_t(*axis);
    if (whole && part && (isAxis ? *part > *whole : *part != *whole))
      return ctx.error("has an update of " + Twine(*part) + " in dimension " +
                       Twine(d) + ", where its cache has " + Twine(*whole));
    if (!isAxis)
      ctx.requireEqual(past.dims[d], update.dims[d]);
  }
  if (ctx.node.hasInput(2)) {
    const ValueShape &at = ctx.input(2);
    if (at.dims.size() != 1 || !at.elementType.isIntOrIndex())
      return ctx.error("needs one integer index for each row of the batch");
    ctx.requireEqual(past.dims[0], at.dims[0]);
  }
  ctx.setResult(0, past.elementType, past.dims);
  return success();
}

static LogicalResult evaluateTensorScatter(EvalContext &ctx) {
  const Tensor &past = ctx.inputs[0], &update = ctx.inputs[1];
  auto axis = axisOf(ctx.node, past.getRank());
  SmallVector<int64_t> at(past.getRank() ? past.getShape()[0] : 0, 0);
  if (ctx.has(2)) {
    auto given = inputInts(ctx, 2);
    if (failed(given) || given->size() != at.size())
      return ctx.error("needs one integer index for each row of the batch");
    at.assign(given->begin(), given->end());
  }
  if (!axis || update.getRank() != past.getRank() ||
      past.isFloat() != update.isFloat())
    return ctx.error("has an update that does not fit its cache");
  for (int64_t d = 0; d < past.getRank(); ++d)
    if (d == *axis ? update.getShape()[d] > past.getShape()[d]
                   : update.getShape()[d] != past.getShape()[d])
      return ctx.error("has an update that does not fit its cache");
  int64_t capacity = past.getShape()[*axis];
  SmallVector<int64_t> strides = rowMajorStrides(past.getShape());
  Tensor result = past;
  bool valid = true;
  auto write = [&](auto out, auto in) {
    int64_t i = 0;
    forEachIndex(update.getShape(), [&](ArrayRef<int64_t> index) {
      SmallVector<int64_t> place(index);
      bool fits = !llvm::AddOverflow(at[index[0]], index[*axis], place[*axis]);
      if (isCircular(ctx.node) && fits)
        place[*axis] = ((place[*axis] % capacity) + capacity) % capacity;
      valid &= fits && place[*axis] >= 0 && place[*axis] < capacity;
      if (valid)
        out[linearize(place, strides)] = in[i];
      ++i;
    });
  };
  if (past.isFloat())
    write(result.mutableFloats(), update.floats());
  else
    write(result.mutableInts(), update.ints());
  if (!valid)
    return ctx.error("writes beyond its cache");
  ctx.results[0] = std::move(result);
  return success();
}

// All rows' indices, of which the least and the most are looked at.
static void checkFits(LowerContext &ctx, Value at, Value rows, Value room) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  auto loop = scf::ForOp::create(
      b, loc, zero, rows, one, ValueRange{zero, zero},
      [&](OpBuilder &b, Location loc, Value row, ValueRange carried) {
        Value here =
            toIndex(b, loc, tensor::ExtractOp::create(b, loc, at, row));
        Value next[] = {arith::MinSIOp::create(b, loc, carried[0], here),
                        arith::MaxSIOp::create(b, loc, carried[1], here)};
        scf::YieldOp::create(b, loc, next);
      });
  using arith::CmpIPredicate;
  auto compare = [&](CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  };
  Value fits = arith::AndIOp::create(
      b, loc, compare(CmpIPredicate::sge, loop.getResult(0), zero),
      compare(CmpIPredicate::sle, loop.getResult(1), room));
  checkHolds(b, loc, fits, "TensorScatter writes beyond its cache");
}

static LogicalResult lowerTensorScatter(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value past = ctx.input(0), update = ctx.input(1), at = ctx.input(2);
  auto type = cast<RankedTensorType>(past.getType());
  auto axis = axisOf(ctx.node, type.getRank());
  if (!axis)
    return ctx.error("has an axis that is none of its cache, or the batch");
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  Value rows = tensor::DimOp::create(b, loc, update, 0);
  Value capacity = tensor::DimOp::create(b, loc, past, *axis);
  Value count = tensor::DimOp::create(b, loc, update, *axis);
  Value room = arith::SubIOp::create(b, loc, capacity, count);
  bool circular = isCircular(ctx.node), clips = ctx.node->hasAttr(kClipsAttr);
  if (!clips)
    checkHolds(
        b, loc,
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, room, zero),
        "the update of TensorScatter is longer than its cache");
  if (at && !circular && !clips)
    checkFits(ctx, at, rows, room);
  auto min = [&](OpBuilder &b, Value x, Value y) -> Value {
    return arith::MinSIOp::create(b, loc, x, y);
  };
  auto max = [&](OpBuilder &b, Value x, Value y) -> Value {
    return arith::MaxSIOp::create(b, loc, x, y);
  };
  // Elements `from` on of the update's row, `size` of them, to place `to`.
  auto write = [&](OpBuilder &b, Value into, Value row, Value from, Value to,
                   Value size) -> Value {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, update);
    SmallVector<OpFoldResult> source(sizes.size(), b.getIndexAttr(0)),
        target = source, strides(sizes.size(), b.getIndexAttr(1));
    sizes[0] = b.getIndexAttr(1);
    sizes[*axis] = size;
    source[0] = target[0] = row;
    source[*axis] = from;
    target[*axis] = to;
    Value piece =
        tensor::ExtractSliceOp::create(b, loc, update, source, sizes, strides);
    return tensor::InsertSliceOp::create(b, loc, piece, into, target, sizes,
                                         strides);
  };
  auto loop = scf::ForOp::create(
      b, loc, zero, rows, one, past,
      [&](OpBuilder &b, Location, Value row, ValueRange carried) {
        Value start = zero;
        if (at)
          start = toIndex(b, loc, tensor::ExtractOp::create(b, loc, at, row));
        if (circular) // an empty cache is not written to
          start = arith::RemSIOp::create(b, loc, start, max(b, capacity, one));
        if (circular) {
          Value below = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                              start, zero);
          start = arith::SelectOp::create(
              b, loc, below, arith::AddIOp::create(b, loc, start, capacity),
              start);
        }
        start = min(b, max(b, start, zero), capacity);
        Value size =
            min(b, arith::SubIOp::create(b, loc, capacity, start), count);
        Value result = write(b, carried[0], row, zero, start, size);
        if (circular)
          result = write(b, result, row, size, zero,
                         arith::SubIOp::create(b, loc, count, size));
        scf::YieldOp::create(b, loc, result);
      });
  ctx.setResult(0, loop.getResult(0));
  return success();
}

namespace ssmc {
void registerTensorScatterOperators(OperatorTable &table) {
  table.add({"", "TensorScatter", 24, inferTensorScatter, evaluateTensorScatter,
             lowerTensorScatter, 2, 3});
}
} // namespace ssmc
