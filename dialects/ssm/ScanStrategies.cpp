//===- ScanStrategies.cpp - the two scans by associativity ----------------===//
//
// SsmPieces.h says how. Of ssm.selective_scan, the product of a piece's decays
// is exp(A sum over C of delta), and pieces are further rows of the batch; a
// piece in which a sequence begins multiplies by zero.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmPieces.h"
#include "dialects/ssm/SsmStrategy.h"

using namespace mlir;
using namespace mlir::ssm;

using Args = ValueRange;
using Yield = SmallVector<Value>;

// Upstream has no slice of an empty extent.
static bool isEmpty(Value tensor) {
  return llvm::is_contained(cast<ShapedType>(tensor.getType()).getShape(), 0);
}

//===----------------------------------------------------------------------===//
// ssm.scan
//===----------------------------------------------------------------------===//

SmallVector<Value> mlir::ssm::lowerByAssociativity(OpBuilder &b, ScanOp op,
                                                   int64_t chunk) {
  if (isEmpty(op.getH()))
    return *op.decomposeOperation(b);
  Location loc = op.getLoc();
  Decomposition d(b, loc);
  auto axis = static_cast<int64_t>(op.getDimension());
  bool reverse = op.getReverse();
  Pieces pieces(b, loc, tensor::getMixedSize(b, loc, op.getH(), axis), chunk,
                reverse);
  auto scan = [&](int64_t dimension, Value x, Value y, Value h, Value state) {
    return ScanOp::create(b, loc, {h.getType(), state.getType()}, x, y, h,
                          state, dimension, reverse);
  };
  Value h = op.getH(), state = op.getState();
  if (pieces.any()) {
    Value a = pieces.unfold(op.getA(), axis);
    Value added = pieces.unfold(op.getB(), axis);
    Value into = pieces.unfold(h, axis);
    Value nowhere =
        d.emptyLike(into, cast<ShapedType>(into.getType()).getElementType());
    Value ends =
        scan(axis + 1, a, added, nowhere, pieces.fillForEach(state, axis, 0))
            ->getResult(1);
    unsigned rank = cast<ShapedType>(a.getType()).getRank();
    AffineMap all = b.getMultiDimIdentityMap(rank);
    Type type = cast<ShapedType>(state.getType()).getElementType();
    unsigned step = axis + 1;
    Value products = d.map(
        {{a, all}, {pieces.fillForEach(state, axis, 1), all.dropResult(step)}},
        /*numOuts=*/1, rank, {step},
        [&](OpBuilder &b, Location loc, Args args) -> Yield {
          Value x = convertFloat(b, loc, args[0], type);
          return {mulNumbers(b, loc, args[1], x)};
        })[0];
    auto [before, last] = pieces.chain(products, ends, state, axis);
    Value scanned = scan(axis + 1, a, added, into, before)->getResult(0);
    h = d.insertPart(pieces.fold(scanned, axis), h, axis, pieces.getWhole());
    state = last;
  }
  if (pieces.anyLeft()) {
    const Piece &left = pieces.getLeft();
    ScanOp last =
        scan(axis, d.part(op.getA(), axis, left), d.part(op.getB(), axis, left),
             d.part(h, axis, left), state);
    h = d.insertPart(last->getResult(0), h, axis, left);
    state = last->getResult(1);
  }
  return {h, state};
}

//===----------------------------------------------------------------------===//
// ssm.selective_scan
//===----------------------------------------------------------------------===//

namespace {
class PiecesOfSelectiveScan {
public:
  PiecesOfSelectiveScan(OpBuilder &b, SelectiveScanOp op, int64_t chunk)
      : b(b), loc(op.getLoc()), op(op), d(b, loc),
        pieces(b, loc, tensor::getMixedSize(b, loc, op.getY(), 1), chunk,
               op.getReverse()),
        type(cast<ShapedType>(op.getState().getType()).getElementType()) {}
  SmallVector<Value> build();

private:
  /// B x K of a tensor as one dimension.
  Value merge(Value tensor);
  Value rows(Value tensor) {
    return tensor ? merge(pieces.unfold(tensor, 1)) : Value();
  }
  /// The first dimension as that of `like`, which is B x K x ...
  Value separate(Value tensor, Value like);
  Value getProducts();
  /// The op on parts of its sequences; without `hasOutput`, y is not used.
  SelectiveScanOp scan(function_ref<Value(Value)> part, Value y, Value state,
                       bool hasOutput);

  OpBuilder &b;
  Location loc;
  SelectiveScanOp op;
  Decomposition d;
  Pieces pieces;
  Type type;
};
} // namespace

static SmallVector<ReassociationIndices> getMerging(int64_t rank) {
  SmallVector<ReassociationIndices> merging = {{0, 1}};
  for (int64_t i = 2; i < rank; ++i)
    merging.push_back({i});
  return merging;
}

