//===- Graph.cpp - graphs, subgraphs and functions ------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/onnx/OnnxShape.h"
#include "lib/Import/Onnx/Importer.h"
#include "lib/Import/Onnx/Limits.h"
#include "lib/Import/Onnx/Schema.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace ssmc;

using Nodes = google::protobuf::RepeatedPtrField<proto::NodeProto>;
using mlir::onnx::UnknownType;

RankedTensorType ssmc::importValueType(ImportState &state, const Twine &what,
                                       const proto::ValueInfoProto &info) {
  if (!info.type().has_tensor_type()) {
    emitError(state.file) << what << " '" << info.name()
                          << "' is not a tensor (or has no type); only "
                             "tensors are supported";
    return {};
  }
  const auto &tensor = info.type().tensor_type();
  std::string name = (what + " '" + info.name() + "'").str();
  Type element = importElementType(state, state.file, name, tensor.elem_type());
  if (!element)
    return {};
  if (!tensor.has_shape()) {
    emitError(state.file) << name << " has no shape; export the model with "
                          << "the number of its dimensions";
    return {};
  }
  SmallVector<AffineExpr> dims;
  SmallVector<int64_t> extents;
  for (auto [i, dim] : llvm::enumerate(tensor.shape().dim())) {
    AffineExpr extent;
    if (dim.has_dim_value())
      extent = dim.dim_value() < 0
                   ? AffineExpr()
                   : getAffineConstantExpr(dim.dim_value(), state.context);
    else if (StringRef(dim.dim_param()).trim().empty())
      extent = state.symbols.fresh(info.name() + "_" + std::to_string(i));
    else
      extent = state.symbols.parse(dim.dim_param());
    if (!extent) {
      emitError(state.file) << name << " has a negative extent in dimension "
                            << i << "; give it a name to make it dynamic";
      return {};
    }
    dims.push_back(extent);
    auto constant = dyn_cast<AffineConstantExpr>(extent);
    extents.push_back(constant ? constant.getValue() : ShapedType::kDynamic);
  }
  if (auto message = mlir::onnx::checkLimits(element, extents)) {
    emitError(state.file) << name << " " << *message;
    return {};
  }
  return mlir::onnx::getTensorType(element, dims, state.symbols.getNames());
}

namespace {

/// Values by name. A subgraph sees the values of the graphs around it.
struct Scope {
  Scope *parent = nullptr;
  llvm::StringMap<Value> values;

  Value find(StringRef name) const {
    for (const Scope *scope = this; scope; scope = scope->parent)
      if (auto found = scope->values.find(name); found != scope->values.end())
        return found->second;
    return {};
  }
};

/// Builds the body of one function, main graph or model-local, with all the
/// graphs within.
class BodyImporter {
public:
  BodyImporter(ImportState &state, const Opsets &opsets, bool inFunction)
      : state(state), opsets(opsets), inFunction(inFunction),
        builder(state.context) {}

  LogicalResult importInitializers(const proto::GraphProto &graph,
                                   Scope &scope);
  LogicalResult importNodes(const Nodes &nodes, Scope &scope);
  FailureOr<Value> use(Location loc, StringRef name, const Twine &what,
                       Scope &scope);
  LogicalResult define(Location loc, StringRef name, const Twine &what,
                       Value value, Scope &scope);

  void enter(Block *block) {
    if (!entry)
      entry = block;
    builder.setInsertionPointToEnd(block);
  }

  ImportState &state;
  const Opsets &opsets;
  bool inFunction;
  OpBuilder builder;

private:
  LogicalResult importNode(const proto::NodeProto &node, unsigned index,
                           Scope &scope);
  FailureOr<Attribute> importConstant(Location loc, DictionaryAttr attrs);
  LogicalResult importSubgraph(const proto::GraphProto &graph, Location loc,
                               Region &region, Scope &parent);
  Value getNone();

  Block *entry = nullptr;
  Value none;
};

Value BodyImporter::getNone() {
  if (!none) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(entry);
    none =
        mlir::onnx::NoneOp::create(builder, state.file, builder.getNoneType());
  }
  return none;
}

FailureOr<Value> BodyImporter::use(Location loc, StringRef name,
                                   const Twine &what, Scope &scope) {
  if (Value value = scope.find(name))
    return value;
  emitError(loc) << what << " '" << name
                 << "' is not defined: it is neither an input of the graph nor "
                    "an initialiser nor an output of a node";
  return failure();
}

