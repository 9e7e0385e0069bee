//===- Mixer.cpp - what all entries of the catalogue share ----------------===//

#include "lib/Raise/Mixer.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

double deviation(const Tensor &a, const Tensor &b) {
  if (a.isNull() || b.isNull() || a.getShape() != b.getShape())
    return INFINITY;
  if (!a.isFloat() || !b.isFloat())
    return INFINITY;
  double largest = 0, difference = 0, sum = 0;
  ArrayRef<double> xs = a.floats(), ys = b.floats();
  for (auto [x, y] : llvm::zip_equal(xs, ys)) {
    largest = std::max(largest, std::fabs(x));
    difference = std::max(difference, std::fabs(x - y));
    sum += (x - x) + (y - y); // not a number where one is not finite
  }
  if (!(sum == 0))
    return INFINITY;
  if (difference == 0)
    return 0;
  return largest == 0 ? INFINITY : difference / largest;
}

void skipViews(const AxisAnalysis &analysis, Role &role) {
  // With one axis left beside batch and time, every view of the value that
  // keeps its elements' order along them has the same layout.
  if (role.view.getShape().size() != 3 || role.view.merges.back() != 1)
    return;
  while (!role.view.isIdentity()) {
    Operation *op = role.value.getDefiningOp();
    if (!op || !isView(op))
      return;
    Value value = op->getOperand(0);
    const ValueAxes *axes = analysis.getAxes(value);
    if (!axes || analysis.getClass(value) != TokenClass::PerToken)
      return;
    unsigned rest = restExtents(*axes).size();
    auto view = View::make(*axes, true, {}, {rest});
    if (rest != 1 || !view || view->getShape() != role.view.getShape())
      return;
    role = {value, *view};
  }
}

void proposeMixers(const Problem &problem, MixerList &mixers) {
  proposeScans(problem, mixers);
  proposeReadoutScans(problem, mixers);
  proposeShortConvs(problem, mixers);
  // What answers an impulse for ever.
  if (mixers.empty())
    proposeConstantScans(problem, mixers);
}

} // namespace ssmc
