/*===- floats.h - instructions on floating-point numbers ------------------===*
 *
 * What the device approximates is computed to the last bit.
 *===----------------------------------------------------------------------===*/

#ifndef SSMC_EMULATOR_FLOATS_H
#define SSMC_EMULATOR_FLOATS_H

#include "integers.h"
#include "numbers.h"

#include <math.h>

/* Tables of macros: clang-format off */

OP float flush(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }
/* What is no number has these bits on the device. */
OP uint32_t one_nan(float x) { return x != x ? 0x7fffffffu : bits32(x); }

/* `e` of floats x, y, z; and the same with denormal numbers as zeros. */
#define FLOATS1(name, e)                                                       \
  OP uint32_t name##_f32(uint32_t a) { float x = f32(a); return bits32(e); }   \
  OP uint32_t name##_ftz_f32(uint32_t a) {                                     \
    float x = flush(f32(a));                                                   \
    return bits32(flush(e));                                                   \
  }
#define FLOATS2(name, e)                                                       \
  OP uint32_t name##_f32(uint32_t a, uint32_t b) {                             \
    float x = f32(a), y = f32(b);                                              \
    return one_nan(e);                                                         \
  }                                                                            \
  OP uint32_t name##_ftz_f32(uint32_t a, uint32_t b) {                         \
    float x = flush(f32(a)), y = flush(f32(b));                                \
    return one_nan(flush(e));                                                  \
  }
#define FLOATS3(name, e)                                                       \
  OP uint32_t name##_f32(uint32_t a, uint32_t b, uint32_t c) {                 \
    float x = f32(a), y = f32(b), z = f32(c);                                  \
    return one_nan(e);                                                         \
  }                                                                            \
  OP uint32_t name##_ftz_f32(uint32_t a, uint32_t b, uint32_t c) {             \
    float x = flush(f32(a)), y = flush(f32(b)), z = flush(f32(c));             \
    return one_nan(flush(e));                                                  \
  }
FLOATS2(add, x + y) FLOATS2(add_rn, x + y)
FLOATS2(sub, x - y) FLOATS2(sub_rn, x - y)
FLOATS2(mul, x * y) FLOATS2(mul_rn, x * y)
FLOATS2(div_rn, x / y) FLOATS2(div_full, x / y) FLOATS2(div_approx, x / y)
FLOATS3(fma_rn, fmaf(x, y, z))
FLOATS2(max, fmaxf(x, y)) FLOATS2(min, fminf(x, y))
FLOATS2(max_NaN, x != x || y != y ? NAN : fmaxf(x, y))
FLOATS2(min_NaN, x != x || y != y ? NAN : fminf(x, y))
FLOATS2(copysign, copysignf(y, x))
FLOATS1(neg, -x) FLOATS1(abs, fabsf(x))
FLOATS1(sqrt_rn, sqrtf(x)) FLOATS1(sqrt_approx, sqrtf(x))
FLOATS1(rcp_rn, 1 / x) FLOATS1(rcp_approx, 1 / x)
FLOATS1(rsqrt_approx, 1 / sqrtf(x))
FLOATS1(ex2_approx, exp2f(x)) FLOATS1(lg2_approx, log2f(x))
FLOATS1(sin_approx, sinf(x)) FLOATS1(cos_approx, cosf(x))
FLOATS1(tanh_approx, tanhf(x))
OP uint32_t selp_f32(uint32_t a, uint32_t b, pred p) { return p ? a : b; }
OP uint32_t mov_f32(uint32_t a) { return a; }

#define DOUBLE2(name, e)                                                       \
  OP uint64_t name##_f64(uint64_t a, uint64_t b) {                             \
    double x = f64(a), y = f64(b);                                             \
    return bits64(e);                                                          \
  }
