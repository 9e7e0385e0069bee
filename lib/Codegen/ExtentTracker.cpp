//===- ExtentTracker.cpp - extents by what made them ----------------------===//

#include "lib/Codegen/ExtentTracker.h"

#include "dialects/onnx/OnnxOps.h"
#include "lib/Codegen/Entry.h"
#include "lib/Codegen/StepValues.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ssmc;

OpFoldResult ExtentTracker::apply(AffineExpr expr,
                                  ArrayRef<OpFoldResult> operands) {
  return affine::makeComposedFoldedAffineApply(b, loc, expr, operands);
}

OpFoldResult ExtentTracker::product(ArrayRef<OpFoldResult> extents) {
  OpFoldResult result = b.getIndexAttr(1);
  for (OpFoldResult extent : extents)
    result = apply(b.getAffineSymbolExpr(0) * b.getAffineSymbolExpr(1),
                   {result, extent});
  return result;
}

ExtentTracker::Extents ExtentTracker::describe(StringRef field, unsigned index,
                                               Type type) {
  Extents extents;
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto signature = entry->getAttrOfType<DictionaryAttr>(kSignatureAttr);
  auto values = signature ? signature.getAs<ArrayAttr>(field) : ArrayAttr();
  auto names = signature ? signature.getAs<ArrayAttr>("symbols") : ArrayAttr();
  auto value = values && index < values.size()
                   ? dyn_cast<DictionaryAttr>(values[index])
                   : DictionaryAttr();
  auto map = value ? value.getAs<AffineMapAttr>("dims") : AffineMapAttr();
  // `ssm-lower-entries` says what is wrong with a signature.
  if (!tensor || tensor.hasStaticShape() || !map || !names ||
      map.getValue().getNumResults() != tensor.getRank() ||
      map.getValue().getNumSymbols() > names.size())
    return extents;
  SmallVector<OpFoldResult> known;
  for (Attribute name : names) {
    auto text = dyn_cast<StringAttr>(name);
    if (!text)
      return extents;
    Value &symbol = symbols[text.getValue()];
    if (!symbol) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&entry.getBody().front());
      symbol = onnx::SymbolOp::create(b, entry.getLoc(), text.getValue());
    }
    known.push_back(symbol);
  }
  for (AffineExpr expr : map.getValue().getResults())
    extents.push_back(apply(expr, known));
  return extents;
}

OpFoldResult ExtentTracker::dimOf(Value value, int64_t d) {
  Value &dim = dims[{value, d}];
  if (!dim) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfterValue(value);
    dim = tensor::DimOp::create(b, value.getLoc(), value, d);
  }
  return dim;
}

OpFoldResult ExtentTracker::extentOf(Value value, int64_t d) {
  auto type = cast<RankedTensorType>(value.getType());
  if (!type.isDynamicDim(d))
    return b.getIndexAttr(type.getDimSize(d));
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() == &entry.getBody().front() &&
        !arguments[argument.getArgNumber()].empty())
      return arguments[argument.getArgNumber()][d];
    if (auto from = stepArgument(argument.getOwner()->getParentOp(),
                                 argument.getArgNumber()))
      return extentOf(from->whole, from->dim(d));
    if (auto loop = dyn_cast<scf::ForallOp>(argument.getOwner()->getParentOp()))
      return extentOf(loop.getTiedOpOperand(argument)->get(), d);
    return dimOf(value, d);
  }
  return llvm::TypeSwitch<Operation *, OpFoldResult>(value.getDefiningOp())
      .Case([&](tensor::EmptyOp op) { return op.getMixedSizes()[d]; })
      .Case([&](tensor::CastOp op) { return extentOf(op.getSource(), d); })
      .Case([&](DestinationStyleOpInterface op) {
        return extentOf(op.getTiedOpOperand(cast<OpResult>(value))->get(), d);
      })
      .Case([&](tensor::ExtractSliceOp op) {
        llvm::SmallBitVector dropped = op.getDroppedDims();
        int64_t from = 0;
        for (int64_t left = d; dropped[from] || left-- > 0;)
          ++from;
        return op.getMixedSizes()[from];
      })
      .Case(
          [&](tensor::ExpandShapeOp op) { return op.getMixedOutputShape()[d]; })
      .Case([&](tensor::CollapseShapeOp op) {
        Extents factors;
        SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
        for (int64_t from : groups[d])
          factors.push_back(extentOf(op.getSrc(), from));
        return product(factors);
      })
      .Case([&](tensor::ConcatOp op) {
        if (d != static_cast<int64_t>(op.getDim()))
          return extentOf(op.getInputs().front(), d);
        OpFoldResult sum = b.getIndexAttr(0);
        for (Value input : op.getInputs())
          sum = apply(b.getAffineSymbolExpr(0) + b.getAffineSymbolExpr(1),
                      {sum, extentOf(input, d)});
        return sum;
      })
      .Default([&](Operation *) { return dimOf(value, d); });
}

std::optional<int64_t> ExtentTracker::difference(OpFoldResult a,
                                                 OpFoldResult c) {
  OpFoldResult result =
      apply(b.getAffineSymbolExpr(0) - b.getAffineSymbolExpr(1), {a, c});
  std::optional<int64_t> number = getConstantIntValue(result);
  // An op may have been made for it; what was there before stays.
  auto value = dyn_cast<Value>(result);
  if (value && result != a && result != c && value.use_empty() &&
      value.getDefiningOp<affine::AffineApplyOp>())
    value.getDefiningOp()->erase();
  return number;
}

void ExtentTracker::resolveDims() {
  SmallVector<tensor::DimOp> asked;
  entry.walk([&](tensor::DimOp op) { asked.push_back(op); });
  for (tensor::DimOp op : asked) {
    auto type = dyn_cast<RankedTensorType>(op.getSource().getType());
    std::optional<int64_t> d = op.getConstantIndex();
    if (!type || !d || *d < 0 || *d >= type.getRank())
      continue;
    b.setInsertionPoint(op);
    loc = op.getLoc();
    Value extent =
        getValueOrCreateConstantIndexOp(b, loc, extentOf(op.getSource(), *d));
    op.replaceAllUsesWith(extent);
    op.erase();
  }
}

void ExtentTracker::start() {
  for (auto op : entry.getBody().front().getOps<onnx::SymbolOp>())
    symbols.try_emplace(op.getName(), op.getResult());
  Block &block = entry.getBody().front();
  for (auto &symbol : symbols)
    symbol.second.getDefiningOp()->moveBefore(&block, block.begin());
  b.setInsertionPoint(&*llvm::find_if(
      block, [](Operation &op) { return !isa<onnx::SymbolOp>(op); }));
  for (auto [i, argument] : llvm::enumerate(entry.getArguments()))
    arguments.push_back(describe("inputs", i, argument.getType()));
  resolveDims();
}
