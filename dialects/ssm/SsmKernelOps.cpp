//===- SsmKernelOps.cpp - shape and verifier of ssm.ssm_kernel ----------===//

#include "dialects/ssm/SsmVerify.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape SsmKernelOp::getMixerShape() {
  // Time is no loop: a tile of it would not begin at lag 0.
  enum { D, L, N, P };
  MixerShape shape{
      {"D", "L", "N", "P"}, /*numLoops=*/1, /*time=*/std::nullopt, {}};
  bool isComplex = shaped(getA()).getRank() == 3;
  for (StringRef name : {"a", "c"}) {
    MixerOperand parameter{name.str(), {D, N}};
    if (isComplex)
      parameter.dims.insert(parameter.dims.begin(), P);
    shape.operands.push_back(parameter);
  }
  shape.operands.push_back({"k", {L, D}, /*reversed=*/false, /*read=*/false});
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
  Type type = element(getA());
  if (element(getC()) != type || !(type.isF32() || type.isF64()))
    return emitOpError("'a' and 'c' must have one element type, f32 or f64, "
                       "but have ")
           << type << " and " << element(getC());
  auto kType = dyn_cast<FloatType>(element(getK()));
  if (!kType ||
      (kType != type && kType.getWidth() >= type.getIntOrFloatBitWidth()))
    return emitOpError("element type of 'k' must be ")
           << type << " or a narrower float, but is " << element(getK());
  // ssm_kernel_c4
  if (shaped(getA()).getRank() == 3 && shaped(getA()).getDimSize(0) != 2)
    return emitOpError("complex 'a' and 'c' must have two parts, 2 x D x N, "
                       "but 'a' is ")
           << shaped(getA());
  return success();
}
