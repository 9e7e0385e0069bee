//===- HopperAttention.cpp - ssm-hopper-attention -------------------------===//

#include "lib/Codegen/Gpu/HopperAttention.h"
#include "lib/Codegen/Gpu/Choice.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/HopperLaunch.h"

#include <cmath>

namespace ssmc {
#define GEN_PASS_DEF_SSMHOPPERATTENTION
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

// Dimensions of q, k, v, y from the innermost: columns, tokens, heads, batch.
static constexpr int64_t mapOrder[] = {3, 1, 2, 0};
static constexpr int64_t maxColumns = 256, maxColumnsOfWideTiles = 128;
static constexpr int64_t wideTile = 128, narrowTile = 64;
// Limits beyond this would overflow positions of 32 bits.
static constexpr int64_t maxLimit = int64_t(1) << 30;

static int64_t extent(Value buffer, int64_t dim) {
  return cast<MemRefType>(buffer.getType()).getDimSize(dim);
}
static Type elementOf(Value buffer) {
  return cast<MemRefType>(buffer.getType()).getElementType();
}
static bool isFloat(Value buffer) {
  Type type = elementOf(buffer);
  return type.isF32() || type.isF16() || type.isBF16();
}
static bool isUnitStrideOf(Value buffer) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(cast<MemRefType>(buffer.getType())
                       .getStridesAndOffset(strides, offset)) &&
         strides.back() == 1;
}

std::optional<HopperAttention> HopperAttention::get(ssm::AttentionOp op) {
  if (op.getBias() || op.getQuerySegments() || op.getKeySegments() ||
      op.getQueryPositions() || op.getKeyPositions() || op.getPrefix() ||
      op.getGlobal() != 0 || op.getNumResults() != 0)
    return std::nullopt;
  Type element = elementOf(op.getQ());
  for (Value buffer : {op.getQ(), op.getK(), op.getV(), op.getY()}) {
    int64_t columns = extent(buffer, 3);
    if (!canMap(buffer) || elementOf(buffer) != element ||
        ShapedType::isDynamic(columns) || columns < 1 || columns > maxColumns)
      return std::nullopt;
  }
  if (!elementOf(op.getLse()).isF32() || extent(op.getQ(), 1) == 1)
    return std::nullopt; // one query alone would leave the tensor cores empty
  HopperAttention shape;
  shape.element = element;
  shape.keySize = extent(op.getQ(), 3);
  shape.valueSize = extent(op.getV(), 3);
  shape.heads = extent(op.getQ(), 2);
  shape.keyHeads = extent(op.getK(), 2);
  auto limit = [](std::optional<uint64_t> given) -> std::optional<int64_t> {
    if (!given || *given > maxLimit)
      return std::nullopt;
    return *given;
  };
  shape.left = limit(op.getLeft());
  shape.right = limit(op.getRight());
  shape.scale = op.getScale() ? op.getScale()->convertToDouble()
                              : 1.0 / std::sqrt(double(shape.keySize));
  shape.softcap = op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0;
  for (auto [operand, type] : {std::pair(op.getSlopes(), &shape.slopes),
                               std::pair(op.getSinks(), &shape.sinks)}) {
    if (operand && (!isFloat(operand) || !isUnitStrideOf(operand)))
      return std::nullopt;
    *type = operand ? elementOf(operand) : Type();
  }
  shape.tileKeys =
      shape.valueSize <= maxColumnsOfWideTiles ? wideTile : narrowTile;
  if (shape.sharedBytes() > kHopperSharedBytes ||
      givenChoice(op, "tile") == narrowTile)
    shape.tileKeys = narrowTile;
  if (shape.sharedBytes() > kHopperSharedBytes)
    return std::nullopt;
  return shape;
}

static void lower(ssm::AttentionOp op, const HopperAttention &shape) {
  auto [kernel, sharedBytes] = emitHopperAttention(op, shape);
  Value mapped[] = {op.getQ(), op.getK(), op.getV(), op.getY()};
  replaceByLaunch(
      op, mapped,
      [&, kernel = kernel, bytes = sharedBytes](HopperLaunch &launch) {
        constexpr int64_t queryRows = 64;
        int64_t rows[] = {queryRows, shape.tileKeys, shape.tileKeys, queryRows};
        SmallVector<Value> args;
        for (auto [buffer, count] : llvm::zip_equal(mapped, rows))
          args.push_back(
              launch.map(buffer, mapOrder, {kBoxColumns, count, 1, 1}));
        args.push_back(launch.pointer(op.getLse()));
        for (Value optional : {op.getSlopes(), op.getSinks()})
          if (optional)
            args.push_back(launch.pointer(optional));
        Value numQueries = launch.dim(op.getQ(), 1);
        Value tiles = launch.ceilDiv(numQueries, HopperAttention::tileQueries);
        Value heads = launch.b.createOrFold<arith::MulIOp>(
            launch.dim(op.getQ(), 0), launch.index(shape.heads));
        for (Value number :
             {numQueries, launch.dim(op.getK(), 1), tiles, heads})
          args.push_back(launch.toI32(number));
        for (int64_t d = 0; d < 3; ++d)
          args.push_back(launch.toI64(launch.stride(op.getLse(), d)));
        Value blocks = launch.b.createOrFold<arith::MulIOp>(tiles, heads);
        launch.launch(kernel, blocks, 384, bytes, args);
      });
}

namespace {
struct HopperAttentionPass
    : ssmc::impl::SsmHopperAttentionBase<HopperAttentionPass> {
  void runOnOperation() override {
    SmallVector<ssm::AttentionOp> ops;
    getOperation().walk([&](ssm::AttentionOp op) { ops.push_back(op); });
    for (ssm::AttentionOp op : ops)
      if (std::optional<HopperAttention> shape = HopperAttention::get(op))
        lower(op, *shape);
  }
};
} // namespace
