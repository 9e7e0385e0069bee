//===- HeadRoles.cpp - a region's values as heads of features -------------===//

#include "lib/Raise/HeadRoles.h"

#include "lib/Raise/Pieces.h"

using namespace mlir;

namespace ssmc {

/// More digits than any model's layouts have: their orders are too many.
static constexpr size_t kMostDigits = 4;

std::optional<HeadRoles> HeadRoles::read(const Problem &problem) {
  std::optional<Frontier> frontier = problem.splitFrontier();
  if (!frontier)
    return std::nullopt;
  HeadRoles roles(problem);
  roles.tokens = std::move(frontier->tokens);
  roles.states = std::move(frontier->states);
  return roles;
}

/// All cuts of `digits` digits into `axes` neighbours, the last one as narrow
/// as can be first; none has no digit where those before it have one.
static void listCuts(unsigned digits, unsigned axes,
                     SmallVectorImpl<SmallVector<unsigned>> &cuts) {
  if (axes == 1) {
    cuts.push_back({digits});
    return;
  }
  for (unsigned last = std::min(digits, 1u); last <= digits; ++last) {
    SmallVector<SmallVector<unsigned>> before;
    listCuts(digits - last, axes - 1, before);
    for (SmallVector<unsigned> &cut : before) {
      cut.push_back(last);
      cuts.push_back(std::move(cut));
    }
  }
}

std::vector<View>
HeadRoles::views(Value value, bool hasTime, unsigned count,
                 llvm::function_ref<bool(const View &)> fits) const {
  std::vector<View> found;
  const ValueAxes &axes = *problem.analysis.getAxes(value);
  SmallVector<int64_t> rest = restExtents(axes);
  if (rest.size() > kMostDigits)
    return found;
  SmallVector<SmallVector<unsigned>> cuts;
  listCuts(rest.size(), count, cuts);
  SmallVector<unsigned> order(rest.size());
  std::iota(order.begin(), order.end(), 0);
  do
    for (ArrayRef<unsigned> cut : cuts)
      if (auto view = View::make(axes, hasTime, order, cut);
          view && fits(*view))
        found.push_back(*view);
  while (std::next_permutation(order.begin(), order.end()));
  return found;
}

/// The axes with the one of `extent` channels cut into heads of features.
static ValueAxes cutHeads(ValueAxes axes, int64_t extent, int64_t heads) {
  for (Digits &axis : axes)
    for (unsigned i = 0; i < axis.size(); ++i)
      if (axis[i].kind == AxisKind::Other && axis[i].extent == extent) {
        axis[i].extent = extent / heads;
        axis.insert(axis.begin() + i++, Digit{AxisKind::Other, 1, heads});
      }
  return axes;
}

std::vector<HeadLayout> HeadRoles::layouts() const {
  std::vector<HeadLayout> found;
  for (const View &view :
       views(problem.region.exit, true, 2, [](const View &) { return true; }))
    found.push_back({view.getShape()[2], view.getShape()[3], view});
  // Heads and features may have been merged behind the mixer: cut as they were
  // in front of it.
  const ValueAxes &axes = *problem.analysis.getAxes(problem.region.exit);
  SmallVector<int64_t> rest = restExtents(axes), counts;
  if (rest.size() != 1)
    return found;
  for (Value value : tokens)
    for (int64_t count : restExtents(*problem.analysis.getAxes(value)))
      if (count < rest[0] && rest[0] % count == 0 &&
          !llvm::is_contained(counts, count))
        counts.push_back(count);
  for (int64_t heads : counts)
    if (auto view = View::make(cutHeads(axes, rest[0], heads), true))
      found.push_back({heads, rest[0] / heads, *view});
  return found;
}

std::vector<Role> HeadRoles::features(Value value, Fits fits) const {
  std::vector<Role> found;
  for (const View &view : views(value, true, 2, [&](const View &view) {
         return fits(view.getShape()[2], view.getShape()[3]);
       }))
    found.push_back({value, view});
  // In front of where it was cut: a decay before its sigmoid.
  const ValueAxes &axes = *problem.analysis.getAxes(value);
  SmallVector<int64_t> rest = restExtents(axes);
  for (int64_t heads = 2; found.empty() && rest.size() == 1 && heads < rest[0];
       ++heads)
    if (rest[0] % heads == 0 && fits(heads, rest[0] / heads))
      if (auto view = View::make(cutHeads(axes, rest[0], heads), true))
        found.push_back({value, *view});
  return found;
}

std::vector<Role> HeadRoles::sharedHeads(const Role &role) const {
  constexpr unsigned kMostSteps = 8;
  std::vector<Role> found;
  int64_t heads = shapeOf(role)[2], width = shapeOf(role)[3];
  SmallVector<Value> source{role.value};
  for (unsigned i = 0; i < kMostSteps; ++i) {
    if (!problem.finder.expand(source, source.front()) || source.size() != 1)
      break;
    const ValueAxes *axes = problem.analysis.getAxes(source.front());
    if (!axes ||
        problem.analysis.getClass(source.front()) != TokenClass::PerToken ||
        timeExtent(*axes) != problem.analysis.getLength())
      break;
    std::vector<Role> ways =
        features(source.front(), [&](int64_t h, int64_t f) {
          return h < heads && heads % h == 0 && f == width;
        });
    llvm::copy_if(ways, std::back_inserter(found),
                  [&](const Role &way) { return repeats(way, role); });
  }
  return found;
}

bool HeadRoles::repeats(const Role &fewer, const Role &role) const {
  Pieces pieces(problem, shapeOf(role)[3]);
  return pieces.holds([&](int64_t time) {
    Random random(17);
    Tensor from = random.normals(problem.elementType(fewer.value),
                                 pieces.shape(fewer, time), 1);
    FailureOr<SmallVector<Tensor>> result =
        pieces.run({&role}, {{&fewer, from}}, time);
    if (failed(result))
      return Answer::Unknown;
    ArrayRef<double> to = result->front().floats();
    int64_t heads = shapeOf(role)[2], width = shapeOf(role)[3];
    int64_t group = heads / shapeOf(fewer)[2];
    for (int64_t row = 0, e = to.size() / width; row < e; ++row)
      if (to.slice(row * width, width) !=
          from.floats().slice(row / group * width, width))
        return Answer::Wrong;
    return Answer::Right;
  });
}

std::vector<Role> HeadRoles::scalars(Value value, int64_t heads) const {
  std::vector<Role> found;
  for (const View &view : views(value, true, 1, [&](const View &view) {
         return view.getShape()[2] == heads;
       }))
    found.push_back({value, view});
  return found;
}

std::vector<Role> HeadRoles::matrices(Value value, int64_t heads, int64_t keys,
                                      int64_t values) const {
  std::vector<Role> found;
  SmallVector<int64_t> target{heads, keys, values};
  for (const View &view : views(value, false, 3, [&](const View &view) {
         return view.getShape().drop_front() == ArrayRef(target);
       }))
    found.push_back({value, view});
  return found;
}

} // namespace ssmc
