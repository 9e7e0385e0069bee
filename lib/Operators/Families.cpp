//===- Families.cpp - builds the operator table ---------------------------===//

#include "lib/Operators/Families.h"

using namespace ssmc;

const OperatorTable &OperatorTable::get() {
  static const OperatorTable table = [] {
    OperatorTable table;
    registerBinaryOperators(table);
    registerCastOperators(table);
    registerCausalConvOperators(table);
    registerConvOperators(table);
    registerAttentionOperators(table);
    registerRotaryOperators(table);
    registerCumulativeOperators(table);
    registerDftOperators(table);
    registerLinearAttentionOperators(table);
    registerLogicalOperators(table);
    registerNormalizationOperators(table);
    registerChannelNormOperators(table);
    registerConcatOperators(table);
    registerControlOperators(table);
    registerGatherOperators(table);
    registerGenerateOperators(table);
    registerAxisNormOperators(table);
    registerEinsumOperators(table);
    registerFlexAttentionOperators(table);
    registerLossOperators(table);
    registerMatMulOperators(table);
    registerPoolOperators(table);
    registerQuantizeOperators(table);
    registerPadOperators(table);
    registerPermuteOperators(table);
    registerRecurrentOperators(table);
    registerReduceOperators(table);
    registerRepeatOperators(table);
    registerReshapeOperators(table);
    registerReverseOperators(table);
    registerScanOperators(table);
    registerScatterOperators(table);
    registerTensorScatterOperators(table);
    registerShapeOfOperators(table);
    registerSliceOperators(table);
    registerSoftmaxOperators(table);
    registerUnaryOperators(table);
    registerVariadicOperators(table);
    return table;
  }();
  return table;
}
