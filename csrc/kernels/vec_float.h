/* vec_float.h: the second half of vec.h: what floats need (fma, rounding, scaling), and shuffles. */
#ifndef NV_VEC_FLOAT_H
#define NV_VEC_FLOAT_H

#if defined(NV_ISA_AVX512)
NV_INLINE nv_vf nv_fma_f(nv_vf a, nv_vf b, nv_vf c) { return _mm512_fmadd_ps(a, b, c); }
NV_INLINE nv_vd nv_fma_d(nv_vd a, nv_vd b, nv_vd c) { return _mm512_fmadd_pd(a, b, c); }
NV_INLINE nv_vf nv_sqrt_f(nv_vf a) { return _mm512_sqrt_ps(a); }
NV_INLINE nv_vd nv_sqrt_d(nv_vd a) { return _mm512_sqrt_pd(a); }
NV_INLINE nv_vf nv_max_f(nv_vf a, nv_vf b) { return _mm512_max_ps(a, b); }
NV_INLINE nv_vd nv_max_d(nv_vd a, nv_vd b) { return _mm512_max_pd(a, b); }
NV_INLINE nv_vf nv_min_f(nv_vf a, nv_vf b) { return _mm512_min_ps(a, b); }
NV_INLINE nv_vd nv_min_d(nv_vd a, nv_vd b) { return _mm512_min_pd(a, b); }
#define NV_ROUNDING(name, mode)                                                                                        \
  NV_INLINE nv_vf nv_##name##_f(nv_vf a) { return _mm512_roundscale_ps(a, mode | _MM_FROUND_NO_EXC); }                 \
  NV_INLINE nv_vd nv_##name##_d(nv_vd a) { return _mm512_roundscale_pd(a, mode | _MM_FROUND_NO_EXC); }
NV_ROUNDING(round, _MM_FROUND_TO_NEAREST_INT)
NV_ROUNDING(floor, _MM_FROUND_TO_NEG_INF)
NV_ROUNDING(ceil, _MM_FROUND_TO_POS_INF)
NV_ROUNDING(trunc, _MM_FROUND_TO_ZERO)
NV_INLINE nv_vw nv_mul_even(nv_vu a, nv_vu b) { return (nv_vw)_mm512_mul_epu32((__m512i)a, (__m512i)b); }
NV_INLINE nv_vf nv_scale_f(nv_vf p, nv_vf k) { return _mm512_scalef_ps(p, k); }
NV_INLINE nv_vd nv_scale_d(nv_vd p, nv_vd k) { return _mm512_scalef_pd(p, k); }

#elif defined(NV_ISA_AVX2)
NV_INLINE nv_vf nv_fma_f(nv_vf a, nv_vf b, nv_vf c) { return _mm256_fmadd_ps(a, b, c); }
NV_INLINE nv_vd nv_fma_d(nv_vd a, nv_vd b, nv_vd c) { return _mm256_fmadd_pd(a, b, c); }
NV_INLINE nv_vf nv_sqrt_f(nv_vf a) { return _mm256_sqrt_ps(a); }
NV_INLINE nv_vd nv_sqrt_d(nv_vd a) { return _mm256_sqrt_pd(a); }
NV_INLINE nv_vf nv_max_f(nv_vf a, nv_vf b) { return _mm256_max_ps(a, b); }
NV_INLINE nv_vd nv_max_d(nv_vd a, nv_vd b) { return _mm256_max_pd(a, b); }
NV_INLINE nv_vf nv_min_f(nv_vf a, nv_vf b) { return _mm256_min_ps(a, b); }
NV_INLINE nv_vd nv_min_d(nv_vd a, nv_vd b) { return _mm256_min_pd(a, b); }
#define NV_ROUNDING(name, mode)                                                                                        \
  NV_INLINE nv_vf nv_##name##_f(nv_vf a) { return _mm256_round_ps(a, mode | _MM_FROUND_NO_EXC); }                      \
  NV_INLINE nv_vd nv_##name##_d(nv_vd a) { return _mm256_round_pd(a, mode | _MM_FROUND_NO_EXC); }
NV_ROUNDING(round, _MM_FROUND_TO_NEAREST_INT)
NV_ROUNDING(floor, _MM_FROUND_TO_NEG_INF)
NV_ROUNDING(ceil, _MM_FROUND_TO_POS_INF)
NV_ROUNDING(trunc, _MM_FROUND_TO_ZERO)
NV_INLINE nv_vw nv_mul_even(nv_vu a, nv_vu b) { return (nv_vw)_mm256_mul_epu32((__m256i)a, (__m256i)b); }