LogicalResult BodyImporter::define(Location loc, StringRef name,
                                   const Twine &what, Value value,
                                   Scope &scope) {
  if (name.empty())
    return emitError(loc) << what << " has no name";
  if (!scope.values.try_emplace(name, value).second)
    return emitError(loc) << what << " '" << name
                          << "' has a name that another value of the graph "
                             "has; names of values must be unique";
  return success();
}

LogicalResult BodyImporter::importInitializers(const proto::GraphProto &graph,
                                               Scope &scope) {
  if (graph.sparse_initializer_size() != 0)
    return emitError(state.file)
           << "initialiser '" << graph.sparse_initializer(0).values().name()
           << "' is sparse, which is not supported; export it dense";
  for (const proto::TensorProto &tensor : graph.initializer()) {
    std::string what = "initialiser '" + tensor.name() + "'";
    ElementsAttr value =
        importTensor(state, state.file, what, tensor.name(), tensor);
    if (!value)
      return failure();
    Location loc =
        NameLoc::get(builder.getStringAttr(tensor.name()), state.file);
    auto constant = mlir::onnx::ConstantOp::create(builder, loc, value);
    if (failed(
            define(state.file, tensor.name(), "initialiser", constant, scope)))
      return failure();
  }
  return success();
}

/// The value of a Constant node whose attributes are known; null where they
/// are those of the enclosing function.
FailureOr<Attribute> BodyImporter::importConstant(Location loc,
                                                  DictionaryAttr attrs) {
  if (attrs.size() != 1) {
    emitError(loc) << "a Constant has exactly one attribute, not "
                   << attrs.size();
    return failure();
  }
  Attribute value = attrs.begin()->getValue();
  if (isa<mlir::onnx::AttrRefAttr>(value))
    return Attribute();
  if (ElementsAttr elements = mlir::onnx::getConstantValue(attrs))
    return Attribute(elements);
  emitError(loc) << "the attribute '" << attrs.begin()->getName().getValue()
                 << "' is not a value that is supported for a Constant";
  return failure();
}

LogicalResult BodyImporter::importNode(const proto::NodeProto &node,
                                       unsigned index, Scope &scope) {
  Location loc = getLocation(state, opsets, node, index);
  StringRef domain = normalizeDomain(node.domain());
  if (node.op_type().empty())
    return emitError(loc) << "the node has no operator";
  auto opset = opsets.find(domain);
  if (opset == opsets.end())
    return emitError(loc) << "the model imports no operator set of domain '"
                          << (domain.empty() ? "ai.onnx" : domain) << "'";

  SmallVector<const proto::GraphProto *> graphs;
  FailureOr<DictionaryAttr> attrs =
      importAttributes(state, loc, node.attribute(), inFunction, graphs);
  if (failed(attrs))
    return failure();

  if (domain.empty() && node.op_type() == "Constant" && graphs.empty() &&
      node.output_size() == 1) {
    FailureOr<Attribute> value = importConstant(loc, *attrs);
    if (failed(value))
      return failure();
    if (*value) {
      auto constant = mlir::onnx::ConstantOp::create(
          builder, loc, cast<ElementsAttr>(*value));
      return define(loc, node.output(0), "output", constant, scope);
    }
  }

  SmallVector<Value> inputs;
  for (const std::string &name : node.input()) {
    FailureOr<Value> input =
        name.empty() ? getNone() : use(loc, name, "its input", scope);
    if (failed(input))
      return failure();
    inputs.push_back(*input);
  }
  SmallVector<Type> types(node.output_size(), UnknownType::get(state.context));
  auto op =
      mlir::onnx::NodeOp::create(builder, loc, types, inputs, node.op_type(),
                                 domain, opset->second, *attrs, graphs.size());
  std::string function =
      getFunctionSymbol(domain, node.op_type(), node.overload());
  if (state.functions.contains(function)) {
    op->setAttr(mlir::onnx::kFunctionAttr,
                FlatSymbolRefAttr::get(state.context, function));
  } else if (failed(checkNode(op))) {
    return failure();
  }
  for (auto [region, graph] : llvm::zip_equal(op.getSubgraphs(), graphs))
    if (failed(importSubgraph(*graph, loc, region, scope)))
      return failure();
  for (auto [name, result] : llvm::zip_equal(node.output(), op.getOutputs()))
    if (!name.empty() && failed(define(loc, name, "output", result, scope)))
      return failure();
  return success();
}

