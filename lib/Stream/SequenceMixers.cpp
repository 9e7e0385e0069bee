//===- SequenceMixers.cpp - mixers that can be continued ------------------===//
//
// What is asked of an op follows from the extents of its operands, which it
// names: a destination whose value is read is a state. An op with states whose
// only extent that is as long as the sequence is its time, and which does not
// run backwards, goes on from them. An op without states may have the length in
// loops only, of which every iteration is by itself. Attention goes on if the
// keys that it needs can be kept.
//
//===----------------------------------------------------------------------===//

#include "lib/Stream/Sequence.h"

#include "dialects/ssm/SsmOps.h"
#include "lib/Eval/Tensor.h"
#include "lib/Operators/Indexing.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ssmc;

std::optional<double> ssmc::filledWith(Value value) {
  Attribute element;
  while (auto node = value.getDefiningOp<onnx::NodeOp>()) {
    if (node.getDomain().empty() && node.getOpType() == "ConstantOfShape") {
      auto filler =
          dyn_cast_or_null<DenseElementsAttr>(node.getAttrs().get("value"));
      if (filler && filler.isSplat())
        element = filler.getSplatValue<Attribute>();
      else if (!node.getAttrs().get("value"))
        return 0;
      break;
    }
    if (!node.getDomain().empty() ||
        !llvm::is_contained({"Expand", "Reshape", "Squeeze", "Unsqueeze",
                             "Transpose", "Identity", "Slice"},
                            node.getOpType()))
      break;
    value = node->getOperand(0);
  }
  if (auto constant = value.getDefiningOp<onnx::ConstantOp>()) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (dense && dense.isSplat())
      element = dense.getSplatValue<Attribute>();
  } else if (auto fill = value.getDefiningOp<linalg::FillOp>()) {
    matchPattern(fill.getInputs()[0], m_Constant(&element));
  }
  if (auto number = dyn_cast_or_null<FloatAttr>(element))
    return number.getValueAsDouble();
  if (auto number = dyn_cast_or_null<IntegerAttr>(element))
    return number.getType().isInteger(1) ? double(number.getValue().isOne())
                                         : double(number.getInt());
  return std::nullopt;
}

// The constant that is repeated for the rows of `value`, which its axis `rows`
// counts: without that axis, in the extents of the others.
static DenseElementsAttr rowOf(Value value, unsigned rows,
                               const ValueShape &shape) {
  if (auto broadcast = value.getDefiningOp<linalg::BroadcastOp>()) {
    DenseElementsAttr row;
    bool isRow = broadcast.getDimensions() == ArrayRef<int64_t>(rows) &&
                 matchPattern(broadcast.getInput(), m_Constant(&row));
    return isRow ? row : DenseElementsAttr();
  }
  while (auto node = value.getDefiningOp<onnx::NodeOp>()) {
    if (!node.getDomain().empty() ||
        (node.getOpType() != "Expand" && node.getOpType() != "Identity"))
      return {};
    value = node->getOperand(0);
  }
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  FailureOr<Tensor> tensor = failure();
  if (constant && isa<FloatType>(shape.elementType))
    tensor = Tensor::fromAttr(constant.getValue());
  if (failed(tensor) || tensor->getRank() > int64_t(shape.dims.size()))
    return {};
  // Broadcast as Expand does; every row must be the first one.
  SmallVector<int64_t> whole, own(tensor->getShape());
  own.insert(own.begin(), shape.dims.size() - own.size(), 1);
  for (auto [d, dim] : llvm::enumerate(shape.dims))
    whole.push_back(d == rows ? own[d] : *constantExtent(dim));
  SmallVector<int64_t> strides = rowMajorStrides(own), rowShape(whole);
  rowShape.erase(rowShape.begin() + rows);
  if (!Tensor::fits(whole))
    return {};
  Tensor row(shape.elementType, rowShape);
  SmallVector<int64_t> rowStrides = rowMajorStrides(rowShape);
  bool equal = true;
  forEachIndex(whole, [&](ArrayRef<int64_t> index) {
    int64_t from = 0;
    SmallVector<int64_t> to;
    for (size_t d = 0; d < index.size(); ++d) {
      from += own[d] == 1 ? 0 : index[d] * strides[d];
      if (d != rows)
        to.push_back(index[d]);
    }
    double &element = row.mutableFloats()[linearize(to, rowStrides)];
    equal &= index[rows] == 0 || element == tensor->floats()[from];
    element = tensor->floats()[from];
  });
  return equal ? dyn_cast<DenseElementsAttr>(row.toAttr()) : nullptr;
}

