//===- LengthRows.cpp - how many tokens the rows of a batch have ----------===//
//
// An operator may be told for each row how many of the tokens are its own. A
// constant that says all of them, for every row, says so at every length. Any
// other one is of the traced rows alone, and is refused.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxElementType.h"
#include "lib/Fold/LengthFreeing.h"
#include "lib/Operators/Indexing.h"

using namespace mlir;
using namespace ssmc;

namespace {
/// The operand that counts, and the axes of the operand it counts along.
struct RowLengths {
  unsigned lengths, data;
  int64_t batch, time;
};
} // namespace

static std::optional<RowLengths> rowLengthsOf(onnx::NodeOp node,
                                              const ShapeInference &shapes) {
  StringRef type = node.getOpType();
  RowLengths rows{4, 0, 1, 0};
  if (type == "ReverseSequence") {
    rows.lengths = 1;
    rows.batch = node.getInt("batch_axis", 1);
    rows.time = node.getInt("time_axis", 0);
  } else if (type == "Attention") {
    const ValueShape *keys =
        node.hasInput(1) ? shapes.shapeOf(node.getInputs()[1]) : nullptr;
    rows = {6, 1, 0, keys && keys->dims.size() == 4 ? 2 : 1};
  } else if (!llvm::is_contained({"LSTM", "GRU", "RNN"}, type)) {
    return std::nullopt;
  } else if (node.getInt("layout", 0) != 0) {
    std::swap(rows.batch, rows.time);
  }
  const ValueShape *shape = node.hasInput(rows.lengths)
                                ? shapes.shapeOf(node.getInputs()[rows.data])
                                : nullptr;
  if (!shape)
    return std::nullopt;
  auto batch = normalizeAxis(rows.batch, shape->dims.size()),
       time = normalizeAxis(rows.time, shape->dims.size());
  if (!batch || !time)
    return std::nullopt;
  return RowLengths{rows.lengths, rows.data, *batch, *time};
}

LogicalResult LengthFreeing::rewriteRowLengths(onnx::NodeOp node) {
  auto rows = rowLengthsOf(node, before);
  if (!rows)
    return success();
  Value data = node.getInputs()[rows->data];
  bool longer = changes(data, rows->time), more = changes(data, rows->batch);
  ElementsAttr given = before.constantOf(node.getInputs()[rows->lengths]);
  if (!given || !(longer || more))
    return success();
  FailureOr<Tensor> lengths = Tensor::fromAttr(given);
  if (failed(lengths) || lengths->isFloat() || lengths->getNumElements() == 0)
    return success();
  ArrayRef<AffineExpr> dims = before.shapeOf(data)->dims;
  int64_t all = longer ? *constantExtent(dims[rows->time]) : lengths->ints()[0];
  for (auto [row, count] : llvm::enumerate(lengths->ints()))
    if (count != all)
      return forbid(node, "is told that row " + Twine(row) + " has " +
                              Twine(count) +
                              (longer ? " of the traced " : " tokens, not ") +
                              Twine(all) +
                              (longer ? " tokens (dimension " : " (dimension ") +
                              Twine(longer ? rows->time : rows->batch) +
                              " of input " + Twine(rows->data) + ")");
  auto next = [&](int64_t axis) {
    return changes(data, axis) ? (*expected(data))[axis]
                               : substitute(dims[axis]);
  };
  Value count =
      longer ? extentTensor(node, next(rows->time)) : integers(node, all);
  Value shape = shapeTensor(node, next(rows->batch));
  if (!count || !shape)
    return forbid(node, "its lengths of rows cannot be computed from the "
                        "inputs");
  int64_t element = elementTypeToOnnx(lengths->getElementType());
  count = this->node(node, "Cast", count,
                     b.getNamedAttr("to", b.getI64IntegerAttr(element)));
  node->setOperand(rows->lengths, this->node(node, "Expand", {count, shape}));
  if (longer)
    assume(node, "rows of " + Twine(all) +
                     " tokens are all of the sequence, at every length");
  return success();
}
