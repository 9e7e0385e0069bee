/*===- groups.c - products of warp groups (wgmma) --------------------------===*
 *
 * Operands in shared memory are described: tiles of 8 rows of 128 bytes, whose
 * pieces of 16 bytes are exchanged by the number of their row (the address bits
 * 7 to 9). A product is computed when all four warps have issued it.
 *===----------------------------------------------------------------------===*/

#include "launch.h"
#include "numbers.h"

#include <string.h>

enum { kRows = 64, kTerms = 16, kMostColumns = 256 };

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

static void multiply(void) {
  static float left[kRows][kTerms], right[kTerms][kMostColumns];
  static float sums[kRows][kMostColumns];
  warp_group *group = &here->groups[self->number / kGroup];
  const product *asked = &group->asked;
  for (int row = 0; row < kRows; ++row)
    for (int k = 0; k < kTerms; ++k) {
      int holder = row / 16 * kWarp + row % 8 * 4 + k % 8 / 2;
      uint32_t word = group->left[holder][row / 8 % 2 + k / 8 * 2];
      left[row][k] =
          asked->left_described
              ? element(asked, asked->left, row, k, asked->left_transposed)
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
  for (int t = 0; t < kGroup; ++t)
    for (int i = 0; i < asked->columns / 2; ++i) {
      int row = t / kWarp * 16 + t % kWarp / 4 + i / 2 % 2 * 8;
      group->sums[t][i] = sums[row][i / 4 * 8 + t % 4 * 2 + i % 2];
    }
}

void multiply_group(uint32_t *sums, int columns, int is_bf16,
                    const uint32_t *left, uint64_t left_descriptor,
                    uint64_t right_descriptor, int adds, int left_transposed,
                    int right_transposed, int line) {
  uint32_t first = self->number / kGroup * kGroup, at = self->number % kGroup;
  warp_group *group = &here->groups[first / kGroup];
  product mine = {left_descriptor, right_descriptor, columns, is_bf16,
                  left_transposed, right_transposed, line,    !left};
  if (right_descriptor >> 62 != 1 || (!left && left_descriptor >> 62 != 1))
    fault(line,
          "a descriptor is not of rows of 128 bytes, which is not emulated");
  if (lanes_left(first, kGroup) != kGroup)
    fault(line, "a product of a warp group that is not whole");
  if (group->meets.arrived > 0 &&
      memcmp(&group->asked, &mine, sizeof(mine)) != 0)
    fault(line, "the threads of a warp group ask for different products");
  group->asked = mine;
  if (left)
    memcpy(group->left[at], left, sizeof(group->left[at]));
  meet(&group->meets, kGroup, multiply, line);
  for (int i = 0; i < columns / 2; ++i)
    sums[i] = bits32((adds ? f32(sums[i]) : 0) + group->sums[at][i]);
}
