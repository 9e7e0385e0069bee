//===- LongConvDecompose.cpp - ssm.long_conv as plain linalg --------------===//
//
// The past and x are laid beside each other, and each sum is the obvious one
// over the kernel: an element of x that does not exist counts as zero.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmDecomposition.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
class Sums {
public:
  Sums(OpBuilder &b, LongConvOp op)
      : b(b), loc(op.getLoc()), d(b, op.getLoc()), op(op),
        type(cast<FloatType>(
            cast<ShapedType>(op.getK().getType()).getElementType())) {}

  SmallVector<Value> build();

private:
  /// `sum` and kernel[j] x[t - j], or x[t + 1 + j], for all j.
  Value add(Value sum, Value kernel, bool isAhead);
  /// Where in `known` x[t - j] is, or x[t + 1 + j].
  Value locate(OpBuilder &b, Location loc, bool isAhead);

  OpBuilder &b;
  Location loc;
  Decomposition d;
  LongConvOp op;
  FloatType type;
  /// The past, then x; how many of them there are, and how many are past.
  Value known, total, past;
};
} // namespace

enum { B, T, D, J };

Value Sums::locate(OpBuilder &b, Location loc, bool isAhead) {
  Value t = linalg::IndexOp::create(b, loc, T);
  Value j = linalg::IndexOp::create(b, loc, J);
  Value at = arith::AddIOp::create(b, loc, t, past);
  if (!isAhead)
    return arith::SubIOp::create(b, loc, at, j);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  at = arith::AddIOp::create(b, loc, at, one);
  return arith::AddIOp::create(b, loc, at, j);
}

Value Sums::add(Value sum, Value kernel, bool isAhead) {
  SmallVector<unsigned> ofKernel = {J, D};
  if (cast<ShapedType>(kernel.getType()).getRank() == 3)
    ofKernel.insert(ofKernel.begin(), B);
  auto body = [&](OpBuilder &b, Location loc,
                  ValueRange args) -> SmallVector<Value> {
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    Value at = locate(b, loc, isAhead), exists;
    if (op.getCircular()) {
      Value rest = arith::RemSIOp::create(b, loc, at, total);
      Value isNegative =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, rest, zero);
      Value next = arith::AddIOp::create(b, loc, rest, total);
      at = arith::SelectOp::create(b, loc, isNegative, next, rest);
    } else {
      exists = arith::CmpIOp::create(b, loc,
                                     isAhead ? arith::CmpIPredicate::slt
                                             : arith::CmpIPredicate::sge,
                                     at, isAhead ? total : zero);
      at = arith::SelectOp::create(b, loc, exists, at, zero);
    }
    Value x = tensor::ExtractOp::create(
        b, loc, known,
        ValueRange{linalg::IndexOp::create(b, loc, B), at,
                   linalg::IndexOp::create(b, loc, D)});
    x = convertFloat(b, loc, x, type);
    if (exists)
      x = arith::SelectOp::create(
          b, loc, exists, x,
          arith::ConstantOp::create(b, loc, b.getZeroAttr(type)));
    Value product = arith::MulFOp::create(b, loc, args[0], x);
    return {arith::AddFOp::create(b, loc, args[1], product)};
  };
  return d.map({{kernel, d.dims(4, ofKernel)}, {sum, d.dims(4, {B, T, D})}},
               /*numOuts=*/1, /*numLoops=*/4, /*reductions=*/{J}, body)[0];
}

SmallVector<Value> Sums::build() {
  known = op.getX();
  past = d.constant(0);
  total = d.dim(known, 1);
  Value state = op.getState();
  if (state) {
    OpFoldResult zero = b.getIndexAttr(0);
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, known);
    OpFoldResult length = sizes[1];
    past = d.dim(state, 1);
    sizes[1] = arith::AddIOp::create(b, loc, total, past).getResult();
    total = cast<Value>(sizes[1]);
    Type elements = cast<ShapedType>(known.getType()).getElementType();
    Piece before{zero, getAsOpFoldResult(past)};
    known = tensor::EmptyOp::create(b, loc, sizes, elements);
    known = d.insertPart(state, known, 1, before);
    known = d.insertPart(op.getX(), known, 1, {past, length});
    // What lies at the end is the new state.
    Value end = d.part(known, 1, {length, before.size});
    state = d.insertPart(tensor::CastOp::create(b, loc, state.getType(), end),
                         state, 1, before);
  }
  Value y = op.getY();
  bool isNarrow = cast<ShapedType>(y.getType()).getElementType() != type;
  Value sum = d.fillZero(isNarrow ? d.emptyLike(y, type) : y);
  sum = add(sum, op.getK(), /*isAhead=*/false);
  if (op.getAhead())
    sum = add(sum, op.getAhead(), /*isAhead=*/true);
  SmallVector<Value> results = {d.convert(sum, y)};
  if (state)
    results.push_back(state);
  return results;
}

FailureOr<SmallVector<Value>> LongConvOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  return Sums(b, *this).build();
}
