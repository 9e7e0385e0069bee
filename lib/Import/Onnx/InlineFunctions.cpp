//===- InlineFunctions.cpp - replaces calls by bodies ---------------------===//
//
// First the call graph is measured: a depth-first search finds recursion, and
// how many nodes the model will have, for functions that call others twice grow
// exponentially. Then calls are replaced from the outside in, so that by the
// time a body is substituted all attributes of its call are known.
//
// A function that is named like an operator we know stays a node where its body
// computes what the operator does, which is tried on random arguments: it is
// then shorter and more is known of it. What the file says is right otherwise.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Import/Onnx/CompareFunction.h"
#include "lib/Import/Onnx/Limits.h"
#include "lib/Import/Onnx/Passes.h"
#include "lib/Import/Onnx/Schema.h"
#include "lib/Operators/Operator.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXINLINEFUNCTIONS
#include "lib/Import/Onnx/OnnxImportPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;
using mlir::onnx::NodeOp;

namespace {

FlatSymbolRefAttr getCallee(NodeOp node) {
  return node->getAttrOfType<FlatSymbolRefAttr>(mlir::onnx::kFunctionAttr);
}

struct OnnxInlineFunctions
    : ssmc::impl::OnnxInlineFunctionsBase<OnnxInlineFunctions> {
  void runOnOperation() override;

private:
  /// Size of a function and of all that it calls, and how deep calls nest.
  struct Extent {
    uint64_t nodes = 0;
    uint64_t nameBytes = 0;
    unsigned depth = 0;
    bool open = true; // its measurement is not finished
  };
  FailureOr<Extent> measure(func::FuncOp function, unsigned depth);
  LogicalResult resolve(SmallVectorImpl<NodeOp> &calls);
  FailureOr<bool> isOperator(NodeOp call);
  FailureOr<Agreement> compareBody(NodeOp call, ArrayRef<ElementsAttr> known);
  LogicalResult inlineCall(NodeOp call, func::FuncOp function,
                           SmallVectorImpl<NodeOp> &calls);
  LogicalResult substitute(NodeOp node, NodeOp call, DictionaryAttr parameters,
                           StringRef function);
  func::FuncOp lookup(NodeOp call) {
    return functions.lookup(getCallee(call).getAttr());
  }

  DenseMap<StringAttr, func::FuncOp> functions;
  DenseMap<Operation *, Extent> extents;
  DenseMap<Attribute, bool> operators; // by function, attributes, arguments
};

} // namespace

