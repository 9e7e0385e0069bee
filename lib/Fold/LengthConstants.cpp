//===- LengthConstants.cpp - constants of the traced size -----------------===//
//
// A constant operand that spans the batch or the sequence is brought to their
// new extents axis by axis: where it repeats one value it shrinks to it (and is
// expanded again where the operator does not broadcast); along the sequence it
// may be a table of positions, and along two axes of the sequence one of their
// distances, such as a causal mask, and is computed. Anything else - a mask of
// another kind, learned positions - forbids another extent, and its node is
// named.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxElementType.h"
#include "lib/Fold/LengthFreeing.h"
#include "lib/Operators/Indexing.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;

// True for positions as parts of the whole: from 0 or -1 to 1, in steps of one
// over the length, or over the number of steps.
static bool isNormalisedTable(const PositionTable &table, int64_t length) {
  return table.kind == PositionTable::Linear && table.second.isFloat() &&
         llvm::all_of(table.second.floats(), [&](double step) {
           for (int64_t count : {length, length - 1})
             for (int64_t span : {1, 2})
               if (std::abs(std::abs(step) * count - span) < 1e-6)
                 return true;
           return false;
         });
}

// What says that a rule is one of the traced length alone; empty if nothing
// does.
static std::string whyNotContinued(const PositionTable &table, int64_t length) {
  std::string traced = "the traced length of " + std::to_string(length);
  if (isNormalisedTable(table, length))
    return "reads positions divided by " + traced;
  if (table.kind != PositionTable::Linear)
    return "";
  for (int64_t i = 0; i < table.second.getNumElements(); ++i) {
    double first = table.first.at(i) / table.second.at(i);
    if (std::abs(std::abs(first) - length) < 1 + 1e-6)
      return "reads positions that begin at " +
             std::to_string(int64_t(std::round(first))) + ", which may be " +
             traced;
  }
  return "";
}

// The numbers of all tokens.
Value LengthFreeing::positions(onnx::NodeOp at, bool fromEnd) {
  if (fromEnd) {
    Value all = positions(at), last = extentTensor(at, newLength - 1);
    return all && last ? node(at, "Sub", {last, all}) : Value();
  }
  if (allPositions)
    return allPositions;
  Value limit = extentTensor(at, newLength);
  if (!limit)
    return {};
  auto scalar = [&](int64_t value) {
    return constant(at, Tensor::scalar(b.getI64Type(), value));
  };
  Value zero = integers(at, 0);
  limit = node(at, "Squeeze", {limit, zero});
  return allPositions = node(at, "Range", {scalar(0), limit, scalar(1)});
}

/// A tensor with further axes of one element at `axis`.
static Tensor insertAxes(const Tensor &tensor, int64_t axis, int64_t count) {
  SmallVector<int64_t> shape(tensor.getShape());
  shape.insert(shape.begin() + axis, count, 1);
  Tensor result(tensor.getElementType(), shape);
  for (int64_t i = 0; i < tensor.getNumElements(); ++i)
    if (tensor.isFloat())
      result.mutableFloats()[i] = tensor.floats()[i];
    else
      result.mutableInts()[i] = tensor.ints()[i];
  return result;
}

// What the model has stored of as many positions as were traced.
ArrayRef<Tensor> LengthFreeing::tables() {
  if (storedTables)
    return *storedTables;
  storedTables.emplace();
  for (auto source : graph.getBody().front().getOps<onnx::ConstantOp>()) {
    auto type = source.getValue().getShapedType();
    if (type.getElementType().isF32() && type.getNumElements() <= (1 << 20) &&
        llvm::is_contained(type.getShape(), length))
      if (FailureOr<Tensor> tensor = Tensor::fromAttr(source.getValue());
          succeeded(tensor))
        storedTables->push_back(std::move(*tensor));
  }
  return *storedTables;
}

