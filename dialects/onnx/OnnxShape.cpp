//===- OnnxShape.cpp - tensor types with named extents --------------------===//

#include "dialects/onnx/OnnxShape.h"

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/TensorEncoding.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

std::optional<std::string> mlir::onnx::checkLimits(Type elementType,
                                                   ArrayRef<int64_t> shape) {
  if (static_cast<int64_t>(shape.size()) > kMaxRank)
    return "has " + std::to_string(shape.size()) + " dimensions; at most " +
           std::to_string(kMaxRank) + " are supported";
  int64_t bytes = elementType.isIntOrFloat()
                      ? static_cast<int64_t>(llvm::divideCeil(
                            elementType.getIntOrFloatBitWidth(), 8))
                      : 8;
  for (int64_t extent : shape) {
    if (!ShapedType::isDynamic(extent) && extent < 0)
      return "has the negative extent " + std::to_string(extent);
    if (extent <= 0) // or dynamic
      continue;
    if (llvm::MulOverflow(bytes, extent, bytes) || bytes > kMaxTensorBytes)
      return std::string("has more elements than any machine holds (2^48 "
                         "bytes)");
  }
  return std::nullopt;
}

RankedTensorType mlir::onnx::getTensorType(Type elementType,
                                           ArrayRef<AffineExpr> dims,
                                           ArrayRef<Attribute> symbols) {
  SmallVector<int64_t> shape;
  unsigned used = 0;
  for (AffineExpr dim : dims) {
    auto constant = dyn_cast<AffineConstantExpr>(dim);
    shape.push_back(constant ? constant.getValue() : ShapedType::kDynamic);
    dim.walk([&](AffineExpr part) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
        used = std::max(used, symbol.getPosition() + 1);
    });
  }
  if (!llvm::is_contained(shape, ShapedType::kDynamic))
    return RankedTensorType::get(shape, elementType);
  MLIRContext *context = elementType.getContext();
  auto names = ArrayAttr::get(context, symbols.take_front(used));
  auto map = AffineMap::get(0, used, dims, context);
  return RankedTensorType::get(
      shape, elementType,
      DimsAttr::get(context, names, AffineMapAttr::get(map)));
}

FailureOr<SmallVector<AffineExpr>> mlir::onnx::getDims(RankedTensorType type) {
  if (auto dims = dyn_cast_or_null<DimsAttr>(type.getEncoding())) {
    AffineMap map = dims.getMap().getValue();
    if (map.getNumResults() != type.getRank())
      return failure();
    return SmallVector<AffineExpr>(map.getResults());
  }
  if (!type.hasStaticShape())
    return failure();
  SmallVector<AffineExpr> dims;
  for (int64_t extent : type.getShape())
    dims.push_back(getAffineConstantExpr(extent, type.getContext()));
  return dims;
}

namespace {
struct DimsVerifier
    : VerifiableTensorEncoding::ExternalModel<DimsVerifier,
                                              mlir::onnx::DimsAttr> {
  LogicalResult
  verifyEncoding(Attribute attr, ArrayRef<int64_t> shape, Type elementType,
                 function_ref<InFlightDiagnostic()> emitError) const {
    auto dims = cast<mlir::onnx::DimsAttr>(attr);
    AffineMap map = dims.getMap().getValue();
    if (map.getNumResults() != shape.size())
      return emitError() << "#onnx.dims has " << map.getNumResults()
                         << " extents for a tensor of rank " << shape.size();
    if (map.getNumDims() != 0 ||
        map.getNumSymbols() != dims.getSymbols().size())
      return emitError() << "#onnx.dims must have one name for each symbol of "
                            "its map, and no dimensions";
    if (!llvm::all_of(dims.getSymbols(), llvm::IsaPred<StringAttr>))
      return emitError() << "the symbols of #onnx.dims must be strings";
    for (auto [expr, extent] : llvm::zip_equal(map.getResults(), shape)) {
      auto constant = dyn_cast<AffineConstantExpr>(expr);
      int64_t said = constant ? constant.getValue() : ShapedType::kDynamic;
      if (said == extent)
        continue;
      std::string text;
      llvm::raw_string_ostream(text) << expr;
      return emitError() << "#onnx.dims gives " << text
                         << " for an extent that is "
                         << (ShapedType::isDynamic(extent)
                                 ? std::string("dynamic")
                                 : std::to_string(extent));
    }
    return success();
  }
};
} // namespace

void mlir::onnx::attachDimsVerifier(MLIRContext *context) {
  DimsAttr::attachInterface<DimsVerifier>(*context);
}
