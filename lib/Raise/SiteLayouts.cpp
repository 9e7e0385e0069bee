//===- SiteLayouts.cpp - the values of attention in front of views --------===//
//
// Queries, keys and values are turned, split into heads and repeated for heads
// that share them. Which element of what they are turned from stands where is
// read off: a value that holds another number in every place shows it. Every
// way to see that value as heads of features is compared with this.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/AttentionSites.h"

#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
/// Extents of [batch, time, head, feature].
using Layout = ArrayRef<int64_t>;

/// Every view of a value of `shape` with these extents, of heads only a
/// divisor.
class ViewList {
public:
  ViewList(ArrayRef<int64_t> shape, Layout layout)
      : shape(shape), layout(layout), axes(shape.size()) {
    add(0, false, false, false);
  }
  std::vector<View> views;

private:
  void add(unsigned axis, bool batch, bool time, bool feature);
  void finish();

  ArrayRef<int64_t> shape;
  Layout layout;
  ValueAxes axes;
  SmallVector<bool> isFeature; // of the digits that are neither batch nor time
};
} // namespace

void ViewList::finish() {
  SmallVector<unsigned> order, last;
  for (auto [i, feature] : llvm::enumerate(isFeature))
    (feature ? last : order).push_back(i);
  unsigned heads = order.size();
  order.append(last);
  auto view =
      View::make(axes, /*hasTime=*/true, order, {heads, unsigned(last.size())});
  if (view && view->getShape()[0] == layout[0] &&
      view->getShape()[1] == layout[1] && view->getShape()[3] == layout[3] &&
      layout[2] % view->getShape()[2] == 0)
    views.push_back(*view);
}

void ViewList::add(unsigned axis, bool batch, bool time, bool feature) {
  constexpr size_t kMostViews = 64;
  if (views.size() >= kMostViews)
    return;
  if (axis == shape.size())
    return finish();
  int64_t extent = shape[axis];
  auto with = [&](ArrayRef<Digit> digits, ArrayRef<bool> features, bool b,
                  bool t, bool f) {
    axes[axis].assign(digits.begin(), digits.end());
    isFeature.append(features.begin(), features.end());
    add(axis + 1, b, t, f);
    isFeature.truncate(isFeature.size() - features.size());
  };
  Digit other{AxisKind::Other, 1, extent};
  if (extent == layout[0] && !batch)
    with(Digit{AxisKind::Batch, 1, extent}, {}, true, time, feature);
  if (extent == layout[1] && !time)
    with(Digit{AxisKind::Time, 1, extent}, {}, batch, true, feature);
  if (extent == 1)
    return with(other, {}, batch, time, feature);
  if (extent == layout[3] && !feature)
    with(other, true, batch, time, true);
  if (layout[2] % extent == 0)
    with(other, false, batch, time, feature);
  if (layout[3] > 1 && extent > layout[3] && extent % layout[3] == 0 &&
      !feature)
    with({Digit{AxisKind::Other, 1, extent / layout[3]},
          Digit{AxisKind::Other, 1, layout[3]}},
         {false, true}, batch, time, true);
}

/// Another number in every place.
static Tensor numbered(Type type, ArrayRef<int64_t> shape) {
  Tensor tensor(type, shape);
  double next = 0;
  for (double &element : tensor.mutableFloats())
    element = ++next;
  return tensor;
}

/// Whether heads of `fewer` stand in all of `many`, each for as many
/// neighbours, up to one factor.
static bool repeats(const Tensor &fewer, const Tensor &many) {
  ArrayRef<int64_t> from = fewer.getShape(), to = many.getShape();
  int64_t group = to[2] / from[2], width = to[3];
  ArrayRef<double> xs = fewer.floats(), ys = many.floats();
  double factor = ys.empty() ? 0 : ys[0] / xs[0];
  if (!std::isfinite(factor) || factor == 0)
    return false;
  for (int64_t i = 0, e = ys.size(); i < e; ++i)
    if (std::abs(ys[i] - factor * xs[i / width / group * width + i % width]) >
        1e-12 * std::abs(ys[i]))
      return false;
  return true;
}

