//===- UnitLoop.cpp - a loop over time whose steps divide into units ------===//

#include "lib/Codegen/Gpu/UnitLoop.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

#include <numeric>

using namespace mlir;
using namespace ssmc;

ColumnView ColumnView::of(Value memref) {
  ColumnView view{memref};
  while (auto slice = view.buffer.getDefiningOp<memref::SubViewOp>()) {
    MemRefType source = slice.getSourceType();
    int64_t last = source.getRank() - 1;
    if (slice.getType().getRank() != source.getRank() || last < 0 ||
        !llvm::all_of(slice.getStaticStrides(),
                      [](int64_t s) { return s == 1; }))
      return view;
    if (!llvm::all_of(slice.getStaticOffsets().drop_back(),
                      [](int64_t offset) { return offset == 0; }))
      return view;
    if (ShapedType::isDynamic(slice.getStaticOffset(last)))
      return view;
    view.column += slice.getStaticOffset(last);
    view.buffer = slice.getSource();
  }
  return view;
}

bool UnitStep::isTransposed() const {
  linalg::LinalgOp product = op;
  AffineMap map = product.getIndexingMapsArray()[1];
  return cast<AffineDimExpr>(map.getResult(1)).getPosition() == 2;
}

int64_t UnitStep::depth() const {
  return cast<MemRefType>(state().getType()).getDimSize(1);
}

/// out[r, n] += state[r, k] * weight[k, n], or weight[n, k].
static bool isStateProduct(linalg::LinalgOp op) {
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (!generic || !MatrixProduct::get(generic) || op.getNumLoops() != 3)
    return false;
  Builder b(op.getContext());
  AffineExpr r = b.getAffineDimExpr(0), n = b.getAffineDimExpr(1),
             k = b.getAffineDimExpr(2);
  auto is = [&](unsigned i, AffineExpr x, AffineExpr y) {
    return op.getIndexingMapsArray()[i] ==
           AffineMap::get(3, 0, {x, y}, b.getContext());
  };
  auto state = cast<MemRefType>(op.getDpsInputs()[0].getType());
  return is(0, r, k) && (is(1, k, n) || is(1, n, k)) && is(2, r, n) &&
         !state.isDynamicDim(1);
}

static bool isElementwise(linalg::LinalgOp op) {
  if (op.getNumLoops() != 2 || op.getNumParallelLoops() != 2 ||
      op.hasIndexSemantics() || !op.getIndexingMapsArray().back().isIdentity())
    return false;
  for (OpOperand *input : op.getDpsInputOperands())
    if (!op.getMatchingIndexingMap(input).isProjectedPermutation(
            /*allowZeroInResults=*/true))
      return false;
  return llvm::all_of(op.getBlock()->without_terminator(), [](Operation &op) {
    return isMemoryEffectFree(&op) && op.getNumRegions() == 0;
  });
}

bool UnitLoop::add(linalg::LinalgOp op) {
  if (!op.hasPureBufferSemantics() || op.getNumDpsInits() != 1)
    return false;
  auto type = cast<MemRefType>(op.getDpsInits()[0].getType());
  if (type.getRank() != 2 || type.isDynamicDim(1) ||
      !(op.getNumReductionLoops() ? isStateProduct(op) : isElementwise(op)))
    return false;
  UnitStep &step = steps.emplace_back();
  step.op = op;
  step.isProduct = op.getNumReductionLoops() != 0;
  written.insert(ColumnView::of(step.out()).buffer);
  return true;
}

bool UnitLoop::findUnits() {
  auto width = [](const UnitStep &step) {
    return cast<MemRefType>(step.out().getType()).getDimSize(1);
  };
  for (const UnitStep &step : steps)
    units = std::gcd(units, width(step));
  for (UnitStep &step : steps)
    step.gates = units ? width(step) / units : 0;
  return units > 0;
}

/// A product of what was written in its phase begins the next one.
bool UnitLoop::findPhases() {
  llvm::SmallDenseSet<Value> fresh;
  for (UnitStep &step : steps) {
    if (step.isProduct) {
      if (fresh.contains(step.state())) {
        ++phases;
        fresh.clear();
      }
      if (written.contains(step.state()) &&
          !llvm::is_contained(exchanged, step.state()))
        exchanged.push_back(step.state());
    }
    step.phase = phases - 1;
    fresh.insert(ColumnView::of(step.out()).buffer);
  }
  return !exchanged.empty();
}

