/*===- numbers.h - floating-point numbers as bits -----------------------===*/

#ifndef SSMC_EMULATOR_NUMBERS_H
#define SSMC_EMULATOR_NUMBERS_H

#include <stdint.h>
#include <string.h>

#define SSMC_AS(name, from, to)                                                \
  static inline to name(from x) {                                              \
    to y;                                                                      \
    memcpy(&y, &x, sizeof(y));                                                 \
    return y;                                                                  \
  }
SSMC_AS(f32, uint32_t, float)
SSMC_AS(bits32, float, uint32_t)
SSMC_AS(f64, uint64_t, double)
SSMC_AS(bits64, double, uint64_t)
SSMC_AS(half_of_bits, uint16_t, _Float16)
SSMC_AS(bits_of_half, _Float16, uint16_t)
#undef SSMC_AS

static inline float f16(uint16_t x) { return (float)half_of_bits(x); }
static inline uint16_t bits16(float x) { return bits_of_half((_Float16)x); }
static inline float bf16(uint16_t x) { return f32((uint32_t)x << 16); }
/* To the nearest, ties to even; what is no number stays none. */
static inline uint16_t bitsbf16(float x) {
  uint32_t bits = bits32(x);
  if (x != x)
    return 0x7fff;
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
static inline float number16(uint16_t x, int is_bf16) {
  return is_bf16 ? bf16(x) : f16(x);
}

#endif /* SSMC_EMULATOR_NUMBERS_H */
