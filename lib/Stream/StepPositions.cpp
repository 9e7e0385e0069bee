//===- StepPositions.cpp - what depends on the positions of tokens --------===//
//
// Rows of a batch may be at different positions, but the graph computes what
// depends on positions (angles, marks, learned vectors) once for all rows. It
// works position by position, whatever the positions are: so it is computed for
// a batch of one whose sequence are the tokens of all rows, B * L of them, with
// L replaced by B * L wherever a shape is computed. Where the result meets the
// rest, its one axis of B * L is split, and the axis of the batch put where the
// rest has it.
//
//===----------------------------------------------------------------------===//

#include "lib/Stream/StepEntry.h"

using namespace mlir;
using namespace ssmc;

LogicalResult StepEntry::addPositions() {
  auto added = addState("position", b.getI64Type(), batch, 0, entry.getLoc());
  if (failed(added))
    return failure();
  position = states[*added].before;
  b.setInsertionPointAfterValue(tokens);
  StepWriter write(b, entry.getLoc(), entry);
  // A state may come from anywhere.
  write.checkNoneNegative(position,
                          "the position of a row in its states is negative");
  allPositions = write.unsqueeze(position, 1);
  if (!options.one)
    allPositions = write.node(
        "Add", {allPositions, write.unsqueeze(write.count(length), 0)});
  states[*added].after = write.node("Add", {position, tokens});
  if (!sequence.hasPositions())
    return success();
  auto argument = cast<BlockArgument>(
      copies.lookup<Value>(sequence.getGraph().getArguments().back()));
  flat[sequence.getGraph().getArguments().back()] =
      write.node("Reshape", {allPositions, write.integers(-1)});
  copyPositional();
  if (failed(setPositional()))
    return failure();
  // What has been computed anew is not read any more.
  for (Operation &op : llvm::reverse(sequence.getGraph().getBody().front()))
    if (Operation *old = copies.lookupOrNull(&op);
        old && op.getNumResults() && flat.contains(op.getResult(0)) &&
        old->use_empty())
      old->erase();
  if (!argument.use_empty())
    return entry.emitError("reads positions in a way that is not known");
  return entry.eraseArgument(argument.getArgNumber());
}

// An operand of a copied node. Shapes are those of the one long sequence.
Value StepEntry::copyOperand(StepWriter &write, Value original, Value copied) {
  if (Value known = flat.lookup(original))
    return known;
  auto elements = sequence.getShapes().elementsOf(original);
  if (!elements)
    return copied;
  DenseMap<AffineExpr, AffineExpr> replaced;
  replaced[sequence.getLength()] =
      multiplyExtents({batch, length}, b.getContext());
  if (!constantExtent(batch))
    replaced[batch] = b.getAffineConstantExpr(1);
  SmallVector<AffineExpr> extents;
  bool changes = false;
  for (AffineExpr element : *elements) {
    extents.push_back(simplifyExtent(element.replace(replaced)));
    changes |= extents.back() != element;
  }
  if (!changes)
    return copied;
  Value shape = write.shape(extents);
  if (shape && shapeOf(original).dims.empty())
    shape = write.node("Squeeze", {shape, write.integers(0)});
  return shape ? shape : copied;
}

void StepEntry::copyPositional() {
  for (Operation &op : sequence.getGraph().getBody().front()) {
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (!node || node->getNumRegions() ||
        llvm::any_of(node->getResults(), [&](Value result) {
          return sequence.dependsOnData(result) ||
                 sequence.getShapes().elementsOf(result);
        }))
      continue;
    bool follows =
        llvm::any_of(node->getOperands(),
                     [&](Value operand) { return flat.contains(operand); }) ||
        llvm::any_of(node->getResults(), [&](Value result) {
          return sequence.hasLength(result) ||
                 (!constantExtent(batch) &&
                  llvm::is_contained(shapeOf(result).dims, batch));
        });
    if (!follows)
      continue;
    Operation *copied = copyOf(node);
    b.setInsertionPoint(copied);
    StepWriter write(b, node.getLoc(), entry);
    SmallVector<Value> operands;
    for (auto [from, to] :
         llvm::zip(node->getOperands(), copied->getOperands()))
      operands.push_back(copyOperand(write, from, to));
    SmallVector<Type> unknown(node->getNumResults(),
                              onnx::UnknownType::get(b.getContext()));
    auto copy = onnx::NodeOp::create(
        b, node.getLoc(), unknown, operands, node.getOpTypeAttr(),
        node.getDomainAttr(), node.getVersionAttr(), node.getAttrsAttr(), 0);
    for (auto [from, to] : llvm::zip(node->getResults(), copy->getResults()))
      flat[from] = to;
  }
}

LogicalResult StepEntry::setPositional() {
  DenseMap<std::tuple<Value, unsigned, unsigned>, Value> known;
  for (const PositionUse &use : sequence.getPositionUses()) {
    Value original = use.use->get();
    Operation *reader = copyOf(use.use->getOwner());
    Value source = flat.lookup(original);
    if (!source)
      return reader->emitError("reads positions in a way that is not known");
    Value &rows = known[{original, use.rank, use.batchAxis}];
    if (!rows) {
      b.setInsertionPointAfterValue(source);
      StepWriter write(b, reader->getLoc(), entry);
      rows = toRows(write, original, source, use.rank, use.batchAxis);
      if (!rows)
        return reader->emitError("has positions of unknown extents");
    }
    reader->setOperand(use.use->getOperandNumber(), rows);
  }
  return success();
}

// `source` has the dimensions of `original` with B * L in place of L.
Value StepEntry::toRows(StepWriter &write, Value original, Value source,
                        unsigned rank, unsigned batchAxis) {
  AffineExpr one = b.getAffineConstantExpr(1);
  SmallVector<AffineExpr> dims(shapeOf(original).dims);
  int64_t time = llvm::find(dims, sequence.getLength()) - dims.begin();
  int64_t lead = rank - dims.size(), own = int64_t(batchAxis) - lead;
  SmallVector<AffineExpr> split, last(std::max<int64_t>(lead, 0), one);
  SmallVector<int64_t> order;
  for (auto [d, dim] : llvm::enumerate(dims)) {
    // A fixed batch is no name: other axes may have its extent.
    if (!constantExtent(batch) && dim == batch)
      dim = one;
    if (int64_t(d) == time)
      split.append({batch, length});
    else
      split.push_back(dim);
  }
  auto place = [&](int64_t d) { return d < time ? d : d + 1; };
  if (own < 0) {
    order.push_back(time);
    last[batchAxis] = batch;
  }
  for (int64_t d = 0; d < int64_t(dims.size()); ++d) {
    order.push_back(d == own ? time : place(d));
    last.push_back(d == own ? batch : d == time ? length : dims[d]);
  }
  if (own >= 0)
    order.push_back(place(own));
  Value value = write.reshape(source, split);
  return value ? write.reshape(write.transpose(value, order), last) : Value();
}
