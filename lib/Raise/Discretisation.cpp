//===- Discretisation.cpp - exp(delta A) and delta B x --------------------===//

#include "lib/Raise/Discretisation.h"

#include <cmath>
#include <deque>

using namespace mlir;

namespace ssmc {

/// `narrow` with every element repeated for all states, in the shape of `wide`.
static Tensor repeat(const Tensor &narrow, const Tensor &wide) {
  int64_t times = wide.getNumElements() / narrow.getNumElements();
  if (times == 1)
    return narrow;
  Tensor result(narrow.getElementType(), wide.getShape());
  int64_t i = 0;
  for (double &value : result.mutableFloats())
    value = narrow.floats()[i++ / times];
  return result;
}

/// A at one token: the exponent where delta is one. Taken from in front of the
/// exponential where that is the last node, else as a logarithm.
Answer Discretisation::readA(int64_t time) {
  Tensor ones(problem.elementType(delta->value), pieces.shape(*delta, time));
  for (double &value : ones.mutableFloats())
    value = 1;
  Role source = a;
  bool isLog = true;
  auto node = a.value.getDefiningOp<onnx::NodeOp>();
  if (node && node.getDomain().empty() && node.getOpType() == "Exp" &&
      node.hasInput(0)) {
    source.value = node.getInputs()[0];
    isLog = false;
  }
  FailureOr<SmallVector<Tensor>> result =
      pieces.run({&source}, {{&*delta, ones}}, time);
  if (failed(result))
    return Answer::Unknown;
  const Tensor &exponent = result->front();
  A = Tensor(exponent.getElementType(), {pieces.channels, states});
  auto values = A.mutableFloats();
  // One for all states where the decay has no axis of them.
  int64_t times = A.getNumElements() /
                  llvm::product_of(source.view.getShape().drop_front(2));
  for (int64_t i = 0, e = A.getNumElements(); i < e; ++i) {
    double value = exponent.floats()[i / times];
    values[i] = isLog ? std::log(value) : value;
  }
  bool finite =
      llvm::all_of(A.floats(), [](double v) { return std::isfinite(v); });
  return finite ? Answer::Right : Answer::Wrong;
}

Answer Discretisation::check(int64_t time) {
  for (uint64_t seed : {1, 2, 3}) {
    Random random(seed);
    // Steps around one half, then from tiny to large.
    Tensor steps = seed == 1
                       ? random.normals(problem.elementType(delta->value),
                                        pieces.shape(*delta, time), 0.5)
                       : random.uniforms(problem.elementType(delta->value),
                                         pieces.shape(*delta, time), 0,
                                         seed == 2 ? 0.01 : 20);
    Tensor xs = random.normals(problem.elementType(x->value),
                               pieces.shape(*x, time), 1);
    Tensor bs = random.normals(problem.elementType(B->value),
                               pieces.shape(*B, time), 1);
    FailureOr<SmallVector<Tensor>> result =
        pieces.run({&a, &u}, {{&*delta, steps}, {&*x, xs}, {&*B, bs}}, time);
    if (failed(result))
      return Answer::Unknown;
    Tensor decay(steps.getElementType(), (*result)[1].getShape());
    Tensor drive(steps.getElementType(), (*result)[1].getShape());
    auto decays = decay.mutableFloats(), drives = drive.mutableFloats();
    auto ds = steps.floats(), vs = xs.floats(), ws = bs.floats();
    int64_t rows = steps.getNumElements() / pieces.channels, at = 0;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t d = 0; d < pieces.channels; ++d)
        for (int64_t n = 0; n < states; ++n, ++at) {
          double dt = ds[r * pieces.channels + d];
          decays[at] = std::exp(dt * A.floats()[d * states + n]);
          drives[at] = dt * ws[r * states + n] * vs[r * pieces.channels + d];
        }
    if (!(deviation(repeat((*result)[0], decay), decay) <= kPieceTolerance) ||
        !(deviation((*result)[1], drive) <= kPieceTolerance))
      return Answer::Wrong;
  }
  return Answer::Right;
}

bool Discretisation::tryFrontier(ArrayRef<Value> frontier) {
  if (frontier.size() != 3)
    return false;
  // a depends on delta alone: token by token, which x, from which a projection
  // has made delta, is not.
  auto decides = [&](Value value) {
    std::optional<Cone> cone = collectCone(problem.graph, a.value, value, 64);
    return cone && llvm::all_of(cone->nodes, [&](Operation *op) {
             return problem.finder.isTransparent(op);
           });
  };
  delta.reset();
  for (Value value : frontier)
    if (decides(value)) {
      if (delta)
        return false;
      delta = pieces.flat(value);
      if (!delta)
        return false;
    }
  if (!delta || pieces.width(delta->value) != pieces.channels)
    return false;
  SmallVector<Value> others;
  for (Value value : frontier)
    if (value != delta->value)
      others.push_back(value);
  for (unsigned i : {0u, 1u}) {
    x = pieces.flat(others[i]);
    B = pieces.flat(others[1 - i]);
    if (!x || !B || pieces.width(x->value) != pieces.channels ||
        pieces.width(B->value) != states)
      continue;
    if (pieces.holds([&](int64_t time) {
          Answer read = readA(time);
          return read == Answer::Right ? check(time) : read;
        }))
      return true;
  }
  return false;
}

bool Discretisation::find(SmallVector<Value> frontier) {
  // What still has an axis of channels and one of states is taken in.
  for (unsigned i = 0; i < 64; ++i) {
    auto wide = llvm::find_if(frontier, [&](Value value) {
      return pieces.width(value) > std::max(pieces.channels, states);
    });
    if (wide == frontier.end())
      break;
    if (!problem.finder.expand(frontier, Value(*wide)))
      return false;
  }
  // A decay without the axis of states is a function of delta somewhere in
  // front of it.
  SmallVector<Value> narrow = frontier;
  Value value = a.value;
  for (unsigned i = 0; i < 8 && llvm::is_contained(narrow, value); ++i) {
    SmallVector<Value> next = narrow;
    problem.finder.mergeViews(next);
    if (tryFrontier(next))
      return true;
    Value source;
    for (Value operand : value.getDefiningOp()
                             ? value.getDefiningOp()->getOperands()
                             : ValueRange())
      if (problem.graph.dependsOnInput(operand))
        source = operand;
    if (!source || !problem.finder.expand(narrow, value))
      break;
    value = source;
  }
  // delta x may have been multiplied out in front: take in more, one value at
  // a time, the nearest first.
  std::deque<SmallVector<Value>> queue{frontier};
  for (unsigned i = 0; i < 24 && !queue.empty(); ++i) {
    SmallVector<Value> next = queue.front();
    queue.pop_front();
    problem.finder.mergeViews(next);
    if (tryFrontier(next))
      return true;
    for (Value value : next) {
      SmallVector<Value> more = next;
      if (problem.finder.expand(more, value) && more.size() <= 5)
        queue.push_back(more);
    }
  }
  return false;
}

} // namespace ssmc