// The table at the positions `index`, a tensor of rank `span`, whose axes take
// the place of the table's `axis`.
Value LengthFreeing::continueTable(onnx::NodeOp at, const PositionTable &table,
                                   Value index, int64_t axis, int64_t span) {
  bool settled = table.kind == PositionTable::Settled;
  Value first =
      constant(at, insertAxes(table.first, axis, settled ? 0 : span - 1));
  if (settled) {
    int64_t last = table.first.getShape()[axis] - 1;
    index = node(at, "Min", {index, integers(at, last)});
    return node(at, "Gather", {first, index},
                b.getNamedAttr("axis", b.getI64IntegerAttr(axis)));
  }
  SmallVector<int64_t> others;
  int64_t rank = table.first.getShape().size() + span - 1;
  for (int64_t d = 0; d < rank; ++d)
    if (d < axis || d >= axis + span)
      others.push_back(d);
  if (!others.empty())
    index = node(at, "Unsqueeze", {index, integers(at, others)});
  Type type = table.first.getElementType();
  if (!type.isInteger(64))
    index = node(
        at, "Cast", index,
        b.getNamedAttr("to", b.getI64IntegerAttr(elementTypeToOnnx(type))));
  Value second = constant(at, insertAxes(table.second, axis, span - 1));
  if (table.kind == PositionTable::Linear)
    return node(at, "Add", {first, node(at, "Mul", {index, second})});
  Value angle = node(at, "Mul", {index, first});
  auto all = [&](double phase) {
    return llvm::all_of(table.second.floats(),
                        [&](double other) { return other == phase; });
  };
  Value wave;
  if (all(0))
    wave = node(at, "Cos", angle);
  else if (all(PositionTable::kSine))
    wave = node(at, "Sin", angle);
  else
    wave = node(at, "Cos", node(at, "Add", {angle, second}));
  if (table.amplitude == 1)
    return wave;
  Value amplitude = constant(at, Tensor::scalar(type, table.amplitude));
  return node(at, "Mul", {wave, amplitude});
}

// The table at all pairs of positions of the new length.
Value LengthFreeing::continueTable(onnx::NodeOp at, const RelativeTable &table,
                                   int64_t axis) {
  Value all = positions(at);
  if (!all)
    return {};
  Value i = node(at, "Unsqueeze", {all, integers(at, 1)});
  Value j = node(at, "Unsqueeze", {all, integers(at, 0)});
  Value zero = integers(at, 0), one = integers(at, 1);
  // Where a distance is not that of its table, any row serves.
  Value before = node(at, "Max", {node(at, "Sub", {i, j}), zero});
  Value after = node(at, "Sub", {node(at, "Sub", {j, i}), one});
  after = node(at, "Max", {after, zero});
  Value isAfter = node(at, "Less", {i, j});
  SmallVector<int64_t> behind;
  for (size_t d = axis + 2; d <= table.before.first.getShape().size(); ++d)
    behind.push_back(d - axis);
  if (!behind.empty())
    isAfter = node(at, "Unsqueeze", {isAfter, integers(at, behind)});
  return node(at, "Where",
              {isAfter, continueTable(at, table.after, after, axis, 2),
               continueTable(at, table.before, before, axis, 2)});
}

// The constant at all positions of the new length, or along two axes at all
// pairs of them: null where it follows no rule.
FailureOr<Value> LengthFreeing::continueTable(onnx::NodeOp at,
                                              const Tensor &tensor,
                                              int64_t axis, bool relative) {
  Value value;
  std::string fault;
  bool fromEnd = false;
  if (relative) {
    if (auto table = findRelativeTable(tensor, axis)) {
      fault = whyNotContinued(table->before, length);
      if (fault.empty())
        fault = whyNotContinued(table->after, length);
      value = continueTable(at, *table, axis);
    }
  } else if (auto table = findPositionTable(tensor, axis, tables())) {
    fault = whyNotContinued(*table, length);
    fromEnd = table->fromEnd;
    if (Value index = positions(at, fromEnd))
      value = continueTable(at, *table, index, axis, 1);
  }
  if (!fault.empty())
    return forbid(at, fault);
  if (value)
    assume(at, "the constant that it reads, of " + Twine(length) +
                   " positions, goes on in the same way " +
                   (fromEnd ? "before" : "after") + " them");
  return value;
}

