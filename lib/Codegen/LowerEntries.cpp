//===- LowerEntries.cpp - give each entry its run-time signature ----------===//
//
//   func @forward(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
//     { body; return %y }
//
// becomes
//
//   func @ssm_forward_run(symbols, inputs, outputs, workspace, weights,
//   context)
//     { %L = load symbols[0]; %x = to_tensor(view(load inputs[0], %L));
//       body; materialize %y in view(load outputs[0], %L); return 0 }
//
// before bufferization, so that results are computed in the caller's memory.
// Where %y is another value's expand_shape, that value is computed there, in a
// collapse_shape of the view. A state in place is read where it is written: the
// caller puts it there.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxElementType.h"
#include "dialects/onnx/OnnxLocation.h"
#include "dialects/onnx/OnnxOps.h"
#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERENTRIES
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

/// The signature's view of one entry: symbol names and the extents of every
/// input, then of every output.
struct Signature {
  DictionaryAttr attr;
  SmallVector<StringRef> symbols;
  SmallVector<AffineMap> extents;
};

class EntryLowering {
public:
  EntryLowering(ModuleOp module, func::FuncOp source)
      : module(module), source(source), builder(module.getContext()),
        loc(source.getLoc()),
        pointer(LLVM::LLVMPointerType::get(module.getContext())) {}

  LogicalResult run();
  DictionaryAttr signatureAttr() const { return signature.attr; }

private:
  LogicalResult readSignature();
  LogicalResult makeSignature();
  void emitDims();
  void undoReshapes(Value &value, Value &buffer);
  llvm::MapVector<unsigned, unsigned> findStatesInPlace();
  LogicalResult emitRun();

  SmallVector<Value> loadSymbols(Value symbols);
  Value loadPointer(Value table, int64_t index);
  FailureOr<Value> bufferOf(Value table, int64_t index, RankedTensorType type,
                            AffineMap dims, ValueRange symbols);
  std::string functionName(StringRef suffix) {
    return ("ssm_" + source.getName() + suffix).str();
  }

  ModuleOp module;
  func::FuncOp source;
  OpBuilder builder;
  Location loc;
  Type pointer;
  Signature signature;
};

} // namespace

/// Reads `ssm.signature`; every field is checked, as it may come from a file.
LogicalResult EntryLowering::readSignature() {
  signature.attr = source->getAttrOfType<DictionaryAttr>(kSignatureAttr);
  if (!signature.attr)
    return makeSignature();
  auto fail = [&](const Twine &what) {
    return onnx::emitModelError(source.getLoc())
           << kSignatureAttr << " of '" << source.getName() << "' " << what;
  };
  auto symbols = signature.attr.getAs<ArrayAttr>("symbols");
  if (!symbols)
    return fail("has no 'symbols'");
  for (Attribute symbol : symbols) {
    auto name = dyn_cast<StringAttr>(symbol);
    if (!name)
      return fail("has a symbol that is not a string");
    signature.symbols.push_back(name.getValue());
  }
  auto readValues = [&](StringRef field, TypeRange types) -> LogicalResult {
    auto values = signature.attr.getAs<ArrayAttr>(field);
    if (!values || values.size() != types.size())
      return fail("does not list each of its " + field);
    for (auto [value, type] : llvm::zip_equal(values, types)) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      auto entry = dyn_cast<DictionaryAttr>(value);
      auto dims = entry ? entry.getAs<AffineMapAttr>("dims") : AffineMapAttr();
      if (!tensor || !dims || !entry.getAs<StringAttr>("name") ||
          !entry.getAs<IntegerAttr>("dtype"))
        return fail("has an entry without name, dtype or dims in " + field);
      AffineMap map = dims.getValue();
      if (map.getNumDims() != 0 ||
          map.getNumSymbols() > signature.symbols.size() ||
          map.getNumResults() != tensor.getRank())
        return fail("has dims that do not fit the type in " + field);
      signature.extents.push_back(map);
    }
    return success();
  };
  return success(succeeded(readValues("inputs", source.getArgumentTypes())) &&
                 succeeded(readValues("outputs", source.getResultTypes())));
}

