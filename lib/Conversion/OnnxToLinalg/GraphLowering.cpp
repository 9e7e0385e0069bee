//===- GraphLowering.cpp - builds the lowered form of a graph -------------===//

#include "lib/Conversion/OnnxToLinalg/GraphLowering.h"

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/ssm/SsmOps.h"
#include "lib/Operators/ExtentBounds.h"
#include "lib/Operators/IndexLowering.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace ssmc;

Type ssmc::eraseEncoding(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return type;
  Type element = tensor.getElementType();
  if (auto integer = dyn_cast<IntegerType>(element))
    element = IntegerType::get(type.getContext(), integer.getWidth());
  return RankedTensorType::get(tensor.getShape(), element);
}

// A constant under its type without signs.
static ElementsAttr eraseSigns(ElementsAttr value) {
  auto type = cast<ShapedType>(eraseEncoding(value.getType()));
  if (type == value.getType())
    return value;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  if (auto dense = dyn_cast<DenseElementsAttr>(value))
    return dense.bitcast(type.getElementType());
  return value;
}

namespace ssmc {
/// One node as its lowering sees it.
class NodeLowering : public LowerContext {
public:
  NodeLowering(onnx::NodeOp node, GraphLowering &driver)
      : LowerContext(node, driver.builder), results(node->getNumResults()),
        driver(driver) {}

  Value input(unsigned i) const override {
    if (!onnx::NodeOp(node).hasInput(i))
      return {};
    return driver.values.lookupOrNull(node->getOperand(i));
  }
  ElementsAttr constant(unsigned i) const override {
    if (!onnx::NodeOp(node).hasInput(i))
      return {};
    return driver.inference.constantOf(node->getOperand(i));
  }
  std::optional<SmallVector<AffineExpr>>
  knownElements(unsigned i) const override {
    if (!onnx::NodeOp(node).hasInput(i))
      return std::nullopt;
    auto known = driver.inference.elementsOf(node->getOperand(i));
    if (!known)
      return std::nullopt;
    return SmallVector<AffineExpr>(*known);
  }
  RankedTensorType resultType(unsigned i) const override {
    return cast<RankedTensorType>(eraseEncoding(node->getResult(i).getType()));
  }
  OpFoldResult materialize(AffineExpr expr) override {
    return driver.materialize(loc(), expr);
  }
  OpFoldResult resultDim(unsigned i, unsigned d) override {
    const ValueShape *shape = driver.inference.shapeOf(node->getResult(i));
    return shape && d < shape->dims.size() ? materialize(shape->dims[d])
                                           : OpFoldResult();
  }
  Value emptyResult(unsigned i) override {
    SmallVector<OpFoldResult> sizes;
    for (int64_t d = 0; d < resultType(i).getRank(); ++d)
      sizes.push_back(resultDim(i, d));
    if (llvm::is_contained(sizes, OpFoldResult()))
      return {};
    return tensor::EmptyOp::create(builder, loc(), sizes,
                                   resultType(i).getElementType());
  }
  void setResult(unsigned i, Value value) override { results[i] = value; }

  FailureOr<SmallVector<Value>> lowerRegion(unsigned region,
                                            ValueRange arguments,
                                            OpBuilder &nested) override {
    if (region >= node->getNumRegions() ||
        !node->getRegion(region).hasOneBlock())
      return error("lacks subgraph " + Twine(region));
    Block &block = node->getRegion(region).front();
    if (block.getNumArguments() != arguments.size())
      return error("has a subgraph with other inputs than it needs");
    // What the region binds is known inside of it only.
    auto outer = driver.symbolValues;
    llvm::scope_exit restore([&] { driver.symbolValues = std::move(outer); });
    OpBuilder::InsertPoint saved = driver.builder.saveInsertionPoint();
    driver.builder.restoreInsertionPoint(nested.saveInsertionPoint());
    for (auto [argument, value] : llvm::zip(block.getArguments(), arguments)) {
      driver.values.map(argument, value);
      driver.bindSymbols(argument, value);
    }
    LogicalResult lowered = driver.lowerOps(block);
    nested.restoreInsertionPoint(driver.builder.saveInsertionPoint());
    if (&nested != &driver.builder)
      driver.builder.restoreInsertionPoint(saved);
    if (failed(lowered))
      return failure();
    SmallVector<Value> yielded;
    for (Value value : block.getTerminator()->getOperands())
      yielded.push_back(driver.values.lookup(value));
    return yielded;
  }

  SmallVector<Value> results;

private:
  GraphLowering &driver;
};
} // namespace ssmc

OpFoldResult GraphLowering::materialize(Location loc, AffineExpr expr) {
  bool known = true;
  expr.walk([&](AffineExpr part) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
      known &= symbolValues.contains(symbol.getPosition());
  });
  if (!known)
    return {};
  return materializeExtent(builder, loc, expr, [&](unsigned position) {
    return symbolValues.lookup(position);
  });
}