DOUBLE2(add, x + y) DOUBLE2(add_rn, x + y) DOUBLE2(sub, x - y)
DOUBLE2(sub_rn, x - y) DOUBLE2(mul, x * y) DOUBLE2(mul_rn, x * y)
DOUBLE2(div_rn, x / y) DOUBLE2(max, fmax(x, y)) DOUBLE2(min, fmin(x, y))
OP uint64_t fma_rn_f64(uint64_t a, uint64_t b, uint64_t c) {
  return bits64(fma(f64(a), f64(b), f64(c)));
}
OP uint64_t neg_f64(uint64_t a) { return a ^ (uint64_t)1 << 63; }
OP uint64_t abs_f64(uint64_t a) { return a & ~((uint64_t)1 << 63); }
OP uint64_t sqrt_rn_f64(uint64_t a) { return bits64(sqrt(f64(a))); }
OP uint64_t rcp_rn_f64(uint64_t a) { return bits64(1 / f64(a)); }
OP uint64_t selp_f64(uint64_t a, uint64_t b, pred p) { return p ? a : b; }
OP uint64_t mov_f64(uint64_t a) { return a; }

/* In f32, and rounded. */
#define SHORT_FLOATS(t, bits)                                                  \
  OP uint16_t add_##t(uint16_t a, uint16_t b) { return bits(t(a) + t(b)); }    \
  OP uint16_t sub_##t(uint16_t a, uint16_t b) { return bits(t(a) - t(b)); }    \
  OP uint16_t mul_##t(uint16_t a, uint16_t b) { return bits(t(a) * t(b)); }    \
  OP uint16_t add_rn_##t(uint16_t a, uint16_t b) { return add_##t(a, b); }     \
  OP uint16_t sub_rn_##t(uint16_t a, uint16_t b) { return sub_##t(a, b); }     \
  OP uint16_t mul_rn_##t(uint16_t a, uint16_t b) { return mul_##t(a, b); }     \
  OP uint16_t fma_rn_##t(uint16_t a, uint16_t b, uint16_t c) {                 \
    return bits(fmaf(t(a), t(b), t(c)));                                       \
  }                                                                            \
  OP uint16_t max_##t(uint16_t a, uint16_t b) { return bits(fmaxf(t(a), t(b))); } \
  OP uint16_t min_##t(uint16_t a, uint16_t b) { return bits(fminf(t(a), t(b))); } \
  OP uint16_t neg_##t(uint16_t a) { return a ^ 0x8000; }                       \
  OP uint16_t abs_##t(uint16_t a) { return a & 0x7fff; }                       \
  OP uint16_t mov_##t(uint16_t a) { return a; }                                \
  OP uint16_t selp_##t(uint16_t a, uint16_t b, pred p) { return p ? a : b; }
SHORT_FLOATS(f16, bits16) SHORT_FLOATS(bf16, bitsbf16)

/* Ordered comparisons, and unordered ones, which hold where one is no number. */
#define COMPARE(name, op, t, B)                                                \
  OP pred setp_##name##_##t(B a, B b) { return t(a) op t(b); }                 \
  OP pred setp_##name##u_##t(B a, B b) {                                       \
    return t(a) != t(a) || t(b) != t(b) || t(a) op t(b);                       \
  }
#define COMPARISONS(t, B)                                                      \
  COMPARE(lt, <, t, B) COMPARE(le, <=, t, B) COMPARE(gt, >, t, B)              \
  COMPARE(ge, >=, t, B) COMPARE(eq, ==, t, B)                                  \
  OP pred setp_ne_##t(B a, B b) { return t(a) < t(b) || t(a) > t(b); }         \
  OP pred setp_neu_##t(B a, B b) { return !(t(a) == t(b)); }                   \
  OP pred setp_num_##t(B a, B b) { return t(a) == t(a) && t(b) == t(b); }      \
  OP pred setp_nan_##t(B a, B b) { return t(a) != t(a) || t(b) != t(b); }
COMPARISONS(f32, uint32_t) COMPARISONS(f64, uint64_t)
COMPARISONS(f16, uint16_t) COMPARISONS(bf16, uint16_t)

/*===- Conversions ---------------------------------------------------------===*/

