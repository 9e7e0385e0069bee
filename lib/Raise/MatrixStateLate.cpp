//===- MatrixStateLate.cpp - states read before they change ---------------===//

#include "lib/Raise/MatrixStateMixer.h"

using namespace mlir;

namespace ssmc {

/// (q . (u * k)) v
Value MatrixStateMixer::emitBonus(GraphWriter &writer,
                                  const Operands &operands) const {
  Type wide = operands.queries.getType();
  Type element = cast<ShapedType>(wide).getElementType();
  SmallVector<AffineExpr> column = writer.extents(q->view);
  column[3] = writer.fixed(1);
  Value products = writer.node("Mul", {operands.queries, operands.keys}, wide);
  products =
      writer.node("Mul", {products, writer.constant(bonus, element)}, wide);
  Value sums = writer.node("ReduceSum", {products, writer.ints({3})},
                           writer.type(column, element));
  return writer.node("Mul", {sums, operands.values}, operands.values.getType());
}

/// A constant decay for every token: [batch, time, head, key].
Value MatrixStateMixer::decayOfTokens(GraphWriter &writer, Value values) const {
  Type element = cast<ShapedType>(values.getType()).getElementType();
  SmallVector<AffineExpr> extents = writer.extents(v->view);
  int64_t heads = layout.heads, keys = shapeOf(*k)[3];
  Tensor table(element, {heads, keys});
  for (int64_t i = 0; i < heads * keys; ++i)
    table.mutableFloats()[i] =
        constantDecay
            .floats()[constantDecay.getShape().size() == 1 ? i / keys : i];
  // As many zeros as there are tokens, whose number nothing fixes.
  extents[3] = writer.fixed(1);
  Type column = writer.type(extents, element);
  Value zeros = writer.node(
      "Slice", {values, writer.ints({0}), writer.ints({1}), writer.ints({3})},
      column);
  zeros = writer.node(
      "Mul", {zeros, writer.constant(Tensor(element, {}), element)}, column);
  extents[3] = writer.fixed(keys);
  return writer.node("Add", {zeros, writer.constant(table, element)},
                     writer.type(extents, element));
}

/// What a token reads is what all but it have left: keys, values and decays
/// come a token late, and zeros before. The last ones follow where the state is
/// needed.
std::pair<Value, Value> MatrixStateMixer::emitLate(GraphWriter &writer,
                                                   Operands operands) const {
  Type element = cast<ShapedType>(operands.values.getType()).getElementType();
  // The state that is given does not decay in front of the first token.
  if (!constantDecay.isNull() && initial)
    operands.decays = decayOfTokens(writer, operands.values);
  auto perToken = [&](Value value) {
    return value && cast<ShapedType>(value.getType()).getRank() > 2;
  };
  SmallVector<AffineExpr> tokens = writer.extents(v->view);
  auto lastOf = [&](Value value) {
    SmallVector<AffineExpr> extents{tokens[0], writer.fixed(1)};
    for (int64_t extent :
         cast<ShapedType>(value.getType()).getShape().drop_front(2))
      extents.push_back(writer.fixed(extent));
    int64_t begin = reverse ? 0 : -1, end = reverse ? 1 : INT64_MAX;
    return writer.node(
        "Slice",
        {value, writer.ints({begin}), writer.ints({end}), writer.ints({1})},
        writer.type(extents, element));
  };
  Operands before = operands;
  before.keys = writer.nextToken(operands.keys, reverse);
  before.values = writer.nextToken(operands.values, reverse);
  if (perToken(operands.decays))
    before.decays = writer.nextToken(operands.decays, reverse);
  auto [y, state] = emitOp(writer, before);
  if (!y)
    return {};
  if (!bonus.isNull())
    y = writer.node("Add", {y, emitBonus(writer, operands)}, y.getType());
  if (states.empty())
    return {y, state};
  Operands last = operands;
  last.queries = lastOf(operands.queries);
  last.keys = lastOf(operands.keys);
  last.values = lastOf(operands.values);
  if (perToken(operands.decays))
    last.decays = lastOf(operands.decays);
  last.start = state;
  return {y, emitOp(writer, last).second};
}

} // namespace ssmc
