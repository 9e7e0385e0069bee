//===- AxisRulesElementwise.cpp - axis labels through elementwise ops -----===//

#include "lib/Raise/AxisRules.h"

using namespace mlir;

namespace ssmc {

/// Positions that a mask compares are of one sequence.
static void meetInMask(AxisTransfer &t, unsigned mask, ArrayRef<unsigned> all) {
  ArrayRef<int64_t> shape = t.shape(mask);
  int64_t rank = shape.size(), offset = t.resultShape(0).size() - rank;
  if (rank < 2)
    return;
  ValueAxes labels = t.broadcast(all, t.resultShape(0));
  for (int64_t j = 1; j < rank; ++j)
    for (int64_t i = 0; i < j; ++i) {
      const Digits &a = labels[offset + i], &b = labels[offset + j];
      if (shape[i] < 2 || shape[i] != shape[j] || !isPlainTime(a) ||
          !isPlainTime(b) || a == b)
        continue;
      if (t.showsDistance(mask, i, j))
        t.meet(a, b);
    }
}

/// Every operand is aligned with the result from the right. An operand without
/// labels (a mask, a position table) adopts those of the others.
static void broadcastAll(AxisTransfer &t) {
  SmallVector<unsigned> operands;
  for (unsigned i = 0, e = t.numInputs(); i < e; ++i)
    if (t.has(i))
      operands.push_back(i);
  for (unsigned r = 0, e = t.node->getNumResults(); r < e; ++r)
    t.set(r, t.broadcast(operands, t.resultShape(r)));
  for (unsigned i : operands)
    if (t.isConstant(i))
      meetInMask(t, i, operands);
}

/// Only the first operand is data; the others are parameters of the operator.
static void first(AxisTransfer &t) {
  for (unsigned r = 0, e = t.node->getNumResults(); r < e; ++r)
    t.set(r, t.broadcast({0u}, t.resultShape(r)));
}

/// A tensor for each element of the first operand along the channel axis 1.
static void perChannel(AxisTransfer &t) {
  if (t.rank(0) > 1 && isLabelled(t.axes(0)[1]))
    t.mix();
  first(t);
}

void registerElementwiseAxisRules(AxisRuleTable &table) {
  for (const char *name :
       {"Add",        "Sub",         "Mul",        "Div",
        "Pow",        "Mod",         "Max",        "Min",
        "Mean",       "Sum",         "And",        "Or",
        "Xor",        "BitShift",    "BitwiseAnd", "BitwiseOr",
        "BitwiseXor", "Equal",       "Greater",    "GreaterOrEqual",
        "Less",       "LessOrEqual", "Where",      "com.microsoft.BiasGelu"})
    table[name] = broadcastAll;
  for (const char *name : {"Abs",
                           "Acos",
                           "Acosh",
                           "Asin",
                           "Asinh",
                           "Atan",
                           "Atanh",
                           "BitwiseNot",
                           "Cast",
                           "CastLike",
                           "Ceil",
                           "Celu",
                           "Clip",
                           "Cos",
                           "Cosh",
                           "Dropout",
                           "Elu",
                           "Erf",
                           "Exp",
                           "Expand",
                           "Floor",
                           "Gelu",
                           "HardSigmoid",
                           "HardSwish",
                           "Identity",
                           "IsInf",
                           "IsNaN",
                           "LeakyRelu",
                           "Log",
                           "Mish",
                           "Neg",
                           "Not",
                           "Reciprocal",
                           "Relu",
                           "Round",
                           "Selu",
                           "Shrink",
                           "Sigmoid",
                           "Sign",
                           "Sin",
                           "Sinh",
                           "Softplus",
                           "Softsign",
                           "Sqrt",
                           "Swish",
                           "Tan",
                           "Tanh",
                           "ThresholdedRelu",
                           "com.microsoft.FastGelu",
                           "com.microsoft.Gelu",
                           "com.microsoft.QuickGelu"})
    table[name] = first;
  table["PRelu"] = broadcastAll;
  table["BatchNormalization"] = perChannel;
}

MutableArrayRef<OpOperand> getAlignedOperands(onnx::NodeOp node) {
  static const AxisRuleTable table = [] {
    AxisRuleTable rules;
    registerElementwiseAxisRules(rules);
    return rules;
  }();
  auto rule = table.find(node.getQualifiedName());
  MutableArrayRef<OpOperand> operands = node->getOpOperands();
  if (rule == table.end() || rule->second == perChannel)
    return {};
  return rule->second == first ? operands.take_front(1) : operands;
}

} // namespace ssmc
