//===- Contraction.cpp - products of evaluated tensors --------------------===//
//
// A panel of the right matrix, as wide as two vectors, is packed and meets the
// rows of the left one a few at a time, whose sums stay in registers. The body
// is compiled for several widths of vectors, of which the machine's is taken.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Contraction.h"

#include <algorithm>
#include <vector>

#if defined(__x86_64__)
#define SSMC_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define SSMC_CLONES
#endif

using namespace ssmc;

namespace {
constexpr int64_t kLanes = 8, kWidth = 2 * kLanes, kRows = 6;
/// Aligned as an element.
typedef double Vector __attribute__((vector_size(64), aligned(8)));
} // namespace

/// c += a * panel for `R` rows.
template <int R>
__attribute__((always_inline)) static inline void
multiplyRows(const double *a, const double *panel, double *c, int64_t depth,
             int64_t columns) {
#pragma clang fp contract(off)
  Vector sums[R][2];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < 2; ++v)
      sums[r][v] = *reinterpret_cast<Vector *>(c + r * columns + v * kLanes);
  for (int64_t k = 0; k < depth; ++k) {
    const Vector *row = reinterpret_cast<const Vector *>(panel + k * kWidth);
    for (int r = 0; r < R; ++r) {
      double factor = a[r * depth + k];
      sums[r][0] += factor * row[0];
      sums[r][1] += factor * row[1];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < 2; ++v)
      *reinterpret_cast<Vector *>(c + r * columns + v * kLanes) = sums[r][v];
}

/// The rows of `c` below a panel, which is `width` columns wide.
SSMC_CLONES static void multiplyPanel(const double *a, const double *panel,
                                      double *c, int64_t rows, int64_t depth,
                                      int64_t columns, int64_t width) {
  if (width < kWidth) {
    double row[kWidth];
    for (int64_t i = 0; i < rows; ++i) {
      std::fill_n(row, kWidth, 0);
      std::copy_n(c + i * columns, width, row);
      multiplyRows<1>(a + i * depth, panel, row, depth, kWidth);
      std::copy_n(row, width, c + i * columns);
    }
    return;
  }
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows)
    multiplyRows<kRows>(a + i * depth, panel, c + i * columns, depth, columns);
  for (; i < rows; ++i)
    multiplyRows<1>(a + i * depth, panel, c + i * columns, depth, columns);
}

/// For matrices that are not worth packing.
template <typename T, typename Wide>
static void multiplyPlain(const T *a, const T *b, T *c, int64_t rows,
                          int64_t depth, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < depth; ++k) {
      Wide factor = Wide(a[i * depth + k]);
      for (int64_t j = 0; j < columns; ++j)
        c[i * columns + j] =
            T(Wide(c[i * columns + j]) + factor * Wide(b[k * columns + j]));
    }
}

void ssmc::multiplyMatrices(const int64_t *a, const int64_t *b, int64_t *c,
                            int64_t rows, int64_t depth, int64_t columns) {
  multiplyPlain<int64_t, uint64_t>(a, b, c, rows, depth, columns);
}

void ssmc::multiplyMatrices(const double *a, const double *b, double *c,
                            int64_t rows, int64_t depth, int64_t columns) {
  if (rows < kRows || depth < 2 || columns < kLanes)
    return multiplyPlain<double, double>(a, b, c, rows, depth, columns);
  std::vector<double> panel(depth * kWidth);
  for (int64_t j = 0; j < columns; j += kWidth) {
    int64_t width = std::min(kWidth, columns - j);
    for (int64_t k = 0; k < depth; ++k)
      std::copy_n(b + k * columns + j, width, panel.data() + k * kWidth);
    multiplyPanel(a, panel.data(), c + j, rows, depth, columns, width);
  }
}
