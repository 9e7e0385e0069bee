//===- ScanOps.cpp - shapes and verifiers of the two scans --------------===//

#include "dialects/ssm/SsmVerify.h"

using namespace mlir;
using namespace mlir::ssm;

MixerShape ScanOp::getMixerShape() {
  MixerShape shape;
  int64_t rank = cast<ShapedType>(getH().getType()).getRank();
  auto time = static_cast<int64_t>(getDimension());
  MixerOperand state{"state", {}};
  MixerOperand sequence{"h", {}, getReverse()};
  for (int64_t i = 0; i < rank; ++i) {
    shape.extents.push_back(i == time ? "L" : "D" + std::to_string(i));
    sequence.dims.push_back(i);
    if (i != time)
      state.dims.push_back(i);
  }
  shape.numLoops = rank;
  shape.time = time;
  for (const char *name : {"a", "b", "h"}) {
    sequence.name = name;
    sequence.read = sequence.name != "h";
    shape.operands.push_back(sequence);
  }
  shape.operands.push_back(state);
  return shape;
}

LogicalResult ScanOp::verify() {
  // scan_c1
  if (isa<RankedTensorType>(getA().getType()) !=
      isa<RankedTensorType>(getH().getType()))
    return emitOpError("mixes tensors and buffers: 'a' is ")
           << getA().getType() << ", 'h' is " << getH().getType();
  // scan_c2
  int64_t rank = shaped(getH()).getRank();
  auto time = static_cast<int64_t>(getDimension());
  if (time < 0 || time >= rank)
    return emitOpError("dimension ")
           << time << " is out of range for 'h' of rank " << rank;
  // scan_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // scan_c3
  if (failed(verifyExtents(*this)))
    return failure();
  // scan_c4
  Type type = element(getH());
  if (!isa<FloatType, ComplexType>(type) && !type.isSignlessInteger())
    return emitOpError("element type of 'h' must be float, complex or a "
                       "signless integer, but is ")
           << type;
  if (element(getA()) != type || element(getB()) != type)
    return emitOpError("'a', 'b' and 'h' must have one element type, but have ")
           << element(getA()) << ", " << element(getB()) << " and " << type;
  // scan_c5
  Type stateType = element(getState());
  auto narrow = dyn_cast<FloatType>(type),
       wide = dyn_cast<FloatType>(stateType);
  if (stateType != type &&
      !(narrow && wide && wide.getWidth() > narrow.getWidth()))
    return emitOpError("element type of 'state' must be that of 'h' or a wider "
                       "float, but is ")
           << stateType << " beside " << type;
  return success();
}

MixerShape SelectiveScanOp::getMixerShape() {
  enum { B, L, D, N };
  bool reverse = getReverse();
  MixerShape shape{{"B", "L", "D", "N"}, 3, L, {}};
  shape.operands = {{"u", {B, L, D}, reverse},
                    {"delta", {B, L, D}, reverse},
                    {"A", {D, N}},
                    {"B", {B, L, N}, reverse},
                    {"C", {B, L, N}, reverse}};
  if (getD())
    shape.operands.push_back({"D", {D}});
  if (getZ())
    shape.operands.push_back({"z", {B, L, D}, reverse});
  if (getResets())
    shape.operands.push_back(
        {"resets", {B, L}, reverse, /*read=*/true, /*isFlag=*/true});
  shape.operands.push_back({"y", {B, L, D}, reverse, /*read=*/false});
  shape.operands.push_back({"state", {B, D, N}});
  return shape;
}

LogicalResult SelectiveScanOp::verify() {
  // selective_scan_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // selective_scan_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // selective_scan_c3
  return verifyFloats(*this, getStateMutable().getOperandNumber());
}
