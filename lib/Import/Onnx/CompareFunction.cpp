//===- CompareFunction.cpp - functions named like operators ---------------===//
//
// Before inference nothing is known of an argument but its number, so kinds are
// tried: every combination of a few ranks and types, as far as there are not
// too many. Combinations that the operator or the function refuses say nothing;
// one on which the two differ settles it. Each is tried with values of several
// sizes.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/CompareFunction.h"

#include "lib/Eval/Evaluator.h"

#include <cmath>
#include <random>

using namespace mlir;
using namespace ssmc;

namespace {
/// A type and a shape to try.
struct Kind {
  enum { Float, Integer, Bool } type;
  ArrayRef<int64_t> shape;
};
/// What elements of one trial are drawn from. Functions may differ only near
/// zero, or only where values are large; integers that are no index or axis any
/// more are refused by what reads them as such.
struct Scale {
  double deviation;  // of floats
  int64_t low, high; // of integers
};
} // namespace

static constexpr int64_t kCube[] = {2, 3, 4}, kSquare[] = {4, 4}, kRow[] = {4},
                         kPair[] = {2}, kImages[] = {1, 2, 3, 4};
static const Kind kKinds[] = {
    {Kind::Float, kCube},   {Kind::Float, kRow},    {Kind::Float, {}},
    {Kind::Integer, kPair}, {Kind::Integer, {}},    {Kind::Float, kSquare},
    {Kind::Bool, kCube},    {Kind::Float, kImages},
};
static constexpr Scale kScales[] = {
    {2, 0, 1}, {1e-3, -3, 3}, {100, -1000, 1000}};
static constexpr unsigned kMaxTrials = 3 * 4096;

static Tensor makeRandom(MLIRContext *context, const Kind &kind,
                         const Scale &scale, std::mt19937_64 &random) {
  Builder b(context);
  Type type = kind.type == Kind::Float     ? Type(b.getF32Type())
              : kind.type == Kind::Integer ? Type(b.getI64Type())
                                           : Type(b.getI1Type());
  Tensor tensor(type, kind.shape);
  std::normal_distribution<double> normal(0, scale.deviation);
  if (tensor.isFloat())
    for (double &value : tensor.mutableFloats())
      value = normal(random);
  else
    for (int64_t &value : tensor.mutableInts())
      value =
          kind.type == Kind::Bool
              ? int64_t(random() & 1)
              : scale.low + int64_t(random() % (scale.high - scale.low + 1));
  return tensor;
}

static bool isEqual(const Tensor &a, const Tensor &b) {
  if (a.getShape() != b.getShape() || a.isFloat() != b.isFloat())
    return false;
  for (int64_t i = 0; i < a.getNumElements(); ++i) {
    double x = a.at(i), y = b.at(i);
    bool same = x == y || (std::isnan(x) && std::isnan(y)) ||
                std::abs(x - y) <= 1e-6 * std::max(1.0, std::abs(x));
    if (!same)
      return false;
  }
  return true;
}

/// One trial: whether the two agree, or nothing where one of them refuses.
static std::optional<bool> compareOn(ArrayRef<Tensor> arguments,
                                     onnx::NodeOp node, ValueRange results) {
  Evaluator evaluator;
  for (auto [argument, tensor] :
       llvm::zip(node->getBlock()->getArguments(), arguments))
    evaluator.bind(argument, tensor);
  bool any = false;
  for (auto [expected, result] : llvm::zip(node->getResults(), results)) {
    FailureOr<Tensor> wanted = evaluator.get(expected);
    FailureOr<Tensor> found = evaluator.get(result);
    if (failed(wanted) || failed(found))
      return std::nullopt;
    // Outputs that one of them leaves out.
    if (wanted->isNull() || found->isNull())
      continue;
    if (!isEqual(*wanted, *found))
      return false;
    any |= wanted->getNumElements() > 0;
  }
  return any ? std::optional(true) : std::nullopt;
}

Agreement ssmc::compareWithOperator(onnx::NodeOp node, ValueRange results,
                                    ArrayRef<ElementsAttr> known) {
  std::mt19937_64 random(1);
  SmallVector<unsigned> choice(known.size(), 0);
  unsigned agreed = 0;
  for (unsigned trial = 0; trial < kMaxTrials; ++trial) {
    const Scale &scale = kScales[trial % std::size(kScales)];
    SmallVector<Tensor> arguments;
    for (auto [i, value] : llvm::enumerate(known)) {
      if (!value) {
        arguments.push_back(
            makeRandom(node->getContext(), kKinds[choice[i]], scale, random));
        continue;
      }
      FailureOr<Tensor> tensor = Tensor::fromAttr(value);
      if (failed(tensor))
        return Agreement::Unknown;
      arguments.push_back(*tensor);
    }
    std::optional<bool> same = compareOn(arguments, node, results);
    if (same == false)
      return Agreement::Different;
    agreed += same.has_value();
    if (trial % std::size(kScales) + 1 < std::size(kScales))
      continue;
    // The next combination, the first argument's kind changing first.
    size_t digit = 0;
    for (; digit < choice.size(); ++digit) {
      if (!known[digit] && ++choice[digit] < std::size(kKinds))
        break;
      choice[digit] = 0;
    }
    if (digit == choice.size())
      break;
  }
  return agreed > 0 ? Agreement::Same : Agreement::Unknown;
}