Value PiecesOfSelectiveScan::merge(Value tensor) {
  int64_t rank = cast<ShapedType>(tensor.getType()).getRank();
  return tensor::CollapseShapeOp::create(b, loc, tensor, getMerging(rank));
}

Value PiecesOfSelectiveScan::separate(Value tensor, Value like) {
  auto shape = cast<RankedTensorType>(like.getType());
  return tensor::ExpandShapeOp::create(
      b, loc, shape.clone(cast<ShapedType>(tensor.getType()).getElementType()),
      tensor, getMerging(shape.getRank()), tensor::getMixedSizes(b, loc, like));
}

Value PiecesOfSelectiveScan::getProducts() {
  enum { B, K, D, N };
  Value delta = pieces.unfold(op.getDelta(), 1);
  Value sum = d.addProducts(
      {{delta, d.dims(4, {0, 1, 2, 3})},
       {d.fillZero(d.emptyLike(d.slice(delta, 2, d.constant(0)), type)),
        d.dims(4, {0, 1, 3})}},
      /*numLoops=*/4, /*reductions=*/{2});
  SmallVector<Decomposition::Operand> operands = {
      {op.getA(), d.dims(4, {D, N})}, {sum, d.dims(4, {B, K, D})}};
  if (op.getResets()) {
    Value resets = pieces.unfold(op.getResets(), 1);
    Value none = d.fillZero(
        d.emptyLike(d.slice(resets, 2, d.constant(0)),
                    cast<ShapedType>(resets.getType()).getElementType()));
    Value any =
        d.map({{resets, d.dims(3, {0, 1, 2})}, {none, d.dims(3, {0, 1})}},
              /*numOuts=*/1, /*numLoops=*/3, /*reductions=*/{2},
              [](OpBuilder &b, Location loc, Args args) -> Yield {
                return {arith::OrIOp::create(b, loc, args[0], args[1])};
              })[0];
    operands.push_back({any, d.dims(4, {B, K})});
  }
  operands.push_back(
      {pieces.fillForEach(op.getState(), 1, 0), b.getMultiDimIdentityMap(4)});
  return d.map(
      operands, /*numOuts=*/1, /*numLoops=*/4, /*reductions=*/{},
      [&](OpBuilder &b, Location loc, Args args) -> Yield {
        Value rate = arith::MulFOp::create(
            b, loc, convertFloat(b, loc, args[0], type), args[1]);
        Value product = math::ExpOp::create(b, loc, rate);
        if (!op.getResets())
          return {product};
        Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
        return {arith::SelectOp::create(b, loc, args[2], zero, product)};
      })[0];
}

SelectiveScanOp PiecesOfSelectiveScan::scan(function_ref<Value(Value)> part,
                                            Value y, Value state,
                                            bool hasOutput) {
  auto ifThere = [&](Value tensor) { return tensor ? part(tensor) : Value(); };
  return SelectiveScanOp::create(
      b, loc, {y.getType(), state.getType()}, part(op.getU()),
      part(op.getDelta()), op.getA(), part(op.getB()), part(op.getC()),
      hasOutput ? op.getD() : Value(), hasOutput ? ifThere(op.getZ()) : Value(),
      ifThere(op.getResets()), y, state, op.getReverse());
}

SmallVector<Value> PiecesOfSelectiveScan::build() {
  Value y = op.getY(), state = op.getState();
  if (pieces.any()) {
    auto part = [&](Value tensor) { return rows(tensor); };
    Value unfolded = pieces.unfold(y, 1), into = merge(unfolded);
    Value nowhere =
        d.emptyLike(into, cast<ShapedType>(into.getType()).getElementType());
    Value none = pieces.fillForEach(state, 1, 0);
    Value ends =
        scan(part, nowhere, merge(none), /*hasOutput=*/false)->getResult(1);
    auto [before, last] =
        pieces.chain(getProducts(), separate(ends, none), state, 1);
    Value scanned =
        scan(part, into, merge(before), /*hasOutput=*/true)->getResult(0);
    y = d.insertPart(pieces.fold(separate(scanned, unfolded), 1), y, 1,
                     pieces.getWhole());
    state = last;
  }
  if (pieces.anyLeft()) {
    const Piece &left = pieces.getLeft();
    auto part = [&](Value tensor) { return d.part(tensor, 1, left); };
    SelectiveScanOp last = scan(part, part(y), state, /*hasOutput=*/true);
    y = d.insertPart(last->getResult(0), y, 1, left);
    state = last->getResult(1);
  }
  return {y, state};
}

SmallVector<Value> mlir::ssm::lowerByAssociativity(OpBuilder &b,
                                                   SelectiveScanOp op,
                                                   int64_t chunk) {
  if (isEmpty(op.getY()) || isEmpty(op.getState()))
    return *op.decomposeOperation(b);
  return PiecesOfSelectiveScan(b, op, chunk).build();
}
