//===- Direction.cpp - which tokens a region's output depends on ----------===//

#include "lib/Raise/Direction.h"

#include "lib/Raise/Mixer.h"

using namespace mlir;

namespace ssmc {

/// `tensor`, [batch, time, rest], without one token.
static Tensor withoutToken(const Tensor &tensor, int64_t token) {
  ArrayRef<int64_t> shape = tensor.getShape();
  int64_t batch = shape[0], time = shape[1], rest = shape[2];
  Tensor left(tensor.getElementType(), {batch, time - 1, rest});
  auto to = left.mutableFloats().begin();
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = 0; t < time; ++t)
      if (t != token)
        to = llvm::copy(tensor.floats().slice((b * time + t) * rest, rest), to);
  return left;
}

std::optional<Direction> findDirection(const Problem &problem) {
  int64_t length = problem.analysis.getLength();
  auto exit = View::merged(*problem.analysis.getAxes(problem.region.exit));
  const Problem::Example *example = problem.getExample();
  if (!example || !exit)
    return std::nullopt;
  std::optional<Tensor> before = exit->tryApply(example->results.front());
  if (!before)
    return std::nullopt;
  Random random(11);
  // True where changing this token moves no other one.
  auto moves = [&](int64_t token) -> std::optional<bool> {
    Assignment changed = example->values;
    for (Value value : problem.region.frontier) {
      const ValueAxes &axes = *problem.analysis.getAxes(value);
      auto view = View::merged(axes);
      Tensor &tensor = changed[value];
      if (timeExtent(axes) != length || !view || !tensor.isFloat())
        continue;
      Tensor tokens = view->apply(tensor);
      int64_t rest = tokens.getShape()[2];
      for (int64_t b = 0; b < tokens.getShape()[0]; ++b)
        for (int64_t i = 0; i < rest; ++i)
          tokens.mutableFloats()[(b * length + token) * rest + i] +=
              0.5 + random.uniform();
      tensor = view->invert(tokens);
    }
    FailureOr<SmallVector<Tensor>> result = problem.evaluate(changed);
    if (failed(result))
      return std::nullopt;
    return !(deviation(withoutToken(*before, token),
                       withoutToken(exit->apply(result->front()), token)) <=
             1e-9);
  };
  std::optional<bool> last = moves(length - 1), first = moves(0);
  if (!last || !first)
    return std::nullopt;
  return !*last    ? Direction::Forward
         : !*first ? Direction::Reverse
                   : Direction::Both;
}

} // namespace ssmc
