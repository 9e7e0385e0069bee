//===- FreeLengths.cpp - pass onnx-free-lengths ---------------------------===//
//
// A traced graph has its batch and length written into constants: targets of
// Reshape and Expand, ends of Slice, zeros, tables of positions. The axis
// analysis knows which axes of every value are batch and time at the traced
// size, and so what each extent must become. Constants that say otherwise are
// rewritten (LengthNodes.cpp, LengthConstants.cpp, LengthNumbers.cpp), the
// arguments retyped and shapes inferred again; then every extent is compared
// with what it must be. Where one still is the traced number, that node forbids
// the request and is named. A node without a rewrite is caught by the
// comparison where its result shows the extent; what cannot be seen in extents
// (tables that go on, inputs of the same extent, numbers) is an assumption.
//
// An extent that is to be another number is made a symbol first, which the
// second round binds: the messages are the same.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/LengthFreeing.h"
#include "lib/Fold/Passes.h"

#include "dialects/onnx/OnnxLocation.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXFREELENGTHS
#include "lib/Fold/FoldPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

LengthFreeing::LengthFreeing(func::FuncOp graph, ShapeInference &before)
    : graph(graph), before(before), symbols(before.getSymbols()),
      b(graph.getContext()) {}

StringRef LengthFreeing::nameOf(BlockArgument argument) {
  auto name = graph.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                 onnx::kNameAttr);
  return name ? name.getValue() : "";
}

LogicalResult LengthFreeing::forbid(Operation *op, const Twine &why,
                                    Operation *origin) {
  InFlightDiagnostic diagnostic = onnx::emitModelError(op->getLoc())
                                  << why << ", so " << asked
                                  << " cannot be met";
  StringRef name =
      origin ? onnx::describeLocation(origin->getLoc()).node : StringRef();
  if (!name.empty())
    diagnostic.attachNote(origin->getLoc())
        << "the extent comes from node '" << name << "'";
  return diagnostic;
}

void LengthFreeing::assume(Operation *op, const Twine &what) {
  assume(StringRef(onnx::describeLocation(op->getLoc()).node), what);
}

void LengthFreeing::assume(StringRef name, const Twine &what) {
  assumptions.push_back(
      b.getDictionaryAttr({b.getNamedAttr("assumption", b.getStringAttr(what)),
                           b.getNamedAttr("site", b.getStringAttr(name))}));
}

//===----------------------------------------------------------------------===//
// What extents must become
//===----------------------------------------------------------------------===//

AffineExpr LengthFreeing::substitute(AffineExpr expr) const {
  return simplifyExtent(expr.replace(substitutions));
}

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

bool LengthFreeing::changes(Value value, unsigned axis) const {
  const Expected *extents = expected(value);
  const ValueShape *shape = before.shapeOf(value);
  return extents && shape && axis < extents->size() && (*extents)[axis] &&
         (*extents)[axis] != shape->dims[axis];
}

void LengthFreeing::expect(const AxisAnalysis &analysis, Value value) {
  const ValueAxes *axes = analysis.getAxes(value);
  const ValueShape *shape = before.shapeOf(value);
  if (!axes || !shape || axes->size() != shape->dims.size())
    return;
  Expected extents;
  // What is an expression already follows by itself.
  for (auto [axis, extent] : llvm::zip(*axes, shape->dims))
    extents.push_back(isLabelled(axis) && constantExtent(extent)
                          ? expectedExtent(axis)
                          : nullptr);
  expectations[value] = std::move(extents);
  SmallVector<bool> &follow = following[value];
  for (const Digits &axis : *axes)
    follow.push_back((newLength && hasTime(axis)) ||
                     (newBatch && hasKind(axis, AxisKind::Batch)));
}

/// Inputs may share an extent, of which there is one.
LogicalResult LengthFreeing::decide(Decision decision) {
  for (const Decision &other : decisions)
    if (other.extent == decision.extent && other.kind == decision.kind &&
        other.wanted != decision.wanted)
      return onnx::emitModelError(graph.getLoc())
             << "--dim " << decision.text << ": contradicts --dim "
             << other.text << ", as the model has one extent for both";
  decisions.push_back(std::move(decision));
  return success();
}

