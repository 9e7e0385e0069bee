//===- RopeOps.cpp - shape and verifier of ssm.rope -----------------------===//

#include "dialects/ssm/SsmVerify.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape RopeOp::getMixerShape() {
  enum { B, L, H, P, F };
  MixerShape shape{{"B", "L", "H", "P", "F"}, 3, std::nullopt, {}};
  auto angles = [](Value value) -> SmallVector<int64_t, 4> {
    switch (shaped(value).getRank()) {
    case 2:
      return {L, F};
    case 3:
      return {B, L, F};
    default:
      return {B, L, H, F};
    }
  };
  shape.operands = {{"x", {B, L, H, P}},
                    {"cos", angles(getCos())},
                    {"sin", angles(getSin())},
                    {"y", {B, L, H, P}, /*reversed=*/false, /*read=*/false}};
  shape.bounds = {{2, F, P}}; // rope_c4
  return shape;
}

LogicalResult RopeOp::verify() {
  // rope_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // rope_c2
  if (failed(verifyExtents(*this)))
    return failure();
  if (shaped(getCos()).getRank() != shaped(getSin()).getRank())
    return emitOpError("'cos' and 'sin' must have one shape, but are ")
           << getCos().getType() << " and " << getSin().getType();
  // rope_c3
  auto type = dyn_cast<FloatType>(element(getX()));
  auto angleType = dyn_cast<FloatType>(element(getCos()));
  if (!type || element(getY()) != type)
    return emitOpError("'x' and 'y' must have one element type, a float, but "
                       "have ")
           << element(getX()) << " and " << element(getY());
  if (!angleType || element(getSin()) != angleType ||
      (angleType != type && angleType.getWidth() <= type.getWidth()))
    return emitOpError("'cos' and 'sin' must have one element type, that of "
                       "'x' or a wider float, but have ")
           << element(getCos()) << " and " << element(getSin());
  // rope_c4
  int64_t width = shaped(getX()).getDimSize(3);
  int64_t angles = shaped(getCos()).getShape().back();
  if (ShapedType::isStatic(width) && ShapedType::isStatic(angles) &&
      angles > width / 2)
    return emitOpError("rotates 2 * ")
           << angles << " elements, but 'x' has " << width;
  return success();
}