bool Sequence::addState(OpOperand &init, const AxisAnalysis &analysis) {
  Operation *op = init.getOwner();
  Value last = finalState(init);
  if (!last.use_empty())
    return refuse(op, "has a final state that the graph reads");
  const ValueShape *shape = shapes->shapeOf(init.get());
  auto rows = findAxis(last, AxisKind::Batch, analysis);
  if (!shape || !rows || *rows >= shape->dims.size())
    return refuse(op, "has a state without a dimension for the batch");
  for (auto [d, dim] : llvm::enumerate(shape->dims))
    if (d != *rows && !constantExtent(dim))
      return refuse(op, "has a state whose size is not known");
  StateValue state{&init, *rows, 0, {}};
  if (std::optional<double> initial = filledWith(init.get()))
    state.initial = *initial;
  else if (!(state.initialRow = rowOf(init.get(), *rows, *shape)))
    return refuse(op, "has a state that is given or computed before the first "
                      "token");
  // Zeros of both signs are what a product with zero leaves.
  if (state.initialRow && llvm::all_of(state.initialRow.getValues<APFloat>(),
                                       [](APFloat x) { return x.isZero(); }))
    state.initialRow = nullptr;
  states.push_back(state);
  return true;
}

// What a step reads beside its arguments has no time.
bool Sequence::checkBody(Operation *op) {
  bool right = true;
  for (Region &region : op->getRegions())
    region.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        right &= op->isAncestor(operand.getParentBlock()->getParentOp()) ||
                 (!hasLength(operand) && !dependsOnData(operand));
    });
  return right ||
         refuse(op, "reads values of the whole sequence in every step");
}

bool Sequence::checkMixer(Operation *op, const AxisAnalysis &analysis) {
  if (isa<ssm::AttentionOp>(op))
    return checkAttention(op);
  ssm::MixerShape shape = cast<ssm::MixerOpInterface>(op).getMixerShape();
  auto destinations = cast<DestinationStyleOpInterface>(op);
  SmallVector<OpOperand *> inits;
  for (OpOperand &init : destinations.getDpsInitsMutable())
    if (shape.operands[init.getOperandNumber()].read)
      inits.push_back(&init);
  for (auto [operand, info] : llvm::zip(op->getOpOperands(), shape.operands)) {
    const ValueShape *own = shapes->shapeOf(operand.get());
    if (!own || own->dims.size() != info.dims.size())
      return refuse(op, "has an operand of unknown shape");
    for (auto [dim, extent] : llvm::zip(own->dims, info.dims)) {
      if (!hasLength(dim))
        continue;
      if (info.reversed)
        return refuse(op, "runs from the last token to the first");
      bool isTime = shape.time && extent == int64_t(*shape.time);
      bool isLoop = extent >= 0 && extent < int64_t(shape.numLoops) && !isTime;
      if (!inits.empty() ? !isTime || dim != length : !isLoop)
        return refuse(op, "needs all tokens at once, so it cannot go on from "
                          "a state");
      if (!dependsOnData(operand.get()) &&
          analysis.getGraph().dependsOnInput(operand.get()))
        return refuse(op, "reads the positions of the tokens");
    }
  }
  if (!checkBody(op))
    return false;
  for (OpOperand *init : inits)
    if (!addState(*init, analysis))
      return false;
  if (!inits.empty() && !findNeutral(op, analysis))
    uncut = op;
  return true;
}

