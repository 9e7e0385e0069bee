//===- RotarySpellings.cpp - rotary embeddings of constant positions ------===//
//
// RotaryEmbedding reads the cosines and sines of its tokens from caches, at
// positions. Where both are constants, the rows that are read are a table of
// its tokens, and it reads no positions; rows that are those of every batch row
// are held once.
//
//===----------------------------------------------------------------------===//

#include "lib/Fold/Spellings.h"

#include "lib/Eval/Tensor.h"

using namespace mlir;
using namespace ssmc;

static std::optional<Tensor> constantOf(Value value) {
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (!constant)
    return std::nullopt;
  FailureOr<Tensor> tensor = Tensor::fromAttr(constant.getValue());
  if (failed(tensor))
    return std::nullopt;
  return *tensor;
}

/// Once what every row of the batch has.
static Tensor shareRows(Tensor tensor) {
  if (tensor.getRank() == 0 || tensor.getShape()[0] <= 1)
    return tensor;
  FailureOr<Tensor> one = tensor.shrink(0);
  return succeeded(one) ? *one : tensor;
}

/// The rows of a cache at these positions, [batch, time, half]; nothing where
/// it lacks one.
static std::optional<Tensor> readRows(const Tensor &cache,
                                      const Tensor &positions) {
  if (cache.getRank() != 2 || positions.getRank() != 2 || positions.isFloat() ||
      !cache.isFloat())
    return std::nullopt;
  int64_t rows = cache.getShape()[0], width = cache.getShape()[1];
  SmallVector<int64_t> shape(positions.getShape());
  shape.push_back(width);
  if (!Tensor::fits(shape))
    return std::nullopt;
  Tensor read(cache.getElementType(), shape);
  auto to = read.mutableFloats().begin();
  for (int64_t row : positions.ints()) {
    if (row < 0 || row >= rows)
      return std::nullopt;
    to = llvm::copy(cache.floats().slice(row * width, width), to);
  }
  return read;
}

/// False for caches of one row of the batch, which are large and read as they
/// are.
static bool isSpelled(onnx::NodeOp node) {
  if (!node.hasInput(1) || !node.hasInput(2))
    return false;
  auto isOne = [&](unsigned i) {
    auto type = dyn_cast<RankedTensorType>(node.getInputs()[i].getType());
    return type && type.getRank() == 3 && type.getDimSize(0) == 1;
  };
  return node.hasInput(3) || !isOne(1) || !isOne(2);
}

Value ssmc::respellRotary(onnx::NodeOp node, OpBuilder &b) {
  if (!isSpelled(node))
    return {};
  std::optional<Tensor> positions;
  if (node.hasInput(3) && !(positions = constantOf(node.getInputs()[3])))
    return {};
  bool changes = positions.has_value();
  SmallVector<Tensor> tables;
  for (Value cache : node.getInputs().slice(1, 2)) {
    auto table = constantOf(cache);
    if (table && positions)
      table = readRows(*table, shareRows(*positions));
    if (!table)
      return {};
    tables.push_back(shareRows(*table));
    changes |= tables.back().getShape() != table->getShape();
  }
  if (!changes)
    return {};
  b.setInsertionPoint(node);
  SmallVector<Value> operands{node.getInputs()[0]};
  for (const Tensor &table : tables)
    operands.push_back(
        onnx::ConstantOp::create(b, node.getLoc(), table.toAttr()));
  return makeNode(b, node, "RotaryEmbedding", operands,
                  node->getResult(0).getType(), node.getAttrs())
      ->getResult(0);
}
