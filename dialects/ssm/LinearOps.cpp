//===- LinearOps.cpp - shape and verifier of ssm.linear -----------------===//

#include "dialects/ssm/SsmVerify.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape LinearOp::getMixerShape() {
  enum { M, K, P, R, N };
  MixerShape shape{{"M", "K", "P", "R", "N"}, 1, std::nullopt, {}};
  shape.operands = {{"x", {M, K}}, {"w", {P, K, R}}};
  for (auto [i, extra] : llvm::enumerate(getExtras())) {
    bool isVector = cast<ShapedType>(extra.getType()).getRank() == 1;
    MixerOperand operand{numbered("extras", i), {M, N}};
    if (isVector)
      operand.dims = {N};
    shape.operands.push_back(operand);
  }
  shape.operands.push_back({"out", {M, N}, false, /*read=*/false});
  return shape;
}

LogicalResult LinearOp::verify() {
  // linear_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // linear_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // linear_c3
  int64_t panels = shaped(getW()).getDimSize(0);
  int64_t lanes = shaped(getW()).getDimSize(2);
  int64_t columns = shaped(getOut()).getDimSize(1);
  if (lanes < 1)
    return emitOpError("panel width R of 'w' must be static and at least 1, "
                       "but 'w' is ")
           << getW().getType();
  int64_t needed = llvm::divideCeilSigned(columns, lanes);
  if (!ShapedType::isDynamic(panels) && !ShapedType::isDynamic(columns) &&
      panels != needed)
    return emitOpError("'w' has ")
           << panels << " panels of " << lanes
           << " columns, but N = " << columns << " columns need " << needed;
  // linear_c4
  Block &body = getEpilogue().front();
  if (body.getNumArguments() != getExtras().size() + 1)
    return emitOpError("region must have an argument for the sum and for each "
                       "of the ")
           << getExtras().size() << " extra operands, but has "
           << body.getNumArguments();
  auto sumType = dyn_cast<FloatType>(body.getArgument(0).getType());
  if (!sumType)
    return emitOpError("region argument 0, the sum, must be a float, but is ")
           << body.getArgument(0).getType();
  for (auto [i, extra] : llvm::enumerate(getExtras()))
    if (body.getArgument(i + 1).getType() != element(extra))
      return emitOpError("region argument ")
             << i + 1 << " must be " << element(extra)
             << ", the element type of 'extras[" << i << "]', but is "
             << body.getArgument(i + 1).getType();
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || yield->getOperandTypes() != TypeRange(element(getOut())))
    return emitOpError("region must end in an ssm.yield of one ")
           << element(getOut()) << ", the element type of 'out'";
  // linear_c5
  for (auto [name, value] :
       {std::pair<StringRef, Value>("x", getX()), {"w", getW()}}) {
    auto type = dyn_cast<FloatType>(element(value));
    if (!type || (type != sumType && type.getWidth() >= sumType.getWidth()))
      return emitOpError("element type of '")
             << name << "' must be a float no wider than the sum, " << sumType
             << ", but is " << element(value);
  }
  return success();
}
