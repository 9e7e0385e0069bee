//===- Pieces.cpp - parts of a graph from token to token ------------------===//

#include "lib/Raise/Pieces.h"

using namespace mlir;

namespace ssmc {

std::optional<Role> Pieces::flat(Value value) const {
  const ValueAxes *axes = problem.analysis.getAxes(value);
  if (!axes || problem.analysis.getClass(value) != TokenClass::PerToken ||
      timeExtent(*axes) != problem.analysis.getLength() ||
      !isa<FloatType>(problem.elementType(value)))
    return std::nullopt;
  auto view = View::merged(*axes);
  if (!view)
    return std::nullopt;
  return Role{value, *view};
}

int64_t Pieces::width(Value value) const {
  const ValueAxes *axes = problem.analysis.getAxes(value);
  return axes ? llvm::product_of(restExtents(*axes)) : 0;
}

std::optional<View> Pieces::viewAt(const Role &role, int64_t time) const {
  if (time == problem.analysis.getLength())
    return role.view;
  return role.view.resized(problem.analysis.getBatch(), time);
}

FailureOr<SmallVector<Tensor>> Pieces::run(ArrayRef<const Role *> roots,
                                           const Inputs &inputs,
                                           int64_t time) const {
  Assignment assignment;
  for (const auto &[role, tensor] : inputs) {
    auto view = viewAt(*role, time);
    if (!view || llvm::product_of(view->getShape()) != tensor.getNumElements())
      return failure();
    assignment[role->value] = view->invert(tensor);
  }
  SmallVector<Value> values;
  for (const Role *root : roots)
    values.push_back(root->value);
  FailureOr<SmallVector<Tensor>> results = problem.evaluate(values, assignment);
  if (failed(results))
    return failure();
  for (auto [root, result] : llvm::zip(roots, *results)) {
    auto view = viewAt(*root, time);
    if (!view || result.getShape() != ArrayRef<int64_t>(view->valueShape()) ||
        !result.isFloat())
      return failure();
    result = view->apply(result);
  }
  return results;
}

SmallVector<int64_t> Pieces::shape(const Role &role, int64_t time) const {
  SmallVector<int64_t> shape(role.view.getShape());
  shape[1] = time;
  return shape;
}

bool Pieces::holds(llvm::function_ref<Answer(int64_t)> compare) const {
  constexpr int64_t few = 3;
  int64_t length = problem.analysis.getLength();
  for (int64_t time : {few, length})
    if (time <= length)
      if (Answer answer = compare(time); answer != Answer::Unknown)
        return answer == Answer::Right;
  return false;
}

} // namespace ssmc
