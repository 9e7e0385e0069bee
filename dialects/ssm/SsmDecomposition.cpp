//===- SsmDecomposition.cpp - helpers of the decompositions ---------------===//

#include "dialects/ssm/SsmDecomposition.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Complex/IR/Complex.h"

using namespace mlir;
using namespace mlir::ssm;

Value Decomposition::constant(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value Decomposition::dim(Value tensor, int64_t axis) {
  return getValueOrCreateConstantIndexOp(
      b, loc, tensor::getMixedSize(b, loc, tensor, axis));
}

SmallVector<Value>
Decomposition::loop(Value length, ValueRange inits,
                    function_ref<SmallVector<Value>(Value, ValueRange)> step,
                    Value from) {
  auto loop = scf::ForOp::create(
      b, loc, from ? from : constant(0), length, constant(1), inits,
      [&](OpBuilder &, Location, Value t, ValueRange carried) {
        scf::YieldOp::create(b, loc, step(t, carried));
      });
  return loop.getResults();
}

Value Decomposition::at(Value t, Value length, bool reversed) {
  if (!reversed)
    return t;
  Value last = arith::SubIOp::create(b, loc, length, constant(1));
  return arith::SubIOp::create(b, loc, last, t);
}

static void getSlice(OpBuilder &b, Location loc, Value tensor, int64_t axis,
                     Value index, SmallVector<OpFoldResult> &offsets,
                     SmallVector<OpFoldResult> &sizes,
                     SmallVector<OpFoldResult> &strides) {
  sizes = tensor::getMixedSizes(b, loc, tensor);
  offsets.assign(sizes.size(), b.getIndexAttr(0));
  strides.assign(sizes.size(), b.getIndexAttr(1));
  offsets[axis] = index;
  sizes[axis] = b.getIndexAttr(1);
}

// Upstream has no slice of an empty extent.
static bool isEmpty(RankedTensorType type) {
  return llvm::is_contained(type.getShape(), 0);
}

Value Decomposition::slice(Value tensor, int64_t axis, Value index) {
  SmallVector<OpFoldResult> offsets, sizes, strides;
  getSlice(b, loc, tensor, axis, index, offsets, sizes, strides);
  auto type = cast<RankedTensorType>(tensor.getType());
  RankedTensorType sliceType = RankedTensorType::Builder(type).dropDim(axis);
  if (isEmpty(sliceType)) {
    sizes.erase(sizes.begin() + axis);
    return tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  }
  return tensor::ExtractSliceOp::create(b, loc, sliceType, tensor, offsets,
                                        sizes, strides);
}

Value Decomposition::insert(Value source, Value tensor, int64_t axis,
                            Value index) {
  if (isEmpty(cast<RankedTensorType>(source.getType())))
    return tensor;
  SmallVector<OpFoldResult> offsets, sizes, strides;
  getSlice(b, loc, tensor, axis, index, offsets, sizes, strides);
  return tensor::InsertSliceOp::create(b, loc, source, tensor, offsets, sizes,
                                       strides);
}

bool Decomposition::isOnePiece(Value length, int64_t size) {
  std::optional<int64_t> known = getConstantIntValue(length);
  return size == 0 || (known && *known <= size);
}

SmallVector<Value> Decomposition::chunks(
    Value length, int64_t size, bool reversed, ValueRange inits,
    function_ref<SmallVector<Value>(const Piece &, ValueRange)> step,
    bool restFirst) {
  AffineExpr x, y;
  bindSymbols(b.getContext(), x, y);
  auto index = [&](AffineExpr expr, ArrayRef<OpFoldResult> values) {
    return affine::makeComposedFoldedAffineApply(b, loc, expr, values);
  };
  OpFoldResult all = getAsOpFoldResult(length);
  if (isOnePiece(length, size))
    return step({b.getIndexAttr(0), all}, inits);
  auto asValue = [&](OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(b, loc, value);
  };
  // A loop over the whole pieces, and one that has at most one iteration.
  OpFoldResult rest = index(x % size, {all}), none = b.getIndexAttr(0);
  SmallVector<Value> carried(inits);
  auto walk = [&](OpFoldResult from, OpFoldResult to, OpFoldResult extent) {
    if (isEqualConstantIntOrValue(from, to))
      return;
    auto loop = scf::ForOp::create(
        b, loc, asValue(from), asValue(to), constant(size), carried,
        [&](OpBuilder &, Location, Value at, ValueRange inner) {
          Value first = at;
          if (reversed) {
            Value behind = arith::SubIOp::create(b, loc, length, at);
            first = arith::SubIOp::create(b, loc, behind, asValue(extent));
          }
          scf::YieldOp::create(b, loc, step({first, extent}, inner));
        });
    carried.assign(loop.getResults().begin(), loop.getResults().end());
  };
  if (restFirst) {
    walk(none, rest, rest);
    walk(rest, all, b.getIndexAttr(size));
    return carried;
  }
  OpFoldResult whole = index(x - y, {all, rest});
  walk(none, whole, b.getIndexAttr(size));
  walk(whole, all, rest);
  return carried;
}

Value Decomposition::part(Value tensor, int64_t axis, const Piece &piece) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tensor);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
      strides(sizes.size(), b.getIndexAttr(1));
  offsets[axis] = piece.first;
  sizes[axis] = piece.size;
  auto type = cast<RankedTensorType>(tensor.getType());
  if (llvm::any_of(sizes, [](OpFoldResult size) {
        return getConstantIntValue(size) == 0;
      }))
    return tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  return tensor::ExtractSliceOp::create(b, loc, tensor, offsets, sizes,
                                        strides);
}

