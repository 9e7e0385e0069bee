//===- Signature.cpp - what the inputs and outputs of an entry are --------===//

#include "dialects/onnx/OnnxElementType.h"
#include "dialects/onnx/OnnxLocation.h"
#include "lib/Conversion/OnnxToLinalg/GraphLowering.h"

using namespace mlir;
using namespace ssmc;

DictionaryAttr ssmc::buildSignature(func::FuncOp graph,
                                    ModuleSymbols &symbols) {
  Builder b(graph.getContext());
  SmallVector<AffineExpr> renumbered(symbols.size());
  SmallVector<Attribute> names;
  auto extentsOf = [&](Value value) -> FailureOr<SmallVector<AffineExpr>> {
    if (auto type = dyn_cast<RankedTensorType>(value.getType()))
      return typeExtents(type);
    return failure();
  };
  // The symbols of the inputs, in the order in which they come.
  for (BlockArgument argument : graph.getArguments()) {
    auto extents = extentsOf(argument);
    if (failed(extents)) {
      onnx::emitModelError(graph.getLoc())
          << "input " << argument.getArgNumber() << " has no known shape";
      return {};
    }
    for (AffineExpr extent : *extents)
      extent.walk([&](AffineExpr part) {
        auto symbol = dyn_cast<AffineSymbolExpr>(part);
        if (!symbol || renumbered[symbol.getPosition()])
          return;
        renumbered[symbol.getPosition()] = b.getAffineSymbolExpr(names.size());
        names.push_back(b.getStringAttr(symbols.name(symbol.getPosition())));
      });
  }
  auto describe = [&](Value value, Attribute name, StringRef kind,
                      unsigned index) -> Attribute {
    auto extents = extentsOf(value);
    if (!isa_and_nonnull<StringAttr>(name))
      name = b.getStringAttr(kind + Twine(index));
    int64_t dtype = elementTypeToOnnx(getElementTypeOrSelf(value.getType()));
    if (failed(extents) || dtype == 0) {
      onnx::emitModelError(graph.getLoc())
          << kind << " " << name << " has no known type";
      return {};
    }
    SmallVector<AffineExpr> dims;
    for (auto [d, extent] : llvm::enumerate(*extents)) {
      bool known = true;
      extent.walk([&](AffineExpr part) {
        if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
          known &= static_cast<bool>(renumbered[symbol.getPosition()]);
      });
      if (!known) {
        onnx::emitModelError(value.getLoc())
            << "dimension " << d << " of " << kind << " " << name
            << " does not follow from the shapes of the inputs";
        return {};
      }
      dims.push_back(extent.replaceDimsAndSymbols({}, renumbered));
    }
    auto map = AffineMap::get(0, names.size(), dims, b.getContext());
    return b.getDictionaryAttr(
        {b.getNamedAttr("dims", AffineMapAttr::get(map)),
         b.getNamedAttr("dtype", b.getI64IntegerAttr(dtype)),
         b.getNamedAttr("name", name)});
  };
  SmallVector<Attribute> inputs, outputs;
  for (auto [i, argument] : llvm::enumerate(graph.getArguments()))
    inputs.push_back(
        describe(argument, graph.getArgAttr(i, onnx::kNameAttr), "input", i));
  Operation *terminator = graph.getBody().front().getTerminator();
  for (auto [i, value] : llvm::enumerate(terminator->getOperands()))
    outputs.push_back(
        describe(value, graph.getResultAttr(i, onnx::kNameAttr), "output", i));
  if (llvm::is_contained(inputs, Attribute()) ||
      llvm::is_contained(outputs, Attribute()))
    return {};
  return b.getDictionaryAttr(
      {b.getNamedAttr("inputs", b.getArrayAttr(inputs)),
       b.getNamedAttr("outputs", b.getArrayAttr(outputs)),
       b.getNamedAttr("symbols", b.getArrayAttr(names))});
}
