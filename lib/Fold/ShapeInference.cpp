//===- ShapeInference.cpp - shapes of every value of a graph --------------===//

#include "lib/Fold/ShapeInference.h"
#include "dialects/onnx/OnnxLocation.h"

#include "dialects/onnx/OnnxShape.h"
#include "dialects/ssm/SsmOps.h"
#include "lib/Fold/MixerShapes.h"

using namespace mlir;
using namespace ssmc;

namespace ssmc {
/// One node as its shape rule sees it.
class NodeInference : public InferContext {
public:
  NodeInference(onnx::NodeOp node, ShapeInference &driver) : driver(driver) {
    this->node = node;
    collectReusable();
  }

  const ValueShape &input(unsigned i) const override {
    static const ValueShape none;
    const ValueShape *shape = driver.shapeOf(node->getOperand(i));
    return shape ? *shape : none;
  }
  std::optional<ArrayRef<AffineExpr>> elements(unsigned i) const override {
    return driver.elementsOf(node->getOperand(i));
  }
  ElementsAttr constant(unsigned i) const override {
    return driver.constantOf(node->getOperand(i));
  }

  void setResult(unsigned i, Type elementType,
                 ArrayRef<AffineExpr> dims) override {
    if (i >= node->getNumResults())
      return;
    results.resize(std::max<size_t>(results.size(), i + 1));
    results[i] = ValueShape{elementType, SmallVector<AffineExpr>(dims)};
  }
  void setElements(unsigned i, ArrayRef<AffineExpr> elements) override {
    if (i >= node->getNumResults() || elements.size() > kMaxElements)
      return;
    Value result = node->getResult(i);
    auto &known = driver.elements[result];
    known.clear();
    for (AffineExpr element : elements)
      known.push_back(simplifyExtent(element));
  }

  AffineExpr freshSymbol(StringRef hint) override {
    ShapeInference::Origin origin{node, hint, asked[hint]++};
    if (AffineExpr known = driver.stated.lookup(origin))
      return known;
    AffineExpr symbol = takeSymbol(hint);
    driver.origins[cast<AffineSymbolExpr>(symbol).getPosition()] = origin;
    return symbol;
  }

  AffineExpr takeSymbol(StringRef hint) {
    // The same symbol as at the last time, where this node was visited before.
    for (auto *it = reusable.begin(); it != reusable.end(); ++it)
      if (driver.symbols.name(*it).starts_with(hint)) {
        unsigned position = *it;
        reusable.erase(it);
        return getAffineSymbolExpr(position, getContext());
      }
    return driver.symbols.fresh(hint);
  }

  void requireEqual(AffineExpr a, AffineExpr b) override {
    a = simplifyExtent(a);
    b = simplifyExtent(b);
    if (a != b)
      driver.equalities[node].push_back({a, b, node});
  }

  FailureOr<SmallVector<ValueShape>>
  inferRegion(unsigned region, ArrayRef<ValueShape> arguments) override {
    if (region >= node->getNumRegions() ||
        !node->getRegion(region).hasOneBlock())
      return error("lacks subgraph " + Twine(region));
    Block &block = node->getRegion(region).front();
    if (block.getNumArguments() != arguments.size())
      return error("has a subgraph of " + Twine(block.getNumArguments()) +
                   " inputs where " + Twine(arguments.size()) + " are needed");
    for (auto [argument, shape] : llvm::zip(block.getArguments(), arguments)) {
      driver.elements.erase(argument);
      if (failed(driver.setShape(argument, shape)))
        return failure();
    }
    if (failed(driver.visitBlock(block)))
      return failure();
    SmallVector<ValueShape> yielded;
    for (Value value : block.getTerminator()->getOperands()) {
      const ValueShape *shape = driver.shapeOf(value);
      if (!shape)
        return error("has a subgraph that yields a value without a shape");
      yielded.push_back(*shape);
    }
    return yielded;
  }

  llvm::DenseSet<int64_t> &notes() override { return driver.notes[node]; }

  static constexpr size_t kMaxElements = 64;
  SmallVector<ValueShape> results;

private:
  void collectReusable() {
    for (Value result : node->getResults()) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type || type.hasStaticShape())
        continue;
      std::optional<ValueShape> shape = driver.symbols.shapeOf(type, "");
      for (AffineExpr dim : shape->dims)
        if (auto symbol = dyn_cast<AffineSymbolExpr>(dim))
          if (!driver.defined.contains(symbol.getPosition()))
            reusable.push_back(symbol.getPosition());
    }
  }

  ShapeInference &driver;
  SmallVector<unsigned> reusable;
  llvm::StringMap<unsigned> asked;
};
} // namespace ssmc

