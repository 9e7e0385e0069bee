//===- SsmVerify.cpp - verifiers of the ssm ops ---------------------------===//
//
// A label like scan_c2 names the constraint of the op's description that the
// line below it enforces; test/dialects/ssm/invalid.mlir has a case for each.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"

using namespace mlir;
using namespace mlir::ssm;

static ShapedType shaped(Value value) {
  return cast<ShapedType>(value.getType());
}
static Type element(Value value) { return shaped(value).getElementType(); }

static LogicalResult verifyOneKind(MixerOpInterface op) {
  bool tensors = isa<RankedTensorType>(op->getOperand(0).getType());
  MixerShape shape = op.getMixerShape();
  for (auto [info, value] : llvm::zip_equal(shape.operands, op->getOperands()))
    if (isa<RankedTensorType>(value.getType()) != tensors)
      return op->emitOpError("mixes tensors and buffers: '")
             << shape.operands[0].name << "' is " << op->getOperand(0).getType()
             << ", '" << info.name << "' is " << value.getType();
  return success();
}

static LogicalResult verifyExtents(MixerOpInterface op) {
  MixerShape shape = op.getMixerShape();
  struct Known {
    int64_t extent = ShapedType::kDynamic;
    StringRef name;
  };
  SmallVector<Known> known(shape.extents.size());
  for (auto [info, value] :
       llvm::zip_equal(shape.operands, op->getOperands())) {
    ShapedType type = shaped(value);
    if (type.getRank() != static_cast<int64_t>(info.dims.size())) {
      auto diag = op->emitOpError("'") << info.name << "' must have the shape ";
      llvm::interleave(
          info.dims, [&](int64_t d) { diag << shape.extents[d]; },
          [&] { diag << " x "; });
      return diag << ", but is " << type;
    }
    for (auto [dim, extent] : llvm::enumerate(info.dims)) {
      if (extent == MixerOperand::anyExtent || type.isDynamicDim(dim))
        continue;
      Known &k = known[extent];
      if (k.name.empty())
        k = {type.getDimSize(dim), info.name};
      else if (k.extent != type.getDimSize(dim))
        return op->emitOpError("extent ")
               << shape.extents[extent] << " is " << k.extent << " in '"
               << k.name << "' but " << type.getDimSize(dim) << " in '"
               << info.name << "'";
    }
  }
  return success();
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

LogicalResult SelectiveScanOp::verify() {
  // selective_scan_c1
  if (failed(verifyOneKind(*this)))
    return failure();
  // selective_scan_c2
  if (failed(verifyExtents(*this)))
    return failure();
  // selective_scan_c3
  auto stateType = dyn_cast<FloatType>(element(getState()));
  MixerShape shape = getMixerShape();
  for (auto [info, value] : llvm::zip_equal(shape.operands, getOperands())) {
    auto type = dyn_cast<FloatType>(element(value));
    if (!type)
      return emitOpError("element type of '")
             << info.name << "' must be a float, but is " << element(value);
    if (stateType && type != stateType &&
        type.getWidth() >= stateType.getWidth())
      return emitOpError("element type of '")
             << info.name << "', " << type
             << ", must not be wider than that of 'state', " << stateType;
  }
  return success();
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

LogicalResult RecurrenceOp::verify() {
  unsigned numXs = getXs().size(), numTimed = numXs + getYs().size();
  // recurrence_c1
  if (numTimed == 0)
    return emitOpError("needs a sequence or an output, which say how many "
                       "steps there are");
  // recurrence_c2
  if (getAxes().size() != numTimed)
    return emitOpError("axes must have one entry for each of ")
           << numTimed << " sequences and outputs, but has "
           << getAxes().size();
  for (auto [i, axis] : llvm::enumerate(getAxes())) {
    int64_t rank = shaped(getOperand(i)).getRank();
    if (axis < 0 || axis >= rank)
      return emitOpError("axis ")
             << axis << " is out of range for '" << (i < numXs ? "xs[" : "ys[")
             << (i < numXs ? i : i - numXs) << "]' of rank " << rank;
  }
  // recurrence_c3
  if (getReverse() && getReverse()->size() != numTimed)
    return emitOpError("reverse must have one entry for each of ")
           << numTimed << " sequences and outputs, but has "
           << getReverse()->size();
  // recurrence_c4
  return verifyExtents(*this);
}

/// Whether `type` is a tensor of this shape and element type where both know.
static bool isCompatible(Type type, RankedTensorType expected) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType() == expected.getElementType() &&
         succeeded(verifyCompatibleShape(tensor, expected));
}

RankedTensorType RecurrenceOp::getSliceType(unsigned i) {
  auto type = cast<RankedTensorType>(getOperand(i).getType());
  if (i >= getAxes().size())
    return type;
  return RankedTensorType::Builder(type).dropDim(getAxes()[i]);
}

LogicalResult RecurrenceOp::verifyRegions() {
  Block &body = getStep().front();
  unsigned numXs = getXs().size(), numYs = getYs().size();
  unsigned numStates = getStates().size();
  // recurrence_c5
  if (body.getNumArguments() != numXs + numStates)
    return emitOpError("region must have an argument for each of ")
           << numXs << " sequences and " << numStates << " states, but has "
           << body.getNumArguments();
  for (BlockArgument arg : body.getArguments()) {
    unsigned i = arg.getArgNumber();
    RankedTensorType type = getSliceType(i < numXs ? i : i + numYs);
    if (!isCompatible(arg.getType(), type))
      return emitOpError("region argument ")
             << i << " must be " << type << ", but is " << arg.getType();
  }
  // recurrence_c6
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (!yield || yield.getNumOperands() != numStates + numYs)
    return emitOpError("region must end in an ssm.yield of ")
           << numStates << " states and " << numYs << " outputs";
  for (auto [i, value] : llvm::enumerate(yield.getValues())) {
    unsigned operand =
        i < numStates ? numXs + numYs + i : numXs + i - numStates;
    RankedTensorType type = getSliceType(operand);
    if (!isCompatible(value.getType(), type))
      return emitOpError("value ") << i << " of ssm.yield must be " << type
                                   << ", but is " << value.getType();
  }
  return success();
}
