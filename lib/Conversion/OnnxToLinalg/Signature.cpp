//===- Signature.cpp - what the inputs and outputs of an entry are --------===//

#include "dialects/onnx/OnnxElementType.h"
#include "dialects/onnx/OnnxLocation.h"
#include "lib/Conversion/OnnxToLinalg/GraphLowering.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace ssmc;

static FailureOr<SmallVector<AffineExpr>> extentsOf(Value value) {
  if (auto type = dyn_cast<RankedTensorType>(value.getType()))
    return typeExtents(type);
  return failure();
}

/// The symbols of the inputs, in the order in which they come.
static llvm::SetVector<unsigned> inputSymbols(func::FuncOp graph) {
  llvm::SetVector<unsigned> symbols;
  for (BlockArgument argument : graph.getArguments())
    if (auto extents = extentsOf(argument); succeeded(extents))
      for (AffineExpr extent : *extents)
        extent.walk([&](AffineExpr part) {
          if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
            symbols.insert(symbol.getPosition());
        });
  return symbols;
}

FailureOr<SmallVector<SmallVector<AffineExpr>>>
ssmc::resultExtents(func::FuncOp graph, ModuleSymbols &symbols) {
  llvm::SetVector<unsigned> known = inputSymbols(graph);
  auto follows = [&](AffineExpr extent) {
    bool all = true;
    extent.walk([&](AffineExpr part) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
        all &= known.contains(symbol.getPosition());
    });
    return all;
  };
  SmallVector<SmallVector<AffineExpr>> results;
  bool complete = true;
  Operation *terminator = graph.getBody().front().getTerminator();
  for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
    auto extents = extentsOf(value);
    results.push_back(succeeded(extents) ? *extents
                                         : SmallVector<AffineExpr>());
    std::optional<ValueShape> declared;
    if (auto type = graph.getResultAttrOfType<TypeAttr>(i, onnx::kDeclaredAttr))
      declared = symbols.shapeOf(type.getValue(), "declared");
    bool fits = declared && declared->dims.size() == results.back().size();
    for (auto [d, extent] : llvm::enumerate(results.back())) {
      if (follows(extent))
        continue;
      if (fits && follows(declared->dims[d])) {
        extent = declared->dims[d];
        continue;
      }
      auto name = graph.getResultAttrOfType<StringAttr>(i, onnx::kNameAttr);
      onnx::emitModelError(value.getLoc())
          << "dimension " << d << " of output '"
          << (name ? name.getValue() : StringRef(std::to_string(i)))
          << "' does not follow from the shapes of the inputs, and the model "
             "declares none that does";
      complete = false;
      break;
    }
  }
  if (!complete)
    return failure();
  return results;
}

DictionaryAttr ssmc::buildSignature(func::FuncOp graph, ModuleSymbols &symbols,
                                    ArrayRef<SmallVector<AffineExpr>> results) {
  Builder b(graph.getContext());
  SmallVector<AffineExpr> renumbered(symbols.size());
  SmallVector<Attribute> names;
  for (unsigned position : inputSymbols(graph)) {
    renumbered[position] = b.getAffineSymbolExpr(names.size());
    names.push_back(b.getStringAttr(symbols.name(position)));
  }
  auto describe = [&](Type type, FailureOr<SmallVector<AffineExpr>> extents,
                      Attribute name, StringRef kind,
                      unsigned index) -> Attribute {
    if (!isa_and_nonnull<StringAttr>(name))
      name = b.getStringAttr(kind + Twine(index));
    int64_t dtype = elementTypeToOnnx(getElementTypeOrSelf(type));
    if (failed(extents) || dtype == 0) {
      onnx::emitModelError(graph.getLoc())
          << kind << " " << name << " has no known type";
      return {};
    }
    for (AffineExpr &extent : *extents)
      extent = extent.replaceDimsAndSymbols({}, renumbered);
    auto map = AffineMap::get(0, names.size(), *extents, b.getContext());
    return b.getDictionaryAttr(
        {b.getNamedAttr("dims", AffineMapAttr::get(map)),
         b.getNamedAttr("dtype", b.getI64IntegerAttr(dtype)),
         b.getNamedAttr("name", name)});
  };
  SmallVector<Attribute> inputs, outputs;
  for (auto [i, argument] : llvm::enumerate(graph.getArguments()))
    inputs.push_back(describe(argument.getType(), extentsOf(argument),
                              graph.getArgAttr(i, onnx::kNameAttr), "input",
                              i));
  Operation *terminator = graph.getBody().front().getTerminator();
  for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
    FailureOr<SmallVector<AffineExpr>> extents = failure();
    if (isa<RankedTensorType>(value.getType()))
      extents = results[i];
    outputs.push_back(describe(value.getType(), extents,
                               graph.getResultAttr(i, onnx::kNameAttr),
                               "output", i));
  }
  if (llvm::is_contained(inputs, Attribute()) ||
      llvm::is_contained(outputs, Attribute()))
    return {};
  NamedAttrList signature;
  signature.append("inputs", b.getArrayAttr(inputs));
  signature.append("outputs", b.getArrayAttr(outputs));
  if (auto states = graph->getAttrOfType<ArrayAttr>("ssm.states"))
    signature.append("states", states);
  signature.append("symbols", b.getArrayAttr(names));
  return signature.getDictionary(b.getContext());
}
