//===- Schema.cpp - which nodes are well formed ---------------------------===//

#include "lib/Import/Onnx/Schema.h"
#include "dialects/onnx/OnnxLocation.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ssmc;
using mlir::onnx::NodeOp;

namespace {

enum class Kind {
  INT,
  FLOAT,
  STRING,
  TENSOR,
  GRAPH,
  INTS,
  FLOATS,
  STRINGS,
  TENSORS,
  GRAPHS,
  SPARSE_TENSOR,
  SPARSE_TENSORS,
  TYPE_PROTO,
  TYPE_PROTOS
};

struct AttributeRow {
  llvm::StringLiteral name;
  Kind kind;
  bool required;
};

struct Signature {
  llvm::StringLiteral domain, name;
  int64_t since;
  bool deprecated;
  unsigned minInputs, maxInputs, minOutputs, maxOutputs;
  unsigned firstAttribute, numAttributes;

  ArrayRef<AttributeRow> attributes() const;
};

const AttributeRow attributeRows[] = {
#define ATTRIBUTES
#include "lib/Import/Onnx/Schemas.inc"
#undef ATTRIBUTES
};

/// Sorted by domain, name, version.
const Signature signatures[] = {
#define SIGNATURES
#include "lib/Import/Onnx/Schemas.inc"
#undef SIGNATURES
};

ArrayRef<AttributeRow> Signature::attributes() const {
  return ArrayRef(attributeRows).slice(firstAttribute, numAttributes);
}

/// The newest row of the operator that is not newer than `version`, or null.
const Signature *findSignature(StringRef domain, StringRef name,
                               int64_t version) {
  using Key = std::tuple<StringRef, StringRef, int64_t>;
  const Signature *after =
      llvm::upper_bound(signatures, Key(domain, name, version),
                        [](const Key &key, const Signature &row) {
                          return key < Key(row.domain, row.name, row.since);
                        });
  if (after == std::begin(signatures) || std::prev(after)->name != name ||
      std::prev(after)->domain != domain)
    return nullptr;
  return std::prev(after);
}

StringRef getKindName(Kind kind) {
  switch (kind) {
  case Kind::INT:
    return "an integer";
  case Kind::FLOAT:
    return "a float";
  case Kind::STRING:
    return "a string";
  case Kind::TENSOR:
    return "a tensor";
  case Kind::GRAPH:
    return "a graph";
  case Kind::INTS:
    return "a list of integers";
  case Kind::FLOATS:
    return "a list of floats";
  case Kind::STRINGS:
    return "a list of strings";
  default:
    return "of a kind that is not supported";
  }
}

bool hasKind(NodeOp node, Attribute value, bool isGraph, Kind kind) {
  if (isa<mlir::onnx::AttrRefAttr>(value))
    return true;
  switch (kind) {
  case Kind::INT:
    return isa<IntegerAttr>(value) && !isGraph;
  case Kind::GRAPH:
    return isGraph;
  case Kind::FLOAT:
    return isa<FloatAttr>(value);
  case Kind::STRING:
    return isa<StringAttr>(value);
  case Kind::TENSOR:
    return isa<ElementsAttr>(value) &&
           !isa<DenseI64ArrayAttr, DenseF32ArrayAttr>(value);
  case Kind::INTS:
    return isa<DenseI64ArrayAttr>(value);
  case Kind::FLOATS:
    return isa<DenseF32ArrayAttr>(value);
  case Kind::STRINGS:
    return isa<ArrayAttr>(value);
  default:
    return false;
  }
}

/// Which attributes hold a region number. An operator with subgraphs has no
/// integer attribute of a name that is a graph in another, so the names of the
/// signature decide; the number must be one of a region.
bool isRegionNumber(NodeOp node, Attribute value) {
  auto number = dyn_cast<IntegerAttr>(value);
  return number && number.getValue().ult(node.getSubgraphs().size());
}

} // namespace

bool ssmc::isStandardOp(StringRef domain, StringRef name, int64_t version) {
  const Signature *signature = findSignature(domain, name, version);
  return signature && !signature->deprecated;
}

bool ssmc::isStandardName(StringRef domain, StringRef name) {
  return findSignature(domain, name, std::numeric_limits<int64_t>::max());
}

LogicalResult ssmc::checkNode(NodeOp node) {
  const Signature *signature =
      findSignature(node.getDomain(), node.getOpType(), node.getVersion());
  if (!signature || signature->deprecated)
    return success();
  auto checkCount = [&](StringRef what, unsigned count, unsigned min,
                        unsigned max) -> LogicalResult {
    if (count >= min && count <= max)
      return success();
    InFlightDiagnostic diagnostic = mlir::onnx::emitModelError(node.getLoc());
    diagnostic << "the node has " << count << ' ' << what
               << "; the operator has ";
    if (min == max)
      return diagnostic << min;
    if (max == INT32_MAX)
      return diagnostic << "at least " << min;
    return diagnostic << min << " to " << max;
  };
  if (failed(checkCount("inputs", node.getInputs().size(), signature->minInputs,
                        signature->maxInputs)) ||
      failed(checkCount("outputs", node.getOutputs().size(),
                        signature->minOutputs, signature->maxOutputs)))
    return failure();
  llvm::SmallDenseSet<uint64_t> graphs;
  for (NamedAttribute attr : node.getAttrs()) {
    const AttributeRow *row =
        llvm::find_if(signature->attributes(), [&](const AttributeRow &row) {
          return row.name == attr.getName();
        });
    if (row == signature->attributes().end()) {
      // Names that begin with an underscore are notes of tools.
      if (attr.getName().strref().starts_with("_"))
        continue;
      return mlir::onnx::emitModelError(node.getLoc())
             << "the operator has no attribute '" << attr.getName().getValue()
             << "' at this opset";
    }
    bool isGraph =
        row->kind == Kind::GRAPH && isRegionNumber(node, attr.getValue());
    // Two attributes never share a graph: a file that says so gives a number.
    if (isGraph)
      isGraph =
          graphs.insert(cast<IntegerAttr>(attr.getValue()).getInt()).second;
    if (!hasKind(node, attr.getValue(), isGraph, row->kind))
      return mlir::onnx::emitModelError(node.getLoc())
             << "attribute '" << attr.getName().getValue() << "' must be "
             << getKindName(row->kind);
  }
  if (graphs.size() != node.getSubgraphs().size())
    return mlir::onnx::emitModelError(node.getLoc())
           << "a subgraph is given for an attribute that is not a graph";
  for (const AttributeRow &row : signature->attributes())
    if (row.required && !node.getAttrs().get(row.name))
      return mlir::onnx::emitModelError(node.getLoc())
             << "the attribute '" << row.name << "' is missing";
  return success();
}