LogicalResult BodyImporter::importSubgraph(const proto::GraphProto &graph,
                                           Location loc, Region &region,
                                           Scope &parent) {
  OpBuilder::InsertionGuard guard(builder);
  Scope scope{&parent, {}};
  Block *block = builder.createBlock(&region);
  enter(block);
  for (const auto &input : graph.input()) {
    // Types follow from the operator's operands, not from what the file says.
    Value argument = block->addArgument(UnknownType::get(state.context), loc);
    if (failed(define(loc, input.name(), "input of the subgraph", argument,
                      scope)))
      return failure();
  }
  if (failed(importInitializers(graph, scope)) ||
      failed(importNodes(graph.node(), scope)))
    return failure();
  SmallVector<Value> results;
  for (const auto &output : graph.output()) {
    FailureOr<Value> value =
        use(loc, output.name(), "output of the subgraph", scope);
    if (failed(value))
      return failure();
    results.push_back(*value);
  }
  mlir::onnx::YieldOp::create(builder, loc, results);
  return success();
}

LogicalResult BodyImporter::importNodes(const Nodes &nodes, Scope &scope) {
  // What is defined already no node may define: its users would be taken for
  // those of the node.
  for (auto [i, node] : llvm::enumerate(nodes))
    for (const std::string &output : node.output())
      if (scope.values.contains(output))
        return define(getLocation(state, opsets, node, i), output, "output",
                      Value(), scope);
  if (failed(checkOrder(state, opsets, nodes)))
    return failure();
  for (auto [index, node] : llvm::enumerate(nodes))
    if (failed(importNode(node, index, scope)))
      return failure();
  return success();
}

} // namespace

/// The declared type of an output, which says its extents where the data would
/// decide them: numbers and names; others are symbols that no input has. Null
/// where none is declared; fails on one that is not supported.
static FailureOr<TypeAttr> getDeclaredType(ImportState &state,
                                           const proto::ValueInfoProto &info) {
  if (!info.type().has_tensor_type())
    return TypeAttr();
  const auto &tensor = info.type().tensor_type();
  if (!tensor.has_shape())
    return TypeAttr();
  Type element = importElementType(
      state, state.file, "output '" + info.name() + "'", tensor.elem_type());
  if (!element)
    return failure();
  SmallVector<AffineExpr> dims;
  SmallVector<int64_t> shape;
  for (const auto &dim : tensor.shape().dim()) {
    StringRef name = dim.dim_param();
    dims.push_back(dim.has_dim_value() && dim.dim_value() >= 0
                       ? getAffineConstantExpr(dim.dim_value(), state.context)
                   : name.trim().empty()
                       ? state.symbols.fresh(info.name() + "_" +
                                             std::to_string(dims.size()))
                       : state.symbols.parse(name));
    auto constant = dyn_cast<AffineConstantExpr>(dims.back());
    shape.push_back(constant ? constant.getValue() : ShapedType::kDynamic);
  }
  if (mlir::onnx::checkLimits(element, shape))
    return TypeAttr();
  return TypeAttr::get(
      mlir::onnx::getTensorType(element, dims, state.symbols.getNames()));
}

