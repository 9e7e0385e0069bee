//===- LengthShapes.cpp - extents as tensors ------------------------------===//

#include "lib/Fold/LengthFreeing.h"
#include "lib/Fold/Rewrites.h"

using namespace mlir;
using namespace ssmc;

Value LengthFreeing::constant(Operation *at, const Tensor &tensor) {
  b.setInsertionPoint(at);
  return onnx::ConstantOp::create(b, at->getLoc(), tensor.toAttr());
}

Value LengthFreeing::integers(Operation *at, ArrayRef<int64_t> values) {
  return constant(at, Tensor::integers(b.getContext(), values));
}

Value LengthFreeing::node(onnx::NodeOp at, StringRef type, ValueRange inputs,
                          ArrayRef<NamedAttribute> attrs) {
  return makeNode(b, at, type, inputs, onnx::UnknownType::get(b.getContext()),
                  b.getDictionaryAttr(attrs))
      ->getResult(0);
}

// A tensor of the one element `expr`: sums and products of extents of the
// arguments. Null where it is another expression.
Value LengthFreeing::extentTensor(onnx::NodeOp at, AffineExpr expr) {
  if (auto constant = constantExtent(expr))
    return integers(at, *constant);
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) {
    bool isSum = binary.getKind() == AffineExprKind::Add;
    if (!isSum && binary.getKind() != AffineExprKind::Mul)
      return {};
    Value lhs = extentTensor(at, binary.getLHS());
    Value rhs = lhs ? extentTensor(at, binary.getRHS()) : Value();
    return rhs ? node(at, isSum ? "Add" : "Mul", {lhs, rhs}) : Value();
  }
  for (BlockArgument argument : graph.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    FailureOr<SmallVector<AffineExpr>> extents = failure();
    if (type)
      extents = typeExtents(type);
    if (failed(extents))
      continue;
    for (auto [d, extent] : llvm::enumerate(*extents)) {
      if (extent != expr)
        continue;
      int64_t axis = d;
      return node(at, "Shape", argument,
                  {b.getNamedAttr("end", b.getI64IntegerAttr(axis + 1)),
                   b.getNamedAttr("start", b.getI64IntegerAttr(axis))});
    }
  }
  return {};
}

Value LengthFreeing::shapeTensor(onnx::NodeOp at,
                                 ArrayRef<AffineExpr> extents) {
  SmallVector<int64_t> run;
  SmallVector<Value> parts;
  auto flush = [&] {
    if (!run.empty())
      parts.push_back(integers(at, run));
    run.clear();
  };
  for (AffineExpr extent : extents) {
    if (auto constant = constantExtent(extent)) {
      run.push_back(*constant);
      continue;
    }
    flush();
    parts.push_back(extentTensor(at, extent));
    if (!parts.back())
      return {};
  }
  flush();
  if (parts.size() == 1)
    return parts.front();
  return node(at, "Concat", parts,
              b.getNamedAttr("axis", b.getI64IntegerAttr(0)));
}
