//===- Graph.cpp - a read-only view of one graph at fixed sizes -----------===//

#include "lib/Raise/Graph.h"

#include "lib/Eval/Tensor.h"
#include "lib/Fold/ShapeInference.h"

using namespace mlir;

namespace ssmc {

Graph::Graph(func::FuncOp func, int64_t stretch,
             const llvm::StringSet<> &lengths)
    : Graph(func, stretch, lengths, {}) {}

Graph::Graph(func::FuncOp func, int64_t stretch,
             const llvm::StringSet<> &lengths,
             const llvm::StringMap<int64_t> &given)
    : func(func) {
  chooseBindings(stretch, lengths);
  auto bindGiven = [&] {
    for (const auto &binding : given)
      bindings[binding.getKey()] = binding.getValue();
  };
  bindGiven();
  valid = learnInnerSymbols();
  bindGiven();
  for (const auto &binding : bindings)
    constants.bindSymbol(binding.getKey(), binding.getValue());
  auto note = [&](Value value) {
    if (auto shape = bindType(value.getType()))
      shapes[value] = *shape;
  };

  Block &body = func.getBody().front();
  for (BlockArgument argument : body.getArguments()) {
    note(argument);
    dependent.insert(argument);
  }
  for (Operation &op : body.without_terminator()) {
    indices[&op] = nodes.size();
    nodes.push_back(&op);
    for (Value result : op.getResults())
      note(result);
    auto node = dyn_cast<onnx::NodeOp>(op);
    // The extents of a value are known even where its data is not.
    if (node && node.getDomain().empty() &&
        (node.getOpType() == "Shape" || node.getOpType() == "Size")) {
      bindExtents(node);
      continue;
    }
    if (op.getNumRegions() || llvm::any_of(op.getOperands(), [&](Value v) {
          return dependent.contains(v);
        }))
      dependent.insert_range(op.getResults());
    // What a body computes depends on how often it has run.
    for (Region &region : op.getRegions())
      region.walk<WalkOrder::PreOrder>([&](Block *block) {
        for (BlockArgument argument : block->getArguments()) {
          note(argument);
          dependent.insert(argument);
        }
        for (Operation &inner : *block) {
          for (Value result : inner.getResults())
            note(result);
          if (inner.getNumRegions() ||
              llvm::any_of(inner.getOperands(),
                           [&](Value v) { return dependent.contains(v); }))
            dependent.insert_range(inner.getResults());
        }
      });
  }
}

/// Gives the value of a Shape or Size node from the shape alone.
void Graph::bindExtents(onnx::NodeOp node) {
  auto shape = node.hasInput(0) ? getShape(node.getInputs()[0]) : std::nullopt;
  if (!shape || node->getNumResults() != 1)
    return;
  MLIRContext *context = node.getContext();
  if (node.getOpType() == "Size") {
    int64_t size = 1;
    for (int64_t extent : *shape)
      size *= extent;
    Tensor value = Tensor::integers(context, {size});
    return constants.bind(node->getResult(0), value.reshaped({}));
  }
  int64_t rank = shape->size();
  auto clamp = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  int64_t begin = clamp(node.getInt("start", 0));
  int64_t end = clamp(node.getInt("end", rank));
  constants.bind(
      node->getResult(0),
      Tensor::integers(context,
                       shape->slice(begin, std::max(begin, end) - begin)));
}

/// A symbol named by a number is that number: exporters name a dimension so
/// when they have fixed it. Others become small, pairwise different numbers.
void Graph::chooseBindings(int64_t stretch, const llvm::StringSet<> &lengths) {
  auto module = func->getParentOfType<ModuleOp>();
  auto names = module ? module->getAttrOfType<ArrayAttr>(onnx::kSymbolsAttr)
                      : ArrayAttr();
  if (!names)
    return;
  // The first dimension of an input is taken for a batch, where it is not known
  // to be a length: small. Any other may be a length: long enough for a
  // recurrence to show.
  llvm::StringSet<> leading;
  for (Type type : func.getArgumentTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      if (auto dims = dyn_cast_or_null<onnx::DimsAttr>(tensor.getEncoding()))
        if (tensor.getRank())
          if (auto symbol = dyn_cast<AffineSymbolExpr>(
                  dims.getMap().getValue().getResult(0)))
            if (symbol.getPosition() < dims.getSymbols().size())
              leading.insert(
                  cast<StringAttr>(dims.getSymbols()[symbol.getPosition()])
                      .getValue());
  // What another input of the rank has fixed at the same place is likely the
  // same, and a graph of which one input was traced is analysed at the trace.
  llvm::StringMap<int64_t> traced;
  for (Type type : func.getArgumentTypes()) {
    auto open = dyn_cast<RankedTensorType>(type);
    auto dims = open ? dyn_cast_or_null<onnx::DimsAttr>(open.getEncoding())
                     : onnx::DimsAttr();
    if (!dims)
      continue;
    for (Type other : func.getArgumentTypes()) {
      auto fixed = dyn_cast<RankedTensorType>(other);
      if (!fixed || fixed.getRank() != open.getRank() || fixed.getRank() < 2)
        continue;
      for (auto [d, extent] : llvm::enumerate(fixed.getShape()))
        if (auto symbol = dyn_cast<AffineSymbolExpr>(
                dims.getMap().getValue().getResult(d));
            symbol && extent > (d == 0 ? 0 : 1) &&
            symbol.getPosition() < dims.getSymbols().size())
          traced.try_emplace(
              cast<StringAttr>(dims.getSymbols()[symbol.getPosition()])
                  .getValue(),
              extent);
    }
  }
  int64_t batch = 2, length = 16 + stretch;
  for (Attribute attr : names) {
    auto name = dyn_cast<StringAttr>(attr);
    if (!name)
      continue;
    int64_t number;
    if (!name.getValue().getAsInteger(10, number) && number > 0)
      bindings[name.getValue()] = number;
    else if (auto known = traced.find(name.getValue()); known != traced.end())
      bindings[name.getValue()] = known->second;
    else if (leading.contains(name.getValue()) &&
             !lengths.contains(name.getValue()))
      bindings[name.getValue()] = batch++;
    else {
      bindings[name.getValue()] = length;
      length += 8;
    }
  }
}

/// The symbols in the extents of a type, by name.
static void collectNames(Type type, llvm::StringSet<> &names) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto dims = tensor ? dyn_cast_or_null<onnx::DimsAttr>(tensor.getEncoding())
                     : onnx::DimsAttr();
  if (!dims)
    return;
  for (auto [i, name] : llvm::enumerate(dims.getSymbols()))
    if (llvm::any_of(
            dims.getMap().getValue().getResults(),
            [&, i = i](AffineExpr e) { return e.isFunctionOfSymbol(i); }))
      names.insert(cast<StringAttr>(name).getValue());
}

/// Symbols that no input has stand for what nodes compute from the extents of
/// inputs, where that is no affine expression, or from data. What they are
/// under the binding is read off a copy of the graph with inputs of these
/// extents. A copy that is not valid at them tells of the nodes before the one
/// that is not. Returns whether it is.
bool Graph::learnInnerSymbols() {
  llvm::StringSet<> given, inner;
  for (Type type : func.getArgumentTypes())
    collectNames(type, given);
  if (given.empty())
    return true;
  Block &body = func.getBody().front();
  for (Operation &op : body)
    for (Type type : op.getResultTypes())
      collectNames(type, inner);
  for (const auto &name : given)
    inner.erase(name.getKey());

  MLIRContext *context = func.getContext();
  ScopedDiagnosticHandler silent(context, [](Diagnostic &) {});
  OwningOpRef<ModuleOp> module = ModuleOp::create(func.getLoc());
  (*module)->setAttrs(
      func->getParentOfType<ModuleOp>()->getDiscardableAttrDictionary());
  auto copy = cast<func::FuncOp>(func->clone());
  module->push_back(copy);
  for (BlockArgument argument : copy.getArguments())
    if (auto shape = bindType(argument.getType()))
      argument.setType(RankedTensorType::get(
          *shape, getElementTypeOrSelf(argument.getType())));
  ShapeInference inference(*module);
  bool isValid = succeeded(inference.run(copy, /*merge=*/false));
  for (auto [op, instance] : llvm::zip(body, copy.getBody().front()))
    for (auto [result, known] :
         llvm::zip(op.getResults(), instance.getResults())) {
      const ValueShape *shape = inference.shapeOf(known);
      auto type = dyn_cast<RankedTensorType>(result.getType());
      auto dims = type ? dyn_cast_or_null<onnx::DimsAttr>(type.getEncoding())
                       : onnx::DimsAttr();
      if (!shape || !dims ||
          dims.getMap().getValue().getNumResults() != shape->dims.size())
        continue;
      for (auto [extent, number] :
           llvm::zip(dims.getMap().getValue().getResults(), shape->dims)) {
        auto symbol = dyn_cast<AffineSymbolExpr>(extent);
        auto constant = constantExtent(number);
        if (!symbol || !constant ||
            symbol.getPosition() >= dims.getSymbols().size())
          continue;
        StringRef name =
            cast<StringAttr>(dims.getSymbols()[symbol.getPosition()])
                .getValue();
        if (inner.erase(name))
          bindings[name] = *constant;
      }
    }
  return isValid;
}

int64_t Graph::findStretch(func::FuncOp func,
                           const llvm::StringSet<> &lengths) {
  for (int64_t stretch : {0, 8, 16, 48, 112, 240})
    if (Graph(func, stretch, lengths).isValid())
      return stretch;
  return 0;
}

std::optional<SmallVector<int64_t, 4>> Graph::bindType(Type given) const {
  auto type = dyn_cast<RankedTensorType>(given);
  if (!type)
    return std::nullopt;
  SmallVector<int64_t, 4> shape(type.getShape());
  if (auto dims = dyn_cast_or_null<onnx::DimsAttr>(type.getEncoding())) {
    AffineMap map = dims.getMap().getValue();
    SmallVector<Attribute> symbols;
    Builder builder(type.getContext());
    for (Attribute name : dims.getSymbols())
      symbols.push_back(
          builder.getIndexAttr(getBinding(cast<StringAttr>(name).getValue())));
    symbols.resize(map.getNumSymbols(), builder.getIndexAttr(1));
    SmallVector<Attribute> extents;
    if (map.getNumDims() != 0 || map.getNumResults() != shape.size() ||
        failed(map.constantFold(symbols, extents)))
      return std::nullopt;
    for (auto [extent, attr] : llvm::zip(shape, extents))
      extent = cast<IntegerAttr>(attr).getInt();
  }
  if (llvm::any_of(shape, [](int64_t e) { return e < 0; }))
    return std::nullopt;
  return shape;
}

std::optional<int64_t> Graph::getExtent(AffineExpr extent) const {
  ModuleSymbols table(func->getParentOfType<ModuleOp>());
  SmallVector<AffineExpr> numbers;
  for (unsigned i = 0; i < table.size(); ++i)
    numbers.push_back(
        getAffineConstantExpr(getBinding(table.name(i)), extent.getContext()));
  return constantExtent(simplifyExtent(extent.replaceSymbols(numbers)));
}

int64_t Graph::getBinding(StringRef name) const {
  auto it = bindings.find(name);
  return it == bindings.end() ? 1 : it->second;
}

void Graph::bindSymbols(Evaluator &evaluator) const {
  for (const auto &binding : bindings)
    evaluator.bindSymbol(binding.getKey(), binding.getValue());
}

int64_t Graph::indexOf(Operation *op) const {
  auto it = indices.find(op);
  return it == indices.end() ? -1 : it->second;
}

std::optional<ArrayRef<int64_t>> Graph::getShape(Value value) const {
  auto it = shapes.find(value);
  if (it == shapes.end())
    return std::nullopt;
  return ArrayRef<int64_t>(it->second);
}

FailureOr<Tensor> Graph::evaluateOnce(Value value) const {
  if (dependsOnInput(value))
    return failure();
  auto isLarge = [&](Operation *op) {
    auto node = dyn_cast_or_null<onnx::NodeOp>(op);
    auto type = node ? dyn_cast<RankedTensorType>(node->getResult(0).getType())
                     : RankedTensorType();
    return type && !type.hasStaticShape();
  };
  SmallVector<Operation *> large;
  llvm::DenseSet<Operation *> seen;
  SmallVector<Value> worklist{value};
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (!isLarge(op) || !seen.insert(op).second)
      continue;
    large.push_back(op);
    llvm::append_range(worklist, op->getOperands());
  }
  llvm::sort(large, [&](Operation *a, Operation *b) {
    return indexOf(a) < indexOf(b);
  });
  llvm::DenseMap<Value, Operation *> lastReaders;
  for (Operation *op : large)
    for (Value operand : op->getOperands())
      lastReaders[operand] = op;
  Evaluator evaluator;
  bindSymbols(evaluator);
  for (Operation *op : large) {
    for (Value operand : op->getOperands()) {
      if (isa<NoneType>(operand.getType()) || isLarge(operand.getDefiningOp()))
        continue;
      FailureOr<Tensor> small = evaluateConstant(operand);
      if (failed(small))
        return failure();
      evaluator.bind(operand, *small);
    }
    if (failed(evaluator.run(op)))
      return failure();
    for (Value operand : op->getOperands())
      if (operand != value && lastReaders.lookup(operand) == op)
        evaluator.forget(operand);
  }
  return large.empty() ? evaluateConstant(value) : evaluator.get(value);
}

FailureOr<Tensor> Graph::evaluateConstant(Value value) const {
  if (dependsOnInput(value))
    return failure();
  std::lock_guard lock(constantsMutex);
  return constants.get(value);
}

} // namespace ssmc
