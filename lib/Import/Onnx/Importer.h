//===- Importer.h - the parts of the importer -------------------*- C++ -*-===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "lib/Import/Onnx/ExternalData.h"
#include "lib/Import/Onnx/Import.h"
#include "lib/Import/Onnx/Symbols.h"
#include "llvm/ADT/MapVector.h"

#include "onnx-ml.pb.h"

namespace ssmc {

namespace proto = ::onnx;

/// Operator set versions by domain ("" is ai.onnx).
using Opsets = llvm::StringMap<int64_t>;

/// What all parts of one import share.
struct ImportState {
  ImportState(mlir::MLIRContext *context, const ImportOptions &options,
              mlir::Location file, std::string folder)
      : context(context), options(options), file(file), external(folder),
        symbols(context) {}

  mlir::MLIRContext *context;
  const ImportOptions &options;
  mlir::Location file;
  /// The bytes cut out of the model, and their owner (null: the caller).
  std::vector<llvm::ArrayRef<char>> payloads;
  std::shared_ptr<MappedFile> mapping;
  ExternalData external;
  Symbols symbols;
  /// Names of model-local functions: `domain::name` or
  /// `domain::name::overload`.
  llvm::StringSet<> functions;
  /// How often a resource name has been wanted.
  llvm::StringMap<unsigned> resourceKeys;
};

/// "ai.onnx" and "" are the same domain.
llvm::StringRef normalizeDomain(llvm::StringRef domain);

/// The symbol name of a model-local function.
std::string getFunctionSymbol(llvm::StringRef domain, llvm::StringRef name,
                              llvm::StringRef overload);

/// "Scan, opset 21" or "com.microsoft.LinearAttention, opset 1".
std::string describeOp(llvm::StringRef domain, llvm::StringRef name,
                       int64_t version);

/// The element type of a TensorProto.DataType; null, after an error that begins
/// with `what`, where this compiler has none.
mlir::Type importElementType(ImportState &state, mlir::Location loc,
                             const llvm::Twine &what, int32_t dataType);

/// A tensor's value. `what` names it in messages ("initialiser 'w'"), `key` its
/// resource when the bytes stay in the file.
mlir::ElementsAttr importTensor(ImportState &state, mlir::Location loc,
                                const llvm::Twine &what, llvm::StringRef key,
                                const proto::TensorProto &tensor);

/// The attributes of a node but for graphs, which are appended to `graphs` and
/// named by their number.
mlir::FailureOr<mlir::DictionaryAttr> importAttributes(
    ImportState &state, mlir::Location loc,
    const google::protobuf::RepeatedPtrField<proto::AttributeProto> &attributes,
    bool inFunction, llvm::SmallVectorImpl<const proto::GraphProto *> &graphs);

/// Fails where a node stands before one whose result it reads, on a cycle, and
/// where two nodes define one name.
mlir::LogicalResult
checkOrder(ImportState &state, const Opsets &opsets,
           const google::protobuf::RepeatedPtrField<proto::NodeProto> &nodes);

/// The location of node number `index` of its graph.
mlir::Location getLocation(ImportState &state, const Opsets &opsets,
                           const proto::NodeProto &node, unsigned index);

/// The type of a graph's input or output. Unnamed dynamic extents become new
/// symbols. Null after an error.
mlir::RankedTensorType importValueType(ImportState &state,
                                       const llvm::Twine &what,
                                       const proto::ValueInfoProto &info);

/// Appends the main graph as `@forward`, or a model-local function, to
/// `module`.
mlir::LogicalResult importMainGraph(ImportState &state, mlir::ModuleOp module,
                                    const Opsets &opsets,
                                    const proto::GraphProto &graph);
mlir::LogicalResult importFunction(ImportState &state, mlir::ModuleOp module,
                                   const Opsets &modelOpsets,
                                   const proto::FunctionProto &function);

/// Checks the operator sets that a model or function imports.
mlir::FailureOr<Opsets> importOpsets(
    ImportState &state, const llvm::Twine &what,
    const google::protobuf::RepeatedPtrField<proto::OperatorSetIdProto> &list);

} // namespace ssmc