LogicalResult LengthFreeing::resolve(const LengthRequest &request,
                                     const AxisAnalysis &analysis) {
  std::string fault = whyNotPresent(request, graph);
  if (!fault.empty())
    return onnx::emitModelError(graph.getLoc())
           << "--dim " << request.text << ": " << fault;
  BlockArgument argument =
      *llvm::find_if(graph.getArguments(), [&](BlockArgument candidate) {
        return nameOf(candidate) == request.input;
      });
  AffineExpr old = before.shapeOf(argument)->dims[request.axis];
  AffineExpr wanted = request.number ? b.getAffineConstantExpr(*request.number)
                                     : symbols.get(request.symbol);
  if (request.meets && constantExtent(old) == request.meets)
    return success();
  if (!constantExtent(old)) {
    if (failed(decide({old, AxisKind::Other, wanted, request.text})))
      return failure();
    if (old == wanted)
      return success();
    if (!isa<AffineSymbolExpr>(old))
      return onnx::emitModelError(graph.getLoc())
             << "--dim " << request.text
             << ": the extent is computed from others; give those";
    substitutions[old] = wanted;
    return success();
  }
  const AxisSeed *seed =
      llvm::find_if(analysis.getSeeds(), [&](const AxisSeed &seed) {
        return seed.argument == argument.getArgNumber() &&
               seed.axis == request.axis;
      });
  if (seed == analysis.getSeeds().end() && old == wanted)
    return success();
  if (seed == analysis.getSeeds().end())
    return onnx::emitModelError(graph.getLoc())
           << "--dim " << request.text << ": dimension " << request.axis
           << " of '" << request.input
           << "' is neither the batch nor the sequence of the graph";
  if (failed(decide({nullptr, seed->kind, wanted, request.text})))
    return failure();
  if (old != wanted)
    (seed->kind == AxisKind::Batch ? newBatch : newLength) = wanted;
  return success();
}

LogicalResult LengthFreeing::resolve(ArrayRef<LengthRequest> requests) {
  Graph view(graph);
  SmallVector<InputAxis> axes;
  for (const LengthRequest &request : requests)
    for (BlockArgument argument : graph.getArguments())
      if (nameOf(argument) == request.input)
        axes.push_back({argument.getArgNumber(), unsigned(request.axis)});
  AxisAnalysis analysis(view, AxisAnalysis::findSeeds(view, axes));
  batch = analysis.getBatch(), length = analysis.getLength();
  for (const LengthRequest &request : requests)
    if (failed(resolve(request, analysis)))
      return failure();
  for (BlockArgument argument : graph.getArguments())
    expect(analysis, argument);
  graph.walk([&](Operation *op) {
    for (Value result : op->getResults())
      expect(analysis, result);
  });
  expectBackward();
  // The types of the arguments as they are to be.
  for (BlockArgument argument : graph.getArguments()) {
    ValueShape shape = *before.shapeOf(argument);
    for (size_t d = 0; d < shape.dims.size(); ++d) {
      AffineExpr &dim = shape.dims[d];
      dim = changes(argument, d) ? (*expected(argument))[d] : substitute(dim);
      bool asked = llvm::any_of(requests, [&](const LengthRequest &request) {
        return request.input == nameOf(argument) && request.axis == int64_t(d);
      });
      // Where more positions meet, they must.
      if (changes(argument, d) && !asked &&
          constantExtent(before.shapeOf(argument)->dims[d]) == 1)
        assume(nameOf(argument),
               "dimension " + Twine(d) +
                   " of this input, 1 as traced, changes with that of others "
                   "and is not broadcast");
    }
    argument.setType(symbols.typeOf(shape));
  }
  adaptDeclared();
  return success();
}

// What outputs declare is renamed with the rest. Of the traced size it says
// nothing of another.
void LengthFreeing::adaptDeclared() {
  for (unsigned i = 0; i < graph.getNumResults(); ++i) {
    auto type = graph.getResultAttrOfType<TypeAttr>(i, onnx::kDeclaredAttr);
    if (!type)
      continue;
    auto shape = symbols.shapeOf(type.getValue(), "declared");
    if (!shape || newLength || newBatch) {
      graph.removeResultAttr(i, b.getStringAttr(onnx::kDeclaredAttr));
      continue;
    }
    for (AffineExpr &dim : shape->dims)
      dim = substitute(dim);
    graph.setResultAttr(i, onnx::kDeclaredAttr,
                        TypeAttr::get(symbols.typeOf(*shape)));
  }
}

//===----------------------------------------------------------------------===//
// What they have become
//===----------------------------------------------------------------------===//

// The operand that has brought in the extent `found` of dimension `d`, counted
// from the last one as broadcasting does.
static Operation *findOrigin(Operation *op, const ShapeInference &shapes,
                             size_t fromLast, AffineExpr found) {
  Operation *origin = nullptr;
  bool others = false;
  for (Value operand : op->getOperands()) {
    const ValueShape *shape = shapes.shapeOf(operand);
    if (!shape || shape->dims.size() < fromLast)
      continue;
    if (shape->dims[shape->dims.size() - fromLast] == found)
      origin = operand.getDefiningOp();
    else
      others = true;
  }
  return others ? origin : nullptr;
}