/// A signature's entry for a value of this type, with a symbol for each extent
/// that is unknown.
static std::string suggestSignature(RankedTensorType type, int64_t dtype) {
  MLIRContext *context = type.getContext();
  SmallVector<AffineExpr> dims;
  unsigned symbols = 0;
  for (int64_t extent : type.getShape())
    dims.push_back(ShapedType::isDynamic(extent)
                       ? getAffineSymbolExpr(symbols++, context)
                       : getAffineConstantExpr(extent, context));
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "{name = \"x\", dtype = " << dtype << " : i64, dims = affine_map<";
  AffineMap::get(0, symbols, dims, context).print(os);
  os << ">}";
  return text;
}

/// The signature of a function whose types are static.
LogicalResult EntryLowering::makeSignature() {
  MLIRContext *context = module.getContext();
  auto describe = [&](Type type, Attribute name, StringRef kind,
                      unsigned index) -> Attribute {
    auto tensor = dyn_cast<RankedTensorType>(type);
    int64_t dtype = tensor ? elementTypeToOnnx(tensor.getElementType()) : 0;
    if (!tensor || !tensor.hasStaticShape() || dtype == 0) {
      InFlightDiagnostic error = onnx::emitModelError(source.getLoc())
                                 << kind << " " << index << " of '"
                                 << source.getName() << "' has type " << type;
      if (!tensor || dtype == 0)
        error << ", which models cannot take or give";
      else
        error << ": without " << kSignatureAttr
              << " it must be a static tensor; name its extents, such as "
              << suggestSignature(tensor, dtype) << " (docs/tutorial.md)";
      return {};
    }
    SmallVector<AffineExpr> dims;
    for (int64_t extent : tensor.getShape())
      dims.push_back(getAffineConstantExpr(extent, context));
    auto map = AffineMap::get(0, 0, dims, context);
    signature.extents.push_back(map);
    if (!isa_and_nonnull<StringAttr>(name))
      name = builder.getStringAttr(kind + Twine(index));
    return builder.getDictionaryAttr(
        {builder.getNamedAttr("name", name),
         builder.getNamedAttr("dtype", builder.getI64IntegerAttr(dtype)),
         builder.getNamedAttr("dims", AffineMapAttr::get(map))});
  };
  SmallVector<Attribute> inputs, outputs;
  for (auto [i, type] : llvm::enumerate(source.getArgumentTypes()))
    inputs.push_back(
        describe(type, source.getArgAttr(i, onnx::kNameAttr), "input", i));
  for (auto [i, type] : llvm::enumerate(source.getResultTypes()))
    outputs.push_back(
        describe(type, source.getResultAttr(i, onnx::kNameAttr), "output", i));
  if (llvm::is_contained(inputs, Attribute()) ||
      llvm::is_contained(outputs, Attribute()))
    return failure();
  signature.attr = builder.getDictionaryAttr(
      {builder.getNamedAttr("symbols", builder.getArrayAttr({})),
       builder.getNamedAttr("inputs", builder.getArrayAttr(inputs)),
       builder.getNamedAttr("outputs", builder.getArrayAttr(outputs))});
  return success();
}

