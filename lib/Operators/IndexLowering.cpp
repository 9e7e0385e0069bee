//===- IndexLowering.cpp - building moves of elements as linalg -----------===//

#include "lib/Operators/IndexLowering.h"

#include "lib/Operators/Extents.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ssmc;

Value ssmc::indexConstant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value ssmc::indexValue(OpBuilder &b, Location loc, OpFoldResult value) {
  return getValueOrCreateConstantIndexOp(b, loc, value);
}

Value ssmc::toIndex(OpBuilder &b, Location loc, Value value) {
  if (value.getType().isIndex())
    return value;
  if (value.getType().isInteger(1))
    return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), value);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
}

Value ssmc::zeroOf(OpBuilder &b, Location loc, Type type) {
  return arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
}

OpFoldResult ssmc::apply(OpBuilder &b, Location loc, AffineExpr expr,
                         ArrayRef<OpFoldResult> operands) {
  return affine::makeComposedFoldedAffineApply(b, loc, expr, operands);
}

OpFoldResult
ssmc::materializeExtent(OpBuilder &b, Location loc, AffineExpr expr,
                        function_ref<Value(unsigned)> symbolValue) {
  if (auto constant = constantExtent(expr))
    return b.getIndexAttr(*constant);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbolValue(symbol.getPosition());
  // Affine where it is: others can then compare and compose it.
  if (expr.isPureAffine()) {
    SmallVector<OpFoldResult> operands;
    llvm::DenseMap<AffineExpr, AffineExpr> renumbered;
    expr.walk([&](AffineExpr part) {
      auto symbol = dyn_cast<AffineSymbolExpr>(part);
      if (!symbol || renumbered.count(symbol))
        return;
      renumbered[symbol] = b.getAffineSymbolExpr(operands.size());
      operands.push_back(symbolValue(symbol.getPosition()));
    });
    return apply(b, loc, expr.replace(renumbered), operands);
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  auto side = [&](AffineExpr part) {
    return indexValue(b, loc, materializeExtent(b, loc, part, symbolValue));
  };
  Value lhs = side(binary.getLHS()), rhs = side(binary.getRHS());
  // Extents are not negative, and a divisor of zero divides nothing.
  auto divisor = [&] {
    return arith::MaxSIOp::create(b, loc, rhs, indexConstant(b, loc, 1));
  };
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return arith::AddIOp::create(b, loc, lhs, rhs).getResult();
  case AffineExprKind::Mul:
    return arith::MulIOp::create(b, loc, lhs, rhs).getResult();
  case AffineExprKind::Mod:
    return arith::RemSIOp::create(b, loc, lhs, divisor()).getResult();
  case AffineExprKind::CeilDiv:
    return arith::CeilDivSIOp::create(b, loc, lhs, divisor()).getResult();
  default:
    return arith::DivSIOp::create(b, loc, lhs, divisor()).getResult();
  }
}

Value ssmc::wrapAndClamp(OpBuilder &b, Location loc, Value index,
                         Value extent) {
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  Value negative =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index, zero);
  Value wrapped = arith::AddIOp::create(b, loc, index, extent);
  index = arith::SelectOp::create(b, loc, negative, wrapped, index);
  Value last = arith::SubIOp::create(b, loc, extent, one);
  index = arith::MinSIOp::create(b, loc, index, last);
  return arith::MaxSIOp::create(b, loc, index, zero);
}

Value ssmc::readElement(OpBuilder &b, Location loc, Value tensor,
                        ValueRange indices) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.hasStaticShape() && type.getNumElements() > 0)
    return tensor::ExtractOp::create(b, loc, tensor, indices);
  // Without a first element there is nothing to read.
  Value zero = indexConstant(b, loc, 0);
  Value any = arith::ConstantIntOp::create(b, loc, 1, 1);
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (type.getDimSize(d) > 0)
      continue;
    Value extent = tensor::DimOp::create(b, loc, tensor, d);
    Value some =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, extent, zero);
    any = arith::AndIOp::create(b, loc, any, some);
  }
  auto branch = scf::IfOp::create(
      b, loc, any,
      [&](OpBuilder &b, Location loc) {
        Value read = tensor::ExtractOp::create(b, loc, tensor, indices);
        scf::YieldOp::create(b, loc, read);
      },
      [&](OpBuilder &b, Location loc) {
        scf::YieldOp::create(b, loc, zeroOf(b, loc, type.getElementType()));
      });
  return branch.getResult(0);
}

