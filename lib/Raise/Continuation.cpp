//===- Continuation.cpp - tables of positions that go on ------------------===//

#include "lib/Raise/Continuation.h"

#include "lib/Operators/Indexing.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
/// Numbers of a table along one axis.
struct Line {
  const Tensor &table;
  int64_t begin, stride, count;
  double at(int64_t i) const { return table.at(begin + i * stride); }
};
} // namespace

/// Up to the rounding of tables in single precision.
static bool areEqual(double x, double y) {
  constexpr double kRounding = 1e-6, kNothing = 1e-12;
  if (!std::isfinite(x) || !std::isfinite(y))
    return x == y;
  return std::abs(x - y) <=
         kRounding * std::max(std::abs(x), std::abs(y)) + kNothing;
}

/// What is to be added to `from` for `to`.
static double rise(double from, double to) {
  return from == to ? 0 : to - from;
}

/// Whether both are straight from `begin` to where their ends begin.
static bool goesOnFrom(int64_t begin, const Line &near, const Line &far) {
  int64_t end = near.count / 8, longer = far.count - near.count;
  int64_t last = near.count - 1 - end;
  double step = rise(near.at(begin), near.at(last)) / (last - begin);
  double before = rise(near.at(0), far.at(0)),
         behind = rise(near.at(near.count - 1), far.at(far.count - 1));
  // Positions count from the first one or from the last.
  if (!areEqual(before, 0) && !areEqual(behind, 0))
    return false;
  for (int64_t i = 0; i <= begin; ++i)
    if (!areEqual(near.at(i) + before, far.at(i)))
      return false;
  for (int64_t i = last; i < near.count; ++i)
    if (!areEqual(near.at(i) + behind, far.at(i + longer)))
      return false;
  auto isStraight = [&](const Line &line, int64_t to) {
    for (int64_t i = begin; i <= to; ++i)
      if (!areEqual(line.at(i), line.at(begin) + step * (i - begin)))
        return false;
    return true;
  };
  return isStraight(near, last) && isStraight(far, last + longer);
}

/// Whether both rise or fall by one factor from `begin` on, as decays do.
static bool goesOnByFactor(int64_t begin, const Line &near, const Line &far) {
  double factor = std::pow(near.at(near.count - 1) / near.at(begin),
                           1.0 / (near.count - 1 - begin));
  for (int64_t i = 0; i < begin; ++i)
    if (!areEqual(near.at(i), far.at(i)))
      return false;
  auto falls = [&](const Line &line) {
    for (int64_t i = begin; i < line.count; ++i)
      if (!areEqual(line.at(i), near.at(begin) * std::pow(factor, i - begin)))
        return false;
    return true;
  };
  return falls(near) && falls(far);
}

static bool goesOn(const Line &near, const Line &far) {
  constexpr int64_t kFewest = 4;
  if (near.count < kFewest || far.count < near.count)
    return false;
  // What stands in front of the straight part is as long as it likes.
  return llvm::any_of(ArrayRef<int64_t>{1, 2, 3}, [&](int64_t quarters) {
    int64_t begin = near.count * quarters / 4;
    return begin < near.count - 1 - near.count / 8 &&
           (goesOnFrom(begin, near, far) || goesOnByFactor(begin, near, far));
  });
}

/// Calls `visit` with where each line along the axes that are not `free` begins
/// in `near` and `far`; false where it is.
static bool forEachOther(const Tensor &near, const Tensor &far,
                         ArrayRef<unsigned> free,
                         llvm::function_ref<bool(int64_t, int64_t)> visit) {
  SmallVector<int64_t> others(near.getShape());
  for (unsigned axis : free)
    others[axis] = 1;
  SmallVector<int64_t> nearStrides = rowMajorStrides(near.getShape()),
                       farStrides = rowMajorStrides(far.getShape());
  bool all = true;
  forEachIndex(others, [&](ArrayRef<int64_t> index) {
    all = all &&
          visit(linearize(index, nearStrides), linearize(index, farStrides));
  });
  return all;
}

/// By how much numbers rise along all diagonals, where `rows` and `columns` are
/// lines of one element; nothing where that differs.
static std::optional<double> riseOfDiagonals(const Line &rows,
                                             const Line &columns) {
  int64_t stride = rows.stride + columns.stride;
  int64_t last = std::min(rows.count, columns.count) - 1;
  double step = rise(rows.at(0), rows.table.at(rows.begin + last * stride));
  step = std::isfinite(step) ? step / last : 0;
  for (int64_t i = 1; i < rows.count; ++i)
    for (int64_t j = 1; j < columns.count; ++j) {
      int64_t at = rows.begin + i * rows.stride + j * columns.stride;
      if (!areEqual(rows.table.at(at), rows.table.at(at - stride) + step))
        return std::nullopt;
    }
  return step;
}

