//===- StepWriter.cpp - makes nodes of the standard operators -------------===//

#include "lib/Stream/StepWriter.h"

#include "lib/Eval/Tensor.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"

using namespace mlir;
using namespace ssmc;

/// The operator set whose operators are meant.
static constexpr int64_t kOpset = 24;

Value StepWriter::node(StringRef type, ValueRange inputs,
                       ArrayRef<NamedAttribute> attrs) {
  return onnx::NodeOp::create(
             b, loc, TypeRange{onnx::UnknownType::get(b.getContext())}, inputs,
             b.getStringAttr(type), b.getStringAttr(""),
             b.getI64IntegerAttr(kOpset), b.getDictionaryAttr(attrs), 0)
      ->getResult(0);
}

Value StepWriter::node(StringRef type, ValueRange inputs, StringRef attr,
                       int64_t value) {
  return node(type, inputs, b.getNamedAttr(attr, b.getI64IntegerAttr(value)));
}

Value StepWriter::transpose(Value value, ArrayRef<int64_t> perm) {
  return node("Transpose", value,
              b.getNamedAttr("perm", b.getDenseI64ArrayAttr(perm)));
}

Value StepWriter::integers(ArrayRef<int64_t> values) {
  return onnx::ConstantOp::create(
      b, loc, Tensor::integers(b.getContext(), values).toAttr());
}

Value StepWriter::scalar(int64_t value) {
  return onnx::ConstantOp::create(
      b, loc, Tensor::scalar(b.getI64Type(), value).toAttr());
}

Value StepWriter::largest(StringRef which, Value values) {
  Type type = RankedTensorType::get({}, b.getI64Type());
  auto keep = b.getNamedAttr("keepdims", b.getI64IntegerAttr(0));
  return onnx::NodeOp::create(b, loc, TypeRange{type}, values,
                              b.getStringAttr("Reduce" + which),
                              b.getStringAttr(""), b.getI64IntegerAttr(kOpset),
                              b.getDictionaryAttr(keep), 0)
      ->getResult(0);
}

Value StepWriter::extreme(StringRef which, Value values) {
  return tensor::ExtractOp::create(b, loc, largest(which, values),
                                   ValueRange());
}

// Of no values the largest is the least number there is, and the other way
// round.
void StepWriter::checkNoneNegative(Value values, StringRef what) {
  Value least = extreme("Min", values),
        zero = arith::ConstantIntOp::create(b, loc, 0, 64);
  checkHolds(
      b, loc,
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, least, zero),
      what);
}

// Compared for equality with the smaller one, so that both are told.
void StepWriter::checkAtMost(Value values, Value limit, StringRef what) {
  Value most = extreme("Max", values);
  Value smaller = arith::MinSIOp::create(b, loc, most, extreme("Max", limit));
  auto index = [&](Value number) -> Value {
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), number);
  };
  checkEqual(b, loc, index(most), index(smaller), what);
}

Value StepWriter::count(AffineExpr count) {
  Value limit = node("Squeeze", {shape(count), integers(0)});
  return node("Range", {scalar(0), limit, scalar(1)});
}

Value StepWriter::unsqueeze(Value value, ArrayRef<int64_t> axes) {
  return node("Unsqueeze", {value, integers(axes)});
}

Value StepWriter::extent(AffineExpr expr) {
  if (auto constant = constantExtent(expr))
    return integers(*constant);
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) {
    bool isSum = binary.getKind() == AffineExprKind::Add;
    if (!isSum && binary.getKind() != AffineExprKind::Mul)
      return {};
    Value lhs = extent(binary.getLHS());
    Value rhs = lhs ? extent(binary.getRHS()) : Value();
    return rhs ? node(isSum ? "Add" : "Mul", {lhs, rhs}) : Value();
  }
  for (BlockArgument argument : graph.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    FailureOr<SmallVector<AffineExpr>> extents = failure();
    if (type)
      extents = typeExtents(type);
    if (failed(extents))
      continue;
    for (auto [d, known] : llvm::enumerate(*extents))
      if (known == expr)
        return node("Shape", argument,
                    {b.getNamedAttr("end", b.getI64IntegerAttr(d + 1)),
                     b.getNamedAttr("start", b.getI64IntegerAttr(d))});
  }
  return {};
}

Value StepWriter::shape(ArrayRef<AffineExpr> extents) {
  SmallVector<Value> parts;
  for (AffineExpr expr : extents) {
    parts.push_back(extent(expr));
    if (!parts.back())
      return {};
  }
  if (parts.empty())
    return integers({});
  return parts.size() == 1 ? parts.front() : node("Concat", parts, "axis", 0);
}

Value StepWriter::reshape(Value value, ArrayRef<AffineExpr> extents) {
  Value target = shape(extents);
  return target ? node("Reshape", {value, target}) : Value();
}
