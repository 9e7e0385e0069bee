//===- ShortConvOps.cpp - shape and verifier of ssm.short_conv ----------===//

#include "dialects/ssm/SsmVerify.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape ShortConvOp::getMixerShape() {
  enum { B, L, C, W, S };
  bool reverse = getReverse();
  MixerShape shape{{"B", "L", "C", "W", "S"}, 3, L, {}};
  shape.operands = {{"x", {B, L, C}, reverse}, {"w", {C, W}}};
  if (getBias())
    shape.operands.push_back({"bias", {C}});
  if (getResets())
    shape.operands.push_back(
        {"resets", {B, L}, reverse, /*read=*/true, /*isFlag=*/true});
  shape.operands.push_back({"y", {B, L, C}, reverse, /*read=*/false});
  shape.operands.push_back({"state", {B, S, C}});
  return shape;
}

LogicalResult ShortConvOp::verify() {
  // short_conv_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // short_conv_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // short_conv_c3
  auto type = dyn_cast<FloatType>(element(getX()));
  auto weightType = dyn_cast<FloatType>(element(getW()));
  if (!type || element(getY()) != type || element(getState()) != type)
    return emitOpError("'x', 'y' and 'state' must have one element type, a "
                       "float, but have ")
           << element(getX()) << ", " << element(getY()) << " and "
           << element(getState());
  if (!weightType || (getBias() && element(getBias()) != weightType) ||
      (weightType != type && weightType.getWidth() <= type.getWidth()))
    return emitOpError("'w' and 'bias' must have one element type, that of 'x' "
                       "or a wider float, but 'w' is ")
           << shaped(getW());
  if (getResets() && !element(getResets()).isInteger(1))
    return emitOpError("element type of 'resets' must be i1, but is ")
           << element(getResets());
  // short_conv_c4
  auto dilation = static_cast<int64_t>(getDilation());
  if (dilation < 1)
    return emitOpError("dilation must be at least 1, but is ") << dilation;
  // short_conv_c5
  int64_t width = shaped(getW()).getDimSize(1);
  if (width < 1)
    return emitOpError("width W of 'w' must be static and at least 1, but 'w' "
                       "is ")
           << getW().getType();
  // short_conv_c6. In 128 bits no attribute overflows.
  int64_t tail = shaped(getState()).getDimSize(1);
  if (static_cast<__int128>(tail) !=
      static_cast<__int128>(width - 1) * static_cast<__int128>(dilation))
    return emitOpError("extent S of 'state' must be (W - 1) * dilation = (")
           << width << " - 1) * " << dilation << ", but 'state' is "
           << getState().getType();
  return success();
}
