//===- Contraction.h - products of evaluated tensors ------------*- C++ -*-===//

#pragma once

#include <cstdint>

namespace ssmc {

/// c += a * b of row-major matrices; integers wrap. Every element is summed up
/// in order of the depth, and without fused operations: the result is the same
/// on every machine.
void multiplyMatrices(const double *a, const double *b, double *c, int64_t rows,
                      int64_t depth, int64_t columns);
void multiplyMatrices(const int64_t *a, const int64_t *b, int64_t *c,
                      int64_t rows, int64_t depth, int64_t columns);

} // namespace ssmc
