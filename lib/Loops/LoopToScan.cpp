//===- LoopToScan.cpp - pass onnx-loop-to-scan ----------------------------===//
//
// A Loop whose number of iterations T is proved is a Scan of T steps:
//
//   a Gather of x at i, or at T - 1 - i              a sequence that is read
//   a Gather of x at C i, ..., C i + C - 1           x in chunks of C
//   a carried tensor that only grows by a Concat     a sequence that is written
//   a row that is yielded                            likewise
//   the number i, a carried counter                  the sequence 0, 1, ...
//
// and what else is carried is a state. A value that is read within its bounds
// at T of its positions is cut down to these. A Slice at a counter is a Gather:
// its extent is a number, which Slice does not show to shape inference.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/Rewrites.h"
#include "lib/Loops/Induction.h"
#include "lib/Loops/NodeWriter.h"
#include "lib/Loops/Passes.h"
#include "lib/Operators/LoopNode.h"
#include "lib/Operators/ShapeArithmetic.h"
#include "mlir/IR/IRMapping.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXLOOPTOSCAN
#include "lib/Loops/LoopsPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

/// Numbers of element types in ONNX.
static constexpr int64_t kInt32 = 6, kInt64 = 7;

namespace {
class LoopConverter {
public:
  LoopConverter(const ShapeInference &inference, onnx::NodeOp loop)
      : inference(inference), loop(loop), parts(*readLoop(loop)),
        body(*parts.body), induction(inference, loop),
        builder(loop->getContext()), writer(builder, loop) {}

  /// True where the loop was replaced, or changed so that shapes are to be
  /// inferred again first.
  bool run();

private:
  /// A tensor to which every iteration adds a piece of a constant extent.
  struct Growing {
    Value piece;
    int64_t axis, width;
    bool inFront;
  };
  /// What becomes of something that is carried.
  struct Carried {
    enum { State, Counter, Fixed, Grows } kind = State;
    ssmc::Counter counter{};
    Growing growing{};
  };
  /// A sequence that the body cuts tokens or chunks out of.
  struct Sequence {
    Value value;
    int64_t axis, first, width;
    bool reverse;
    bool whole;
    bool operator==(const Sequence &other) const {
      return value == other.value && axis == other.axis &&
             first == other.first && width == other.width &&
             reverse == other.reverse;
    }
  };
  struct Read {
    onnx::NodeOp node;
    unsigned sequence;
    bool keepsAxis;
  };

  bool gatherSlices();
  bool classify();
  std::optional<Growing> readGrowing(unsigned number) const;
  void findReads();
  std::optional<Sequence> readCut(onnx::NodeOp node, bool &keepsAxis);
  std::optional<Sequence> makeSequence(Value value, int64_t axis,
                                       Counter position, int64_t width);
  bool isOutside(Value value) const {
    return !loop->isAncestor(value.getParentBlock()->getParentOp());
  }
  const ValueShape *shapeOf(Value value) const {
    return inference.shapeOf(value);
  }
  bool canFinish() const;
  Value countOfTrips();
  Value prepare(const Sequence &sequence);
  void fillBody(onnx::NodeOp scan, bool counts);
  void replaceResults(onnx::NodeOp scan);

  const ShapeInference &inference;
  onnx::NodeOp loop;
  LoopParts parts;
  Block &body;
  Induction induction;
  OpBuilder builder;
  NodeWriter writer;
  AffineExpr trips;
  SmallVector<Carried> carried;
  SmallVector<Sequence> sequences;
  SmallVector<Read> reads;
};
} // namespace

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
// The Scan
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

/// The number of iterations as a scalar; null where nothing has it.
Value LoopConverter::countOfTrips() {
  if (auto constant = constantExtent(trips))
    return writer.scalar(*constant);
  if (loop.hasInput(0)) {
    auto count = inference.elementsOf(loop.getInputs()[0]);
    if (count && count->size() == 1 && count->front() == trips) {
      Value given = loop.getInputs()[0];
      return shapeOf(given)->dims.empty() ? given : writer.squeeze(given, {0});
    }
  }
  for (const Sequence &sequence : sequences)
    if (sequence.whole && sequence.width == 1)
      return writer.squeeze(writer.extent(sequence.value, sequence.axis), {0});
  return {};
}

Value LoopConverter::prepare(const Sequence &sequence) {
  Value value = sequence.value;
  if (!sequence.whole)
    value = writer.slice(value, sequence.axis, sequence.first,
                         sequence.first + *constantExtent(trips));
  if (sequence.width == 1)
    return value;
  SmallVector<int64_t> shape(sequence.axis, 0);
  shape.append({-1, sequence.width});
  for (AffineExpr dim :
       ArrayRef(shapeOf(value)->dims).drop_front(sequence.axis + 1))
    shape.push_back(*constantExtent(dim));
  return writer.node("Reshape", {value, writer.ints(shape)});
}