LogicalResult ssmc::importMainGraph(ImportState &state, ModuleOp module,
                                    const Opsets &opsets,
                                    const proto::GraphProto &graph) {
  BodyImporter body(state, opsets, /*inFunction=*/false);
  OpBuilder &builder = body.builder;
  if (graph.output_size() == 0)
    return emitError(state.file) << "the graph is empty: it has no outputs";

  // Old files list initialisers among the inputs; they are constants.
  llvm::StringSet<> initialized;
  for (const auto &tensor : graph.initializer())
    initialized.insert(tensor.name());
  SmallVector<const proto::ValueInfoProto *> inputs;
  for (const auto &input : graph.input())
    if (!initialized.contains(input.name()))
      inputs.push_back(&input);
  for (const auto *input : inputs)
    for (const auto &dim : input->type().tensor_type().shape().dim())
      if (dim.has_dim_param())
        state.symbols.note(dim.dim_param());

  SmallVector<Type> argumentTypes;
  for (const auto *input : inputs) {
    RankedTensorType type = importValueType(state, "input", *input);
    if (!type)
      return failure();
    argumentTypes.push_back(type);
  }
  builder.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> resultTypes(graph.output_size(),
                                UnknownType::get(state.context));
  auto function =
      func::FuncOp::create(builder, state.file, "forward",
                           builder.getFunctionType(argumentTypes, resultTypes));
  body.enter(function.addEntryBlock());
  Scope scope;
  for (auto [i, input] : llvm::enumerate(inputs)) {
    function.setArgAttr(i, mlir::onnx::kNameAttr,
                        builder.getStringAttr(input->name()));
    if (failed(body.define(state.file, input->name(), "input",
                           function.getArgument(i), scope)))
      return failure();
  }
  if (failed(body.importInitializers(graph, scope)) ||
      failed(body.importNodes(graph.node(), scope)))
    return failure();

  SmallVector<Value> results;
  llvm::StringSet<> outputs;
  for (auto [i, output] : llvm::enumerate(graph.output())) {
    FailureOr<Value> value =
        body.use(state.file, output.name(), "the graph's output", scope);
    if (failed(value))
      return failure();
    if (!outputs.insert(output.name()).second)
      return emitError(state.file)
             << "the graph has two outputs named '" << output.name() << "'";
    results.push_back(*value);
    resultTypes[i] = value->getType();
    function.setResultAttr(i, mlir::onnx::kNameAttr,
                           builder.getStringAttr(output.name()));
    FailureOr<TypeAttr> declared = getDeclaredType(state, output);
    if (failed(declared))
      return failure();
    if (*declared)
      function.setResultAttr(i, mlir::onnx::kDeclaredAttr, *declared);
  }
  func::ReturnOp::create(builder, state.file, results);
  function.setType(builder.getFunctionType(argumentTypes, resultTypes));
  return success();
}

LogicalResult ssmc::importFunction(ImportState &state, ModuleOp module,
                                   const Opsets &modelOpsets,
                                   const proto::FunctionProto &proto) {
  StringRef domain = normalizeDomain(proto.domain());
  std::string symbol =
      getFunctionSymbol(domain, proto.name(), proto.overload());
  FailureOr<Opsets> opsets =
      importOpsets(state, "function '" + symbol + "'", proto.opset_import());
  if (failed(opsets))
    return failure();
  // A function may call others of domains that only the model imports.
  for (const auto &opset : modelOpsets)
    opsets->try_emplace(opset.getKey(), opset.getValue());

  BodyImporter body(state, *opsets, /*inFunction=*/true);
  OpBuilder &builder = body.builder;
  builder.setInsertionPointToEnd(module.getBody());
  auto unknown = UnknownType::get(state.context);
  SmallVector<Type> argumentTypes(proto.input_size(), unknown);
  Location loc = NameLoc::get(builder.getStringAttr(symbol), state.file);
  auto function = func::FuncOp::create(
      builder, loc, symbol, builder.getFunctionType(argumentTypes, {}));
  function.setPrivate();
  body.enter(function.addEntryBlock());
  Scope scope;
  for (auto [i, name] : llvm::enumerate(proto.input()))
    if (failed(body.define(loc, name, "parameter", function.getArgument(i),
                           scope)))
      return failure();

  // Attribute parameters: those without a default are `unit`.
  SmallVector<const proto::GraphProto *> graphs;
  FailureOr<DictionaryAttr> defaults =
      importAttributes(state, loc, proto.attribute_proto(), true, graphs);
  if (failed(defaults))
    return failure();
  if (!graphs.empty())
    return emitError(loc) << "a default of a function's attribute is a graph, "
                             "which is not supported";
  NamedAttrList parameters(*defaults);
  for (const std::string &name : proto.attribute())
    if (!name.empty() && !parameters.get(name))
      parameters.append(name, builder.getUnitAttr());
  function->setAttr(mlir::onnx::kParametersAttr,
                    parameters.getDictionary(state.context));

  if (failed(body.importNodes(proto.node(), scope)))
    return failure();
  SmallVector<Value> results;
  for (const std::string &name : proto.output()) {
    FailureOr<Value> value = body.use(loc, name, "the result", scope);
    if (failed(value))
      return failure();
    results.push_back(*value);
  }
  func::ReturnOp::create(builder, loc, results);
  function.setType(builder.getFunctionType(
      argumentTypes, llvm::to_vector(ValueRange(results).getTypes())));
  return success();
}
