//===- StepEntry.cpp - a graph that goes on from states -------------------===//
//
// A copy of the graph in which the constant that a state begins with is a new
// argument, and its value after the op a new result. Everything else is as it
// was: it works token by token.
//
//===----------------------------------------------------------------------===//

#include "lib/Stream/StepEntry.h"

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/ssm/SsmOps.h"
#include "lib/Fold/Rewrites.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace ssmc;

namespace {
class StepEntry {
public:
  StepEntry(const Sequence &sequence, StringRef name, bool one)
      : sequence(sequence), symbols(sequence.getShapes().getSymbols()),
        b(sequence.getGraph()->getContext()), name(name), one(one) {}

  FailureOr<func::FuncOp> make();

private:
  void setLength();
  LogicalResult addState(const StateValue &state, Operation *op);
  std::string nameState(const StateValue &state);
  Value transposed(Location loc, Value value, ArrayRef<int64_t> perm);

  const Sequence &sequence;
  ModuleSymbols &symbols;
  OpBuilder b;
  std::string name;
  bool one;
  func::FuncOp entry;
  SmallVector<Attribute> states;
  llvm::StringMap<unsigned> opNumbers; // of each kind
  Operation *lastOp = nullptr;
};
} // namespace

// `selective_scan_2`; with a number behind it where the op has several states.
std::string StepEntry::nameState(const StateValue &state) {
  Operation *op = state.init->getOwner();
  StringRef kind = op->getName().stripDialect();
  if (op != lastOp)
    ++opNumbers[kind];
  lastOp = op;
  std::string text = (kind + "_" + Twine(opNumbers[kind] - 1)).str();
  SmallVector<const StateValue *> ofOp;
  for (const StateValue &other : sequence.getStates())
    if (other.init->getOwner() == op)
      ofOp.push_back(&other);
  if (ofOp.size() > 1)
    text += "_" + std::to_string(llvm::find(ofOp, &state) - ofOp.begin());
  return text;
}

void StepEntry::setLength() {
  AffineExpr length = one ? b.getAffineConstantExpr(1) : sequence.getLength();
  for (auto [argument, original] :
       llvm::zip(entry.getArguments(), sequence.getGraph().getArguments())) {
    ValueShape shape = *sequence.getShapes().shapeOf(original);
    for (AffineExpr &dim : shape.dims)
      dim = simplifyExtent(dim.replace(sequence.getLength(), length));
    argument.setType(symbols.typeOf(shape));
  }
}

Value StepEntry::transposed(Location loc, Value value, ArrayRef<int64_t> perm) {
  return onnx::NodeOp::create(b, loc,
                              TypeRange{onnx::UnknownType::get(b.getContext())},
                              value, b.getStringAttr("Transpose"),
                              b.getStringAttr(""), b.getI64IntegerAttr(20),
                              b.getDictionaryAttr(b.getNamedAttr(
                                  "perm", b.getDenseI64ArrayAttr(perm))),
                              0)
      ->getResult(0);
}

LogicalResult StepEntry::addState(const StateValue &state, Operation *op) {
  ValueShape shape = *sequence.getShapes().shapeOf(state.init->get());
  // Rows first.
  SmallVector<int64_t> order = {state.batchAxis}, back;
  for (int64_t d = 0; d < int64_t(shape.dims.size()); ++d)
    if (d != state.batchAxis)
      order.push_back(d);
  SmallVector<AffineExpr> dims;
  for (int64_t d : order)
    dims.push_back(shape.dims[d]);
  for (int64_t d = 0; d < int64_t(order.size()); ++d)
    back.push_back(llvm::find(order, d) - order.begin());
  Type type = symbols.typeOf({shape.elementType, dims});

  std::string text = nameState(state);
  DictionaryAttr attrs = b.getDictionaryAttr(
      b.getNamedAttr(onnx::kNameAttr, b.getStringAttr(text)));
  unsigned input = entry.getNumArguments(), output = entry.getNumResults();
  Location loc = op->getLoc();
  if (failed(entry.insertArgument(input, type, attrs, loc)) ||
      failed(entry.insertResult(output, type, attrs)))
    return failure();
  Value before = entry.getArgument(input);
  auto destinations = cast<DestinationStyleOpInterface>(op);
  OpOperand &init = op->getOpOperand(state.init->getOperandNumber());
  Value after = destinations.getTiedOpResult(&init);
  if (state.batchAxis != 0) {
    b.setInsertionPoint(op);
    before = transposed(loc, before, back);
    b.setInsertionPointAfter(op);
    after = transposed(loc, after, order);
  }
  init.set(before);
  Operation *end = entry.getBody().front().getTerminator();
  end->insertOperands(end->getNumOperands(), after);
  states.push_back(b.getDictionaryAttr(
      {b.getNamedAttr("initial", b.getF64FloatAttr(state.initial)),
       b.getNamedAttr("input", b.getI64IntegerAttr(input)),
       b.getNamedAttr("name", b.getStringAttr(text)),
       b.getNamedAttr("output", b.getI64IntegerAttr(output))}));
  return success();
}

FailureOr<func::FuncOp> StepEntry::make() {
  IRMapping copies;
  func::FuncOp graph = sequence.getGraph();
  entry = cast<func::FuncOp>(graph->clone(copies));
  entry.setName(name);
  b.setInsertionPointToEnd(graph->getParentOfType<ModuleOp>().getBody());
  b.insert(entry);
  setLength();
  // What a mixer costs at one token is another question.
  entry.walk([](ssm::MixerOpInterface op) { op->removeAttr("ssm.strategy"); });
  for (const StateValue &state : sequence.getStates())
    if (failed(addState(state, copies.lookup(state.init->getOwner()))))
      return entry.emitError("cannot be given its states"), failure();
  entry->setAttr("ssm.states", b.getArrayAttr(states));
  eraseDead(entry.getBody().front());
  ShapeInference inference(graph->getParentOfType<ModuleOp>());
  if (failed(inference.run(entry, /*merge=*/false)))
    return failure();
  eraseDead(entry.getBody().front());
  return entry;
}

FailureOr<func::FuncOp> ssmc::makeStepEntry(const Sequence &sequence,
                                            StringRef name, bool one) {
  return StepEntry(sequence, name, one).make();
}
