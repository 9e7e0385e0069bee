//===- StepEntry.cpp - a graph that goes on from states -------------------===//

#include "lib/Stream/StepEntry.h"

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/ssm/SsmOps.h"
#include "lib/Fold/Rewrites.h"
#include "lib/Operators/ExtentBounds.h"

using namespace mlir;
using namespace ssmc;

StepEntry::StepEntry(const Sequence &sequence, const StepOptions &options)
    : sequence(sequence), options(options),
      symbols(sequence.getShapes().getSymbols()),
      b(sequence.getGraph()->getContext()), batch(sequence.getBatch()),
      length(options.one ? b.getAffineConstantExpr(1) : sequence.getLength()) {}

/// `selective_scan`, `lstm`; the one that ONNX calls a scan is a loop here.
static std::string kindOf(Operation *op) {
  auto node = dyn_cast<onnx::NodeOp>(op);
  return node ? isCell(op) ? node.getOpType().lower() : "loop"
              : op->getName().stripDialect().str();
}

unsigned StepEntry::numberOf(Operation *op) {
  auto &known = opNumbers[kindOf(op)];
  auto it = llvm::find(known, op);
  if (it != known.end())
    return it - known.begin();
  known.push_back(op);
  return known.size() - 1;
}

// `selective_scan_2`; with a number behind it where the op has several states.
std::string StepEntry::nameState(const StateValue &state) {
  Operation *op = state.init->getOwner();
  std::string text = kindOf(op) + "_" + std::to_string(numberOf(op));
  SmallVector<const StateValue *> ofOp;
  for (const StateValue &other : sequence.getStates())
    if (other.init->getOwner() == op)
      ofOp.push_back(&other);
  if (ofOp.size() > 1)
    text += "_" + std::to_string(llvm::find(ofOp, &state) - ofOp.begin());
  return text;
}

void StepEntry::setLength() {
  for (auto [argument, original] :
       llvm::zip(entry.getArguments(), sequence.getGraph().getArguments())) {
    ValueShape shape = shapeOf(original);
    for (AffineExpr &dim : shape.dims)
      dim = simplifyExtent(dim.replace(sequence.getLength(), length));
    argument.setType(symbols.typeOf(shape));
  }
}

FailureOr<size_t> StepEntry::addState(const Twine &name, Type element,
                                      ArrayRef<AffineExpr> dims, double initial,
                                      Location loc) {
  Type type = symbols.typeOf({element, SmallVector<AffineExpr>(dims)});
  std::string text = name.str();
  DictionaryAttr attrs = b.getDictionaryAttr(
      b.getNamedAttr(onnx::kNameAttr, b.getStringAttr(text)));
  if (failed(entry.insertArgument(entry.getNumArguments(), type, attrs, loc)) ||
      failed(entry.insertResult(entry.getNumResults(), type, attrs)))
    return failure();
  states.push_back({text, entry.getArguments().back(), Value(), initial, {}});
  return states.size() - 1;
}

LogicalResult StepEntry::addMixerState(const StateValue &state) {
  const ValueShape &shape = shapeOf(state.init->get());
  SmallVector<int64_t> order = {state.batchAxis}, back;
  for (int64_t d = 0; d < int64_t(shape.dims.size()); ++d)
    if (d != state.batchAxis)
      order.push_back(d);
  SmallVector<AffineExpr> dims;
  for (int64_t d : order)
    dims.push_back(shape.dims[d]);
  for (int64_t d = 0; d < int64_t(order.size()); ++d)
    back.push_back(llvm::find(order, d) - order.begin());
  Operation *op = copyOf(state.init->getOwner());
  Location loc = op->getLoc();
  auto added =
      addState(nameState(state), shape.elementType, dims, state.initial, loc);
  if (failed(added))
    return failure();
  states[*added].initialRow = state.initialRow;
  Value before = states[*added].before;
  OpOperand &init = op->getOpOperand(state.init->getOperandNumber());
  Value after = finalState(init);
  if (Value cut = cutState(state, before)) {
    init.set(before);
    states[*added].after = cut;
    return success();
  }
  if (state.batchAxis != 0) {
    StepWriter write(b, loc, entry);
    b.setInsertionPoint(op);
    before = write.transpose(before, back);
    b.setInsertionPointAfter(op);
    after = write.transpose(after, order);
  }
  init.set(before);
  states[*added].after = after;
  return success();
}

// The results, and the list of the states.
LogicalResult StepEntry::finish() {
  Operation *end = entry.getBody().front().getTerminator();
  unsigned first = end->getNumOperands();
  for (const State &state : states)
    end->insertOperands(end->getNumOperands(), state.after);
  if (failed(giveBrought()))
    return failure();
  // An op without uses is asked for its effects, which needs types.
  if (!options.fromBrought)
    eraseDead(entry.getBody().front());
  ShapeInference inference(entry->getParentOfType<ModuleOp>());
  if (failed(inference.run(entry, /*merge=*/false)))
    return failure();
  // Destinations have been made anew.
  eraseDead(entry.getBody().front());
  if (options.fromBrought && failed(dropArguments()))
    return failure();
  SmallVector<Attribute> list;
  for (auto [i, state] : llvm::enumerate(states)) {
    NamedAttrList attrs;
    attrs.append("initial", b.getF64FloatAttr(state.initial));
    attrs.append("input", b.getI64IntegerAttr(state.before.getArgNumber()));
    attrs.append("name", b.getStringAttr(state.name));
    attrs.append("output", b.getI64IntegerAttr(first + i));
    if (state.initialRow)
      attrs.append("initial_row", state.initialRow);
    if (state.inPlace)
      attrs.append("in_place", b.getUnitAttr());
    list.push_back(attrs.getDictionary(b.getContext()));
  }
  entry->setAttr("ssm.states", b.getArrayAttr(list));
  for (const State &state : states)
    if (state.before.getType() != state.after.getType())
      return entry.emitError("state '")
             << state.name << "' is of type " << state.before.getType()
             << " before, and of " << state.after.getType() << " after";
  return success();
}

FailureOr<func::FuncOp> StepEntry::make() {
  func::FuncOp graph = sequence.getGraph();
  entry = cast<func::FuncOp>(graph->clone(copies));
  entry.setName(options.name);
  entry.setPublic();
  dropExtentBounds(entry); // of what one call gives
  graph->getParentOfType<ModuleOp>().push_back(entry);
  setLength();
  // What a mixer costs at one token is another question.
  entry.walk([](ssm::MixerOpInterface op) { op->removeAttr("ssm.strategy"); });
  if (options.fromBrought && failed(beginFromBrought()))
    return failure();
  if (failed(addLengths()))
    return failure();
  if (sequence.needsPositions() && failed(addPositions()))
    return failure();
  if (int64_t most = sequence.getMostTokens())
    checkTokens(most, "a sequence is longer than the " + std::to_string(most) +
                          " tokens that the tables of the model end at: "
                          "export it with more");
  for (const StateValue &state : sequence.getStates())
    if (failed(addMixerState(state)))
      return failure();
  for (auto [i, delay] : llvm::enumerate(sequence.getDelays()))
    if (failed(addDelay(delay, i)))
      return failure();
  // Before caches stand in front of the keys.
  for (OpOperand *operand : options.brought)
    given.push_back(
        copyOf(operand->getOwner())->getOperand(operand->getOperandNumber()));
  for (const Attention &attention : sequence.getAttentions())
    if (failed(attention.window ? addWindow(attention) : addCache(attention)))
      return failure();
  if (failed(finish()))
    return failure();
  return entry;
}