LogicalResult LengthFreeing::adaptConstant(onnx::NodeOp node,
                                           OpOperand &operand, Value like,
                                           bool broadcasts) {
  const Expected *out = expected(like);
  auto source = operand.get().getDefiningOp<onnx::ConstantOp>();
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  if (!out || !source || !type ||
      type.getRank() > static_cast<int64_t>(out->size()))
    return success();
  size_t lead = out->size() - type.getRank();
  std::optional<int64_t> joined;
  if (node.getOpType() == "Concat")
    joined = normalizeAxis(node.getInt("axis", 0), out->size());
  // The axes of a matrix do not broadcast.
  int64_t end = type.getRank() - (node.getOpType() == "MatMul" ? 2 : 0);
  SmallVector<int64_t> axes;
  for (int64_t d = 0; d < end; ++d)
    if (type.getDimSize(d) > 1 && changes(like, lead + d) && joined != d)
      axes.push_back(d);
  if (axes.empty())
    return success();

  auto refuse = [&] {
    std::string shape = llvm::join(
        llvm::map_range(type.getShape(),
                        [](int64_t extent) { return std::to_string(extent); }),
        "x");
    return forbid(
        node, "its input " + Twine(operand.getOperandNumber()) +
                  " is a constant of the traced size (" + shape +
                  "), such as a mask or a table of positions, that follows no "
                  "rule by which "
                  "another size of it can be computed");
  };
  if (type.getNumElements() > (1 << 20))
    return refuse();
  FailureOr<Tensor> tensor = Tensor::fromAttr(source.getValue());
  if (failed(tensor))
    return refuse();
  Value value;
  SmallVector<AffineExpr> extents =
      getAffineConstantExprs(type.getShape(), b.getContext());
  for (int64_t d : axes) {
    AffineExpr wanted = (*out)[lead + d];
    if (FailureOr<Tensor> smaller = tensor->shrink(d); succeeded(smaller)) {
      tensor = *smaller;
      extents[d] = broadcasts ? b.getAffineConstantExpr(1) : wanted;
      continue;
    }
    // One table only: its value is not a constant any more.
    auto isPositions = [&](int64_t axis) {
      return (*out)[lead + axis] == newLength &&
             type.getDimSize(axis) == length;
    };
    if (value || !isPositions(d))
      return refuse();
    bool relative = d != axes.back();
    if (relative && (d + 1 != axes.back() || !isPositions(d + 1)))
      return refuse();
    auto table = continueTable(node, *tensor, d, relative);
    if (failed(table))
      return failure();
    if (!*table)
      return refuse();
    value = *table;
    extents[d] = wanted;
    if (relative)
      extents[d + 1] = newLength;
    if (relative)
      break;
  }
  if (!value)
    value = constant(node, *tensor);
  if (!broadcasts) {
    Value shape = shapeTensor(node, extents);
    if (!shape)
      return refuse();
    value = this->node(node, "Expand", {value, shape});
  }
  operand.set(value);
  return success();
}

// Initial states of LSTM, GRU and RNN, of the extents of the states after.
// Those need not be a result: then the last axes of all states say it, where
// the batch is not the first.
LogicalResult LengthFreeing::adaptInitialStates(onnx::NodeOp node) {
  constexpr unsigned kFirst = 5; // initial_h, behind which is initial_c
  for (unsigned i = kFirst; i < node->getNumOperands(); ++i) {
    unsigned after = i - kFirst + 1;
    bool isResult =
        after < node->getNumResults() && expected(node->getResult(after));
    if (i > kFirst + 1 || (!isResult && node.getInt("layout", 0)))
      break;
    if (failed(adaptConstant(node, node->getOpOperand(i),
                             node->getResult(isResult ? after : 0),
                             /*broadcasts=*/false)))
      return failure();
  }
  return success();
}

LogicalResult LengthFreeing::adaptConstants(onnx::NodeOp node) {
  static const llvm::StringSet<> broadcasting = {"Add",
                                                 "Sub",
                                                 "Mul",
                                                 "Div",
                                                 "Pow",
                                                 "Max",
                                                 "Min",
                                                 "Mod",
                                                 "Where",
                                                 "And",
                                                 "Or",
                                                 "Xor",
                                                 "Equal",
                                                 "Less",
                                                 "LessOrEqual",
                                                 "Greater",
                                                 "GreaterOrEqual",
                                                 "MatMul"};
  StringRef type = node.getOpType();
  // What is scattered into has the extents of the result.
  bool scatters = type == "ScatterElements" || type == "ScatterND";
  bool broadcasts = broadcasting.contains(type);
  if (type == "Scan") {
    // A state keeps its extents.
    int64_t reads = node.getInt("num_scan_inputs", 0);
    for (OpOperand &operand : node->getOpOperands().drop_back(
             std::min<int64_t>(reads, node->getNumOperands())))
      if (operand.getOperandNumber() < node->getNumResults() &&
          failed(adaptConstant(node, operand,
                               node->getResult(operand.getOperandNumber()),
                               /*broadcasts=*/false)))
        return failure();
    return success();
  }
  if (type == "RotaryEmbedding" && !node.hasInput(3)) {
    // One row of the batch, whose tokens stand in front of the last axis.
    for (OpOperand &cache : node->getOpOperands().slice(1, 2))
      if (failed(adaptConstant(node, cache, node->getResult(0),
                               /*broadcasts=*/true)))
        return failure();
    return success();
  }
  if (type == "LSTM" || type == "GRU" || type == "RNN")
    return adaptInitialStates(node);
  if (!broadcasts && !scatters && type != "Concat")
    return success();
  for (OpOperand &operand :
       node->getOpOperands().take_front(scatters ? 1 : node->getNumOperands()))
    if (failed(adaptConstant(node, operand, node->getResult(0), broadcasts)))
      return failure();
  return success();
}
