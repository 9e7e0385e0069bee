//===- StepLoops.cpp - loops where rows have different lengths ------------===//
//
// Behind the end of a row each step gives the states it was given: a cell is
// told the lengths, as its operator has an input for them, the body of a Scan
// selects.
//
//===----------------------------------------------------------------------===//

#include "lib/Stream/StepEntry.h"

using namespace mlir;
using namespace ssmc;

void StepEntry::endCell(onnx::NodeOp cell) {
  b.setInsertionPoint(cell);
  StepWriter write(b, cell.getLoc(), entry);
  constexpr unsigned kLengths = 4;
  constexpr int64_t kInt32 = 6;
  cell->setOperand(kLengths, write.node("Cast", {tokens}, "to", kInt32));
}

// One more sequence says whether the row of a token has not ended.
void StepEntry::endScan(onnx::NodeOp scan) {
  b.setInsertionPoint(scan);
  StepWriter outside(b, scan.getLoc(), entry);
  Value has = outside.node("Less", {outside.unsqueeze(outside.count(length), 1),
                                    outside.unsqueeze(tokens, 0)});
  int64_t inputs = scan.getInputs().size();
  scan->insertOperands(inputs, has);
  NamedAttrList attrs(scan.getAttrs());
  auto count = scan.getInt("num_scan_inputs", 0);
  attrs.set("num_scan_inputs", b.getI64IntegerAttr(count + 1));
  for (StringRef name : {"scan_input_axes", "scan_input_directions"})
    if (auto list = scan.getInts(name)) {
      list->push_back(0);
      attrs.set(name, b.getDenseI64ArrayAttr(*list));
    }
  scan.setAttrsAttr(attrs.getDictionary(b.getContext()));
  Block &body = scan->getRegion(0).front();
  Value token =
      body.addArgument(symbols.typeOf({b.getI1Type(), {batch}}), scan.getLoc());
  Operation *end = body.getTerminator();
  b.setInsertionPoint(end);
  StepWriter write(b, scan.getLoc(), entry);
  for (const StateValue &state : sequence.getStates()) {
    if (copyOf(state.init->getOwner()) != scan)
      continue;
    unsigned i = state.init->getOperandNumber();
    SmallVector<int64_t> others;
    for (int64_t d = 0; d < int64_t(shapeOf(state.init->get()).dims.size());
         ++d)
      if (d != state.batchAxis)
        others.push_back(d);
    Value mark = others.empty() ? token : write.unsqueeze(token, others);
    end->setOperand(i, write.node("Where", {mark, end->getOperand(i),
                                            body.getArgument(i)}));
  }
}

void StepEntry::endLoops() {
  llvm::DenseSet<Operation *> seen;
  for (const StateValue &state : sequence.getStates()) {
    Operation *op = state.init->getOwner();
    if (!isLoop(op) || !seen.insert(op).second)
      continue;
    auto node = cast<onnx::NodeOp>(copyOf(op));
    isCell(op) ? endCell(node) : endScan(node);
  }
}
