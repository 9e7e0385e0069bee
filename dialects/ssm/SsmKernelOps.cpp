//===- SsmKernelOps.cpp - shape and verifier of ssm.ssm_kernel ----------===//

#include "dialects/ssm/SsmVerify.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape SsmKernelOp::getMixerShape() {
  // Time is no loop: a tile of it would not begin at lag 0.
  enum { D, L, N };
  MixerShape shape{{"D", "L", "N"}, /*numLoops=*/1, /*time=*/std::nullopt, {}};
  shape.operands = {{"a", {D, N}},
                    {"c", {D, N}},
                    {"k", {L, D}, /*reversed=*/false, /*read=*/false}};
  return shape;
}

LogicalResult SsmKernelOp::verify() {
  // ssm_kernel_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // ssm_kernel_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // ssm_kernel_c3
  Type type = element(getA()), part = type;
  if (auto complexType = dyn_cast<ComplexType>(type))
    part = complexType.getElementType();
  if (element(getC()) != type || !(part.isF32() || part.isF64()))
    return emitOpError("'a' and 'c' must have one element type, f32, f64 or a "
                       "complex number of these, but have ")
           << type << " and " << element(getC());
  auto kType = dyn_cast<FloatType>(element(getK()));
  if (!kType ||
      (kType != part && kType.getWidth() >= part.getIntOrFloatBitWidth()))
    return emitOpError("element type of 'k' must be ")
           << part << " or a narrower float, but is " << element(getK());
  return success();
}
