//===- SequenceLoops.cpp - loops that can be continued --------------------===//
//
// A loop over the tokens that no mixer is: a Scan, or an LSTM, GRU or RNN. It
// goes on if it runs forward, takes one token of each sequence at a time, and
// reads nothing else of the sequence. Its states are operands of the node, and
// results.
//
//===----------------------------------------------------------------------===//

#include "lib/Stream/Sequence.h"

#include "lib/Fold/Rewrites.h"
#include "lib/Stream/StepWriter.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;
using namespace ssmc;

/// Of an LSTM, GRU or RNN: its operands.
enum { kLengths = 4, kFirstState = 5 };

bool ssmc::isCell(Operation *op) {
  auto node = dyn_cast<onnx::NodeOp>(op);
  return node && node.getDomain().empty() &&
         llvm::is_contained({"LSTM", "GRU", "RNN"}, node.getOpType());
}

bool ssmc::isLoop(Operation *op) {
  auto node = dyn_cast<onnx::NodeOp>(op);
  return isCell(op) ||
         (node && node.getDomain().empty() && node.getOpType() == "Scan" &&
          node->getNumRegions() == 1);
}

Value ssmc::finalState(OpOperand &init) {
  Operation *op = init.getOwner();
  if (auto destinations = dyn_cast<DestinationStyleOpInterface>(op))
    return destinations.getTiedOpResult(&init);
  // Of a cell the sequence is the first result.
  return op->getResult(isCell(op) ? init.getOperandNumber() - kFirstState + 1
                                  : init.getOperandNumber());
}

// States that a cell begins with by default, and results that the graph does
// not use, are written out.
void Sequence::completeCells() {
  SmallVector<onnx::NodeOp> cells;
  for (Operation &op : graph.getBody().front())
    if (isCell(&op))
      cells.push_back(cast<onnx::NodeOp>(op));
  for (onnx::NodeOp node : cells) {
    const ValueShape *x = shapes->shapeOf(node->getOperand(0)),
                     *weights = node->getNumOperands() > 2
                                    ? shapes->shapeOf(node->getOperand(2))
                                    : nullptr;
    if (!x || x->dims.size() != 3 || !weights || weights->dims.size() != 3 ||
        !isa<FloatType>(x->elementType))
      continue;
    OpBuilder b(node);
    StepWriter write(b, node.getLoc(), graph);
    bool rowsFirst = node.getInt("layout", 0) != 0;
    unsigned count = node.getOpType() == "LSTM" ? 2 : 1;
    SmallVector<Value> operands(node->getOperands());
    while (operands.size() < kFirstState + count)
      operands.push_back(
          onnx::NoneOp::create(b, node.getLoc(), b.getNoneType()));
    SmallVector<AffineExpr> dims = {weights->dims[0], x->dims[!rowsFirst],
                                    weights->dims[2]};
    if (rowsFirst)
      std::swap(dims[0], dims[1]);
    Value shape = write.shape(dims);
    Value zero = onnx::ConstantOp::create(
        b, node.getLoc(),
        DenseElementsAttr::get(RankedTensorType::get({1}, x->elementType),
                               b.getFloatAttr(x->elementType, 0)));
    if (!shape)
      continue;
    for (unsigned s = 0; s < count; ++s)
      if (!node.hasInput(kFirstState + s))
        operands[kFirstState + s] = write.node("Expand", {zero, shape});
    SmallVector<Type> unknown(1 + count,
                              onnx::UnknownType::get(b.getContext()));
    auto complete = onnx::NodeOp::create(
        b, node.getLoc(), unknown, operands, node.getOpTypeAttr(),
        node.getDomainAttr(), node.getVersionAttr(), node.getAttrsAttr(), 0);
    for (auto [from, to] :
         llvm::zip(node->getResults(), complete->getResults()))
      from.replaceAllUsesWith(to);
    node.erase();
  }
}

/// The operands that are read token by token, with their axes of time, and the
/// states; nothing where it runs backwards.
static bool describeLoop(onnx::NodeOp node,
                         SmallVectorImpl<std::pair<unsigned, int64_t>> &reads,
                         SmallVectorImpl<unsigned> &states) {
  if (isCell(node)) {
    reads.push_back({0, node.getInt("layout", 0) != 0});
    for (unsigned s = 0; s + 1 < node->getNumResults(); ++s)
      states.push_back(kFirstState + s);
    return node.getString("direction", "forward") == "forward";
  }
  int64_t inputs = node.getInputs().size(),
          count = node.getInt("num_scan_inputs", 0);
  auto axes = node.getInts("scan_input_axes");
  for (int64_t i = 0; i < inputs; ++i)
    if (i < inputs - count)
      states.push_back(i);
    else
      reads.push_back({i, axes && i - (inputs - count) < int64_t(axes->size())
                              ? (*axes)[i - (inputs - count)]
                              : 0});
  auto isForward = [&](StringRef name) {
    auto directions = node.getInts(name);
    return !directions ||
           llvm::all_of(*directions, [](int64_t d) { return d == 0; });
  };
  return isForward("scan_input_directions") &&
         isForward("scan_output_directions");
}

bool Sequence::checkLoop(onnx::NodeOp node, const AxisAnalysis &analysis) {
  SmallVector<std::pair<unsigned, int64_t>> reads;
  SmallVector<unsigned> states;
  if (!describeLoop(node, reads, states))
    return refuse(node, "runs from the last token to the first");
  if (isCell(node) && node.hasInput(kLengths))
    return refuse(node, "has lengths of its own");
  for (OpOperand &operand : node->getOpOperands()) {
    Value value = operand.get();
    const ValueShape *shape = shapes->shapeOf(value);
    auto read = llvm::find_if(reads, [&](auto &known) {
      return known.first == operand.getOperandNumber();
    });
    if (read == reads.end()) {
      bool isState = llvm::is_contained(states, operand.getOperandNumber());
      if (!isState && (hasLength(value) || dependsOnData(value)))
        return refuse(node, "reads values of the whole sequence in every step");
      continue;
    }
    auto time =
        shape ? normalizeAxis(read->second, shape->dims.size()) : std::nullopt;
    for (int64_t d = 0; time && d < int64_t(shape->dims.size()); ++d)
      if (d == *time ? shape->dims[d] != length : hasLength(shape->dims[d]))
        time.reset();
    if (!time)
      return refuse(node, "does not take one token of the sequence in a step");
    if (!dependsOnData(value) && analysis.getGraph().dependsOnInput(value))
      return refuse(node, "reads the positions of the tokens");
  }
  if (!checkBody(node))
    return false;
  for (unsigned state : states)
    if (!addState(node->getOpOperand(state), analysis))
      return false;
  return true;
}
