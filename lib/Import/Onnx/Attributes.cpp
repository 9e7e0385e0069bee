//===- Attributes.cpp - the attributes of nodes ---------------------------===//

#include "lib/Import/Onnx/Importer.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace ssmc;

using proto::AttributeProto;

/// The field that `type` declares, as an MLIR attribute. Null after an error.
static Attribute importValue(ImportState &state, Location loc,
                             const AttributeProto &attribute) {
  Builder builder(state.context);
  switch (attribute.type()) {
  case AttributeProto::INT:
    return builder.getI64IntegerAttr(attribute.i());
  case AttributeProto::FLOAT:
    return builder.getF32FloatAttr(attribute.f());
  case AttributeProto::STRING:
    return builder.getStringAttr(attribute.s());
  case AttributeProto::INTS:
    return builder.getDenseI64ArrayAttr(
        ArrayRef(attribute.ints().data(), attribute.ints_size()));
  case AttributeProto::FLOATS:
    return builder.getDenseF32ArrayAttr(
        ArrayRef(attribute.floats().data(), attribute.floats_size()));
  case AttributeProto::STRINGS: {
    SmallVector<Attribute> strings;
    for (const std::string &string : attribute.strings())
      strings.push_back(builder.getStringAttr(string));
    return builder.getArrayAttr(strings);
  }
  case AttributeProto::TENSOR:
    if (!attribute.has_t())
      break;
    return importTensor(state, loc,
                        "the tensor of attribute '" + attribute.name() + "'",
                        attribute.name(), attribute.t());
  case AttributeProto::UNDEFINED:
    emitError(loc) << "attribute '" << attribute.name()
                   << "' has no type, or one that ONNX does not define";
    return {};
  default:
    emitError(loc) << "attribute '" << attribute.name() << "' has the type "
                   << AttributeProto::AttributeType_Name(attribute.type())
                   << ", which is not supported";
    return {};
  }
  emitError(loc) << "attribute '" << attribute.name() << "' has no value";
  return {};
}

FailureOr<DictionaryAttr> ssmc::importAttributes(
    ImportState &state, Location loc,
    const google::protobuf::RepeatedPtrField<AttributeProto> &attributes,
    bool inFunction, SmallVectorImpl<const proto::GraphProto *> &graphs) {
  Builder builder(state.context);
  NamedAttrList result;
  llvm::StringSet<> seen;
  for (const AttributeProto &attribute : attributes) {
    if (attribute.name().empty()) {
      emitError(loc) << "an attribute has no name";
      return failure();
    }
    if (!seen.insert(attribute.name()).second) {
      emitError(loc) << "attribute '" << attribute.name() << "' is given twice";
      return failure();
    }
    Attribute value;
    if (!attribute.ref_attr_name().empty()) {
      if (!inFunction) {
        emitError(loc) << "attribute '" << attribute.name()
                       << "' refers to an attribute of a function, but the "
                          "node is not in a function";
        return failure();
      }
      value = mlir::onnx::AttrRefAttr::get(
          state.context, builder.getStringAttr(attribute.ref_attr_name()));
    } else if (attribute.type() == AttributeProto::GRAPH && attribute.has_g()) {
      value = builder.getI64IntegerAttr(graphs.size());
      graphs.push_back(&attribute.g());
    } else {
      value = importValue(state, loc, attribute);
    }
    if (!value)
      return failure();
    result.append(attribute.name(), value);
  }
  return result.getDictionary(state.context);
}