#elif defined(NV_ISA_NEON)
NV_INLINE nv_vf nv_fma_f(nv_vf a, nv_vf b, nv_vf c) {
  return (nv_vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
NV_INLINE nv_vd nv_fma_d(nv_vd a, nv_vd b, nv_vd c) {
  return (nv_vd)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
NV_INLINE nv_vf nv_sqrt_f(nv_vf a) { return (nv_vf)vsqrtq_f32((float32x4_t)a); }
NV_INLINE nv_vd nv_sqrt_d(nv_vd a) { return (nv_vd)vsqrtq_f64((float64x2_t)a); }
#define NV_ROUNDING(name, instr)                                                                                       \
  NV_INLINE nv_vf nv_##name##_f(nv_vf a) { return (nv_vf)instr##q_f32((float32x4_t)a); }                               \
  NV_INLINE nv_vd nv_##name##_d(nv_vd a) { return (nv_vd)instr##q_f64((float64x2_t)a); }
NV_ROUNDING(round, vrndn)
NV_ROUNDING(floor, vrndm)
NV_ROUNDING(ceil, vrndp)
NV_ROUNDING(trunc, vrnd)

#else
NV_INLINE nv_vf nv_fma_f(nv_vf a, nv_vf b, nv_vf c) { return a * b + c; }
NV_INLINE nv_vd nv_fma_d(nv_vd a, nv_vd b, nv_vd c) { return a * b + c; }
NV_INLINE nv_vf nv_sqrt_f(nv_vf a) { return (nv_vf){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])}; }
NV_INLINE nv_vd nv_sqrt_d(nv_vd a) { return (nv_vd){sqrt(a[0]), sqrt(a[1])}; }
/* |a| + 2^23 has no room for a fraction: adding and subtracting it rounds half to even. The sign is kept for zeros. */
#define NV_ROUNDING(t, it, big, sign)                                                                                  \
  NV_INLINE nv_v##t nv_round_##t(nv_v##t a) {                                                                          \
    nv_v##it s = (nv_v##it)a & nv_set_##it(sign);                                                                      \
    nv_v##t m = (nv_v##t)((nv_v##it)a ^ s), r = (m + big) - big;                                                       \
    return (nv_v##t)((nv_v##it)nv_sel_##t(m < big, r, m) | s);                                                         \
  }                                                                                                                    \
  NV_INLINE nv_v##t nv_signed_as_##t(nv_v##t r, nv_v##t a) {                                                           \
    return (nv_v##t)((nv_v##it)r | ((nv_v##it)a & nv_set_##it(sign)));                                                 \
  }                                                                                                                    \
  NV_INLINE nv_v##t nv_floor_##t(nv_v##t a) {                                                                          \
    nv_v##t r = nv_round_##t(a);                                                                                       \
    return nv_signed_as_##t(nv_sel_##t(r > a, r - 1, r), a);                                                           \
  }                                                                                                                    \
  NV_INLINE nv_v##t nv_ceil_##t(nv_v##t a) {                                                                           \
    nv_v##t r = nv_round_##t(a);                                                                                       \
    return nv_signed_as_##t(nv_sel_##t(r < a, r + 1, r), a);                                                           \
  }                                                                                                                    \
  NV_INLINE nv_v##t nv_trunc_##t(nv_v##t a) { return nv_sel_##t(a < 0, nv_ceil_##t(a), nv_floor_##t(a)); }
NV_ROUNDING(f, i, 0x1p23f, INT32_MIN)
NV_ROUNDING(d, l, 0x1p52, INT64_MIN)
#endif
#undef NV_ROUNDING

#if NV_VBYTES == 16 /* NEON's own min and max differ at NaN and signed zeros */
NV_INLINE nv_vf nv_max_f(nv_vf a, nv_vf b) { return nv_sel_f(a > b, a, b); }
NV_INLINE nv_vd nv_max_d(nv_vd a, nv_vd b) { return nv_sel_d(a > b, a, b); }
NV_INLINE nv_vf nv_min_f(nv_vf a, nv_vf b) { return nv_sel_f(a < b, a, b); }
NV_INLINE nv_vd nv_min_d(nv_vd a, nv_vd b) { return nv_sel_d(a < b, a, b); }
NV_INLINE nv_vw nv_mul_even(nv_vu a, nv_vu b) { return (nv_vw){(nv_sw)a[0] * b[0], (nv_sw)a[2] * b[2]}; }
#endif

