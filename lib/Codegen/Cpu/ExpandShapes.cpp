//===- ExpandShapes.cpp - ssm-expand-shapes -------------------------------===//
//
// `memref.expand_shape` carries its sizes, but upstream's expansion of strided
// metadata derives them from the source and takes for granted that a group has
// one dynamic extent. Rows that become batch x length have two.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Cpu/CpuPasses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMEXPANDSHAPES
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;

static void expand(memref::ExpandShapeOp op) {
  MemRefType type = op.getResultType();
  SmallVector<int64_t> known;
  int64_t knownOffset;
  if (failed(type.getStridesAndOffset(known, knownOffset)))
    return;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto source = memref::ExtractStridedMetadataOp::create(b, op.getSrc());
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  // A scalar has no groups; what it becomes has extents of one.
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices())) {
    Value stride = source.getStrides()[dim];
    for (int64_t d : llvm::reverse(group)) {
      strides[d] = ShapedType::isDynamic(known[d])
                       ? OpFoldResult(stride)
                       : OpFoldResult(b.getIndexAttr(known[d]));
      Value size = getValueOrCreateConstantIndexOp(b, op.getLoc(), sizes[d]);
      stride = b.createOrFold<arith::MulIOp>(stride, size);
    }
  }
  OpFoldResult offset = b.getIndexAttr(knownOffset);
  if (ShapedType::isDynamic(knownOffset))
    offset = source.getOffset();
  Value view = memref::ReinterpretCastOp::create(
      b, type, source.getBaseBuffer(), offset, sizes, strides);
  op.replaceAllUsesWith(view);
  op.erase();
}

namespace {
struct ExpandShapes : ssmc::impl::SsmExpandShapesBase<ExpandShapes> {
  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> ops;
    getOperation()->walk([&](memref::ExpandShapeOp op) { ops.push_back(op); });
    llvm::for_each(ops, expand);
  }
};
} // namespace
