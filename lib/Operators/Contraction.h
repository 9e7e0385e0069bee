//===- Contraction.h - products of evaluated tensors ------------*- C++ -*-===//

#pragma once

#include <cstdint>
#include <type_traits>

namespace ssmc {

/// c += a * b of row-major matrices, with int64_t or double elements; integers
/// wrap.
template <typename T>
void multiplyMatrices(const T *a, const T *b, T *c, int64_t rows, int64_t depth,
                      int64_t columns) {
  using Wide = std::conditional_t<std::is_same_v<T, int64_t>, uint64_t, T>;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < depth; ++k) {
      Wide factor = Wide(a[i * depth + k]);
      for (int64_t j = 0; j < columns; ++j)
        c[i * columns + j] =
            T(Wide(c[i * columns + j]) + factor * Wide(b[k * columns + j]));
    }
}

} // namespace ssmc
