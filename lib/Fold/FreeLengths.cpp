//===- FreeLengths.cpp - pass onnx-free-lengths ---------------------------===//
//
// A traced graph has its batch and length written into constants: targets of
// Reshape and Expand, ends of Slice, zeros. The axis analysis knows which axes
// of every value are batch and time at the traced size, and so what each extent
// must become. Constants that say otherwise are rewritten, the arguments
// retyped and shapes inferred again; then every extent is compared with what it
// must be. Where one still is the traced number, that node forbids the request
// and is named. Nothing is assumed: a node without a rewrite below is caught by
// the comparison.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/LengthRequest.h"
#include "lib/Fold/Passes.h"
#include "lib/Fold/Rewrites.h"
#include "lib/Fold/ShapeInference.h"
#include "lib/Operators/Indexing.h"
#include "lib/Raise/AxisAnalysis.h"
#include "llvm/ADT/StringSet.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXFREELENGTHS
#include "lib/Fold/FoldPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {
/// Rewrites one graph; see the head of the file.
class LengthFreeing {
public:
  LengthFreeing(func::FuncOp graph, ShapeInference &before)
      : graph(graph), before(before), symbols(before.getSymbols()),
        b(graph.getContext()) {}

  LogicalResult run(ArrayRef<LengthRequest> requests);

private:
  using Expected = SmallVector<AffineExpr>; // null: no statement
  LogicalResult resolve(ArrayRef<LengthRequest> requests);
  AffineExpr expectedExtent(const Digits &axis) const;
  const Expected *expected(Value value) const;
  bool changes(Value value, unsigned axis) const;
  LogicalResult rewrite(onnx::NodeOp node);
  LogicalResult rewriteTarget(onnx::NodeOp node, bool expands);
  LogicalResult rewriteSlice(onnx::NodeOp node);
  LogicalResult checkGather(onnx::NodeOp node);
  LogicalResult checkPad(onnx::NodeOp node);
  void shrinkConstants(onnx::NodeOp node);
  void growConstants(onnx::NodeOp node);
  Value extentTensor(onnx::NodeOp at, AffineExpr expr);
  Value shapeTensor(onnx::NodeOp at, ArrayRef<AffineExpr> extents);
  Value integers(Operation *at, ArrayRef<int64_t> values);
  LogicalResult forbid(Operation *op, const Twine &why);
  LogicalResult compare(ShapeInference &after);
  StringRef nameOf(BlockArgument argument) {
    auto name = graph.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                   onnx::kNameAttr);
    return name ? name.getValue() : "";
  }

  func::FuncOp graph;
  ShapeInference &before;
  ModuleSymbols &symbols;
  OpBuilder b;
  /// What the traced batch and length are and become.
  int64_t batch = 0, length = 0;
  AffineExpr newBatch, newLength;
  std::string asked;
  SmallVector<std::pair<AffineExpr, AffineExpr>> substitutions;
  llvm::DenseMap<Value, Expected> expectations;
};
} // namespace

AffineExpr LengthFreeing::expectedExtent(const Digits &axis) const {
  SmallVector<AffineExpr> factors;
  for (const Digit &digit : axis) {
    AffineExpr constant = getAffineConstantExpr(digit.extent, b.getContext());
    int64_t traced = digit.kind == AxisKind::Batch  ? batch
                     : digit.kind == AxisKind::Time ? length
                                                    : -1;
    AffineExpr changed = digit.kind == AxisKind::Batch ? newBatch : newLength;
    if (digit.kind == AxisKind::Other || !changed)
      factors.push_back(constant);
    else if (digit.extent == traced && digit.stride == 1)
      factors.push_back(changed);
    else if (digit.extent == 1)
      factors.push_back(constant);
    else
      return nullptr;
  }
  return multiplyExtents(factors, b.getContext());
}

const LengthFreeing::Expected *LengthFreeing::expected(Value value) const {
  auto it = expectations.find(value);
  return it == expectations.end() ? nullptr : &it->second;
}

