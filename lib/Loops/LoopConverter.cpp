//===- LoopConverter.cpp - what a Loop carries and reads ------------------===//

#include "lib/Loops/LoopConverter.h"

#include "lib/Fold/Rewrites.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;

namespace ssmc {

/// The number of the element type in ONNX.
static constexpr int64_t kInt64 = 7;

//===----------------------------------------------------------------------===//
// What is carried
//===----------------------------------------------------------------------===//

std::optional<LoopConverter::Growing>
LoopConverter::readGrowing(unsigned number) const {
  Value argument = body.getArgument(number + 2);
  auto concat = definingNode(body.back().getOperand(number + 1), "Concat");
  if (!concat || concat->getBlock() != &body ||
      concat.getInputs().size() != 2 || !argument.hasOneUse())
    return std::nullopt;
  unsigned own = concat.getInputs()[0] == argument ? 0 : 1;
  Value piece = concat.getInputs()[1 - own];
  if (concat.getInputs()[own] != argument || !concat->hasOneUse())
    return std::nullopt;
  const ValueShape *shape = shapeOf(piece);
  if (!shape)
    return std::nullopt;
  auto axis = normalizeAxis(concat.getInt("axis", 0), shape->dims.size());
  if (!axis)
    return std::nullopt;
  auto width = constantExtent(shape->dims[*axis]);
  if (!width || *width < 1)
    return std::nullopt;
  // Wider pieces are merged by a Reshape that must know what follows.
  if (*width > 1)
    for (AffineExpr dim : ArrayRef(shape->dims).drop_front(*axis + 1))
      if (!constantExtent(dim))
        return std::nullopt;
  return Growing{piece, *axis, *width, own == 1};
}

/// A buffer that the body reads nothing of and scatters a row into, at every
/// position once: what it held before is gone.
std::optional<LoopConverter::Growing>
LoopConverter::readWritten(unsigned number) {
  Value argument = body.getArgument(number + 2);
  auto scatter = definingNode(body.back().getOperand(number + 1), "ScatterND");
  if (!scatter || scatter->getBlock() != &body || !scatter->hasOneUse() ||
      scatter.getInputs().size() != 3 || scatter.getInputs()[0] != argument ||
      !argument.hasOneUse() || scatter.getString("reduction", "none") != "none")
    return std::nullopt;
  Value piece = scatter.getInputs()[2];
  const ValueShape *whole = shapeOf(loop.getInputs()[number + 2]),
                   *index = shapeOf(scatter.getInputs()[1]),
                   *row = shapeOf(piece);
  auto position = induction.readOne(scatter.getInputs()[1]);
  if (!whole || !index || !row || !position || index->dims.size() != 2 ||
      whole->dims.empty() || whole->dims[0] != trips ||
      row->dims.size() != whole->dims.size() ||
      constantExtent(row->dims[0]) != 1 ||
      ArrayRef(row->dims).drop_front() != ArrayRef(whole->dims).drop_front())
    return std::nullopt;
  bool backwards =
      position->slope == -1 && simplifyExtent(position->base - trips + 1) ==
                                   getAffineConstantExpr(0, loop.getContext());
  if (!backwards &&
      (position->slope != 1 || constantExtent(position->base) != 0))
    return std::nullopt;
  return Growing{piece, /*axis=*/0, /*width=*/1, /*inFront=*/backwards,
                 /*replaces=*/true};
}

bool LoopConverter::classify() {
  for (unsigned i = 0; i < parts.carried; ++i) {
    Carried one;
    Value before = body.getArgument(i + 2),
          after = body.back().getOperand(i + 1);
    if (before == after) {
      one.kind = Carried::Fixed;
    } else if (auto growing = readGrowing(i)) {
      one.kind = Carried::Grows;
      one.growing = *growing;
    } else if (auto written = readWritten(i)) {
      one.kind = Carried::Grows;
      one.growing = *written;
    } else if (auto counter = induction.readOne(before)) {
      one.kind = Carried::Counter;
      one.counter = *counter;
    } else if (before.getType() != after.getType() ||
               shapeOf(before)->dims != shapeOf(after)->dims ||
               shapeOf(loop.getInputs()[i + 2])->dims != shapeOf(after)->dims) {
      return false;
    }
    carried.push_back(one);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// What is read
//===----------------------------------------------------------------------===//

std::optional<LoopConverter::Sequence>
LoopConverter::makeSequence(Value value, int64_t axis, Counter position,
                            int64_t width) {
  const ValueShape *shape = shapeOf(value);
  AffineExpr extent = shape->dims[axis], first = position.base;
  if (position.slope != width && !(position.slope == -1 && width == 1))
    return std::nullopt;
  bool reverse = position.slope < 0;
  if (reverse)
    first = simplifyExtent(first - trips + 1);
  // Counted from the end.
  if (auto constant = constantExtent(position.base); constant && *constant < 0)
    first = simplifyExtent(first + extent);
  AffineExpr end = simplifyExtent(first + trips * width);
  auto begin = constantExtent(first), stop = constantExtent(end);
  if (width > 1) {
    if (begin != 0 || end != extent)
      return std::nullopt;
    for (AffineExpr dim : ArrayRef(shape->dims).drop_front(axis + 1))
      if (!constantExtent(dim))
        return std::nullopt;
  }
  bool whole = begin == 0 && end == extent;
  if (!whole && (!begin || !stop || *begin < 0 ||
                 !isNonNegative(simplifyExtent(extent - end))))
    return std::nullopt;
  return Sequence{value, axis, *begin, width, reverse, whole};
}

std::optional<LoopConverter::Sequence> LoopConverter::readCut(onnx::NodeOp node,
                                                              bool &keepsAxis) {
  if (!node.getDomain().empty() || node->getNumResults() != 1 ||
      node.getInputs().empty())
    return std::nullopt;
  Value value = node.getInputs()[0];
  // What the loop only hands on is the value from before it.
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getOwner() == &body &&
      argument.getArgNumber() >= 2 &&
      carried[argument.getArgNumber() - 2].kind == Carried::Fixed)
    value = loop.getInputs()[argument.getArgNumber()];
  const ValueShape *shape = shapeOf(value);
  if (!shape || !isOutside(value))
    return std::nullopt;
  int64_t rank = shape->dims.size();
  if (node.getOpType() != "Gather")
    return std::nullopt;
  const ValueShape *index = shapeOf(node.getInputs()[1]);
  auto positions = induction.read(node.getInputs()[1]);
  auto axis = normalizeAxis(node.getInt("axis", 0), rank);
  if (!index || !positions || positions->empty() || !axis ||
      index->dims.size() > 1 || positions->front().slope == 0)
    return std::nullopt;
  for (auto [i, position] : llvm::enumerate(*positions))
    if (position.slope != positions->front().slope ||
        position.base != simplifyExtent(positions->front().base + i))
      return std::nullopt;
  keepsAxis = index->dims.size() == 1;
  return makeSequence(value, *axis, positions->front(), positions->size());
}

/// A Slice from a counter on as a Gather, where all of it is there.
bool LoopConverter::gatherSlices() {
  bool changed = false;
  for (auto node : llvm::make_early_inc_range(body.getOps<onnx::NodeOp>())) {
    if (!node.getDomain().empty() || node.getOpType() != "Slice" ||
        node.getInputs().size() < 3)
      continue;
    const ValueShape *shape = shapeOf(node.getInputs()[0]);
    auto start = induction.readOne(node.getInputs()[1]),
         end = induction.readOne(node.getInputs()[2]);
    if (!shape || !start || !end || start->slope == 0 ||
        start->slope != end->slope)
      continue;
    std::optional<int64_t> axis = 0;
    for (unsigned i : {3u, 4u})
      if (node.hasInput(i)) {
        auto given = induction.readOne(node.getInputs()[i]);
        auto number = given && given->slope == 0 ? constantExtent(given->base)
                                                 : std::nullopt;
        if (!number || (i == 4 && *number != 1))
          axis = std::nullopt;
        else if (i == 3)
          axis = normalizeAxis(*number, shape->dims.size());
      }
    auto width = constantExtent(simplifyExtent(end->base - start->base));
    if (!axis || !width || *width < 1 || *width > 64)
      continue;
    // The least and the greatest position.
    AffineExpr last = simplifyExtent(start->base + (trips - 1) * start->slope);
    AffineExpr low = start->slope > 0 ? start->base : last,
               high = start->slope > 0 ? last : start->base;
    if (!isNonNegative(low) ||
        !isNonNegative(simplifyExtent(shape->dims[*axis] - high - *width)))
      continue;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(node);
    Value index = node.getInputs()[1];
    auto type = cast<RankedTensorType>(index.getType());
    if (*width > 1) {
      SmallVector<int64_t> offsets(llvm::to_vector(llvm::seq<int64_t>(*width)));
      Value constant = writer.ints(offsets);
      if (!type.getElementType().isInteger(64))
        index = writer.node("Cast", index, writer.attr("to", kInt64));
      index = writer.node("Add", {index, constant});
    }
    Value cut = writer.node("Gather", {node.getInputs()[0], index},
                            writer.attr("axis", *axis));
    node->getResult(0).replaceAllUsesWith(cut);
    node->erase();
    changed = true;
  }
  return changed;
}

void LoopConverter::findReads() {
  for (auto node : body.getOps<onnx::NodeOp>()) {
    bool keepsAxis = false;
    std::optional<Sequence> sequence = readCut(node, keepsAxis);
    if (!sequence)
      continue;
    auto it = llvm::find(sequences, *sequence);
    unsigned number = it - sequences.begin();
    if (it == sequences.end())
      sequences.push_back(*sequence);
    reads.push_back({node, number, keepsAxis});
  }
}

//===----------------------------------------------------------------------===//
// Whether it is a Scan
//===----------------------------------------------------------------------===//

/// What a counter is after the loop must be known.
bool LoopConverter::canFinish() const {
  for (auto [i, one] : llvm::enumerate(carried))
    if (one.kind == Carried::Counter && !loop->getResult(i).use_empty() &&
        !constantExtent(
            simplifyExtent(one.counter.base + trips * one.counter.slope)))
      return false;
  return true;
}

void LoopConverter::findLive() {
  llvm::DenseSet<Operation *> cut;
  for (const Read &read : reads)
    cut.insert(read.node);
  SmallVector<Value> worklist;
  ValueRange yielded = body.back().getOperands();
  for (auto [i, one] : llvm::enumerate(carried)) {
    if (one.kind == Carried::State)
      worklist.push_back(yielded[i + 1]);
    else if (one.kind == Carried::Grows)
      worklist.push_back(one.growing.piece);
  }
  llvm::append_range(worklist, yielded.drop_front(parts.carried + 1));
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    op = op ? body.findAncestorOpInBlock(*op) : nullptr;
    if (!op || cut.contains(op) || !live.insert(op).second)
      continue;
    op->walk([&](Operation *inner) {
      llvm::append_range(worklist, inner->getOperands());
    });
  }
}

bool LoopConverter::run() {
  if (loop.getVersion() < 11 || !(trips = induction.countTrips()))
    return false;
  // A Scan takes at least one step here, or as many as there are tokens.
  if (auto constant = constantExtent(trips);
      constant ? *constant < 1 : !isNonNegative(trips))
    return false;
  for (Value value : body.getArguments())
    if (!shapeOf(value))
      return false;
  if (gatherSlices())
    return true;
  if (!classify() || !canFinish())
    return false;
  findReads();
  // A loop along nothing: a Scan would need positions to count its steps.
  if (sequences.empty() && parts.scanned == 0 &&
      llvm::none_of(carried, [](const Carried &one) {
        return one.kind == Carried::Grows;
      }))
    return false;
  findLive();
  return write();
}

} // namespace ssmc
