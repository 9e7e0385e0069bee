/*===- integers.h - instructions on integers and bits ---------------------===*
 *
 * Registers hold bits; what an operation takes them for is in its name.
 *===----------------------------------------------------------------------===*/

#ifndef SSMC_EMULATOR_INTEGERS_H
#define SSMC_EMULATOR_INTEGERS_H

#include <stdint.h>

typedef uint8_t pred;
#define OP static inline __attribute__((always_inline))

/* Tables of macros: clang-format off */

#define FOR_INTEGERS(X)                                                        \
  X(s16, int16_t, 16) X(u16, uint16_t, 16) X(s32, int32_t, 32)                 \
  X(u32, uint32_t, 32) X(s64, int64_t, 64) X(u64, uint64_t, 64)
#define FOR_BITS(X) X(b16, uint16_t, 16) X(b32, uint32_t, 32) X(b64, uint64_t, 64)

#define ARITHMETIC(t, T, n)                                                    \
  OP uint##n##_t add_##t(uint##n##_t a, uint##n##_t b) { return a + b; }       \
  OP uint##n##_t sub_##t(uint##n##_t a, uint##n##_t b) { return a - b; }       \
  OP uint##n##_t mul_lo_##t(uint##n##_t a, uint##n##_t b) {                    \
    return (uint##n##_t)((uint64_t)a * b);                                     \
  }                                                                            \
  OP uint##n##_t mad_lo_##t(uint##n##_t a, uint##n##_t b, uint##n##_t c) {     \
    return (uint##n##_t)((uint64_t)a * b + c);                                 \
  }                                                                            \
  /* Nobody may divide by zero: the device gives all ones. */                  \
  OP uint##n##_t div_##t(T a, T b) {                                           \
    return (uint##n##_t)(b == 0 ? (T)-1 : b == (T)-1 && (T)-1 < 0 ? (T)(0 - (uint##n##_t)a) : a / b); \
  }                                                                            \
  OP uint##n##_t rem_##t(T a, T b) {                                           \
    return (uint##n##_t)(b == 0 ? a : b == (T)-1 && (T)-1 < 0 ? 0 : a % b);    \
  }                                                                            \
  OP uint##n##_t min_##t(T a, T b) { return (uint##n##_t)(a < b ? a : b); }    \
  OP uint##n##_t max_##t(T a, T b) { return (uint##n##_t)(a > b ? a : b); }    \
  OP uint##n##_t shr_##t(T a, uint32_t by) {                                   \
    return (uint##n##_t)(by < n ? a >> by : (T)-1 < 0 ? a >> (n - 1) : 0);     \
  }                                                                            \
  OP pred setp_lt_##t(T a, T b) { return a < b; }                              \
  OP pred setp_le_##t(T a, T b) { return a <= b; }                             \
  OP pred setp_gt_##t(T a, T b) { return a > b; }                              \
  OP pred setp_ge_##t(T a, T b) { return a >= b; }                             \
  OP pred setp_eq_##t(T a, T b) { return a == b; }                             \
  OP pred setp_ne_##t(T a, T b) { return a != b; }
FOR_INTEGERS(ARITHMETIC)

#define LOGIC(t, T, n)                                                         \
  OP T and_##t(T a, T b) { return a & b; }                                     \
  OP T or_##t(T a, T b) { return a | b; }                                      \
  OP T xor_##t(T a, T b) { return a ^ b; }                                     \
  OP T not_##t(T a) { return (T)~a; }                                          \
  OP T shl_##t(T a, uint32_t by) { return by < n ? (T)(a << by) : 0; }         \
  OP T selp_##t(T a, T b, pred p) { return p ? a : b; }                        \
  OP T mov_##t(T a) { return a; }                                              \
  OP pred setp_eq_##t(T a, T b) { return a == b; }                             \
  OP pred setp_ne_##t(T a, T b) { return a != b; }
FOR_BITS(LOGIC)
OP pred and_pred(pred a, pred b) { return a & b; }
OP pred or_pred(pred a, pred b) { return a | b; }
OP pred xor_pred(pred a, pred b) { return a ^ b; }
OP pred not_pred(pred a) { return !a; }
OP pred mov_pred(pred a) { return a; }
#define mov_u32 mov_b32
#define mov_u64 mov_b64
#define mov_u16 mov_b16

#define NEGATE(t, n)                                                           \
  OP uint##n##_t neg_##t(uint##n##_t a) { return (uint##n##_t)(0 - a); }       \
  OP uint##n##_t abs_##t(uint##n##_t a) {                                      \
    return a >> (n - 1) ? (uint##n##_t)(0 - a) : a;                            \
  }
NEGATE(s16, 16) NEGATE(s32, 32) NEGATE(s64, 64)
OP uint32_t min_relu_s32(int32_t a, int32_t b) {
  int32_t least = a < b ? a : b;
  return (uint32_t)(least > 0 ? least : 0);
}
OP uint32_t max_relu_s32(int32_t a, int32_t b) {
  int32_t most = a > b ? a : b;
  return (uint32_t)(most > 0 ? most : 0);
}

