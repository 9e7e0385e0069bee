//===- Families.h - the list of the families of operators -------*- C++ -*-===//
//
// Each family is one source file that adds its rows with one of these; add a
// new one here and in Families.cpp.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Operators/Operator.h"

namespace ssmc {
void registerBinaryOperators(OperatorTable &);
void registerCastOperators(OperatorTable &);
void registerCausalConvOperators(OperatorTable &);
void registerConvOperators(OperatorTable &);
void registerAttentionOperators(OperatorTable &);
void registerRotaryOperators(OperatorTable &);
void registerCumulativeOperators(OperatorTable &);
void registerDftOperators(OperatorTable &);
void registerLinearAttentionOperators(OperatorTable &);
void registerLogicalOperators(OperatorTable &);
void registerNormalizationOperators(OperatorTable &);
void registerChannelNormOperators(OperatorTable &);
void registerConcatOperators(OperatorTable &);
void registerControlOperators(OperatorTable &);
void registerGatherOperators(OperatorTable &);
void registerGenerateOperators(OperatorTable &);
void registerLogicalOperators(OperatorTable &);
void registerAxisNormOperators(OperatorTable &);
void registerEinsumOperators(OperatorTable &);
void registerFlexAttentionOperators(OperatorTable &);
void registerLossOperators(OperatorTable &);
void registerMatMulOperators(OperatorTable &);
void registerPoolOperators(OperatorTable &);
void registerQuantizeOperators(OperatorTable &);
void registerNormalizationOperators(OperatorTable &);
void registerPadOperators(OperatorTable &);
void registerPermuteOperators(OperatorTable &);
void registerRecurrentOperators(OperatorTable &);
void registerReduceOperators(OperatorTable &);
void registerRepeatOperators(OperatorTable &);
void registerReshapeOperators(OperatorTable &);
void registerReverseOperators(OperatorTable &);
void registerScanOperators(OperatorTable &);
void registerScatterOperators(OperatorTable &);
void registerTensorScatterOperators(OperatorTable &);
void registerShapeOfOperators(OperatorTable &);
void registerSliceOperators(OperatorTable &);
void registerSoftmaxOperators(OperatorTable &);
void registerUnaryOperators(OperatorTable &);
void registerVariadicOperators(OperatorTable &);
} // namespace ssmc
