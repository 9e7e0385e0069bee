//===- AttentionMixer.cpp - softmax attention -----------------------------===//

#include "lib/Raise/AttentionMixer.h"

#include "dialects/ssm/SsmOps.h"

using namespace mlir;

namespace ssmc {

FailureOr<SmallVector<Value>> AttentionMixer::emit(GraphWriter &writer) const {
  OpBuilder &builder = writer.builder;
  SmallVector<Value> operands;
  for (const Role *role : {&*q, &*k, &*v}) {
    FailureOr<Value> value = writer.apply(role->view, role->value);
    if (failed(value))
      return failure();
    operands.push_back(*value);
  }
  Type element = cast<ShapedType>(operands[0].getType()).getElementType();
  if (!scales.isNull())
    operands[0] = writer.node(
        "Mul",
        {operands[0],
         writer.constant(scales.reshaped({scales.getNumElements(), 1}),
                         element)},
        operands[0].getType());
  Value slope, sink, added = bias ? bias->value : Value();
  if (!slopes.isNull())
    slope = writer.constant(slopes, element);
  if (!sinks.isNull())
    sink = writer.constant(sinks, element);
  SmallVector<AffineExpr> extents = writer.extents(q->view);
  extents.back() = writer.fixed(layout.features);
  RankedTensorType type = writer.type(extents, element);
  RankedTensorType lseType =
      writer.type(ArrayRef(extents).drop_back(), element);
  Value y = writer.empty(type), lse = writer.empty(lseType);
  if (!y || !lse)
    return failure();
  auto integer = [&](std::optional<int64_t> value) {
    return value ? builder.getI64IntegerAttr(*value) : IntegerAttr();
  };
  Value none;
  auto attention = ssm::AttentionOp::create(
      builder, writer.loc, TypeRange{type, lseType}, operands[0], operands[1],
      operands[2], added, slope, sink, /*query_segments=*/none,
      /*key_segments=*/none, /*query_positions=*/none, /*key_positions=*/none,
      /*prefix=*/none, y, lse, builder.getF64FloatAttr(scale),
      softcap ? builder.getF64FloatAttr(*softcap) : FloatAttr(),
      integer(window.left), integer(window.right),
      builder.getI64IntegerAttr(window.global));
  return writer.leave(layout.exit, attention->getResult(0));
}

void AttentionMixer::listAssumptions(
    SmallVectorImpl<std::string> &assumptions) const {
  if (!window.left)
    assumptions.push_back(
        "no window is longer than the lengths compared: every earlier token is "
        "seen");
  if (!window.right)
    assumptions.push_back("every later token is seen at other lengths, too");
}

/// Keys and values from where they have fewest heads, both as many.
std::unique_ptr<Mixer> AttentionMixer::combine(const Problem &problem,
                                               Region &region) {
  auto roles = HeadRoles::read(problem);
  if (!roles)
    return nullptr;
  std::vector<Role> keys = roles->sharedHeads(*k),
                    values = roles->sharedHeads(*v);
  for (const Role &key : llvm::reverse(keys))
    for (const Role &value : llvm::reverse(values))
      if (shapeOf(key)[2] == shapeOf(value)[2]) {
        auto mixer = std::make_unique<AttentionMixer>(*this);
        mixer->k = key;
        mixer->v = value;
        return mixer;
      }
  return nullptr;
}

} // namespace ssmc
