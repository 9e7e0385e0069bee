//===- LongConvOps.cpp - shape and verifier of ssm.long_conv ------------===//

#include "dialects/ssm/SsmVerify.h"

using namespace mlir;
using namespace mlir::ssm;

/// Whether pieces of time one after the other are the whole.
static bool remembersAll(LongConvOp op) {
  if (!op.getState())
    return false;
  ShapedType kernel = shaped(op.getK());
  int64_t width = kernel.getRank() < 2 ? ShapedType::kDynamic
                                       : kernel.getShape().take_back(2)[0];
  ShapedType state = shaped(op.getState());
  int64_t past =
      state.getRank() < 2 ? ShapedType::kDynamic : state.getDimSize(1);
  return ShapedType::isStatic(width) && ShapedType::isStatic(past) &&
         past >= width - 1;
}

MixerShape LongConvOp::getMixerShape() {
  // Time is a loop, the last one, where it can be cut.
  enum { B, D, L, W, V, S };
  bool isLoop = remembersAll(*this);
  MixerShape shape{{"B", "D", "L", "W", "V", "S"}, isLoop ? 3u : 2u, {}, {}};
  if (isLoop)
    shape.time = L;
  auto add = [&](StringRef name, Value value, int64_t time) {
    MixerOperand kernel{name.str(), {time, D}};
    if (shaped(value).getRank() == 3)
      kernel.dims.insert(kernel.dims.begin(), B);
    shape.operands.push_back(kernel);
  };
  shape.operands.push_back({"x", {B, L, D}});
  add("k", getK(), W);
  if (getAhead())
    add("ahead", getAhead(), V);
  shape.operands.push_back(
      {"y", {B, L, D}, /*reversed=*/false, /*read=*/false});
  if (getState())
    shape.operands.push_back({"state", {B, S, D}});
  return shape;
}

LogicalResult LongConvOp::verify() {
  // long_conv_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // long_conv_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // long_conv_c3
  auto type = dyn_cast<FloatType>(element(getX()));
  auto kernelType = dyn_cast<FloatType>(element(getK()));
  if (!type || element(getY()) != type ||
      (getState() && element(getState()) != type)) {
    auto diag = emitOpError("'x', 'y' and 'state' must have one element type, "
                            "a float, but have ")
                << element(getX()) << ", " << element(getY());
    if (getState())
      diag << " and " << element(getState());
    return diag;
  }
  if (!kernelType || (getAhead() && element(getAhead()) != kernelType) ||
      (kernelType != type && kernelType.getWidth() <= type.getWidth()))
    return emitOpError("'k' and 'ahead' must have one element type, that of "
                       "'x' or a wider float, but 'k' is ")
           << shaped(getK());
  // long_conv_c4
  if (getState() && (getAhead() || getCircular()))
    return emitOpError("with 'state' must be causal, but ")
           << (getAhead() ? "has 'ahead'" : "is circular");
  return success();
}
