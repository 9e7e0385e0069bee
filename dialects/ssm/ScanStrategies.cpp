//===- ScanStrategies.cpp - ssm.scan by associativity ---------------------===//
//
// Of h[t] = a[t] h[t-1] + b[t], a piece of C steps is itself such a step: it
// multiplies by the product of its a and adds what it ends at from zero. So,
// with time as K x C,
//
//     A = product over C of a        B = last of scan(a, b) along C, from 0
//     S = scan(A, B) along K, from the state
//     h = scan(a, b) along C, each piece from the S before it
//
// where the scans along C are K times as many independent rows as there were.
// What is left of time is scanned behind them.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmDecomposition.h"
#include "dialects/ssm/SsmStrategy.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::ssm;

using Sizes = SmallVector<OpFoldResult>;

namespace {
class PiecewiseScan {
public:
  PiecewiseScan(OpBuilder &b, ScanOp op, int64_t chunk)
      : b(b), loc(op.getLoc()), op(op), d(b, loc), chunk(chunk),
        axis(static_cast<int64_t>(op.getDimension())),
        type(cast<ShapedType>(op.getState().getType()).getElementType()) {}
  SmallVector<Value> build();

private:
  ScanOp scan(int64_t dimension, Value x, Value y, Value h, Value state);
  /// All pieces of a tensor, time as K x C.
  Value unfold(Value tensor, const Piece &whole, OpFoldResult pieces);
  Value fill(const Sizes &sizes, double number);
  Value productOfPieces(Value a, const Sizes &sizes);

  OpBuilder &b;
  Location loc;
  ScanOp op;
  Decomposition d;
  int64_t chunk, axis;
  Type type;
};
} // namespace

ScanOp PiecewiseScan::scan(int64_t dimension, Value x, Value y, Value h,
                           Value state) {
  return ScanOp::create(b, loc, {h.getType(), state.getType()}, x, y, h, state,
                        dimension, op.getReverse());
}

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

Value PiecewiseScan::unfold(Value tensor, const Piece &whole,
                            OpFoldResult pieces) {
  Value part = d.part(tensor, axis, whole);
  Sizes sizes = tensor::getMixedSizes(b, loc, part);
  sizes[axis] = b.getIndexAttr(chunk);
  sizes.insert(sizes.begin() + axis, pieces);
  SmallVector<int64_t> shape;
  SmallVector<Value> dynamic;
  dispatchIndexOpFoldResults(sizes, dynamic, shape);
  auto expanded = RankedTensorType::get(
      shape, cast<ShapedType>(tensor.getType()).getElementType());
  return tensor::ExpandShapeOp::create(
      b, loc, expanded, part, getFolding(expanded.getRank() - 1, axis), sizes);
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

Value PiecewiseScan::fill(const Sizes &sizes, double number) {
  Value empty = tensor::EmptyOp::create(b, loc, sizes, type);
  return linalg::FillOp::create(b, loc, constantOf(b, loc, type, number), empty)
      .getResult(0);
}

Value PiecewiseScan::productOfPieces(Value a, const Sizes &sizes) {
  unsigned rank = sizes.size() + 1;
  AffineMap all = b.getMultiDimIdentityMap(rank);
  unsigned step = axis + 1;
  return d.map({{a, all}, {fill(sizes, 1), all.dropResult(step)}},
               /*numOuts=*/1, rank, {step},
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 Value x = convertFloat(b, loc, args[0], type);
                 return SmallVector<Value>{mulNumbers(b, loc, args[1], x)};
               })[0];
}

SmallVector<Value> PiecewiseScan::build() {
  bool reverse = op.getReverse();
  auto index = [&](AffineExpr expr, ArrayRef<OpFoldResult> values) {
    return affine::makeComposedFoldedAffineApply(b, loc, expr, values);
  };
  AffineExpr x, y;
  bindSymbols(b.getContext(), x, y);
  OpFoldResult length = tensor::getMixedSize(b, loc, op.getH(), axis);
  OpFoldResult pieces = index(x.floorDiv(chunk), {length});
  OpFoldResult steps = index(x * chunk, {pieces});
  OpFoldResult rest = index(x - y, {length, steps});
  OpFoldResult zero = b.getIndexAttr(0);
  Piece whole{reverse ? rest : zero, steps}, left{reverse ? zero : steps, rest};

  Value h = op.getH(), state = op.getState();
  if (getConstantIntValue(pieces) != 0) {
    Value a = unfold(op.getA(), whole, pieces);
    Value added = unfold(op.getB(), whole, pieces);
    Value into = unfold(h, whole, pieces);
    Sizes sizes = tensor::getMixedSizes(b, loc, state);
    sizes.insert(sizes.begin() + axis, pieces);
    Value ends =
        scan(axis + 1, a, added,
             d.emptyLike(into,
                         cast<ShapedType>(into.getType()).getElementType()),
             fill(sizes, 0))
            ->getResult(1);
    // The states before the pieces, and that behind all of them.
    Sizes oneMore = sizes;
    oneMore[axis] = index(x + 1, {pieces});
    Value bounds = tensor::EmptyOp::create(b, loc, oneMore, type);
    OpFoldResult one = b.getIndexAttr(1);
    Value first =
        getValueOrCreateConstantIndexOp(b, loc, reverse ? pieces : zero);
    bounds = d.insert(state, bounds, axis, first);
    Piece behind{reverse ? zero : one, pieces},
        before{reverse ? one : zero, pieces};
    ScanOp carries = scan(axis, productOfPieces(a, sizes), ends,
                          d.part(bounds, axis, behind), state);
    bounds = d.insertPart(carries->getResult(0), bounds, axis, behind);
    state = carries->getResult(1);
    Value scanned = scan(axis + 1, a, added, into, d.part(bounds, axis, before))
                        ->getResult(0);
    Value part = d.part(h, axis, whole);
    scanned = tensor::CollapseShapeOp::create(b, loc, part.getType(), scanned,
                                              getFolding(sizes.size(), axis));
    h = d.insertPart(scanned, h, axis, whole);
  }
  if (getConstantIntValue(rest) != 0) {
    ScanOp last =
        scan(axis, d.part(op.getA(), axis, left), d.part(op.getB(), axis, left),
             d.part(h, axis, left), state);
    h = d.insertPart(last->getResult(0), h, axis, left);
    state = last->getResult(1);
  }
  return {h, state};
}

SmallVector<Value> mlir::ssm::lowerByAssociativity(OpBuilder &b, ScanOp op,
                                                   int64_t chunk) {
  // Upstream has no slice of an empty extent.
  for (int64_t extent : cast<ShapedType>(op.getH().getType()).getShape())
    if (extent == 0)
      return *op.decomposeOperation(b);
  return PiecewiseScan(b, op, chunk).build();
}