SmallVector<Value> EntryLowering::loadSymbols(Value symbols) {
  SmallVector<Value> result;
  Type i64 = builder.getI64Type();
  for (int64_t i = 0, e = signature.symbols.size(); i < e; ++i) {
    Value address =
        LLVM::GEPOp::create(builder, loc, pointer, i64, symbols,
                            ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
    auto load = LLVM::LoadOp::create(builder, loc, i64, address);
    load.setInvariant(true);
    result.push_back(
        arith::IndexCastOp::create(builder, loc, builder.getIndexType(), load));
  }
  return result;
}

Value EntryLowering::loadPointer(Value table, int64_t index) {
  Value address =
      LLVM::GEPOp::create(builder, loc, pointer, pointer, table,
                          ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
  return LLVM::LoadOp::create(builder, loc, pointer, address);
}

FailureOr<Value> EntryLowering::bufferOf(Value table, int64_t index,
                                         RankedTensorType type, AffineMap dims,
                                         ValueRange symbols) {
  SmallVector<Value> sizes;
  for (auto [i, extent] : llvm::enumerate(type.getShape())) {
    auto constant = dyn_cast<AffineConstantExpr>(dims.getResult(i));
    if (!ShapedType::isDynamic(extent)) {
      if (!constant || constant.getValue() != extent)
        return onnx::emitModelError(source.getLoc())
               << kSignatureAttr << " says " << AffineMapAttr::get(dims)
               << " about dimension " << i << " of a " << type;
      continue;
    }
    sizes.push_back(
        affine::expandAffineExpr(builder, loc, dims.getResult(i), {}, symbols));
  }
  Value bytes = bytesAt(builder, loc, loadPointer(table, index));
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  auto memref = MemRefType::get(type.getShape(), type.getElementType());
  return viewOf(builder, loc, bytes, zero, memref, sizes);
}

/// `ssm_E_dims`: stores every extent of every input, then of every output.
void EntryLowering::emitDims() {
  builder.setInsertionPointToEnd(module.getBody());
  auto func =
      func::FuncOp::create(builder, loc, functionName("_dims"),
                           builder.getFunctionType({pointer, pointer}, {}));
  builder.setInsertionPointToStart(func.addEntryBlock());
  SmallVector<Value> symbols = loadSymbols(func.getArgument(0));
  Type i64 = builder.getI64Type();
  int32_t position = 0;
  for (AffineMap map : signature.extents)
    for (AffineExpr expr : map.getResults()) {
      Value extent = affine::expandAffineExpr(builder, loc, expr, {}, symbols);
      extent = arith::IndexCastOp::create(builder, loc, i64, extent);
      Value address =
          LLVM::GEPOp::create(builder, loc, pointer, i64, func.getArgument(1),
                              ArrayRef<LLVM::GEPArg>{position++});
      LLVM::StoreOp::create(builder, loc, extent, address);
    }
  func::ReturnOp::create(builder, loc);
}

/// Goes back from `value` to what it is an expansion of, and with `buffer`.
void EntryLowering::undoReshapes(Value &value, Value &buffer) {
  while (auto expand = value.getDefiningOp<tensor::ExpandShapeOp>()) {
    value = expand.getSrc();
    buffer = memref::CollapseShapeOp::create(builder, loc, buffer,
                                             expand.getReassociationIndices());
  }
}

/// Of states in place: which output is whose memory.
llvm::MapVector<unsigned, unsigned> EntryLowering::findStatesInPlace() {
  llvm::MapVector<unsigned, unsigned> found;
  auto states = signature.attr.getAs<ArrayAttr>("states");
  for (Attribute attr : states ? states.getValue() : ArrayRef<Attribute>()) {
    auto state = dyn_cast<DictionaryAttr>(attr);
    auto input = state ? state.getAs<IntegerAttr>("input") : IntegerAttr();
    auto output = state ? state.getAs<IntegerAttr>("output") : IntegerAttr();
    if (input && output && state.contains("in_place") &&
        input.getValue().ult(source.getNumArguments()) &&
        output.getValue().ult(source.getNumResults()))
      found[input.getInt()] = output.getInt();
  }
  return found;
}

/// `ssm_E_run`: takes over the body of the entry.
LogicalResult EntryLowering::emitRun() {
  builder.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> arguments(kNumEntryArgs, pointer);
  Type i32 = builder.getI32Type();
  auto func = func::FuncOp::create(builder, loc, functionName("_run"),
                                   builder.getFunctionType(arguments, {i32}));
  func->setAttr(kEntryAttr, builder.getStringAttr(source.getName()));
  Block *entry = func.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  SmallVector<Value> symbols = loadSymbols(func.getArgument(kSymbols));

  Block &body = source.getBody().front();
  unsigned numInputs = source.getNumArguments();
  llvm::MapVector<unsigned, unsigned> inPlace = findStatesInPlace();
  auto take = [&](BlockArgument input, Value buffer, bool writable) {
    Value tensor = bufferization::ToTensorOp::create(
        builder, loc, input.getType(), buffer, /*restrict=*/true, writable);
    input.replaceAllUsesWith(tensor);
  };
  for (BlockArgument input : body.getArguments()) {
    unsigned i = input.getArgNumber();
    if (inPlace.contains(i))
      continue;
    FailureOr<Value> buffer = bufferOf(func.getArgument(kInputs), i,
                                       cast<RankedTensorType>(input.getType()),
                                       signature.extents[i], symbols);
    if (failed(buffer))
      return failure();
    take(input, *buffer, /*writable=*/false);
  }
  auto terminator = cast<func::ReturnOp>(body.getTerminator());
  SmallVector<Value> outputs, results;
  for (auto [i, value] : llvm::enumerate(terminator.getOperands())) {
    FailureOr<Value> buffer = bufferOf(
        func.getArgument(kOutputs), i, cast<RankedTensorType>(value.getType()),
        signature.extents[numInputs + i], symbols);
    if (failed(buffer))
      return failure();
    outputs.push_back(*buffer);
  }
  for (auto [i, output] : inPlace) {
    BlockArgument input = body.getArgument(i);
    Type type = terminator.getOperand(output).getType();
    if (input.getType() != type)
      return onnx::emitModelError(source.getLoc())
             << kSignatureAttr << " of '" << source.getName()
             << "' has a state in place that is taken as " << input.getType()
             << " and given as " << type;
    take(input, outputs[output], /*writable=*/true);
  }
  results.assign(terminator->operand_begin(), terminator->operand_end());
  for (auto [value, buffer] : llvm::zip_equal(results, outputs))
    undoReshapes(value, buffer);
  for (Operation &op : llvm::make_early_inc_range(body.without_terminator()))
    op.moveBefore(entry, entry->end());
  builder.setInsertionPointToEnd(entry);
  for (auto [value, buffer] : llvm::zip_equal(results, outputs)) {
    auto store = bufferization::MaterializeInDestinationOp::create(
        builder, loc, /*result=*/Type(), value, buffer);
    store.setRestrict(true);
    store.setWritable(true);
  }
  Value ok = arith::ConstantIntOp::create(builder, loc, i32, 0);
  func::ReturnOp::create(builder, loc, ok);

  WalkResult walk = func.walk([&](onnx::SymbolOp op) {
    auto it = llvm::find(signature.symbols, op.getName());
    if (it == signature.symbols.end()) {
      onnx::emitModelError(op.getLoc())
          << "symbol '" << op.getName() << "' is not bound by any input of '"
          << source.getName() << "'";
      return WalkResult::interrupt();
    }
    op.replaceAllUsesWith(symbols[it - signature.symbols.begin()]);
    op.erase();
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

LogicalResult EntryLowering::run() {
  if (!llvm::hasSingleElement(source.getBody()))
    return onnx::emitModelError(source.getLoc())
           << "an entry must be one block";
  if (failed(readSignature()))
    return failure();
  emitDims();
  return emitRun();
}

namespace {
struct LowerEntries : ssmc::impl::SsmLowerEntriesBase<LowerEntries> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    Builder builder(&getContext());
    SmallVector<NamedAttribute> signatures;
    // The runtime's are declared later.
    for (auto func : module.getOps<func::FuncOp>())
      if (func.isExternal()) {
        onnx::emitModelError(func.getLoc())
            << "function '" << func.getName() << "' has no body";
        return signalPassFailure();
      }
    // The functions that an entry adds to the module are none.
    for (auto func : llvm::to_vector(module.getOps<func::FuncOp>())) {
      if (func.isPrivate() || func.isExternal() || func->hasAttr(kEntryAttr))
        continue;
      EntryLowering lowering(module, func);
      if (failed(lowering.run()))
        return signalPassFailure();
      signatures.push_back(
          builder.getNamedAttr(func.getName(), lowering.signatureAttr()));
      func.erase();
    }
    module->setAttr(kEntriesAttr, builder.getDictionaryAttr(signatures));
  }
};
} // namespace