void LoopConverter::fillBody(onnx::NodeOp scan, bool counts) {
  OpBuilder::InsertionGuard guard(builder);
  Block &block = scan->getRegion(0).emplaceBlock();
  builder.setInsertionPointToEnd(&block);
  auto unknown = onnx::UnknownType::get(builder.getContext());
  auto addArgument = [&] { return block.addArgument(unknown, writer.loc); };
  IRMapping map;
  for (auto [i, one] : llvm::enumerate(carried)) {
    Value argument = body.getArgument(i + 2);
    if (one.kind == Carried::Fixed)
      map.map(argument, loop.getInputs()[i + 2]);
    else if (one.kind == Carried::State)
      map.map(argument, addArgument());
  }
  SmallVector<Value> tokens;
  for (size_t i = 0; i < sequences.size(); ++i)
    tokens.push_back(addArgument());
  if (counts) {
    Value number = addArgument();
    map.map(body.getArgument(0), number);
    for (auto [i, one] : llvm::enumerate(carried)) {
      if (one.kind != Carried::Counter)
        continue;
      Value argument = body.getArgument(i + 2);
      if (argument.use_empty())
        continue;
      auto type = cast<RankedTensorType>(argument.getType());
      Value value = number;
      Value factor = writer.scalar(one.counter.slope);
      value = writer.node("Mul", {value, factor});
      if (auto base = constantExtent(one.counter.base))
        value = writer.node("Add", {value, writer.scalar(*base)});
      else
        value = writer.node("Add", {value, loop.getInputs()[i + 2]});
      if (!type.getElementType().isInteger(64))
        value = writer.node("Cast", value, writer.attr("to", kInt32));
      if (type.getRank() == 1)
        value = writer.node("Reshape", {value, writer.ints(1)});
      map.map(argument, value);
    }
  }
  // What may still hand on the condition: it is true in every iteration.
  auto flag = RankedTensorType::get({}, builder.getI1Type());
  map.map(body.getArgument(1),
          onnx::ConstantOp::create(builder, writer.loc,
                                   DenseElementsAttr::get(flag, true)));
  llvm::DenseMap<Operation *, const Read *> cuts;
  for (const Read &read : reads)
    cuts[read.node] = &read;
  llvm::DenseSet<Operation *> dropped;
  for (auto [i, one] : llvm::enumerate(carried))
    if (one.kind == Carried::Grows)
      dropped.insert(body.back().getOperand(i + 1).getDefiningOp());
  for (Operation &op : body.without_terminator()) {
    if (const Read *read = cuts.lookup(&op)) {
      const Sequence &sequence = sequences[read->sequence];
      Value token = tokens[read->sequence];
      if (read->keepsAxis && sequence.width == 1)
        token = writer.unsqueeze(token, sequence.axis);
      map.map(op.getResult(0), token);
    } else if (!dropped.contains(&op)) {
      builder.clone(op, map);
    }
  }
  SmallVector<Value> yielded;
  for (auto [i, one] : llvm::enumerate(carried))
    if (one.kind == Carried::State)
      yielded.push_back(map.lookupOrDefault(body.back().getOperand(i + 1)));
  for (const Carried &one : carried)
    if (one.kind == Carried::Grows) {
      Value piece = map.lookupOrDefault(one.growing.piece);
      yielded.push_back(one.growing.width == 1
                            ? writer.squeeze(piece, one.growing.axis)
                            : piece);
    }
  for (int64_t i = 0; i < parts.scanned; ++i)
    yielded.push_back(
        map.lookupOrDefault(body.back().getOperand(parts.carried + 1 + i)));
  onnx::YieldOp::create(builder, writer.loc, yielded);
}

