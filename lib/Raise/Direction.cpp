//===- Direction.cpp - which tokens a region's output depends on ----------===//

#include "lib/Raise/Direction.h"

#include "lib/Raise/Mixer.h"

using namespace mlir;

namespace ssmc {

/// `tensor`, [batch, time, rest], at one token.
static Tensor atToken(const Tensor &tensor, int64_t token) {
  int64_t batch = tensor.getShape()[0], time = tensor.getShape()[1],
          rest = tensor.getShape()[2];
  Tensor row(tensor.getElementType(), {batch, rest});
  auto to = row.mutableFloats().begin();
  for (int64_t b = 0; b < batch; ++b)
    to = llvm::copy(tensor.floats().slice((b * time + token) * rest, rest), to);
  return row;
}

/// Other numbers for this value at one token.
static void change(const Problem &problem, Value value, int64_t token,
                   Random &random, Assignment &values) {
  int64_t length = problem.analysis.getLength();
  const ValueAxes &axes = *problem.analysis.getAxes(value);
  auto view = View::merged(axes);
  Tensor &tensor = values[value];
  if (timeExtent(axes) != length || !view || !tensor.isFloat())
    return;
  Tensor tokens = view->apply(tensor);
  int64_t rest = tokens.getShape()[2];
  for (int64_t b = 0; b < tokens.getShape()[0]; ++b)
    for (int64_t i = 0; i < rest; ++i)
      tokens.mutableFloats()[(b * length + token) * rest + i] +=
          0.5 + random.uniform();
  tensor = view->invert(tokens);
}

std::optional<llvm::SmallBitVector>
findMoved(const Problem &problem, ArrayRef<Value> values, int64_t token) {
  int64_t length = problem.analysis.getLength();
  auto exit = View::merged(*problem.analysis.getAxes(problem.region.exit));
  const Problem::Example *example = problem.getExample();
  if (!example || !exit)
    return std::nullopt;
  std::optional<Tensor> before = exit->tryApply(example->results.front());
  if (!before)
    return std::nullopt;
  Random random(11);
  Assignment changed = example->values;
  for (Value value : values)
    change(problem, value, token, random, changed);
  FailureOr<SmallVector<Tensor>> result = problem.evaluate(changed);
  if (failed(result))
    return std::nullopt;
  Tensor after = exit->apply(result->front());
  llvm::SmallBitVector moved(length);
  for (int64_t t = 0; t < length; ++t)
    moved[t] = !(deviation(atToken(*before, t), atToken(after, t)) <= 1e-9);
  return moved;
}

static std::optional<Direction> readDirection(const Problem &problem) {
  int64_t length = problem.analysis.getLength();
  auto moves = [&](int64_t token) -> std::optional<bool> {
    auto moved = findMoved(problem, problem.region.frontier, token);
    if (!moved)
      return std::nullopt;
    moved->reset(token);
    return moved->any();
  };
  std::optional<bool> last = moves(length - 1), first = moves(0);
  if (!last || !first)
    return std::nullopt;
  return !*last    ? Direction::Forward
         : !*first ? Direction::Reverse
                   : Direction::Both;
}

std::optional<Direction> findDirection(const Problem &problem) {
  if (!problem.direction)
    problem.direction = readDirection(problem);
  return *problem.direction;
}

} // namespace ssmc
