/* vec.h: vectors of one register, the same names for each instruction set. Included by kernels/isa/ files only.
 *
 * Types by letter: f float32, d float64, i int32, l int64, u uint32, w uint64. nv_vf is a register of floats, NV_W4 its
 * lanes (NV_W8 those of 8 bytes). Arithmetic and bitwise operators are the compiler's (GNU vectors). nv_m4 and nv_m8
 * are masks for 4- and 8-byte lanes; & | ~ work on them (portable: on all others too). nv_fma_f     a * b + c in one
 * rounding (portable: two) nv_mulerr_d  the exact a * b - (a * b), on portable too nv_max_f     a > b ? a : b exactly:
 * b where either is NaN. nv_min_f likewise nv_scale_f   p * 2^k in one rounding, k integral, p near 1, any result from
 * 0 to inf nv_loadn_f   n < lanes items and zeros; never touches memory past them. nv_storen_f likewise */
#ifndef NV_VEC_H
#define NV_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(NV_ISA_AVX512)
#define NV_VBYTES 64
#include <immintrin.h>
#elif defined(NV_ISA_AVX2)
#define NV_VBYTES 32
#include <immintrin.h>
#elif defined(NV_ISA_NEON)
#define NV_VBYTES 16
#include <arm_neon.h>
#elif defined(NV_ISA_PORTABLE)
#define NV_VBYTES 16
#else
#error "define NV_ISA_AVX512, NV_ISA_AVX2, NV_ISA_NEON or NV_ISA_PORTABLE"
#endif
#define NV_W4 (NV_VBYTES / 4)
#define NV_W8 (NV_VBYTES / 8)
#define NV_INLINE static inline __attribute__((always_inline))

