//===- LoopConverterWrite.cpp - the Scan that a Loop becomes --------------===//

#include "lib/Loops/LoopConverter.h"

#include "dialects/onnx/OnnxElementType.h"
#include "lib/Operators/ShapeArithmetic.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace ssmc {

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
      if (Type element = type.getElementType(); !element.isInteger(64))
        value = writer.node("Cast", value,
                            writer.attr("to", elementTypeToOnnx(element)));
      if (int64_t ones = type.getRank())
        value = writer.node(
            "Reshape", {value, writer.ints(SmallVector<int64_t>(ones, 1))});
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
  for (Operation &op : body.without_terminator()) {
    if (const Read *read = cuts.lookup(&op)) {
      const Sequence &sequence = sequences[read->sequence];
      Value token = tokens[read->sequence];
      if (read->keepsAxis && sequence.width == 1)
        token = writer.unsqueeze(token, sequence.axis);
      map.map(op.getResult(0), token);
    } else if (live.contains(&op)) {
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
      if (!one.growing.replaces &&
          constantExtent(shapeOf(initial)->dims[axis]) != 0)
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

bool LoopConverter::write() {
  builder.setInsertionPoint(loop);
  auto isNeeded = [&](Value value) {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      return live.contains(body.findAncestorOpInBlock(*user));
    });
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

} // namespace ssmc