// The constant operand that has an extent: "dimension 1 of input 5".
static std::string describeFixed(onnx::NodeOp node,
                                 const ShapeInference &shapes, int64_t extent) {
  for (auto [i, operand] : llvm::enumerate(node.getInputs())) {
    const ValueShape *shape = shapes.shapeOf(operand);
    if (!shape || !operand.getDefiningOp<onnx::ConstantOp>())
      continue;
    for (auto [d, dim] : llvm::enumerate(shape->dims))
      if (constantExtent(dim) == extent)
        return "dimension " + std::to_string(d) + " of input " +
               std::to_string(i);
  }
  return "one";
}

/// True if the extents that must be equal for a node are a number and one that
/// only data tells: running says whether they are.
static bool isToldByData(onnx::NodeOp node, int64_t fixed,
                         const ShapeInference &shapes) {
  return llvm::any_of(
      shapes.equalitiesOf(node), [&](const ShapeInference::Equality &one) {
        return (constantExtent(one.a) == fixed && shapes.isOfData(one.b)) ||
               (constantExtent(one.b) == fixed && shapes.isOfData(one.a));
      });
}

LogicalResult LengthFreeing::compare(ShapeInference &after) {
  for (Operation &op : graph.getBody().front())
    for (Value result : op.getResults()) {
      const Expected *extents = expected(result);
      const ValueShape *shape = after.shapeOf(result);
      if (!extents || !shape || shape->dims.size() != extents->size())
        continue;
      size_t rank = extents->size();
      for (size_t d = 0; d < rank; ++d) {
        AffineExpr wanted = (*extents)[d], found = shape->dims[d];
        if (!wanted || wanted == found)
          continue;
        std::string is =
            constantExtent(found)
                ? "fixed to " + std::to_string(*constantExtent(found))
                : "another than the sequence's";
        return forbid(&op,
                      "dimension " + Twine(d) + " of its result is " + is +
                          " by a constant of the traced size",
                      findOrigin(&op, after, rank - d, found));
      }
    }
  // Merged axes have no label, but as many elements as before.
  for (const auto &[a, b, node] : after.getEqualities())
    if (auto fixed = constantExtent(a) ? constantExtent(a) : constantExtent(b);
        fixed && !((after.isOfData(a) || after.isOfData(b)) &&
                   isToldByData(node, *fixed, before)))
      return forbid(node, "of the extents that must be equal for it, " +
                              describeFixed(node, after, *fixed) +
                              " is fixed to " + Twine(*fixed));
  return success();
}

LogicalResult LengthFreeing::run(ArrayRef<LengthRequest> requests,
                                 StringRef text) {
  asked = text.str();
  if (failed(resolve(requests)))
    return failure();
  noteKept();
  // Bodies of loops hold the traced size too.
  SmallVector<Operation *> ops;
  graph.walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : ops)
    if (auto node = dyn_cast<onnx::NodeOp>(op); node && failed(rewrite(node)))
      return failure();
  noteNumbers(ops);
  symbols.store();
  ShapeInference after(graph->getParentOfType<ModuleOp>());
  if (failed(after.run(graph, /*merge=*/false)))
    return onnx::emitModelError(graph.getLoc())
           << asked << " cannot be met, see above";
  if (failed(compare(after)))
    return failure();
  for (const auto &[loc, text] : warnings)
    emitWarning(loc) << text;
  return success();
}

namespace {
struct FreeLengths : ssmc::impl::OnnxFreeLengthsBase<FreeLengths> {
  using OnnxFreeLengthsBase::OnnxFreeLengthsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<LengthRequest> requests;
    std::string asked;
    for (const std::string &text : dims) {
      auto request = parseLengthRequest(text);
      if (!request) {
        onnx::emitModelError(module.getLoc())
            << "--dim " << text
            << ": expected INPUT:AXIS=NAME or INPUT:AXIS=NUMBER";
        return signalPassFailure();
      }
      requests.push_back(*request);
      asked += (asked.empty() ? "--dim " : ", --dim ") + text;
    }
    if (requests.empty())
      return;
    // Equal numbers share a symbol: they may be one extent.
    SmallVector<LengthRequest> symbolic(requests);
    for (LengthRequest &request : symbolic)
      if (request.number) {
        request.symbol = "extent_" + std::to_string(*request.number);
        request.meets = std::exchange(request.number, std::nullopt);
      }
    SmallVector<Attribute> assumptions;
    for (auto graph : module.getOps<func::FuncOp>()) {
      if (!graph.isPublic() || graph.isExternal())
        continue;
      for (ArrayRef<LengthRequest> round : {symbolic, requests}) {
        ShapeInference before(module);
        if (failed(before.run(graph)))
          return signalPassFailure();
        LengthFreeing freeing(graph, before);
        if (failed(freeing.run(round, asked)))
          return signalPassFailure();
        llvm::append_range(assumptions, freeing.getAssumptions());
      }
    }
    if (!assumptions.empty())
      module->setAttr("ssmc.lengths",
                      ArrayAttr::get(&getContext(), assumptions));
  }
};
} // namespace
