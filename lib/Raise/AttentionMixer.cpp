//===- AttentionMixer.cpp - softmax attention -----------------------------===//

#include "lib/Raise/AttentionMixer.h"

#include "dialects/ssm/SsmOps.h"

using namespace mlir;

namespace ssmc {

FailureOr<Value> AttentionMixer::emitKeys(GraphWriter &writer,
                                          const Role &fresh,
                                          const std::optional<Role> &past,
                                          Value &joined) const {
  if (lengths) {
    writer.time = lengths->fresh;
    writer.tracedTime = shapeOf(fresh)[1];
  }
  FailureOr<Value> value = writer.apply(fresh.view, fresh.value);
  if (failed(value) || !past)
    return value;
  SmallVector<AffineExpr> extents = writer.extents(fresh.view);
  Type element = cast<ShapedType>(fresh.value.getType()).getElementType();
  NamedAttribute perm = writer.builder.getNamedAttr(
      "perm", writer.builder.getDenseI64ArrayAttr({0, 2, 1, 3}));
  std::swap(extents[1], extents[2]);
  Value behind =
      writer.node("Transpose", *value, writer.type(extents, element), perm);
  extents[2] = lengths->keys;
  joined = writer.node(
      "Concat", {past->value, behind}, writer.type(extents, element),
      writer.builder.getNamedAttr("axis", writer.builder.getI64IntegerAttr(2)));
  std::swap(extents[1], extents[2]);
  return writer.node("Transpose", joined, writer.type(extents, element), perm);
}

/// The sum of what is added and of what hides.
FailureOr<Value> AttentionMixer::emitBias(GraphWriter &writer,
                                          Type element) const {
  Value sum = bias ? bias->value : Value();
  SmallVector<AffineExpr> extents;
  for (const ScoreBias &mask : masks) {
    Value value = mask.value;
    if (mask.kind != ScoreBias::Added) {
      ModuleSymbols symbols(
          value.getParentRegion()->getParentOfType<ModuleOp>());
      auto shape = symbols.shapeOf(value.getType(), "dim");
      Value none = writer.constant(Tensor::scalar(element, 0), element);
      Value hidden =
          writer.constant(Tensor::scalar(element, mask.hiding), element);
      SmallVector<Value> choice{value, none, hidden};
      if (mask.kind == ScoreBias::Hidden)
        std::swap(choice[1], choice[2]);
      value = writer.node("Where", choice, writer.type(shape->dims, element));
    }
    FailureOr<Value> laid = writer.reshapeTo(value, mask.extents);
    if (failed(laid))
      return failure();
    value = *laid;
    if (!sum) {
      sum = value;
      extents.assign(mask.extents.begin(), mask.extents.end());
      continue;
    }
    for (auto [own, other] : llvm::zip_equal(extents, mask.extents))
      if (own == writer.fixed(1))
        own = other;
    sum = writer.node("Add", {sum, value}, writer.type(extents, element));
  }
  return sum;
}

FailureOr<SmallVector<Value>> AttentionMixer::emit(GraphWriter &writer) const {
  OpBuilder &builder = writer.builder;
  SmallVector<Value> operands, joined(2);
  auto asQueries = [&] {
    if (!lengths)
      return;
    writer.batch = lengths->batch, writer.tracedBatch = shapeOf(*q)[0];
    writer.time = lengths->queries, writer.tracedTime = countQueries();
  };
  asQueries();
  FailureOr<Value> queries = writer.apply(q->view, q->value),
                   keys = emitKeys(writer, *k, pastKey, joined[0]),
                   values = emitKeys(writer, *v, pastValue, joined[1]);
  if (failed(queries) || failed(keys) || failed(values))
    return failure();
  operands = {*queries, *keys, *values};
  asQueries();
  Type element = cast<ShapedType>(operands[0].getType()).getElementType();
  if (!scales.isNull())
    operands[0] = writer.node(
        "Mul",
        {operands[0],
         writer.constant(scales.reshaped({scales.getNumElements(), 1}),
                         element)},
        operands[0].getType());
  FailureOr<Value> added = emitBias(writer, element);
  if (failed(added))
    return failure();
  Value slope, sink;
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
      operands[2], *added, slope, sink, /*query_segments=*/none,
      /*key_segments=*/none, /*query_positions=*/none, /*key_positions=*/none,
      /*prefix=*/none, y, lse, builder.getF64FloatAttr(scale),
      softcap ? builder.getF64FloatAttr(*softcap) : FloatAttr(),
      integer(window.left), integer(window.right),
      builder.getI64IntegerAttr(window.global));
  FailureOr<SmallVector<Value>> left =
      writer.leave(layout.exit, attention->getResult(0));
  if (succeeded(left) && pastKey)
    left->append(joined);
  return left;
}

void AttentionMixer::listAssumptions(
    SmallVectorImpl<std::string> &assumptions) const {
  if (!window.left)
    assumptions.push_back(
        "no window is longer than the lengths compared: every earlier token is "
        "seen");
  if (!window.right && countQueries() > 1)
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
