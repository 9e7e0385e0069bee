//===- Mixer.cpp - what all entries of the catalogue share ----------------===//

#include "lib/Raise/Mixer.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

/// For each element the lesser of the largest magnitudes along the last and
/// along the last but one axis: with time on either, a channel that grows does
/// not hide the others, nor a late token the early ones. Or the larger one.
static SmallVector<double> scalesOf(const Tensor &tensor, bool larger) {
  ArrayRef<double> values = tensor.floats();
  ArrayRef<int64_t> shape = tensor.getShape();
  int64_t columns = shape.empty() ? 1 : shape.back();
  int64_t rows = shape.size() < 2 ? 1 : shape[shape.size() - 2];
  int64_t all = values.size();
  SmallVector<double> scales(all, 0);
  for (int64_t begin = 0; begin < all; begin += rows * columns) {
    SmallVector<double> ofRow(rows, 0), ofColumn(columns, 0);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        double size = std::fabs(values[begin + r * columns + c]);
        ofRow[r] = std::max(ofRow[r], size);
        ofColumn[c] = std::max(ofColumn[c], size);
      }
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c)
        scales[begin + r * columns + c] = rows == 1 ? ofRow[r]
                                          : larger
                                              ? std::max(ofRow[r], ofColumn[c])
                                              : std::min(ofRow[r], ofColumn[c]);
  }
  return scales;
}

double deviation(const Tensor &a, const Tensor &b, bool spreads) {
  if (a.isNull() || b.isNull() || a.getShape() != b.getShape())
    return INFINITY;
  if (!a.isFloat() || !b.isFloat())
    return INFINITY;
  double largest = 0, worst = 0, sum = 0;
  ArrayRef<double> xs = a.floats(), ys = b.floats();
  for (auto [x, y] : llvm::zip_equal(xs, ys)) {
    largest = std::max(largest, std::fabs(x));
    sum += (x - x) + (y - y); // not a number where one is not finite
  }
  if (!(sum == 0))
    return INFINITY;
  SmallVector<double> scales = scalesOf(a, spreads);
  for (auto [x, y, scale] : llvm::zip_equal(xs, ys, scales))
    if (x != y)
      worst = std::max(worst, std::fabs(x - y) / (scale > 0 ? scale : largest));
  return worst;
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
    auto view = View::merged(*axes);
    if (rest != 1 || !view || view->getShape() != role.view.getShape())
      return;
    role = {value, *view};
  }
}

void proposeMixers(const Problem &problem, MixerList &mixers) {
  proposeScans(problem, mixers);
  proposeReadoutScans(problem, mixers);
  proposeShortConvs(problem, mixers);
  proposeMatrixStates(problem, mixers);
  proposeAttention(problem, mixers);
  proposeMlstm(problem, mixers);
  proposeQuasiseparable(problem, mixers);
  // What answers an impulse for ever.
  if (mixers.empty())
    proposeConstantScans(problem, mixers);
  proposeImpulseConvs(problem, mixers);
  proposeKernelConvs(problem, mixers);
}

} // namespace ssmc