OP uint32_t cvt_f32_f16(uint16_t a) { return bits32(f16(a)); }
OP uint32_t cvt_f32_bf16(uint16_t a) { return (uint32_t)a << 16; }
OP uint16_t cvt_rn_f16_f32(uint32_t a) { return bits16(f32(a)); }
OP uint16_t cvt_rn_bf16_f32(uint32_t a) { return bitsbf16(f32(a)); }
/* The first goes to the upper half. */
OP uint32_t cvt_rn_f16x2_f32(uint32_t a, uint32_t b) { return (uint32_t)bits16(f32(a)) << 16 | bits16(f32(b)); }
OP uint32_t cvt_rn_bf16x2_f32(uint32_t a, uint32_t b) {
  return (uint32_t)bitsbf16(f32(a)) << 16 | bitsbf16(f32(b));
}
OP uint64_t cvt_f64_f32(uint32_t a) { return bits64((double)f32(a)); }
OP uint32_t cvt_rn_f32_f64(uint64_t a) { return bits32((float)f64(a)); }
OP uint32_t cvt_rmi_f32_f32(uint32_t a) { return bits32(floorf(f32(a))); }
OP uint32_t cvt_rpi_f32_f32(uint32_t a) { return bits32(ceilf(f32(a))); }
OP uint32_t cvt_rni_f32_f32(uint32_t a) { return bits32(rintf(f32(a))); }
OP uint32_t cvt_rzi_f32_f32(uint32_t a) { return bits32(truncf(f32(a))); }

/* To integers: the nearest there is, 0 for what is no number. */
#define SATURATE(t, T, lowest, highest)                                        \
  OP T saturate_##t(double x) {                                                \
    return x != x ? 0 : x <= (double)lowest ? lowest : x >= (double)highest ? highest : (T)x; \
  }
SATURATE(s32, int32_t, INT32_MIN, INT32_MAX)
SATURATE(u32, uint32_t, 0, UINT32_MAX)
SATURATE(s64, int64_t, INT64_MIN, INT64_MAX)
SATURATE(u64, uint64_t, 0, UINT64_MAX)
#define CVT_INTEGER(t, T, n)                                                   \
  OP uint##n##_t cvt_rzi_##t##_f32(uint32_t a) { return (uint##n##_t)saturate_##t(trunc((double)f32(a))); } \
  OP uint##n##_t cvt_rni_##t##_f32(uint32_t a) { return (uint##n##_t)saturate_##t(rint((double)f32(a))); } \
  OP uint##n##_t cvt_rmi_##t##_f32(uint32_t a) { return (uint##n##_t)saturate_##t(floor((double)f32(a))); } \
  OP uint##n##_t cvt_rzi_##t##_f64(uint64_t a) { return (uint##n##_t)saturate_##t(trunc(f64(a))); } \
  OP uint32_t cvt_rn_f32_##t(uint##n##_t a) { return bits32((float)(T)a); }    \
  OP uint64_t cvt_rn_f64_##t(uint##n##_t a) { return bits64((double)(T)a); }
CVT_INTEGER(s32, int32_t, 32) CVT_INTEGER(u32, uint32_t, 32)
CVT_INTEGER(s64, int64_t, 64) CVT_INTEGER(u64, uint64_t, 64)
OP uint32_t cvt_rn_f32_u16(uint16_t a) { return bits32((float)a); }
OP uint32_t cvt_rn_f32_s16(uint16_t a) { return bits32((float)(int16_t)a); }
OP uint32_t cvt_rn_f32_u8(uint16_t a) { return bits32((float)(uint8_t)a); }
OP uint32_t cvt_rn_f32_s8(uint16_t a) { return bits32((float)(int8_t)a); }

/* Several registers in one. */
OP uint32_t pack_b32(const uint16_t *v) { return (uint32_t)v[1] << 16 | v[0]; }
OP uint64_t pack_b64(const uint32_t *v) { return (uint64_t)v[1] << 32 | v[0]; }
OP void unpack_b32(uint16_t *v, uint32_t a) { v[0] = (uint16_t)a, v[1] = (uint16_t)(a >> 16); }
OP void unpack_b64(uint32_t *v, uint64_t a) { v[0] = (uint32_t)a, v[1] = (uint32_t)(a >> 32); }

#endif /* SSMC_EMULATOR_FLOATS_H */