Value Decomposition::insertPart(Value source, Value tensor, int64_t axis,
                                const Piece &piece) {
  if (isEmpty(cast<RankedTensorType>(source.getType())))
    return tensor;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tensor);
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
      strides(sizes.size(), b.getIndexAttr(1));
  offsets[axis] = piece.first;
  sizes[axis] = piece.size;
  return tensor::InsertSliceOp::create(b, loc, source, tensor, offsets, sizes,
                                       strides);
}

AffineMap Decomposition::dims(unsigned numLoops, ArrayRef<unsigned> picked) {
  SmallVector<AffineExpr> exprs;
  for (unsigned d : picked)
    exprs.push_back(b.getAffineDimExpr(d));
  return AffineMap::get(numLoops, 0, exprs, b.getContext());
}

AffineMap Decomposition::sharedHeads(unsigned numLoops,
                                     ArrayRef<unsigned> picked,
                                     int64_t sharing) {
  SmallVector<AffineExpr> exprs;
  for (unsigned d : picked)
    exprs.push_back(b.getAffineDimExpr(d));
  exprs[1] = exprs[1].floorDiv(sharing);
  return AffineMap::get(numLoops, 0, exprs, b.getContext());
}

Value Decomposition::convert(Value value, Value like) {
  auto type = cast<ShapedType>(like.getType());
  if (cast<ShapedType>(value.getType()).getElementType() ==
      type.getElementType())
    return value;
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  return map({{value, identity}, {like, identity}}, 1, type.getRank(), {},
             [&](OpBuilder &b, Location loc, ValueRange args) {
               return SmallVector<Value>{
                   convertFloat(b, loc, args[0], type.getElementType())};
             })[0];
}

SmallVector<Value> Decomposition::map(
    ArrayRef<Operand> operands, unsigned numOuts, unsigned numLoops,
    ArrayRef<unsigned> reductions,
    function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange)> body) {
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  for (auto [value, map] : operands) {
    values.push_back(value);
    maps.push_back(map);
  }
  SmallVector<utils::IteratorType> iterators(numLoops,
                                             utils::IteratorType::parallel);
  for (unsigned d : reductions)
    iterators[d] = utils::IteratorType::reduction;
  ValueRange all(values);
  ValueRange outs = all.take_back(numOuts);
  auto op = linalg::GenericOp::create(
      b, loc, TypeRange(outs), all.drop_back(numOuts), outs, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        linalg::YieldOp::create(nested, loc, body(nested, loc, args));
      });
  return op.getResults();
}

static Type elementOf(const Decomposition::Operand &operand) {
  return cast<ShapedType>(operand.first.getType()).getElementType();
}

Value Decomposition::multiply(ArrayRef<Operand> operands, unsigned numLoops) {
  Type type = elementOf(operands.back());
  return map(operands, /*numOuts=*/1, numLoops, /*reductions=*/{},
             [&](OpBuilder &b, Location loc, ValueRange args) {
               return SmallVector<Value>{arith::MulFOp::create(
                   b, loc, convertFloat(b, loc, args[0], type),
                   convertFloat(b, loc, args[1], type))};
             })[0];
}

Value Decomposition::addProducts(ArrayRef<Operand> operands, unsigned numLoops,
                                 ArrayRef<unsigned> reductions) {
  Type type = elementOf(operands.back());
  return map(operands, /*numOuts=*/1, numLoops, reductions,
             [&](OpBuilder &b, Location loc, ValueRange args) {
               Value product = convertFloat(b, loc, args[0], type);
               for (Value arg : args.drop_front().drop_back())
                 product = arith::MulFOp::create(
                     b, loc, product, convertFloat(b, loc, arg, type));
               return SmallVector<Value>{
                   arith::AddFOp::create(b, loc, args.back(), product)};
             })[0];
}

Value Decomposition::emptyLike(Value tensor, Type elementType) {
  return tensor::EmptyOp::create(b, loc, tensor::getMixedSizes(b, loc, tensor),
                                 elementType);
}

Value Decomposition::fillZero(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Value zero =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
  return linalg::FillOp::create(b, loc, zero, tensor).getResult(0);
}

Value mlir::ssm::convertFloat(OpBuilder &b, Location loc, Value value,
                              Type type) {
  if (value.getType() == type)
    return value;
  if (value.getType().getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(b, loc, type, value);
  return arith::TruncFOp::create(b, loc, type, value);
}

Type mlir::ssm::widestFloat(Operation *op) {
  Builder b(op->getContext());
  for (Value operand : op->getOperands())
    if (cast<ShapedType>(operand.getType()).getElementType().isF64())
      return b.getF64Type();
  return b.getF32Type();
}

Value mlir::ssm::addNumbers(OpBuilder &b, Location loc, Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return arith::AddFOp::create(b, loc, x, y);
  if (isa<ComplexType>(x.getType()))
    return complex::AddOp::create(b, loc, x, y);
  return arith::AddIOp::create(b, loc, x, y);
}

Value mlir::ssm::mulNumbers(OpBuilder &b, Location loc, Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return arith::MulFOp::create(b, loc, x, y);
  if (isa<ComplexType>(x.getType()))
    return complex::MulOp::create(b, loc, x, y);
  return arith::MulIOp::create(b, loc, x, y);
}

Value mlir::ssm::silu(OpBuilder &b, Location loc, Value x) {
  Value one =
      arith::ConstantOp::create(b, loc, b.getFloatAttr(x.getType(), 1.0));
  Value exp = math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, x));
  return arith::DivFOp::create(b, loc, x,
                               arith::AddFOp::create(b, loc, one, exp));
}
