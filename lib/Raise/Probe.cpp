//===- Probe.cpp - what a region gives for chosen values ------------------===//

#include "lib/Raise/Probe.h"

using namespace mlir;

namespace ssmc {

Probe &Probe::set(const Role &role, ElementFn element) {
  ArrayRef<int64_t> shape = shapeOf(role);
  Tensor tensor(problem.elementType(role.value), shape);
  SmallVector<int64_t> index(shape.size(), 0);
  for (double &value : tensor.mutableFloats()) {
    value = element(index);
    for (unsigned axis = shape.size(); axis-- && ++index[axis] == shape[axis];)
      index[axis] = 0;
  }
  assignment[role.value] = role.view.invert(tensor);
  return *this;
}

Probe &Probe::set(const Role &role, double number) {
  return set(role, [&](ArrayRef<int64_t>) { return number; });
}

Probe &Probe::set(Value value, double number) {
  Tensor tensor(problem.elementType(value), *problem.graph.getShape(value));
  if (tensor.isFloat())
    llvm::fill(tensor.mutableFloats(), number);
  else
    llvm::fill(tensor.mutableInts(), int64_t(number));
  assignment[value] = std::move(tensor);
  return *this;
}

Probe &Probe::setAt(const Role &role, int64_t token, double number) {
  return set(role, [&](ArrayRef<int64_t> index) {
    return index[1] == token ? number : 0;
  });
}

Tensor Probe::read() const {
  FailureOr<SmallVector<Tensor>> values = problem.evaluate(assignment);
  return failed(values) ? Tensor() : values->front();
}

std::optional<Tensor> Probe::read(const View &exit) const {
  return exit.tryApply(read());
}

} // namespace ssmc