Value ssmc::buildElements(
    OpBuilder &b, Location loc, Value destination, ValueRange inputs,
    ArrayRef<AffineMap> maps,
    function_ref<Value(OpBuilder &, Location, ValueRange, ValueRange)>
        element) {
  auto type = cast<RankedTensorType>(destination.getType());
  SmallVector<AffineMap> all(maps);
  all.push_back(b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{type}, inputs, ValueRange{destination}, all, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        SmallVector<Value> index;
        for (int64_t d = 0; d < type.getRank(); ++d)
          index.push_back(linalg::IndexOp::create(b, loc, d));
        linalg::YieldOp::create(b, loc,
                                element(b, loc, index, args.drop_back()));
      });
  return generic.getResult(0);
}

Value ssmc::extractScalar(OpBuilder &b, Location loc, Value value,
                          int64_t position) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return value;
  SmallVector<Value> index;
  for (int64_t d = 0; d < type.getRank(); ++d)
    index.push_back(
        indexConstant(b, loc, d + 1 == type.getRank() ? position : 0));
  return tensor::ExtractOp::create(b, loc, value, index);
}

Value ssmc::takeSlice(OpBuilder &b, Location loc, Value value,
                      ArrayRef<OpFoldResult> offsets,
                      ArrayRef<OpFoldResult> sizes,
                      ArrayRef<OpFoldResult> strides) {
  bool nothing = llvm::any_of(
      sizes, [](OpFoldResult size) { return getConstantIntValue(size) == 0; });
  if (nothing)
    return tensor::EmptyOp::create(
        b, loc, sizes,
        cast<RankedTensorType>(value.getType()).getElementType());
  return tensor::ExtractSliceOp::create(b, loc, value, offsets, sizes, strides);
}

Value ssmc::castTo(OpBuilder &b, Location loc, Value value,
                   RankedTensorType type) {
  if (value.getType() == type)
    return value;
  return tensor::CastOp::create(b, loc, type, value);
}

Value ssmc::writeInto(OpBuilder &b, Location loc, Value value,
                      Value destination) {
  if (value == destination)
    return value;
  return linalg::CopyOp::create(b, loc, value, destination)->getResult(0);
}

namespace {
// A run of input dimensions and a run of output dimensions of equal product.
struct Group {
  SmallVector<int64_t, 2> from, to;
};
} // namespace

static bool isOne(AffineExpr expr) { return constantExtent(expr) == 1; }

// Pairs runs of dimensions from left to right, each pair as short as possible.
static std::optional<SmallVector<Group>>
pairDimensions(ArrayRef<AffineExpr> from, ArrayRef<AffineExpr> to) {
  SmallVector<Group> groups;
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    size_t p = 0, q = 0;
    for (size_t total = 2; p == 0 && total <= from.size() - i + to.size() - j;
         ++total)
      for (size_t a = 1; a < total && a <= from.size() - i; ++a) {
        size_t c = total - a;
        if (c > to.size() - j ||
            !equalProducts(from.slice(i, a), to.slice(j, c)))
          continue;
        p = a, q = c;
        break;
      }
    if (p == 0)
      return std::nullopt;
    Group group;
    for (size_t k = 0; k < p; ++k)
      group.from.push_back(i + k);
    for (size_t k = 0; k < q; ++k)
      group.to.push_back(j + k);
    groups.push_back(group);
    i += p, j += q;
  }
  // Ones that are left belong to the last group.
  for (; i < from.size(); ++i) {
    if (!isOne(from[i]))
      return std::nullopt;
    if (!groups.empty())
      groups.back().from.push_back(i);
  }
  for (; j < to.size(); ++j) {
    if (!isOne(to[j]))
      return std::nullopt;
    if (!groups.empty())
      groups.back().to.push_back(j);
  }
  return groups;
}

static OpFoldResult product(OpBuilder &b, Location loc,
                            ArrayRef<OpFoldResult> extents) {
  AffineExpr s0, s1;
  bindSymbols(b.getContext(), s0, s1);
  OpFoldResult count = b.getIndexAttr(1);
  for (OpFoldResult extent : extents)
    count = apply(b, loc, s0 * s1, {count, extent});
  return count;
}

// Copies by position: the elements of both in row-major order.
static Value copyByPosition(OpBuilder &b, Location loc, Value value,
                            RankedTensorType type,
                            ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> sourceSizes = tensor::getMixedSizes(b, loc, value);
  Value extent = indexValue(b, loc, product(b, loc, sourceSizes));
  Value empty = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  Value result = buildElements(
      b, loc, empty, {}, {},
      [&](OpBuilder &b, Location loc, ValueRange index, ValueRange) {
        Value position = indexConstant(b, loc, 0);
        for (auto [i, size] : llvm::zip(index, sizes)) {
          Value stride = indexValue(b, loc, size);
          position = arith::AddIOp::create(
              b, loc, arith::MulIOp::create(b, loc, position, stride), i);
        }
        position = wrapAndClamp(b, loc, position, extent);
        SmallVector<Value> from(sourceSizes.size());
        Value one = indexConstant(b, loc, 1);
        for (size_t d = from.size(); d-- > 0;) {
          // At least one: a divisor even where the tensor is empty.
          Value size = arith::MaxSIOp::create(
              b, loc, indexValue(b, loc, sourceSizes[d]), one);
          from[d] = arith::RemSIOp::create(b, loc, position, size);
          position = arith::DivSIOp::create(b, loc, position, size);
        }
        return readElement(b, loc, value, from);
      });
  return castTo(b, loc, result, type);
}

