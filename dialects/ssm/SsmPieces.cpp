//===- SsmPieces.cpp - time as pieces that are scanned at once ------------===//

#include "dialects/ssm/SsmPieces.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::ssm;

Pieces::Pieces(OpBuilder &b, Location loc, OpFoldResult length, int64_t chunk,
               bool reverse)
    : b(b), loc(loc), d(b, loc), chunk(chunk), reverse(reverse) {
  auto index = [&](AffineExpr expr, ArrayRef<OpFoldResult> values) {
    return affine::makeComposedFoldedAffineApply(b, loc, expr, values);
  };
  AffineExpr x, y;
  bindSymbols(b.getContext(), x, y);
  count = index(x.floorDiv(chunk), {length});
  OpFoldResult steps = index(x * chunk, {count});
  OpFoldResult rest = index(x - y, {length, steps}), zero = b.getIndexAttr(0);
  whole = {reverse ? rest : zero, steps};
  left = {reverse ? zero : steps, rest};
}

bool Pieces::any() const { return getConstantIntValue(count) != 0; }
bool Pieces::anyLeft() const { return getConstantIntValue(left.size) != 0; }

static SmallVector<ReassociationIndices> getFolding(int64_t rank,
                                                    int64_t axis) {
  SmallVector<ReassociationIndices> folding;
  for (int64_t i = 0; i < rank; ++i) {
    if (i == axis)
      folding.push_back({i, i + 1});
    else
      folding.push_back({i < axis ? i : i + 1});
  }
  return folding;
}

Value Pieces::unfold(Value tensor, int64_t axis) {
  Value part = d.part(tensor, axis, whole);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, part);
  sizes[axis] = b.getIndexAttr(chunk);
  sizes.insert(sizes.begin() + axis, count);
  SmallVector<int64_t> shape;
  SmallVector<Value> dynamic;
  dispatchIndexOpFoldResults(sizes, dynamic, shape);
  auto expanded = RankedTensorType::get(
      shape, cast<ShapedType>(tensor.getType()).getElementType());
  return tensor::ExpandShapeOp::create(
      b, loc, expanded, part, getFolding(expanded.getRank() - 1, axis), sizes);
}

Value Pieces::fold(Value tensor, int64_t axis) {
  int64_t rank = cast<ShapedType>(tensor.getType()).getRank() - 1;
  return tensor::CollapseShapeOp::create(b, loc, tensor,
                                         getFolding(rank, axis));
}

static Value constantOf(OpBuilder &b, Location loc, Type type, double number) {
  if (auto floatType = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, number));
  if (auto complexType = dyn_cast<ComplexType>(type)) {
    Type part = complexType.getElementType();
    return complex::ConstantOp::create(
        b, loc, type,
        b.getArrayAttr(
            {b.getFloatAttr(part, number), b.getFloatAttr(part, 0)}));
  }
  return arith::ConstantOp::create(
      b, loc, b.getIntegerAttr(type, static_cast<int64_t>(number)));
}

Value Pieces::fillForEach(Value state, int64_t axis, double number) {
  Type type = cast<ShapedType>(state.getType()).getElementType();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, state);
  sizes.insert(sizes.begin() + axis, count);
  Value empty = tensor::EmptyOp::create(b, loc, sizes, type);
  return linalg::FillOp::create(b, loc, constantOf(b, loc, type, number), empty)
      .getResult(0);
}

std::pair<Value, Value> Pieces::chain(Value products, Value ends, Value state,
                                      int64_t axis) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  // The states before the pieces, and that behind all of them.
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, state);
  AffineExpr x = b.getAffineSymbolExpr(0);
  sizes.insert(sizes.begin() + axis,
               affine::makeComposedFoldedAffineApply(b, loc, x + 1, {count}));
  Value bounds = tensor::EmptyOp::create(
      b, loc, sizes, cast<ShapedType>(state.getType()).getElementType());
  Value first = getValueOrCreateConstantIndexOp(b, loc, reverse ? count : zero);
  bounds = d.insert(state, bounds, axis, first);
  Piece behind{reverse ? zero : one, count},
      before{reverse ? one : zero, count};
  Value into = d.part(bounds, axis, behind);
  auto carries = ScanOp::create(b, loc, {into.getType(), state.getType()},
                                products, ends, into, state, axis, reverse);
  bounds = d.insertPart(carries->getResult(0), bounds, axis, behind);
  return {d.part(bounds, axis, before), carries->getResult(1)};
}
