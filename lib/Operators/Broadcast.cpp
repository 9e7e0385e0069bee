//===- Broadcast.cpp - elementwise operators with broadcasting ------------===//

#include "lib/Operators/Broadcast.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace ssmc;

std::string ssmc::describeDims(ArrayRef<AffineExpr> dims) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '[';
  llvm::interleaveComma(dims, os, [&](AffineExpr dim) {
    if (auto constant = dyn_cast<AffineConstantExpr>(dim))
      os << constant.getValue();
    else
      os << dim;
  });
  os << ']';
  return text;
}

std::string ssmc::describeType(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static bool isOne(AffineExpr dim) {
  auto constant = dyn_cast<AffineConstantExpr>(dim);
  return constant && constant.getValue() == 1;
}

FailureOr<SmallVector<AffineExpr>>
ssmc::broadcastDims(InferContext &ctx, ArrayRef<ArrayRef<AffineExpr>> shapes) {
  size_t rank = 0;
  for (ArrayRef<AffineExpr> shape : shapes)
    rank = std::max(rank, shape.size());
  SmallVector<AffineExpr> result(rank, ctx.constantDim(1));
  for (ArrayRef<AffineExpr> shape : shapes) {
    for (size_t k = 0; k < shape.size(); ++k) {
      AffineExpr dim = shape[k];
      AffineExpr &known = result[rank - shape.size() + k];
      if (isOne(dim) || dim == known)
        continue;
      if (isOne(known)) {
        known = dim;
        continue;
      }
      if (isa<AffineConstantExpr>(dim) && isa<AffineConstantExpr>(known))
        return ctx.error(
            "shapes do not broadcast: " + describeDims(shapes.front()) +
            " and " + describeDims(shape));
      // That one of them may be 1 is not considered: it would take other code.
      ctx.requireEqual(known, dim);
      if (isa<AffineConstantExpr>(dim))
        known = dim;
    }
  }
  return result;
}

FailureOr<SmallVector<AffineExpr>> ssmc::broadcastInputs(InferContext &ctx) {
  SmallVector<ArrayRef<AffineExpr>> shapes;
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
    if (ctx.node.hasInput(i))
      shapes.push_back(ctx.input(i).dims);
  return broadcastDims(ctx, shapes);
}

std::optional<SmallVector<int64_t>>
ssmc::broadcastShapes(ArrayRef<ArrayRef<int64_t>> shapes) {
  size_t rank = 0;
  for (ArrayRef<int64_t> shape : shapes)
    rank = std::max(rank, shape.size());
  SmallVector<int64_t> result(rank, 1);
  for (ArrayRef<int64_t> shape : shapes)
    for (size_t k = 0; k < shape.size(); ++k) {
      int64_t &known = result[rank - shape.size() + k];
      if (known == 1)
        known = shape[k];
      else if (shape[k] != 1 && shape[k] != known)
        return std::nullopt;
    }
  return result;
}

SmallVector<int64_t> ssmc::broadcastStrides(ArrayRef<int64_t> shape,
                                            ArrayRef<int64_t> target) {
  SmallVector<int64_t> own = rowMajorStrides(shape);
  SmallVector<int64_t> strides(target.size(), 0);
  size_t lead = target.size() - shape.size();
  for (size_t k = 0; k < shape.size(); ++k)
    strides[lead + k] = shape[k] == 1 ? 0 : own[k];
  return strides;
}

void ssmc::mergeLoops(SmallVectorImpl<int64_t> &extents,
                      MutableArrayRef<SmallVector<int64_t>> strides) {
  size_t kept = 0;
  for (size_t d = 0; d < extents.size(); ++d) {
    if (extents[d] == 1)
      continue;
    bool continues = kept > 0;
    for (const SmallVector<int64_t> &stride : strides)
      continues = continues && stride[kept - 1] == stride[d] * extents[d];
    size_t into = continues ? kept - 1 : kept++;
    extents[into] = continues ? extents[into] * extents[d] : extents[d];
    for (SmallVector<int64_t> &stride : strides)
      stride[into] = stride[d];
  }
  kept = std::max<size_t>(kept, 1);
  extents.resize(kept, 1);
  for (SmallVector<int64_t> &stride : strides)
    stride.resize(kept, 0);
}

AffineMap ssmc::broadcastMap(RankedTensorType operand,
                             RankedTensorType target) {
  MLIRContext *context = target.getContext();
  int64_t lead = target.getRank() - operand.getRank();
  SmallVector<AffineExpr> results;
  for (int64_t d = 0; d < operand.getRank(); ++d) {
    bool repeated =
        operand.getDimSize(d) == 1 && target.getDimSize(lead + d) != 1;
    results.push_back(repeated ? getAffineConstantExpr(0, context)
                               : getAffineDimExpr(lead + d, context));
  }
  return AffineMap::get(target.getRank(), 0, results, context);
}

bool ssmc::isUnsignedInput(LowerContext &ctx, unsigned i) {
  return getElementTypeOrSelf(ctx.node.getInputs()[i].getType())
      .isUnsignedInteger();
}

bool ssmc::isUnsignedResult(LowerContext &ctx, unsigned i) {
  return getElementTypeOrSelf(ctx.node->getResult(i).getType())
      .isUnsignedInteger();
}

Value ssmc::elementwise(LowerContext &ctx, unsigned result,
                        ArrayRef<Value> inputs, ScalarBody body) {
  RankedTensorType type = ctx.resultType(result);
  SmallVector<AffineMap> maps;
  llvm::SmallDenseSet<Value> unsignedInputs;
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
    if (ctx.node.hasInput(i) && isUnsignedInput(ctx, i))
      unsignedInputs.insert(ctx.input(i));
  SmallVector<bool> isUnsigned;
  for (Value input : inputs) {
    maps.push_back(broadcastMap(cast<RankedTensorType>(input.getType()), type));
    isUnsigned.push_back(unsignedInputs.contains(input));
  }
  maps.push_back(
      AffineMap::getMultiDimIdentityMap(type.getRank(), type.getContext()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(
      ctx.builder, ctx.loc(), type, inputs, ctx.emptyResult(result), maps,
      iterators, [&](OpBuilder &b, Location loc, ValueRange arguments) {
        SmallVector<scalar::Scalar> elements;
        for (size_t i = 0; i < inputs.size(); ++i)
          elements.push_back({&b, loc, arguments[i], isUnsigned[i]});
        linalg::YieldOp::create(b, loc, body(elements).value);
      });
  return op.getResult(0);
}
