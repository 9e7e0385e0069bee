//===- NodeWriter.cpp - writes nodes without types ------------------------===//

#include "lib/Loops/NodeWriter.h"

using namespace mlir;

namespace ssmc {

Value NodeWriter::node(StringRef op, ValueRange inputs,
                       ArrayRef<NamedAttribute> attrs) {
  return onnx::NodeOp::create(
             builder, loc,
             TypeRange{onnx::UnknownType::get(builder.getContext())}, inputs,
             op, "", version, builder.getDictionaryAttr(attrs), 0)
      ->getResult(0);
}

NamedAttribute NodeWriter::attr(StringRef name, int64_t value) {
  return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
}

NamedAttribute NodeWriter::attr(StringRef name, ArrayRef<int64_t> values) {
  return builder.getNamedAttr(name, builder.getDenseI64ArrayAttr(values));
}

Value NodeWriter::ints(ArrayRef<int64_t> values) {
  return onnx::ConstantOp::create(builder, loc,
                                  builder.getI64TensorAttr(values));
}

Value NodeWriter::scalar(int64_t value) {
  auto type = RankedTensorType::get({}, builder.getI64Type());
  return onnx::ConstantOp::create(builder, loc,
                                  DenseElementsAttr::get(type, value));
}

Value NodeWriter::resize(StringRef op, Value value, ArrayRef<int64_t> axes) {
  if (axes.empty())
    return value;
  if (version < 13)
    return node(op, value, attr("axes", axes));
  return node(op, {value, ints(axes)});
}

Value NodeWriter::unsqueeze(Value value, ArrayRef<int64_t> axes) {
  return resize("Unsqueeze", value, axes);
}

Value NodeWriter::squeeze(Value value, ArrayRef<int64_t> axes) {
  return resize("Squeeze", value, axes);
}

Value NodeWriter::transpose(Value value, ArrayRef<int64_t> perm) {
  if (llvm::is_sorted(perm))
    return value;
  return node("Transpose", value, attr("perm", perm));
}

Value NodeWriter::moveAxis(Value value, int64_t rank, int64_t from,
                           int64_t to) {
  SmallVector<int64_t> perm;
  for (int64_t i = 0; i < rank; ++i)
    if (i != from)
      perm.push_back(i);
  perm.insert(perm.begin() + to, from);
  return transpose(value, perm);
}

Value NodeWriter::slice(Value value, int64_t axis, int64_t first, int64_t end) {
  return node("Slice", {value, ints(first), ints(end), ints(axis)});
}

Value NodeWriter::flip(Value value, int64_t axis) {
  return node("Slice",
              {value, ints(-1), ints(std::numeric_limits<int64_t>::min()),
               ints(axis), ints(-1)});
}

Value NodeWriter::concat(ValueRange values, int64_t axis) {
  return node("Concat", values, attr("axis", axis));
}

Value NodeWriter::extent(Value value, int64_t axis) {
  return slice(node("Shape", value), 0, axis, axis + 1);
}

} // namespace ssmc
