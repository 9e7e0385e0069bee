//===- Epilogue.cpp - skip and gate behind a scan -------------------------===//

#include "lib/Raise/Epilogue.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

Answer Epilogue::check(int64_t time) {
  Type type = problem.elementType(y.value);
  auto run = [&](const Tensor &ys, const Tensor &xs, const Tensor &zs) {
    Pieces::Inputs inputs{{&y, ys}, {&x, xs}};
    if (z)
      inputs.push_back({&*z, zs});
    return pieces.run({&*exit}, inputs, time);
  };
  SmallVector<int64_t> shape = pieces.shape(y, time);
  auto filled = [&](double value) {
    Tensor tensor(type, shape);
    for (double &element : tensor.mutableFloats())
      element = value;
    return tensor;
  };
  FailureOr<SmallVector<Tensor>> skip = run(filled(0), filled(1), filled(1));
  if (failed(skip))
    return Answer::Unknown;
  D = Tensor(type, {pieces.channels});
  bool none = true;
  for (int64_t d = 0; d < pieces.channels; ++d) {
    double value = skip->front().floats()[d] / (z ? silu(1) : 1);
    if (!std::isfinite(value))
      return Answer::Wrong;
    D.mutableFloats()[d] = value;
    none &= value == 0;
  }
  for (uint64_t seed : {1, 2}) {
    Random random(seed);
    double scale = seed == 1 ? 1 : 20;
    Tensor ys = random.normals(type, shape, 1);
    Tensor xs = random.normals(type, shape, 1);
    Tensor zs = random.normals(type, shape, scale);
    FailureOr<SmallVector<Tensor>> result = run(ys, xs, zs);
    if (failed(result))
      return Answer::Unknown;
    Tensor expected(type, shape);
    auto values = expected.mutableFloats();
    for (int64_t i = 0, e = expected.getNumElements(); i < e; ++i)
      values[i] =
          (ys.floats()[i] + D.floats()[i % pieces.channels] * xs.floats()[i]) *
          (z ? silu(zs.floats()[i]) : 1);
    if (!(deviation(result->front(), expected) <= kPieceTolerance))
      return Answer::Wrong;
  }
  if (none)
    D = Tensor();
  return Answer::Right;
}

bool Epilogue::find(Value exitValue, ArrayRef<Value> others) {
  exit = pieces.flat(exitValue);
  if (!exit || pieces.width(exitValue) != pieces.channels)
    return false;
  for (const Role &source : xs) {
    x = source;
    if (findGate(others))
      return true;
  }
  return false;
}

bool Epilogue::findGate(ArrayRef<Value> others) {
  // What x determines is the skip.
  SmallVector<Value> frontier;
  for (Value value : others) {
    auto cone = collectCone(problem.graph, value, x.value, 32);
    if (!cone || !llvm::all_of(cone->nodes, [&](Operation *op) {
          return problem.finder.isTransparent(op);
        }))
      frontier.push_back(value);
  }
  auto fits = [&] {
    return pieces.holds([&](int64_t time) { return check(time); });
  };
  z.reset();
  if (frontier.empty())
    return fits();
  // The gate is a function of one value somewhere in front of what is read.
  for (unsigned i = 0; i < 16; ++i) {
    sortByDefinition(problem.graph, frontier);
    if (frontier.size() == 1) {
      z = pieces.flat(frontier.front());
      if (z && pieces.width(z->value) == pieces.channels && fits())
        return true;
    }
    if (frontier.empty() ||
        !problem.finder.expand(frontier, Value(frontier.back())))
      return false;
  }
  return false;
}

} // namespace ssmc
