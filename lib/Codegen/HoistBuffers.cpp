//===- HoistBuffers.cpp - buffers out of loops ----------------------------===//

#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"
#include "lib/Codegen/SymbolFunctions.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/SetVector.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMHOISTBUFFERS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

/// Largest buffer that goes to the stack of a thread.
static constexpr int64_t kStackBytes = 32 * 1024;

static bool isParallel(Operation *op) {
  return isa<scf::ParallelOp, scf::ForallOp>(op);
}

/// True if the buffer is handed on to the next iteration of a loop around its
/// allocation, or out of it.
static bool isCarried(memref::AllocOp alloc, Operation *entry,
                      const BufferViewFlowAnalysis::ValueSetT &aliases) {
  for (Operation *parent = alloc->getParentOp(); parent != entry;
       parent = parent->getParentOp())
    if (isa<LoopLikeOpInterface>(parent))
      for (Value alias : aliases)
        if (alias.getDefiningOp() == parent ||
            (isa<BlockArgument>(alias) &&
             alias.getParentBlock()->getParentOp() == parent))
          return true;
  return false;
}

static void moveToStack(memref::AllocOp alloc) {
  MemRefType type = alloc.getType();
  if (!type.hasStaticShape() ||
      type.getNumElements() * elementBytes(type.getElementType()) > kStackBytes)
    return;
  OpBuilder builder(alloc);
  auto stack = memref::AllocaOp::create(builder, alloc.getLoc(), type,
                                        builder.getI64IntegerAttr(kAlignment));
  alloc.replaceAllUsesWith(stack.getResult());
  alloc.erase();
}

/// Makes a buffer whose extents vary within bounds part of one that is as large
/// as it can be.
static void enlarge(memref::AllocOp alloc, OpBuilder &builder,
                    SymbolFunctions &functions, IRMapping &mapping) {
  MemRefType type = alloc.getType();
  if (!type.getLayout().isIdentity())
    return;
  SmallVector<Value> bounds;
  for (Value size : alloc.getDynamicSizes()) {
    bounds.push_back(functions.bound(builder, size, mapping));
    if (!bounds.back())
      return;
  }
  Location loc = alloc.getLoc();
  auto large = memref::AllocOp::create(builder, loc, type, bounds,
                                       alloc.getAlignmentAttr());
  builder.setInsertionPoint(alloc);
  SmallVector<OpFoldResult> sizes = alloc.getMixedSizes();
  SmallVector<int64_t> known = type.getStridesAndOffset().first;
  SmallVector<OpFoldResult> strides(sizes.size());
  for (size_t d = sizes.size(); d-- > 0;) {
    if (!ShapedType::isDynamic(known[d])) {
      strides[d] = builder.getIndexAttr(known[d]);
      continue;
    }
    auto value = [&](OpFoldResult number) {
      return getValueOrCreateConstantIndexOp(builder, loc, number);
    };
    strides[d] = builder.createOrFold<arith::MulIOp>(loc, value(strides[d + 1]),
                                                     value(sizes[d + 1]));
  }
  auto part = memref::ReinterpretCastOp::create(
      builder, loc, type, large, builder.getIndexAttr(0), sizes, strides);
  alloc.replaceAllUsesWith(part.getResult());
  alloc.erase();
}

/// Extents of collapsed buffers as products of those of the buffers that they
/// show, which may be functions of the symbols.
static void resolveCollapsed(func::FuncOp entry) {
  llvm::SetVector<memref::DimOp> worklist;
  entry.walk([&](memref::DimOp dim) { worklist.insert(dim); });
  while (!worklist.empty()) {
    memref::DimOp dim = worklist.pop_back_val();
    auto shape = dim.getSource().getDefiningOp<memref::CollapseShapeOp>();
    std::optional<int64_t> index = dim.getConstantIndex();
    if (!shape || !index || *index >= shape.getResultType().getRank())
      continue;
    OpBuilder builder(dim);
    Location loc = dim.getLoc();
    Value product = arith::ConstantIndexOp::create(builder, loc, 1);
    for (int64_t d : shape.getReassociationIndices()[*index]) {
      Value extent =
          builder.createOrFold<memref::DimOp>(loc, shape.getSrc(), d);
      if (auto inner = extent.getDefiningOp<memref::DimOp>())
        worklist.insert(inner);
      product = builder.createOrFold<arith::MulIOp>(loc, product, extent);
    }
    dim.replaceAllUsesWith(product);
    dim.erase();
  }
}

static void hoist(func::FuncOp entry) {
  resolveCollapsed(entry);
  Block *block = &entry.getBody().front();
  SmallVector<memref::AllocOp> allocs;
  entry.walk([&](memref::AllocOp alloc) {
    if (alloc->getBlock() != block)
      allocs.push_back(alloc);
  });
  if (allocs.empty())
    return;
  SymbolFunctions functions(entry.getArgument(kSymbols));
  BufferViewFlowAnalysis analysis(entry);
  SmallVector<memref::AllocOp> toStack;
  for (memref::AllocOp alloc : allocs) {
    bool inParallel = false;
    for (Operation *op = alloc->getParentOp(); op != entry;
         op = op->getParentOp())
      inParallel |= isParallel(op);
    if (isCarried(alloc, entry, analysis.resolve(alloc)))
      continue;
    if (inParallel) {
      toStack.push_back(alloc);
      continue;
    }
    Operation *ancestor = block->findAncestorOpInBlock(*alloc);
    OpBuilder builder(ancestor);
    IRMapping mapping;
    mapping.map(entry.getArgument(kSymbols), entry.getArgument(kSymbols));
    if (!llvm::all_of(alloc.getDynamicSizes(),
                      [&](Value size) { return functions.contains(size); })) {
      enlarge(alloc, builder, functions, mapping);
      continue;
    }
    for (OpOperand &size : alloc->getOpOperands())
      size.set(SymbolFunctions::clone(builder, size.get(), mapping));
    alloc->moveBefore(ancestor);
  }
  for (memref::AllocOp alloc : toStack)
    moveToStack(alloc);
}

namespace {
struct HoistBuffers : ssmc::impl::SsmHoistBuffersBase<HoistBuffers> {
  void runOnOperation() override {
    for (func::FuncOp entry : entries(getOperation()))
      hoist(entry);
  }
};
} // namespace