const ValueShape *ShapeInference::shapeOf(Value value) const {
  auto it = shapes.find(value);
  return it == shapes.end() ? nullptr : &it->second;
}

std::optional<ArrayRef<AffineExpr>>
ShapeInference::elementsOf(Value value) const {
  auto it = elements.find(value);
  if (it == elements.end())
    return std::nullopt;
  return ArrayRef<AffineExpr>(it->second);
}

ElementsAttr ShapeInference::constantOf(Value value) const {
  if (auto constant = value.getDefiningOp<onnx::ConstantOp>())
    return constant.getValue();
  auto known = elementsOf(value);
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!known || !type || !type.hasStaticShape() ||
      type.getNumElements() != static_cast<int64_t>(known->size()))
    return nullptr;
  auto integer = dyn_cast<IntegerType>(type.getElementType());
  if (!integer)
    return nullptr;
  SmallVector<APInt> values;
  for (AffineExpr element : *known) {
    std::optional<int64_t> constant = constantExtent(element);
    if (!constant)
      return nullptr;
    values.push_back(APInt(integer.getWidth(), *constant, /*isSigned=*/true,
                           /*implicitTrunc=*/true));
  }
  return DenseElementsAttr::get(type, values);
}

void ShapeInference::define(const ValueShape &shape) {
  for (AffineExpr dim : shape.dims)
    dim.walk([&](AffineExpr part) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
        defined.insert(symbol.getPosition());
    });
}

LogicalResult ShapeInference::checkLimits(Value value,
                                          const ValueShape &shape) {
  SmallVector<int64_t> extents;
  for (AffineExpr dim : shape.dims) {
    std::optional<int64_t> extent = constantExtent(dim);
    extents.push_back(extent.value_or(ShapedType::kDynamic));
    if (extent == ShapedType::kDynamic)
      extents.back() = -1;
  }
  auto message = onnx::checkLimits(shape.elementType, extents);
  if (!message)
    return success();
  return onnx::emitModelError(value.getLoc()) << "a value " << *message;
}

LogicalResult ShapeInference::setShape(Value value, ValueShape shape) {
  for (AffineExpr &dim : shape.dims)
    dim = simplifyExtent(dim);
  if (failed(checkLimits(value, shape)))
    return failure();
  define(shape);
  value.setType(symbols.typeOf(shape));
  shapes[value] = std::move(shape);
  return success();
}

// The shape that the type of `value` states.
LogicalResult ShapeInference::adoptType(Value value, StringRef hint) {
  std::optional<ValueShape> shape = symbols.shapeOf(value.getType(), hint);
  if (!shape)
    return success();
  if (failed(checkLimits(value, *shape)))
    return failure();
  define(*shape);
  value.setType(symbols.typeOf(*shape));
  shapes[value] = std::move(*shape);
  return success();
}

LogicalResult ShapeInference::visitNode(onnx::NodeOp node) {
  NodeInference context(node, *this);
  const Operator *row = OperatorTable::get().find(node);
  if (!row || !row->infer)
    return context.error("this operator is not supported");
  std::string message;
  if (failed(row->checkArity(node, message)))
    return context.error(message);
  for (auto [i, input] : llvm::enumerate(node.getInputs()))
    if (node.hasInput(i) && !shapeOf(input))
      return context.error("has input " + Twine(i) + " without a shape");
  if (auto *it = equalities.find(node); it != equalities.end())
    it->second.clear();
  for (Value result : node->getResults())
    elements.erase(result);
  if (failed(row->infer(context)))
    return failure();
  for (auto [i, result] : llvm::enumerate(node->getResults())) {
    if (i >= context.results.size() || !context.results[i].elementType) {
      if (result.use_empty())
        continue;
      return context.error("has no shape for output " + Twine(i));
    }
    if (failed(setShape(result, context.results[i])))
      return failure();
    wrapElements(result);
  }
  return success();
}

