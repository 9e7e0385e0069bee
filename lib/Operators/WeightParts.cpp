//===- WeightParts.cpp - parts of stored weights --------------------------===//

#include "lib/Operators/WeightParts.h"

#include "lib/Operators/IndexLowering.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace ssmc;

/// Elements `offset` .. of a constant, under `type`. Null where its bytes are
/// not at hand.
static TypedAttr constantPart(ElementsAttr value, int64_t offset,
                              RankedTensorType type) {
  int64_t count = type.getNumElements();
  unsigned bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  if (auto dense = dyn_cast<DenseElementsAttr>(value)) {
    if (dense.isSplat())
      return dense.resizeSplat(type);
    return DenseElementsAttr::getFromRawBuffer(
        type, dense.getRawData().slice(offset * bytes, count * bytes));
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(value);
  AsmResourceBlob *blob =
      resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob ||
      int64_t(blob->getData().size()) < (offset + count) * int64_t(bytes))
    return {};
  // The bytes stay with the whole, which the context keeps.
  auto part = UnmanagedAsmResourceBlob::allocateWithAlign(
      blob->getData().slice(offset * bytes, count * bytes), /*align=*/1);
  std::string key =
      resource.getRawHandle().getKey().str() + "_" + std::to_string(offset);
  return DenseResourceElementsAttr::get(type, key, std::move(part));
}

Value ssmc::weightRows(LowerContext &ctx, unsigned i, int64_t outer,
                       int64_t first, int64_t count) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  Value whole = ctx.input(i);
  auto type = cast<RankedTensorType>(whole.getType());
  SmallVector<int64_t> shape(type.getShape().drop_front());
  ElementsAttr value = ctx.constant(i);
  if (value && type.hasStaticShape()) {
    int64_t row = 1;
    for (int64_t extent : ArrayRef(shape).drop_front())
      row *= extent;
    int64_t rows = shape[0];
    shape[0] = count;
    if (TypedAttr part =
            constantPart(value, (outer * rows + first) * row,
                         RankedTensorType::get(shape, type.getElementType())))
      return arith::ConstantOp::create(b, loc, part);
  }
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)),
      sizes = tensor::getMixedSizes(b, loc, whole),
      strides(type.getRank(), b.getIndexAttr(1));
  offsets[0] = b.getIndexAttr(outer);
  offsets[1] = b.getIndexAttr(first);
  sizes[0] = b.getIndexAttr(1);
  sizes[1] = b.getIndexAttr(count);
  shape[0] = count;
  return tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(shape, type.getElementType()), whole,
      offsets, sizes, strides);
}