Value ssmc::buildReshape(OpBuilder &b, Location loc, Value value,
                         ArrayRef<AffineExpr> from, RankedTensorType type,
                         ArrayRef<AffineExpr> to,
                         ArrayRef<OpFoldResult> sizes) {
  if (from == to)
    return castTo(b, loc, value, type);
  if (type.hasStaticShape() && type.getNumElements() == 0)
    return tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  std::optional<SmallVector<Group>> groups = pairDimensions(from, to);
  // Upstream cannot give a buffer's dimension to several of unknown extents.
  bool splitsUnknown = groups && llvm::any_of(*groups, [&](const Group &group) {
                         return llvm::count_if(group.to, [&](int64_t d) {
                                  return type.isDynamicDim(d);
                                }) > 1;
                       });
  if (!groups)
    checkEqual(b, loc, product(b, loc, sizes),
               product(b, loc, tensor::getMixedSizes(b, loc, value)),
               "the target has another number of elements than the input");
  if (!groups || splitsUnknown)
    return copyByPosition(b, loc, value, type, sizes);
  SmallVector<ReassociationIndices> collapse, expand;
  bool collapses = from.size() != groups->size();
  bool expands = to.size() != groups->size();
  for (Group &group : *groups) {
    collapse.emplace_back(group.from.begin(), group.from.end());
    expand.emplace_back(group.to.begin(), group.to.end());
  }
  if (collapses)
    value = tensor::CollapseShapeOp::create(b, loc, value, collapse);
  if (!expands)
    return castTo(b, loc, value, type);
  // A group is static on both sides or on neither.
  SmallVector<int64_t> middle;
  auto collapsed = cast<RankedTensorType>(value.getType());
  for (auto [i, group] : llvm::enumerate(*groups)) {
    bool dynamic =
        llvm::any_of(group.to, [&](int64_t d) { return type.isDynamicDim(d); });
    int64_t product = 1;
    for (int64_t d : group.to)
      product = dynamic ? ShapedType::kDynamic : product * type.getDimSize(d);
    middle.push_back(product);
  }
  value = castTo(b, loc, value,
                 RankedTensorType::get(middle, collapsed.getElementType()));
  return tensor::ExpandShapeOp::create(b, loc, type, value, expand, sizes);
}

FailureOr<SmallVector<AffineExpr>> ssmc::inputExtents(LowerContext &ctx,
                                                      unsigned i) {
  auto type = dyn_cast<RankedTensorType>(ctx.node->getOperand(i).getType());
  if (!type)
    return ctx.error("has an operand without a shape");
  FailureOr<SmallVector<AffineExpr>> extents = typeExtents(type);
  if (failed(extents))
    return ctx.error("has an operand of unknown extents");
  return extents;
}

FailureOr<SmallVector<AffineExpr>> ssmc::resultExtents(LowerContext &ctx,
                                                       unsigned i) {
  auto type = dyn_cast<RankedTensorType>(ctx.node->getResult(i).getType());
  if (!type)
    return ctx.error("has a result without a shape");
  FailureOr<SmallVector<AffineExpr>> extents = typeExtents(type);
  if (failed(extents))
    return ctx.error("has a result of unknown extents");
  return extents;
}

SmallVector<OpFoldResult> ssmc::resultSizes(LowerContext &ctx, unsigned i) {
  SmallVector<OpFoldResult> sizes;
  for (int64_t d = 0; d < ctx.resultType(i).getRank(); ++d)
    sizes.push_back(ctx.resultDim(i, d));
  return sizes;
}

LogicalResult ssmc::lowerAsReshape(LowerContext &ctx) {
  FailureOr<SmallVector<AffineExpr>> from = inputExtents(ctx, 0);
  FailureOr<SmallVector<AffineExpr>> to = resultExtents(ctx, 0);
  if (failed(from) || failed(to))
    return failure();
  SmallVector<OpFoldResult> sizes = resultSizes(ctx, 0);
  if (llvm::is_contained(sizes, OpFoldResult()))
    return ctx.error("is not supported with a target that only data decides; "
                     "where the extents of inputs tell it, fix those with "
                     "--dim INPUT:AXIS=NUMBER");
  ctx.setResult(0, buildReshape(ctx.builder, ctx.loc(), ctx.input(0), *from,
                                ctx.resultType(0), *to, sizes));
  return success();
}
