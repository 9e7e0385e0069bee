/*===- groups.c - products of warp groups (wgmma) --------------------------===*
 *
 * Operands in shared memory are described: tiles of 8 rows of 128 bytes, whose
 * pieces of 16 bytes are exchanged by the number of their row (the address bits
 * 7 to 9). Each warp computes its quarter of the rows when its lanes have come,
 * for it need not wait for the other three.
 *===----------------------------------------------------------------------===*/

#include "launch.h"
#include "numbers.h"

#include <string.h>

enum { kRows = 16, kTerms = 16, kMostColumns = 256 };

static uint64_t field(uint64_t descriptor, int first) {
  return (descriptor >> first & 0x3fff) << 4;
}

/* Element `k` of row (or column) `n` of an operand. */
static float element(const product *of, uint64_t descriptor, int n, int k,
                     int transposed) {
  uint64_t leading = field(descriptor, 16), stride = field(descriptor, 32);
  uint64_t at = field(descriptor, 0);
  if (transposed) /* rows of 64 elements for each k */
    at += (uint64_t)(n / 64) * leading + (uint64_t)(k / 8) * stride +
          (uint64_t)(k % 8) * 128 + (uint64_t)(n % 64) * 2;
  else
    at +=
        (uint64_t)(n / 8) * stride + (uint64_t)(n % 8) * 128 + (uint64_t)k * 2;
  at ^= (at >> 7 & 7) << 4;
  return number16(*(uint16_t *)shared_at(at, 2, of->line), of->is_bf16);
}

static quarter *my_quarter(void) {
  return &here->quarters[self->number / kWarp];
}

static void multiply(void) {
  static float left[kRows][kTerms], right[kTerms][kMostColumns];
  static float sums[kRows][kMostColumns];
  quarter *mine = my_quarter();
  const product *asked = &mine->asked;
  int first = (int)(self->number / kWarp % 4) * kRows;
  for (int row = 0; row < kRows; ++row)
    for (int k = 0; k < kTerms; ++k) {
      uint32_t word = mine->left[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2];
      left[row][k] =
          asked->left_described
              ? element(asked, asked->left, first + row, k,
                        asked->left_transposed)
              : number16((uint16_t)(word >> 16 * (k % 2)), asked->is_bf16);
    }
  for (int k = 0; k < kTerms; ++k)
    for (int column = 0; column < asked->columns; ++column)
      right[k][column] =
          element(asked, asked->right, column, k, asked->right_transposed);
  memset(sums, 0, sizeof(sums));
  for (int row = 0; row < kRows; ++row)
    for (int k = 0; k < kTerms; ++k)
      for (int column = 0; column < asked->columns; ++column)
        sums[row][column] += left[row][k] * right[k][column];
  for (int t = 0; t < kWarp; ++t)
    for (int i = 0; i < asked->columns / 2; ++i)
      mine->sums[t][i] =
          sums[t / 4 + i / 2 % 2 * 8][i / 4 * 8 + t % 4 * 2 + i % 2];
}

void multiply_group(uint32_t *sums, int columns, int is_bf16,
                    const uint32_t *left, uint64_t left_descriptor,
                    uint64_t right_descriptor, int adds, int left_transposed,
                    int right_transposed, int line) {
  uint32_t at = self->number % kWarp;
  quarter *mine = my_quarter();
  product asked = {left_descriptor, right_descriptor, columns, is_bf16,
                   left_transposed, right_transposed, line,    !left};
  if (right_descriptor >> 62 != 1 || (!left && left_descriptor >> 62 != 1))
    fault(line,
          "a descriptor is not of rows of 128 bytes, which is not emulated");
  if (mine->meets.arrived > 0 &&
      memcmp(&mine->asked, &asked, sizeof(asked)) != 0)
    fault(line, "the threads of a warp ask for different products");
  mine->asked = asked;
  if (left)
    memcpy(mine->left[at], left, sizeof(mine->left[at]));
  meet(&mine->meets, kWarp, multiply, line);
  for (int i = 0; i < columns / 2; ++i)
    sums[i] = bits32((adds ? f32(sums[i]) : 0) + mine->sums[at][i]);
}
