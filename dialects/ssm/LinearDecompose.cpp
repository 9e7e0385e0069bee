//===- LinearDecompose.cpp - ssm.linear as two linalg ops -----------------===//

#include "dialects/ssm/SsmDecomposition.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::ssm;

// The product reads the panels in place, then the region is applied to it.
FailureOr<SmallVector<Value>> LinearOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Decomposition d(b, getLoc());
  Block &epilogue = getEpilogue().front();
  Type type = epilogue.getArgument(0).getType();
  Type outType = cast<ShapedType>(getOut().getType()).getElementType();
  int64_t lanes = cast<ShapedType>(getW().getType()).getDimSize(2);

  AffineExpr n = b.getAffineDimExpr(1), k = b.getAffineDimExpr(2);
  AffineMap panels =
      AffineMap::get(3, 0, {n.floorDiv(lanes), k, n % lanes}, b.getContext());
  Value sum = outType == type ? getOut() : d.emptyLike(getOut(), type);
  sum = d.map({{getX(), d.dims(3, {0, 2})},
               {getW(), panels},
               {d.fillZero(sum), d.dims(3, {0, 1})}},
              /*numOuts=*/1, /*numLoops=*/3, /*reductions=*/{2},
              [&](OpBuilder &b, Location loc, ValueRange args) {
                Value x = convertFloat(b, loc, args[0], type);
                Value w = convertFloat(b, loc, args[1], type);
                Value product = arith::MulFOp::create(b, loc, x, w);
                return SmallVector<Value>{
                    arith::AddFOp::create(b, loc, args[2], product)};
              })[0];

  AffineMap identity = b.getMultiDimIdentityMap(2);
  SmallVector<std::pair<Value, AffineMap>> operands;
  for (Value extra : getExtras())
    operands.push_back({extra, cast<ShapedType>(extra.getType()).getRank() == 1
                                   ? d.dims(2, {1})
                                   : identity});
  operands.push_back({sum, identity});
  if (outType != type)
    operands.push_back({getOut(), identity});
  unsigned sumAt = getExtras().size();
  return d.map(operands, /*numOuts=*/1, /*numLoops=*/2, /*reductions=*/{},
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 IRMapping mapping;
                 mapping.map(epilogue.getArgument(0), args[sumAt]);
                 for (unsigned i = 0; i < sumAt; ++i)
                   mapping.map(epilogue.getArgument(i + 1), args[i]);
                 for (Operation &op : epilogue.without_terminator())
                   b.clone(op, mapping);
                 Value result = epilogue.getTerminator()->getOperand(0);
                 return SmallVector<Value>{mapping.lookupOrDefault(result)};
               });
}
