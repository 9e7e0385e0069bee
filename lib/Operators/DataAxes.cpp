//===- DataAxes.cpp - axes that are known at run time only ----------------===//

#include "lib/Operators/DataAxes.h"

#include "lib/Operators/IndexLowering.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ssmc;

SmallVector<Value> ssmc::axisNumbers(LowerContext &ctx, unsigned input,
                                     int64_t rank) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  auto type = cast<RankedTensorType>(ctx.input(input).getType());
  int64_t count = type.getRank() == 0 ? 1 : type.getDimSize(0);
  Value zero = indexConstant(b, loc, 0), end = indexConstant(b, loc, rank);
  SmallVector<Value> numbers;
  for (int64_t i = 0; i < count; ++i) {
    Value axis = toIndex(b, loc, extractScalar(b, loc, ctx.input(input), i));
    Value fromEnd = arith::AddIOp::create(b, loc, axis, end);
    Value isNegative =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, axis, zero);
    axis = arith::SelectOp::create(b, loc, isNegative, fromEnd, axis);
    // Without signs, a negative number is large.
    checkHolds(
        b, loc,
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, axis, end),
        "an axis is beyond the rank " + std::to_string(rank));
    numbers.push_back(axis);
  }
  return numbers;
}

SmallVector<Value> ssmc::axisFlags(LowerContext &ctx, unsigned input,
                                   int64_t rank) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  SmallVector<Value> flags;
  SmallVector<Value> numbers = axisNumbers(ctx, input, rank);
  for (int64_t d = 0; d < rank; ++d) {
    Value flag = arith::ConstantIntOp::create(b, loc, 0, 1);
    for (Value number : numbers) {
      Value here = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                         number, indexConstant(b, loc, d));
      flag = arith::OrIOp::create(b, loc, flag, here);
    }
    flags.push_back(flag);
  }
  return flags;
}

void ssmc::checkExtent(LowerContext &ctx, OpFoldResult found, unsigned result,
                       unsigned d) {
  if (OpFoldResult expected = ctx.resultDim(result, d))
    checkEqual(ctx.builder, ctx.loc(), found, expected,
               "dimension " + std::to_string(d) +
                   " of the result is not what the model says");
}

Value ssmc::choose(LowerContext &ctx, ArrayRef<Value> conditions,
                   StringRef what, function_ref<Value(unsigned)> build) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value any = conditions[0];
  for (Value condition : conditions.drop_front())
    any = arith::OrIOp::create(b, loc, any, condition);
  checkHolds(b, loc, any, what);
  RankedTensorType type = ctx.resultType(0);
  SmallVector<scf::IfOp> outer;
  Value result;
  for (auto [i, condition] : llvm::enumerate(conditions)) {
    if (i + 1 == conditions.size()) {
      result = castTo(b, loc, build(i), type);
      break;
    }
    auto branch = scf::IfOp::create(b, loc, TypeRange(type), condition,
                                    /*withElseRegion=*/true);
    outer.push_back(branch);
    b.setInsertionPointToStart(branch.thenBlock());
    Value chosen = castTo(b, loc, build(i), type);
    scf::YieldOp::create(b, loc, chosen);
    b.setInsertionPointToStart(branch.elseBlock());
  }
  for (scf::IfOp branch : llvm::reverse(outer)) {
    scf::YieldOp::create(b, loc, result);
    b.setInsertionPointAfter(branch);
    result = branch.getResult(0);
  }
  return result;
}