/// What a view shows something of.
static Value rootOf(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

/// Whether no other pointer of the function reaches the memory.
static bool isUnaliased(Value root) {
  if (root.getDefiningOp<memref::AllocOp>())
    return true;
  auto cast = root.getDefiningOp<UnrealizedConversionCastOp>();
  Value whole =
      cast && cast.getNumOperands() == 1 ? cast.getOperand(0) : Value();
  while (auto insert = whole ? whole.getDefiningOp<LLVM::InsertValueOp>()
                             : LLVM::InsertValueOp()) {
    auto pointer = dyn_cast<BlockArgument>(insert.getValue());
    if (pointer && isa<LLVM::LLVMPointerType>(pointer.getType())) {
      auto func = dyn_cast<func::FuncOp>(pointer.getOwner()->getParentOp());
      return func && func.getArgAttr(pointer.getArgNumber(),
                                     LLVM::LLVMDialect::getNoAliasAttrName());
    }
    whole = insert.getContainer();
  }
  return false;
}

/// What is written is seen through one buffer alone, and through no other.
bool UnitLoop::checkWrites() const {
  llvm::SmallDenseMap<Value, Value> seen; // buffers by their roots
  for (Value buffer : written)
    if (!isUnaliased(rootOf(buffer)) ||
        !seen.try_emplace(rootOf(buffer), buffer).second)
      return false;
  for (const UnitStep &step : steps)
    for (Value operand : step.op->getOperands()) {
      if (!isa<MemRefType>(operand.getType()))
        continue;
      Value buffer = seen.lookup(rootOf(operand));
      if (buffer && buffer != ColumnView::of(operand).buffer)
        return false;
    }
  return true;
}

/// A unit's columns, and whole gates of them.
bool UnitLoop::checkReads(const UnitStep &step) const {
  if (ColumnView::of(step.out()).column % units != 0)
    return false;
  if (step.isProduct)
    return !written.contains(ColumnView::of(step.weight()).buffer) &&
           (!written.contains(ColumnView::of(step.state()).buffer) ||
            llvm::is_contained(exchanged, step.state()));
  linalg::LinalgOp op = step.op;
  for (OpOperand *input : op.getDpsInputOperands()) {
    ColumnView view = ColumnView::of(input->get());
    if (!written.contains(view.buffer))
      continue;
    if (!op.getMatchingIndexingMap(input).isIdentity() ||
        view.column % units != 0)
      return false;
  }
  return true;
}

/// One step writes all of it, and it is there before the loop.
bool UnitLoop::checkExchanged(Value buffer) const {
  auto type = cast<MemRefType>(buffer.getType());
  int64_t writers = 0;
  for (const UnitStep &step : steps)
    if (ColumnView::of(step.out()).buffer == buffer)
      writers += step.out() == buffer && !step.isProduct ? 1 : 2;
  scf::ForOp outer = loop;
  return writers == 1 && outer.isDefinedOutsideOfLoop(buffer) &&
         type.getDimSize(1) % units == 0;
}

static std::optional<OpFoldResult> rowsOf(scf::ForOp loop, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  OpBuilder b(loop);
  if (!type.isDynamicDim(0))
    return OpFoldResult(b.getIndexAttr(type.getDimSize(0)));
  if (loop.isDefinedOutsideOfLoop(memref))
    return b.createOrFold<memref::DimOp>(loop.getLoc(), memref, 0);
  auto slice = memref.getDefiningOp<memref::SubViewOp>();
  if (!slice)
    return std::nullopt;
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (auto [d, size] : llvm::enumerate(slice.getMixedSizes())) {
    if (dropped[d])
      continue;
    auto value = dyn_cast<Value>(size);
    if (value && !loop.isDefinedOutsideOfLoop(value))
      return std::nullopt;
    return size;
  }
  return std::nullopt;
}

bool UnitLoop::findRows() {
  for (const UnitStep &step : steps) {
    std::optional<OpFoldResult> count = rowsOf(loop, step.out());
    if (!count)
      return false;
    if (!llvm::is_contained(rows, *count))
      rows.push_back(*count);
  }
  return true;
}

std::optional<UnitLoop> UnitLoop::get(scf::ForOp loop) {
  if (loop.getNumResults() != 0)
    return std::nullopt;
  UnitLoop found;
  found.loop = loop;
  for (Operation &op : loop.getBody()->without_terminator()) {
    if (auto step = dyn_cast<linalg::LinalgOp>(op)) {
      if (!found.add(step))
        return std::nullopt;
    } else if (!isMemoryEffectFree(&op) || op.getNumRegions() != 0) {
      return std::nullopt;
    }
  }
  if (!found.findUnits() || !found.findPhases() || !found.checkWrites() ||
      !llvm::all_of(found.steps,
                    [&](auto &s) { return found.checkReads(s); }) ||
      !llvm::all_of(found.exchanged,
                    [&](Value v) { return found.checkExchanged(v); }) ||
      !found.findRows())
    return std::nullopt;
  return found;
}