void LoopConverter::replaceResults(onnx::NodeOp scan) {
  unsigned state = 0, written = 0;
  for (const Carried &one : carried)
    written += one.kind == Carried::State;
  for (auto [i, one] : llvm::enumerate(carried)) {
    Value result = loop->getResult(i), initial = loop.getInputs()[i + 2], value;
    switch (one.kind) {
    case Carried::State:
      value = scan->getResult(state++);
      break;
    case Carried::Fixed:
      value = initial;
      break;
    case Carried::Counter:
      if (!result.use_empty()) {
        auto type = cast<RankedTensorType>(initial.getType());
        int64_t last = *constantExtent(
            simplifyExtent(one.counter.base + trips * one.counter.slope));
        value = onnx::ConstantOp::create(
            builder, writer.loc,
            DenseElementsAttr::get(
                type, APInt(type.getElementTypeBitWidth(), last, true, true)));
      }
      break;
    case Carried::Grows: {
      value = scan->getResult(written++);
      int64_t axis = one.growing.axis, width = one.growing.width;
      if (width > 1) {
        SmallVector<int64_t> shape(axis, 0);
        shape.push_back(-1);
        for (AffineExpr dim :
             ArrayRef(shapeOf(one.growing.piece)->dims).drop_front(axis + 1))
          shape.push_back(*constantExtent(dim));
        value = writer.node("Reshape", {value, writer.ints(shape)});
      }
      if (constantExtent(shapeOf(initial)->dims[axis]) != 0)
        value = one.growing.inFront ? writer.concat({value, initial}, axis)
                                    : writer.concat({initial, value}, axis);
      break;
    }
    }
    if (value)
      result.replaceAllUsesWith(value);
  }
  for (int64_t i = 0; i < parts.scanned; ++i)
    loop->getResult(parts.carried + i)
        .replaceAllUsesWith(scan->getResult(written++));
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

  builder.setInsertionPoint(loop);
  llvm::DenseSet<Operation *> cut;
  for (const Read &read : reads)
    cut.insert(read.node);
  auto isNeeded = [&](Value value) {
    return llvm::any_of(value.getUsers(),
                        [&](Operation *user) { return !cut.contains(user); });
  };
  bool counts = sequences.empty() || isNeeded(body.getArgument(0));
  for (auto [i, one] : llvm::enumerate(carried))
    counts |= one.kind == Carried::Counter && isNeeded(body.getArgument(i + 2));
  Value positions;
  if (counts) {
    Value count = countOfTrips();
    if (!count)
      return false;
    positions =
        writer.node("Range", {writer.scalar(0), count, writer.scalar(1)});
  }

  SmallVector<Value> inputs;
  SmallVector<int64_t> readAxes, readDirections, writeAxes, writeDirections;
  for (auto [i, one] : llvm::enumerate(carried))
    if (one.kind == Carried::State)
      inputs.push_back(loop.getInputs()[i + 2]);
  for (const Sequence &sequence : sequences) {
    inputs.push_back(prepare(sequence));
    readAxes.push_back(sequence.axis);
    readDirections.push_back(sequence.reverse);
  }
  if (counts) {
    inputs.push_back(positions);
    readAxes.push_back(0);
    readDirections.push_back(0);
  }
  for (const Carried &one : carried)
    if (one.kind == Carried::Grows) {
      writeAxes.push_back(one.growing.axis);
      writeDirections.push_back(one.growing.inFront);
    }
  writeAxes.append(parts.scanned, 0);
  writeDirections.append(parts.scanned, 0);
  SmallVector<Type> types(inputs.size() - readAxes.size() + writeAxes.size(),
                          onnx::UnknownType::get(builder.getContext()));
  auto scan = onnx::NodeOp::create(
      builder, writer.loc, types, inputs, "Scan", "", writer.version,
      builder.getDictionaryAttr(
          {writer.attr("body", 0),
           writer.attr("num_scan_inputs", readAxes.size()),
           writer.attr("scan_input_axes", readAxes),
           writer.attr("scan_input_directions", readDirections),
           writer.attr("scan_output_axes", writeAxes),
           writer.attr("scan_output_directions", writeDirections)}),
      1);
  fillBody(scan, counts);
  replaceResults(scan);
  loop->erase();
  return true;
}

namespace {
struct LoopToScan : ssmc::impl::OnnxLoopToScanBase<LoopToScan> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isExternal())
        continue;
      // What a loop becomes is inferred before the one around it is looked at.
      for (bool changed = true; changed;) {
        changed = false;
        SmallVector<onnx::NodeOp> loops;
        function.walk([&](onnx::NodeOp node) {
          if (node.getDomain().empty() && node.getOpType() == "Loop" &&
              !kept.contains(node) && succeeded(readLoop(node)))
            loops.push_back(node);
        });
        if (loops.empty())
          break;
        ShapeInference inference(getOperation());
        if (failed(inference.run(function)))
          return signalPassFailure();
        for (onnx::NodeOp loop : loops) {
          changed = LoopConverter(inference, loop).run();
          if (changed)
            break;
          kept.insert(loop);
        }
        if (changed) {
          kept.clear();
          ShapeInference again(getOperation());
          if (failed(again.run(function)))
            return signalPassFailure();
        }
      }
    }
  }

  llvm::DenseSet<Operation *> kept;
};
} // namespace
