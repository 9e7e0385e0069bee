//===- MatrixStateMixer.cpp - linear attention and delta rules ------------===//

#include "lib/Raise/MatrixStateMixer.h"

#include "dialects/ssm/SsmOps.h"

using namespace mlir;

namespace ssmc {

SmallVector<Role *> MatrixStateMixer::getRoles() {
  SmallVector<Role *> all{&*q, &*k, &*v};
  for (auto *role : {&decay, &beta, &erase, &along, &initial})
    if (*role)
      all.push_back(&**role);
  return all;
}

Value MatrixStateMixer::scaled(GraphWriter &writer, Value vectors,
                               const View &numbersView, Value numbers) const {
  SmallVector<AffineExpr> wide = writer.extents(numbersView);
  wide.push_back(writer.fixed(1));
  Type element = cast<ShapedType>(vectors.getType()).getElementType();
  numbers = writer.resize("Unsqueeze", numbers, 3, writer.type(wide, element));
  return writer.node("Mul", {vectors, numbers}, vectors.getType());
}

Value MatrixStateMixer::logarithm(GraphWriter &writer, Value decays) const {
  Type type = decays.getType();
  switch (decayForm) {
  case DecayForm::Log:
    return decays;
  case DecayForm::Logit: {
    // log(1 / (1 + exp(-x))) = -softplus(-x)
    Value negative = writer.node("Neg", decays, type);
    return writer.node("Neg", writer.node("Softplus", negative, type), type);
  }
  case DecayForm::Factor: {
    // Of a decay of nothing as little is left as floats can tell.
    Type element = cast<ShapedType>(type).getElementType();
    Tensor least(element, {});
    least.mutableFloats()[0] = element.isF16() ? 0x1p-24 : 0x1p-126;
    return writer.node(
        "Log",
        writer.node("Max", {decays, writer.constant(least, element)}, type),
        type);
  }
  }
  return decays;
}

/// What reads the state before its decay: the op's `a` is -exp(g) times what
/// is erased of the decayed one.
FailureOr<Value> MatrixStateMixer::emitErased(GraphWriter &writer, Value erased,
                                              Value decays) const {
  if (decays) {
    Value kept = writer.node("Exp", decays, decays.getType());
    auto type = cast<RankedTensorType>(decays.getType());
    if (!constantDecay.isNull()) // one for each head
      kept = writer.resize("Unsqueeze", kept, 1,
                           RankedTensorType::get({type.getDimSize(0), 1},
                                                 type.getElementType()));
    erased = decay && shapeOf(*decay).size() == 3
                 ? scaled(writer, erased, decay->view, kept)
                 : writer.node("Mul", {erased, kept}, erased.getType());
  }
  return writer.node("Neg", erased, erased.getType());
}

Value MatrixStateMixer::divided(GraphWriter &writer, Value y) const {
  Type element = cast<ShapedType>(y.getType()).getElementType();
  SmallVector<AffineExpr> extents = writer.extents(v->view), column = extents;
  column[3] = writer.fixed(1);
  int64_t width = shapeOf(*v)[3];
  auto cut = [&](int64_t begin, int64_t end, ArrayRef<AffineExpr> as) {
    return writer.node(
        "Slice",
        {y, writer.ints({begin}), writer.ints({end}), writer.ints({3})},
        writer.type(as, element));
  };
  Value sum = cut(0, width, extents), norm = cut(width, width + 1, column);
  if (*normalised != 0) {
    Tensor epsilon(element, {1});
    epsilon.mutableFloats()[0] = *normalised;
    norm = writer.node("Add", {norm, writer.constant(epsilon, element)},
                       norm.getType());
  }
  return writer.node("Div", {sum, norm}, sum.getType());
}

std::pair<Value, Value>
MatrixStateMixer::emitOp(GraphWriter &writer, const Operands &operands) const {
  OpBuilder &builder = writer.builder;
  auto type = cast<RankedTensorType>(operands.values.getType());
  Value destination = writer.empty(type), none;
  if (!destination)
    return {};
  SmallVector<Type> types{type, operands.start.getType()};
  UnitAttr backwards = reverse ? builder.getUnitAttr() : UnitAttr();
  Operation *op;
  if (beta || erase)
    op = ssm::DeltaRuleOp::create(builder, writer.loc, types, operands.queries,
                                  operands.keys, operands.values,
                                  operands.rates, operands.erased,
                                  along             ? operands.directions
                                  : operands.erased ? operands.keys
                                                    : none,
                                  operands.decays, /*resets=*/none, destination,
                                  operands.start, backwards);
  else
    op = ssm::SemiseparableOp::create(
        builder, writer.loc, types, operands.queries, operands.keys,
        operands.values, operands.decays, /*scale=*/none, /*skip=*/none,
        /*resets=*/none, destination, operands.start, backwards);
  return {op->getResult(0), op->getResult(1)};
}

FailureOr<SmallVector<Value>>
MatrixStateMixer::emit(GraphWriter &writer) const {
  auto write = [&](const std::optional<Role> &role) -> FailureOr<Value> {
    return role ? writer.apply(role->view, role->value) : Value();
  };
  FailureOr<Value> queries = write(q), keys = write(k), values = write(v),
                   decays = write(decay), rates = write(beta),
                   directions = write(along);
  for (const FailureOr<Value> *value :
       {&queries, &keys, &values, &decays, &rates, &directions})
    if (failed(*value))
      return failure();
  Type element = cast<ShapedType>(values->getType()).getElementType();
  if (!constantDecay.isNull())
    decays = writer.constant(constantDecay, element);
  if (decay)
    decays = logarithm(writer, *decays);
  Value erased;
  if (erase || scaledValues) {
    FailureOr<Value> value = erase ? writer.apply(erase->view, erase->value)
                                   : scaled(writer, *keys, beta->view, *rates);
    if (succeeded(value) && !along)
      value = emitErased(writer, *value, *decays);
    else if (succeeded(value) && subtracted)
      value = writer.node("Neg", *value, value->getType());
    if (failed(value))
      return failure();
    erased = *value;
    rates = Value();
  }
  if (scale != 1) {
    Tensor factor(element, {1});
    factor.mutableFloats()[0] = scale;
    queries = writer.node("Mul", {*queries, writer.constant(factor, element)},
                          queries->getType());
  }
  SmallVector<AffineExpr> extents = writer.extents(v->view);
  if (normalised) {
    extents[3] = extents[3] + 1;
    Tensor one(element, {});
    one.mutableFloats()[0] = 1;
    values = writer.node("Pad",
                         {*values, writer.ints({0, 0, 0, 0, 0, 0, 0, 1}),
                          writer.constant(one, element)},
                         writer.type(extents, element));
  }
  RankedTensorType stateType = writer.type(
      {extents[0], extents[2], writer.fixed(shapeOf(*k)[3]), extents[3]},
      element);
  FailureOr<Value> start = initial ? writer.apply(initial->view, initial->value)
                                   : FailureOr<Value>(writer.zeros(stateType));
  if (failed(start) || !*start)
    return failure();
  Operands operands{*queries, *keys,  *values,     *decays,
                    *rates,   erased, *directions, *start};
  auto [y, last] = late ? emitLate(writer, operands) : emitOp(writer, operands);
  if (!y)
    return failure();
  if (normalised)
    y = divided(writer, y);
  return writer.leave(layout.exit, y, states, last);
}

/// Queries and keys each from where they have fewest heads.
std::unique_ptr<Mixer> MatrixStateMixer::combine(const Problem &problem,
                                                 Region &region) {
  auto mixer = std::make_unique<MatrixStateMixer>(*this);
  auto roles = HeadRoles::read(problem);
  if (!roles || erase || scaledValues || !bonus.isNull())
    return nullptr;
  for (auto operand : {&MatrixStateMixer::q, &MatrixStateMixer::k})
    if (auto sources = roles->sharedHeads(*(this->*operand)); !sources.empty())
      *mixer.*operand = sources.back();
  return mixer;
}

} // namespace ssmc
