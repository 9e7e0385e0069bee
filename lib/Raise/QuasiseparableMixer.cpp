//===- QuasiseparableMixer.cpp - matrix states of both directions ---------===//

#include "lib/Raise/QuasiseparableMixer.h"

#include "dialects/ssm/SsmOps.h"

using namespace mlir;

namespace ssmc {

SmallVector<Role *> QuasiseparableMixer::getRoles() {
  SmallVector<Role *> all{&*v};
  for (Side &side : sides)
    for (auto *role : {&side.q, &side.k, &side.decay})
      if (*role)
        all.push_back(&**role);
  return all;
}

/// Vectors that have decayed as the state does at their token.
static Value decayed(GraphWriter &writer, Value vectors, const Role &decay,
                     Value decays) {
  Value kept = writer.node("Exp", decays, decays.getType());
  if (shapeOf(decay).size() == 3) {
    SmallVector<AffineExpr> wide = writer.extents(decay.view);
    wide.push_back(writer.fixed(1));
    Type element = cast<ShapedType>(decays.getType()).getElementType();
    kept = writer.resize("Unsqueeze", kept, 3, writer.type(wide, element));
  }
  return writer.node("Mul", {vectors, kept}, vectors.getType());
}

FailureOr<QuasiseparableMixer::Written>
QuasiseparableMixer::emitSide(GraphWriter &writer, bool reverse) const {
  const Side &side = sides[reverse];
  FailureOr<Value> queries = writer.apply(side.q->view, side.q->value),
                   keys = writer.apply(side.k->view, side.k->value),
                   decays = Value();
  if (side.decay)
    decays = writer.apply(side.decay->view, side.decay->value);
  if (failed(queries) || failed(keys) || failed(decays))
    return failure();
  Type element = cast<ShapedType>(queries->getType()).getElementType();
  Written written{*queries, *keys, *decays, Value()};
  if (side.scale != 1) {
    Tensor factor(element, {1});
    factor.mutableFloats()[0] = side.scale;
    written.queries =
        writer.node("Mul", {*queries, writer.constant(factor, element)},
                    queries->getType());
  }
  if (side.own) {
    SmallVector<AffineExpr> numbers = writer.extents(side.k->view);
    numbers.pop_back();
    Value products =
        writer.node("Mul", {written.queries, *keys}, keys->getType());
    written.diagonal =
        writer.node("ReduceSum", {products, writer.ints({3})},
                    writer.type(numbers, element),
                    writer.builder.getNamedAttr(
                        "keepdims", writer.builder.getI64IntegerAttr(0)));
  }
  if (side.decaysKeys)
    written.keys = decayed(writer, *keys, *side.decay, *decays);
  if (side.decaysQueries)
    written.queries = decayed(writer, written.queries, *side.decay, *decays);
  if (side.shifted)
    written.queries = writer.nextToken(written.queries, reverse);
  return written;
}

FailureOr<SmallVector<Value>>
QuasiseparableMixer::emit(GraphWriter &writer) const {
  FailureOr<Value> values = writer.apply(v->view, v->value);
  FailureOr<Written> forward = emitSide(writer, /*reverse=*/false),
                     backward = emitSide(writer, /*reverse=*/true);
  if (failed(values) || failed(forward) || failed(backward))
    return failure();
  auto type = cast<RankedTensorType>(values->getType());
  Value diagonal = forward->diagonal ? forward->diagonal : backward->diagonal;
  if (forward->diagonal && backward->diagonal)
    diagonal =
        writer.node("Add", {diagonal, backward->diagonal}, diagonal.getType());
  Value destination = writer.empty(type), none;
  if (!destination)
    return failure();
  auto op = ssm::QuasiseparableOp::create(
      writer.builder, writer.loc, TypeRange{type}, forward->queries,
      forward->keys, backward->queries, backward->keys, *values, diagonal,
      forward->decays, backward->decays, /*resets=*/none, destination);
  return writer.leave(layout.exit, op->getResult(0));
}

} // namespace ssmc
