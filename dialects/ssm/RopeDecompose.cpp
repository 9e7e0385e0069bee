//===- RopeDecompose.cpp - ssm.rope as plain linalg -----------------------===//
//
// The elements i and the elements j of the pairs are slices of x, next to each
// other or with a stride of 2. Each is computed and put where it was.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmDecomposition.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
/// Elements of the last dimension.
struct Part {
  OpFoldResult offset, size, stride;
};
} // namespace

static Value extract(OpBuilder &b, Location loc, Value x, const Part &part) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, x);
  SmallVector<OpFoldResult> offsets(4, b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(4, b.getIndexAttr(1));
  offsets[3] = part.offset, sizes[3] = part.size, strides[3] = part.stride;
  return tensor::ExtractSliceOp::create(b, loc, x, offsets, sizes, strides);
}

static Value insert(OpBuilder &b, Location loc, Value value, Value y,
                    const Part &part) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, y);
  SmallVector<OpFoldResult> offsets(4, b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(4, b.getIndexAttr(1));
  offsets[3] = part.offset, sizes[3] = part.size, strides[3] = part.stride;
  return tensor::InsertSliceOp::create(b, loc, value, y, offsets, sizes,
                                       strides);
}

FailureOr<SmallVector<Value>> RopeOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Location loc = getLoc();
  Decomposition d(b, loc);
  auto cosType = cast<ShapedType>(getCos().getType());
  Type type = cosType.getElementType();
  Type xType = cast<ShapedType>(getX().getType()).getElementType();
  // One element, or none, is no pair: there are no angles.
  int64_t width = cast<ShapedType>(getX().getType()).getDimSize(3);
  if (!ShapedType::isDynamic(width) && width < 2)
    return SmallVector<Value>{
        linalg::CopyOp::create(b, loc, getX(), getY()).getResult(0)};
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult half =
      tensor::getMixedSize(b, loc, getCos(), cosType.getRank() - 1);
  bool isHalf = getLayout() == RopeLayout::Half;
  OpFoldResult stride = isHalf ? one : b.getIndexAttr(2);
  Part first{zero, half, stride}, second{isHalf ? half : one, half, stride};
  Value x1 = extract(b, loc, getX(), first);
  Value x2 = extract(b, loc, getX(), second);

  enum { B, L, H, F };
  const AffineMap maps[] = {d.dims(4, {L, F}), d.dims(4, {B, L, F}),
                            d.dims(4, {B, L, H, F})};
  AffineMap angles = maps[cosType.getRank() - 2];
  AffineMap all = b.getMultiDimIdentityMap(4);
  // x * a +- z * c
  auto rotate = [&](Value x, Value a, Value z, Value c, bool minus,
                    const Part &part) {
    Value out = extract(b, loc, getY(), part);
    return d.map(
        {{x, all}, {a, angles}, {z, all}, {c, angles}, {out, all}},
        /*numOuts=*/1, /*numLoops=*/4, /*reductions=*/{},
        [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
          Value u = arith::MulFOp::create(
              b, loc, convertFloat(b, loc, args[0], type), args[1]);
          Value v = arith::MulFOp::create(
              b, loc, convertFloat(b, loc, args[2], type), args[3]);
          Value y = minus ? arith::SubFOp::create(b, loc, u, v).getResult()
                          : arith::AddFOp::create(b, loc, u, v).getResult();
          return {convertFloat(b, loc, y, xType)};
        })[0];
  };
  Value y1 = rotate(x1, getCos(), x2, getSin(), /*minus=*/true, first);
  Value y2 = rotate(x2, getCos(), x1, getSin(), /*minus=*/false, second);

  Value angleCount = getValueOrCreateConstantIndexOp(b, loc, half);
  Value end = arith::AddIOp::create(b, loc, angleCount, angleCount);
  Value rest = arith::SubIOp::create(b, loc, d.dim(getX(), 3), end);
  Part tail{end, rest, one};
  Value y = insert(b, loc, y1, getY(), first);
  y = insert(b, loc, y2, y, second);
  return SmallVector<Value>{
      insert(b, loc, extract(b, loc, getX(), tail), y, tail)};
}
