//===- Import.cpp - reads an ONNX model -----------------------------------===//

#include "lib/Import/Onnx/Import.h"

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Import/Onnx/Importer.h"
#include "lib/Import/Onnx/Limits.h"
#include "lib/Import/Onnx/WireFormat.h"

#include "llvm/Support/Path.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

using namespace mlir;
using namespace ssmc;

StringRef ssmc::normalizeDomain(StringRef domain) {
  return domain == "ai.onnx" ? "" : domain;
}

std::string ssmc::getFunctionSymbol(StringRef domain, StringRef name,
                                    StringRef overload) {
  std::string symbol = (normalizeDomain(domain) + "::" + name).str();
  if (!overload.empty())
    symbol += ("::" + overload).str();
  return symbol;
}

std::string ssmc::describeOp(StringRef domain, StringRef name,
                             int64_t version) {
  std::string prefix = domain.empty() ? "" : (domain + ".").str();
  return prefix + name.str() + ", opset " + std::to_string(version);
}

Location ssmc::getLocation(ImportState &state, const Opsets &opsets,
                           const proto::NodeProto &node, unsigned index) {
  StringRef domain = normalizeDomain(node.domain());
  std::string name = node.name();
  if (name.empty())
    name = node.op_type() + "_" + std::to_string(index);
  return mlir::onnx::getNodeLocation(
      state.file, name,
      describeOp(domain, node.op_type(), opsets.lookup(domain)));
}

FailureOr<Opsets> ssmc::importOpsets(
    ImportState &state, const Twine &what,
    const google::protobuf::RepeatedPtrField<proto::OperatorSetIdProto> &list) {
  constexpr int64_t kOldest = 7, kNewest = 28;
  Opsets opsets;
  for (const auto &entry : list) {
    StringRef domain = normalizeDomain(entry.domain());
    int64_t version = entry.version();
    if (domain.empty() && (version < kOldest || version > kNewest)) {
      emitError(state.file)
          << what << " uses operator set " << version << " of ai.onnx; "
          << kOldest << " to " << kNewest
          << " are supported: convert the model with onnx.version_converter";
      return failure();
    }
    if (domain == "com.microsoft" && version != 1) {
      emitError(state.file) << what << " uses operator set " << version
                            << " of com.microsoft; only 1 is supported";
      return failure();
    }
    auto [known, inserted] = opsets.try_emplace(domain, version);
    if (!inserted && known->second != version) {
      emitError(state.file) << what << " imports two operator sets of domain '"
                            << (domain.empty() ? "ai.onnx" : domain) << "'";
      return failure();
    }
  }
  return opsets;
}

/// Parses the skeleton. Its messages nest as deep as its subgraphs, three
/// messages for each, and a few more for types.
static bool parse(StringRef bytes, proto::ModelProto &model) {
  google::protobuf::io::ArrayInputStream array(bytes.data(), bytes.size());
  google::protobuf::io::CodedInputStream stream(&array);
  stream.SetRecursionLimit(3 * limits::kSubgraphDepth + 32);
  return model.MergePartialFromCodedStream(&stream) &&
         stream.ConsumedEntireMessage();
}

static LogicalResult importModel(ImportState &state, ModuleOp module,
                                 const proto::ModelProto &model) {
  if (!model.has_graph())
    return emitError(state.file)
           << "not an ONNX model, or an empty one: it has no graph";
  if (model.opset_import_size() == 0)
    return emitError(state.file)
           << "not an ONNX model, or a damaged one: it imports no operator set";
  FailureOr<Opsets> opsets =
      importOpsets(state, "the model", model.opset_import());
  if (failed(opsets))
    return failure();
  for (const auto &function : model.functions()) {
    if (function.name().empty())
      return emitError(state.file) << "a model-local function has no name";
    std::string symbol = getFunctionSymbol(function.domain(), function.name(),
                                           function.overload());
    if (!state.functions.insert(symbol).second)
      return emitError(state.file)
             << "the model-local function '" << symbol << "' is defined twice";
  }
  if (failed(importMainGraph(state, module, *opsets, model.graph())))
    return failure();
  for (const auto &function : model.functions())
    if (failed(importFunction(state, module, *opsets, function)))
      return failure();

  Builder builder(state.context);
  module->setAttr(mlir::onnx::kSymbolsAttr,
                  builder.getArrayAttr(state.symbols.getNames()));
  NamedAttrList versions;
  for (const auto &opset : *opsets)
    versions.append(opset.getKey().empty() ? "ai.onnx" : opset.getKey(),
                    builder.getI64IntegerAttr(opset.getValue()));
  module->setAttr(mlir::onnx::kOpsetsAttr,
                  versions.getDictionary(state.context));
  return success();
}

static OwningOpRef<ModuleOp> import(ArrayRef<char> bytes,
                                    std::shared_ptr<MappedFile> mapping,
                                    StringRef path, MLIRContext *context,
                                    const ImportOptions &options) {
  context->loadDialect<mlir::onnx::OnnxDialect, func::FuncDialect>();
  Location file = mlir::onnx::getFileLocation(context, path);
  std::string folder = options.externalDataDir;
  if (folder.empty())
    folder = llvm::sys::path::parent_path(path).str();
  ImportState state(context, options, file, folder);
  state.mapping = std::move(mapping);
  if (bytes.empty()) {
    emitError(file) << "not an ONNX model: the file is empty";
    return {};
  }
  llvm::Expected<Skeleton> skeleton = readSkeleton(bytes);
  if (!skeleton) {
    emitError(file) << llvm::toString(skeleton.takeError());
    return {};
  }
  state.payloads = std::move(skeleton->payloads);
  google::protobuf::Arena arena;
  auto *model =
      google::protobuf::Arena::CreateMessage<proto::ModelProto>(&arena);
  if (!parse(skeleton->bytes, *model)) {
    emitError(file) << "not an ONNX model, or damaged: protobuf cannot parse "
                       "it, or its types are nested too deep";
    return {};
  }
  skeleton->bytes = std::string();
  OwningOpRef<ModuleOp> module = ModuleOp::create(file);
  if (failed(importModel(state, *module, *model)))
    return {};
  return module;
}

OwningOpRef<ModuleOp> ssmc::importOnnx(StringRef path, MLIRContext *context,
                                       const ImportOptions &options) {
  llvm::Expected<std::shared_ptr<MappedFile>> file = MappedFile::open(path);
  if (!file) {
    emitError(mlir::onnx::getFileLocation(context, path))
        << llvm::toString(file.takeError());
    return {};
  }
  return import((*file)->getBytes(), *file, path, context, options);
}

OwningOpRef<ModuleOp> ssmc::importOnnx(ArrayRef<char> buffer, StringRef path,
                                       MLIRContext *context,
                                       const ImportOptions &options) {
  return import(buffer, nullptr, path, context, options);
}