/// Moves elements, or scales all of them alike.
static bool mayMove(const Graph &graph, onnx::NodeOp node) {
  static const llvm::StringSet<> names = {
      "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Flatten",
      "Expand",  "Tile",      "Concat",  "Gather",    "Mul",      "Div"};
  return node && node.getDomain().empty() && names.contains(node.getOpType()) &&
         graph.indexOf(node) >= 0;
}

static Role deepen(const Problem &problem, const Role &role) {
  constexpr unsigned kMostSteps = 10;
  const Graph &graph = problem.graph;
  Role best = role;
  Value value = role.value;
  for (unsigned i = 0; i < kMostSteps; ++i) {
    auto node = value.getDefiningOp<onnx::NodeOp>();
    if (!mayMove(graph, node))
      break;
    llvm::SmallSetVector<Value, 2> sources;
    for (Value operand : node.getInputs())
      if (graph.dependsOnInput(operand))
        sources.insert(operand);
    if (sources.size() != 1)
      break;
    value = sources.front();
    auto shape = graph.getShape(value);
    if (!shape || !isa<FloatType>(getElementTypeOrSelf(value.getType())))
      break;
    Tensor numbers = numbered(problem.elementType(value), *shape);
    auto moved = problem.evaluate({role.value}, {{value, numbers}});
    if (failed(moved))
      break;
    std::optional<Tensor> known = role.view.tryApply(moved->front());
    if (!known)
      break;
    for (const View &view : ViewList(*shape, role.view.getShape()).views)
      if (repeats(view.apply(numbers), *known)) {
        best = {value, view};
        break;
      }
  }
  return best;
}

AttentionSite deepenSite(const Problem &problem, const AttentionSite &site) {
  AttentionSite deep = site;
  AttentionMixer &mixer = deep.mixer;
  mixer.q = deepen(problem, *mixer.q);
  if (!mixer.pastKey) {
    Role k = deepen(problem, *mixer.k), v = deepen(problem, *mixer.v);
    // Both have as many heads.
    if (shapeOf(k)[2] == shapeOf(v)[2])
      mixer.k = k, mixer.v = v;
  }
  // The exit behind what turns it.
  const Graph &graph = problem.graph;
  Value exit = deep.region.exit;
  while (exit.hasOneUse() && isView(*exit.user_begin()) &&
         graph.indexOf(*exit.user_begin()) >= 0) {
    Value next = (*exit.user_begin())->getResult(0);
    auto shape = graph.getShape(next);
    if (!shape)
      break;
    Tensor numbers = numbered(problem.elementType(site.region.exit),
                              *graph.getShape(site.region.exit));
    auto moved = problem.evaluate({next}, {{site.region.exit, numbers}});
    if (failed(moved))
      break;
    Tensor known = site.mixer.layout.exit.apply(numbers);
    bool found = false;
    for (const View &view :
         ViewList(*shape, site.mixer.layout.exit.getShape()).views)
      if (view.getShape() == known.getShape() &&
          repeats(view.apply(moved->front()), known)) {
        mixer.layout.exit = view;
        found = true;
        break;
      }
    if (!found)
      break;
    deep.region.exit = exit = next;
  }
  llvm::SmallSetVector<Value, 6> frontier;
  for (Role *role : mixer.getRoles())
    frontier.insert(role->value);
  if (frontier.size() != mixer.getRoles().size())
    return site;
  for (const ScoreBias &mask : mixer.masks)
    frontier.insert(mask.value);
  deep.region.frontier.assign(frontier.begin(), frontier.end());
  sortByDefinition(graph, deep.region.frontier);
  return deep;
}

} // namespace ssmc