// Elements are computed as 64-bit integers. In narrower types constants wrap
// around; of expressions only extents in 32 bits are taken to fit.
void ShapeInference::wrapElements(Value value) {
  auto it = elements.find(value);
  auto type = dyn_cast<IntegerType>(getElementTypeOrSelf(value.getType()));
  if (it == elements.end() || (type && type.getWidth() >= 64))
    return;
  for (AffineExpr &element : it->second) {
    std::optional<int64_t> constant = constantExtent(element);
    if (!type || (!constant && type.getWidth() < 32))
      return void(elements.erase(it));
    if (constant)
      element = getAffineConstantExpr(wrapInteger(*constant, type),
                                      value.getContext());
  }
}

LogicalResult ShapeInference::visit(Operation &op) {
  if (auto node = dyn_cast<onnx::NodeOp>(op))
    return visitNode(node);
  if (auto constant = dyn_cast<onnx::ConstantOp>(op)) {
    if (failed(adoptType(constant, "")))
      return failure();
    ElementsAttr value = constant.getValue();
    if (value.getShapedType().getRank() > 1 ||
        !isa<IntegerType>(value.getElementType()) ||
        value.getNumElements() >
            static_cast<int64_t>(NodeInference::kMaxElements))
      return success();
    FailureOr<Tensor> tensor = Tensor::fromAttr(value);
    if (succeeded(tensor))
      elements[constant] =
          getAffineConstantExprs(tensor->ints(), op.getContext());
    return success();
  }
  if (isa<DestinationStyleOpInterface>(op) &&
      op.getDialect()->getNamespace() == ssm::SsmDialect::getDialectNamespace())
    return visitMixer(op);
  return adoptResults(op);
}

// What an op that is no node gives has the type it says.
LogicalResult ShapeInference::adoptResults(Operation &op) {
  for (Value result : op.getResults())
    if (failed(adoptType(result, "dim")))
      return failure();
  return success();
}

LogicalResult ShapeInference::visitBlock(Block &block) {
  // A mixer may give its destination another type in front of it.
  for (Operation &op : llvm::make_early_inc_range(block))
    if (failed(visit(op)))
      return failure();
  return success();
}

LogicalResult ShapeInference::visitMixer(Operation &op) {
  FailureOr<SmallVector<SmallVector<AffineExpr>>> extents =
      mixerExtents(op, [&](Value value) -> ArrayRef<AffineExpr> {
        const ValueShape *shape = shapeOf(value);
        return shape ? ArrayRef<AffineExpr>(shape->dims)
                     : ArrayRef<AffineExpr>();
      });
  if (failed(extents))
    return adoptResults(op);
  MutableOperandRange inits =
      cast<DestinationStyleOpInterface>(op).getDpsInitsMutable();
  for (auto [i, dims] : llvm::enumerate(*extents)) {
    Type element = getElementTypeOrSelf(inits[i].get().getType());
    if (failed(retypeDestination(inits[i], {element, dims}, symbols)))
      return failure();
    if (failed(adoptType(inits[i].get(), "dim")))
      return failure();
    if (i < op.getNumResults() &&
        failed(setShape(op.getResult(i), {element, dims})))
      return failure();
  }
  return success();
}

// What a body asks for holds only where it runs.
SmallVector<ShapeInference::Equality> ShapeInference::getEqualities() const {
  SmallVector<Equality> all;
  for (auto &[op, ofNode] : equalities)
    if (isa<func::FuncOp>(op->getParentOp()))
      llvm::append_range(all, ofNode);
  return all;
}

/// Larger factors come from no shape.
static constexpr int64_t kMaxFactor = int64_t(1) << 40;

static void collectSymbols(AffineExpr expr, DenseSet<unsigned> &symbols) {
  expr.walk([&](AffineExpr part) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
      symbols.insert(symbol.getPosition());
  });
}

// What `symbol` must be for `sum` to be zero: -rest / c, where the sum is
// c * symbol + rest. Null where it is not, or the quotient no expression.
static AffineExpr solve(AffineExpr sum, AffineExpr symbol) {
  AffineExpr rest = simplifyExtent(
      sum.replace(symbol, getAffineConstantExpr(0, sum.getContext())));
  AffineExpr one =
      sum.replace(symbol, getAffineConstantExpr(1, sum.getContext()));
  std::optional<int64_t> factor = constantExtent(simplifyExtent(one - rest));
  if (!factor || *factor == 0 || *factor < -kMaxFactor ||
      *factor > kMaxFactor ||
      constantExtent(simplifyExtent(sum - symbol * *factor - rest)) != 0)
    return nullptr;
  if (*factor == 1 || *factor == -1)
    return simplifyExtent(rest * -*factor);
  std::optional<int64_t> value = constantExtent(rest);
  if (!value || *value % *factor != 0)
    return nullptr;
  return getAffineConstantExpr(-(*value / *factor), sum.getContext());
}

