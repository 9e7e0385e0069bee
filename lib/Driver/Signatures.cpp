//===- Signatures.cpp - what the entries of a graph take and give ---------===//

#include "lib/Driver/Signatures.h"

#include "dialects/onnx/OnnxOps.h"
#include "ssmrt/ssmrt.h"

#include "mlir/IR/AffineMap.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace ssmc;

/// The number of an element type, or 0.
static int64_t dtypeOf(Type type) {
  if (type.isF32())
    return SSMRT_F32;
  if (type.isF64())
    return SSMRT_F64;
  if (type.isF16())
    return SSMRT_F16;
  if (type.isBF16())
    return SSMRT_BF16;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return 0;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return SSMRT_BOOL;
  case 8:
    return isUnsigned ? SSMRT_U8 : SSMRT_I8;
  case 16:
    return isUnsigned ? SSMRT_U16 : SSMRT_I16;
  case 32:
    return isUnsigned ? SSMRT_U32 : SSMRT_I32;
  case 64:
    return isUnsigned ? SSMRT_U64 : SSMRT_I64;
  default:
    return 0;
  }
}

namespace {
class SignatureBuilder {
public:
  explicit SignatureBuilder(func::FuncOp func)
      : func(func), builder(func.getContext()) {}

  LogicalResult run() {
    for (Type type : llvm::concat<const Type>(func.getArgumentTypes(),
                                              func.getResultTypes()))
      collectSymbols(type);
    SmallVector<Attribute> inputs, outputs;
    for (unsigned i = 0, e = func.getNumArguments(); i != e; ++i)
      if (failed(add(func.getArgumentTypes()[i],
                     func.getArgAttrOfType<StringAttr>(i, onnx::kNameAttr),
                     "input", i, inputs)))
        return failure();
    for (unsigned i = 0, e = func.getNumResults(); i != e; ++i)
      if (failed(add(func.getResultTypes()[i],
                     func.getResultAttrOfType<StringAttr>(i, onnx::kNameAttr),
                     "output", i, outputs)))
        return failure();
    SmallVector<Attribute> names(symbols.begin(), symbols.end());
    func->setAttr("ssm.signature",
                  builder.getDictionaryAttr(
                      {{"symbols", builder.getArrayAttr(names)},
                       {"inputs", builder.getArrayAttr(inputs)},
                       {"outputs", builder.getArrayAttr(outputs)}}));
    return success();
  }

private:
  LogicalResult add(Type type, StringAttr name, StringRef kind, unsigned i,
                    SmallVectorImpl<Attribute> &values) {
    std::string text = name ? name.str() : (kind + std::to_string(i)).str();
    auto tensor = dyn_cast<RankedTensorType>(type);
    int64_t dtype = tensor ? dtypeOf(tensor.getElementType()) : 0;
    if (dtype == 0)
      return func.emitError(kind) << " '" << text << "' has type " << type
                                  << ", which a model cannot take or give";
    values.push_back(builder.getDictionaryAttr(
        {{"name", builder.getStringAttr(text)},
         {"dtype", builder.getI64IntegerAttr(dtype)},
         {"dims", AffineMapAttr::get(extents(tensor))}}));
    return success();
  }

  static onnx::DimsAttr dimsOf(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor ? dyn_cast_or_null<onnx::DimsAttr>(tensor.getEncoding())
                  : onnx::DimsAttr();
  }

  /// The symbols of an entry are numbered as they occur.
  void collectSymbols(Type type) {
    onnx::DimsAttr dims = dimsOf(type);
    if (!dims)
      return;
    dims.getMap().getValue().walkExprs([&](AffineExpr expr) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
        symbols.insert(dims.getSymbols()[symbol.getPosition()]);
    });
  }

  AffineMap extents(RankedTensorType type) {
    MLIRContext *context = func.getContext();
    if (onnx::DimsAttr dims = dimsOf(type)) {
      SmallVector<AffineExpr> numbers;
      for (Attribute name : dims.getSymbols())
        numbers.push_back(getAffineSymbolExpr(
            llvm::find(symbols, name) - symbols.begin(), context));
      return dims.getMap().getValue().replaceDimsAndSymbols({}, numbers, 0,
                                                            symbols.size());
    }
    SmallVector<AffineExpr> constants;
    for (int64_t extent : type.getShape())
      constants.push_back(getAffineConstantExpr(extent, context));
    return AffineMap::get(0, symbols.size(), constants, context);
  }

  func::FuncOp func;
  Builder builder;
  llvm::SetVector<Attribute> symbols;
};
} // namespace

LogicalResult ssmc::setSignatures(ModuleOp module) {
  for (auto func : module.getOps<func::FuncOp>())
    if (func.isPublic() && !func->hasAttr("ssm.signature") &&
        failed(SignatureBuilder(func).run()))
      return failure();
  return success();
}
