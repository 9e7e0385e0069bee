//===- StepDraft.cpp - drafted tokens, of which some are accepted ---------===//
//
// `verify` is prefill that also gives what its tokens bring to the states: the
// operands of the ops that carry states, as far as they follow from the tokens.
// `accept` takes these, the states before, and how many of the tokens each row
// accepts, and gives the states after those. It is prefill_lengths without what
// stands in front of the operands and behind the states, so that it reads no
// weight once more: K tokens are drafted, checked and partly taken back at
// little more than what one token costs.
//
//===----------------------------------------------------------------------===//

#include "lib/Stream/StepEntry.h"

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/ssm/SsmOps.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace ssmc;

static NamedAttribute nameOf(OpBuilder &b, unsigned number) {
  return b.getNamedAttr(onnx::kNameAttr,
                        b.getStringAttr("brought_" + std::to_string(number)));
}

/// The operands of the sequence that `entry` carries states for, each once.
static SmallVector<OpOperand *> listBrought(const Sequence &sequence) {
  llvm::SetVector<Operation *> ops;
  for (const StateValue &state : sequence.getStates())
    ops.insert(state.init->getOwner());
  for (const Delay &delay : sequence.getDelays())
    ops.insert(delay.node);
  for (const Attention &attention : sequence.getAttentions())
    ops.insert(attention.op);
  SmallVector<OpOperand *> list;
  DenseSet<Value> seen;
  for (Operation *op : ops)
    for (OpOperand &operand : op->getOpOperands()) {
      // Attention keeps nothing of its queries.
      auto attention = dyn_cast<ssm::AttentionOp>(op);
      if (attention && operand.get() != attention.getK() &&
          operand.get() != attention.getV())
        continue;
      if (sequence.dependsOnData(operand.get()) &&
          seen.insert(operand.get()).second)
        list.push_back(&operand);
    }
  return list;
}

// What tokens bring becomes arguments, in front of all others, and nothing but
// states results. What reads extents finds them there.
LogicalResult StepEntry::beginFromBrought() {
  Operation *end = entry.getBody().front().getTerminator();
  llvm::BitVector all(entry.getNumResults(), true);
  end->eraseOperands(all);
  if (failed(entry.eraseResults(all)))
    return failure();
  replaced.assign(entry.args_begin(), entry.args_end());
  if (sequence.hasPositions())
    replaced.pop_back();
  brought = listBrought(sequence);
  DenseMap<Value, Value> given;
  for (auto [i, operand] : llvm::enumerate(brought)) {
    Value value = operand->get();
    if (failed(entry.insertArgument(i, symbols.typeOf(shapeOf(value)),
                                    b.getDictionaryAttr(nameOf(b, i)),
                                    value.getLoc())))
      return failure();
    given[value] = entry.getArgument(i);
  }
  auto take = [&](Operation *op) {
    for (OpOperand &operand : op->getOpOperands())
      if (Value value = given.lookup(operand.get()))
        copyOf(op)->setOperand(operand.getOperandNumber(), value);
  };
  for (const StateValue &state : sequence.getStates())
    take(state.init->getOwner());
  for (const Delay &delay : sequence.getDelays())
    take(delay.node);
  for (const Attention &attention : sequence.getAttentions())
    take(attention.op);
  for (Operation &op : sequence.getGraph().getBody().front()) {
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (!node || (node.getOpType() != "Shape" && node.getOpType() != "Size"))
      continue;
    auto extents = sequence.getShapes().elementsOf(node->getResult(0));
    if (!extents)
      continue;
    b.setInsertionPoint(copyOf(node));
    StepWriter write(b, node.getLoc(), entry);
    Value value = write.shape(*extents);
    if (value && node.getOpType() == "Size")
      value = write.node("Squeeze", {value, write.integers(0)});
    if (value)
      copyOf(node)->getResult(0).replaceAllUsesWith(value);
  }
  return success();
}

// Of the arguments those that states depend on are left.
LogicalResult StepEntry::dropArguments() {
  SmallVector<OpOperand *> read;
  unsigned next = 0;
  for (OpOperand *operand : brought) {
    if (entry.getArgument(next).use_empty()) {
      if (failed(entry.eraseArgument(next)))
        return failure();
      continue;
    }
    entry.setArgAttrs(next, b.getDictionaryAttr(nameOf(b, next)));
    read.push_back(operand);
    ++next;
  }
  brought = std::move(read);
  for (BlockArgument argument : replaced) {
    if (!argument.use_empty())
      return entry.emitError("'accept' reads an input that says nothing of its "
                             "tokens: leave verify out of --entry");
    if (failed(entry.eraseArgument(argument.getArgNumber())))
      return failure();
  }
  return success();
}

// The results of `verify` behind its states.
LogicalResult StepEntry::giveBrought() {
  Operation *end = entry.getBody().front().getTerminator();
  for (auto [i, operand] : llvm::enumerate(options.brought)) {
    Type type = symbols.typeOf(shapeOf(operand->get()));
    if (failed(entry.insertResult(entry.getNumResults(), type,
                                  b.getDictionaryAttr(nameOf(b, i)))))
      return failure();
    end->insertOperands(end->getNumOperands(), given[i]);
  }
  return success();
}