OP uint64_t mul_wide_u32(uint32_t a, uint32_t b) { return (uint64_t)a * b; }
OP uint64_t mul_wide_s32(int32_t a, int32_t b) { return (uint64_t)((int64_t)a * b); }
OP uint32_t mul_wide_u16(uint16_t a, uint16_t b) { return (uint32_t)a * b; }
OP uint32_t mul_wide_s16(int16_t a, int16_t b) { return (uint32_t)(a * b); }
OP uint64_t mad_wide_u32(uint32_t a, uint32_t b, uint64_t c) { return (uint64_t)a * b + c; }
OP uint64_t mad_wide_s32(int32_t a, int32_t b, uint64_t c) { return (uint64_t)((int64_t)a * b) + c; }
OP uint32_t mul_hi_u32(uint32_t a, uint32_t b) { return (uint32_t)((uint64_t)a * b >> 32); }
OP uint32_t mul_hi_s32(int32_t a, int32_t b) { return (uint32_t)((int64_t)a * b >> 32); }
OP uint16_t mul_hi_u16(uint16_t a, uint16_t b) { return (uint16_t)((uint32_t)a * b >> 16); }
OP uint16_t mul_hi_s16(int16_t a, int16_t b) { return (uint16_t)(a * b >> 16); }
OP uint64_t mul_hi_u64(uint64_t a, uint64_t b) {
  return (uint64_t)((unsigned __int128)a * b >> 64);
}
OP uint64_t mul_hi_s64(int64_t a, int64_t b) { return (uint64_t)((__int128)a * b >> 64); }

/* `count` bits from the `first` one. */
OP uint64_t bits_from(uint64_t a, uint32_t first, uint32_t count) {
  uint64_t rest = first < 64 ? a >> first : 0;
  return count < 64 ? rest & (((uint64_t)1 << count) - 1) : rest;
}
OP uint64_t bfe_u64(uint64_t a, uint32_t first, uint32_t count) { return bits_from(a, first & 255, count & 255); }
OP uint32_t bfe_u32(uint32_t a, uint32_t first, uint32_t count) {
  return (uint32_t)bits_from(a, first & 255, count & 255);
}
/* The sign is that of the last bit there is. */
OP uint64_t signed_bits_from(uint64_t a, uint32_t first, uint32_t count, uint32_t width) {
  uint32_t last = first + count - 1 < width ? first + count - 1 : width - 1;
  uint64_t sign = count && a >> last & 1 ? ~(uint64_t)0 : 0;
  return count == 0 ? 0 : bits_from(a, first, count) | (count < 64 ? sign << (last < first ? 0 : last - first) : 0);
}
OP uint64_t bfe_s64(uint64_t a, uint32_t first, uint32_t count) {
  return signed_bits_from(a, first & 255, count & 255, 64);
}
OP uint32_t bfe_s32(uint32_t a, uint32_t first, uint32_t count) {
  return (uint32_t)signed_bits_from(a, first & 255, count & 255, 32);
}
OP uint32_t popc_b32(uint32_t a) { return (uint32_t)__builtin_popcount(a); }
OP uint32_t clz_b32(uint32_t a) { return a ? (uint32_t)__builtin_clz(a) : 32; }
OP uint32_t clz_b64(uint64_t a) { return a ? (uint32_t)__builtin_clzll(a) : 64; }
OP uint32_t shf_l_wrap_b32(uint32_t a, uint32_t b, uint32_t by) {
  return (uint32_t)((((uint64_t)b << 32 | a) << (by & 31)) >> 32);
}
OP uint32_t shf_r_wrap_b32(uint32_t a, uint32_t b, uint32_t by) {
  return (uint32_t)(((uint64_t)b << 32 | a) >> (by & 31));
}
OP uint32_t prmt_b32(uint32_t a, uint32_t b, uint32_t which) {
  uint64_t both = (uint64_t)b << 32 | a;
  uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    uint32_t n = which >> 4 * i, byte = (uint32_t)(both >> 8 * (n & 7)) & 255;
    result |= (n & 8 ? (byte >> 7) * 255 : byte) << 8 * i;
  }
  return result;
}
OP uint32_t lop3_b32(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t result = 0;
  for (int i = 0; i < 8; ++i)
    if (table >> i & 1)
      result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  return result;
}

#define NARROW(to, T, from, F)                                                 \
  OP uint64_t cvt_##to##_##from(uint64_t a) { return (uint64_t)(T)(F)a; }
#define NARROW_TO(to, T)                                                       \
  NARROW(to, T, s8, int8_t) NARROW(to, T, u8, uint8_t)                         \
  NARROW(to, T, s16, int16_t) NARROW(to, T, u16, uint16_t)                     \
  NARROW(to, T, s32, int32_t) NARROW(to, T, u32, uint32_t)                     \
  NARROW(to, T, s64, int64_t) NARROW(to, T, u64, uint64_t)
NARROW_TO(s8, int8_t) NARROW_TO(u8, uint8_t) NARROW_TO(s16, int16_t)
NARROW_TO(u16, uint16_t) NARROW_TO(s32, int32_t) NARROW_TO(u32, uint32_t)
NARROW_TO(s64, int64_t) NARROW_TO(u64, uint64_t)

#endif /* SSMC_EMULATOR_INTEGERS_H */