// "dimension 1 of input 'x' and dimension 2 of input 'past'"
static std::string describeAxes(func::FuncOp graph, const ExtentBound &bound) {
  std::string text;
  for (auto [argument, axis] : bound.axes) {
    auto name = graph.getArgAttrOfType<StringAttr>(argument, onnx::kNameAttr);
    text += (text.empty() ? "dimension " : " and dimension ") +
            std::to_string(axis) + " of input '" +
            (name ? name.str() : "input" + std::to_string(argument)) + "'";
  }
  return text + (bound.axes.size() > 1 ? " together" : "");
}

// Extents of `value` that are symbols of no known value are those of `lowered`.
void GraphLowering::bindSymbols(Value value, Value lowered) {
  const ValueShape *shape = inference.shapeOf(value);
  if (!shape || !isa<RankedTensorType>(lowered.getType()))
    return;
  for (auto [d, dim] : llvm::enumerate(shape->dims)) {
    auto symbol = dyn_cast<AffineSymbolExpr>(dim);
    if (symbol && !symbolValues.contains(symbol.getPosition()))
      symbolValues[symbol.getPosition()] =
          tensor::DimOp::create(builder, value.getLoc(), lowered, d);
  }
}

// Shape arithmetic is not computed from tensors: its elements are expressions.
bool GraphLowering::lowerByElements(onnx::NodeOp node) {
  for (Value result : node->getResults()) {
    auto known = inference.elementsOf(result);
    auto type = dyn_cast<RankedTensorType>(eraseEncoding(result.getType()));
    if (!known || !type || !type.hasStaticShape() || known->empty() ||
        type.getNumElements() != static_cast<int64_t>(known->size()))
      return false;
  }
  SmallVector<Value> lowered;
  Location loc = node.getLoc();
  for (Value result : node->getResults()) {
    auto type = cast<RankedTensorType>(eraseEncoding(result.getType()));
    if (ElementsAttr constant = inference.constantOf(result)) {
      lowered.push_back(
          arith::ConstantOp::create(builder, loc, type, eraseSigns(constant)));
      continue;
    }
    SmallVector<Value> elements;
    ArrayRef<AffineExpr> exprs = *inference.elementsOf(result);
    for (AffineExpr expr : exprs) {
      OpFoldResult value = materialize(loc, expr);
      if (!value)
        return false;
      elements.push_back(
          arith::IndexCastOp::create(builder, loc, type.getElementType(),
                                     indexValue(builder, loc, value)));
    }
    lowered.push_back(
        tensor::FromElementsOp::create(builder, loc, type, elements));
  }
  values.map(node->getResults(), lowered);
  return true;
}

LogicalResult GraphLowering::lowerNode(onnx::NodeOp node) {
  if (node->getNumResults() > 0 && lowerByElements(node))
    return success();
  NodeLowering context(node, *this);
  const Operator *row = OperatorTable::get().find(node);
  if (!row || !row->lower)
    return context.error("this operator cannot be compiled");
  std::string message;
  if (failed(row->checkArity(node, message)))
    return context.error(message);
  // Extents that only the data decides; those of the inputs are checked when
  // they are bound.
  for (const auto &[a, b, where] : inference.equalitiesOf(node)) {
    OpFoldResult found = context.materialize(a),
                 expected = context.materialize(b);
    if (found && expected)
      checkEqual(builder, node.getLoc(), found, expected,
                 "extents that must be equal differ");
  }
  if (failed(row->lower(context)))
    return failure();
  for (auto [i, result] : llvm::enumerate(node->getResults())) {
    Value lowered = context.results[i];
    if (!lowered) {
      if (result.use_empty())
        continue;
      return context.error("has no lowering for its output " + Twine(i));
    }
    values.map(result,
               castTo(builder, node.getLoc(), lowered, context.resultType(i)));
    bindSymbols(result, values.lookup(result));
  }
  return success();
}

void GraphLowering::copy(Operation &op) {
  Operation *clone = builder.clone(op, values);
  for (Value result : clone->getResults())
    result.setType(eraseEncoding(result.getType()));
}

LogicalResult GraphLowering::lowerOp(Operation &op) {
  if (auto node = dyn_cast<onnx::NodeOp>(op))
    return lowerNode(node);
  if (auto constant = dyn_cast<onnx::ConstantOp>(op)) {
    Value value = arith::ConstantOp::create(
        builder, op.getLoc(), cast<TypedAttr>(eraseSigns(constant.getValue())));
    values.map(constant.getResult(), value);
    return success();
  }
  if (auto symbol = dyn_cast<onnx::SymbolOp>(op)) {
    auto expr = inference.getSymbols().get(symbol.getName());
    OpFoldResult value = materialize(op.getLoc(), expr);
    if (!value)
      return op.emitError() << "the dimension '" << symbol.getName()
                            << "' is not one of the inputs'";
    values.map(symbol.getResult(), indexValue(builder, op.getLoc(), value));
    return success();
  }
  if (!isa<onnx::NoneOp>(op))
    copy(op);
  return success();
}

