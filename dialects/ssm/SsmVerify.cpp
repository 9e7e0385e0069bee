//===- SsmVerify.cpp - what the verifiers of all ssm ops share ----------===//

#include "dialects/ssm/SsmVerify.h"

using namespace mlir;
using namespace mlir::ssm;

std::string mlir::ssm::numbered(StringRef name, size_t i) {
  return (name + "[" + Twine(i) + "]").str();
}

LogicalResult mlir::ssm::verifyOneKind(MixerOpInterface op) {
  bool tensors = isa<RankedTensorType>(op->getOperand(0).getType());
  MixerShape shape = op.getMixerShape();
  for (auto [info, value] : llvm::zip_equal(shape.operands, op->getOperands()))
    if (isa<RankedTensorType>(value.getType()) != tensors)
      return op->emitOpError("mixes tensors and buffers: '")
             << shape.operands[0].name << "' is " << op->getOperand(0).getType()
             << ", '" << info.name << "' is " << value.getType();
  return success();
}

LogicalResult mlir::ssm::verifyExtents(MixerOpInterface op) {
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

LogicalResult mlir::ssm::verifyFloats(MixerOpInterface op,
                                      std::optional<unsigned> widest) {
  MixerShape shape = op.getMixerShape();
  auto widestType = widest
                        ? dyn_cast<FloatType>(element(op->getOperand(*widest)))
                        : FloatType();
  for (auto [info, value] :
       llvm::zip_equal(shape.operands, op->getOperands())) {
    if (info.isFlag) {
      if (!element(value).isInteger(1))
        return op->emitOpError("element type of '")
               << info.name << "' must be i1, but is " << element(value);
      continue;
    }
    if (info.isIndex) {
      if (!element(value).isInteger(32) && !element(value).isInteger(64))
        return op->emitOpError("element type of '")
               << info.name << "' must be i32 or i64, but is "
               << element(value);
      continue;
    }
    auto type = dyn_cast<FloatType>(element(value));
    if (!type ||
        !(type.isF16() || type.isBF16() || type.isF32() || type.isF64()))
      return op->emitOpError("element type of '")
             << info.name << "' must be a float of 16 to 64 bits, but is "
             << element(value);
    if (widestType && type != widestType &&
        type.getWidth() >= widestType.getWidth())
      return op->emitOpError("element type of '")
             << info.name << "', " << type
             << ", must not be wider than that of '"
             << shape.operands[*widest].name << "', " << widestType;
  }
  return success();
}