/// Operands by which a step leaves the states as they are, with the value that
/// does: by the equations of the ops, in which it is all that the states meet.
static SmallVector<std::pair<OpOperand *, double>>
neutralOperands(Operation *op) {
  SmallVector<std::pair<OpOperand *, double>> list;
  auto add = [&](OpOperand &operand, double value) {
    list.push_back({&operand, value});
  };
  auto addIfGiven = [&](MutableOperandRange operand) {
    if (!operand.empty())
      add(operand[0], 0);
  };
  if (auto scan = dyn_cast<ssm::ScanOp>(op)) {
    add(scan.getAMutable(), 1);
    add(scan.getBMutable(), 0);
  } else if (auto scan = dyn_cast<ssm::SelectiveScanOp>(op)) {
    add(scan.getDeltaMutable(), 0);
  } else if (auto linear = dyn_cast<ssm::SemiseparableOp>(op)) {
    add(linear.getKMutable(), 0);
    addIfGiven(linear.getDecayMutable());
  } else if (auto rule = dyn_cast<ssm::DeltaRuleOp>(op)) {
    if (!rule.getBeta())
      add(rule.getKMutable(), 0);
    addIfGiven(rule.getBetaMutable());
    addIfGiven(rule.getBMutable());
    addIfGiven(rule.getDecayMutable());
  }
  return list;
}

// Where a row ends before the others, its states must be those after its last
// token. A convolution keeps its last inputs, an associative scan gives its
// state at every token; other ops are held still by operands that do nothing.
bool Sequence::findNeutral(Operation *op, const AxisAnalysis &analysis) {
  ssm::MixerShape shape = cast<ssm::MixerOpInterface>(op).getMixerShape();
  for (const ssm::MixerOperand &info : shape.operands)
    if (info.isFlag)
      return false;
  if (isa<ssm::ShortConvOp, ssm::AssociativeScanOp>(op))
    return true;
  auto list = neutralOperands(op);
  if (list.empty())
    return false;
  // Of the others no NaN may meet the states.
  for (OpOperand &operand : op->getOpOperands())
    if (hasLength(operand.get()) && dependsOnData(operand.get()) &&
        llvm::none_of(list, [&](auto &known) {
          return known.first->getOperandNumber() == operand.getOperandNumber();
        }))
      list.push_back({&operand, 0});
  for (auto [operand, number] : list) {
    Value value = operand->get();
    const ValueShape *own = shapes->shapeOf(value);
    if (!own || !own->elementType.isIntOrFloat())
      return false;
    NeutralOperand found{operand, number, std::nullopt, std::nullopt};
    if (hasLength(value)) {
      found.batchAxis = findAxis(value, AxisKind::Batch, analysis);
      found.timeAxis = llvm::find(own->dims, length) - own->dims.begin();
      if (!found.batchAxis)
        return false;
    } else if (own->dims.size() > 2) {
      return false; // a decay of all tokens is given for each of them
    }
    neutral.push_back(found);
  }
  return true;
}

bool Sequence::checkAttention(Operation *op) {
  auto attention = cast<ssm::AttentionOp>(op);
  auto atLength = [&](Value value) {
    const ValueShape *shape = shapes->shapeOf(value);
    return shape && shape->dims.size() > 1 && shape->dims[1] == length;
  };
  if (!atLength(attention.getQ()))
    return hasLength(op->getResult(0)) || hasLength(attention.getK())
               ? refuse(op, "has queries that are not those of the tokens")
               : true;
  if (attention.getQueryPositions() || attention.getQuerySegments() ||
      attention.getPrefix())
    return refuse(op, "has positions or segments of its own");
  if (attention.getBias() && hasLength(attention.getBias()))
    return refuse(op, "has a bias for each query");
  bool toItself = atLength(attention.getK());
  if (!toItself && !hasLength(attention.getK())) {
    // To something that is there from the beginning.
    return !attention.getLeft() && !attention.getRight()
               ? true
               : refuse(op, "has a mask between a query and a key of another "
                            "sequence");
  }
  if (!toItself || attention.getRight() != std::optional<uint64_t>(0))
    return refuse(op, "sees tokens that come later");
  if (attention.getBias())
    return refuse(op, "has a bias for each key");
  std::optional<int64_t> window;
  if (attention.getLeft() && attention.getGlobal() == 0)
    window = *attention.getLeft();
  else if (attention.getLeft())
    return refuse(op, "sees a window and the first tokens");
  if (window != 0)
    attentions.push_back({op, window});
  return true;
}