LogicalResult GraphLowering::lowerOps(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(lowerOp(op)))
      return failure();
  return success();
}

Value GraphLowering::lowerResult(func::FuncOp graph, unsigned number,
                                 ArrayRef<AffineExpr> extents) {
  Value source = graph.getBody().front().getTerminator()->getOperand(number);
  Value value = values.lookup(source);
  auto inferred = typeExtents(cast<RankedTensorType>(source.getType()));
  if (succeeded(inferred) && ArrayRef(*inferred) == extents)
    return value;
  // What the data decides is held to what is declared. A copy behind the check
  // keeps it from being computed in the place of the result before.
  Location loc = source.getLoc();
  SmallVector<OpFoldResult> sizes;
  for (auto [d, extent] : llvm::enumerate(extents)) {
    sizes.push_back(materialize(loc, extent));
    if ((*inferred)[d] != extent)
      checkEqual(builder, loc, tensor::getMixedSize(builder, loc, value, d),
                 sizes.back(),
                 "dimension " + std::to_string(d) +
                     " of an output is not what the model says");
  }
  Value empty =
      tensor::EmptyOp::create(builder, loc, sizes, getElementTypeOrSelf(value));
  return linalg::CopyOp::create(builder, loc, value, empty).getResult(0);
}

LogicalResult GraphLowering::checkBounds(func::FuncOp graph) {
  FailureOr<SmallVector<ExtentBound>> bounds = readExtentBounds(graph);
  if (failed(bounds))
    return failure();
  Location loc = graph.getLoc();
  for (const ExtentBound &bound : *bounds) {
    AffineExpr extent = bound.extent(
        graph, [&](Value value) { return inference.shapeOf(value); });
    std::string what = describeAxes(graph, bound) + " may have at most " +
                       std::to_string(bound.most) +
                       " tokens, as tables of the model end there";
    if (auto number = constantExtent(extent)) {
      if (*number > bound.most)
        return onnx::emitModelError(loc)
               << what << ", not " << *number
               << ": ask for fewer with --dim, or export the model with more";
      continue;
    }
    OpFoldResult found = materialize(loc, extent);
    if (!found)
      return graph.emitError("has a bound of extents that are not known");
    Value count = indexValue(builder, loc, found);
    checkEqual(builder, loc, count,
               arith::MinSIOp::create(builder, loc, count,
                                      indexConstant(builder, loc, bound.most))
                   .getResult(),
               what);
  }
  return success();
}

func::FuncOp GraphLowering::run(func::FuncOp graph) {
  OpBuilder::InsertionGuard guard(builder);
  MLIRContext *context = graph.getContext();
  Block &body = graph.getBody().front();
  auto extents = resultExtents(graph, inference.getSymbols());
  if (failed(extents))
    return {};
  DictionaryAttr signature =
      buildSignature(graph, inference.getSymbols(), *extents);
  if (!signature)
    return {};
  auto erased = [](TypeRange types) {
    return llvm::map_to_vector(types, eraseEncoding);
  };
  FunctionType type = graph.getFunctionType();
  builder.setInsertionPoint(graph);
  auto lowered =
      func::FuncOp::create(builder, graph.getLoc(), graph.getName(),
                           FunctionType::get(context, erased(type.getInputs()),
                                             erased(type.getResults())));
  lowered->setAttrs(graph->getAttrs());
  lowered.setFunctionType(FunctionType::get(context, erased(type.getInputs()),
                                            erased(type.getResults())));
  lowered->setAttr("ssm.signature", signature);
  Block *entry = lowered.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  for (Attribute name : signature.getAs<ArrayAttr>("symbols")) {
    StringRef symbol = cast<StringAttr>(name).getValue();
    auto expr = cast<AffineSymbolExpr>(inference.getSymbols().get(symbol));
    symbolValues[expr.getPosition()] =
        onnx::SymbolOp::create(builder, graph.getLoc(), symbol);
  }
  values.map(body.getArguments(), entry->getArguments());
  SmallVector<Value> results;
  dropExtentBounds(lowered);
  if (failed(checkBounds(graph)) || failed(lowerOps(body))) {
    lowered.erase();
    return {};
  }
  for (auto [i, dims] : llvm::enumerate(*extents))
    results.push_back(lowerResult(graph, i, dims));
  func::ReturnOp::create(builder, graph.getLoc(), results);
  lowered.setFunctionType(FunctionType::get(context, erased(type.getInputs()),
                                            ValueRange(results).getTypes()));
  return lowered;
}
