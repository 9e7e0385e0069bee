/*===- warps.c - what the lanes of a warp do together ----------------------===*
 *
 * Each lane writes what it brings; the last to come computes what all take.
 * Fragments of matrices lie as PTX says: row g = lane / 4 of the left operand
 * in lanes 4 g + k / 2 % 4, word (row >= 8) + 2 (k >= 8); column g of the right
 * one in word k >= 8.
 *===----------------------------------------------------------------------===*/

#include "launch.h"
#include "numbers.h"

#include <stdlib.h>
#include <string.h>

static warp *my_warp(void) { return &here->warps[self->number / kWarp]; }
static lane *my_lane(void) { return &my_warp()->lanes[self->number % kWarp]; }

/* Lanes that are gone do not come. */
static void meet_lanes(uint32_t mask, void (*finish)(void), int line) {
  uint32_t first = self->number / kWarp * kWarp;
  if (!(mask >> self->number % kWarp & 1))
    fault(line, "mask %x lacks a lane that comes here", mask);
  if (mask != ~0u &&
      (uint32_t)__builtin_popcount(mask) != lanes_left(first, kWarp))
    fault(line, "some lanes of a warp meet (mask %x), which is not emulated",
          mask);
  meeting *at = &my_warp()->meets;
  meet(at, lanes_left(first, kWarp), finish, line);
}

void sync_warp(uint32_t mask, int line) { meet_lanes(mask, NULL, line); }

/*===- Exchanges --------------------------------------------------------===*/

static void exchange(void) {
  lane *lanes = my_warp()->lanes;
  for (int i = 0; i < kWarp; ++i)
    lanes[i].results[0] = lanes[lanes[i].from].words[0];
}

uint32_t shuffle(char kind, uint32_t value, uint32_t by, uint32_t clamp,
                 uint32_t mask, int line) {
  int at = (int)(self->number % kWarp), segment = (int)(clamp >> 8 & 31);
  int last = (at & segment) | ((int)(clamp & 31) & ~segment);
  int first = at & segment, from = at;
  int distance = (int)(by & 31);
  if (kind == 'u')
    from = at - distance >= last ? at - distance : at;
  else if (kind == 'd')
    from = at + distance <= last ? at + distance : at;
  else if (kind == 'b')
    from = (at ^ distance) <= last ? at ^ distance : at;
  else if ((first | (distance & ~segment)) <= last)
    from = first | (distance & ~segment);
  lane *mine = my_lane();
  mine->words[0] = value;
  mine->from = from;
  meet_lanes(mask, exchange, line);
  return mine->results[0];
}

static void count_votes(void) {
  lane *lanes = my_warp()->lanes;
  uint32_t set = 0;
  for (uint32_t i = 0; i < kWarp; ++i)
    if (lanes_left(self->number / kWarp * kWarp + i, 1))
      set |= (uint32_t)lanes[i].from << i;
  for (int i = 0; i < kWarp; ++i)
    lanes[i].results[0] = set;
}

uint32_t vote(uint32_t mask, int is_set, int line) {
  my_lane()->from = is_set;
  meet_lanes(mask, count_votes, line);
  return my_lane()->results[0];
}

/*===- Matrices ---------------------------------------------------------===*/

static uint16_t *row_of(lane *lanes, int matrix, int row) {
  return (uint16_t *)(uintptr_t)lanes[8 * matrix + row].address;
}

/* The halves of word i of a lane are elements of row g, or of column g. */
static void move_matrices(int stores, int transposed) {
  lane *lanes = my_warp()->lanes;
  for (int n = 0; n < kWarp; ++n)
    for (int i = 0; i < lanes[0].from; ++i)
      for (int half = 0; half < 2; ++half) {
        int row = n / 4, column = n % 4 * 2 + half;
        uint16_t *element = transposed ? row_of(lanes, i, column) + row
                                       : row_of(lanes, i, row) + column;
        uint16_t *word =
            (uint16_t *)&(stores ? lanes[n].words : lanes[n].results)[i] + half;
        *(stores ? element : word) = *(stores ? word : element);
      }
}
static void load_rows(void) { move_matrices(0, 0); }
static void load_columns(void) { move_matrices(0, 1); }
static void store_rows(void) { move_matrices(1, 0); }
static void store_columns(void) { move_matrices(1, 1); }

/* The lanes that name rows have an address in shared memory. */
static void bring_row(int count, uint64_t row, int line) {
  lane *mine = my_lane();
  mine->from = count;
  if ((int)(self->number % kWarp) < 8 * count)
    mine->address = (uintptr_t)shared_at(row, 16, line);
}

void load_matrices(uint32_t *words, int count, int transposed, uint64_t row,
                   int line) {
  bring_row(count, row, line);
  meet_lanes(~0u, transposed ? load_columns : load_rows, line);
  memcpy(words, my_lane()->results, (size_t)count * sizeof(*words));
}

void store_matrices(const uint32_t *words, int count, int transposed,
                    uint64_t row, int line) {
  bring_row(count, row, line);
  memcpy(my_lane()->words, words, (size_t)count * sizeof(*words));
  meet_lanes(~0u, transposed ? store_columns : store_rows, line);
}

static float half_of(const uint32_t *words, int word, int high, int is_bf16) {
  return number16((uint16_t)(words[word] >> 16 * high), is_bf16);
}

static void multiply(int is_bf16) {
  lane *lanes = my_warp()->lanes;
  float left[16][16], right[8][16];
  for (int k = 0; k < 16; ++k) {
    for (int row = 0; row < 16; ++row)
      left[row][k] = half_of(lanes[row % 8 * 4 + k % 8 / 2].words,
                             row / 8 + k / 8 * 2, k % 2, is_bf16);
    for (int column = 0; column < 8; ++column)
      right[column][k] =
          half_of(lanes[column * 4 + k % 8 / 2].more, k / 8, k % 2, is_bf16);
  }
  for (int n = 0; n < kWarp; ++n)
    for (int i = 0; i < 4; ++i) {
      float sum = f32(lanes[n].sums[i]);
      for (int k = 0; k < 16; ++k)
        sum += left[n / 4 + i / 2 * 8][k] * right[n % 4 * 2 + i % 2][k];
      lanes[n].results[i] = bits32(sum);
    }
}
static void multiply_f16(void) { multiply(0); }
static void multiply_bf16(void) { multiply(1); }

void multiply_warp(uint32_t *sums, const uint32_t *left, const uint32_t *right,
                   const uint32_t *start, int is_bf16, int line) {
  lane *mine = my_lane();
  memcpy(mine->words, left, sizeof(mine->words));
  memcpy(mine->more, right, sizeof(mine->more));
  memcpy(mine->sums, start, sizeof(mine->sums));
  meet_lanes(~0u, is_bf16 ? multiply_bf16 : multiply_f16, line);
  memcpy(sums, mine->results, sizeof(mine->results));
}
