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
void registerConvOperators(OperatorTable &);
void registerAttentionOperators(OperatorTable &);
void registerRotaryOperators(OperatorTable &);
void registerCumulativeOperators(OperatorTable &);
void registerLogicalOperators(OperatorTable &);
void registerNormalizationOperators(OperatorTable &);
void registerChannelNormOperators(OperatorTable &);
void registerReduceOperators(OperatorTable &);
void registerMatMulOperators(OperatorTable &);
void registerSoftmaxOperators(OperatorTable &);
void registerUnaryOperators(OperatorTable &);
void registerVariadicOperators(OperatorTable &);
} // namespace ssmc
