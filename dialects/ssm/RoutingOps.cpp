//===- RoutingOps.cpp - shapes and verifiers of the routing ops -----------===//
//
// Which row a token goes to or comes from depends on all tokens before it, and
// the rows are not in the op's time: time is a loop of ssm.route alone.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmVerify.h"

using namespace mlir;
using namespace mlir::ssm;

static MixerOperand output(StringRef name, SmallVector<int64_t, 4> dims) {
  return {name.str(), dims, /*reversed=*/false, /*read=*/false};
}
static MixerOperand flag(StringRef name, SmallVector<int64_t, 4> dims) {
  return {name.str(), dims, /*reversed=*/false, /*read=*/true, /*isFlag=*/true};
}

MixerShape RouteOp::getMixerShape() {
  enum { B, L, D };
  MixerShape shape{{"B", "L", "D"}, 2, L, {}};
  shape.operands = {{"q", {B, L, D}}, {"k", {B, L, D}}};
  if (getResets())
    shape.operands.push_back(flag("resets", {B, L}));
  shape.operands.push_back(output("p", {B, L}));
  shape.operands.push_back({"last", {B, D}});
  shape.operands.push_back(flag("seen", {B}));
  return shape;
}

LogicalResult RouteOp::verify() {
  // route_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // route_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // route_c3
  return verifyFloats(*this, getLastMutable().getOperandNumber());
}

/// Two operands have one element type.
static LogicalResult verifyOneFloat(MixerOpInterface op, unsigned i,
                                    unsigned j) {
  Type a = element(op->getOperand(i)), b = element(op->getOperand(j));
  if (a == b)
    return success();
  MixerShape shape = op.getMixerShape();
  return op->emitOpError("'")
         << shape.operands[i].name << "' and '" << shape.operands[j].name
         << "' must have one element type, but have " << a << " and " << b;
}

MixerShape CompactOp::getMixerShape() {
  enum { B, L, C, D };
  MixerShape shape{{"B", "L", "C", "D"}, 1, std::nullopt, {}};
  MixerOperand count = output("count", {B});
  count.isIndex = true;
  shape.operands = {
      {"x", {B, L, D}}, flag("mask", {B, L}), output("z", {B, C, D}), count};
  return shape;
}

LogicalResult CompactOp::verify() {
  // compact_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // compact_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // compact_c3
  if (failed(verifyFloats(*this, getZMutable().getOperandNumber())))
    return failure();
  return verifyOneFloat(*this, getXMutable().getOperandNumber(),
                        getZMutable().getOperandNumber());
}

MixerShape ExpandOp::getMixerShape() {
  enum { B, D, L, C };
  MixerShape shape{{"B", "D", "L", "C"}, 2, std::nullopt, {}};
  shape.operands = {{"z", {B, C, D}},
                    flag("mask", {B, L}),
                    output("x", {B, L, D}),
                    {"last", {B, D}}};
  return shape;
}

LogicalResult ExpandOp::verify() {
  // expand_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // expand_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // expand_c3
  unsigned last = getLastMutable().getOperandNumber();
  if (failed(verifyFloats(*this, last)))
    return failure();
  for (OpOperand *other : {&getZMutable(), &getXMutable()})
    if (failed(verifyOneFloat(*this, other->getOperandNumber(), last)))
      return failure();
  return success();
}