/* Integral values of |a| < 2^51 as int64: the low bits of a + 1.5 * 2^52. (No instruction before AVX-512 does it.) */
NV_INLINE nv_vl nv_dtol(nv_vd a) { return (nv_vl)((nv_vw)(a + 0x1.8p52) - 0x4338000000000000u); }
NV_INLINE nv_vd nv_ltod(nv_vl a) { return (nv_vd)((nv_vw)a + 0x4338000000000000u) - 0x1.8p52; }
NV_INLINE nv_vi nv_ftoi(nv_vf a) { return __builtin_convertvector(a, nv_vi); }
NV_INLINE nv_vf nv_itof(nv_vi a) { return __builtin_convertvector(a, nv_vf); }

#if !defined(NV_ISA_AVX512)
/* 2^k as a product of two normal powers, halves of k, so that only the last multiplication rounds. */
NV_INLINE nv_vf nv_scale_f(nv_vf p, nv_vf k) {
  nv_vu e = (nv_vu)nv_ftoi(k) + 254, half = e >> 1;
  return p * (nv_vf)(half << 23) * (nv_vf)((e - half) << 23);
}
NV_INLINE nv_vd nv_scale_d(nv_vd p, nv_vd k) {
  nv_vw e = (nv_vw)nv_dtol(k) + 2046, half = e >> 1;
  return p * (nv_vd)(half << 52) * (nv_vd)((e - half) << 52);
}
#endif

#if defined(NV_ISA_PORTABLE) /* Dekker's product: split each factor in halves of 26 bits */
NV_INLINE nv_vd nv_mulerr_d(nv_vd a, nv_vd b, nv_vd ab) {
  nv_vd ta = a * 134217729.0, tb = b * 134217729.0;
  nv_vd ah = ta - (ta - a), bh = tb - (tb - b), al = a - ah, bl = b - bh;
  return ((ah * bh - ab) + ah * bl + al * bh) + al * bl;
}
#else
NV_INLINE nv_vd nv_mulerr_d(nv_vd a, nv_vd b, nv_vd ab) { return nv_fma_d(a, b, -ab); }
#endif

NV_INLINE nv_vf nv_abs_f(nv_vf a) { return (nv_vf)((nv_vi)a & nv_set_i(INT32_MAX)); }
NV_INLINE nv_vd nv_abs_d(nv_vd a) { return (nv_vd)((nv_vl)a & nv_set_l(INT64_MAX)); }
NV_INLINE nv_vf nv_copysign_f(nv_vf a, nv_vf s) {
  return (nv_vf)(((nv_vi)a & nv_set_i(INT32_MAX)) | ((nv_vi)s & nv_set_i(INT32_MIN)));
}
NV_INLINE nv_vd nv_copysign_d(nv_vd a, nv_vd s) {
  return (nv_vd)(((nv_vl)a & nv_set_l(INT64_MAX)) | ((nv_vl)s & nv_set_l(INT64_MIN)));
}
/* NumPy's maximum and minimum: NaN wins. */
NV_INLINE nv_vf nv_maximum_f(nv_vf a, nv_vf b) { return nv_sel_f(nv_ne_f(a, a), a, nv_max_f(a, b)); }
NV_INLINE nv_vd nv_maximum_d(nv_vd a, nv_vd b) { return nv_sel_d(nv_ne_d(a, a), a, nv_max_d(a, b)); }
NV_INLINE nv_vf nv_minimum_f(nv_vf a, nv_vf b) { return nv_sel_f(nv_ne_f(a, a), a, nv_min_f(a, b)); }
NV_INLINE nv_vd nv_minimum_d(nv_vd a, nv_vd b) { return nv_sel_d(nv_ne_d(a, a), a, nv_min_d(a, b)); }
NV_INLINE nv_vi nv_maximum_i(nv_vi a, nv_vi b) { return nv_sel_i(nv_lt_i(a, b), b, a); }
NV_INLINE nv_vl nv_maximum_l(nv_vl a, nv_vl b) { return nv_sel_l(nv_lt_l(a, b), b, a); }
NV_INLINE nv_vi nv_minimum_i(nv_vi a, nv_vi b) { return nv_sel_i(nv_lt_i(b, a), b, a); }
NV_INLINE nv_vl nv_minimum_l(nv_vl a, nv_vl b) { return nv_sel_l(nv_lt_l(b, a), b, a); }

/* ---- shuffles ---- */
#if defined(__clang__)
#define NV_SHUFFLE(v, index, ...) __builtin_shufflevector(v, v, __VA_ARGS__)
#define NV_SHUFFLE2(a, b, index, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define NV_SHUFFLE(v, index, ...) __builtin_shuffle(v, (index){__VA_ARGS__})
#define NV_SHUFFLE2(a, b, index, ...) __builtin_shuffle(a, b, (index){__VA_ARGS__})
#endif