// Writes a symbol of the inputs as what it must be for an equality to hold, in
// the types of the inputs: the last symbol that can be, so that the names of
// the first input stay. False where nothing is left that can be replaced, such
// as extents that the data decides.
bool ShapeInference::replaceEqual(Block &body) {
  DenseSet<unsigned> given;
  for (BlockArgument argument : body.getArguments())
    for (AffineExpr dim : shapes[argument].dims)
      collectSymbols(dim, given);
  SmallVector<unsigned> last(given.begin(), given.end());
  llvm::sort(last, std::greater<>());
  for (const Equality &equality : getEqualities()) {
    AffineExpr sum = simplifyExtent(equality.a - equality.b);
    DenseSet<unsigned> used;
    collectSymbols(sum, used);
    if (!llvm::all_of(used, [&](unsigned s) { return given.contains(s); }))
      continue;
    for (unsigned position : last) {
      AffineExpr symbol = getAffineSymbolExpr(position, sum.getContext());
      AffineExpr value = used.contains(position) ? solve(sum, symbol) : nullptr;
      if (!value)
        continue;
      for (BlockArgument argument : body.getArguments()) {
        ValueShape shape = shapes[argument];
        for (AffineExpr &dim : shape.dims)
          dim = simplifyExtent(dim.replace(symbol, value));
        argument.setType(symbols.typeOf(shape));
      }
      return true;
    }
  }
  return false;
}

// Takes extents of the results that only data decides to be the numbers, or the
// dimensions of inputs, that the model declares. False where there is nothing
// to learn any more.
bool ShapeInference::adoptDeclared(func::FuncOp function) {
  Block &body = function.getBody().front();
  DenseSet<unsigned> given;
  for (BlockArgument argument : body.getArguments())
    for (AffineExpr dim : shapes[argument].dims)
      collectSymbols(dim, given);
  bool adopted = false;
  for (auto [i, value] : llvm::enumerate(body.getTerminator()->getOperands())) {
    auto declared =
        function.getResultAttrOfType<TypeAttr>(i, onnx::kDeclaredAttr);
    auto type = declared ? dyn_cast<RankedTensorType>(declared.getValue())
                         : RankedTensorType();
    const ValueShape *shape = shapeOf(value);
    if (!type || !shape || type.getRank() != int64_t(shape->dims.size()))
      continue;
    for (auto [d, dim] : llvm::enumerate(shape->dims)) {
      AffineExpr extent = getAffineConstantExpr(0, dim.getContext());
      if (!type.isDynamicDim(d))
        extent = extent + type.getDimSize(d);
      else if (type.getEncoding())
        extent = symbols.shapeOf(type, "")->dims[d];
      else
        continue;
      DenseSet<unsigned> used, stating;
      collectSymbols(dim, used);
      collectSymbols(extent, stating);
      if (used.size() != 1 || given.contains(*used.begin()) ||
          !llvm::all_of(stating, [&](unsigned s) { return given.contains(s); }))
        continue;
      auto origin = origins.find(*used.begin());
      if (origin == origins.end() || stated.contains(origin->second))
        continue;
      AffineExpr known =
          solve(simplifyExtent(dim - extent),
                getAffineSymbolExpr(*used.begin(), dim.getContext()));
      if (!known || constantExtent(known).value_or(0) < 0)
        continue;
      stated[origin->second] = known;
      adopted = true;
    }
  }
  return adopted;
}

LogicalResult ShapeInference::run(func::FuncOp function, bool merge) {
  if (function.isExternal())
    return success();
  if (!function.getBody().hasOneBlock())
    return onnx::emitModelError(function.getLoc()) << "expected one block";
  Block &body = function.getBody().front();
  do {
    equalities.clear();
    elements.clear();
    for (BlockArgument argument : body.getArguments()) {
      if (failed(adoptType(argument, "dim")))
        return failure();
      if (!shapeOf(argument))
        return onnx::emitModelError(function.getLoc())
               << "input " << argument.getArgNumber() << " has no known shape";
    }
    if (failed(visitBlock(body)))
      return failure();
  } while (merge && (replaceEqual(body) || adoptDeclared(function)));
  function.setFunctionType(
      FunctionType::get(function.getContext(), body.getArgumentTypes(),
                        body.getTerminator()->getOperandTypes()));
  symbols.store();
  return success();
}
