//===- Families.cpp - builds the operator table ---------------------------===//

#include "lib/Operators/Families.h"

using namespace ssmc;

const OperatorTable &OperatorTable::get() {
  static const OperatorTable table = [] {
    OperatorTable table;
    registerBinaryOperators(table);
    registerCastOperators(table);
    registerConvOperators(table);
    registerAttentionOperators(table);
    registerRotaryOperators(table);
    registerCumulativeOperators(table);
    registerLogicalOperators(table);
    registerNormalizationOperators(table);
    registerChannelNormOperators(table);
    registerReduceOperators(table);
    registerMatMulOperators(table);
    registerSoftmaxOperators(table);
    registerUnaryOperators(table);
    registerVariadicOperators(table);
    return table;
  }();
  return table;
}