// True if extent `axis` of the value is to be another than it is.
bool LengthFreeing::changes(Value value, unsigned axis) const {
  const Expected *extents = expected(value);
  const ValueShape *shape = before.shapeOf(value);
  return extents && shape && axis < extents->size() && (*extents)[axis] &&
         (*extents)[axis] != shape->dims[axis];
}

LogicalResult LengthFreeing::forbid(Operation *op, const Twine &why) {
  return op->emitError() << why << ", so " << asked << " cannot be met";
}

//===----------------------------------------------------------------------===//
// Requests
//===----------------------------------------------------------------------===//

LogicalResult LengthFreeing::resolve(ArrayRef<LengthRequest> requests) {
  Graph view(graph);
  AxisAnalysis analysis(view);
  batch = analysis.getBatch(), length = analysis.getLength();
  for (const LengthRequest &request : requests) {
    BlockArgument argument;
    for (BlockArgument candidate : graph.getArguments())
      if (nameOf(candidate) == request.input)
        argument = candidate;
    const ValueShape *shape = argument ? before.shapeOf(argument) : nullptr;
    if (!shape)
      return graph.emitError() << "--dim " << request.text
                               << ": the model has no input '" << request.input
                               << "'";
    if (request.axis >= static_cast<int64_t>(shape->dims.size()))
      return graph.emitError()
             << "--dim " << request.text << ": the input has rank "
             << shape->dims.size();
    AffineExpr wanted =
        request.number ? getAffineConstantExpr(*request.number, b.getContext())
                       : symbols.get(request.symbol);
    AffineExpr old = shape->dims[request.axis];
    asked += (asked.empty() ? "--dim " : ", --dim ") + request.text;
    if (isa<AffineSymbolExpr>(old)) {
      substitutions.push_back({old, wanted});
      continue;
    }
    const AxisSeed *seed =
        llvm::find_if(analysis.getSeeds(), [&](const AxisSeed &seed) {
          return seed.argument == argument.getArgNumber() &&
                 seed.axis == request.axis;
        });
    if (seed == analysis.getSeeds().end())
      return graph.emitError()
             << "--dim " << request.text << ": dimension " << request.axis
             << " of '" << request.input
             << "' is neither the batch nor the sequence of the graph";
    AffineExpr &changed =
        seed->kind == AxisKind::Batch ? newBatch : newLength;
    if (changed && changed != wanted)
      return graph.emitError() << "--dim " << request.text
                               << ": contradicts another --dim";
    changed = wanted;
  }
  // What is symbolic already is renamed or bound wherever it stands.
  auto substitute = [&](AffineExpr expr) {
    for (auto [from, to] : substitutions)
      expr = expr.replace(from, to);
    return simplifyExtent(expr);
  };
  for (const AxisSeed &seed : analysis.getSeeds()) {
    AffineExpr old = before.shapeOf(graph.getArgument(seed.argument))->dims[seed.axis];
    AffineExpr &changed = seed.kind == AxisKind::Batch ? newBatch : newLength;
    if (!constantExtent(old) && !changed)
      changed = substitute(old);
  }
  auto expect = [&](Value value) {
    const ValueAxes *axes = analysis.getAxes(value);
    if (!axes)
      return;
    Expected extents;
    for (const Digits &axis : *axes)
      extents.push_back(isLabelled(axis) ? expectedExtent(axis) : nullptr);
    expectations[value] = std::move(extents);
  };
  for (BlockArgument argument : graph.getArguments())
    expect(argument);
  for (Operation &op : graph.getBody().front())
    for (Value result : op.getResults())
      expect(result);
  // The types of the arguments as they are to be.
  for (BlockArgument argument : graph.getArguments()) {
    ValueShape shape = *before.shapeOf(argument);
    for (auto [d, dim] : llvm::enumerate(shape.dims))
      dim = changes(argument, d) ? (*expected(argument))[d] : substitute(dim);
    argument.setType(symbols.typeOf(shape));
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Shapes as tensors
//===----------------------------------------------------------------------===//

Value LengthFreeing::integers(Operation *at, ArrayRef<int64_t> values) {
  b.setInsertionPoint(at);
  auto type = RankedTensorType::get(values.size(), b.getI64Type());
  return onnx::ConstantOp::create(b, at->getLoc(),
                                  DenseIntElementsAttr::get(type, values));
}

// A tensor of the one element `expr`, a product of extents of the arguments.
Value LengthFreeing::extentTensor(onnx::NodeOp at, AffineExpr expr) {
  if (auto constant = constantExtent(expr))
    return integers(at, *constant);
  Type one = RankedTensorType::get(1, b.getI64Type());
  if (auto product = dyn_cast<AffineBinaryOpExpr>(expr)) {
    Value lhs = extentTensor(at, product.getLHS());
    Value rhs = extentTensor(at, product.getRHS());
    if (!lhs || !rhs || product.getKind() != AffineExprKind::Mul)
      return {};
    return makeNode(b, at, "Mul", {lhs, rhs}, one)->getResult(0);
  }
  for (BlockArgument argument : graph.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    FailureOr<SmallVector<AffineExpr>> extents = failure();
    if (type)
      extents = typeExtents(type);
    if (failed(extents))
      continue;
    for (auto [d, extent] : llvm::enumerate(*extents)) {
      if (extent != expr)
        continue;
      int64_t axis = d;
      auto attrs = b.getDictionaryAttr(
          {b.getNamedAttr("end", b.getI64IntegerAttr(axis + 1)),
           b.getNamedAttr("start", b.getI64IntegerAttr(axis))});
      return makeNode(b, at, "Shape", argument, one, attrs)->getResult(0);
    }
  }
  return {};
}

Value LengthFreeing::shapeTensor(onnx::NodeOp at, ArrayRef<AffineExpr> extents) {
  SmallVector<int64_t> run;
  SmallVector<Value> parts;
  for (AffineExpr extent : extents) {
    if (auto constant = constantExtent(extent)) {
      run.push_back(*constant);
      continue;
    }
    if (!run.empty())
      parts.push_back(integers(at, run));
    run.clear();
    parts.push_back(extentTensor(at, extent));
    if (!parts.back())
      return {};
  }
  if (!run.empty())
    parts.push_back(integers(at, run));
  if (parts.size() == 1)
    return parts.front();
  auto attrs = b.getDictionaryAttr(b.getNamedAttr("axis", b.getI64IntegerAttr(0)));
  Type type = RankedTensorType::get(extents.size(), b.getI64Type());
  return makeNode(b, at, "Concat", parts, type, attrs)->getResult(0);
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

// The target of a Reshape or Expand.
LogicalResult LengthFreeing::rewriteTarget(onnx::NodeOp node, bool expands) {
  Value in = node.getInputs()[0], result = node->getResult(0);
  if (!node.hasInput(1))
    return success();
  auto target = before.elementsOf(node.getInputs()[1]);
  const Expected *out = expected(result), *from = expected(in);
  const ValueShape *inShape = before.shapeOf(in);
  if (!target || !out || !inShape)
    return success();
  // Expand may have a target of lower rank than its input.
  size_t lead = out->size() - std::min(out->size(), target->size());
  SmallVector<AffineExpr> next(*target);
  bool rewritten = false, open = false;
  auto is = [](AffineExpr expr, int64_t value) {
    return constantExtent(expr) == value;
  };
  for (AffineExpr extent : *target)
    open |= !expands && is(extent, -1);
  for (auto [i, extent] : llvm::enumerate(next)) {
    unsigned d = lead + i;
    // What follows from the input, or is an expression, stays.
    if (!changes(result, d) || !constantExtent(extent) ||
        *constantExtent(extent) <= (expands ? 1 : 0))
      continue;
    rewritten = true;
    unsigned same = expands ? d - (out->size() - inShape->dims.size()) : d;
    bool copies = same < inShape->dims.size() && from &&
                  (*from)[same] == (*out)[d];
    if (copies)
      extent = getAffineConstantExpr(expands ? 1 : 0, b.getContext());
    else if (!expands && !open) {
      extent = getAffineConstantExpr(-1, b.getContext());
      open = true;
    } else
      extent = (*out)[d];
  }
  if (!rewritten)
    return success();
  if (!expands && node.getInt("allowzero", 0) != 0) {
    // Zeros must copy now; none of them was one of its own extents.
    NamedAttrList attrs(node.getAttrs());
    attrs.erase("allowzero");
    node.setAttrsAttr(attrs.getDictionary(b.getContext()));
  }
  Value tensor = shapeTensor(node, next);
  if (!tensor)
    return forbid(node, "its target cannot be computed from the inputs");
  node->setOperand(1, tensor);
  return success();
}

LogicalResult LengthFreeing::rewriteSlice(onnx::NodeOp node) {
  Value in = node.getInputs()[0], result = node->getResult(0);
  const ValueShape *shape = before.shapeOf(in), *out = before.shapeOf(result);
  if (!node.hasInput(1) || !node.hasInput(2) || !shape || !out)
    return success();
  auto starts = before.elementsOf(node.getInputs()[1]);
  auto ends = before.elementsOf(node.getInputs()[2]);
  std::optional<ArrayRef<AffineExpr>> axes, steps;
  if (node.hasInput(3))
    axes = before.elementsOf(node.getInputs()[3]);
  if (node.hasInput(4))
    steps = before.elementsOf(node.getInputs()[4]);
  if (!starts || !ends || (node.hasInput(3) && !axes) || (node.hasInput(4) && !steps))
    return success();
  SmallVector<AffineExpr> next(*ends);
  bool rewritten = false;
  for (size_t i = 0; i < starts->size() && i < next.size(); ++i) {
    auto given = axes && i < axes->size() ? constantExtent((*axes)[i])
                                          : std::optional<int64_t>(i);
    auto axis = given ? normalizeAxis(*given, shape->dims.size()) : std::nullopt;
    auto start = constantExtent((*starts)[i]), end = constantExtent(next[i]);
    auto extent = axis ? constantExtent(shape->dims[*axis]) : std::nullopt;
    if (!axis || !start || !end || !extent ||
        !(changes(in, *axis) || changes(result, *axis)))
      continue;
    if (steps && !(i < steps->size() && constantExtent((*steps)[i]) == 1)) {
      if (*extent != 1)
        return forbid(node, "takes tokens with a step");
      continue;
    }
    bool toEnd = *end >= *extent;
    bool whole = changes(result, *axis);
    if (toEnd) {
      // To the end of any length.
      if (*start > 0 && !whole)
        return forbid(node, "takes what follows token " + Twine(*start) +
                                " of the traced " + Twine(*extent));
      next[i] = getAffineConstantExpr(std::numeric_limits<int64_t>::max(),
                                      b.getContext());
      rewritten |= *end < std::numeric_limits<int32_t>::max();
    } else if (*end > 0) {
      if (*start != 0 || !whole)
        return forbid(node, "takes tokens " + Twine(*start) + " to " +
                                Twine(*end) + " of the traced " +
                                Twine(*extent));
      next[i] = (*expected(result))[*axis];
      rewritten = true;
    }
  }
  if (!rewritten)
    return success();
  Value tensor = shapeTensor(node, next);
  if (!tensor)
    return forbid(node, "its ends cannot be computed from the inputs");
  node->setOperand(2, tensor);
  return success();
}

// One token by its number from the front is another one at another length.
LogicalResult LengthFreeing::checkGather(onnx::NodeOp node) {
  Value in = node.getInputs()[0];
  const ValueShape *shape = before.shapeOf(in);
  if (!shape || node.getInputs().size() != 2)
    return success();
  auto axis = normalizeAxis(node.getInt("axis", 0), shape->dims.size());
  auto known = before.elementsOf(node.getInputs()[1]);
  if (!axis || !known || !changes(in, *axis))
    return success();
  for (AffineExpr index : *known)
    if (constantExtent(index) && *constantExtent(index) > 0)
      return forbid(node, "reads position " + Twine(*constantExtent(index)) +
                              " of the traced sequence or batch");
  return success();
}

LogicalResult LengthFreeing::checkPad(onnx::NodeOp node) {
  const ValueShape *shape = before.shapeOf(node.getInputs()[0]);
  if (!shape || !node.hasInput(1) || node.hasInput(3))
    return success();
  auto pads = before.elementsOf(node.getInputs()[1]);
  if (!pads || pads->size() != 2 * shape->dims.size())
    return success();
  for (size_t d = 0; d < shape->dims.size(); ++d)
    for (AffineExpr amount : {(*pads)[d], (*pads)[d + shape->dims.size()]})
      if (changes(node.getInputs()[0], d) && constantExtent(amount) &&
          *constantExtent(amount) < 0)
        return forbid(node, "cuts the sequence by a number of the traced length");
  return success();
}

// The constant with extent 1 in `axis`, where all its slices there are equal.
static FailureOr<Tensor> shrink(const Tensor &tensor, int64_t axis) {
  SmallVector<int64_t> shape(tensor.getShape());
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  bool uniform = true;
  forEachIndex(shape, [&](ArrayRef<int64_t> index) {
    int64_t at = linearize(index, strides);
    uniform &= tensor.at(at) == tensor.at(at - index[axis] * strides[axis]);
  });
  if (!uniform)
    return failure();
  shape[axis] = 1;
  Tensor result(tensor.getElementType(), shape);
  int64_t i = 0;
  forEachIndex(shape, [&](ArrayRef<int64_t> index) {
    int64_t at = linearize(index, strides);
    if (tensor.isFloat())
      result.mutableFloats()[i++] = tensor.floats()[at];
    else
      result.mutableInts()[i++] = tensor.ints()[at];
  });
  return result;
}

// The value of a small constant operand.
static std::optional<Tensor> smallConstant(Value value) {
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (!constant || constant.getValue().getNumElements() > (1 << 20))
    return std::nullopt;
  FailureOr<Tensor> tensor = Tensor::fromAttr(constant.getValue());
  return succeeded(tensor) ? std::optional<Tensor>(*tensor) : std::nullopt;
}

// Operands of elementwise nodes that repeat one value along a changed axis.
void LengthFreeing::shrinkConstants(onnx::NodeOp node) {
  Value result = node->getResult(0);
  const Expected *out = expected(result);
  if (!out)
    return;
  for (OpOperand &operand : node->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    if (!type || !operand.get().getDefiningOp<onnx::ConstantOp>() ||
        type.getRank() > static_cast<int64_t>(out->size()))
      continue;
    size_t lead = out->size() - type.getRank();
    std::optional<Tensor> tensor;
    bool changed = false;
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (type.getDimSize(d) == 1 || !changes(result, lead + d))
        continue;
      if (!tensor)
        tensor = smallConstant(operand.get());
      FailureOr<Tensor> smaller = failure();
      if (tensor)
        smaller = shrink(*tensor, d);
      if (failed(smaller))
        continue;
      tensor = *smaller;
      changed = true;
    }
    if (changed) {
      b.setInsertionPoint(node);
      operand.set(onnx::ConstantOp::create(b, node.getLoc(), tensor->toAttr()));
    }
  }
}

// Constants joined to a sequence, as zeros in front of it: grown to its batch.
void LengthFreeing::growConstants(onnx::NodeOp node) {
  const Expected *out = expected(node->getResult(0));
  if (!out)
    return;
  auto axis = normalizeAxis(node.getInt("axis", 0), out->size());
  for (OpOperand &operand : node->getOpOperands()) {
    auto tensor = smallConstant(operand.get());
    if (!axis || !tensor)
      continue;
    SmallVector<AffineExpr> extents =
        getAffineConstantExprs(tensor->getShape(), b.getContext());
    bool changed = false;
    for (int64_t d = 0; d < tensor->getRank(); ++d) {
      if (d == *axis || !changes(node->getResult(0), d))
        continue;
      auto smaller = shrink(*tensor, d);
      if (failed(smaller))
        continue;
      tensor = *smaller;
      extents[d] = (*out)[d];
      changed = true;
    }
    Value shape = changed ? shapeTensor(node, extents) : Value();
    if (!shape)
      continue;
    b.setInsertionPoint(node);
    Value small = onnx::ConstantOp::create(b, node.getLoc(), tensor->toAttr());
    operand.set(makeNode(b, node, "Expand", {small, shape},
                         onnx::UnknownType::get(b.getContext()))
                    ->getResult(0));
  }
}

LogicalResult LengthFreeing::rewrite(onnx::NodeOp node) {
  static const llvm::StringSet<> elementwise = {
      "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "And", "Or",
      "Xor", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Mod"};
  if (!node.getDomain().empty() || node->getNumResults() == 0 ||
      node.getInputs().empty())
    return success();
  StringRef type = node.getOpType();
  if (type == "Reshape")
    return rewriteTarget(node, /*expands=*/false);
  if (type == "Expand")
    return rewriteTarget(node, /*expands=*/true);
  if (type == "Slice")
    return rewriteSlice(node);
  if (type == "Gather")
    return checkGather(node);
  if (type == "Pad")
    return checkPad(node);
  if (type == "Concat")
    growConstants(node);
  else if (elementwise.contains(type))
    shrinkConstants(node);
  return success();
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

LogicalResult LengthFreeing::compare(ShapeInference &after) {
  for (Operation &op : graph.getBody().front())
    for (Value result : op.getResults()) {
      const Expected *extents = expected(result);
      const ValueShape *shape = after.shapeOf(result);
      if (!extents || !shape || shape->dims.size() != extents->size())
        continue;
      for (auto [d, pair] : llvm::enumerate(llvm::zip(*extents, shape->dims))) {
        auto [wanted, found] = pair;
        if (!wanted || wanted == found)
          continue;
        auto constant = constantExtent(found);
        return forbid(&op, "dimension " + Twine(d) + " of its result is " +
                               (constant ? "fixed to " + Twine(*constant)
                                         : Twine("another than the sequence's")) +
                               " by a constant of the traced size");
      }
    }
  return success();
}

LogicalResult LengthFreeing::run(ArrayRef<LengthRequest> requests) {
  if (failed(resolve(requests)))
    return failure();
  SmallVector<onnx::NodeOp> nodes(graph.getBody().front().getOps<onnx::NodeOp>());
  for (onnx::NodeOp node : nodes)
    if (failed(rewrite(node)))
      return failure();
  symbols.store();
  ShapeInference after(graph->getParentOfType<ModuleOp>());
  if (failed(after.run(graph)))
    return graph.emitError() << asked << " cannot be met, see above";
  return compare(after);
}

namespace {
struct FreeLengths : ssmc::impl::OnnxFreeLengthsBase<FreeLengths> {
  using OnnxFreeLengthsBase::OnnxFreeLengthsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<LengthRequest> requests;
    for (const std::string &text : dims) {
      auto request = parseLengthRequest(text);
      if (!request) {
        module.emitError() << "--dim " << text
                           << ": expected INPUT:AXIS=NAME or INPUT:AXIS=NUMBER";
        return signalPassFailure();
      }
      requests.push_back(*request);
    }
    if (requests.empty())
      return;
    for (auto graph : module.getOps<func::FuncOp>()) {
      if (!graph.isPublic() || graph.isExternal())
        continue;
      ShapeInference before(module);
      if (failed(before.run(graph)) ||
          failed(LengthFreeing(graph, before).run(requests)))
        return signalPassFailure();
    }
  }
};
} // namespace
