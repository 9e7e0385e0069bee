//===- LongConvMixer.cpp - writes long convolutions -----------------------===//

#include "lib/Raise/LongConvMixer.h"

#include "dialects/ssm/SsmOps.h"
#include "lib/Operators/Extents.h"

using namespace mlir;

namespace ssmc {

void LongConvMixer::listAssumptions(SmallVectorImpl<std::string> &list) const {
  if (circular && !k)
    list.push_back("the kernel stays the traced one at other lengths");
  else if (!k && !most)
    list.push_back("no tap reaches further than the traced length");
}

SmallVector<Role *> LongConvMixer::getRoles() {
  SmallVector<Role *> roles{&*x};
  if (k)
    roles.push_back(&*k);
  return roles;
}

/// A table as [time, channel].
static FailureOr<Value> emitTable(GraphWriter &writer, Value table,
                                  const KernelLayout &layout) {
  auto type = cast<RankedTensorType>(table.getType());
  FailureOr<SmallVector<AffineExpr>> extents = typeExtents(type);
  if (failed(extents))
    return failure();
  Type element = type.getElementType();
  SmallVector<int64_t> ones;
  for (int64_t axis = 0; axis < type.getRank(); ++axis)
    if (axis != layout.time && axis != layout.channel)
      ones.push_back(axis);
  bool isTurned = layout.time > layout.channel;
  SmallVector<AffineExpr> turned{(*extents)[layout.time],
                                 (*extents)[layout.channel]};
  SmallVector<AffineExpr> own(turned);
  if (isTurned)
    std::swap(own[0], own[1]);
  Value value = table;
  if (!ones.empty())
    value = writer.resize("Squeeze", value, ones, writer.type(own, element));
  if (isTurned)
    value =
        writer.node("Transpose", value, writer.type(turned, element),
                    writer.builder.getNamedAttr(
                        "perm", writer.builder.getDenseI64ArrayAttr({1, 0})));
  if (layout.flipped)
    value = writer.node("Slice",
                        {value, writer.ints({-1}), writer.ints({INT64_MIN}),
                         writer.ints({0}), writer.ints({-1})},
                        writer.type(turned, element));
  return value;
}

FailureOr<Value> LongConvMixer::emitKernel(GraphWriter &writer,
                                           Type element) const {
  if (!k)
    return writer.constant(taps, element);
  if (layout)
    return emitTable(writer, k->value, *layout);
  return writer.apply(k->view, k->value);
}

FailureOr<SmallVector<Value>> LongConvMixer::emit(GraphWriter &writer) const {
  FailureOr<Value> input = writer.apply(x->view, x->value);
  if (failed(input))
    return failure();
  Type element = cast<ShapedType>(input->getType()).getElementType();
  FailureOr<Value> kernel = emitKernel(writer, element);
  RankedTensorType type = writer.type(writer.extents(x->view), element);
  Value destination = writer.empty(type), later;
  if (failed(kernel) || !destination)
    return failure();
  if (!ahead.isNull())
    later = writer.constant(ahead, element);
  auto conv = ssm::LongConvOp::create(writer.builder, writer.loc,
                                      TypeRange{type}, *input, *kernel, later,
                                      destination, /*state=*/Value(), circular);
  Value y = conv->getResult(0);
  if (!bias.isNull())
    y = writer.node("Add", {y, writer.constant(bias, element)}, type);
  return writer.leave(*exit, y);
}

} // namespace ssmc