static bool goesOn(const Tensor &near, const Tensor &far,
                   ArrayRef<unsigned> free) {
  SmallVector<int64_t> nearStrides = rowMajorStrides(near.getShape()),
                       farStrides = rowMajorStrides(far.getShape());
  return forEachOther(near, far, free, [&](int64_t from, int64_t to) {
    SmallVector<Line, 2> a, b;
    for (unsigned axis : free) {
      a.push_back({near, from, nearStrides[axis], near.getShape()[axis]});
      b.push_back({far, to, farStrides[axis], far.getShape()[axis]});
      if (!goesOn(a.back(), b.back()))
        return false;
    }
    if (free.size() == 1)
      return true;
    auto own = riseOfDiagonals(a[0], a[1]), other = riseOfDiagonals(b[0], b[1]);
    return own && other && areEqual(*own, *other);
  });
}

/// The axes along which two tables of one rank differ; nothing where the ranks
/// do.
static std::optional<SmallVector<unsigned>> findFreeAxes(const Tensor &near,
                                                         const Tensor &far) {
  if (near.isNull() || far.isNull() || near.getRank() != far.getRank())
    return std::nullopt;
  SmallVector<unsigned> free;
  for (auto [axis, extents] :
       llvm::enumerate(llvm::zip_equal(near.getShape(), far.getShape())))
    if (std::get<0>(extents) != std::get<1>(extents))
      free.push_back(axis);
  return free;
}

/// Numbers that are no table: they are equal, or follow the length on a
/// straight line as extents do.
static bool goOn(const Tensor &base, const Tensor &near, const Tensor &far,
                 const Lengthening &at) {
  bool straight = base.getShape() == near.getShape();
  double longer = double(at.farLength - at.nearLength) /
                  double(at.nearLength - at.baseLength);
  for (int64_t i = 0, e = near.getNumElements(); i < e; ++i)
    if (!areEqual(near.at(i), far.at(i)) &&
        !(straight &&
          areEqual(near.at(i) + rise(base.at(i), near.at(i)) * longer,
                   far.at(i))))
      return false;
  return true;
}

bool goesOn(const Region &region, const Lengthening &lengthening) {
  SmallVector<Value> roots{region.exit};
  llvm::append_range(roots, region.states);
  std::optional<Cone> cone =
      collectCone(*lengthening.far, roots, region.frontier);
  return cone && llvm::all_of(cone->constants, [&](Value value) {
           if (value.getDefiningOp<onnx::ConstantOp>())
             return true;
           FailureOr<Tensor> base = lengthening.base->evaluateOnce(value),
                             near = lengthening.near->evaluateOnce(value),
                             far = lengthening.far->evaluateOnce(value);
           if (failed(base) || failed(near) || failed(far))
             return false;
           auto free = findFreeAxes(*near, *far);
           if (!free || free->size() > 2)
             return false;
           return free->empty() ? goOn(*base, *near, *far, lengthening)
                                : goesOn(*near, *far, *free);
         });
}

//===----------------------------------------------------------------------===//
// Tables that are cut to a length that is fixed
//===----------------------------------------------------------------------===//

/// The table out of which Slice nodes cut `value`.
static onnx::ConstantOp findWhole(Value value) {
  while (auto node = value.getDefiningOp<onnx::NodeOp>()) {
    if (!node.getDomain().empty() || node.getOpType() != "Slice")
      break;
    value = node.getInputs()[0];
  }
  return value.getDefiningOp<onnx::ConstantOp>();
}

/// Whether `cut`, the first `length` positions of `whole` along some axes, goes
/// on as `whole` does.
static bool goesOnIn(const Tensor &cut, const Tensor &whole, int64_t length) {
  auto free = findFreeAxes(cut, whole);
  if (!free || free->empty() || !llvm::all_of(*free, [&](unsigned axis) {
        return cut.getShape()[axis] == length;
      }))
    return true; // something else was cut
  return free->size() <= 2 && goesOn(cut, whole, *free);
}

bool cutsEndingTable(const Graph &graph, const Region &region, int64_t length) {
  SmallVector<Value> roots{region.exit};
  llvm::append_range(roots, region.states);
  std::optional<Cone> cone = collectCone(graph, roots, region.frontier);
  if (!cone)
    return false;
  llvm::DenseSet<Operation *> seen;
  SmallVector<Value> worklist(cone->constants);
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op || graph.dependsOnInput(value) || !seen.insert(op).second)
      continue;
    auto node = dyn_cast<onnx::NodeOp>(op);
    onnx::ConstantOp table =
        node && node.getOpType() == "Slice" ? findWhole(value) : nullptr;
    if (!table) {
      llvm::append_range(worklist, op->getOperands());
      continue;
    }
    FailureOr<Tensor> cut = graph.evaluateConstant(value),
                      whole = Tensor::fromAttr(table.getValue());
    if (succeeded(cut) && succeeded(whole) && !goesOnIn(*cut, *whole, length))
      return true;
  }
  return false;
}

} // namespace ssmc