typedef float nv_sf;
typedef double nv_sd;
typedef int32_t nv_si;
typedef int64_t nv_sl;
typedef uint32_t nv_su;
typedef uint64_t nv_sw;
#if NV_VBYTES == 64
#define NV_LIST4(x) {x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}
#define NV_LIST8(x) {x, x, x, x, x, x, x, x}
#elif NV_VBYTES == 32
#define NV_LIST4(x) {x, x, x, x, x, x, x, x}
#define NV_LIST8(x) {x, x, x, x}
#else
#define NV_LIST4(x) {x, x, x, x}
#define NV_LIST8(x) {x, x}
#endif
#define NV_VEC_TYPE(t, bytes)                                                                                          \
  typedef nv_s##t nv_v##t __attribute__((vector_size(NV_VBYTES)));                                                     \
  typedef nv_s##t nv_u##t __attribute__((vector_size(NV_VBYTES), aligned(1), may_alias));                              \
  enum { NV_LANES_##t = NV_W##bytes };                                                                                 \
  NV_INLINE nv_v##t nv_load_##t(const void *p) { return *(const nv_u##t *)p; }                                         \
  NV_INLINE void nv_store_##t(void *p, nv_v##t v) { *(nv_u##t *)p = v; }                                               \
  NV_INLINE nv_v##t nv_set_##t(nv_s##t x) { return (nv_v##t)NV_LIST##bytes(x); }
NV_VEC_TYPE(f, 4)
NV_VEC_TYPE(d, 8)
NV_VEC_TYPE(i, 4)
NV_VEC_TYPE(l, 8)
NV_VEC_TYPE(u, 4)
NV_VEC_TYPE(w, 8)
#undef NV_VEC_TYPE

/* Loops over the registers of an accumulator must vanish into registers. */
#if defined(__clang__)
#define NV_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NV_UNROLL _Pragma("GCC unroll 32")
#endif

/* ---- masks ---- */
#if defined(NV_ISA_AVX512)
typedef __mmask16 nv_m4;
typedef __mmask8 nv_m8;
#define NV_CMP_INT(t, m, epi)                                                                                          \
  NV_INLINE m nv_eq_##t(nv_v##t a, nv_v##t b) { return _mm512_cmpeq_##epi##_mask((__m512i)a, (__m512i)b); }            \
  NV_INLINE m nv_ne_##t(nv_v##t a, nv_v##t b) { return _mm512_cmpneq_##epi##_mask((__m512i)a, (__m512i)b); }           \
  NV_INLINE m nv_lt_##t(nv_v##t a, nv_v##t b) { return _mm512_cmplt_##epi##_mask((__m512i)a, (__m512i)b); }            \
  NV_INLINE m nv_le_##t(nv_v##t a, nv_v##t b) { return _mm512_cmple_##epi##_mask((__m512i)a, (__m512i)b); }
#define NV_CMP_FLOAT(t, m, ps)                                                                                         \
  NV_INLINE m nv_eq_##t(nv_v##t a, nv_v##t b) { return _mm512_cmp_##ps##_mask(a, b, _CMP_EQ_OQ); }                     \
  NV_INLINE m nv_ne_##t(nv_v##t a, nv_v##t b) { return _mm512_cmp_##ps##_mask(a, b, _CMP_NEQ_UQ); }                    \
  NV_INLINE m nv_lt_##t(nv_v##t a, nv_v##t b) { return _mm512_cmp_##ps##_mask(a, b, _CMP_LT_OQ); }                     \
  NV_INLINE m nv_le_##t(nv_v##t a, nv_v##t b) { return _mm512_cmp_##ps##_mask(a, b, _CMP_LE_OQ); }
NV_CMP_FLOAT(f, nv_m4, ps)
NV_CMP_FLOAT(d, nv_m8, pd)
NV_CMP_INT(i, nv_m4, epi32)
NV_CMP_INT(l, nv_m8, epi64)
NV_INLINE nv_vi nv_sel_i(nv_m4 m, nv_vi a, nv_vi b) {
  return (nv_vi)_mm512_mask_blend_epi32(m, (__m512i)b, (__m512i)a);
}
NV_INLINE nv_vl nv_sel_l(nv_m8 m, nv_vl a, nv_vl b) {
  return (nv_vl)_mm512_mask_blend_epi64(m, (__m512i)b, (__m512i)a);
}
NV_INLINE nv_m4 nv_first_4(int64_t n) { return (nv_m4)((1u << n) - 1); }
NV_INLINE nv_m8 nv_first_8(int64_t n) { return (nv_m8)((1u << n) - 1); }
NV_INLINE unsigned nv_bits_4(nv_m4 m) { return m; }
NV_INLINE unsigned nv_bits_8(nv_m8 m) { return m; }
#else
typedef nv_vi nv_m4;
typedef nv_vl nv_m8;
#define NV_CMP(t, m)                                                                                                   \
  NV_INLINE m nv_eq_##t(nv_v##t a, nv_v##t b) { return (m)(a == b); }                                                  \
  NV_INLINE m nv_ne_##t(nv_v##t a, nv_v##t b) { return (m)(a != b); }                                                  \
  NV_INLINE m nv_lt_##t(nv_v##t a, nv_v##t b) { return (m)(a < b); }                                                   \
  NV_INLINE m nv_le_##t(nv_v##t a, nv_v##t b) { return (m)(a <= b); }
NV_CMP(f, nv_m4)
NV_CMP(d, nv_m8)
NV_CMP(i, nv_m4)
NV_CMP(l, nv_m8)
#if defined(NV_ISA_AVX2)
NV_INLINE nv_vi nv_sel_i(nv_m4 m, nv_vi a, nv_vi b) { return (nv_vi)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)m); }
NV_INLINE nv_vl nv_sel_l(nv_m8 m, nv_vl a, nv_vl b) {
  return (nv_vl)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)m);
}
static const int32_t nv_tail_4[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
static const int64_t nv_tail_8[8] = {-1, -1, -1, -1};
NV_INLINE nv_m4 nv_first_4(int64_t n) { return nv_load_i(nv_tail_4 + 8 - n); }
NV_INLINE nv_m8 nv_first_8(int64_t n) { return nv_load_l(nv_tail_8 + 4 - n); }
NV_INLINE unsigned nv_bits_4(nv_m4 m) { return (unsigned)_mm256_movemask_ps((__m256)m); }
NV_INLINE unsigned nv_bits_8(nv_m8 m) { return (unsigned)_mm256_movemask_pd((__m256d)m); }
#else
NV_INLINE nv_vi nv_sel_i(nv_m4 m, nv_vi a, nv_vi b) { return (m & a) | (~m & b); }
NV_INLINE nv_vl nv_sel_l(nv_m8 m, nv_vl a, nv_vl b) { return (m & a) | (~m & b); }
NV_INLINE nv_m4 nv_first_4(int64_t n) { return (nv_vi){0, 1, 2, 3} < (nv_si)n; }
NV_INLINE nv_m8 nv_first_8(int64_t n) { return (nv_vl){0, 1} < n; }
NV_INLINE unsigned nv_bits_4(nv_m4 m) {
  m &= (nv_vi){1, 2, 4, 8};
  return (unsigned)((m[0] | m[1]) | (m[2] | m[3]));
}
NV_INLINE unsigned nv_bits_8(nv_m8 m) { return (unsigned)((m[0] & 1) | (m[1] & 2)); }
#endif
#endif
/* m ? a : b */
NV_INLINE nv_vf nv_sel_f(nv_m4 m, nv_vf a, nv_vf b) { return (nv_vf)nv_sel_i(m, (nv_vi)a, (nv_vi)b); }
NV_INLINE nv_vd nv_sel_d(nv_m8 m, nv_vd a, nv_vd b) { return (nv_vd)nv_sel_l(m, (nv_vl)a, (nv_vl)b); }
NV_INLINE nv_vu nv_sel_u(nv_m4 m, nv_vu a, nv_vu b) { return (nv_vu)nv_sel_i(m, (nv_vi)a, (nv_vi)b); }
NV_INLINE nv_vw nv_sel_w(nv_m8 m, nv_vw a, nv_vw b) { return (nv_vw)nv_sel_l(m, (nv_vl)a, (nv_vl)b); }

/* ---- tails ---- */
#if defined(NV_ISA_AVX512)
NV_INLINE nv_vi nv_loadn_i(const void *p, int64_t n) { return (nv_vi)_mm512_maskz_loadu_epi32(nv_first_4(n), p); }
NV_INLINE nv_vl nv_loadn_l(const void *p, int64_t n) { return (nv_vl)_mm512_maskz_loadu_epi64(nv_first_8(n), p); }
NV_INLINE void nv_storen_i(void *p, int64_t n, nv_vi v) { _mm512_mask_storeu_epi32(p, nv_first_4(n), (__m512i)v); }
NV_INLINE void nv_storen_l(void *p, int64_t n, nv_vl v) { _mm512_mask_storeu_epi64(p, nv_first_8(n), (__m512i)v); }
#elif defined(NV_ISA_AVX2)
NV_INLINE nv_vi nv_loadn_i(const void *p, int64_t n) { return (nv_vi)_mm256_maskload_epi32(p, (__m256i)nv_first_4(n)); }
NV_INLINE nv_vl nv_loadn_l(const void *p, int64_t n) { return (nv_vl)_mm256_maskload_epi64(p, (__m256i)nv_first_8(n)); }
/* In powers of two: masked stores are slow on some CPUs. */
NV_INLINE void nv_storen_i(void *p, int64_t n, nv_vi v) {
  if (n == NV_W4) {
    nv_store_i(p, v);
    return;
  }
  nv_si *x = p;
  __m128i low = _mm256_castsi256_si128((__m256i)v);
  if (n & 4) _mm_storeu_si128((void *)x, low), x += 4, low = _mm256_extracti128_si256((__m256i)v, 1);
  if (n & 2) _mm_storel_epi64((void *)x, low), x += 2, low = _mm_unpackhi_epi64(low, low);
  if (n & 1) _mm_storeu_si32(x, low);
}
NV_INLINE void nv_storen_l(void *p, int64_t n, nv_vl v) {
  if (n == NV_W8) {
    nv_store_l(p, v);
    return;
  }
  nv_sl *x = p;
  __m128i low = _mm256_castsi256_si128((__m256i)v);
  if (n & 2) _mm_storeu_si128((void *)x, low), x += 2, low = _mm256_extracti128_si256((__m256i)v, 1);
  if (n & 1) _mm_storel_epi64((void *)x, low);
}
#else /* 16-byte registers: by way of memory, word by word */
#define NV_TAIL16(t)                                                                                                   \
  typedef nv_s##t nv_alias_##t __attribute__((aligned(1), may_alias));                                                 \
  NV_INLINE nv_v##t nv_loadn_##t(const void *p, int64_t n) {                                                           \
    nv_s##t x[NV_LANES_##t] = {0};                                                                                     \
    for (int64_t k = 0; k < n; k++) x[k] = ((const nv_alias_##t *)p)[k];                                               \
    return nv_load_##t(x);                                                                                             \
  }                                                                                                                    \
  NV_INLINE void nv_storen_##t(void *p, int64_t n, nv_v##t v) {                                                        \
    nv_s##t x[NV_LANES_##t];                                                                                           \
    nv_store_##t(x, v);                                                                                                \
    for (int64_t k = 0; k < n; k++) ((nv_alias_##t *)p)[k] = x[k];                                                     \
  }
NV_TAIL16(i)
NV_TAIL16(l)
#undef NV_TAIL16
#endif
#define NV_TAILS(t, base)                                                                                              \
  NV_INLINE nv_v##t nv_loadn_##t(const void *p, int64_t n) { return (nv_v##t)nv_loadn_##base(p, n); }                  \
  NV_INLINE void nv_storen_##t(void *p, int64_t n, nv_v##t v) { nv_storen_##base(p, n, (nv_v##base)v); }
NV_TAILS(f, i)
NV_TAILS(u, i)
NV_TAILS(d, l)
NV_TAILS(w, l)
#undef NV_TAILS

/* ---- masks as bytes of 0 and 1: n lanes, n <= all ---- */
#if defined(NV_ISA_AVX512)
NV_INLINE void nv_putmask_4(uint8_t *p, int64_t n, nv_m4 m) {
  _mm_mask_storeu_epi8(p, nv_first_4(n), _mm_maskz_set1_epi8(m, 1));
}
NV_INLINE void nv_putmask_8(uint8_t *p, int64_t n, nv_m8 m) {
  _mm_mask_storeu_epi8(p, nv_first_8(n), _mm_maskz_set1_epi8(m, 1));
}
NV_INLINE nv_m4 nv_getmask_4(const uint8_t *p, int64_t n) {
  __m128i v = _mm_maskz_loadu_epi8(nv_first_4(n), p);
  return _mm_test_epi8_mask(v, v);
}
NV_INLINE nv_m8 nv_getmask_8(const uint8_t *p, int64_t n) {
  __m128i v = _mm_maskz_loadu_epi8(nv_first_8(n), p);
  return (nv_m8)_mm_test_epi8_mask(v, v);
}
#else
typedef uint64_t nv_alias_8 __attribute__((aligned(1), may_alias));
typedef uint32_t nv_alias_4 __attribute__((aligned(1), may_alias));
typedef uint16_t nv_alias_2 __attribute__((aligned(1), may_alias));
/* Little-endian words of up to 8 bytes. The branches on whole registers fold away where n is a constant. */
NV_INLINE uint64_t nv_getbytes(const uint8_t *p, int64_t n) {
  if (n == 8) return *(const nv_alias_8 *)p;
  uint64_t v = 0;
  int64_t k = n;
  if (k & 1) v = p[--k];
  if (k & 2) k -= 2, v = v << 16 | *(const nv_alias_2 *)(p + k);
  if (k & 4) k -= 4, v = v << 32 | *(const nv_alias_4 *)(p + k);
  return v;
}
NV_INLINE void nv_putbytes(uint8_t *p, int64_t n, uint64_t v) {
  if (n == 8) {
    *(nv_alias_8 *)p = v;
    return;
  }
  if (n & 4) *(nv_alias_4 *)p = (uint32_t)v, p += 4, v >>= 32;
  if (n & 2) *(nv_alias_2 *)p = (uint16_t)v, p += 2, v >>= 16;
  if (n & 1) *p = (uint8_t)v;
}
#if defined(NV_ISA_AVX2)
NV_INLINE void nv_putmask_4(uint8_t *p, int64_t n, nv_m4 m) {
  __m128i h = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)m), _mm256_extracti128_si256((__m256i)m, 1));
  nv_putbytes(p, n, (uint64_t)_mm_cvtsi128_si64(_mm_packs_epi16(h, h)) & 0x0101010101010101u);
}
NV_INLINE void nv_putmask_8(uint8_t *p, int64_t n, nv_m8 m) {
  __m128i h = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)m), _mm256_extracti128_si256((__m256i)m, 1));
  h = _mm_packs_epi32(h, h);
  nv_putbytes(p, n, (uint64_t)_mm_cvtsi128_si64(_mm_packs_epi16(h, h)) & 0x01010101u);
}
NV_INLINE nv_m4 nv_getmask_4(const uint8_t *p, int64_t n) {
  return (nv_vi)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)nv_getbytes(p, n))) != 0;
}
NV_INLINE nv_m8 nv_getmask_8(const uint8_t *p, int64_t n) {
  return (nv_vl)_mm256_cvtepu8_epi64(_mm_cvtsi64_si128((int64_t)nv_getbytes(p, n))) != 0;
}
#else
NV_INLINE void nv_putmask_4(uint8_t *p, int64_t n, nv_m4 m) {
  m &= (nv_vi){1, 1 << 8, 1 << 16, 1 << 24};
  nv_putbytes(p, n, (uint32_t)((m[0] | m[1]) | (m[2] | m[3])));
}
NV_INLINE void nv_putmask_8(uint8_t *p, int64_t n, nv_m8 m) {
  m &= (nv_vl){1, 1 << 8};
  nv_putbytes(p, n, (uint64_t)(m[0] | m[1]));
}
NV_INLINE nv_m4 nv_getmask_4(const uint8_t *p, int64_t n) {
  nv_si v = (nv_si)nv_getbytes(p, n);
  return (((nv_vi){0} + v) & (nv_vi){0xff, 0xff << 8, 0xff << 16, ~0xffffff}) != 0;
}
NV_INLINE nv_m8 nv_getmask_8(const uint8_t *p, int64_t n) {
  nv_sl v = (nv_sl)nv_getbytes(p, n);
  return (((nv_vl){0} + v) & (nv_vl){0xff, 0xff << 8}) != 0;
}
#endif
#endif

#include "kernels/vec_float.h"

#endif