/* Lane j becomes lane j + h of the lower 2h lanes (the rest is not looked at): one step of a fold. */
#if NV_VBYTES == 64
#define NV_UPPER4(t)                                                                                                   \
  NV_UPPER(t, u, 8, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)                                        \
  NV_UPPER(t, u, 4, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7)                                                    \
  NV_UPPER(t, u, 2, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3)                                                    \
  NV_UPPER(t, u, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
#define NV_UPPER8(t)                                                                                                   \
  NV_UPPER(t, w, 4, 4, 5, 6, 7, 4, 5, 6, 7)                                                                            \
  NV_UPPER(t, w, 2, 2, 3, 2, 3, 2, 3, 2, 3) NV_UPPER(t, w, 1, 1, 1, 1, 1, 1, 1, 1, 1)
#elif NV_VBYTES == 32
#define NV_UPPER4(t)                                                                                                   \
  NV_UPPER(t, u, 4, 4, 5, 6, 7, 4, 5, 6, 7)                                                                            \
  NV_UPPER(t, u, 2, 2, 3, 2, 3, 2, 3, 2, 3) NV_UPPER(t, u, 1, 1, 1, 1, 1, 1, 1, 1, 1)
#define NV_UPPER8(t) NV_UPPER(t, w, 2, 2, 3, 2, 3) NV_UPPER(t, w, 1, 1, 1, 1, 1)
#else
#define NV_UPPER4(t) NV_UPPER(t, u, 2, 2, 3, 2, 3) NV_UPPER(t, u, 1, 1, 1, 1, 1)
#define NV_UPPER8(t) NV_UPPER(t, w, 1, 1, 1)
#endif
#define NV_UPPER(t, index, h, ...)                                                                                     \
  NV_INLINE nv_v##t nv_upper##h##_##t(nv_v##t a) { return NV_SHUFFLE(a, nv_v##index, __VA_ARGS__); }
NV_UPPER4(f)
NV_UPPER4(i)
NV_UPPER4(u)
NV_UPPER8(d)
NV_UPPER8(l)
NV_UPPER8(w)
#undef NV_UPPER

/* Interleave the low or the high halves of each 16 bytes. */
#define NV_UNPACK_GROUP4(g, a, b) g + a, g + a + NV_W4, g + b, g + b + NV_W4
#define NV_UNPACK_GROUP8(g, a) g + a, g + a + NV_W8
#if NV_VBYTES == 64
#define NV_UNPACK4(a, b)                                                                                               \
  NV_UNPACK_GROUP4(0, a, b), NV_UNPACK_GROUP4(4, a, b), NV_UNPACK_GROUP4(8, a, b), NV_UNPACK_GROUP4(12, a, b)
#define NV_UNPACK8(a) NV_UNPACK_GROUP8(0, a), NV_UNPACK_GROUP8(2, a), NV_UNPACK_GROUP8(4, a), NV_UNPACK_GROUP8(6, a)
#elif NV_VBYTES == 32
#define NV_UNPACK4(a, b) NV_UNPACK_GROUP4(0, a, b), NV_UNPACK_GROUP4(4, a, b)
#define NV_UNPACK8(a) NV_UNPACK_GROUP8(0, a), NV_UNPACK_GROUP8(2, a)
#else
#define NV_UNPACK4(a, b) NV_UNPACK_GROUP4(0, a, b)
#define NV_UNPACK8(a) NV_UNPACK_GROUP8(0, a)
#endif
NV_INLINE nv_vu nv_unpacklo_u(nv_vu a, nv_vu b) { return NV_SHUFFLE2(a, b, nv_vu, NV_UNPACK4(0, 1)); }
NV_INLINE nv_vu nv_unpackhi_u(nv_vu a, nv_vu b) { return NV_SHUFFLE2(a, b, nv_vu, NV_UNPACK4(2, 3)); }
NV_INLINE nv_vw nv_unpacklo_w(nv_vw a, nv_vw b) { return NV_SHUFFLE2(a, b, nv_vw, NV_UNPACK8(0)); }
NV_INLINE nv_vw nv_unpackhi_w(nv_vw a, nv_vw b) { return NV_SHUFFLE2(a, b, nv_vw, NV_UNPACK8(1)); }
/* The odd u32 lanes interleaved with the even ones of two u64 vectors: lanes (2j, 2j + 1) = (even[2j], odd[2j]). */
NV_INLINE nv_vu nv_low_words(nv_vw even, nv_vw odd) { return (nv_vu)((even & 0xffffffffu) | (odd << 32)); }
NV_INLINE nv_vu nv_high_words(nv_vw even, nv_vw odd) {
  return (nv_vu)((even >> 32) | (odd & nv_set_w(0xffffffff00000000u)));
}

#endif
