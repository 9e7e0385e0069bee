//===- WideExp.h - exponentials of complex numbers in f64 -------*- C++ -*-===//
//
// What is raised to thousands of powers afterwards needs more digits than the
// powers have, and angles of many turns need them before they are reduced.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/Cpu/KernelBuilder.h"

namespace ssmc {

/// exp(z) of vectors of f64 to a few ulp, for angles up to 2^31; zero below and
/// infinity above the range of f64.
ComplexLanes wideExp(KernelBuilder &b, ComplexLanes z);

/// x y
ComplexLanes multiply(KernelBuilder &b, ComplexLanes x, ComplexLanes y);

} // namespace ssmc