FailureOr<OnnxInlineFunctions::Extent>
OnnxInlineFunctions::measure(func::FuncOp function, unsigned depth) {
  auto [found, isNew] = extents.try_emplace(function, Extent());
  if (!isNew) {
    if (!found->second.open)
      return found->second;
    mlir::onnx::emitModelError(function.getLoc())
        << "the model-local function '" << function.getName()
        << "' calls itself, directly or through others; ONNX does not allow "
           "recursion";
    return failure();
  }
  Extent extent;
  WalkResult result = function.walk([&](NodeOp node) {
    uint64_t name = mlir::onnx::describeLocation(node.getLoc()).node.size();
    ++extent.nodes;
    extent.nameBytes += name;
    if (!getCallee(node))
      return WalkResult::advance();
    func::FuncOp callee = lookup(node);
    if (!callee) {
      mlir::onnx::emitModelError(node.getLoc())
          << "the function '" << getCallee(node).getValue()
          << "' is not in the module";
      return WalkResult::interrupt();
    }
    if (depth == limits::kCallDepth) {
      mlir::onnx::emitModelError(node.getLoc())
          << "calls of model-local functions are nested deeper than "
          << limits::kCallDepth << " levels";
      return WalkResult::interrupt();
    }
    FailureOr<Extent> inner = measure(callee, depth + 1);
    if (failed(inner))
      return WalkResult::interrupt();
    extent.nodes += inner->nodes;
    extent.nameBytes += inner->nameBytes + (name + 1) * inner->nodes;
    extent.depth = std::max(extent.depth, inner->depth + 1);
    if (extent.nodes > limits::kInlinedNodes ||
        extent.nameBytes > limits::kInlinedNames ||
        extent.depth > limits::kCallDepth) {
      mlir::onnx::emitModelError(node.getLoc())
          << "with all model-local functions inlined the model has more than "
          << limits::kInlinedNodes << " nodes, names of more than "
          << limits::kInlinedNames << " bytes, or calls nested deeper than "
          << limits::kCallDepth << " levels";
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  extent.open = false;
  extents[function] = extent;
  return extent;
}

/// Replaces references to the parameters of the function by what the call
/// gives, or the default; leaves out what neither has.
LogicalResult OnnxInlineFunctions::substitute(NodeOp node, NodeOp call,
                                              DictionaryAttr parameters,
                                              StringRef function) {
  NamedAttrList attrs;
  bool changed = false;
  for (NamedAttribute attr : node.getAttrs()) {
    auto reference = dyn_cast<mlir::onnx::AttrRefAttr>(attr.getValue());
    if (!reference) {
      attrs.append(attr);
      continue;
    }
    changed = true;
    Attribute initial = parameters.get(reference.getName());
    if (!initial)
      return mlir::onnx::emitModelError(node.getLoc())
             << "attribute '" << attr.getName().getValue()
             << "' refers to the attribute '" << reference.getName().getValue()
             << "', which function '" << function << "' does not have";
    Attribute value = call.getAttrs().get(reference.getName());
    if (!value && !isa<UnitAttr>(initial))
      value = initial;
    if (value)
      attrs.append(attr.getName(), value);
  }
  if (!changed)
    return success();
  node.setAttrsAttr(attrs.getDictionary(&getContext()));
  return getCallee(node) ? success() : checkNode(node);
}

/// A Constant whose value came from an attribute of the call.
static LogicalResult formConstant(NodeOp node) {
  if (!node.getDomain().empty() || node.getOpType() != "Constant" ||
      node->getNumResults() != 1)
    return success();
  ElementsAttr value = mlir::onnx::getConstantValue(node.getAttrs());
  if (!value)
    return mlir::onnx::emitModelError(node.getLoc())
           << "a Constant must have exactly one attribute, of a numeric kind";
  OpBuilder builder(node);
  auto constant = mlir::onnx::ConstantOp::create(builder, node.getLoc(), value);
  node->replaceAllUsesWith(constant);
  node->erase();
  return success();
}

/// `name` within a call: the file and operator of the one, the names of both.
static Location prefixLocation(Location loc, StringRef prefix) {
  auto name = dyn_cast<NameLoc>(loc);
  if (!name)
    return loc;
  std::string full = (prefix + "/" + name.getName().getValue()).str();
  return NameLoc::get(StringAttr::get(loc.getContext(), full),
                      name.getChildLoc());
}

LogicalResult OnnxInlineFunctions::inlineCall(NodeOp call,
                                              func::FuncOp function,
                                              SmallVectorImpl<NodeOp> &calls) {
  Block &body = function.getBody().front();
  auto parameters =
      function->getAttrOfType<DictionaryAttr>(mlir::onnx::kParametersAttr);
  if (!parameters)
    parameters = DictionaryAttr::get(&getContext());
  if (!call.getSubgraphs().empty())
    return mlir::onnx::emitModelError(call.getLoc())
           << "a call of a model-local function has a graph as attribute, "
              "which is not supported";
  if (call.getInputs().size() > body.getNumArguments() ||
      call->getNumResults() > function.getNumResults())
    return mlir::onnx::emitModelError(call.getLoc())
           << "the call has " << call.getInputs().size() << " inputs and "
           << call->getNumResults() << " outputs; its function has "
           << body.getNumArguments() << " and " << function.getNumResults();

  OpBuilder builder(call);
  IRMapping mapping;
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    if (i < call.getInputs().size())
      mapping.map(argument, call.getInputs()[i]);
    else
      mapping.map(argument, mlir::onnx::NoneOp::create(builder, call.getLoc()));
  }
  StringRef prefix = mlir::onnx::describeLocation(call.getLoc()).node;
  SmallVector<NodeOp> nodes;
  for (Operation &op : body.without_terminator()) {
    Operation *clone = builder.clone(op, mapping);
    clone->walk([&](Operation *inner) {
      inner->setLoc(prefixLocation(inner->getLoc(), prefix));
      if (auto node = dyn_cast<NodeOp>(inner))
        nodes.push_back(node);
    });
  }
  for (auto [result, returned] :
       llvm::zip(call->getResults(), body.getTerminator()->getOperands()))
    result.replaceAllUsesWith(mapping.lookup(returned));
  for (NodeOp node : nodes) {
    if (failed(substitute(node, call, parameters, function.getName())))
      return failure();
    if (getCallee(node))
      calls.push_back(node);
    else if (failed(formConstant(node)))
      return failure();
  }
  call->erase();
  return success();
}

/// Compares a call's function with the operator of its name, in a graph of
/// their own whose arguments are the call's.
FailureOr<Agreement>
OnnxInlineFunctions::compareBody(NodeOp call, ArrayRef<ElementsAttr> known) {
  OpBuilder builder(&getContext());
  Type unknown = mlir::onnx::UnknownType::get(&getContext());
  SmallVector<Type> types(known.size(), unknown);
  OwningOpRef<func::FuncOp> graph = func::FuncOp::create(
      builder, call.getLoc(), "compared", builder.getFunctionType(types, {}));
  Block *block = graph->addEntryBlock();
  builder.setInsertionPointToStart(block);
  IRMapping mapping;
  unsigned next = 0;
  for (Value input : call.getInputs())
    if (!mapping.contains(input))
      mapping.map(
          input,
          input.getDefiningOp<mlir::onnx::NoneOp>()
              ? mlir::onnx::NoneOp::create(builder, call.getLoc()).getResult()
              : Value(block->getArgument(next++)));
  auto node = cast<NodeOp>(builder.clone(*call, mapping));
  node->removeAttr(mlir::onnx::kFunctionAttr);
  auto copy = cast<NodeOp>(builder.clone(*call, mapping));
  auto end = func::ReturnOp::create(builder, call.getLoc(), copy->getResults());
  SmallVector<NodeOp> calls;
  if (failed(inlineCall(copy, lookup(call), calls)) || failed(resolve(calls)))
    return failure();
  return compareWithOperator(node, end.getOperands(), known);
}

/// Whether an operator we know computes what the called function does.
FailureOr<bool> OnnxInlineFunctions::isOperator(NodeOp call) {
  const Operator *row = OperatorTable::get().find(call);
  std::string message;
  if (!row || !row->lower || !call.getSubgraphs().empty() ||
      failed(row->checkArity(call, message)))
    return false;
  // Small constants are arguments the operator may insist on: axes, shapes.
  constexpr int64_t kSmall = 4096;
  Builder builder(&getContext());
  SmallVector<ElementsAttr> known;
  SmallVector<Attribute> key{getCallee(call), call.getAttrsAttr(),
                             builder.getI64IntegerAttr(call->getNumResults())};
  llvm::SmallDenseMap<Value, unsigned> numbers;
  for (Value input : call.getInputs()) {
    auto [place, isNew] = numbers.try_emplace(input, numbers.size());
    key.push_back(builder.getI64IntegerAttr(place->second));
    if (!isNew)
      continue;
    auto constant = input.getDefiningOp<mlir::onnx::ConstantOp>();
    bool small = constant && constant.getValue().getNumElements() <= kSmall;
    bool none = input.getDefiningOp<mlir::onnx::NoneOp>();
    key.push_back(small  ? Attribute(constant.getValue())
                  : none ? Attribute(builder.getUnitAttr())
                         : Attribute(builder.getBoolAttr(false)));
    if (!none)
      known.push_back(small ? constant.getValue() : ElementsAttr());
  }
  Attribute whole = builder.getArrayAttr(key);
  if (auto found = operators.find(whole); found != operators.end())
    return found->second;
  FailureOr<Agreement> agreement = compareBody(call, known);
  if (failed(agreement))
    return failure();
  if (*agreement != Agreement::Same)
    emitWarning(call.getLoc())
        << "the model defines this operator as a function, which "
        << (*agreement == Agreement::Different ? "does not compute the same"
                                               : "cannot be compared with it")
        << "; the function is used";
  operators[whole] = *agreement == Agreement::Same;
  return *agreement == Agreement::Same;
}

LogicalResult OnnxInlineFunctions::resolve(SmallVectorImpl<NodeOp> &calls) {
  while (!calls.empty()) {
    NodeOp call = calls.pop_back_val();
    FailureOr<bool> stays = isOperator(call);
    if (failed(stays))
      return failure();
    if (*stays) {
      call->removeAttr(mlir::onnx::kFunctionAttr);
      if (failed(checkNode(call)))
        return failure();
    } else if (failed(inlineCall(call, lookup(call), calls))) {
      return failure();
    }
  }
  return success();
}

void OnnxInlineFunctions::runOnOperation() {
  ModuleOp module = getOperation();
  for (auto function : module.getOps<func::FuncOp>())
    functions[function.getSymNameAttr()] = function;

  for (auto function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (function.isPrivate() || function.isExternal())
      continue;
    if (failed(measure(function, 0)))
      return signalPassFailure();
    SmallVector<NodeOp> calls;
    function.walk([&](NodeOp node) {
      if (getCallee(node))
        calls.push_back(node);
    });
    if (failed(resolve(calls)))
      return signalPassFailure();
    // A body may have given a result its type.
    Operation *terminator = function.getBody().front().getTerminator();
    function.setType(
        FunctionType::get(&getContext(), function.getArgumentTypes(),
                          llvm::to_vector(terminator->getOperandTypes())));
  }
  for (auto function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (function->hasAttr(mlir::onnx::kParametersAttr))
      function.erase();
}
