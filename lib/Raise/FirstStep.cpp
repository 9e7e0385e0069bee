//===- FirstStep.cpp - what the first step of a loop shares ---------------===//
//
// Folding constants through the initial states has simplified the first step.
// Its nodes are those of the others all the same where the second step, with
// the tokens of the first one and the initial states, gives them the same
// operands. That holds for operands that decide nothing, too: another bound
// that no input reaches is another node.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/FirstStep.h"

#include "lib/Raise/Mixer.h"

using namespace mlir;

namespace ssmc {

/// One position of an axis, which is left out or of extent one in `shape`.
static Tensor cutToken(const Tensor &whole, unsigned axis, int64_t position,
                       ArrayRef<int64_t> shape) {
  Tensor token(whole.getElementType(), shape);
  int64_t inner = llvm::product_of(whole.getShape().drop_front(axis + 1));
  int64_t extent = whole.getShape()[axis];
  for (int64_t i = 0, e = token.getNumElements(); i < e; ++i) {
    int64_t from = (i / inner * extent + position) * inner + i % inner;
    if (whole.isFloat())
      token.mutableFloats()[i] = whole.floats()[from];
    else
      token.mutableInts()[i] = whole.ints()[from];
  }
  return token;
}

static bool agree(const Tensor &a, const Tensor &b) {
  if (a.isNull() || b.isNull() || a.isFloat() || b.isFloat())
    return deviation(a, b) <= kMixerTolerance;
  return a.getShape() == b.getShape() && a.ints() == b.ints();
}

llvm::DenseSet<Operation *> findAlike(const Problem &problem,
                                      const FirstStep &step) {
  llvm::DenseSet<Operation *> alike;
  Random random(7);
  Assignment first = problem.sample(random), second = first;
  for (const FirstStep::Token &token : step.tokens) {
    auto whole = problem.evaluate(token.sequence, first);
    auto shape = problem.graph.getShape(token.value);
    if (failed(whole) || !shape)
      return alike;
    second[token.value] =
        cutToken(whole->front(), token.axis, step.position, *shape);
  }
  for (const auto &[state, initial] : step.states) {
    auto shape = problem.graph.getShape(state);
    if (!shape)
      return alike;
    second[state] = Tensor(problem.elementType(state), *shape);
    if (!initial)
      continue;
    auto tensor = problem.evaluate(initial, first);
    if (failed(tensor))
      return alike;
    second[state] = tensor->front();
  }
  auto areEqual = [&](const auto &operands) {
    const auto &[own, other] = operands;
    if (isa<NoneType>(own.getType()) || isa<NoneType>(other.getType()))
      return own.getType() == other.getType();
    auto a = problem.evaluate(own, first), b = problem.evaluate(other, second);
    return succeeded(a) && succeeded(b) && agree(a->front(), b->front());
  };
  for (const FirstStep::Pair &pair : step.pairs)
    if (llvm::all_of(llvm::zip_equal(pair.own, pair.other), areEqual))
      alike.insert(pair.node);
  return alike;
}

} // namespace ssmc
